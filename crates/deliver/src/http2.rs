//! One HTTP/2 connection, shared by all attempts to its receiver.
//!
//! Its work is a task of its own, since no single attempt outlives the others; it belongs
//! to the deliverer's tracker and ends with it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http_body_util::BodyExt;
use hyper::client::conn::{TrySendError, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tenterhook_model::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capture;
use crate::error::AttemptError;
use crate::progress::{Phase, Progress};
use crate::request::{Body, Request};
use crate::resend::Broken;
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
    streams: Arc<Streams>,
}

/// The exchanges of a connection.
#[derive(Debug)]
struct Streams {
    under_way: AtomicUsize,
    /// As many as the receiver takes at a time (RFC 9113 section 5.1.2).
    most: AtomicUsize,
    /// Set with the first exchange.
    used: AtomicBool,
    /// Set with the first answer, before which the receiver has told its settings.
    answered: AtomicBool,
    /// Rung then, so that the connection's task reads them.
    settled: Notify,
}

impl Streams {
    fn new(most: usize) -> Self {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(most));
        Self { under_way, most, used: AtomicBool::new(false), answered: AtomicBool::new(false), settled: Notify::new() }
    }

    fn note_answer(&self) {
        if !self.answered.swap(true, Ordering::Relaxed) {
            self.settled.notify_one();
        }
    }
}

/// A place on a connection for one exchange.
#[derive(Debug)]
pub(crate) struct Seat {
    connection: Http2,
    /// Whether an exchange had a place before this one.
    is_first: bool,
}

impl Http2 {
    /// Speaks HTTP/2 over `wire`, in a task among `tasks`.
    pub(crate) async fn open<S>(wire: Wire<S>, tasks: &Tasks) -> Result<Self, AttemptError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heard = wire.heard();
        let (sender, mut driver) = http2::Builder::new(tasks.clone())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(limits::ANSWER_HEAD_BYTES as u32)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(AttemptError::Http2)?;
        let streams = Arc::new(Streams::new(driver.current_max_send_streams()));
        let told = Arc::clone(&streams);
        tasks.spawn(async move {
            let result = loop {
                let ended = tokio::select! {
                    biased;
                    ended = &mut driver => Some(ended),
                    () = told.settled.notified() => None,
                };
                told.most.store(driver.current_max_send_streams(), Ordering::Relaxed);
                if let Some(ended) = ended {
                    break ended;
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, "an HTTP/2 connection ended");
            }
        });
        Ok(Self { sender, heard, streams })
    }

    /// A place on the connection, if it is open and the receiver takes one more exchange, as
    /// far as can be seen from here.
    pub(crate) fn join(&self) -> Option<Seat> {
        let most = self.streams.most.load(Ordering::Relaxed).max(1);
        let has_room = self.is_open() && self.streams.under_way.load(Ordering::Relaxed) < most;
        has_room.then(|| {
            self.streams.under_way.fetch_add(1, Ordering::Relaxed);
            let is_first = !self.streams.used.swap(true, Ordering::Relaxed);
            Seat { connection: self.clone(), is_first }
        })
    }

    /// Whether it can still be used.
    pub(crate) fn is_open(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether both are handles on one connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.heard.is_same(&other.heard)
    }
}

impl Seat {
    /// The connection.
    pub(crate) fn connection(&self) -> &Http2 {
        &self.connection
    }

    /// Sends `request` and puts the answer into `progress`.
    ///
    /// # Cancel safety
    /// Dropping the future resets its stream; the connection goes on.
    pub(crate) async fn exchange(&self, request: Request, progress: &mut Progress) -> Result<(), Broken> {
        let mut sender = self.connection.sender.clone();
        let answer = sender.try_send_request(request).await.map_err(|error| self.broken(error))?;
        self.connection.streams.note_answer();
        progress.heard_head(answer.status().as_u16(), capture::headers(&answer));
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            // The status has decided; see `Http1::exchange`.
            let Ok(frame) = frame else {
                progress.notes.add("the stream ended before the body was whole");
                break;
            };
            if let Some(data) = frame.data_ref()
                && !progress.capture.take(data)
            {
                break;
            }
        }
        progress.phase = Phase::Done;
        Ok(())
    }

    /// Why there is no answer. The request was not processed when it never left, when the receiver
    /// says so, and when a connection that was in use before ended without a word to it.
    fn broken(&self, mut error: TrySendError<Request>) -> Broken {
        let never_left = error.take_message().is_some();
        let error = AttemptError::Http2(error.into_error());
        let has_ended = !self.is_first && !self.connection.is_open();
        Broken { unprocessed: never_left || error.is_refusal() || has_ended, error }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let before = self.connection.streams.under_way.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "a seat is given back once");
    }
}
