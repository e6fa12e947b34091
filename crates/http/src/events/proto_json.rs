//! Events in ProtoJSON: the form that grpcurl and every library of protobuf write.
//!
//! One thing is better than ProtoJSON asks for: a `structured` document keeps its text byte for
//! byte, since no double stands between here and the store.

use serde_json::value::RawValue;
use tenterhook_model::Fault;
use tenterhook_proto::tenterhook::v1::{self, json_document};

use super::fields::{Faults, Members, items, parse, short};

/// One event, or several of one batch.
#[derive(Debug, PartialEq)]
pub(super) enum Body {
    /// An object.
    One(Box<v1::Event>),
    /// A list.
    Batch(Vec<v1::Event>),
}

/// The event or the list of events that `bytes` spell.
///
/// # Errors
/// Everything that is not as ProtoJSON has it.
pub(super) fn read(bytes: &[u8]) -> Result<Body, Vec<Fault>> {
    let is_list = bytes.trim_ascii_start().starts_with(b"[");
    let value = parse(if is_list { "events" } else { "event" }, bytes)?;
    let mut faults = Faults::default();
    if !is_list {
        let event = event(&mut faults, "event", value);
        return faults.finish(Body::One(Box::new(event)));
    }
    let events = items("events", value)?;
    let events = events.iter().enumerate();
    let events = events.map(|(index, item)| event(&mut faults, &format!("events[{index}]"), item)).collect();
    faults.finish(Body::Batch(events))
}

/// The event at `place`.
fn event(faults: &mut Faults, place: &str, value: &RawValue) -> v1::Event {
    let mut event = v1::Event::default();
    for (name, value) in faults.members(place, value) {
        let field = |name: &str| format!("{place}.{name}");
        match name.as_str() {
            "id" => event.id = faults.text(&field("id"), value),
            "namespace" => event.namespace = faults.text(&field("namespace"), value),
            "type" => event.r#type = faults.text(&field("type"), value),
            "object_type" | "objectType" => event.object_type = faults.text(&field("object_type"), value),
            "occur_time" | "occurTime" => event.occur_time = time(faults, &field("occur_time"), value),
            "username" => event.username = faults.text(&field("username"), value),
            "request_id" | "requestId" => event.request_id = faults.text(&field("request_id"), value),
            "data" => event.data = Some(document(faults, &field("data"), value)),
            "snapshots" => event.snapshots = Some(snapshots(faults, &field("snapshots"), value)),
            "attributes" => {
                let place = field("attributes");
                for (name, value) in faults.members(&place, value) {
                    let value = faults.text(&place, value);
                    event.attributes.insert(name, value);
                }
            }
            "ordering_key" | "orderingKey" => event.ordering_key = faults.text(&field("ordering_key"), value),
            "deliver_after" | "deliverAfter" => event.deliver_after = time(faults, &field("deliver_after"), value),
            "expire_time" | "expireTime" => event.expire_time = time(faults, &field("expire_time"), value),
            // Output only: ignored as it is over gRPC.
            "publish_time" | "publishTime" => {}
            other => faults.refuse(place, format!("has no field `{}`", short(other))),
        }
    }
    event
}

fn time(faults: &mut Faults, place: &str, value: &RawValue) -> Option<prost_types::Timestamp> {
    let text: Result<String, _> = serde_json::from_str(value.get());
    faults.time(place, &text.unwrap_or_default())
}

fn snapshots(faults: &mut Faults, place: &str, value: &RawValue) -> v1::Snapshots {
    let mut snapshots = v1::Snapshots::default();
    for (name, value) in faults.members(place, value) {
        let field = format!("{place}.{name}");
        match name.as_str() {
            "prechange" => snapshots.prechange = Some(document(faults, &field, value)),
            "postchange" => snapshots.postchange = Some(document(faults, &field, value)),
            other => faults.refuse(place, format!("has no field `{}`", short(other))),
        }
    }
    snapshots
}

