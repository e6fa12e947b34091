//! TLS over a stream that was dialled, and checked, before: hyper-rustls makes the handshake,
//! the dialler and the address guard stay ours.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

/// A connection that may be protected with TLS.
pub(crate) type Stream<S> = MaybeHttpsStream<Given<S>>;

/// Makes the handshake with the receiver called `name`.
///
/// # Errors
/// What the connection, or rustls, says.
pub(crate) async fn shake_hands<S>(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: S,
) -> io::Result<Stream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let name = Arc::new(FixedServerNameResolver::new(name));
    let mut connector = HttpsConnector::new(Handover(Some(stream)), config, true, name);
    // The URI only says that TLS is wanted: the stream is there, the name is fixed.
    connector.call(Uri::from_static("https://receiver/")).await.map_err(io_error)
}

/// Whether the receiver chose HTTP/2 in the handshake.
pub(crate) fn speaks_http2<S>(stream: &Stream<S>) -> bool {
    match stream {
        MaybeHttpsStream::Http(_) => false,
        MaybeHttpsStream::Https(stream) => stream.inner().get_ref().1.alpn_protocol() == Some(b"h2"),
    }
}

/// hyper-rustls wraps the error of the handshake; the one within tells what went wrong.
fn io_error(error: Box<dyn std::error::Error + Send + Sync>) -> io::Error {
    let error = match error.downcast::<io::Error>() {
        Ok(error) => *error,
        Err(other) => return io::Error::other(other),
    };
    if !error.get_ref().is_some_and(|inner| inner.is::<io::Error>()) {
        return error;
    }
    let inner = error.into_inner().and_then(|inner| inner.downcast::<io::Error>().ok());
    *inner.expect("the error within was just seen to be one of io")
}

/// Hands out the stream that was dialled when hyper-rustls asks for one.
struct Handover<S>(Option<S>);

impl<S> Service<Uri> for Handover<S> {
    type Response = Given<S>;
    type Error = Infallible;
    type Future = Ready<Result<Given<S>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().expect("a connector is made for one handshake");
        ready(Ok(Given::new(stream)))
    }
}

/// A dialled stream in the traits of hyper.
#[derive(Debug)]
pub(crate) struct Given<S>(TokioIo<S>);

impl<S> Given<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(TokioIo::new(stream))
    }
}

impl<S> Connection for Given<S> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl<S: AsyncRead + Unpin> Read for Given<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> Write for Given<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_the_handshake_comes_out_of_its_wrapping() {
        let inner = io::Error::new(io::ErrorKind::UnexpectedEof, "gone");
        let error = io_error(Box::new(io::Error::other(inner)));
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = io_error(Box::new(io::Error::new(io::ErrorKind::BrokenPipe, "pipe")));
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
