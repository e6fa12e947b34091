//! Publishing, one by one, in batches and as a stream; reading what was published.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use tenterhook_api::Budgets;
use tenterhook_api::access::KeyRing;
use tenterhook_proto::tenterhook::v1::{self, json_document, stream_publish_events_response::Outcome};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};

use super::bench::{Bench, event, webhook};
use super::{fields, metadata, reason};

fn with_id(id: &str) -> v1::Event {
    v1::Event { id: id.into(), ..event("created") }
}

fn one(event: v1::Event) -> v1::PublishEventRequest {
    v1::PublishEventRequest { event: Some(event) }
}

async fn get(bench: &Bench, id: &str) -> v1::Event {
    let request = v1::GetEventRequest { event_id: id.to_owned(), ..Default::default() };
    bench.events().get_event(request).await.unwrap().into_inner().event.unwrap()
}

#[tokio::test]
async fn an_event_is_kept_byte_for_byte() {
    let bench = Bench::new().await;
    let text = "{ \"b\": 1E5,\n \"a\": 123456789012345678901234567890 }";
    let data = v1::JsonDocument { value: Some(json_document::Value::Json(text.into())) };
    let sent = v1::Event { username: "jo".into(), data: Some(data), ..with_id("e") };
    bench.events().publish_event(one(sent.clone())).await.unwrap();
    let told = get(&bench, "e").await;
    assert!(told.publish_time.is_some());
    assert_eq!(v1::Event { publish_time: None, namespace: String::new(), ..told }, sent);
}

#[tokio::test]
async fn a_structured_document_is_told_as_text_with_whole_numbers() {
    let bench = Bench::new().await;
    let number = |number| prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(number)) };
    let fields = BTreeMap::from([("id".to_owned(), number(7.0)), ("x".to_owned(), number(1.5))]);
    let value =
        prost_types::Value { kind: Some(prost_types::value::Kind::StructValue(prost_types::Struct { fields })) };
    let data = v1::JsonDocument { value: Some(json_document::Value::Structured(value)) };
    bench.events().publish_event(one(v1::Event { data: Some(data), ..with_id("e") })).await.unwrap();
    let text = json_document::Value::Json("{\"id\":7,\"x\":1.5}".into());
    assert_eq!(get(&bench, "e").await.data.unwrap().value, Some(text));
}

#[tokio::test]
async fn a_repeat_is_a_duplicate_and_other_content_a_conflict() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let first = bench.events().publish_event(one(with_id("e"))).await.unwrap().into_inner().result.unwrap();
    assert_eq!((first.duplicate, first.delivery_count, first.event_id.as_str()), (false, 1, "e"));
    let again = bench.events().publish_event(one(with_id("e"))).await.unwrap().into_inner().result.unwrap();
    assert_eq!(again, v1::PublishResult { duplicate: true, ..first });
    let other = v1::Event { username: "x".into(), ..with_id("e") };
    let conflict = bench.events().publish_event(one(other)).await.unwrap_err();
    assert_eq!((conflict.code(), reason(&conflict).as_str()), (Code::AlreadyExists, "EVENT_ID_CONFLICT"));
    assert_eq!(metadata(&conflict, "event_id"), "e");
}

#[tokio::test]
async fn a_repeat_that_defaults_its_namespace_is_the_same_event() {
    let bench = Bench::new().await;
    bench.events().publish_event(one(with_id("e"))).await.unwrap();
    let explicit = v1::Event { namespace: "default".into(), ..with_id("e") };
    assert!(bench.events().publish_event(one(explicit)).await.unwrap().into_inner().result.unwrap().duplicate);
}

