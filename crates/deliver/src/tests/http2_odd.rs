//! HTTP/2 receivers whose answers are odd, or that do not want to speak it: raw frames (RFC 9113
//! section 4), for no library writes them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Exchange, Outcome, PreparedRequest, limits};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::identity::{Authority, server};
use super::support::{Receiver, body, deliverer, post, post_over};
use crate::http2::{Http2, Tasks};
use crate::progress::Progress;
use crate::request;
use crate::wire::Wire;

/// Types of frames, and their flags END_STREAM, ACK and END_HEADERS.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
/// The body of a request, which comes last.
const REQUEST_BODY: &[u8] = b"the whole request";
const HTTP_1_1_REQUIRED: u32 = 0xd;
/// `:status: 200` and `103` in HPACK (RFC 7541 section 6.1 and 6.2.2).
const STATUS_200: &[u8] = &[0x88];
const STATUS_103: &[u8] = b"\x08\x03103";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that is never indexed, with lengths below 127 (RFC 7541 section 6.2.3).
fn field(name: &str, value: &str) -> Vec<u8> {
    let (name, value) = (name.as_bytes(), value.as_bytes());
    [&[0x10, u8::try_from(name.len()).unwrap()], name, &[u8::try_from(value.len()).unwrap()], value].concat()
}

/// 200 with these fields and the body `ok`.
fn ok(stream: u32, fields: &[u8]) -> Vec<u8> {
    let head = frame(HEADERS, END_HEADERS, stream, &[STATUS_200, fields].concat());
    [head, frame(DATA, END_STREAM, stream, b"ok")].concat()
}

/// When a receiver answers over HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// To the head of a request.
    Head,
    /// To the whole of it.
    Whole,
}

/// A receiver, and what it has answered in each version.
struct Raw {
    receiver: Receiver,
    authority: Authority,
    over_http2: Arc<AtomicUsize>,
    over_http1: Arc<AtomicUsize>,
}

impl Raw {
    /// One that answers requests over HTTP/2 with frames, and those over HTTP/1.1 with 200 if it speaks that.
    async fn new(protocols: &[&str], answer: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static) -> Self {
        Self::answering(When::Whole, protocols, answer).await
    }

    async fn answering(
        when: When,
        protocols: &[&str],
        answer: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static,
    ) -> Self {
        let (over_http2, over_http1): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let (two, one) = (Arc::clone(&over_http2), Arc::clone(&over_http1));
        let authority = Authority::new();
        let acceptor = TlsAcceptor::from(Arc::new(server(&authority.sign("127.0.0.1"), protocols)));
        let receiver = Receiver::script(move |stream| {
            let (acceptor, answer, two, one) = (acceptor.clone(), answer.clone(), Arc::clone(&two), Arc::clone(&one));
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                // A client that goes away is no failure of the test.
                let _ = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => speak_http2(stream, when, answer, &two).await,
                    _ => speak_http1(stream, &one).await,
                };
            }
        })
        .await;
        Self { receiver, authority, over_http2, over_http1 }
    }

    async fn attempts(&self, count: usize) -> Vec<Exchange> {
        let (deliverer, url) = (deliverer(), format!("https://{}/", self.receiver.address));
        let pem = self.authority.pem.clone();
        let transport = TransportPolicy { ca_certificates_pem: pem, ..TransportPolicy::default() };
        let mut exchanges = Vec::new();
        for _ in 0..count {
            exchanges.push(deliverer.attempt(post_over(&url, transport.clone())).await);
        }
        exchanges
    }

    /// Answers over HTTP/2 and over HTTP/1.1.
    fn answers(&self) -> (usize, usize) {
        (self.over_http2.load(Ordering::SeqCst), self.over_http1.load(Ordering::SeqCst))
    }
}

