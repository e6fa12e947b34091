//! The bytes of one connection, below HTTP and above TLS.
//!
//! It counts the frames of HTTP/2 ([`Frames`]), ends a connection whose writes stand still, and reads little
//! more while they do: what a client asks for without taking the answers would pile up here,
//! since neither HTTP/2's streams nor its flow control count a call that is answered.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::cut::Cut;
use super::frames::Frames;
use super::greeting::{Greeting, Protocol};

/// Bytes that are read while writes stand still: the requests of at most a few hundred calls.
const CREDIT: usize = 16 * 1024;
/// While writes are slow, this many bytes must be written for each that is read: a refusal is
/// never smaller than the smallest call.
const WRITTEN_A_READ: usize = 2;
/// How long what a client still sends is read when its connection ends, and the silence after which it sends no more.
const GOODBYE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(1));
/// Bytes of it that are read at a time.
const DROPPED_BYTES: usize = 8 * 1024;

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
    /// When something came last.
    came_at: Instant,
    goodbye: Option<Goodbye>,
}

/// The end of a connection whose client may not know of it yet. Closed while it sends, it would be reset, and what it has
/// not read of its answers would be lost (RFC 9112 section 9.6).
#[derive(Debug)]
struct Goodbye {
    until: Instant,
    /// Runs while nothing comes.
    silence: Pin<Box<Sleep>>,
}

impl<S> Wire<S> {
    /// Watches over `stream`, which began with `greeting` and whose writes may stand still for `patience`.
    pub(super) fn new(stream: S, greeting: Greeting, patience: Duration, signs: Arc<Signs>) -> Self {
        let frames = (greeting.protocol() == Protocol::Http2).then(Frames::new);
        let (standing, is_blocked, reader, goodbye) = (None, false, None, None);
        let (credit, sent, came_at) = (CREDIT, 0, Instant::now());
        Self { stream, greeting, frames, signs, patience, standing, is_blocked, credit, sent, reader, came_at, goodbye }
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
        self.came_at = Instant::now();
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

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads and drops what still comes, until the client has ended its side or is silent.
    fn part(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (longest, silence) = GOODBYE;
        let goodbye = self.goodbye.get_or_insert_with(|| Goodbye {
            until: Instant::now() + longest,
            silence: Box::pin(sleep_until(self.came_at + silence)),
        });
        let mut space = [MaybeUninit::uninit(); DROPPED_BYTES];
        // What is there is read first: the client may have sent it while nobody read.
        while Instant::now() < goodbye.until {
            let mut dropped = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut dropped) {
                Poll::Pending => return goodbye.silence.as_mut().poll(context).map(Ok),
                Poll::Ready(Ok(())) if !dropped.filled().is_empty() => {
                    goodbye.silence.as_mut().reset(goodbye.until.min(Instant::now() + silence));
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
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
        let this = &mut *self;
        if this.goodbye.is_none() {
            let result = Pin::new(&mut this.stream).poll_shutdown(context);
            ready!(this.wrote(context, result, |()| 0))?;
        }
        this.part(context)
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

    #[tokio::test(start_paused = true)]
    async fn what_a_client_still_sends_is_read_until_it_ends_or_for_five_seconds() {
        for ends in [true, false] {
            let (mut wire, mut far, _) = wire(1_000);
            let begun = Instant::now();
            far.write_all(&[1; 100]).await.unwrap();
            wire.read_exact(&mut [0; 100]).await.unwrap();
            let sends = async {
                for _ in 0..20 {
                    far.write_all(&[1; 1_000]).await?;
                    sleep(Duration::from_millis(500)).await;
                    if ends && begun.elapsed() > Duration::from_secs(2) {
                        break;
                    }
                }
                far.shutdown().await
            };
            let parts = async {
                wire.shutdown().await.unwrap();
                drop(wire);
                begun.elapsed()
            };
            let (sent, took) = tokio::join!(sends, parts);
            assert_eq!(sent.is_ok(), ends);
            assert_eq!(took.as_secs(), if ends { 2 } else { GOODBYE.0.as_secs() });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_is_not_waited_for() {
        for (idle, longest) in [(Duration::ZERO, GOODBYE.1), (GOODBYE.1, Duration::from_millis(1))] {
            let (mut wire, mut far, _) = wire(1_000);
            far.write_all(&[1; 100]).await.unwrap();
            wire.read_exact(&mut [0; 100]).await.unwrap();
            sleep(idle).await;
            let begun = Instant::now();
            wire.shutdown().await.unwrap();
            assert!(begun.elapsed() <= longest, "{:?} after {idle:?}", begun.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_while_nobody_read_is_read_before_the_end() {
        let (mut wire, mut far, _) = wire(1_000);
        far.write_all(&[1; 1_000]).await.unwrap();
        sleep(2 * GOODBYE.1).await;
        let (ended, sent) = tokio::join!(wire.shutdown(), far.write_all(&[1; 1_000]));
        assert!(ended.is_ok() && sent.is_ok());
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
