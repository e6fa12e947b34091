//! Something that happened. It never changes once it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::EventId;
use crate::json::JsonText;
use crate::namespace::Namespace;
use crate::notice::is_operational;
use crate::time::Timestamp;

/// An event as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unique in the namespace; the idempotency key.
    pub id: EventId,
    /// The tenant.
    pub namespace: Namespace,
    /// What happened: 1 to 255 characters.
    pub event_type: Arc<str>,
    /// The kind of object it happened to; may be empty.
    pub object_type: String,
    /// When it happened; `None` means when it was published.
    pub occur_time: Option<Timestamp>,
    /// Who did it; may be empty.
    pub username: String,
    /// The request that it was part of; may be empty.
    pub request_id: String,
    /// The object as it is now.
    pub data: Option<JsonText>,
    /// The object before and after.
    pub snapshots: Option<Snapshots>,
    /// The request that caused it, as NetBox describes it.
    pub request: Option<JsonText>,
    /// Further values, as plugins of NetBox add them.
    pub context: Option<JsonText>,
    /// Attributes for matching and routing.
    pub attributes: BTreeMap<String, String>,
    /// Events with one key reach each webhook in order; empty means no order.
    pub ordering_key: String,
    /// Not before this time.
    pub deliver_after: Option<Timestamp>,
    /// Deliveries are given up at this time.
    pub expire_time: Option<Timestamp>,
    /// When the server stored it.
    pub publish_time: Timestamp,
    /// The caller's `traceparent` header (W3C Trace Context), if it sent one; not part of the content.
    pub trace_parent: Option<String>,
}

/// An object before and after a change. Set but empty prints as two nulls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshots {
    /// Before; `None` when it was created.
    pub prechange: Option<JsonText>,
    /// After; `None` when it was deleted.
    pub postchange: Option<JsonText>,
}

impl Event {
    /// The time that templates see: when it happened, else when it was published.
    pub fn timestamp(&self) -> Timestamp {
        self.occur_time.unwrap_or(self.publish_time)
    }

    /// The part of the object type after its last dot: `ipaddress` of `ipam.ipaddress`.
    pub fn model(&self) -> &str {
        self.object_type.rsplit('.').next().unwrap_or_default()
    }

    /// Whether it is the server's own.
    pub fn is_operational(&self) -> bool {
        is_operational(&self.event_type)
    }

    /// Bytes that the event takes in memory and on disk, roughly.
    pub fn size(&self) -> usize {
        let json = |text: &Option<JsonText>| text.as_ref().map_or(0, |text| text.as_str().len());
        let snapshots = self.snapshots.as_ref().map_or(0, |s| json(&s.prechange) + json(&s.postchange));
        let attributes: usize = self.attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
        let texts = [&*self.event_type, &self.object_type, &self.username, &self.request_id, &self.ordering_key];
        self.id.as_str().len()
            + self.namespace.as_str().len()
            + texts.iter().map(|text| text.len()).sum::<usize>()
            + json(&self.data)
            + json(&self.request)
            + json(&self.context)
            + snapshots
            + attributes
    }
}
