//! Deadlines, retries, errors and headers of single calls.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderName, HeaderValue};
use tenterhook_client::v1::*;
use tenterhook_client::{BuildError, Client, Error, Kind, RetryPolicy, Transport, json};
use tonic::{Code, Request};
use tonic_types::ErrorDetails;
use tower::layer::layer_fn;
use tower::{Service, ServiceExt as _};

use crate::fake::{Fake, Step, answer, refuse, refuse_with, send};

fn event(id: &str) -> Event {
    Event { id: id.into(), r#type: "created".into(), ..Default::default() }
}

fn published(id: &str) -> Vec<Step> {
    answer(PublishEventResponse { result: Some(PublishResult { event_id: id.into(), ..Default::default() }) })
}

fn unavailable() -> Vec<Step> {
    refuse(Code::Unavailable)
}

#[tokio::test]
async fn publish_retries_under_one_id() {
    let server = Fake::new([unavailable(), unavailable(), published("e")]).await;
    assert_eq!(server.client().publish(event("")).await.unwrap().event_id, "e");
    let seen = server.seen();
    let ids: BTreeSet<String> = seen.iter().map(|s| s.message::<PublishEventRequest>().event.unwrap().id).collect();
    assert_eq!((seen.len(), ids.len()), (3, 1));
    assert!(!ids.contains(""));
}

#[tokio::test]
async fn an_id_of_the_callers_is_kept() {
    let server = Fake::new([published("mine")]).await;
    server.client().publish(event("mine")).await.unwrap();
    assert_eq!(server.seen()[0].message::<PublishEventRequest>().event.unwrap().id, "mine");
}

#[tokio::test]
async fn calls_of_the_generated_client_get_ids_too() {
    let server = Fake::new([unavailable(), answer(CreateWebhookResponse::default())]).await;
    server.client().webhooks().create_webhook(CreateWebhookRequest::default()).await.unwrap();
    let ids: Vec<String> = server.seen().iter().map(|s| s.message::<CreateWebhookRequest>().request_id).collect();
    assert_eq!(ids[0], ids[1]);
    assert!(!ids[0].is_empty());
}

#[tokio::test]
async fn every_service_is_reached_with_the_same_retries() {
    let backup = vec![send(BackupResponse { chunk: b"store".to_vec().into() })];
    let server = Fake::new([unavailable(), answer(GetServerInfoResponse::default()), backup]).await;
    let client = server.client();
    client.server().get_server_info(GetServerInfoRequest {}).await.unwrap();
    let mut parts = client.store().backup(BackupRequest {}).await.unwrap().into_inner();
    assert_eq!(parts.message().await.unwrap().unwrap().chunk, b"store"[..]);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn unavailable_is_retried_even_where_nothing_is_idempotent() {
    let server = Fake::new([unavailable(), answer(RetryDeliveryResponse::default())]).await;
    server.client().deliveries().retry_delivery(RetryDeliveryRequest::default()).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn retry_info_is_obeyed() {
    let slow = refuse_with(Code::ResourceExhausted, ErrorDetails::with_retry_info(Some(Duration::from_millis(300))));
    let server = Fake::new([slow, published("e")]).await;
    let start = Instant::now();
    server.client().publish(event("")).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn retry_info_alone_repeats_no_call_that_is_not_idempotent() {
    let told = Duration::from_millis(10);
    let server = Fake::new([refuse_with(Code::ResourceExhausted, ErrorDetails::with_retry_info(Some(told)))]).await;
    let status = server.client().deliveries().retry_delivery(RetryDeliveryRequest::default()).await.unwrap_err();
    assert_eq!(Error::from(status).retry_after, Some(told));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let later = refuse_with(Code::Unavailable, ErrorDetails::with_retry_info(Some(Duration::from_secs(60))));
    let server = Fake::new([later]).await;
    let start = Instant::now();
    assert_eq!(server.client().publish(event("")).await.unwrap_err().kind(), Kind::Unavailable);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn other_errors_are_told_at_once() {
    for code in [Code::Internal, Code::InvalidArgument, Code::PermissionDenied] {
        let server = Fake::new([refuse(code)]).await;
        assert_eq!(server.client().publish(event("")).await.unwrap_err().code, code);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn retries_can_be_turned_off() {
    let server = Fake::new([unavailable()]).await;
    let client = server.builder().retry(RetryPolicy::disabled()).build().unwrap();
    assert_eq!(client.publish(event("")).await.unwrap_err().code, Code::Unavailable);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_deadline_covers_all_tries() {
    let server = Fake::new(std::iter::repeat_n(unavailable(), 500)).await;
    let client = server.builder().timeout(Duration::from_millis(500)).build().unwrap();
    let start = Instant::now();
    client.publish(event("")).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(server.seen().len() > 2);
}

#[tokio::test]
async fn a_timeout_of_one_call_wins() {
    let server = Fake::new([vec![Step::Silent(Duration::from_secs(5)), send(PublishEventResponse::default())]]).await;
    let mut request = Request::new(PublishEventRequest { event: Some(event("")) });
    request.set_timeout(Duration::from_millis(100));
    let status = server.client().events().publish_event(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn codes_have_kinds() {
    for (code, kind) in [
        (Code::NotFound, Kind::NotFound),
        (Code::AlreadyExists, Kind::Conflict),
        (Code::Aborted, Kind::Conflict),
        (Code::FailedPrecondition, Kind::Conflict),
        (Code::InvalidArgument, Kind::Invalid),
        (Code::OutOfRange, Kind::Invalid),
        (Code::DataLoss, Kind::Other),
    ] {
        let server = Fake::new([refuse(code)]).await;
        assert_eq!(server.client().get_delivery("dlv").await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn an_error_tells_reason_fields_and_metadata() {
    let mut details =
        ErrorDetails::with_error_info("URL_FORBIDDEN", "tenterhook", [("host".into(), "10.0.0.1".into())]);
    details.add_bad_request_violation("webhook.request.url", "is not absolute");
    let server = Fake::new([refuse_with(Code::InvalidArgument, details)]).await;
    let error = server.client().create_webhook(Webhook::default(), "").await.unwrap_err();
    assert_eq!((error.reason, error.reason_name()), (ErrorReason::UrlForbidden, "URL_FORBIDDEN"));
    assert_eq!(error.metadata["host"], "10.0.0.1");
    assert_eq!(error.field_violations[0].field, "webhook.request.url");
    assert_eq!(error.field_violations[0].description, "is not absolute");
    assert_eq!(error.to_string(), "InvalidArgument URL_FORBIDDEN: refused");
}

#[tokio::test]
async fn a_reason_of_another_domain_or_a_newer_server_is_unspecified() {
    for (domain, reason) in [("else", "EVENT_NOT_FOUND"), ("tenterhook", "NEW")] {
        let details = ErrorDetails::with_error_info(reason, domain, []);
        let server = Fake::new([refuse_with(Code::NotFound, details)]).await;
        assert_eq!(server.client().get_delivery("dlv").await.unwrap_err().reason_name(), "");
    }
}

#[tokio::test]
async fn the_key_and_the_programs_headers_are_sent() {
    let server = Fake::new([published("e")]).await;
    let headers = || vec![(HeaderName::from_static("traceparent"), HeaderValue::from_static("00-1-2-01"))];
    server.builder().api_key("th_x").headers(headers).build().unwrap().publish(event("")).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].headers["authorization"], "Bearer th_x");
    assert_eq!(seen[0].headers["traceparent"], "00-1-2-01");
    assert!(seen[0].headers["grpc-timeout"].to_str().unwrap().ends_with('m'));
}

#[tokio::test]
async fn the_clients_namespace_is_used_where_none_is_given() {
    let server = Fake::new([published("e"), published("e"), answer(BatchPublishEventsResponse::default())]).await;
    let client = server.builder().namespace("mine").build().unwrap();
    client.publish(event("")).await.unwrap();
    client.publish(Event { namespace: "other".into(), ..event("") }).await.unwrap();
    client.publish_batch([event("")]).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].message::<PublishEventRequest>().event.unwrap().namespace, "mine");
    assert_eq!(seen[1].message::<PublishEventRequest>().event.unwrap().namespace, "other");
    assert_eq!(seen[2].message::<BatchPublishEventsRequest>().events[0].namespace, "mine");
}

#[tokio::test]
async fn lists_turn_the_pages() {
    let page = |ids: &[&str], next: &str| {
        let webhooks = ids.iter().map(|id| Webhook { id: (*id).into(), ..Default::default() }).collect();
        answer(ListWebhooksResponse { webhooks, next_page_token: next.into() })
    };
    let server = Fake::new([page(&["a", "b"], "2"), page(&[], "3"), page(&["c"], "")]).await;
    let request = ListWebhooksRequest { page_size: 2, ..Default::default() };
    let webhooks: Vec<Webhook> = server.client().list_webhooks(request).try_collect().await.unwrap();
    assert_eq!(webhooks.iter().map(|w| w.id.as_str()).collect::<String>(), "abc");
    let tokens: Vec<String> = server.seen().iter().map(|s| s.message::<ListWebhooksRequest>().page_token).collect();
    assert_eq!(tokens, ["", "2", "3"]);
}

#[tokio::test]
async fn a_list_that_fails_yields_its_error_and_ends() {
    let first = ListEventsResponse { events: vec![event("a")], next_page_token: "2".into() };
    let server = Fake::new([answer(first), refuse(Code::InvalidArgument)]).await;
    let found: Vec<Result<Event, Error>> = server.client().list_events(Default::default()).collect().await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].as_ref().unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_list_of_deliveries_tells_where_to_watch() {
    let delivery = Delivery { id: "a".into(), ..Default::default() };
    let first =
        ListDeliveriesResponse { deliveries: vec![delivery], next_page_token: "2".into(), resume_token: "r".into() };
    let server = Fake::new([answer(first), answer(ListDeliveriesResponse::default())]).await;
    let (deliveries, token) = server.client().list_deliveries(Default::default());
    assert_eq!(deliveries.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(token.get(), "r");
}

#[tokio::test]
async fn a_stream_acknowledges_each_event() {
    use stream_publish_events_response::Outcome;
    let refused =
        PublishError { code: 3, reason: 1, message: "event.type: is required".into(), field: "event.type".into() };
    let acks = [Outcome::Result(PublishResult::default()), Outcome::Error(refused)];
    let steps = (0..)
        .zip(acks)
        .map(|(sequence, outcome)| send(StreamPublishEventsResponse { sequence, outcome: Some(outcome) }));
    let server = Fake::new([steps.collect()]).await;
    let acks = server.client().publish_stream(stream::iter([event(""), event("b")])).await.unwrap();
    let acks: Vec<_> = acks.try_collect().await.unwrap();
    assert!(acks[0].outcome.is_ok());
    let error = acks[1].outcome.as_ref().unwrap_err();
    assert_eq!((acks[1].sequence, error.kind()), (1, Kind::Invalid));
    assert_eq!(error.field_violations[0].field, "event.type");
    assert_eq!(error.field_violations[0].description, "is required");
    let seen = server.seen();
    assert!(!seen[0].nth::<StreamPublishEventsRequest>(0).event.unwrap().id.is_empty());
    assert_eq!(seen[0].nth::<StreamPublishEventsRequest>(1).sequence, 1);
}

#[tokio::test]
async fn a_stream_that_breaks_yields_its_error() {
    let server = Fake::new([refuse(Code::ResourceExhausted)]).await;
    let acks = server.client().publish_stream(stream::iter([event("")])).await.unwrap();
    let error = acks.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted);
}

#[tokio::test]
async fn a_server_that_comes_late_is_reached() {
    let first = Fake::new([]).await;
    let client = first.client();
    let address = first.target.clone();
    drop(first);
    let late = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let server = Fake::at(&address, [published("e")]).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(server);
    });
    assert_eq!(client.publish(event("")).await.unwrap().event_id, "e");
    late.abort();
}

#[tokio::test]
async fn bad_targets_are_refused() {
    for target in ["localhost", "ftp://a:1", "host:port", "", ":1"] {
        assert!(matches!(Client::new(target), Err(BuildError::Target(_))), "{target}");
    }
}

#[tokio::test]
async fn a_key_is_not_sent_in_the_clear() {
    let built = Client::builder("http://example.com:80").api_key("th_x").build();
    assert!(matches!(built, Err(BuildError::KeyInTheClear)));
    assert!(Client::builder("http://127.0.0.1:80").api_key("th_x").build().is_ok());
    assert!(matches!(Client::builder("127.0.0.1:80").api_key("a\nb").build(), Err(BuildError::Key)));
}

#[tokio::test]
async fn the_key_is_not_printed() {
    let client = Client::builder("127.0.0.1:80").api_key("th_secret").build().unwrap();
    assert!(!format!("{client:?}").contains("th_secret"));
}

#[test]
fn json_keeps_the_order_of_a_struct_and_refuses_what_json_lacks() {
    let document = json(&serde_json::json!({"b": 1, "a": "Zürich"})).unwrap();
    assert_eq!(document.value, Some(json_document::Value::Json(r#"{"b":1,"a":"Zürich"}"#.into())));
    let odd: std::collections::HashMap<Vec<u8>, u8> = [(vec![1], 1)].into();
    assert!(json(&odd).is_err());
}

#[tokio::test]
async fn layers_are_around_each_try_and_do_not_see_the_key() {
    let stream = vec![send(StreamPublishEventsResponse::default())];
    let server = Fake::new([unavailable(), published("e"), stream]).await;
    let seen: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let notes = layer_fn(move |inner: Transport| {
        let noted = Arc::clone(&noted);
        inner.map_request(move |request: http::Request<tonic::body::Body>| {
            let has_key = request.headers().contains_key("authorization");
            noted.lock().unwrap().push((request.uri().path().to_owned(), has_key));
            request
        })
    });
    let named = tonic::service::InterceptorLayer::new(|mut request: Request<()>| {
        request.metadata_mut().insert("x-trace", "t1".parse().unwrap());
        Ok(request)
    });
    let client = server.builder().api_key("th_key").layer(notes).layer(named).build().unwrap();
    client.publish(event("")).await.unwrap();
    let acks: Vec<_> = client.publish_stream(stream::iter([event("")])).await.unwrap().try_collect().await.unwrap();
    assert_eq!(acks.len(), 1);
    let tries = ["PublishEvent", "PublishEvent", "StreamPublishEvents"];
    assert_eq!(*seen.lock().unwrap(), tries.map(|name| (format!("/tenterhook.v1.EventService/{name}"), false)));
    for call in server.seen() {
        assert_eq!(call.headers["x-trace"], "t1");
        assert_eq!(call.headers["authorization"], "Bearer th_key");
    }
}

/// As layers of others want it, which log the error or look for its cause.
fn with_real_errors<S>(inner: S) -> S
where
    S: Service<http::Request<tonic::body::Body>, Error: std::error::Error + Send + Sync + 'static>,
{
    inner
}

#[tokio::test]
async fn a_layer_may_want_real_errors() {
    let server = Fake::new([published("e")]).await;
    let client = server.builder().layer(layer_fn(with_real_errors::<Transport>)).build().unwrap();
    assert_eq!(client.publish(event("")).await.unwrap().event_id, "e");
}

#[tokio::test]
async fn a_layer_may_refuse_a_call() {
    let server = Fake::new([]).await;
    let guard =
        tonic::service::InterceptorLayer::new(|_: Request<()>| Err(tonic::Status::permission_denied("not today")));
    let error = server.builder().layer(guard).build().unwrap().publish(event("")).await.unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::PermissionDenied, "not today"));
    assert!(server.seen().is_empty());
}
