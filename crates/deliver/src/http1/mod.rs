//! One HTTP/1.1 connection, driven by the attempt that uses it.
//!
//! Requests are written and answers read here, not by hyper: header names go out as they were
//! written, and an answer whose status accepts the event is not lost over a line that decides
//! nothing (docs/decisions/0035). An idle connection costs no task; that the receiver has closed
//! it is seen when it is about to be used again.

mod body;
mod head;
mod line;
mod write;

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::buf::Chain;
use bytes::{Buf, Bytes, BytesMut};
use tenterhook_model::{PreparedRequest, limits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::AttemptError;
use crate::progress::{Phase, Progress};
use crate::proxy::ProxyFailure;
use crate::resend::Broken;
use crate::wire::{Heard, Wire};
use body::{Body, Framing, Step};
use head::{HEAD_BYTES, Head, NotHttp};
use line::Line;
pub(crate) use write::Forwarder;

/// Bytes that are read at a time: an answer is usually one read.
const READ_BYTES: usize = 8 * 1_024;
/// Parts of a request that go out in one system call.
const SLICES: usize = 2;
/// How a status line begins (RFC 9112 section 4).
const STATUS_START: &[u8] = b"HTTP/";
/// What a proxy answers that wants other credentials (RFC 9110 section 15.5.8).
const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;
/// What a receiver says that closes a connection on which it waited too long for a request.
const REQUEST_TIMEOUT: u16 = 408;
/// How a TLS record begins (RFC 8446 section 5.1): an alert or a handshake, and the version.
const TLS_STARTS: [[u8; 2]; 2] = [[0x15, 0x03], [0x16, 0x03]];

/// A connection that is idle or in the hands of one attempt.
#[derive(Debug)]
pub(crate) struct Http1<S> {
    wire: Wire<S>,
    heard: Heard,
    /// What has come in and is not used yet.
    input: BytesMut,
    /// What of the request has yet to go out.
    outgoing: Option<Chain<Bytes, Bytes>>,
    /// Whether another request may be sent.
    reusable: bool,
    /// Whether it has carried an answer.
    served: bool,
    /// The proxy at its other end, when that passes requests on.
    forwarder: Option<Box<Forwarder>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Http1<S> {
    /// Speaks HTTP/1.1 over `wire`.
    pub(crate) fn open(wire: Wire<S>) -> Self {
        let heard = wire.heard();
        Self { wire, heard, input: BytesMut::new(), outgoing: None, reusable: true, served: false, forwarder: None }
    }

    /// Speaks HTTP/1.1 over `wire` to a proxy that passes requests on.
    pub(crate) fn open_to_forwarder(wire: Wire<S>, forwarder: Forwarder) -> Self {
        Self { forwarder: Some(Box::new(forwarder)), ..Self::open(wire) }
    }

    /// Whether another request can be sent: the last exchange is over, and the receiver has
    /// neither closed the connection nor said anything since, as far as can be seen from here.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.reusable && self.poll_receive(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Sends `request` and puts the answer into `progress`. Once the status is known the exchange
    /// has succeeded, however the answer goes on.
    ///
    /// # Cancel safety
    /// A connection whose exchange was dropped half-way is not idle and must be dropped too.
    pub(crate) async fn exchange(&mut self, request: &PreparedRequest, progress: &mut Progress) -> Result<(), Broken> {
        debug_assert!(self.reusable && self.input.is_empty(), "an exchange begins on an idle connection");
        let written = write::write(request, self.forwarder.as_deref())?;
        let left = self.outgoing.as_ref().map_or(0, Buf::remaining);
        assert!(
            self.outgoing.is_none(),
            "{left} bytes of the request before are still to go, and would be mixed with it"
        );
        self.outgoing = Some(written.head.chain(written.body));
        self.reusable = false;
        let heard = self.heard.bytes();
        let (mut head, is_whole) = match self.head(progress).await {
            Ok(head) => head,
            // A receiver may close a connection when it has been idle for a while, whatever is on the way.
            Err(error) => return Err(Broken { unprocessed: self.served && self.heard.bytes() == heard, error }),
        };
        let status = head.status().expect("reading a head ends with its status, or an error");
        if status == PROXY_AUTHENTICATION_REQUIRED && self.forwarder.is_some() {
            return Err(AttemptError::from(ProxyFailure::wants_credentials(&progress.proxy)).into());
        }
        let framed = is_whole.then(|| head.framing(&mut progress.notes));
        // It gave up waiting for a request before it saw this one (RFC 9110 section 15.5.9).
        if self.served && status == REQUEST_TIMEOUT && framed.is_none_or(|(_, stays_open)| !stays_open) {
            return Err(Broken { unprocessed: true, error: AttemptError::Closed });
        }
        progress.heard_head(status, std::mem::take(&mut head.headers));
        if let Some((framing, stays_open)) = framed {
            let ended = self.body(framing, progress).await;
            if ended && !self.input.is_empty() {
                progress.notes.add("more came after the response");
            }
            assert!(!self.reusable, "a connection is in the hands of one attempt until its exchange is over");
            self.reusable = ended && stays_open && self.outgoing.is_none() && progress.notes.is_empty();
        }
        self.input = BytesMut::new();
        self.served = true;
        progress.phase = Phase::Done;
        Ok(())
    }

    /// The head of the answer, after interim ones, and whether all of it was read.
    async fn head(&mut self, progress: &mut Progress) -> Result<(Head, bool), AttemptError> {
        let (mut head, mut bytes) = (Head::default(), 0);
        while bytes <= HEAD_BYTES {
            let (text, taken) = match line::first(&self.input) {
                Line::Whole { text, bytes } => (text, bytes),
                Line::Cut { text } => {
                    progress.notes.add("a header line was too long and was cut");
                    let taken = text.end;
                    (text, taken)
                }
                Line::Part => {
                    if let Err(error) = self.more().await {
                        let error = if self.is_no_status_line(&head) { self.not_http() } else { error };
                        return decided(head, progress, "the connection ended within the head", error);
                    }
                    continue;
                }
            };
            let is_cut = text.end == taken;
            let ends = head.take(&self.input[text], &mut progress.notes).map_err(|NotHttp| self.not_http())?;
            debug_assert!(taken > 0, "a line has at least its end, so reading on comes to an end");
            self.input.advance(taken);
            bytes += taken;
            if is_cut {
                match self.skip_line().await {
                    Ok(skipped) => bytes += skipped,
                    Err(error) => return decided(head, progress, "the connection ended within the head", error),
                }
            }
            if ends && is_final(&head) {
                return Ok((head, true));
            }
            if ends {
                head = Head::default();
            }
        }
        decided(head, progress, "its head has no end", AttemptError::HeadTooLarge)
    }

    /// Reads the body; true when its end was found.
    async fn body(&mut self, framing: Framing, progress: &mut Progress) -> bool {
        let (mut body, mut skipped) = (Body::new(framing), 0);
        while skipped <= limits::ANSWER_READ_BYTES {
            match body.step(&self.input) {
                Step::Data(bytes) => {
                    let wants_more = progress.capture.take(&self.input[..bytes]);
                    self.input.advance(bytes);
                    if !wants_more {
                        return false;
                    }
                }
                Step::Skip(bytes) => {
                    self.input.advance(bytes);
                    skipped += bytes;
                }
                Step::More => match self.more().await {
                    Ok(()) => {}
                    Err(AttemptError::Closed) if body.ends_by_closing() => return false,
                    Err(_) if body.ends_by_closing() => {
                        progress.notes.add("the connection broke at the end of the body, which may be cut");
                        return false;
                    }
                    Err(_) => {
                        progress.notes.add("the connection ended before the body was whole");
                        return false;
                    }
                },
                Step::End => return true,
                Step::Broken => {
                    progress.notes.add("the chunks of the body cannot be read");
                    return false;
                }
            }
        }
        false
    }

    /// Drops what is left of a line that was too long; the bytes of it.
    async fn skip_line(&mut self) -> Result<usize, AttemptError> {
        let mut skipped = 0;
        while skipped <= HEAD_BYTES {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                self.input.advance(end + 1);
                return Ok(skipped + end + 1);
            }
            skipped += self.input.len();
            self.input.clear();
            self.more().await?;
        }
        Ok(skipped)
    }

    /// Whether what came before the end cannot become a status line.
    fn is_no_status_line(&self, head: &Head) -> bool {
        let known = self.input.len().min(STATUS_START.len());
        head.status().is_none() && self.input[..known] != STATUS_START[..known]
    }

    fn not_http(&self) -> AttemptError {
        AttemptError::NotHttp { is_tls: TLS_STARTS.iter().any(|start| self.input.starts_with(start)) }
    }

    /// Waits for more of the answer while the rest of the request goes out.
    async fn more(&mut self) -> Result<(), AttemptError> {
        let received = poll_fn(|cx| {
            self.poll_send(cx);
            self.poll_receive(cx)
        });
        match received.await {
            Ok(0) => Err(AttemptError::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(AttemptError::Broken(error)),
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buffer))?;
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Sends what can be sent now. An error is not looked at: a receiver may answer before it has
    /// read everything and close, and if it has not answered, reading fails too.
    fn poll_send(&mut self, cx: &mut Context<'_>) {
        while let Some(outgoing) = &mut self.outgoing {
            let wire = Pin::new(&mut self.wire);
            if !outgoing.has_remaining() {
                match wire.poll_flush(cx) {
                    Poll::Ready(Ok(())) => self.outgoing = None,
                    _ => return,
                }
                continue;
            }
            let polled = if wire.is_write_vectored() {
                let mut slices = [io::IoSlice::new(&[]); SLICES];
                let filled = outgoing.chunks_vectored(&mut slices);
                wire.poll_write_vectored(cx, &slices[..filled])
            } else {
                wire.poll_write(cx, outgoing.chunk())
            };
            match polled {
                Poll::Ready(Ok(written)) if written > 0 => {
                    let left = outgoing.remaining();
                    assert!(written <= left, "{written} bytes were sent of a request that had {left} left");
                    outgoing.advance(written);
                }
                _ => return,
            }
        }
    }
}

/// Whether a head is that of the answer itself. After 101 the receiver would speak something else,
/// which nobody asked for, so it is the answer too.
fn is_final(head: &Head) -> bool {
    head.status().is_some_and(|status| status == 101 || status >= 200)
}

/// What becomes of a head that broke off: the status decides, if it is there.
fn decided(
    head: Head,
    progress: &mut Progress,
    note: &'static str,
    error: AttemptError,
) -> Result<(Head, bool), AttemptError> {
    if !is_final(&head) {
        return Err(error);
    }
    progress.notes.add(note);
    Ok((head, false))
}
