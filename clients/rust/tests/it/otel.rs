//! Spans of calls, by the SDK of OpenTelemetry itself.

use std::pin::pin;
use std::sync::Once;
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use opentelemetry::global;
use opentelemetry::trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tenterhook_client::otel::OtelLayer;
use tenterhook_client::testing::{RecordingReceiver, TestServer};
use tenterhook_client::v1::*;
use tenterhook_client::{Client, Kind};
use tonic::Code;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::fake::{Fake, Step, answer, refuse, send};

const PUBLISH: &str = "tenterhook.v1.EventService/PublishEvent";

struct Spans {
    ended: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

impl Spans {
    fn new() -> Self {
        static PROPAGATOR: Once = Once::new();
        PROPAGATOR.call_once(|| global::set_text_map_propagator(TraceContextPropagator::new()));
        let ended = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(ended.clone()).build();
        Self { ended, provider }
    }

    fn client(&self, server: &Fake) -> Client {
        server.builder().layer(OtelLayer::of(&self.provider)).build().unwrap()
    }

    fn ended(&self) -> Vec<SpanData> {
        self.ended.get_finished_spans().unwrap()
    }

    fn codes(&self) -> Vec<String> {
        self.ended().iter().map(|span| attribute(span, "rpc.response.status_code")).collect()
    }
}

fn attribute(span: &SpanData, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
}

fn traceparent(span: &SpanData) -> String {
    let context = &span.span_context;
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags())
}

fn traceparents(server: &Fake) -> Vec<String> {
    server.seen().iter().map(|seen| seen.headers["traceparent"].to_str().unwrap().to_owned()).collect()
}

