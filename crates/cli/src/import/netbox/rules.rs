//! NetBox's event rules, and the events that a webhook of NetBox up to 3.6 names itself, as rules here.

use tenterhook_client::v1::EventRule;

use super::source::is_rule;
use crate::import::object::Record;
use crate::input;

/// The flags of NetBox up to 4.0 and the event types of webhooks' bodies.
const FLAGS: [(&str, &str); 5] = [
    ("type_create", "created"),
    ("type_update", "updated"),
    ("type_delete", "deleted"),
    ("type_job_start", "job_started"),
    ("type_job_end", "job_ended"),
];
/// The ends of a job that NetBox 4.1 and later tell apart in rules, but not in what webhooks send.
const JOB_ENDS: [&str; 3] = ["job_completed", "job_failed", "job_errored"];

/// A rule, what differs, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Translated {
    pub(super) rule: EventRule,
    pub(super) notes: Vec<String>,
    pub(super) problems: Vec<String>,
}

/// The rule of `record`: an event rule, or a webhook of NetBox up to 3.6.
pub(super) fn translate(record: &Record) -> Translated {
    let mut done = Translated::default();
    let kinds = event_types(record, &mut done);
    let mut object_types = record.list("object_types");
    object_types.extend(record.list("content_types"));
    let is_rule = is_rule(record);
    let enabled = if is_rule { done.flag(record, "enabled", true) } else { true };
    let is_empty = kinds.is_empty() || object_types.is_empty();
    if is_empty {
        // Without types a rule matches everything here, and nothing there.
        done.notes.push("names no event types or no object types: its rule is off".to_owned());
    }
    let conditions = record.document("conditions").unwrap_or_else(|why| {
        done.problems.push(format!("conditions: {why}"));
        None
    });
    done.rule = EventRule {
        display_name: if is_rule { record.text("name").to_owned() } else { String::new() },
        event_types: kinds,
        object_types,
        conditions: conditions.map(|conditions| input::document(&conditions.to_string())),
        disabled: !enabled || is_empty,
        ..Default::default()
    };
    done
}

/// The event types as bodies have them, from whichever spelling the version uses.
fn event_types(record: &Record, done: &mut Translated) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for (flag, kind) in FLAGS {
        if done.flag(record, flag, false) {
            kinds.push(kind.to_owned());
        }
    }
    let listed = record.list("event_types");
    let ends = listed.iter().filter(|kind| JOB_ENDS.contains(&kind.as_str())).count();
    if ends > 0 && ends < JOB_ENDS.len() {
        let note = "NetBox sends `job_ended` however a job ended: events of jobs that ended otherwise match too";
        done.notes.push(note.to_owned());
    }
    for kind in listed {
        let kind = match kind.as_str() {
            "object_created" | "create" => "created",
            "object_updated" | "update" => "updated",
            "object_deleted" | "delete" => "deleted",
            "job_start" => "job_started",
            "job_end" | "job_completed" | "job_failed" | "job_errored" => "job_ended",
            other => other,
        };
        if !kinds.iter().any(|known| known == kind) {
            kinds.push(kind.to_owned());
        }
    }
    kinds
}

impl Translated {
    fn flag(&mut self, record: &Record, name: &str, default: bool) -> bool {
        record
            .flag(name)
            .unwrap_or_else(|why| {
                self.problems.push(format!("{name}: {why}"));
                None
            })
            .unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule(value: Value) -> Translated {
        translate(&Record::new("x#1".into(), value.as_object().unwrap().clone()))
    }

    #[test]
    fn every_spelling_of_an_event_is_the_one_of_the_body() {
        let of = |value: Value| rule(value).rule.event_types;
        let all = ["created", "updated", "deleted", "job_started", "job_ended"];
        assert_eq!(
            of(
                json!({"type_create": true, "type_update": "True", "type_delete": 1.to_string(), "type_job_start": true, "type_job_end": true})
            ),
            all
        );
        assert_eq!(
            of(
                json!({"event_types": ["object_created", "object_updated", "object_deleted", "job_started", "job_completed", "job_failed", "job_errored"]})
            ),
            all
        );
        assert_eq!(of(json!({"event_types": ["create", "update", "delete", "job_start", "job_end"]})), all);
        assert_eq!(of(json!({"event_types": "object_created,plugin_event"})), ["created", "plugin_event"]);
    }

    #[test]
    fn a_rule_without_types_is_off_for_it_would_match_everything() {
        for value in [json!({"type_create": true}), json!({"content_types": ["dcim.site"]}), json!({})] {
            let done = rule(value);
            assert!(done.rule.disabled && !done.notes.is_empty());
        }
        assert!(!rule(json!({"type_create": true, "content_types": ["dcim.site"]})).rule.disabled);
    }

    #[test]
    fn some_ends_of_a_job_are_all_ends_here_and_said() {
        let done = |kinds: &[&str]| rule(json!({"event_types": kinds, "object_types": ["core.job"]})).notes.len();
        assert_eq!((done(&["job_failed"]), done(&JOB_ENDS), done(&["object_created"])), (1, 0, 0));
    }

    #[test]
    fn conditions_and_the_switch_are_kept() {
        let done = rule(json!({"name": "r", "action_type": "webhook", "enabled": false, "conditions": "{\"a\": 1.10}",
            "event_types": ["object_created"], "object_types": ["dcim.site"]}));
        assert!(done.rule.disabled && done.rule.display_name == "r");
        assert_eq!(done.rule.conditions, Some(input::document("{\"a\":1.10}")));
        let done = rule(json!({"enabled": "maybe", "action_type": "webhook", "conditions": "{"}));
        assert_eq!(done.problems, ["enabled: must be true or false", "conditions: is not JSON"]);
    }
}
