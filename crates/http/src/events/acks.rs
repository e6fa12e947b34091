//! The answer to a body of lines: one acknowledgement a line, in their order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use serde_json::Value;
use tenterhook_api::invalid;
use tenterhook_model::Fault;
use tenterhook_proto::tenterhook::v1::{self, ErrorReason, stream_publish_events_response::Outcome};
use tokio::task::coop::poll_proceed;
use tonic::body::Body;
use tonic::{Code, Status};

use super::answer::{Messages, acknowledgement, error, reason};
use crate::problem::Problem;

/// The content type of lines of JSON.
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// Refused lines that wait for the acknowledgements before them; more are not read meanwhile.
const REFUSED_MAX: usize = 64;

/// Lines that were refused before they became messages. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Refused(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// Messages so far.
    messages: u64,
    /// Refused lines, each with the number of messages before it.
    lines: VecDeque<(u64, v1::StreamPublishEventsResponse)>,
}

impl Refused {
    /// Notes that a line became a message.
    pub(super) fn passed(&self) {
        self.lock().messages += 1;
    }

    /// Refuses the line with this number.
    pub(super) fn push(&self, sequence: u64, faults: Vec<Fault>) {
        let field = faults.first().map(|fault| fault.field.clone()).unwrap_or_default();
        let message = invalid(faults).message().to_owned();
        let error = v1::PublishError {
            code: Code::InvalidArgument.into(),
            reason: ErrorReason::InvalidField.into(),
            message,
            field,
        };
        let mut queue = self.lock();
        let before = queue.messages;
        debug_assert!(
            queue.lines.back().is_none_or(|(_, line)| line.sequence < sequence),
            "lines are acknowledged in their order, and {sequence} comes behind a later one"
        );
        queue
            .lines
            .push_back((before, v1::StreamPublishEventsResponse { sequence, outcome: Some(Outcome::Error(error)) }));
        assert!(queue.lines.len() <= REFUSED_MAX, "{} refused lines wait", queue.lines.len());
    }

    /// Whether no more can be refused for now.
    pub(super) fn is_full(&self) -> bool {
        self.lock().lines.len() >= REFUSED_MAX
    }

    /// The next refused line, if it comes after so many acknowledged messages.
    fn next(&self, acknowledged: u64) -> Option<v1::StreamPublishEventsResponse> {
        let mut queue = self.lock();
        let is_next = queue.lines.front().is_some_and(|(before, _)| *before <= acknowledged);
        if is_next { queue.lines.pop_front().map(|(_, line)| line) } else { None }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of the call, with the lines that were `refused` between its acknowledgements.
pub(super) fn answer(response: Response<Body>, refused: Refused) -> Response<Body> {
    if let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) {
        return Problem::of(&status).response();
    }
    let messages = Messages::new(response.into_body());
    let mut response = Response::new(Body::new(Acks {
        messages,
        refused,
        acknowledged: 0,
        next: None,
        has_ended: false,
        reason: None,
    }));
    response.headers_mut().insert(CONTENT_TYPE, NDJSON);
    response
}

/// The acknowledgements as lines.
struct Acks {
    messages: Messages,
    refused: Refused,
    acknowledged: u64,
    /// The next acknowledgement, while lines that were refused before it wait.
    next: Option<Value>,
    has_ended: bool,
    /// The line that says why it ended early.
    reason: Option<Value>,
}

impl Acks {
    fn poll_line(&mut self, context: &mut Context<'_>) -> Poll<Option<Value>> {
        // Asked first: the lines that are read for an acknowledgement may be refused before it comes.
        if self.next.is_none() && !self.has_ended {
            match self.messages.poll::<v1::StreamPublishEventsResponse>(context) {
                Poll::Ready(Some(Ok(message))) => self.next = Some(acknowledgement(&message)),
                Poll::Ready(ended) => {
                    self.has_ended = true;
                    // Nothing comes before the lines that are still refused, and the reason after them.
                    self.acknowledged = u64::MAX;
                    self.reason = ended.and_then(Result::err).map(|status| last(&status));
                }
                Poll::Pending => {}
            }
        }
        if let Some(refused) = self.refused.next(self.acknowledged) {
            return Poll::Ready(Some(acknowledgement(&refused)));
        }
        if let Some(next) = self.next.take() {
            self.acknowledged += 1;
            let sent = self.refused.lock().messages;
            debug_assert!(self.acknowledged <= sent, "{} of {sent} messages are acknowledged", self.acknowledged);
            return Poll::Ready(Some(next));
        }
        if self.has_ended { Poll::Ready(self.reason.take()) } else { Poll::Pending }
    }
}

/// The line that says why the stream ended early: an error of no line.
fn last(status: &Status) -> Value {
    let reason = reason(status).and_then(|name| ErrorReason::from_str_name(&format!("ERROR_REASON_{name}")));
    error(&v1::PublishError {
        code: status.code().into(),
        reason: reason.unwrap_or_default().into(),
        message: status.message().to_owned(),
        field: String::new(),
    })
}

impl HttpBody for Acks {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Lines may be refused as fast as they come: after a while the other connections have their turn.
        let turn = ready!(poll_proceed(context));
        let line = self.poll_line(context);
        if line.is_ready() {
            turn.made_progress();
        }
        line.map(|line| line.map(|line| Ok(Frame::data(Bytes::from(format!("{line}\n"))))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
