//! A connection as HTTP sees it: plain or TLS, counting the bytes that came in.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tls::{Given, Stream};

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: TokioIo<Stream<S>>,
    heard: Heard,
    /// Whether the other side takes nothing any more. What it said before is read nevertheless: HTTP/2 would give up at
    /// the failed write, with an answer or a GOAWAY unread. The end of what can be read follows.
    is_deaf: bool,
}

/// How many bytes have come in on a connection: tells a receiver that said nothing from one
/// that broke off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<AtomicU64>);

impl Heard {
    /// Bytes so far, as HTTP sees them.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether both count one connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<S> Wire<S> {
    pub(crate) fn plain(stream: S) -> Self {
        Self::new(MaybeHttpsStream::Http(Given::new(stream)))
    }

    pub(crate) fn new(stream: Stream<S>) -> Self {
        Self { stream: TokioIo::new(stream), heard: Heard::default(), is_deaf: false }
    }

    /// The counter, which stays valid when the connection has been handed on.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// What was `polled` by writing; `lost` once the other side takes nothing any more.
    fn written<T>(&mut self, polled: Poll<io::Result<T>>, lost: T) -> Poll<io::Result<T>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match polled {
            Poll::Ready(Err(error))
                if self.is_deaf || matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) =>
            {
                self.is_deaf = true;
                Poll::Ready(Ok(lost))
            }
            polled => polled,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.heard.0.fetch_add(read as u64, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(polled, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(polled, parts.iter().map(|part| part.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(polled, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(polled, ())
    }
}
