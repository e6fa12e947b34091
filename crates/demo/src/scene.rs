//! What the demo plays: three webhooks and four events, as NetBox would have them.

use prost_types::{Duration, Timestamp};
use tenterhook_proto::tenterhook::v1::{
    BackoffSchedule, Event, EventRule, JsonDocument, RequestTemplate, RetryPolicy, SignatureScheme, SigningPolicy,
    Snapshots, Webhook, json_document, retry_policy,
};

/// Path and name of the Slack webhook.
pub(super) const SLACK: (&str, &str) = ("/slack", "Slack");
/// Path and name of the webhook that takes the default body, signed.
pub(super) const INVENTORY: (&str, &str) = ("/inventory", "Inventory");
/// Path and name of the webhook whose receiver fails at first.
pub(super) const ON_CALL: (&str, &str) = ("/on-call", "On-call");
/// Attempts of each delivery that the receiver of the on-call webhook refuses before it takes one.
pub(super) const REFUSALS: u32 = 2;
/// Deliveries that the events make: two, four and one.
pub(super) const DELIVERIES: usize = 7;

/// The body template of the NetBox documentation ("Webhooks", example for Slack).
pub(super) const SLACK_BODY: &str = r#"{"text": "IP address {{ data['address'] }} was created by {{ username }}!"}"#;
/// A NetBox condition set: only what is active.
pub(super) const ACTIVE: &str = r#"{"and": [{"attr": "status.value", "value": "active"}]}"#;
const ON_CALL_BODY: &str = r#"{"summary": "{{ model }} {{ data.name }} went {{ snapshots.prechange.status }} -> {{ snapshots.postchange.status }}", "by": {{ username | tojson }}}"#;

fn webhook((path, name): (&str, &str), receiver: &str, body: &str) -> Webhook {
    let request = RequestTemplate {
        url: format!("http://{receiver}{path}"),
        body: body.to_owned(),
        ..RequestTemplate::default()
    };
    Webhook { display_name: name.to_owned(), request: Some(request), ..Webhook::default() }
}

fn json(text: &str) -> Option<JsonDocument> {
    Some(JsonDocument { value: Some(json_document::Value::Json(text.to_owned())) })
}

/// The Slack webhook of the NetBox documentation: new IP addresses become messages.
pub(super) fn slack(receiver: &str) -> Webhook {
    let rule = EventRule {
        event_types: vec!["created".to_owned()],
        object_types: vec!["ipam.ipaddress".to_owned()],
        ..EventRule::default()
    };
    Webhook { rules: vec![rule], ..webhook(SLACK, receiver, SLACK_BODY) }
}

/// A webhook for everything with the default body, signed in two schemes; the server makes the secret.
pub(super) fn inventory(receiver: &str) -> Webhook {
    let schemes = vec![SignatureScheme::Netbox.into(), SignatureScheme::StandardWebhooks.into()];
    Webhook { signing: Some(SigningPolicy { schemes, ..Default::default() }), ..webhook(INVENTORY, receiver, "") }
}

/// A webhook for active sites whose receiver fails at first; it is retried every second.
pub(super) fn on_call(receiver: &str) -> Webhook {
    let rule =
        EventRule { object_types: vec!["dcim.site".to_owned()], conditions: json(ACTIVE), ..EventRule::default() };
    let schedule = BackoffSchedule { waits: vec![Duration { seconds: 1, nanos: 0 }] };
    let retry = RetryPolicy {
        backoff: Some(retry_policy::Backoff::Schedule(schedule)),
        jitter: Some(0.0),
        ..RetryPolicy::default()
    };
    Webhook { rules: vec![rule], retry: Some(retry), ..webhook(ON_CALL, receiver, ON_CALL_BODY) }
}

/// An event without data.
fn event(now: Timestamp, id: &str, kind: &str, object: &str, username: &str) -> Event {
    Event {
        id: id.to_owned(),
        r#type: kind.to_owned(),
        object_type: object.to_owned(),
        username: username.to_owned(),
        occur_time: Some(now),
        request_id: "17af32f0-852a-46ca-a7d4-33ecd0c13de6".to_owned(),
        ..Event::default()
    }
}

