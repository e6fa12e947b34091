//! Events between the wire and the model.

use tenterhook_model::{Event, EventId, Namespace, Snapshots, Timestamp, limits};
use tenterhook_proto::tenterhook::v1;

use super::json::{document, read_document};
use super::labels::check_labels;
use super::time::{read_timestamp, timestamp};
use crate::check::{Check, grouped};

/// What the server adds to an event that it takes in.
pub(crate) struct Arrival<'a> {
    /// The id for an event whose publisher chose none.
    pub(crate) fresh_id: &'a dyn Fn() -> EventId,
    /// The time of day.
    pub(crate) now: Timestamp,
    /// The caller's `traceparent`.
    pub(crate) trace_parent: Option<String>,
}

/// The event at this place of the message, unless `check` finds something wrong with it.
pub(crate) fn read_event(check: &mut Check, event: v1::Event, arrival: &Arrival<'_>) -> Option<Event> {
    let id = if event.id.is_empty() { Some((arrival.fresh_id)()) } else { check.parse("id", &event.id) };
    let namespace: Option<Namespace> = check.parse("namespace", &event.namespace);
    if event.r#type.is_empty() {
        check.refuse("type", "must not be empty; say what happened, such as `created`");
    }
    check.text("type", &event.r#type, limits::TYPE_CHARS);
    check.text("object_type", &event.object_type, limits::TYPE_CHARS);
    let occur_time = read_timestamp(check, "occur_time", event.occur_time);
    check.text("username", &event.username, limits::EVENT_TEXT_CHARS);
    check.text("request_id", &event.request_id, limits::EVENT_TEXT_CHARS);
    let data = read_document(check, "data", event.data, limits::EVENT_BYTES);
    let snapshots = event.snapshots.map(|snapshots| read_snapshots(check, snapshots));
    let request = read_document(check, "request", event.request, limits::EVENT_BYTES);
    let context = read_document(check, "context", event.context, limits::EVENT_BYTES);
    check_labels(check, "attributes", &event.attributes);
    check.text("ordering_key", &event.ordering_key, limits::EVENT_TEXT_CHARS);
    let deliver_after = read_timestamp(check, "deliver_after", event.deliver_after);
    let expire_time = read_timestamp(check, "expire_time", event.expire_time);
    if let (Some(after), Some(expire)) = (deliver_after, expire_time)
        && expire <= after
    {
        check.refuse("expire_time", "must be after `deliver_after`; else nothing would ever be sent");
    }
    let event = Event {
        id: id?,
        namespace: namespace?,
        event_type: event.r#type.into(),
        object_type: event.object_type,
        occur_time,
        username: event.username,
        request_id: event.request_id,
        data,
        snapshots,
        request,
        context,
        attributes: event.attributes,
        ordering_key: event.ordering_key,
        deliver_after,
        expire_time,
        publish_time: arrival.now,
        trace_parent: arrival.trace_parent.clone(),
    };
    if event.size() > limits::EVENT_BYTES {
        let (has, limit) = (grouped(event.size()), grouped(limits::EVENT_BYTES));
        check.refuse_here(format!("must have at most {limit} bytes in all, not {has}"));
    }
    Some(event)
}

fn read_snapshots(check: &mut Check, snapshots: v1::Snapshots) -> Snapshots {
    check.within("snapshots", |check| {
        let mut side = |name, document| read_document(check, name, document, limits::EVENT_BYTES);
        Snapshots {
            prechange: side("prechange", snapshots.prechange),
            postchange: side("postchange", snapshots.postchange),
        }
    })
}