async fn speak_http2(
    mut stream: TlsStream<TcpStream>,
    when: When,
    answer: impl Fn(u32) -> Vec<u8>,
    count: &AtomicUsize,
) -> std::io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, b"")).await?;
    stream.flush().await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await?;
        let reply = match kind {
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, b""),
            HEADERS if when == When::Head => {
                count.fetch_add(1, Ordering::SeqCst);
                answer(id)
            }
            HEADERS | DATA if when == When::Whole && flags & END_STREAM != 0 => {
                count.fetch_add(1, Ordering::SeqCst);
                answer(id)
            }
            _ => continue,
        };
        stream.write_all(&reply).await?;
        stream.flush().await?;
    }
}

async fn speak_http1(mut stream: TlsStream<TcpStream>, count: &AtomicUsize) -> std::io::Result<()> {
    while stream.read(&mut [0; 4_096]).await? > 0 {
        count.fetch_add(1, Ordering::SeqCst);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
        stream.flush().await?;
    }
    Ok(())
}

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn an_odd_answer_over_http2_is_a_success() {
    type Answer = fn(u32) -> Vec<u8>;
    let cases: [(&str, Answer); 5] = [
        ("many fields", |stream| {
            ok(stream, &(0..300).flat_map(|number| field(&format!("x-{number}"), "v")).collect::<Vec<_>>())
        }),
        ("many bytes of fields", |stream| {
            let fields: Vec<u8> =
                (0..1_300).flat_map(|number| field(&format!("x-{number}"), &"v".repeat(100))).collect();
            let parts: Vec<&[u8]> = fields.chunks(16_000).collect();
            let mut frames = frame(HEADERS, 0, stream, STATUS_200);
            for (index, part) in parts.iter().enumerate() {
                let flags = if index + 1 == parts.len() { END_HEADERS } else { 0 };
                frames.extend(frame(CONTINUATION, flags, stream, part));
            }
            [frames, frame(DATA, END_STREAM, stream, b"ok")].concat()
        }),
        ("an interim answer", |stream| {
            [frame(HEADERS, END_HEADERS, stream, STATUS_103), ok(stream, &field("x-a", "1"))].concat()
        }),
        ("trailers", |stream| {
            let mut answer = frame(HEADERS, END_HEADERS, stream, STATUS_200);
            answer.extend(frame(DATA, 0, stream, b"ok"));
            answer.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &field("x-checksum", "1")));
            answer
        }),
        ("no end", |stream| {
            let answer = [frame(HEADERS, END_HEADERS, stream, STATUS_200), frame(DATA, 0, stream, b"ok")].concat();
            [answer, frame(RST_STREAM, 0, stream, &2_u32.to_be_bytes())].concat()
        }),
    ];
    for (what, answer) in cases {
        let raw = Raw::new(BOTH, answer).await;
        for exchange in raw.attempts(2).await {
            assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""), "{what}");
            assert!(exchange.http2 && body(&exchange) == "ok", "{what}");
        }
        assert_eq!((raw.answers(), raw.receiver.connections()), ((2, 0), 1), "{what}");
    }
}

/// RFC 9113 section 8.2 calls such answers malformed, and the library says nothing of their status.
#[tokio::test]
async fn a_receiver_whose_http2_cannot_be_read_is_spoken_to_in_http1() {
    type Answer = fn(u32) -> Vec<u8>;
    let cases: [(&str, Answer); 5] = [
        // As Apache sends it behind a proxy that speaks HTTP/2.
        ("upgrade", |stream| ok(stream, &field("upgrade", "h2,h2c"))),
        ("connection", |stream| ok(stream, &field("connection", "keep-alive"))),
        ("a name in upper case", |stream| ok(stream, &field("X-Name", "a"))),
        ("a wrong length", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &[STATUS_200, &field("content-length", "5")].concat())
        }),
        ("no HTTP/2", |_| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
    ];
    for (what, answer) in cases {
        let raw = Raw::new(BOTH, answer).await;
        let exchanges = raw.attempts(3).await;
        for exchange in &exchanges {
            assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""), "{what}");
            assert!(!exchange.http2 && body(exchange) == "ok", "{what}");
        }
        let notes: Vec<_> =
            exchanges.iter().map(|exchange| exchange.response.as_ref().unwrap().note.as_str()).collect();
        assert_eq!(notes, ["over HTTP/2 it could not be read, so HTTP/1.1 was spoken", "", ""], "{what}");
        assert_eq!(raw.answers(), (1, 3), "{what}: what is known of it is remembered");
    }
}

