//! The answers of the publishing calls in ProtoJSON.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::Message;
use serde_json::{Value, json};
use tenterhook_model::Timestamp;
use tenterhook_proto::tenterhook::v1::{self, stream_publish_events_response::Outcome};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::frame::PREFIX;
use crate::problem::Problem;

/// The content type of answers.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer of PublishEvent (`is_one`) or BatchPublishEvents.
pub(super) async fn of_call(response: Response<Body>, is_one: bool) -> Response<Body> {
    if let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) {
        return Problem::of(&status).response();
    }
    let mut messages = Messages::new(response.into_body());
    let answer = std::future::poll_fn(|context| {
        if is_one {
            messages
                .poll(context)
                .map_ok(|answer: v1::PublishEventResponse| json!({ "result": answer.result.as_ref().map(result) }))
        } else {
            messages.poll(context).map_ok(|answer: v1::BatchPublishEventsResponse| {
                json!({ "results": answer.results.iter().map(result).collect::<Vec<_>>() })
            })
        }
    });
    match answer.await {
        Some(Ok(answer)) => {
            let text = Some(Bytes::from(answer.to_string()));
            let mut response = Response::new(Body::new(Answer { text, _call: messages.body }));
            response.headers_mut().insert(CONTENT_TYPE, JSON);
            response
        }
        Some(Err(status)) => Problem::of(&status).response(),
        None => Problem::of(&Status::internal("the call has no answer")).response(),
    }
}

/// An answer, and the call that it is of: that is over once the client has taken it.
struct Answer {
    text: Option<Bytes>,
    _call: Body,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.text.take().map(|text| Ok(Frame::data(text))))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.text.as_ref().map_or(0, |text| text.len() as u64))
    }
}

/// The messages of an answer.
pub(super) struct Messages {
    body: Body,
    bytes: BytesMut,
}

impl Messages {
    /// Those in `body`.
    pub(super) fn new(body: Body) -> Self {
        Self { body, bytes: BytesMut::new() }
    }

    /// The next message; the status that ends them early; or their end.
    pub(super) fn poll<M: Message + Default>(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<M, Status>>> {
        loop {
            if let Some(message) = self.next() {
                let unreadable = |_| Status::internal("the response of the call cannot be read");
                return Poll::Ready(Some(M::decode(message).map_err(unreadable)));
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.bytes.extend_from_slice(&data),
                    Err(other) => {
                        let trailers = other.into_trailers().unwrap_or_default();
                        let status = Status::from_header_map(&trailers);
                        return Poll::Ready(status.filter(|status| status.code() != Code::Ok).map(Err));
                    }
                },
            }
        }
    }

    fn next(&mut self) -> Option<BytesMut> {
        let [_, length @ ..] = self.bytes.first_chunk::<PREFIX>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if self.bytes.len() < PREFIX + length {
            return None;
        }
        self.bytes.advance(PREFIX);
        Some(self.bytes.split_to(length))
    }
}

/// The reason of a status.
pub(super) fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

fn result(result: &v1::PublishResult) -> Value {
    json!({
        "eventId": result.event_id,
        "publishTime": result.publish_time.as_ref().and_then(time),
        "duplicate": result.duplicate,
        "deliveryCount": result.delivery_count,
    })
}

fn time(time: &prost_types::Timestamp) -> Option<String> {
    let nanos = u32::try_from(time.nanos).ok()?;
    Timestamp::new(time.seconds, nanos).map(Timestamp::rfc3339)
}

/// An acknowledgement. 64-bit numbers are texts in ProtoJSON.
pub(super) fn acknowledgement(message: &v1::StreamPublishEventsResponse) -> Value {
    let sequence = message.sequence.to_string();
    match &message.outcome {
        Some(Outcome::Result(stored)) => json!({ "sequence": sequence, "result": result(stored) }),
        Some(Outcome::Error(refused)) => {
            let mut line = json!({ "sequence": sequence });
            line["error"] = error(refused)["error"].take();
            line
        }
        None => json!({ "sequence": sequence }),
    }
}

/// An error of the stream.
pub(super) fn error(error: &v1::PublishError) -> Value {
    json!({ "error": {
        "code": error.code,
        "reason": error.reason().as_str_name(),
        "message": error.message,
        "field": error.field,
    }})
}