fn document(faults: &mut Faults, place: &str, value: &RawValue) -> v1::JsonDocument {
    const ADVICE: &str = "must be {\"structured\": VALUE}, or {\"json\": \"TEXT\"} with the JSON as a text";
    // A null here is a value, not an absent one.
    let Ok(Members { first: members, has_more: false }) = serde_json::from_str(value.get()) else {
        faults.refuse(place, ADVICE);
        return v1::JsonDocument::default();
    };
    let text = match &members[..] {
        [(name, value)] if name == "structured" => value.get().to_owned(),
        [(name, value)] if name == "json" => faults.text(&format!("{place}.json"), value),
        _ => {
            faults.refuse(place, ADVICE);
            return v1::JsonDocument::default();
        }
    };
    v1::JsonDocument { value: Some(json_document::Value::Json(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> v1::Event {
        match read(text.as_bytes()).unwrap() {
            Body::One(event) => *event,
            Body::Batch(_) => panic!("one event"),
        }
    }

    fn fields(text: &str) -> Vec<String> {
        read(text.as_bytes()).unwrap_err().into_iter().map(|fault| fault.field).collect()
    }

    fn json(text: &str) -> Option<v1::JsonDocument> {
        Some(v1::JsonDocument { value: Some(json_document::Value::Json(text.into())) })
    }

    #[test]
    fn every_field_is_read_under_both_of_its_names() {
        let snake = one(r#"{"id": "a", "namespace": "n", "type": "created", "object_type": "ipam.ipaddress",
            "occur_time": "2026-01-02T03:04:05Z", "username": "u", "request_id": "r", "data": {"json": "[1]"},
            "snapshots": {"prechange": {"structured": null}}, "attributes": {"k": "v"}, "ordering_key": "o",
            "deliver_after": "2026-01-02T03:04:05Z", "expire_time": "2026-01-02T03:04:06Z", "publish_time": "x"}"#);
        let camel = one(r#"{"id": "a", "namespace": "n", "type": "created", "objectType": "ipam.ipaddress",
            "occurTime": "2026-01-02T03:04:05Z", "username": "u", "requestId": "r", "data": {"json": "[1]"},
            "snapshots": {"prechange": {"structured": null}}, "attributes": {"k": "v"}, "orderingKey": "o",
            "deliverAfter": "2026-01-02T03:04:05Z", "expireTime": "2026-01-02T03:04:06Z", "publishTime": "x"}"#);
        assert_eq!(snake, camel);
        assert_eq!(snake.data, json("[1]"));
        assert_eq!(snake.snapshots.unwrap(), v1::Snapshots { prechange: json("null"), postchange: None });
        assert_eq!(snake.expire_time.unwrap().seconds - snake.deliver_after.unwrap().seconds, 1);
        assert_eq!((&*snake.object_type, &*snake.attributes["k"], snake.publish_time), ("ipam.ipaddress", "v", None));
    }

    #[test]
    fn data_keeps_its_text_byte_for_byte() {
        let spelt = "{ \"b\": 1E5,\r\n\t\"a\": 123456789012345678901234567890, \"é\": \"\\u00e9\" }";
        assert_eq!(one(&format!(r#"{{"data": {{"structured": {spelt}}}}}"#)).data, json(spelt));
        let quoted = serde_json::to_string(spelt).unwrap();
        assert_eq!(one(&format!(r#"{{"data": {{"json": {quoted}}}}}"#)).data, json(spelt));
    }

    #[test]
    fn what_is_null_is_unset() {
        assert_eq!(one(r#"{"id": null, "data": null, "occur_time": null, "snapshots": null}"#), v1::Event::default());
    }

    #[test]
    fn a_list_is_a_batch() {
        let Body::Batch(events) = read(b" [{\"id\": \"a\"}, {\"id\": \"b\"}]").unwrap() else { panic!("a batch") };
        assert_eq!(events.iter().map(|event| &*event.id).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read(b"[]").unwrap(), Body::Batch(Vec::new()));
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let all = r#"{"id": 1, "type": [], "occur_time": 5, "data": {"a": 1}, "snapshots": {"before": {}},
            "attributes": {"k": 1}, "colour": "red"}"#;
        let place = ["id", "type", "occur_time", "data", "snapshots", "attributes"].map(|name| format!("event.{name}"));
        assert_eq!(fields(all), [&place[..], &["event".to_owned()]].concat());
        assert_eq!(fields(r#"[{}, {"id": 1}, 7]"#), ["events[1].id", "events[2]"]);
        for (no_event, field) in [("7", "event"), ("\"x\"", "event"), ("{", "event"), ("[", "events"), ("", "event")] {
            assert_eq!(fields(no_event), [field], "{no_event}");
        }
    }
}
