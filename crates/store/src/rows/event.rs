//! The rows of events and of the timeline.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use tenterhook_model::{DeliveryId, Event, EventId, JsonText, Namespace, Snapshots, Timestamp};

use super::{Time, Wire, required};
use crate::error::StoreError;

/// An event, the digest of its content and the deliveries that were made of it at once.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EventRow {
    #[prost(string, tag = "1")]
    event_type: String,
    #[prost(string, tag = "2")]
    object_type: String,
    #[prost(message, optional, tag = "3")]
    occur_time: Option<Time>,
    #[prost(string, tag = "4")]
    username: String,
    #[prost(string, tag = "5")]
    request_id: String,
    #[prost(string, optional, tag = "6")]
    data: Option<String>,
    #[prost(message, optional, tag = "7")]
    snapshots: Option<SnapshotsRow>,
    #[prost(btree_map = "string, string", tag = "8")]
    attributes: BTreeMap<String, String>,
    #[prost(string, tag = "9")]
    ordering_key: String,
    #[prost(message, optional, tag = "10")]
    deliver_after: Option<Time>,
    #[prost(message, optional, tag = "11")]
    expire_time: Option<Time>,
    #[prost(message, optional, tag = "12")]
    publish_time: Option<Time>,
    #[prost(string, optional, tag = "13")]
    trace_parent: Option<String>,
    #[prost(bytes = "bytes", tag = "14")]
    pub(crate) content: Bytes,
    /// Delivery ids of 16 bytes one after the other.
    #[prost(bytes = "bytes", tag = "15")]
    deliveries: Bytes,
    #[prost(string, optional, tag = "16")]
    request: Option<String>,
    #[prost(string, optional, tag = "17")]
    context: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct SnapshotsRow {
    #[prost(string, optional, tag = "1")]
    prechange: Option<String>,
    #[prost(string, optional, tag = "2")]
    postchange: Option<String>,
}

fn json(text: Option<String>) -> Option<JsonText> {
    text.map(JsonText::from_stored)
}

/// The row of an event, as [`EventRow`] reads it.
pub(crate) fn encode(event: &Event, content: &[u8; 32], deliveries: &[DeliveryId]) -> Vec<u8> {
    let mut wire = Wire::new(size_of(event, deliveries));
    wire.bytes(1, event.event_type.as_bytes());
    wire.bytes(2, event.object_type.as_bytes());
    wire.time(3, event.occur_time);
    wire.bytes(4, event.username.as_bytes());
    wire.bytes(5, event.request_id.as_bytes());
    write_json(&mut wire, 6, event.data.as_ref());
    if let Some(snapshots) = &event.snapshots {
        wire.message(7, |wire| {
            write_json(wire, 1, snapshots.prechange.as_ref());
            write_json(wire, 2, snapshots.postchange.as_ref());
        });
    }
    for (key, value) in &event.attributes {
        wire.message(8, |wire| {
            wire.bytes(1, key.as_bytes());
            wire.bytes(2, value.as_bytes());
        });
    }
    wire.bytes(9, event.ordering_key.as_bytes());
    wire.time(10, event.deliver_after);
    wire.time(11, event.expire_time);
    wire.time(12, Some(event.publish_time));
    if let Some(trace_parent) = &event.trace_parent {
        wire.some_bytes(13, trace_parent.as_bytes());
    }
    wire.bytes(14, content);
    let ids: Vec<u8> = deliveries.iter().flat_map(|id| *id.as_bytes()).collect();
    wire.bytes(15, &ids);
    write_json(&mut wire, 16, event.request.as_ref());
    write_json(&mut wire, 17, event.context.as_ref());
    wire.finish()
}

/// Bytes of the row of an event, roughly.
fn size_of(event: &Event, deliveries: &[DeliveryId]) -> usize {
    event.size() + 160 + 16 * deliveries.len()
}

fn write_json(wire: &mut Wire, tag: u64, json: Option<&JsonText>) {
    if let Some(json) = json {
        wire.some_bytes(tag, json.as_str().as_bytes());
    }
}

impl EventRow {
    /// When the event was published.
    pub(crate) fn publish_time(&self) -> tenterhook_model::Timestamp {
        required(self.publish_time)
    }

    /// When the event expires, if it does.
    pub(crate) fn expire_time(&self) -> Option<tenterhook_model::Timestamp> {
        self.expire_time.map(Time::get)
    }

    /// The deliveries that were made of it at once.
    pub(crate) fn deliveries(&self) -> Vec<DeliveryId> {
        let (ids, _) = self.deliveries.as_chunks::<16>();
        ids.iter().map(|id| DeliveryId::from_bytes(*id)).collect()
    }

    /// The event of the row, which was found under these names.
    pub(crate) fn into_event(self, namespace: Namespace, id: EventId) -> Event {
        let publish_time = self.publish_time();
        Event {
            id,
            namespace,
            event_type: self.event_type.into(),
            object_type: self.object_type,
            occur_time: self.occur_time.map(Time::get),
            username: self.username,
            request_id: self.request_id,
            data: json(self.data),
            snapshots: self.snapshots.map(|snapshots| Snapshots {
                prechange: json(snapshots.prechange),
                postchange: json(snapshots.postchange),
            }),
            request: json(self.request),
            context: json(self.context),
            attributes: self.attributes,
            ordering_key: self.ordering_key,
            deliver_after: self.deliver_after.map(Time::get),
            expire_time: self.expire_time.map(Time::get),
            publish_time,
            trace_parent: self.trace_parent,
        }
    }
}