#[tokio::test]
async fn an_event_goes_to_the_webhooks_of_its_namespace_that_match_now() {
    let bench = Bench::new().await;
    let rule = |kind: &str| v1::EventRule { event_types: vec![kind.into()], ..Default::default() };
    let ruled = v1::Webhook { rules: vec![rule("created"), rule("job_*")], ..webhook("ruled") };
    let id =
        bench.create(v1::CreateWebhookRequest { webhook: Some(ruled), ..Default::default() }).await.webhook.unwrap().id;
    bench
        .create(v1::CreateWebhookRequest {
            webhook: Some(v1::Webhook { namespace: "other".into(), ..webhook("elsewhere") }),
            ..Default::default()
        })
        .await;
    let count = async |kind: &str| {
        bench.events().publish_event(one(event(kind))).await.unwrap().into_inner().result.unwrap().delivery_count
    };
    assert_eq!((count("created").await, count("job_started").await, count("deleted").await), (1, 1, 0));
    let change = v1::Webhook { id, rules: vec![rule("deleted")], ..Default::default() };
    let update = v1::UpdateWebhookRequest { webhook: Some(change), ..Default::default() };
    bench.webhooks().update_webhook(update).await.unwrap();
    assert_eq!((count("created").await, count("deleted").await), (0, 1));
}

