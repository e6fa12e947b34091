//! The rows of webhooks, lanes and remembered requests.

use bytes::Bytes;
use prost::Message;

/// A webhook: its record without secrets, and those sealed one by one.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WebhookRow {
    /// The webhook as JSON, each secret the empty text.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) record: Bytes,
    /// The secrets, sealed, in the order of `Webhook::secrets_mut`; an empty secret stays empty.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) sealed: Vec<Bytes>,
}

/// The health of a receiver, as JSON.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HealthRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) record: Bytes,
}

/// Whose lane it is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LaneRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) webhook_id: Bytes,
    #[prost(string, tag = "2")]
    pub(crate) namespace: String,
    /// When the webhook was removed.
    #[prost(message, optional, tag = "3")]
    pub(crate) removed: Option<super::Time>,
    /// The last change of the journal when the last delivery of the removed webhook was gone.
    #[prost(uint64, optional, tag = "4")]
    pub(crate) emptied: Option<u64>,
}

/// What was answered to a request.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) content: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(crate) time: Option<super::Time>,
    /// The webhook that was answered, if one was.
    #[prost(message, optional, tag = "3")]
    pub(crate) answer: Option<WebhookRow>,
    /// The count that was answered, if one was.
    #[prost(uint64, optional, tag = "4")]
    pub(crate) count: Option<u64>,
}
