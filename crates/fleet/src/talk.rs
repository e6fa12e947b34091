//! What nodes say to each other: messages with their length before them.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt as _};
use prost::{Message, Oneof};
use tenterhook_model::Excuse;
use tenterhook_store::CarriedTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Receiver;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// Longest message: the largest event, webhook or attempt is a small part of it.
const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Messages that are written before they are sent on.
const GATHERED: usize = 64;

/// Messages about one attempt that wait at most, and those about none.
const WAITING: (usize, usize) = (4, 64);

/// Messages that wait at most on the way to or from a node that makes so many attempts at once.
pub(crate) fn waiting_at_most(room: usize) -> usize {
    room.saturating_mul(WAITING.0).saturating_add(WAITING.1).min(Semaphore::MAX_PERMITS)
}

/// What the node that serves says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Order {
    #[prost(oneof = "Ordered", tags = "1, 2, 3, 4, 5, 6")]
    pub(crate) ordered: Option<Ordered>,
}

/// An order.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Ordered {
    /// The node may not join; why.
    #[prost(string, tag = "1")]
    Refused(String),
    /// It may send.
    #[prost(message, tag = "2")]
    Grant(Grant),
    /// A webhook, for the jobs that follow.
    #[prost(bytes = "bytes", tag = "3")]
    Webhook(Bytes),
    /// Forget all webhooks.
    #[prost(message, tag = "4")]
    Forget(()),
    /// Make an attempt.
    #[prost(message, tag = "5")]
    Job(JobFrame),
    /// Interrupt the attempt of this flight.
    #[prost(uint64, tag = "6")]
    Cut(u64),
}

/// Permission to send, counted from the beat that asked for it.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Grant {
    #[prost(uint64, tag = "1")]
    pub(crate) beat: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) millis: u64,
}

/// An attempt to make.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct JobFrame {
    /// The number by which its end is told.
    #[prost(uint64, tag = "1")]
    pub(crate) flight: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) webhook: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) delivery: Bytes,
    #[prost(uint32, tag = "4")]
    pub(crate) number: u32,
    #[prost(message, optional, tag = "5")]
    pub(crate) due: Option<CarriedTime>,
    #[prost(string, tag = "6")]
    pub(crate) namespace: String,
    #[prost(string, tag = "7")]
    pub(crate) event_id: String,
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) event: Bytes,
    /// The time of day.
    #[prost(message, required, tag = "9")]
    pub(crate) time: CarriedTime,
}

/// What a node that stands by says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Report {
    #[prost(oneof = "Reported", tags = "1, 2, 3")]
    pub(crate) reported: Option<Reported>,
}

/// A report.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Reported {
    /// It asks for a grant.
    #[prost(uint64, tag = "1")]
    Beat(u64),
    /// An attempt has ended.
    #[prost(message, tag = "2")]
    Made(MadeFrame),
    /// It takes no more jobs, and goes when those that it has have ended.
    #[prost(message, tag = "3")]
    Leaving(()),
}

/// An attempt that has ended.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MadeFrame {
    #[prost(uint64, tag = "1")]
    pub(crate) flight: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) attempt: Bytes,
    /// By [`number_of`]; 0 stands for none.
    #[prost(uint32, tag = "3")]
    pub(crate) excuse: u32,
    #[prost(bool, tag = "4")]
    pub(crate) panicked: bool,
}

/// The number of an excuse.
pub(crate) fn number_of(excuse: Option<Excuse>) -> u32 {
    match excuse {
        None => 0,
        Some(Excuse::Local) => 1,
        Some(Excuse::Unprocessed) => 2,
        Some(Excuse::Proxy) => 3,
    }
}

/// The excuse of a number; `None` for a number of a newer version.
pub(crate) fn excuse_of(number: u32) -> Option<Option<Excuse>> {
    [None].into_iter().chain(Excuse::ALL.map(Some)).find(|excuse| number_of(*excuse) == number)
}

/// What comes in messages of one kind.
pub(crate) struct Incoming<R>(FramedRead<R, LengthDelimitedCodec>);

impl<R: AsyncRead + Unpin> Incoming<R> {
    /// What comes from `reader`.
    pub(crate) fn new(reader: R) -> Self {
        Self(FramedRead::new(reader, codec()))
    }

    /// The next message; `None` when the stream has ended or broken, or it is none.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Option<M> {
        let frame: BytesMut = self.0.next().await?.ok()?;
        M::decode(frame.freeze()).ok()
    }
}

/// Writes what comes to `waiting` until the stream breaks, or nobody can say anything any more.
pub(crate) async fn write<M: Message>(writer: impl AsyncWrite + Unpin, mut waiting: Receiver<M>) {
    let mut framed = FramedWrite::new(writer, codec());
    let mut gathered = Vec::with_capacity(GATHERED);
    while waiting.recv_many(&mut gathered, GATHERED).await > 0 {
        for message in gathered.drain(..) {
            if framed.feed(Bytes::from(message.encode_to_vec())).await.is_err() {
                return;
            }
        }
        if SinkExt::<Bytes>::flush(&mut framed).await.is_err() {
            return;
        }
    }
    // The other end sees the end of the stream in any case.
    let _ = SinkExt::<Bytes>::close(&mut framed).await;
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(FRAME_BYTES_MAX).new_codec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_excuse_has_its_number() {
        for excuse in [None].into_iter().chain(Excuse::ALL.map(Some)) {
            assert_eq!(excuse_of(number_of(excuse)), Some(excuse));
        }
        assert_eq!(excuse_of(99), None);
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_or_none_ends_the_stream() {
        for bytes in [b"\xff\xff\xff\xff".as_slice(), b"\0\0\0\x02\xff\xff", b"\0\0\0\x09cut"] {
            assert_eq!(Incoming::new(bytes).next::<Report>().await, None);
        }
    }
}
