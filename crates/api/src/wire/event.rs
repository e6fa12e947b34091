//! Events between the wire and the model.

use sha2::{Digest as _, Sha256};
use tenterhook_model::{Event, EventId, JsonText, Namespace, Snapshots, Timestamp, limits};
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
    }
}

/// Digest of what an event says: all but its time of publication and trace context, so that a
/// repeat is told from a conflict.
pub(crate) fn content_digest(event: &Event) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(event.id.as_str());
    part(event.namespace.as_str());
    for text in [&*event.event_type, &event.object_type, &event.username, &event.request_id, &event.ordering_key] {
        part(text);
    }
    let mut documents = vec![event.data.as_ref()];
    if let Some(snapshots) = &event.snapshots {
        documents.extend([snapshots.prechange.as_ref(), snapshots.postchange.as_ref()]);
    }
    for document in documents {
        // No JSON text is empty, so the empty text stands for none.
        part(document.map_or("", JsonText::as_str));
    }
    for (key, value) in &event.attributes {
        part(key);
        part(value);
    }
    for time in [event.occur_time, event.deliver_after, event.expire_time] {
        let (known, seconds, nanos) = time.map_or((0, 0, 0), |time| (1u8, time.seconds(), time.subsec_nanos()));
        hash.update([known]);
        hash.update(seconds.to_be_bytes());
        hash.update(nanos.to_be_bytes());
    }
    hash.update([u8::from(event.snapshots.is_some())]);
    hash.update((event.attributes.len() as u64).to_be_bytes());
    hash.finalize().into()
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
            }
        }
    }

    proptest! {
        #[test]
        fn an_event_comes_back_as_it_was_sent(sent in any_event()) {
            let written = write_event(&read(sent.clone()).unwrap());
            prop_assert_eq!(v1::Event { publish_time: None, ..written }, sent);
        }

        #[test]
        fn equal_content_has_one_digest(sent in any_event()) {
            let event = read(sent.clone()).unwrap();
            let later = Event {
                publish_time: Timestamp::from_millis(9), trace_parent: Some("00-x".into()), ..event.clone()
            };
            prop_assert_eq!(content_digest(&event), content_digest(&later));
        }
    }

    #[test]
    fn any_change_of_content_changes_the_digest() {
        let base = v1::Event { id: "e".into(), ..small() };
        let changes: [fn(&mut v1::Event); 15] = [
            |e| e.id = "f".into(),
            |e| e.namespace = "other".into(),
            |e| e.r#type = "updated".into(),
            |e| e.object_type = "x".into(),
            |e| e.username = "x".into(),
            |e| e.request_id = "x".into(),
            |e| e.ordering_key = "x".into(),
            |e| e.data = None,
            |e| e.data = Some(text("{\"id\": 1}")),
            |e| e.snapshots = Some(v1::Snapshots::default()),
            |e| e.snapshots = Some(v1::Snapshots { prechange: Some(text("1")), postchange: None }),
            |e| e.snapshots = Some(v1::Snapshots { prechange: None, postchange: Some(text("1")) }),
            |e| e.attributes = [("a".to_owned(), "b".to_owned())].into(),
            |e| e.occur_time = at(0),
            |e| e.deliver_after = at(0),
        ];
        let mut digests = vec![content_digest(&read(base.clone()).unwrap())];
        for change in changes {
            let mut event = base.clone();
            change(&mut event);
            digests.push(content_digest(&read(event).unwrap()));
        }
        let all = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all);
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
