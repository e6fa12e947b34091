//! The rows of events and of the timeline.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use tenterhook_model::{DeliveryId, Event, EventId, JsonText, Namespace, Snapshots};

use super::{Time, required};
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
}

#[derive(Clone, PartialEq, Message)]
struct SnapshotsRow {
    #[prost(string, optional, tag = "1")]
    prechange: Option<String>,
    #[prost(string, optional, tag = "2")]
    postchange: Option<String>,
}

fn text(json: &Option<JsonText>) -> Option<String> {
    json.as_ref().map(|json| json.as_str().to_owned())
}

fn json(text: Option<String>) -> Option<JsonText> {
    text.map(JsonText::from_stored)
}

impl EventRow {
    /// The row of an event.
    pub(crate) fn new(event: &Event, content: &[u8; 32], deliveries: &[DeliveryId]) -> Self {
        Self {
            event_type: event.event_type.clone(),
            object_type: event.object_type.clone(),
            occur_time: event.occur_time.map(Time::from),
            username: event.username.clone(),
            request_id: event.request_id.clone(),
            data: text(&event.data),
            snapshots: event.snapshots.as_ref().map(|snapshots| SnapshotsRow {
                prechange: text(&snapshots.prechange),
                postchange: text(&snapshots.postchange),
            }),
            attributes: event.attributes.clone(),
            ordering_key: event.ordering_key.clone(),
            deliver_after: event.deliver_after.map(Time::from),
            expire_time: event.expire_time.map(Time::from),
            publish_time: Some(event.publish_time.into()),
            trace_parent: event.trace_parent.clone(),
            content: Bytes::copy_from_slice(content),
            deliveries: deliveries.iter().flat_map(|id| *id.as_bytes()).collect(),
        }
    }

    /// When the event was published.
    pub(crate) fn publish_time(&self) -> tenterhook_model::Timestamp {
        required(self.publish_time)
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
            event_type: self.event_type,
            object_type: self.object_type,
            occur_time: self.occur_time.map(Time::get),
            username: self.username,
            request_id: self.request_id,
            data: json(self.data),
            snapshots: self.snapshots.map(|snapshots| Snapshots {
                prechange: json(snapshots.prechange),
                postchange: json(snapshots.postchange),
            }),
            attributes: self.attributes,
            ordering_key: self.ordering_key,
            deliver_after: self.deliver_after.map(Time::get),
            expire_time: self.expire_time.map(Time::get),
            publish_time,
            trace_parent: self.trace_parent,
        }
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
    use crate::testing;
    use tenterhook_model::Lane;

    #[test]
    fn a_full_and_a_bare_event_round_trip() {
        for event in [testing::full_event(), testing::event("bare")] {
            let row = super::super::encode(&EventRow::new(&event, &[7; 32], &[]));
            let back: EventRow = super::super::decode(&row.into(), "an event").unwrap();
            assert_eq!(back.content.as_ref(), [7; 32]);
            assert_eq!(back.into_event(event.namespace.clone(), event.id.clone()), event);
        }
    }

    #[test]
    fn snapshots_that_are_set_but_empty_stay_set() {
        let event = Event { snapshots: Some(Snapshots::default()), ..testing::event("e") };
        let row = super::super::encode(&EventRow::new(&event, &[0; 32], &[]));
        let back: EventRow = super::super::decode(&row.into(), "an event").unwrap();
        assert_eq!(back.into_event(event.namespace, event.id).snapshots, Some(Snapshots::default()));
    }

    #[test]
    fn the_fan_out_keeps_its_order() {
        let ids: Vec<_> =
            (0..5).map(|n| DeliveryId::new(tenterhook_model::Timestamp::MAX, n, Lane(n as u32))).collect();
        assert_eq!(EventRow::new(&testing::event("e"), &[0; 32], &ids).deliveries(), ids);
    }
}