fn created() -> Event {
    Event { r#type: "created".into(), ..Default::default() }
}

fn published() -> Vec<Step> {
    answer(PublishEventResponse::default())
}

fn change() -> Step {
    let payload = watch_deliveries_response::Payload::Change(DeliveryChange::default());
    send(WatchDeliveriesResponse { resume_token: "t".into(), payload: Some(payload) })
}

#[tokio::test]
async fn each_try_is_a_span_whose_context_goes_along() {
    let (spans, server) = (Spans::new(), Fake::new([refuse(Code::Unavailable), published()]).await);
    let parent = spans.provider.tracer("test").start("parent");
    let context = opentelemetry::Context::current_with_span(parent);
    let id = context.span().span_context().span_id();
    spans.client(&server).publish(created()).with_context(context).await.unwrap();

    let ended = spans.ended();
    assert_eq!(ended.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>()[..2], [PUBLISH, PUBLISH]);
    let (refused, answered) = (&ended[0], &ended[1]);
    assert_eq!((&refused.span_kind, &refused.status), (&SpanKind::Client, &Status::error("")));
    assert_eq!(
        ["rpc.system.name", "rpc.method", "error.type"].map(|key| attribute(refused, key)),
        ["grpc", PUBLISH, "UNAVAILABLE"]
    );
    assert_eq!((attribute(answered, "error.type").as_str(), &answered.status), ("", &Status::Unset));
    assert_eq!(spans.codes()[..2], ["UNAVAILABLE", "OK"]);
    assert_eq!(traceparents(&server), [traceparent(refused), traceparent(answered)]);
    assert_eq!([refused.parent_span_id, answered.parent_span_id], [id, id]);
}

#[tokio::test]
async fn a_span_of_tracing_is_the_parent() {
    let (spans, server) = (Spans::new(), Fake::new([refuse(Code::Unavailable), published()]).await);
    let layer = tracing_opentelemetry::layer().with_tracer(spans.provider.tracer("test"));
    let _subscribed = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let parent = tracing::info_span!("parent");
    spans.client(&server).publish(created()).instrument(parent.clone()).await.unwrap();
    drop(parent);
    let ended = spans.ended();
    let parent = ended.iter().find(|span| span.name == "parent").unwrap().span_context.span_id();
    let tries: Vec<_> = ended.iter().filter(|span| span.name == PUBLISH).map(|span| span.parent_span_id).collect();
    assert_eq!(tries, [parent, parent]);
}

#[tokio::test]
async fn an_error_of_the_server_reaches_the_caller_and_the_span() {
    let (spans, server) = (Spans::new(), Fake::new([refuse(Code::NotFound)]).await);
    let error = spans.client(&server).publish(created()).await.unwrap_err();
    assert_eq!((error.kind(), spans.codes()), (Kind::NotFound, vec!["NOT_FOUND".to_owned()]));
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error() {
    let spans = Spans::new();
    let client = Client::builder("127.0.0.1:1").layer(OtelLayer::of(&spans.provider)).build().unwrap();
    client.ping().await.unwrap_err();
    assert_eq!(spans.codes(), ["UNAVAILABLE"]);
}

#[tokio::test]
async fn a_deadline_is_no_cancellation() {
    let (spans, server) = (Spans::new(), Fake::new([vec![Step::Silent(Duration::from_secs(20))]]).await);
    let builder = server.builder().timeout(Duration::from_millis(50)).layer(OtelLayer::of(&spans.provider));
    builder.build().unwrap().publish(created()).await.unwrap_err();
    assert_eq!(spans.codes(), ["DEADLINE_EXCEEDED"]);
}

#[tokio::test]
async fn a_watch_is_a_span_until_it_ends() {
    let refused = Step::End(tonic::Status::not_found("refused"));
    let (spans, server) = (Spans::new(), Fake::new([vec![change(), refused]]).await);
    let mut watch = spans.client(&server).watch(WatchDeliveriesRequest::default());
    assert_eq!(watch.next().await.unwrap().token, "t");
    assert!(spans.ended().is_empty());
    watch.next().await.unwrap_err();
    assert_eq!(spans.codes(), ["NOT_FOUND"]);
    assert_eq!(traceparents(&server), [traceparent(&spans.ended()[0])]);
}

#[tokio::test]
async fn a_watch_that_is_left_is_a_span_that_ends() {
    let (spans, server) = (Spans::new(), Fake::new([vec![change(), Step::Silent(Duration::from_secs(20))]]).await);
    let mut watch = spans.client(&server).watch(WatchDeliveriesRequest::default());
    watch.next().await.unwrap();
    drop(watch);
    assert_eq!(spans.codes(), ["CANCELLED"]);
}

#[tokio::test]
async fn a_stream_of_events_is_a_span() {
    let (spans, server) = (Spans::new(), Fake::new([vec![send(StreamPublishEventsResponse::default())]]).await);
    let client = spans.client(&server);
    let mut acks = pin!(client.publish_stream(stream::iter([created()])).await.unwrap());
    while acks.try_next().await.unwrap().is_some() {}
    assert_eq!(spans.codes(), ["OK"]);
}

#[tokio::test]
async fn the_trace_goes_on_in_what_the_server_delivers() {
    let (spans, server) = (Spans::new(), TestServer::start(&[]).unwrap());
    let receiver = RecordingReceiver::start(&[]).unwrap();
    let client = Client::builder(server.target()).layer(OtelLayer::of(&spans.provider)).build().unwrap();
    let webhook = Webhook {
        display_name: "hook".into(),
        request: Some(RequestTemplate { url: receiver.url(), ..Default::default() }),
        ..Default::default()
    };
    client.create_webhook(webhook, "").await.unwrap();
    client.publish(created()).await.unwrap();
    let requests = receiver.wait(1, Duration::from_secs(20));
    let delivered = requests[0].headers["traceparent"].to_str().unwrap().split('-').nth(1).unwrap().to_owned();
    let publish = spans.ended().into_iter().find(|span| span.name == PUBLISH).unwrap();
    assert_eq!(delivered, publish.span_context.trace_id().to_string());
}
