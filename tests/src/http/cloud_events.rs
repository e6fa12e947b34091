//! `POST /v1/events` with CloudEvents, in each of their modes.

use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use tenterhook_proto::tenterhook::v1;

use super::{post, request, send};
use crate::grpc::bench::Bench;

const ONE: &str = "application/cloudevents+json; charset=utf-8";
const BATCH: &str = "application/cloudevents-batch+json";

fn cloud_event(id: &str, source: &str) -> String {
    format!(
        r#"{{"specversion": "1.0", "id": "{id}", "source": "{source}", "type": "com.example.created", "data": {{"n": 1E5}}}}"#
    )
}

async fn get(bench: &Bench, event_id: &str) -> v1::Event {
    let get = v1::GetEventRequest { event_id: event_id.into(), ..Default::default() };
    bench.events().get_event(get).await.unwrap().into_inner().event.unwrap()
}

#[tokio::test]
async fn id_and_source_together_are_the_idempotency_key() {
    let bench = Bench::new().await;
    let publish = async |id: &str, source: &str| {
        let answer = post(&bench, "/v1/events", ONE, cloud_event(id, source)).await;
        let result = answer.json()["result"].clone();
        (result["eventId"].as_str().unwrap().to_owned(), result["duplicate"].as_bool().unwrap())
    };
    let (first, duplicate) = publish("1", "/a").await;
    assert!(!duplicate && first.starts_with("1:"), "{first}");
    assert_eq!(publish("1", "/a").await, (first.clone(), true));
    let (other, duplicate) = publish("1", "/b").await;
    assert!(!duplicate && other != first);
    let event = get(&bench, &first).await;
    assert_eq!((&*event.r#type, &*event.attributes["source"]), ("com.example.created", "/a"));
    assert_eq!(event.data.unwrap().value, Some(v1::json_document::Value::Json(r#"{"n": 1E5}"#.into())));
    let (odd, _) = publish("a/b c", "/a").await;
    assert_eq!(get(&bench, &odd).await.attributes["ce_id"], "a/b c");
}

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let bench = Bench::new().await;
    let batch = format!("[{}, {}]", cloud_event("1", "/a"), cloud_event("2", "/a"));
    assert_eq!(post(&bench, "/v1/events", BATCH, batch).await.json()["results"].as_array().unwrap().len(), 2);
    let bad = format!("[{}, {{}}]", cloud_event("3", "/a"));
    let refused = post(&bench, "/v1/events", BATCH, bad).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["violations"][0]["field"].as_str()),
        (400, Some("events[1].specversion"))
    );
    let empty = post(&bench, "/v1/events", BATCH, "[]").await;
    assert_eq!((empty.status.as_u16(), empty.json()["violations"][0]["field"].as_str()), (400, Some("events")));
}

#[tokio::test]
async fn binary_mode_takes_the_attributes_from_headers_whatever_the_content_type() {
    let bench = Bench::new().await;
    let binary = async |content_type: &str, body: &'static str| {
        let mut request = request(&bench, "publisher", Method::POST, "/v1/events").header(CONTENT_TYPE, content_type);
        for (name, value) in
            [("specversion", "1.0"), ("id", "7"), ("source", content_type), ("type", "t"), ("comexampleext", "x")]
        {
            request = request.header(format!("ce-{name}"), value);
        }
        let answer = send(&bench, request.body(Full::new(body.into())).unwrap()).await;
        let id = answer.json()["result"]["eventId"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        get(&bench, &id).await
    };
    let json = binary("application/json", "{ \"a\": 1.0 }").await;
    assert_eq!(json.data.unwrap().value, Some(v1::json_document::Value::Json("{ \"a\": 1.0 }".into())));
    assert_eq!(json.attributes["comexampleext"], "x");
    let text = binary("text/plain", "hello").await;
    assert_eq!(text.data.unwrap().value, Some(v1::json_document::Value::Json("\"hello\"".into())));
}
