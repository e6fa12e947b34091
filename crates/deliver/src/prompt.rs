//! A TCP connection that confirms at once what it is sent while it waits.
//!
//! A receiver whose socket gathers small writes (Nagle, RFC 896) holds its answer back as long as
//! something before it is not confirmed, such as the session tickets of TLS 1.3, and systems confirm
//! after up to 40 ms. Meanwhile the answer is late; and a receiver that closes with part of the request
//! unread never sends it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Waits of a connection that ask for it: those of the handshake, of the tickets, of the parts of a long request and of
/// the first answer. What comes later waits for nothing that is not confirmed by the next request.
const WAITS: u8 = 64;

/// A connection. Dialled by [`TcpDialer`](crate::TcpDialer).
#[derive(Debug)]
pub struct Prompt {
    stream: TcpStream,
    /// Waits that still ask for it.
    left: u8,
}

impl Prompt {
    /// Makes `stream` prompt.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, left: WAITS }
    }

    /// The connection itself.
    #[cfg(test)]
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.stream
    }

    fn confirm(&mut self) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        // A system that cannot confirms later.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = self.stream.set_quickack(true);
    }
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            self.confirm();
        }
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
