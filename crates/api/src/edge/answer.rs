//! The body of a response: it holds its call open until the client has taken it.
//!
//! The answer of a call with one answer is counted in bytes. The streams that anybody may open
//! end with a status of their own when the server stops or their connection is closed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

use super::connection::OpenCall;

/// Becomes ready with the status that a stream ends with.
pub(super) type Ending = Pin<Box<dyn Future<Output = Status> + Send>>;

/// The body of a response.
pub(crate) struct Answer<R> {
    /// What was read of the body to learn its size.
    first: Option<Frame<Bytes>>,
    body: R,
    call: Option<OpenCall>,
    ending: Option<Ending>,
    has_ended: bool,
}

impl<R> std::fmt::Debug for Answer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("call", &self.call).field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

impl<R> Answer<R> {
    /// A body that nothing is known of.
    pub(super) fn plain(body: R) -> Self {
        Self { first: None, body, call: None, ending: None, has_ended: false }
    }

    /// The `first` frame and the rest of the `body` of `call`.
    pub(super) fn of_call(first: Option<Frame<Bytes>>, body: R, call: OpenCall) -> Self {
        Self { first, call: Some(call), ..Self::plain(body) }
    }

    /// The stream of `call`, which ends at `ending` at the latest.
    pub(super) fn of_stream(body: R, call: OpenCall, ending: Option<Ending>) -> Self {
        Self { call: Some(call), ending, ..Self::plain(body) }
    }
}

impl<R: Body<Data = Bytes> + Unpin> Body for Answer<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.has_ended {
            return Poll::Ready(None);
        }
        // The body comes first: what it has to say before the end is sent.
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            return frame;
        }
        let Some(Poll::Ready(status)) = self.ending.as_mut().map(|ending| ending.as_mut().poll(context)) else {
            return Poll::Pending;
        };
        self.has_ended = true;
        let mut trailers = status.into_http::<()>().into_parts().0.headers;
        trailers.remove(CONTENT_TYPE);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && (self.has_ended || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.first.is_none() { self.body.size_hint() } else { SizeHint::default() }
    }
}
