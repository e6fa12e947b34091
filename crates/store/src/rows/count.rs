//! The rows of counts.

use prost::Message;

/// Counts of a lane over a span of time.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CountRow {
    #[prost(uint64, tag = "1")]
    pub(crate) succeeded: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) failed: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) attempts: u64,
    /// Attempts by bucket of how long they took.
    #[prost(uint64, repeated, tag = "4")]
    pub(crate) latencies: Vec<u64>,
    /// Failed attempts by how they ended.
    #[prost(message, repeated, tag = "5")]
    pub(crate) failures: Vec<FailureRow>,
}

/// Failed attempts that ended alike.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct FailureRow {
    /// The number of the outcome.
    #[prost(uint32, tag = "1")]
    pub(crate) outcome: u32,
    /// The status of the response; 0 without one.
    #[prost(uint32, tag = "2")]
    pub(crate) status: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) count: u64,
}

/// What is open in a lane.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct OpenRow {
    #[prost(uint64, tag = "1")]
    pub(crate) pending: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) retrying: u64,
}