#[tokio::test]
async fn the_callers_traceparent_is_kept_with_the_event() {
    let bench = Bench::new().await;
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut request = Request::new(one(with_id("e")));
    request.metadata_mut().insert("traceparent", header.parse().unwrap());
    bench.events().publish_event(request).await.unwrap();
    let stored = bench.store.event(&"default".parse().unwrap(), &"e".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.trace_parent.as_deref(), Some(header));
    assert!(HeaderValue::from_str(header).is_ok());
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_and_tells_every_fault() {
    let bench = Bench::new().await;
    let batch = |events| v1::BatchPublishEventsRequest { events };
    let bad = batch(vec![with_id("a"), v1::Event { r#type: String::new(), ..with_id("b") }, with_id("c d")]);
    let refused = bench.events().batch_publish_events(bad).await.unwrap_err();
    assert_eq!(fields(&refused), ["events[1].type", "events[2].id"]);
    let none = v1::GetEventRequest { event_id: "a".into(), ..Default::default() };
    assert_eq!(bench.events().get_event(none).await.unwrap_err().code(), Code::NotFound);
    let good =
        bench.events().batch_publish_events(batch(vec![with_id("a"), with_id("b"), with_id("a")])).await.unwrap();
    let told: Vec<_> =
        good.into_inner().results.into_iter().map(|result| (result.event_id, result.duplicate)).collect();
    assert_eq!(told, [("a".into(), false), ("b".into(), false), ("a".into(), true)]);
    let conflict = batch(vec![with_id("new"), v1::Event { username: "x".into(), ..with_id("a") }]);
    assert_eq!(bench.events().batch_publish_events(conflict).await.unwrap_err().code(), Code::AlreadyExists);
    let none = v1::GetEventRequest { event_id: "new".into(), ..Default::default() };
    assert_eq!(bench.events().get_event(none).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_batch_is_limited_at_its_value() {
    let bench = Bench::new().await;
    let batch = |count| v1::BatchPublishEventsRequest { events: vec![event("created"); count] };
    assert_eq!(bench.events().batch_publish_events(batch(1_000)).await.unwrap().into_inner().results.len(), 1_000);
    let over = bench.events().batch_publish_events(batch(1_001)).await.unwrap_err();
    assert_eq!((over.code(), fields(&over)), (Code::InvalidArgument, vec!["events".into()]));
}

fn message(sequence: u64, event: v1::Event) -> v1::StreamPublishEventsRequest {
    v1::StreamPublishEventsRequest { sequence, event: Some(event) }
}

#[tokio::test]
async fn a_stream_acknowledges_each_event_in_order_and_survives_a_bad_one() {
    let bench = Bench::new().await;
    let sent = vec![
        message(10, with_id("a")),
        message(11, v1::Event { r#type: String::new(), ..with_id("b") }),
        message(12, v1::Event { username: "x".into(), ..with_id("a") }),
        v1::StreamPublishEventsRequest { sequence: 13, event: None },
        message(13, with_id("a")),
        message(14, with_id("c")),
    ];
    let answers = bench.events().stream_publish_events(tokio_stream::iter(sent)).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap()).collect().await;
    let told: Vec<_> = answers
        .iter()
        .map(|answer| match answer.outcome.as_ref().unwrap() {
            Outcome::Result(result) => (answer.sequence, result.duplicate.to_string(), String::new()),
            Outcome::Error(error) => (answer.sequence, error.reason().as_str_name().to_owned(), error.field.clone()),
        })
        .collect();
    let expected = [
        (10, "false", ""),
        (11, "ERROR_REASON_INVALID_FIELD", "event.type"),
        (12, "ERROR_REASON_EVENT_ID_CONFLICT", ""),
        (13, "ERROR_REASON_INVALID_FIELD", "event"),
        (13, "true", ""),
        (14, "false", ""),
    ];
    assert_eq!(told, expected.map(|(sequence, what, field)| (sequence, what.to_owned(), field.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_a_connection_that_closes_acknowledges_what_it_took_and_ends_with_a_reason() {
    let bench = Bench::new().await;
    let connection = Budgets::default().connection();
    let sent = tokio_stream::iter(vec![message(1, with_id("a")), message(2, with_id("b"))]);
    let mut request = Request::new(sent.chain(tokio_stream::pending()));
    request.extensions_mut().insert(connection.clone());
    let mut answers = bench.events().stream_publish_events(request).await.unwrap().into_inner();
    for sequence in 1..=2 {
        assert_eq!(answers.message().await.unwrap().unwrap().sequence, sequence);
    }
    connection.retire();
    let end = answers.message().await.unwrap_err();
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert_eq!(metadata(&end, "cause"), "connection_age");
}

#[tokio::test]
async fn a_stream_takes_more_events_than_one_chunk() {
    let bench = Bench::new().await;
    let sent: Vec<_> = (0..500).map(|i| message(i, event("created"))).collect();
    let answers = bench.events().stream_publish_events(tokio_stream::iter(sent)).await.unwrap().into_inner();
    let sequences: Vec<u64> = answers.map(|answer| answer.unwrap().sequence).collect().await;
    assert_eq!(sequences, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_takes_no_acknowledgements_is_not_read_from() {
    let bench = Bench::new().await;
    let handed_in = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&handed_in);
    let sent = tokio_stream::iter(0..2_000).map(move |sequence| {
        counted.fetch_add(1, Ordering::Relaxed);
        message(sequence, large())
    });
    let mut answers = bench.events().stream_publish_events(sent).await.unwrap().into_inner();
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 0);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let held = handed_in.load(Ordering::Relaxed);
    assert!(held < 300, "{held} events were taken from a client that takes no acknowledgements");
    let mut next = 1;
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.unwrap().sequence, next);
        next += 1;
    }
    assert_eq!(next, 2_000);
}

/// An event of some KiB.
fn large() -> v1::Event {
    let text = v1::json_document::Value::Json(format!("\"{}\"", "a".repeat(8_000)));
    v1::Event { data: Some(v1::JsonDocument { value: Some(text) }), ..event("created") }
}

#[tokio::test]
async fn a_silent_stream_ends_when_its_key_is_removed_and_not_when_another_is() {
    let bench = Bench::new().await;
    let endless = tokio_stream::iter([message(1, with_id("a"))]).chain(tokio_stream::pending());
    let mut answers = bench.events().stream_publish_events(endless).await.unwrap().into_inner();
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 1);
    let more = format!("{}\nsan:other.example.com viewer *", bench.ring);
    bench.access.replace(KeyRing::parse(&more).unwrap());
    let waits = tokio::time::timeout(Duration::from_millis(50), answers.next()).await;
    assert!(waits.is_err(), "its own key is still there");
    bench.access.replace(KeyRing::default());
    let end = answers.next().await.unwrap().unwrap_err();
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unauthenticated, "KEY_INVALID"));
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let bench = Bench::new().await;
    let endless = tokio_stream::iter([message(1, with_id("a"))]).chain(tokio_stream::pending());
    let mut answers = bench.events().stream_publish_events(endless).await.unwrap().into_inner();
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 1);
    bench.shutdown.cancel();
    let end = answers.next().await.unwrap().unwrap_err();
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert!(answers.next().await.is_none());
}
