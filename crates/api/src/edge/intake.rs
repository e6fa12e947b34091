//! The body of a request: what it may hold in memory, and for how long.
//!
//! The decoder behind it sets aside a message's length as soon as it knows it, so the length is
//! charged to the connection before the decoder sees it: a message that begins can also end. A
//! call holds one message. A publishing stream holds those that it has not acknowledged, and waits
//! for its own acknowledgements before it is refused. What a message will take once it is decoded,
//! beyond its length, is charged as it comes in, and at the latest before its last byte is handed on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tenterhook_model::limits;
pub(crate) use tenterhook_model::limits::OPEN_MESSAGE_BYTES;
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::connection::{Connection, crowded};
use super::transport::not_a_message;
use super::walk::{Refused, Walk};
use crate::access::{Method, Pace, Permission};
use crate::check::{grouped, too_many_events};
use crate::refusal::Refusal;

/// Bytes of events that one publishing stream may have waiting for their acknowledgement, beyond the last.
const UNACKNOWLEDGED_BYTES: usize = limits::GRPC_MESSAGE_BYTES;
/// Time for the request of a stream, and for each message to a method that anybody may call.
const OPEN_TIME: Duration = limits::OPEN_CALL_TIMEOUT;
/// Time for a message, from its first byte to its last.
const MESSAGE_TIME: Duration = limits::MESSAGE_TIMEOUT;
/// A message is preceded by a flag and four bytes of length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// What one call's messages hold of their connection's bytes; given back when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Charge(Arc<Charged>);

#[derive(Debug)]
struct Charged {
    connection: Connection,
    /// Whether messages are held until they are [`Charge::settle`]d, not until the next begins.
    until_settled: bool,
    messages: Mutex<Messages>,
}

#[derive(Debug, Default)]
struct Messages {
    sizes: VecDeque<usize>,
    bytes: usize,
    waker: Option<Waker>,
}

impl Charge {
    fn new(connection: Connection, until_settled: bool) -> Self {
        Self(Arc::new(Charged { connection, until_settled, messages: Mutex::default() }))
    }

    /// Gives back what the oldest `count` messages hold: they are acknowledged.
    pub(crate) fn settle(&self, count: usize) {
        let mut messages = self.lock();
        let charged = messages.sizes.len();
        assert!(count <= charged, "{count} messages are acknowledged of {charged} that were charged");
        let settled: usize = (0..count).map_while(|_| messages.sizes.pop_front()).sum();
        messages.bytes -= settled;
        debug_assert_eq!(messages.bytes, messages.sizes.iter().sum::<usize>(), "what is held is given back once");
        self.0.connection.bytes().give(settled);
        if let Some(waker) = messages.waker.take() {
            waker.wake();
        }
    }

