//! The digest of an event's content, by which the store tells a repeat from a conflict.

use sha2::{Digest as _, Sha256};
use tenterhook_model::{Event, JsonText};

/// SHA-256 of all that the publisher said: everything but the time of publication and the
/// trace context. Events with equal digests have equal content. The store keeps digests, so
/// their form must not change.
#[must_use]
pub fn content_digest(event: &Event) -> [u8; 32] {
    let mut hash = Sha256::new();
    // Each part has its length in front, so that no two contents run into the same bytes.
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
    // Events without these keep the digests that they had before there were such.
    for (number, document) in [(1u8, &event.request), (2, &event.context)] {
        if let Some(document) = document {
            hash.update([number]);
            hash.update((document.as_str().len() as u64).to_be_bytes());
            hash.update(document.as_str().as_bytes());
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::event;
    use proptest::prelude::*;
    use tenterhook_model::{Snapshots, Timestamp};

    fn json(text: &str) -> Option<JsonText> {
        Some(JsonText::parse(text).unwrap())
    }

    proptest! {
        #[test]
        fn a_repeat_has_the_digest_of_the_first(texts in prop::array::uniform4(".{0,40}"), data in "[1-9][0-9]{0,8}") {
            let [object_type, username, request_id, ordering_key] = texts;
            let data = json(&format!("[{data}, {{}}]"));
            let first = Event { object_type, username, request_id, ordering_key, data, ..event("created", "") };
            let repeat = Event {
                publish_time: Timestamp::from_millis(9), trace_parent: Some("00-x".into()), ..first.clone()
            };
            prop_assert_eq!(content_digest(&first), content_digest(&repeat));
        }
    }

    #[test]
    fn any_change_of_content_changes_the_digest() {
        let base = Event { data: json(r#"{"id":1}"#), ..event("created", "") };
        let changes: [fn(&mut Event); 19] = [
            |e| e.id = "f".parse().unwrap(),
            |e| e.namespace = "other".parse().unwrap(),
            |e| e.event_type = "updated".into(),
            |e| e.object_type = "x".into(),
            |e| e.username = "x".into(),
            |e| e.request_id = "x".into(),
            |e| e.ordering_key = "x".into(),
            |e| e.data = None,
            |e| e.data = json(r#"{"id": 1}"#),
            |e| e.snapshots = Some(Snapshots::default()),
            |e| e.snapshots = Some(Snapshots { prechange: json("1"), postchange: None }),
            |e| e.snapshots = Some(Snapshots { prechange: None, postchange: json("1") }),
            |e| e.attributes = [("a".to_owned(), "b".to_owned())].into(),
            |e| e.occur_time = Some(Timestamp::from_millis(0)),
            |e| e.deliver_after = Some(Timestamp::from_millis(0)),
            |e| e.expire_time = Some(Timestamp::from_millis(0)),
            |e| e.request = json("1"),
            |e| e.context = json("1"),
            |e| (e.request, e.context) = (json("1"), json("1")),
        ];
        let mut digests = vec![content_digest(&base)];
        for change in changes {
            let mut event = base.clone();
            change(&mut event);
            digests.push(content_digest(&event));
        }
        let all = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all);
    }

    /// A store that was written by an older version must know its events again.
    #[test]
    fn the_form_of_the_digest_is_kept() {
        let event = Event {
            data: json(r#"{"id":1}"#),
            snapshots: Some(Snapshots { prechange: None, postchange: json("[2]") }),
            attributes: [("a".to_owned(), "b".to_owned())].into(),
            occur_time: Some(Timestamp::from_millis(1_500)),
            ..event("created", "dcim.site")
        };
        let hex: String = content_digest(&event).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "61bfd6af1d4d585302326b88075d9c0a1c20dbb19266b6d921ee30379b70a636");
    }
}
