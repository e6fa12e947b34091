//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper gives a sender and a connection future that does the work. The usual way is to
//! spawn that future; here the attempt polls it itself, which spares two wakes of another
//! task a request, and an idle connection costs no task at all. That the receiver has
//! closed an idle connection is seen when it is about to be used again.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tenterhook_model::limits;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::attempt::{Phase, Progress};
use crate::error::AttemptError;
use crate::request::{Body, Request};
use crate::wire::{Heard, Wire};

/// Headers of an answer beyond which it is refused.
const ANSWER_HEADERS: usize = 2 * limits::HEADERS;

type Driver<S> = http1::Connection<TokioIo<Wire<S>>, Body>;

/// A connection that is idle or in the hands of one attempt.
#[derive(Debug)]
pub(crate) struct Http1<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    sender: http1::SendRequest<Body>,
    /// `None` once it has ended.
    driver: Option<Driver<S>>,
    heard: Heard,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Http1<S> {
    /// Speaks HTTP/1.1 over `wire`.
    pub(crate) async fn open(wire: Wire<S>) -> Result<Self, AttemptError> {
        let heard = wire.heard();
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(2 * limits::HEADERS_BYTES)
            .max_headers(ANSWER_HEADERS)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(AttemptError::Http)?;
        Ok(Self { sender, driver: Some(driver), heard })
    }

    /// Bytes that have come in.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.bytes()
    }

    /// Whether another request can be sent: the last exchange is over and the receiver has
    /// not closed the connection, as far as can be seen from here.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.poll_driver(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends `request` and puts the answer into `progress`.
    ///
    /// # Cancel safety
    /// A connection whose exchange was dropped half-way is not idle and must be dropped too.
    pub(crate) async fn exchange(&mut self, request: Request, progress: &mut Progress) -> Result<(), AttemptError> {
        let answer = self.sender.send_request(request);
        let answer = self.drive(answer).await.map_err(AttemptError::Http)?;
        progress.heard_head(&answer);
        let mut body = answer.into_body();
        while !hyper::body::Body::is_end_stream(&body) {
            let Some(frame) = self.drive(body.frame()).await else { break };
            let frame = frame.map_err(AttemptError::Http)?;
            if let Some(data) = frame.data_ref()
                && !progress.capture.take(data)
            {
                // Too long to read: the connection is given up with it.
                self.driver = None;
                break;
            }
        }
        progress.phase = Phase::Done;
        Ok(())
    }

    /// Waits for `future`, which needs this connection to work.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.poll_driver(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    fn poll_driver(&mut self, cx: &mut Context<'_>) {
        // An error reaches the exchange under way; dropping the driver ends an exchange that it forgot.
        if let Some(driver) = &mut self.driver
            && let Poll::Ready(_) = Pin::new(driver).poll(cx)
        {
            self.driver = None;
        }
    }
}
