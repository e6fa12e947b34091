//! The bytes of one connection, below HTTP and above TLS.
//!
//! It counts the frames of HTTP/2 ([`Frames`]), ends a connection whose writes stand still, and reads little
//! more while they do: what a client asks for without taking the answers would pile up here,
//! since neither HTTP/2's streams nor its flow control count a call that is answered.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

use super::cut::Cut;
use super::frames::Frames;
use super::greeting::{Greeting, Protocol};

/// Bytes that are read while writes stand still: the requests of at most a few hundred calls.
const CREDIT: usize = 16 * 1024;
/// While writes are slow, this many bytes must be written for each that is read: a refusal is
/// never smaller than the smallest call.
const WRITTEN_A_READ: usize = 2;

/// What the connection's task learns of its wire.
#[derive(Debug, Default)]
pub(super) struct Signs {
    opened: AtomicBool,
    on_open: Notify,
    cut: OnceLock<Cut>,
}

impl Signs {
    /// Waits until the client has opened HTTP/2, or has sent the head of its first request.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped. One task may wait at a time.
    pub(super) async fn opened(&self) {
        while !self.opened.load(Ordering::Acquire) {
            self.on_open.notified().await;
        }
    }

    /// Takes note that the client has done so.
    pub(super) fn open(&self) {
        if !self.opened.swap(true, Ordering::AcqRel) {
            self.on_open.notify_one();
        }
    }

    /// Why the wire ended the connection, if it did.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.cut.get().copied()
    }
}

/// A connection's bytes.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    /// Was read to know the protocol, and is to be read again.
    greeting: Greeting,
    /// The frames of HTTP/2.
    frames: Option<Frames>,
    signs: Arc<Signs>,
    /// Longest time that writes may stand still.
    patience: Duration,
    /// Runs while writes stand still.
    standing: Option<Pin<Box<Sleep>>>,
    /// Whether the last write or flush could not go on.
    is_blocked: bool,
    credit: usize,
    sent: u64,
    /// Waits for credit.
    reader: Option<Waker>,
}

impl<S> Wire<S> {
    /// Watches over `stream`, which began with `greeting` and whose writes may stand still for `patience`.
    pub(super) fn new(stream: S, greeting: Greeting, patience: Duration, signs: Arc<Signs>) -> Self {
        let frames = (greeting.protocol() == Protocol::Http2).then(Frames::new);
        let (standing, is_blocked, reader) = (None, false, None);
        Self { stream, greeting, frames, signs, patience, standing, is_blocked, credit: CREDIT, sent: 0, reader }
    }

    fn cut(&self, why: Cut) -> io::Error {
        let _ = self.signs.cut.set(why);
        io::ErrorKind::ConnectionAborted.into()
    }

