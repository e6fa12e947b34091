//! `POST /v1/events` with one event a line.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

use super::{front, post, request};
use crate::grpc::bench::Bench;

const NDJSON: &str = "application/x-ndjson";

/// A part of a body.
type Part = Result<Frame<Bytes>, Infallible>;

/// A body that is sent part by part.
pub(super) fn body() -> (Sender<Part>, StreamBody<ReceiverStream<Part>>) {
    let (sender, receiver) = channel(8);
    (sender, StreamBody::new(ReceiverStream::new(receiver)))
}

/// What the acknowledgements say: the number of the line, and the id or the field at fault.
fn said(lines: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let outcome = |line: &Value| match &line["result"] {
        Value::Null => format!("! {}", text(&line["error"]["field"])),
        result => text(&result["eventId"]),
    };
    lines.iter().map(|line| (text(&line["sequence"]), outcome(line))).collect()
}

#[tokio::test]
async fn each_line_gets_its_own_acknowledgement_in_order() {
    let bench = Bench::new().await;
    let body = "{\"id\": \"a\", \"type\": \"t\"}\n\nnot json\n{\"id\": \"b\"}\r\n{\"id\": 7}\n[]\n{\"id\": \"c\", \"type\": \"t\"}";
    let answer = post(&bench, "/v1/events", NDJSON, body).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, NDJSON));
    let expected =
        [("1", "a"), ("3", "! event"), ("4", "! event.type"), ("5", "! event.id"), ("6", "! event"), ("7", "c")];
    let expected: Vec<_> = expected.map(|(line, outcome)| (line.to_owned(), outcome.to_owned())).into();
    assert_eq!(said(&answer.lines()), expected);
    let error = &answer.lines()[1]["error"];
    assert_eq!((error["code"].as_i64(), error["reason"].as_str()), (Some(3), Some("ERROR_REASON_INVALID_FIELD")));
}

#[tokio::test]
async fn any_number_of_lines_that_are_no_events_is_refused_line_by_line() {
    let bench = Bench::new().await;
    for (body, count) in [("x\n".repeat(1_000), 1_000), (String::new(), 0), ("\n\n".into(), 0)] {
        let answer = post(&bench, "/v1/events", NDJSON, body).await;
        assert_eq!((answer.status.as_u16(), answer.lines().len()), (200, count));
    }
    let mixed = (0..500).map(|number| if number % 100 == 0 { "{\"type\": \"t\"}\n" } else { "x\n" });
    let answer = post(&bench, "/v1/events", NDJSON, mixed.collect::<String>()).await;
    let numbers: Vec<_> = said(&answer.lines()).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=500).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_acknowledgement_comes_before_the_next_line_is_sent() {
    let bench = Bench::new().await;
    let (sender, body) = body();
    let request = request(&bench, "publisher", Method::POST, "/v1/events").header(CONTENT_TYPE, NDJSON);
    let Ok(response) = front(&bench).call(request.body(body).unwrap()).await;
    let mut answer = response.into_body();
    for (part, expected) in [
        ("{\"id\": \"a\", \"ty", ""),
        ("pe\": \"t\"}\n", "a"),
        ("bad\n", "! event"),
        ("{\"id\": \"b\", \"type\": \"t\"}\n{\"id\":", "b"),
        ("\"c\", \"type\": \"t\"}\n", "c"),
    ] {
        sender.send(Ok(Frame::data(part.into()))).await.unwrap();
        if expected.is_empty() {
            continue;
        }
        let frame =
            tokio::time::timeout(Duration::from_secs(10), answer.frame()).await.expect(expected).unwrap().unwrap();
        let line: Value = serde_json::from_slice(frame.data_ref().unwrap()).unwrap();
        assert_eq!(said(&[line])[0].1, expected);
    }
    drop(sender);
    assert!(answer.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_dribbles_ends_the_stream_and_silence_between_lines_does_not() {
    let bench = Bench::new().await;
    let (sender, body) = body();
    let request = request(&bench, "publisher", Method::POST, "/v1/events").header(CONTENT_TYPE, NDJSON);
    let Ok(response) = front(&bench).call(request.body(body).unwrap()).await;
    let mut answer = response.into_body();
    assert!(tokio::time::timeout(Duration::from_secs(600), answer.frame()).await.is_err(), "silence is allowed");
    sender.send(Ok(Frame::data("{".into()))).await.unwrap();
    let begun = tokio::time::Instant::now();
    let frame = answer.frame().await.unwrap().unwrap();
    let line: Value = serde_json::from_slice(frame.data_ref().unwrap()).unwrap();
    assert_eq!((line["error"]["code"].as_i64(), line.get("sequence")), (Some(4), None));
    assert!((29..=31).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn a_server_that_stops_ends_the_stream_with_a_reason() {
    let bench = Bench::new().await;
    let (sender, body) = body();
    let request = request(&bench, "publisher", Method::POST, "/v1/events").header(CONTENT_TYPE, NDJSON);
    let Ok(response) = front(&bench).call(request.body(body).unwrap()).await;
    bench.shutdown.cancel();
    let whole = response.into_body().collect().await.unwrap().to_bytes();
    let line: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(line["error"]["reason"], json!("ERROR_REASON_SHUTTING_DOWN"));
    drop(sender);
}

#[tokio::test]
async fn a_line_over_the_limit_ends_the_stream() {
    let bench = Bench::new().await;
    let answer = post(&bench, "/v1/events", NDJSON, format!("{{\"type\": \"t\"}}\n{}", "x".repeat(5 << 20))).await;
    let last = answer.lines().pop().unwrap();
    assert_eq!(last["error"]["reason"], "ERROR_REASON_LIMIT_EXCEEDED");
}
