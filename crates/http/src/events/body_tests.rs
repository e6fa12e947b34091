//! Bodies that arrive in pieces: wherever they are cut, the same comes of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Extensions, HeaderMap, HeaderValue, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};
use tenterhook_api::Held;
use tenterhook_model::{Fault, limits};
use tenterhook_proto::tenterhook::v1::{self, stream_publish_events_response::Outcome};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};

use super::acks::{Refused, answer};
use super::answer::{Messages, of_call};
use super::frame::{PREFIX, framed};
use super::gather::{BODY_BYTES, Gathered, Peeked, growing};
use super::ndjson::Lines;

/// A body that comes in pieces, and makes its reader wait before each.
#[derive(Debug, Default)]
struct Pieces {
    left: VecDeque<Bytes>,
    /// Whether it has made its reader wait for the next piece.
    has_waited: bool,
    /// Whether its end never comes.
    hangs: bool,
    /// Whether its length was announced.
    is_announced: bool,
    trailers: Option<HeaderMap>,
}

impl Pieces {
    fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { left: pieces.into_iter().map(Bytes::copy_from_slice).collect(), ..Self::default() }
    }

    /// `whole` in pieces that end at these places, as far as it has them.
    fn cut(whole: &[u8], ends: &[usize]) -> Self {
        let mut ends: Vec<usize> = ends.iter().map(|end| end % (whole.len() + 1)).chain([0, whole.len()]).collect();
        ends.sort_unstable();
        Self::of(ends.windows(2).map(|pair| &whole[pair[0]..pair[1]]))
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.has_waited = !self.has_waited;
        if self.has_waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.hangs => Poll::Pending,
            None => Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.left.iter().map(|piece| piece.len() as u64).sum();
        if self.is_announced { SizeHint::with_exact(rest) } else { SizeHint::default() }
    }
}

fn held() -> Held {
    Held::of(&Extensions::new())
}

/// Reads a line as the id of an event; one that begins with `!` is none.
fn event_of(line: &[u8]) -> Result<v1::Event, Vec<Fault>> {
    let text = String::from_utf8_lossy(line.trim_ascii()).into_owned();
    if text.starts_with('!') {
        return Err(vec![Fault::invalid("event.id", "must not begin with !")]);
    }
    Ok(v1::Event { id: text, ..v1::Event::default() })
}

fn lines(body: Pieces) -> (Lines<Pieces>, Refused) {
    let refused = Refused::default();
    (Lines::new(body, held(), refused.clone(), event_of), refused)
}

/// A service that stores every event at once.
fn stored(lines: Lines<Pieces>) -> Response<Body> {
    Response::new(Body::new(lines.map_frame(|frame| {
        frame.map_data(|data| {
            let request = v1::StreamPublishEventsRequest::decode(&data[PREFIX..]).unwrap();
            let result = v1::PublishResult { event_id: request.event.unwrap().id, ..v1::PublishResult::default() };
            let outcome = Some(Outcome::Result(result));
            let message = v1::StreamPublishEventsResponse { sequence: request.sequence, outcome };
            framed(&message.encode_to_vec()).unwrap()
        })
    })))
}

async fn text_of(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// What a line of the answer says: its number, and the event or the field at fault.
fn said(line: &str) -> (u64, String) {
    let line: Value = serde_json::from_str(line).unwrap();
    let text = line["result"]["eventId"].as_str().or_else(|| line["error"]["field"].as_str());
    (line["sequence"].as_str().unwrap().parse().unwrap(), text.unwrap().to_owned())
}

/// The status that ends a body.
async fn end_of<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) -> Option<Status>
where
    B::Error: Into<tonic::codegen::StdError>,
{
    loop {
        match body.frame().await? {
            Ok(_) => {}
            Err(error) => return error.into().downcast().ok().map(|status| *status),
        }
    }
}

fn paused<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

#[test]
fn lines_that_need_no_store_leave_other_connections_their_turn() {
    for line in ["!\n", "\n"] {
        let (lines, refused) = lines(Pieces::of([line.repeat(10_000).as_bytes()]));
        let mut body = answer(stored(lines), refused).into_body();
        let mut turns = 0;
        paused(std::future::poll_fn(|context| {
            turns += 1;
            while let Some(line) = std::task::ready!(Pin::new(&mut body).poll_frame(context)) {
                line.unwrap();
            }
            Poll::Ready(())
        }));
        assert!(turns > 10_000 / 256, "{turns} turns for {line:?}");
    }
}