    /// The connection of the call.
    pub(crate) fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Charges a message that begins. It waits while messages before it are to be acknowledged.
    fn begin(&self, size: usize, context: &Context<'_>) -> Poll<Result<(), Refusal>> {
        let mut messages = self.lock();
        if !self.0.until_settled {
            self.0.connection.bytes().give(std::mem::take(&mut messages.bytes));
            messages.sizes.clear();
        }
        let has_room = messages.bytes < UNACKNOWLEDGED_BYTES;
        if has_room && self.0.connection.bytes().take(size) {
            messages.bytes += size;
            messages.sizes.push_back(size);
            return Poll::Ready(Ok(()));
        }
        if messages.sizes.is_empty() {
            return Poll::Ready(Err(crowded()));
        }
        messages.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Charges `more` for the message that is coming in. It waits while messages before it are to be
    /// acknowledged.
    fn grow(&self, more: usize, context: &Context<'_>) -> Poll<Result<(), Refusal>> {
        let mut messages = self.lock();
        let before = messages.sizes.len();
        debug_assert_eq!(
            messages.bytes,
            messages.sizes.iter().sum::<usize>(),
            "each message holds what it was charged"
        );
        let last = messages.sizes.back_mut().expect("a message is charged when it begins");
        if last.saturating_add(more) > limits::MESSAGE_MEMORY_BYTES {
            return Poll::Ready(Err(too_complex()));
        }
        if self.0.connection.bytes().take(more) {
            *last += more;
            messages.bytes += more;
            return Poll::Ready(Ok(()));
        }
        if before == 1 {
            return Poll::Ready(Err(crowded()));
        }
        messages.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Messages> {
        self.0.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal of a message that would take too much memory once it is decoded.
fn too_complex() -> Refusal {
    let limit = grouped(limits::MESSAGE_MEMORY_BYTES);
    Refusal::Limit {
        subject: "message",
        limit: format!("its elements take more than {limit} bytes in memory; send fewer in one message"),
    }
}

fn boxed(refusal: Refusal) -> Box<Status> {
    Box::new(refusal.into())
}

impl Drop for Charged {
    fn drop(&mut self) {
        let messages = self.messages.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.connection.bytes().give(messages.bytes);
    }
}

/// How long the messages of a method may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    time: Duration,
    /// Whether the time runs between messages too.
    always: bool,
}

impl Patience {
    fn of(method: &Method) -> Self {
        if method.permission == Permission::Open || (method.pace == Pace::Stream && !method.publishes_stream()) {
            return Self { time: OPEN_TIME, always: true };
        }
        Self { time: MESSAGE_TIME, always: !method.publishes_stream() }
    }
}

/// The body of an admitted request.
#[derive(Debug)]
pub(crate) struct Intake<B> {
    body: B,
    charge: Charge,
    limit: usize,
    patience: Patience,
    running: Option<Pin<Box<Sleep>>>,
    /// Data that came and was not handed on yet.
    kept: Bytes,
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    prefix_len: usize,
    /// Bytes of the message that are to come.
    left: usize,
    /// Reads the message for what it will take; `None` for methods whose messages are small.
    walk: Option<Walk>,
    takes_batch: bool,
    /// Bytes of `kept` that `walk` has read.
    walked: usize,
    /// What they will take in memory and is not charged yet.
    owed: usize,
}

impl<B> Intake<B> {
    /// The `body` of a call of `method` on `connection`.
    pub(super) fn new(body: B, method: &Method, connection: Connection) -> Self {
        let limit = if method.permission == Permission::Open { OPEN_MESSAGE_BYTES } else { limits::GRPC_MESSAGE_BYTES };
        Self {
            body,
            charge: Charge::new(connection, method.publishes_stream()),
            limit,
            patience: Patience::of(method),
            running: None,
            kept: Bytes::new(),
            prefix: [0; PREFIX],
            prefix_len: 0,
            left: 0,
            walk: Walk::of(method.path),
            takes_batch: method.takes_batch(),
            walked: 0,
            owed: 0,
        }
    }

    /// What the call holds.
    pub(super) fn charge(&self) -> Charge {
        self.charge.clone()
    }

    /// Reads what has come as far as it is charged; how many bytes may be handed on.
    fn admit(&mut self, context: &Context<'_>) -> Poll<Result<usize, Box<Status>>> {
        let mut at = 0;
        while at < self.kept.len() {
            let admitted = if self.left > 0 { self.content(at, context) } else { self.prefix(at, context) };
            match admitted {
                Poll::Ready(step) => at += step?,
                Poll::Pending if at > 0 => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(at))
    }

    /// Charges what has come of a message's content, from `at` on; how many bytes of it may be handed on.
    fn content(&mut self, at: usize, context: &Context<'_>) -> Poll<Result<usize, Box<Status>>> {
        if self.walked == 0 {
            let rest = &self.kept[at..];
            self.walked = self.left.min(rest.len());
            let found = self.walk.as_mut().map_or(Ok(0), |walk| walk.read(&rest[..self.walked]));
            match found {
                Ok(found) => self.owed = found,
                Err(refused) => return Poll::Ready(Err(self.refuse(refused))),
            }
        }
        if self.owed > 0 {
            ready!(self.charge.grow(self.owed, context)).map_err(boxed)?;
        }
        let step = std::mem::take(&mut self.walked);
        self.owed = 0;
        assert!(step > 0 && step <= self.left, "{step} bytes of a message are handed on, of {} to come", self.left);
        self.left -= step;
        if self.left == 0 {
            self.running = None;
        }
        Poll::Ready(Ok(step))
    }

    /// Reads the prefix of a message, or what has come of it, from `at` on, and charges the message's
    /// length; how many bytes of it may be handed on.
    fn prefix(&mut self, at: usize, context: &Context<'_>) -> Poll<Result<usize, Box<Status>>> {
        let rest = &self.kept[at..];
        let part = &rest[..rest.len().min(PREFIX - self.prefix_len)];
        let mut prefix = self.prefix;
        prefix[self.prefix_len..self.prefix_len + part.len()].copy_from_slice(part);
        if self.prefix_len + part.len() < PREFIX {
            (self.prefix, self.prefix_len) = (prefix, self.prefix_len + part.len());
            return Poll::Ready(Ok(part.len()));
        }
        let [flag, length @ ..] = prefix;
        let length = u32::from_be_bytes(length);
        let size = length as usize;
        // The decoder refuses what is over its limit before it sets anything aside, and what is compressed.
        let is_decoded = size <= self.limit && flag == 0;
        if size <= self.limit {
            ready!(self.charge.begin(size, context)).map_err(boxed)?;
        }
        if let Some(walk) = &mut self.walk {
            if is_decoded { walk.begin(length) } else { walk.skip() }
        }
        let step = part.len();
        (self.prefix_len, self.left) = (0, size);
        if size == 0 {
            self.running = None;
        }
        Poll::Ready(Ok(step))
    }

    fn refuse(&self, refused: Refused) -> Box<Status> {
        match refused {
            Refused::NotAMessage => Box::new(not_a_message()),
            Refused::TooMany(place) if self.takes_batch && place == "events" => boxed(too_many_events()),
            Refused::TooMany(place) => {
                let message = format!("must have at most {} items, as every list", grouped(limits::LIST_ITEMS));
                boxed(Refusal::field(place, message))
            }
        }
    }

    /// Whether the time for what is to come is over.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let is_inside = self.left > 0 || self.prefix_len > 0;
        if !is_inside && !self.patience.always {
            return false;
        }
        let time = self.patience.time;
        let running = self.running.get_or_insert_with(|| Box::pin(sleep(time)));
        running.as_mut().poll(context).is_ready()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Intake<B>
where
    B::Error: Into<tonic::codegen::StdError>,
{
    type Data = Bytes;
    type Error = tonic::codegen::StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        loop {
            if !this.kept.is_empty() {
                return match this.admit(context) {
                    Poll::Ready(Ok(bytes)) => Poll::Ready(Some(Ok(Frame::data(this.kept.split_to(bytes))))),
                    Poll::Ready(Err(status)) => Poll::Ready(Some(Err((*status).into()))),
                    Poll::Pending => Poll::Pending,
                };
            }
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.kept = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending if this.is_late(context) => {
                    let status = Status::deadline_exceeded("the message took too long to arrive; send it again");
                    return Poll::Ready(Some(Err(status.into())));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.kept.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