/// The event on the wire.
pub(crate) fn write_event(event: &Event) -> v1::Event {
    let snapshots = event.snapshots.as_ref().map(|snapshots| v1::Snapshots {
        prechange: snapshots.prechange.as_ref().map(document),
        postchange: snapshots.postchange.as_ref().map(document),
    });
    v1::Event {
        id: event.id.to_string(),
        namespace: event.namespace.to_string(),
        r#type: event.event_type.to_string(),
        object_type: event.object_type.clone(),
        occur_time: event.occur_time.map(timestamp),
        username: event.username.clone(),
        request_id: event.request_id.clone(),
        data: event.data.as_ref().map(document),
        snapshots,
        attributes: event.attributes.clone(),
        ordering_key: event.ordering_key.clone(),
        deliver_after: event.deliver_after.map(timestamp),
        expire_time: event.expire_time.map(timestamp),
        publish_time: Some(timestamp(event.publish_time)),
        request: event.request.as_ref().map(document),
        context: event.context.as_ref().map(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;
    use proptest::prelude::*;

    fn arrival(fresh_id: &dyn Fn() -> EventId) -> Arrival<'_> {
        Arrival { fresh_id, now: Timestamp::from_millis(1_000), trace_parent: None }
    }

    fn read(event: v1::Event) -> Result<Event, Vec<String>> {
        let mut check = Check::new();
        let event = check.within("event", |check| read_event(check, event, &arrival(&|| "fresh".parse().unwrap())));
        match check.finish() {
            Ok(()) => Ok(event.expect("an event without faults")),
            Err(Refusal::Faults(faults)) => Err(faults.into_iter().map(|fault| fault.field).collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn text(text: &str) -> v1::JsonDocument {
        v1::JsonDocument { value: Some(v1::json_document::Value::Json(text.to_owned())) }
    }

    fn small() -> v1::Event {
        v1::Event { r#type: "created".into(), data: Some(text("{\"id\":1}")), ..Default::default() }
    }

    fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    }

    prop_compose! {
        fn any_event()(
            id in "[A-Za-z0-9_:-]{1,128}", namespace in "[a-z0-9][a-z0-9._-]{0,62}", r#type in ".{1,40}",
            texts in proptest::array::uniform4(".{0,40}"), data in proptest::option::of("[0-9]{1,9}"),
            netbox in proptest::array::uniform2(proptest::option::of("[1-9]{1,9}")),
            snapshots in proptest::option::of((proptest::option::of("\"[a-z]{0,9}\""), proptest::option::of("[1-9]"))),
            attributes in proptest::collection::btree_map("[a-z]{1,9}", ".{0,9}", 0..5),
            times in proptest::array::uniform2(proptest::option::of(0i64..1_000_000)),
        ) -> v1::Event {
            let [object_type, username, request_id, ordering_key] = texts;
            let snapshots = snapshots.map(|(before, after)| v1::Snapshots {
                prechange: before.map(|before| text(&before)),
                postchange: after.map(|after| text(&after)),
            });
            v1::Event {
                id, namespace, r#type, object_type, username, request_id, ordering_key, snapshots, attributes,
                data: data.map(|data| text(&format!("[\"{data}\", {{}}]"))),
                occur_time: times[0].and_then(at),
                deliver_after: times[1].and_then(at),
                expire_time: times[1].and_then(|time| at(time + 1)),
                publish_time: None,
                request: netbox[0].as_deref().map(text),
                context: netbox[1].as_deref().map(text),
            }
        }
    }

    proptest! {
        #[test]
        fn an_event_comes_back_as_it_was_sent(sent in any_event()) {
            let written = write_event(&read(sent.clone()).unwrap());
            prop_assert_eq!(v1::Event { publish_time: None, ..written }, sent);
        }
    }

    #[test]
    fn an_event_without_id_gets_a_fresh_one() {
        assert_eq!(read(small()).unwrap().id.as_str(), "fresh");
    }

    #[test]
    fn every_field_at_fault_is_named() {
        let long = "x".repeat(256);
        let out_of_range = at(i64::MAX);
        let event = v1::Event {
            id: "a b".into(),
            namespace: "Bad".into(),
            r#type: String::new(),
            object_type: long.clone(),
            occur_time: out_of_range,
            username: long.clone(),
            request_id: long.clone(),
            data: Some(text("{")),
            snapshots: Some(v1::Snapshots { prechange: Some(text("nul")), postchange: Some(text("[-1e999]")) }),
            attributes: (0..65).map(|i| (format!("k{i}"), String::new())).collect(),
            ordering_key: long,
            deliver_after: out_of_range,
            expire_time: out_of_range,
            publish_time: out_of_range,
            request: Some(text("{]")),
            context: Some(text("")),
        };
        let expected = [
            "event.id",
            "event.namespace",
            "event.type",
            "event.object_type",
            "event.occur_time",
            "event.username",
            "event.request_id",
            "event.data.json",
            "event.snapshots.prechange.json",
            "event.snapshots.postchange.json",
            "event.request.json",
            "event.context.json",
            "event.attributes",
            "event.ordering_key",
            "event.deliver_after",
            "event.expire_time",
        ];
        assert_eq!(read(event).unwrap_err(), expected);
    }

    #[test]
    fn texts_are_limited_at_their_values() {
        let of = |chars: usize| v1::Event { username: "é".repeat(chars), ..small() };
        assert!(read(of(limits::EVENT_TEXT_CHARS - 1)).is_ok());
        assert!(read(of(limits::EVENT_TEXT_CHARS)).is_ok());
        assert_eq!(read(of(limits::EVENT_TEXT_CHARS + 1)).unwrap_err(), ["event.username"]);
    }

    #[test]
    fn an_event_is_limited_as_a_whole() {
        let half = format!("\"{}\"", "a".repeat(limits::EVENT_BYTES / 2));
        let event = v1::Event {
            data: Some(text(&half)),
            snapshots: Some(v1::Snapshots { prechange: Some(text(&half)), postchange: None }),
            ..small()
        };
        assert_eq!(read(event).unwrap_err(), ["event"]);
    }

    #[test]
    fn an_event_that_expires_before_it_is_due_is_refused() {
        let event = |expire| v1::Event { deliver_after: at(10), expire_time: at(expire), ..small() };
        assert_eq!(read(event(10)).unwrap_err(), ["event.expire_time"]);
        assert!(read(event(11)).is_ok());
    }
}
