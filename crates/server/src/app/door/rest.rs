//! What is left of the body of a request of HTTP/1.1 once its answer is ready.
//!
//! A client sends its body to the end before it reads, and a connection that is closed while bytes
//! are on their way loses the answer (RFC 9112 section 9.6). So an early answer, such as the refusal
//! of a body that is too long, waits until the rest was read and dropped, within bounds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// Bytes of the rest that are read, and the time for them. Beyond, the connection is closed.
const REST: (usize, Duration) = (8 * 1024 * 1024, Duration::from_secs(2));

/// Where the body goes when nobody reads it any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Rest(Arc<Mutex<Option<Incoming>>>);

impl Rest {
    /// Reads and drops what is left.
    pub(super) async fn drop_it(self) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = left else { return };
        let (bytes, time) = REST;
        let drain = async {
            let mut read = 0;
            while read < bytes
                && let Some(Ok(frame)) = body.frame().await
            {
                read += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        // Who is too slow loses the answer.
        let _ = timeout(time, drain).await;
    }
}

/// A body whose rest is kept.
#[derive(Debug)]
pub(super) struct Kept {
    body: Option<Incoming>,
    rest: Rest,
}

impl Kept {
    /// `body`, whose rest goes to `rest`.
    pub(super) fn new(body: Incoming, rest: Rest) -> Self {
        Self { body: Some(body), rest }
    }
}

impl Body for Kept {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !body.is_end_stream());
        *self.rest.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}
