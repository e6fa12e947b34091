//! Whether a client is closed, and what that ends.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::{Code, Status};

/// Shared by all clones of a client and their watches.
#[derive(Clone, Debug)]
pub(crate) struct Life(Arc<watch::Sender<bool>>);

impl Life {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn close(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when the client is closed.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.0.subscribe();
        async move {
            // An error would mean that the sender is gone, and with it the last client.
            let _ = receiver.wait_for(|closed| *closed).await;
        }
    }

    /// The body, which fails when the client is closed.
    pub(crate) fn bound(&self, inner: Body) -> Body {
        Body::new(Bounded { inner, closed: Box::pin(self.closed()) })
    }
}

/// Marks the status of a call that ended because its client was closed.
#[derive(Debug)]
pub(crate) struct ClosedMark;

impl fmt::Display for ClosedMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client is closed")
    }
}

impl std::error::Error for ClosedMark {}

pub(crate) fn closed_status() -> Status {
    let mut status = Status::cancelled(ClosedMark.to_string());
    status.set_source(Arc::new(ClosedMark));
    status
}

/// The status of an answer that broke off, which is no word of the server: tonic calls it UNKNOWN or CANCELLED.
pub(crate) fn broken(status: Status) -> Status {
    match status.code() {
        Code::Cancelled | Code::Unknown => Status::unavailable(status.message()),
        _ => status,
    }
}

struct Bounded {
    inner: Body,
    closed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Frames first: checking the client's life takes a lock.
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending if self.closed.as_mut().poll(cx).is_ready() => Poll::Ready(Some(Err(closed_status()))),
            Poll::Ready(Some(Err(status))) => Poll::Ready(Some(Err(broken(status)))),
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