proptest! {
    #[test]
    fn every_line_is_acknowledged_once_and_in_order_wherever_the_body_is_cut(
        lines_sent in prop::collection::vec("!?[a-c]{0,3}", 0..200),
        (crlf, ends_open) in (any::<bool>(), any::<bool>()),
        ends in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut whole = lines_sent.join(if crlf { "\r\n" } else { "\n" });
        if !ends_open {
            whole.push('\n');
        }
        let answered = paused(async {
            let (lines, refused) = lines(Pieces::cut(whole.as_bytes(), &ends));
            text_of(answer(stored(lines), refused)).await
        });
        let expected: Vec<(u64, String)> = (1..)
            .zip(&lines_sent)
            .filter(|(_, line)| !line.is_empty())
            .map(|(number, line)| (number, if line.starts_with('!') { "event.id".to_owned() } else { line.clone() }))
            .collect();
        prop_assert_eq!(answered.lines().map(said).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_whole_body_is_read_once_and_whole_wherever_it_is_cut(
        whole in prop::collection::vec(any::<u8>(), 0..10_000), ends in prop::collection::vec(any::<usize>(), 0..12),
        is_announced: bool,
    ) {
        let read = paused(async {
            let body = Pieces { is_announced, ..Pieces::cut(&whole, &ends) };
            let gathered = Gathered::new(body, held(), |bytes| Ok(bytes.to_vec()));
            gathered.collect().await.unwrap().to_bytes()
        });
        prop_assert_eq!(read, framed(&whole).unwrap());
    }

    #[test]
    fn a_body_that_was_looked_into_is_still_whole(
        blanks in "[ \t\r\n]{0,20}", rest in "[a-z\\[{]{1,20}", ends in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let whole = format!("{blanks}{rest}");
        paused(async {
            let body = Pieces { is_announced: true, ..Pieces::cut(whole.as_bytes(), &ends) };
            let peeked = Peeked::new(body).await.unwrap();
            prop_assert!(peeked.begins_with(rest.as_bytes()[0]) && !peeked.begins_with(b' '));
            prop_assert!(!peeked.is_end_stream());
            prop_assert_eq!(peeked.size_hint().exact(), Some(whole.len() as u64));
            prop_assert_eq!(peeked.collect().await.unwrap().to_bytes(), whole.as_bytes());
            Ok(())
        })?;
    }

    #[test]
    fn messages_are_read_wherever_the_answer_is_cut(
        sequences in prop::collection::vec(0u64..1 << 40, 0..20), ends in prop::collection::vec(any::<usize>(), 0..12),
        cut_short in 0usize..4,
    ) {
        let mut whole = BytesMut::new();
        for sequence in &sequences {
            let message = v1::StreamPublishEventsResponse { sequence: *sequence, outcome: None };
            whole.extend_from_slice(&framed(&message.encode_to_vec()).unwrap());
        }
        // Every message has its prefix, so less than that is a part of the last one.
        let kept = &whole[..whole.len().saturating_sub(cut_short)];
        let read = paused(async {
            let mut messages = Messages::new(Body::new(Pieces::cut(kept, &ends)));
            let mut read = Vec::new();
            while let Some(message) = std::future::poll_fn(|context| messages.poll(context)).await {
                read.push(message.map(|message: v1::StreamPublishEventsResponse| message.sequence).unwrap());
            }
            read
        });
        let missing = usize::from(cut_short > 0 && !sequences.is_empty());
        prop_assert_eq!(read, &sequences[..sequences.len() - missing]);
    }
}

#[tokio::test]
async fn a_line_may_be_as_long_as_a_message_and_no_longer() {
    let (lines_at, _) = lines(Pieces { left: [Bytes::from(vec![b'a'; BODY_BYTES])].into(), ..Pieces::default() });
    assert!(end_of(lines_at).await.is_none());
    let over = [Bytes::from(vec![b'a'; BODY_BYTES]), Bytes::from_static(b"a")];
    let (lines_over, _) = lines(Pieces { left: over.into(), ..Pieces::default() });
    let status = end_of(lines_over).await.unwrap();
    assert!(status.message().contains("4,194,304"), "{status}");
}

#[tokio::test]
async fn a_whole_body_may_be_as_long_as_a_message_and_no_longer() {
    for is_announced in [false, true] {
        let of = |bytes: usize| {
            let pieces = [Bytes::from_static(b"a"), Bytes::from(vec![b'a'; bytes - 1])];
            let body = Pieces { left: pieces.into(), is_announced, ..Pieces::default() };
            Gathered::new(body, held(), |bytes| Ok(vec![u8::from(bytes.len() == BODY_BYTES)]))
        };
        assert_eq!(of(BODY_BYTES).collect().await.unwrap().to_bytes()[..], [0, 0, 0, 0, 1, 1]);
        let mut over = of(BODY_BYTES + 1);
        let status = over.frame().await.unwrap().unwrap_err().downcast::<Status>().unwrap();
        assert!(status.message().contains("4,194,304"), "{status}");
        assert!(over.is_end_stream() && over.frame().await.is_none(), "it is not read again");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_whole_body_ends_it() {
    let fault = |_: &[u8]| Err(vec![Fault::invalid("event.id", "is missing")]);
    let status = end_of(Gathered::new(Pieces::of([&b"{}"[..]]), held(), fault)).await.unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("event.id"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_has_begun_must_end_in_time_and_one_that_has_not_need_not_come() {
    let start = Instant::now();
    let (late, _) = lines(Pieces { hangs: true, ..Pieces::of([&b"a\nb"[..]]) });
    let status = end_of(late).await.unwrap();
    assert_eq!((status.code(), start.elapsed()), (Code::DeadlineExceeded, limits::MESSAGE_TIMEOUT));

    let (idle, _) = lines(Pieces { hangs: true, ..Pieces::of([&b"a\nb\n"[..]]) });
    let an_hour = Duration::from_secs(3_600);
    assert!(tokio::time::timeout(an_hour, end_of(idle)).await.is_err(), "a publisher may be quiet between two lines");
}

#[tokio::test(start_paused = true)]
async fn a_body_must_begin_in_time() {
    for begins in [&b""[..], b" \r\n\t"] {
        let start = Instant::now();
        let problem = Peeked::new(Pieces { hangs: true, ..Pieces::of([begins]) }).await.err().unwrap();
        assert_eq!(start.elapsed(), limits::OPEN_CALL_TIMEOUT);
        assert_eq!(problem.response().status(), 408);
    }
}

#[tokio::test(start_paused = true)]
async fn blanks_are_not_looked_through_without_end() {
    let blanks = [b' '; 1_024];
    let peeked = Peeked::new(Pieces { hangs: true, ..Pieces::of([&blanks[..1_023], &blanks[..1]]) }).await.unwrap();
    assert!(!peeked.begins_with(b' ') && !peeked.begins_with(b'{'));
}

#[test]
fn a_growing_buffer_counts_with_the_one_that_it_had() {
    for (length, bytes) in
        [(0, 6 * 1_024), (1, 6 * 1_024), (4_096, 6 * 1_024), (4_097, 12 * 1_024), (8_192, 12 * 1_024)]
    {
        assert_eq!(growing(length), bytes, "{length}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_says_which_lines_were_refused_and_last_why() {
    let (lines, refused) = lines(Pieces::of([&b"a\n!\n"[..]]));
    let taken = lines.collect().await.unwrap();
    assert_eq!(taken.to_bytes().len(), framed(&[0; 7]).unwrap().len(), "one line is an event");
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("8"));
    trailers.insert("grpc-message", HeaderValue::from_static("the store is full"));
    let ended = Response::new(Body::new(Pieces { trailers: Some(trailers), ..Pieces::default() }));
    let text = text_of(answer(ended, refused)).await;
    let said: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&said[0]["sequence"], &said[0]["error"]["field"]), (&"2".into(), &"event.id".into()));
    assert_eq!((&said[1]["error"]["code"], &said[1]["error"]["message"]), (&8.into(), &"the store is full".into()));
    assert_eq!(said[1].get("sequence"), None);
    assert_eq!(said.len(), 2, "{text}");
}

#[tokio::test]
async fn a_call_without_an_answer_is_an_error_of_the_server() {
    let response = of_call(Response::new(Body::new(Pieces::default())), true).await;
    assert_eq!(response.status(), 500);
    let broken = framed(b"\xff").unwrap();
    let response = of_call(Response::new(Body::new(Pieces::of([&broken[..]]))), false).await;
    assert_eq!(response.status(), 500);
    assert!(text_of(response).await.contains("cannot be read"));
}

#[tokio::test]
async fn a_call_that_is_refused_is_a_problem_of_its_status() {
    let refused = || Status::unauthenticated("the key is not known").into_http::<Body>();
    for response in [of_call(refused(), true).await, answer(refused(), Refused::default())] {
        assert_eq!(response.status(), 401);
        assert!(text_of(response).await.contains("the key is not known"));
    }
}

#[tokio::test]
async fn results_of_one_and_of_many_are_written_in_proto_json() {
    let time = Some(prost_types::Timestamp { seconds: 1_522_949_460, nanos: 500_000_000 });
    let result = v1::PublishResult { event_id: "e".into(), publish_time: time, duplicate: true, delivery_count: 3 };
    let shown =
        json!({"eventId": "e", "publishTime": "2018-04-05T17:31:00.500Z", "duplicate": true, "deliveryCount": 3});
    let one = framed(&v1::PublishEventResponse { result: Some(result.clone()) }.encode_to_vec()).unwrap();
    let one = of_call(Response::new(Body::new(Pieces::cut(&one, &[3, 9]))), true).await;
    assert_eq!(one.headers()["content-type"], "application/json");
    assert_eq!(serde_json::from_str::<Value>(&text_of(one).await).unwrap(), json!({ "result": shown }));
    let many = framed(&v1::BatchPublishEventsResponse { results: vec![result; 2] }.encode_to_vec()).unwrap();
    let many = of_call(Response::new(Body::new(Pieces::of([&many[..]]))), false).await;
    assert_eq!(serde_json::from_str::<Value>(&text_of(many).await).unwrap(), json!({ "results": [shown, shown] }));
}
