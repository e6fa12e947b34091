//! `POST /v1/events` with ProtoJSON, and what the path refuses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::Full;
use tenterhook_proto::tenterhook::v1;

use super::{front, post, request, send};
use crate::grpc::bench::Bench;

const JSON: &str = "application/json";
const SITE: &str = r#"{"type": "created", "object_type": "dcim.site", "data": {"structured": {"id": 1}}}"#;

/// The text of an event's data, as the store has it.
async fn data(bench: &Bench, namespace: &str, event_id: &str) -> String {
    let get = v1::GetEventRequest { namespace: namespace.into(), event_id: event_id.into() };
    let event = bench.events().get_event(get).await.unwrap().into_inner().event.unwrap();
    match event.data.unwrap().value.unwrap() {
        v1::json_document::Value::Json(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_event_is_stored_with_its_text_byte_for_byte() {
    let bench = Bench::new().await;
    bench.webhook("takes all").await;
    let spelt = "{ \"b\": 1E5,\r\n \"a\": 123456789012345678901234567890 }";
    let body = format!(r#"{{"id": "mine", "type": "created", "data": {{"structured": {spelt}}}}}"#);
    let first = post(&bench, "/v1/events", JSON, body.clone()).await;
    assert_eq!((first.status.as_u16(), first.header("content-type")), (200, JSON));
    let result = &first.json()["result"];
    assert_eq!((result["eventId"].as_str(), result["duplicate"].as_bool()), (Some("mine"), Some(false)));
    assert_eq!(
        (result["deliveryCount"].as_i64(), result["publishTime"].as_str()),
        (Some(1), Some("2023-11-14T22:13:20Z"))
    );
    assert_eq!(data(&bench, "", "mine").await, spelt);
    let again = post(&bench, "/v1/events", JSON, body).await;
    assert_eq!(again.json()["result"]["duplicate"], true);
}

#[tokio::test]
async fn a_list_is_a_batch_that_is_stored_whole_or_not_at_all() {
    let bench = Bench::new().await;
    let good = post(&bench, "/v1/events", JSON, format!(" [{SITE}, {SITE}]")).await;
    assert_eq!(good.json()["results"].as_array().unwrap().len(), 2);
    bench.commits.clear();
    let bad = post(&bench, "/v1/events", JSON, format!(r#"[{SITE}, {{"id": "a b"}}]"#)).await;
    assert_eq!((bad.status.as_u16(), bad.header("content-type")), (400, "application/problem+json"));
    let fields: Vec<_> = bad.json()["violations"].as_array().unwrap().iter().map(|of| of["field"].clone()).collect();
    assert_eq!(fields, ["events[1].id", "events[1].type"]);
    assert_eq!(bench.commits.sizes(), [0_usize; 0]);
}

#[tokio::test]
async fn the_query_names_the_namespace_of_events_that_name_none() {
    let bench = Bench::new().await;
    let body = r#"{"id": "a", "type": "created", "data": {"json": "7"}}"#;
    assert_eq!(post(&bench, "/v1/events?namespace=team-a", JSON, body).await.status, 200);
    assert_eq!(data(&bench, "team-a", "a").await, "7");
    let other = r#"{"type": "created", "namespace": "team-b"}"#;
    let refused = post(&bench, "/v1/events?namespace=team-a", JSON, other).await;
    assert_eq!(refused.json()["violations"][0]["field"], "event.namespace");
    for query in ["colour=red", "namespace=a&namespace=b"] {
        let refused = post(&bench, &format!("/v1/events?{query}"), JSON, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["reason"].as_str()),
            (400, Some("INVALID_FIELD")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_conflict_and_an_oversized_body_have_their_own_statuses() {
    let bench = Bench::new().await;
    let event = |data: u32| format!(r#"{{"id": "a", "type": "created", "data": {{"structured": {data}}}}}"#);
    assert_eq!(post(&bench, "/v1/events", JSON, event(1)).await.status, 200);
    let conflict = post(&bench, "/v1/events", JSON, event(2)).await;
    assert_eq!((conflict.status.as_u16(), conflict.json()["metadata"]["event_id"].as_str()), (409, Some("a")));
    let large = post(&bench, "/v1/events", JSON, format!("{}{SITE}", " ".repeat(4 << 20))).await;
    assert_eq!((large.status.as_u16(), large.json()["reason"].as_str()), (413, Some("LIMIT_EXCEEDED")));
}

#[tokio::test]
async fn roles_and_namespaces_of_keys_hold_here_too() {
    let bench = Bench::new().await;
    for (who, status) in [("publisher", 200), ("viewer", 403), ("operator", 403), ("admin@other", 403), ("nobody", 401)]
    {
        let request = request(&bench, who, Method::POST, "/v1/events").header(CONTENT_TYPE, JSON);
        let answer = send(&bench, request.body(Full::new(SITE.into())).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{who}");
        assert_eq!(answer.header("www-authenticate"), if status == 401 { "Bearer" } else { "" });
    }
    let other = request(&bench, "admin@other", Method::POST, "/v1/events?namespace=other").header(CONTENT_TYPE, JSON);
    assert_eq!(send(&bench, other.body(Full::new(SITE.into())).unwrap()).await.status, 200);
}

/// A body that must not be read.
struct Unread;

impl http_body::Body for Unread {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read")
    }
}

#[tokio::test]
async fn nothing_is_read_of_who_may_not_publish() {
    let bench = Bench::new().await;
    for content_type in ["application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"] {
        let request: Request<Unread> = request(&bench, "viewer", Method::POST, "/v1/events")
            .header(CONTENT_TYPE, content_type)
            .body(Unread)
            .unwrap();
        let Ok(response) = front(&bench).call(request).await;
        assert_eq!(response.status(), 403, "{content_type}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_answered_with_the_way_to_ask() {
    let bench = Bench::new().await;
    let ask = async |method: Method, path: &str, content_type: &str| {
        let request = request(&bench, "admin", method, path).header(CONTENT_TYPE, content_type);
        send(&bench, request.body(Full::new(SITE.into())).unwrap()).await
    };
    for (method, path, content_type, status, allow) in [
        (Method::GET, "/v1/events", JSON, 405, "POST, OPTIONS"),
        (Method::HEAD, "/v1/events", JSON, 405, "POST, OPTIONS"),
        (Method::DELETE, "/v1/openapi.yaml", JSON, 405, "GET, HEAD, OPTIONS"),
        (Method::GET, "/tenterhook.v1.EventService/PublishEvent", "application/grpc-web", 405, "POST, OPTIONS"),
        (Method::POST, "/v1/events", "text/plain", 415, ""),
        (Method::POST, "/v1/events", "application/x-www-form-urlencoded", 415, ""),
        (Method::POST, "/tenterhook.v1.EventService/PublishEvent", JSON, 415, ""),
        (Method::POST, "/v1/events/", JSON, 404, ""),
        (Method::GET, "/", JSON, 404, ""),
        (Method::OPTIONS, "/nowhere", JSON, 404, ""),
    ] {
        let answer = ask(method.clone(), path, content_type).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (status, allow), "{method} {path} {content_type}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["status"], status);
    }
    let compressed = request(&bench, "admin", Method::POST, "/v1/events").header(CONTENT_TYPE, JSON);
    let compressed = compressed.header("content-encoding", "gzip").body(Full::new(SITE.into())).unwrap();
    assert_eq!(send(&bench, compressed).await.status, 415);
    let options = ask(Method::OPTIONS, "/v1/events", "").await;
    assert_eq!((options.status.as_u16(), options.header("allow")), (204, "POST, OPTIONS"));
}

#[tokio::test]
async fn a_server_that_stops_says_when_to_come_back() {
    let bench = Bench::new().await;
    bench.shutdown.cancel();
    let answer = post(&bench, "/v1/events", JSON, SITE).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    assert_eq!(answer.json()["reason"], "SHUTTING_DOWN");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let bench = Bench::new().await;
    for (begin, status) in [("", 408), ("{\"type\":", 504)] {
        let (sender, body) = super::lines::body();
        if !begin.is_empty() {
            sender.send(Ok(Frame::data(begin.into()))).await.unwrap();
        }
        let request = request(&bench, "admin", Method::POST, "/v1/events").header(CONTENT_TYPE, JSON);
        let begun = tokio::time::Instant::now();
        let Ok(response) = front(&bench).call(request.body(body).unwrap()).await;
        assert_eq!(response.status().as_u16(), status);
        assert!(begun.elapsed().as_secs() <= 31, "{:?}", begun.elapsed());
        drop(sender);
    }
}