#[tokio::test]
async fn a_receiver_that_asks_for_http1_gets_it_within_the_attempt() {
    type Answer = fn(u32) -> Vec<u8>;
    let cases: [Answer; 2] = [
        |stream| frame(RST_STREAM, 0, stream, &HTTP_1_1_REQUIRED.to_be_bytes()),
        |_| frame(GOAWAY, 0, 0, &[0_u32.to_be_bytes(), HTTP_1_1_REQUIRED.to_be_bytes()].concat()),
    ];
    for answer in cases {
        let raw = Raw::new(BOTH, answer).await;
        for exchange in raw.attempts(3).await {
            assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
        }
        assert_eq!(raw.answers(), (1, 3));
    }
}

#[tokio::test]
async fn where_http1_is_not_spoken_the_failure_of_http2_is_told() {
    let raw = Raw::new(&["h2"], |stream| ok(stream, &field("connection", "close"))).await;
    for exchange in raw.attempts(2).await {
        assert_eq!(exchange.outcome, Outcome::Connection);
        assert!(exchange.error.contains("PROTOCOL_ERROR"), "{}", exchange.error);
    }
    assert_eq!(raw.answers(), (2, 0));
}

/// RFC 9113 section 8.1: a receiver that needs no more of the request says so by a reset without an error.
#[tokio::test]
async fn an_answer_before_the_request_is_whole_counts() {
    let raw = Raw::answering(When::Head, &["h2"], |stream| {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200);
        [head, frame(RST_STREAM, 0, stream, &0_u32.to_be_bytes())].concat()
    })
    .await;
    let (deliverer, url) = (deliverer(), format!("https://{}/", raw.receiver.address));
    let pem = raw.authority.pem.clone();
    let transport = TransportPolicy { ca_certificates_pem: pem, ..TransportPolicy::default() };
    // More than the receiver's window takes.
    let large = Bytes::from(vec![b'x'; limits::BODY_BYTES]);
    for _ in 0..2 {
        let request = PreparedRequest { body: large.clone(), ..post_over(&url, transport.clone()) };
        let exchange = deliverer.attempt(request).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
    }
    assert_eq!(raw.answers(), (2, 0));
}

/// A connection whose other side says its last words when it has a request, and is gone by then.
struct LastWords {
    words: Vec<u8>,
    is_gone: bool,
    reader: Option<Waker>,
}

impl AsyncRead for LastWords {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_gone {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        buffer.put_slice(&std::mem::take(&mut self.words));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LastWords {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.is_gone = bytes.windows(REQUEST_BODY.len()).any(|part| part == REQUEST_BODY);
        if self.is_gone
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(if self.is_gone { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) })
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn what_a_receiver_said_before_it_was_gone_counts() {
    let go_away = [[0; 4], [0; 4]].concat();
    for (last_words, is_answered) in [(ok(1, &[]), true), (frame(GOAWAY, 0, 0, &go_away), false)] {
        let words = [frame(SETTINGS, 0, 0, &[]), last_words].concat();
        let stream = LastWords { words, is_gone: false, reader: None };
        let connection = Http2::open(Wire::plain(stream), &Tasks::default()).await.unwrap();
        let request = PreparedRequest { body: Bytes::from_static(REQUEST_BODY), ..post("http://192.0.2.1/") };
        let seat = connection.join().unwrap();
        let mut progress = Progress::new();
        progress.sending(([192, 0, 2, 1], 80).into(), true);
        let answer = seat.exchange(request::write(&request).unwrap(), &mut progress).await;
        match answer {
            Ok(()) => assert!(is_answered),
            Err(broken) => assert!(!is_answered && broken.unprocessed, "{broken:?}"),
        }
    }
}