/// The events, in the order in which they are published.
pub(super) fn events(now: Timestamp) -> Vec<Event> {
    let event = |id: &str, kind: &str, object: &str, username: &str| event(now, id, kind, object, username);
    vec![
        Event {
            data: json(
                r#"{"id": 10, "address": "192.0.2.10/24", "status": {"value": "active", "label": "Active"}, "dns_name": "edge1.example.com"}"#,
            ),
            snapshots: Some(Snapshots {
                prechange: None,
                postchange: json(r#"{"address": "192.0.2.10/24", "status": "active"}"#),
            }),
            ..event("ip-10-created", "created", "ipam.ipaddress", "jstretch")
        },
        Event {
            data: json(
                r#"{"id": 5, "name": "Zürich 2", "slug": "zurich-2", "status": {"value": "active", "label": "Active"}, "latitude": 47.3769}"#,
            ),
            snapshots: Some(Snapshots {
                prechange: json(r#"{"status": "planned"}"#),
                postchange: json(r#"{"status": "active"}"#),
            }),
            ..event("site-5-updated", "updated", "dcim.site", "mwalker")
        },
        Event {
            data: json(
                r#"{"id": 11, "address": "2001:db8::10/64", "status": {"value": "reserved", "label": "Reserved"}}"#,
            ),
            ..event("ip-11-created", "created", "ipam.ipaddress", "automation")
        },
        Event {
            data: json(
                r#"{"id": 77, "name": "edge-sw-07", "status": {"value": "decommissioning", "label": "Decommissioning"}}"#,
            ),
            snapshots: Some(Snapshots { prechange: json(r#"{"name": "edge-sw-07"}"#), postchange: None }),
            ..event("device-77-deleted", "deleted", "dcim.device", "jstretch")
        },
    ]
}

/// Event `number` of those that follow when the demo is kept: a new address, a site that goes into service and a
/// device that is removed, in turn.
pub(super) fn later(number: u64, now: Timestamp) -> Event {
    let (host, rack) = (number / 3 % 250 + 1, number / 3 % 40 + 1);
    match number % 3 {
        0 => Event {
            data: json(&format!(
                r#"{{"id": {number}, "address": "198.51.100.{host}/24", "status": {{"value": "active", "label": "Active"}}, "dns_name": "host{host}.example.com"}}"#
            )),
            ..event(now, &format!("later-{number}"), "created", "ipam.ipaddress", "automation")
        },
        1 => Event {
            data: json(&format!(
                r#"{{"id": {number}, "name": "Edge {host}", "slug": "edge-{host}", "status": {{"value": "active", "label": "Active"}}}}"#
            )),
            snapshots: Some(Snapshots {
                prechange: json(r#"{"status": "planned"}"#),
                postchange: json(r#"{"status": "active"}"#),
            }),
            ..event(now, &format!("later-{number}"), "updated", "dcim.site", "mwalker")
        },
        _ => Event {
            data: json(&format!(
                r#"{{"id": {number}, "name": "rack{rack}-sw", "status": {{"value": "offline", "label": "Offline"}}}}"#
            )),
            snapshots: Some(Snapshots {
                prechange: json(&format!(r#"{{"name": "rack{rack}-sw"}}"#)),
                postchange: None,
            }),
            ..event(now, &format!("later-{number}"), "deleted", "dcim.device", "jstretch")
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_are_legal_and_unique() {
        let events = events(Timestamp::default());
        let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.id.clone()).collect();
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|id| id.parse::<tenterhook_model::EventId>().is_ok()));
    }

    #[test]
    fn every_json_of_the_scene_is_well_formed() {
        for event in events(Timestamp::default()).into_iter().chain((0..3).map(|n| later(n, Timestamp::default()))) {
            let Some(json_document::Value::Json(text)) = event.data.and_then(|data| data.value) else {
                panic!("no data")
            };
            assert!(tenterhook_model::JsonText::parse(&text).is_ok(), "{text}");
        }
        assert!(tenterhook_model::JsonText::parse(ACTIVE).is_ok());
    }

    #[test]
    fn the_events_make_as_many_deliveries_as_the_demo_waits_for() {
        let webhooks = [slack("127.0.0.1:1"), inventory("127.0.0.1:1"), on_call("127.0.0.1:1")];
        let active = |event: &Event| {
            let Some(json_document::Value::Json(text)) = event.data.as_ref().and_then(|data| data.value.as_ref())
            else {
                return false;
            };
            text.contains(r#""value": "active""#)
        };
        let matches = |webhook: &Webhook, event: &Event| {
            webhook.rules.is_empty()
                || webhook.rules.iter().any(|rule| {
                    let is_of = |list: &[String], one: &String| list.is_empty() || list.contains(one);
                    let fits = is_of(&rule.event_types, &event.r#type) && is_of(&rule.object_types, &event.object_type);
                    fits && (rule.conditions.is_none() || active(event))
                })
        };
        let events = events(Timestamp::default());
        let made: Vec<usize> =
            webhooks.iter().map(|webhook| events.iter().filter(|event| matches(webhook, event)).count()).collect();
        assert_eq!((made.clone(), made.iter().sum::<usize>()), (vec![2, 4, 1], DELIVERIES));
    }

    #[test]
    fn later_events_come_in_turn_and_each_has_its_own_id() {
        let later: Vec<Event> = (0..750).map(|number| later(number, Timestamp::default())).collect();
        let kinds: Vec<&str> = later[..4].iter().map(|event| event.object_type.as_str()).collect();
        assert_eq!(kinds, ["ipam.ipaddress", "dcim.site", "dcim.device", "ipam.ipaddress"]);
        let ids: std::collections::BTreeSet<&str> = later.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids.len(), later.len());
        for event in &later {
            let Some(json_document::Value::Json(text)) = event.data.as_ref().and_then(|data| data.value.as_ref())
            else {
                panic!("no data")
            };
            assert!(
                !text.contains("198.51.100.0/") && !text.contains("198.51.100.255/"),
                "{text} is a host of its network"
            );
        }
    }

    #[test]
    fn receivers_are_told_apart_by_their_paths() {
        let url = |webhook: Webhook| webhook.request.unwrap().url;
        let urls = [slack("h:1"), inventory("h:1"), on_call("h:1")].map(url);
        assert_eq!(urls, ["http://h:1/slack", "http://h:1/inventory", "http://h:1/on-call"]);
        assert!(inventory("h:1").request.unwrap().body.is_empty(), "it takes the default body");
        assert!(slack("h:1").signing.is_none() && inventory("h:1").signing.is_some());
    }
}
