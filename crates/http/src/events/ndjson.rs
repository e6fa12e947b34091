//! The body of a request with one event a line, as the messages of a publishing stream.
//!
//! A line that is no event becomes no message: it is refused by an acknowledgement of its own,
//! which [`super::acks`] puts between the others. Both are polled by one task, the one that
//! sends the acknowledgements, so neither needs to wake the other.
//!
//! Over HTTP/1.1 a body brings one piece each time its connection has a turn. What can come at once
//! is gathered before its first line is read: read one by one, each line would wait for a commit of
//! its own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use prost::Message as _;
use tenterhook_api::{Held, too_large};
use tenterhook_model::{Fault, limits};
use tenterhook_proto::tenterhook::v1;
use tokio::task::coop::poll_proceed;
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::codegen::StdError;

use super::acks::Refused;
use super::frame::framed;
use super::gather::{BODY_BYTES, growing};

/// Time for a line, from its first byte to its last: as for a message.
const LINE_TIME: Duration = limits::MESSAGE_TIMEOUT;
/// Bytes of a body after which no more is gathered.
const GATHERED_MAX: usize = 64 * 1024;

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
    gathering: Gathering,
    /// Why no more comes, once that is so.
    end: Option<Result<(), StdError>>,
}

/// Whether more of a body is waited for before its lines are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gathering {
    /// Nothing has come since the last line was read.
    Over,
    /// Something came; what brings the body has not had a turn since.
    Came,
    /// What brings the body has a turn now.
    Turn,
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
        let gathering = Gathering::Over;
        Self { body, bytes, searched: 0, held, number: 0, refused, read, running: None, gathering, end: None }
    }

    /// The next line that is whole.
    fn line(&mut self) -> Option<BytesMut> {
        let end = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        let line = match end {
            Some(end) => self.bytes.split_to(self.searched + end + 1),
            None if matches!(self.end, Some(Ok(()))) && !self.bytes.is_empty() => self.bytes.split(),
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

    /// The message of the next line that is an event; pending when other connections should have their turn first.
    fn message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        while !self.refused.is_full() {
            let turn = ready!(poll_proceed(context));
            let Some(line) = self.line() else { break };
            turn.made_progress();
            if line.trim_ascii().is_empty() {
                continue;
            }
            match (self.read)(&line) {
                Ok(event) => {
                    self.refused.passed();
                    let message = v1::StreamPublishEventsRequest { sequence: self.number, event: Some(event) };
                    return Poll::Ready(Some(framed(&message.encode_to_vec())));
                }
                Err(faults) => self.refused.push(self.number, faults),
            }
        }
        Poll::Ready(None)
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

    fn end_with(&mut self, end: Result<(), StdError>) {
        self.end = Some(end);
        self.gathering = Gathering::Over;
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
            if this.gathering == Gathering::Over {
                if let Some(message) = ready!(this.message(context)) {
                    return Poll::Ready(Some(message.map(Frame::data).map_err(Into::into)));
                }
                if this.refused.is_full() {
                    return Poll::Pending;
                }
                if let Some(end) = &mut this.end {
                    return Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err));
                }
            }
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.data_ref().map(|data| this.take(data)) {
                    Some(Err(status)) => this.end_with(Err(status.into())),
                    _ if this.bytes.len() < GATHERED_MAX => this.gathering = Gathering::Came,
                    _ => this.gathering = Gathering::Over,
                },
                Poll::Ready(Some(Err(error))) => this.end_with(Err(error.into())),
                Poll::Ready(None) => this.end_with(Ok(())),
                Poll::Pending if this.gathering == Gathering::Came => {
                    this.gathering = Gathering::Turn;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending if this.gathering == Gathering::Turn => this.gathering = Gathering::Over,
                Poll::Pending if this.is_late(context) => {
                    let status = Status::deadline_exceeded("a line took too long to arrive; send it again");
                    return Poll::Ready(Some(Err(status.into())));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, Some(Ok(()))) && self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::Waker;

    use futures_util::stream;
    use http::Extensions;
    use http_body_util::StreamBody;

    use super::*;

    #[test]
    fn lines_that_come_one_a_turn_become_messages_together() {
        let mut polls = 0;
        let turns = stream::poll_fn(move |_| {
            polls += 1;
            match polls {
                2 | 4 | 6 => Poll::Ready(Some(Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"{}\n"))))),
                8 => Poll::Ready(None),
                _ => Poll::Pending,
            }
        });
        let event = |_: &[u8]| Ok(v1::Event::default());
        let mut lines = Lines::new(StreamBody::new(turns), Held::of(&Extensions::new()), Refused::default(), event);
        let mut context = Context::from_waker(Waker::noop());
        let mut poll = || Pin::new(&mut lines).poll_frame(&mut context);
        while poll().is_pending() {}
        assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))), "the second line");
        assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))), "the third line");
        assert!(matches!(poll(), Poll::Ready(None)));
    }
}
