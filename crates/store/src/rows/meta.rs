//! The rows in which the store tells what it is.

use bytes::Bytes;
use prost::Message;

/// What the store is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct IdentityRow {
    /// The form of keys and rows.
    #[prost(uint32, tag = "1")]
    pub(crate) format: u32,
    /// Tells the journal from that of another store.
    #[prost(fixed64, tag = "2")]
    pub(crate) epoch: u64,
    /// The lane that the next webhook gets.
    #[prost(uint32, tag = "3")]
    pub(crate) next_lane: u32,
    /// A known text, sealed with the key of the store's secrets.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) seal: Bytes,
    /// The version that last wrote this row, so that an older one can name it; empty when that
    /// version did not write its number yet.
    #[prost(string, tag = "5")]
    pub(crate) version: String,
}

/// Up to where something was done in the journal.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct SequenceRow {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
}

/// Where the journal begins after retention: what was removed from its front.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct TrimmedRow {
    /// The last change that was removed.
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    /// When it happened.
    #[prost(message, optional, tag = "2")]
    pub(crate) time: Option<super::Time>,
}
