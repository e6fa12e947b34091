//! The body of a request with one event a line, as the messages of a publishing stream.
//!
//! A line that is no event becomes no message: it is refused by an acknowledgement of its own,
//! which [`super::acks`] puts between the others. Both are polled by one task, the one that
//! sends the acknowledgements, so neither needs to wake the other.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use prost::Message as _;
use tenterhook_api::{Held, too_large};
use tenterhook_model::{Fault, limits};
use tenterhook_proto::tenterhook::v1;
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::codegen::StdError;

use super::acks::Refused;
use super::frame::framed;
use super::gather::{BODY_BYTES, growing};

/// Time for a line, from its first byte to its last: as for a message.
const LINE_TIME: Duration = limits::MESSAGE_TIMEOUT;

/// Makes the event of a line.
type Read = Box<dyn Fn(&[u8]) -> Result<v1::Event, Vec<Fault>> + Send>;

/// A body whose lines become messages.
pub(super) struct Lines<B> {
    body: B,
    /// What has come of lines that were not read yet.
    bytes: BytesMut,
    /// Bytes of it that have no end of a line.
    searched: usize,
    held: Held,
    /// The last line that was read, from 1.
    number: u64,
    refused: Refused,
    read: Read,
    running: Option<Pin<Box<Sleep>>>,
    has_ended: bool,
}

impl<B> Lines<B> {
    /// The messages that `read` makes of the lines of `body`; what it refuses goes to `refused`.
    pub(super) fn new(
        body: B,
        held: Held,
        refused: Refused,
        read: impl Fn(&[u8]) -> Result<v1::Event, Vec<Fault>> + Send + 'static,
    ) -> Self {
        let (bytes, read) = (BytesMut::new(), Box::new(read));
        Self { body, bytes, searched: 0, held, number: 0, refused, read, running: None, has_ended: false }
    }

    /// The next line that is whole.
    fn line(&mut self) -> Option<BytesMut> {
        let end = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        let line = match end {
            Some(end) => self.bytes.split_to(self.searched + end + 1),
            None if self.has_ended && !self.bytes.is_empty() => self.bytes.split(),
            None => {
                self.searched = self.bytes.len();
                return None;
            }
        };
        self.searched = 0;
        self.running = None;
        if self.bytes.is_empty() {
            self.held.release();
        }
        self.number += 1;
        Some(line)
    }

    /// The message of the next line that is an event.
    fn message(&mut self) -> Option<Result<Bytes, Status>> {
        while !self.refused.is_full() {
            let line = self.line()?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            match (self.read)(&line) {
                Ok(event) => {
                    self.refused.passed();
                    let message = v1::StreamPublishEventsRequest { sequence: self.number, event: Some(event) };
                    return Some(framed(&message.encode_to_vec()));
                }
                Err(faults) => self.refused.push(self.number, faults),
            }
        }
        None
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Status> {
        let length = self.bytes.len() + data.len();
        if length > BODY_BYTES {
            return Err(too_large());
        }
        self.held.grow(growing(length))?;
        self.bytes.extend_from_slice(data);
        debug_assert!(self.searched <= self.bytes.len(), "a line ends behind what was searched for its end");
        Ok(())
    }

    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        if self.bytes.is_empty() {
            return false;
        }
        let running = self.running.get_or_insert_with(|| Box::pin(sleep(LINE_TIME)));
        running.as_mut().poll(context).is_ready()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Lines<B>
where
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = &mut *self;
        loop {
            if let Some(message) = this.message() {
                return Poll::Ready(Some(message.map(Frame::data).map_err(Into::into)));
            }
            if this.refused.is_full() {
                return Poll::Pending;
            }
            if this.has_ended {
                return Poll::Ready(None);
            }
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(Err(status)) = frame.data_ref().map(|data| this.take(data)) {
                        return Poll::Ready(Some(Err(status.into())));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => this.has_ended = true,
                Poll::Pending if this.is_late(context) => {
                    let status = Status::deadline_exceeded("a line took too long to arrive; send it again");
                    return Poll::Ready(Some(Err(status.into())));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended && self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