/// What retention reads of an [`EventRow`]: decoding the rest would cost more than removing it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EventHead {
    #[prost(message, optional, tag = "11")]
    expire_time: Option<Time>,
    #[prost(message, optional, tag = "12")]
    publish_time: Option<Time>,
    #[prost(bytes = "bytes", tag = "15")]
    deliveries: Bytes,
}

impl EventHead {
    /// When the event was published.
    pub(crate) fn publish_time(&self) -> Timestamp {
        required(self.publish_time)
    }

    /// When the event expires, if it does.
    pub(crate) fn expire_time(&self) -> Option<Timestamp> {
        self.expire_time.map(Time::get)
    }

    /// The deliveries that were made when the event was published.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = DeliveryId> {
        self.deliveries.as_chunks::<16>().0.iter().map(|id| DeliveryId::from_bytes(*id))
    }
}

/// A block of the timeline: events in order of publication.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimelineRow {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entries: Vec<TimelineEntry>,
}

/// One event of a block.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimelineEntry {
    /// Its place in the block when that was written, which it keeps when others are removed.
    #[prost(uint32, tag = "1")]
    pub(crate) place: u32,
    #[prost(string, tag = "2")]
    event_id: String,
}

impl TimelineEntry {
    /// An entry.
    pub(crate) fn new(place: u32, id: &EventId) -> Self {
        Self { place, event_id: id.as_str().to_owned() }
    }

    /// The event.
    pub(crate) fn event_id(&self) -> Result<EventId, StoreError> {
        self.event_id.parse().map_err(|_| StoreError::Damaged("an entry of the timeline".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as fixtures;
    use tenterhook_model::Lane;

    #[test]
    fn a_full_and_a_bare_event_round_trip() {
        for event in [fixtures::full_event(), fixtures::event("bare")] {
            let row = encode(&event, &[7; 32], &[]);
            let back: EventRow = super::super::decode(&row.into(), "an event").unwrap();
            assert_eq!(back.content.as_ref(), [7; 32]);
            assert_eq!((back.publish_time(), back.expire_time()), (event.publish_time, event.expire_time));
            assert_eq!(back.into_event(event.namespace.clone(), event.id.clone()), event);
        }
    }

    #[test]
    fn an_entry_of_the_timeline_names_its_event_or_is_damaged() {
        let id: EventId = "e".parse().unwrap();
        let block = TimelineRow { entries: vec![TimelineEntry::new(3, &id), TimelineEntry::default()] };
        let row = super::super::encode(&block);
        let back: TimelineRow = super::super::decode(&row.into(), "a block").unwrap();
        assert_eq!((back.entries[0].place, back.entries[0].event_id().unwrap()), (3, id));
        assert!(matches!(back.entries[1].event_id(), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn snapshots_that_are_set_but_empty_stay_set() {
        let event = Event { snapshots: Some(Snapshots::default()), ..fixtures::event("e") };
        let row = encode(&event, &[0; 32], &[]);
        let back: EventRow = super::super::decode(&row.into(), "an event").unwrap();
        assert_eq!(back.into_event(event.namespace, event.id).snapshots, Some(Snapshots::default()));
    }

    #[test]
    fn the_room_for_a_row_is_enough_and_not_twice_it_whatever_makes_it_large() {
        let data = Some(JsonText::from_stored(format!("[{}]", "1".repeat(10_000))));
        let many = vec![DeliveryId::new(Timestamp::MAX, 1, Lane(2)); 100];
        for (event, deliveries) in [
            (fixtures::full_event(), &[][..]),
            (Event { data, ..fixtures::full_event() }, &[]),
            (fixtures::event("e"), &many),
        ] {
            let (row, room) = (encode(&event, &[7; 32], deliveries).len(), size_of(&event, deliveries));
            assert!((row..2 * row).contains(&room), "room for {room} bytes is made, and {row} are written");
        }
    }

    #[test]
    fn the_fan_out_keeps_its_order() {
        let ids: Vec<_> =
            (0..5).map(|n| DeliveryId::new(tenterhook_model::Timestamp::MAX, n, Lane(n as u32))).collect();
        let row = encode(&fixtures::event("e"), &[0; 32], &ids);
        let back: EventRow = super::super::decode(&row.into(), "an event").unwrap();
        assert_eq!(back.deliveries(), ids);
    }

    #[test]
    fn the_head_of_an_event_says_what_the_whole_says() {
        let ids = [DeliveryId::new(Timestamp::MAX, 1, Lane(2))];
        for event in [fixtures::full_event(), fixtures::event("bare")] {
            let row = encode(&event, &[7; 32], &ids);
            let head: EventHead = super::super::decode(&row.into(), "an event").unwrap();
            assert_eq!((head.publish_time(), head.expire_time()), (event.publish_time, event.expire_time));
            assert_eq!(head.deliveries().collect::<Vec<_>>(), ids);
        }
    }
}