    /// Takes note of how a write or flush went; an error in its place when writes stand still for too long.
    fn wrote<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        self.is_blocked = result.is_pending();
        let Poll::Ready(done) = result else {
            let patience = self.patience;
            self.standing.get_or_insert_with(|| Box::pin(sleep(patience)));
            return if self.is_stuck(context) { Poll::Ready(Err(self.cut(Cut::Stuck))) } else { Poll::Pending };
        };
        self.standing = None;
        let bytes = done.as_ref().map_or(0, bytes);
        self.sent += bytes as u64;
        self.credit = (self.credit + bytes / WRITTEN_A_READ).min(CREDIT);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(done)
    }

    /// Whether writes have stood still for too long.
    fn is_stuck(&mut self, context: &mut Context<'_>) -> bool {
        self.standing.as_mut().is_some_and(|standing| standing.as_mut().poll(context).is_ready())
    }

    /// Takes note of what was read.
    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.credit = self.credit.saturating_sub(bytes.len());
        let Some(frames) = &mut self.frames else { return Ok(()) };
        if frames.came(bytes, self.sent).is_err() {
            return Err(self.cut(Cut::Flood));
        }
        if frames.is_open() {
            self.signs.open();
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.is_stuck(context) {
            return Poll::Ready(Err(this.cut(Cut::Stuck)));
        }
        if !this.is_blocked {
            this.credit = CREDIT;
        } else if this.credit == 0 {
            this.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = match this.greeting.take(buf.remaining()) {
            [] => Pin::new(&mut this.stream).poll_read(context, buf),
            first => {
                buf.put_slice(first);
                Poll::Ready(Ok(()))
            }
        };
        if let Poll::Ready(Ok(())) = read {
            this.came(&buf.filled()[before..])?;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let result = Pin::new(&mut this.stream).poll_write(context, buf);
        this.wrote(context, result, |bytes| *bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let result = Pin::new(&mut this.stream).poll_flush(context);
        this.wrote(context, result, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let result = Pin::new(&mut this.stream).poll_write_vectored(context, buffers);
        this.wrote(context, result, |bytes| *bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A wire whose far end takes `room` bytes before it stands still.
    fn wire(room: usize) -> (Wire<DuplexStream>, DuplexStream, Arc<Signs>) {
        let (near, far) = duplex(room);
        let signs = Arc::new(Signs::default());
        let mut greeting = Greeting::of(b"PRI");
        greeting.take(3);
        (Wire::new(near, greeting, PATIENCE, signs.clone()), far, signs)
    }

    /// Writes until nothing more goes, as HTTP/2 does while it has something to send.
    async fn fill(wire: &mut Wire<DuplexStream>) {
        std::future::poll_fn(|context| {
            while Pin::new(&mut *wire).poll_write(context, &[0; 64]).is_ready() {}
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_writes_stand_still_ends() {
        let (mut wire, _far, signs) = wire(1_000);
        fill(&mut wire).await;
        let begun = Instant::now();
        let error = wire.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!((begun.elapsed().as_secs(), signs.cut()), (PATIENCE.as_secs(), Some(Cut::Stuck)));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_writes_that_go_on_are_no_standstill() {
        let (mut wire, mut far, signs) = wire(1_000);
        for _ in 0..10 {
            fill(&mut wire).await;
            tokio::time::advance(PATIENCE - Duration::from_secs(1)).await;
            far.read_exact(&mut [0; 64]).await.unwrap();
            fill(&mut wire).await;
        }
        assert_eq!(signs.cut(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn little_is_read_while_writes_stand_still() {
        let (mut wire, mut far, _) = wire(64 * 1024);
        fill(&mut wire).await;
        far.write_all(&[1; 60 * 1024]).await.unwrap();
        let mut read = 0;
        let mut buffer = [0; 1_024];
        while let Ok(bytes) = tokio::time::timeout(Duration::from_secs(1), wire.read(&mut buffer)).await {
            read += bytes.unwrap();
        }
        assert_eq!(read, CREDIT);
        far.read_exact(&mut [0; 1_024]).await.unwrap();
        fill(&mut wire).await;
        let more = tokio::time::timeout(Duration::from_secs(1), wire.read(&mut buffer)).await.unwrap().unwrap();
        assert!((1..=1_024).contains(&more));
    }

    #[tokio::test]
    async fn a_wire_reports_the_end_of_the_preface() {
        let (mut wire, mut far, signs) = wire(1_000);
        far.write_all(&[[0; 24].as_slice(), &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat()).await.unwrap();
        wire.read_exact(&mut [0; 33]).await.unwrap();
        signs.opened().await;
    }

    #[tokio::test]
    async fn the_greeting_is_read_first_and_no_frames_are_counted_in_http_1() {
        let (near, mut far) = duplex(1_000);
        let signs = Arc::new(Signs::default());
        let mut wire = Wire::new(near, Greeting::of(b"G"), PATIENCE, signs.clone());
        far.write_all(b"ET / HTTP/1.1\r\n").await.unwrap();
        let mut read = [0; 16];
        wire.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"GET / HTTP/1.1\r\n");
        assert!(!signs.opened.load(Ordering::Acquire));
    }
}
