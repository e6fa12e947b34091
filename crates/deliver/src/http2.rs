//! One HTTP/2 connection, shared by all attempts to its receiver.
//!
//! Its work is a task of its own, since no single attempt outlives the others; it belongs
//! to the deliverer's tracker and ends with it.

use std::future::Future;

use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tenterhook_model::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::{Phase, Progress};
use crate::error::AttemptError;
use crate::request::{Body, Request};
use crate::wire::{Heard, Wire};

/// How much of one answer may be under way: as much as is read of it.
const STREAM_WINDOW: u32 = limits::ANSWER_READ_BYTES as u32;
/// How much of all answers on one connection may be under way.
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;

/// Where the tasks of connections live.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    pub(crate) tracker: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends or the deliverer is closed.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                // Closing comes first: a busy connection must not keep it waiting.
                biased;
                () = cancel.cancelled() => {}
                () = task => {}
            }
        });
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// A handle on a connection; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Http2 {
    sender: http2::SendRequest<Body>,
    heard: Heard,
}

impl Http2 {
    /// Speaks HTTP/2 over `wire`, in a task among `tasks`.
    pub(crate) async fn open<S>(wire: Wire<S>, tasks: &Tasks) -> Result<Self, AttemptError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heard = wire.heard();
        let (sender, driver) = http2::Builder::new(tasks.clone())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(2 * limits::HEADERS_BYTES as u32)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(AttemptError::Http)?;
        tasks.spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "an HTTP/2 connection ended");
            }
        });
        Ok(Self { sender, heard })
    }

    /// Whether the connection takes more requests, as far as can be seen from here.
    pub(crate) fn is_open(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether both are handles on one connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.heard.is_same(&other.heard)
    }

    /// Sends `request` and puts the answer into `progress`.
    ///
    /// # Cancel safety
    /// Dropping the future resets its stream; the connection goes on.
    pub(crate) async fn exchange(&mut self, request: Request, progress: &mut Progress) -> Result<(), AttemptError> {
        let answer = self.sender.send_request(request).await.map_err(AttemptError::Http)?;
        progress.heard_head(&answer);
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(AttemptError::Http)?;
            if let Some(data) = frame.data_ref()
                && !progress.capture.take(data)
            {
                break;
            }
        }
        progress.phase = Phase::Done;
        Ok(())
    }
}
