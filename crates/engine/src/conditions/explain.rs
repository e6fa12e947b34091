//! Why a set does not hold, in words, for people who try out a webhook.

use serde_json::Value;

use super::evaluate::{Resolved, Subject};
use super::path::Found;
use super::{Condition, ConditionSet, Logic, Member, Test};

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 60;

impl ConditionSet {
    /// The first part that failed, with the value it saw, for a set that evaluates to false.
    pub(crate) fn explain(&self, subject: Subject<'_>) -> String {
        let failed = self.members.iter().find(|member| matches!(member.evaluate(subject), Ok(false)));
        let Some(failed) = failed else {
            return "no condition of an empty `or` can hold".to_owned();
        };
        let reason = failed.explain(subject);
        match self.logic {
            Logic::Or if self.members.len() > 1 => {
                format!("none of {} alternatives holds; of the first, {reason}", self.members.len())
            }
            Logic::And | Logic::Or => reason,
        }
    }
}

impl Member {
    fn explain(&self, subject: Subject<'_>) -> String {
        match self {
            Self::Set(set) => set.explain(subject),
            Self::Test(condition) => condition.explain(subject),
        }
    }
}

impl Condition {
    fn explain(&self, subject: Subject<'_>) -> String {
        let attr = &self.attr;
        let not = if self.negate { "" } else { "not " };
        let seen = match self.resolve(subject) {
            _ if matches!(self.test, Test::Changed | Test::Unchanged) => {
                return format!("`{attr}` is {not}{}", self.test.name());
            }
            Ok(Resolved::Value(found)) => show_found(&found),
            Ok(Resolved::NoData) => return format!("the event has no data to look for `{attr}` in"),
            Err(error) => return error.to_string(),
        };
        match self.wanted() {
            Some(wanted) => format!("`{attr}` is {seen}, which is {not}`{} {wanted}`", self.test.name()),
            None => format!("`{attr}` is {seen}"),
        }
    }

    fn wanted(&self) -> Option<String> {
        match &self.test {
            Test::Equal(value) | Test::Order(_, value) | Test::Contains(value) => Some(show(value)),
            Test::In(items) => Some(show(&Value::Array(items.clone()))),
            Test::Regex(regex) => Some(cut(&format!("{:?}", regex.source()))),
            Test::Changed | Test::Unchanged => None,
        }
    }
}

fn show_found(found: &Found<'_>) -> String {
    match found {
        Found::One(value) => show(value),
        Found::Each(items) => show(&Value::Array(items.iter().map(|item| (*item).clone()).collect())),
        Found::Absent => "null (the event does not have this snapshot)".to_owned(),
    }
}

fn show(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::parse;
    use serde_json::json;
    use tenterhook_pattern::RegexBudget;

    fn explain(conditions: Value, data: Value, snapshots: Option<Value>) -> String {
        let set = parse(&conditions, &mut RegexBudget::default()).unwrap();
        let subject = Subject { data: Some(&data), snapshots: snapshots.as_ref() };
        assert_eq!(set.evaluate(subject), Ok(false));
        set.explain(subject)
    }

    #[test]
    fn the_first_part_that_failed_is_told_with_the_value_it_saw() {
        let data = json!({"status": {"value": "staging"}, "tags": [{"slug": "a"}], "n": 5});
        let cases = [
            (
                json!({"and": [{"attr": "n", "value": 5}, {"attr": "status.value", "value": "active"}]}),
                r#"`status.value` is "staging", which is not `eq "active"`"#,
            ),
            (json!({"attr": "n", "op": "in", "value": [5], "negate": true}), "`n` is 5, which is `in [5]`"),
            (
                json!({"attr": "tags.slug", "op": "contains", "value": "b"}),
                r#"`tags.slug` is ["a"], which is not `contains "b"`"#,
            ),
            (
                json!({"attr": "status.value", "op": "regex", "value": "^act"}),
                r#"`status.value` is "staging", which is not `regex "^act"`"#,
            ),
            (
                json!({"or": [{"attr": "n", "value": 1}, {"attr": "n", "value": 2}]}),
                "none of 2 alternatives holds; of the first, `n` is 5, which is not `eq 1`",
            ),
            (json!({"or": []}), "no condition of an empty `or` can hold"),
        ];
        for (conditions, expected) in cases {
            assert_eq!(explain(conditions, data.clone(), None), expected);
        }
    }

    #[test]
    fn snapshots_and_missing_data_are_told_apart() {
        let snapshots = json!({"prechange": {"a": 1}, "postchange": {"a": 1}});
        let changed = json!({"attr": "a", "op": "changed"});
        assert_eq!(explain(changed, json!({}), Some(snapshots)), "`a` is not changed");
        let created = json!({"prechange": null, "postchange": {"a": 1}});
        let before = json!({"attr": "snapshots.prechange.a", "value": 1});
        assert_eq!(
            explain(before, json!({}), Some(created)),
            "`snapshots.prechange.a` is null (the event does not have this snapshot), which is not `eq 1`"
        );
        let any = json!({"attr": "a", "value": 1});
        assert_eq!(explain(any, json!([1]), None), "the event has no data to look for `a` in");
    }

    #[test]
    fn long_values_are_cut() {
        let told = explain(json!({"attr": "a", "value": "b"}), json!({"a": "ü".repeat(500)}), None);
        assert!(told.chars().count() < 120, "{told}");
        assert!(told.contains('…'));
    }
}
