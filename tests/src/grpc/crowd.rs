//! A crowd over real connections: many watchers, some of which never read, and a server that bounds streams.

use std::net::SocketAddr;
use std::time::Duration;

use tenterhook_api::server::STREAMS_PER_CONNECTION;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::{self, watch_deliveries_response::Payload};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Streaming};

use super::bench::{Bench, event};

/// Watchers, and how many of them never read.
const WATCHERS: (usize, usize) = (100, 10);
/// Connections that they share.
const CONNECTIONS: usize = 10;
/// Changes that are made, in batches of this many.
const CHANGES: (usize, usize) = (2_000, 50);
/// What each watcher may cost the process (both ends of the connection are in it).
const WATCHER_BYTES: u64 = 4 * 1024 * 1024;
/// Long enough for a busy machine; without changes held up it takes seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Serves the bench's routes on loopback.
async fn serve(bench: &Bench, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().max_concurrent_streams(STREAMS_PER_CONNECTION).add_routes(bench.routes.clone());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tasks.spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    address
}

async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

fn with_key<T>(bench: &Bench, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let header = format!("Bearer {}", bench.keys["admin"]);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(header).unwrap());
    request
}

async fn watch(bench: &Bench, channel: &Channel) -> Streaming<v1::WatchDeliveriesResponse> {
    let request = with_key(bench, v1::WatchDeliveriesRequest::default());
    let mut watch = DeliveryServiceClient::new(channel.clone()).watch_deliveries(request).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert!(matches!(first.payload, Some(Payload::Bookmark(_))));
    watch
}

/// Reads the changes of a watch to the last one; they must be all of them, each once, in order.
async fn read_all(mut watch: Streaming<v1::WatchDeliveriesResponse>) {
    let mut last = String::new();
    let mut seen = 0;
    while seen < CHANGES.0 {
        let message = watch.message().await.unwrap().unwrap();
        let Some(Payload::Change(change)) = message.payload else { continue };
        let id = change.delivery.unwrap().id;
        assert!(id > last, "{id} after {last}");
        last = id;
        seen += 1;
    }
}

/// Bytes of memory that the process holds.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_never_read_cost_little_and_hold_nobody_up() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let mut server = JoinSet::new();
    let address = serve(&bench, &mut server).await;
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(connect(address).await);
    }
    let before = resident_bytes();
    let (mut idle, mut readers) = (Vec::new(), JoinSet::new());
    for number in 0..WATCHERS.0 {
        // Those that never read have connections of their own: a client that stops reading one
        // stream must not stop its others, but how well it does that is the client's affair.
        let channel = &channels[number * CONNECTIONS / WATCHERS.0];
        let watch = watch(&bench, channel).await;
        if number < WATCHERS.1 {
            idle.push(watch);
        } else {
            readers.spawn(read_all(watch));
        }
    }
    let started = Instant::now();
    for _ in 0..CHANGES.0 / CHANGES.1 {
        let request = v1::BatchPublishEventsRequest { events: vec![event("created"); CHANGES.1] };
        bench.events().batch_publish_events(request).await.unwrap();
    }
    let reading = async { while readers.join_next().await.is_some_and(|read| read.is_ok()) {} };
    timeout(PATIENCE, reading).await.unwrap();
    assert!(readers.is_empty(), "a reader failed after {:?}", started.elapsed());
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < WATCHERS.0 as u64 * WATCHER_BYTES, "{grown} bytes for {} watchers", WATCHERS.0);
    assert_eq!(idle.len(), WATCHERS.1);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_on_a_real_connection() {
    let bench = Bench::new().await;
    let mut server = JoinSet::new();
    let address = serve(&bench, &mut server).await;
    let channel = connect(address).await;
    let data = v1::json_document::Value::Json(format!("\"{}\"", "a".repeat(5 * 1024 * 1024)));
    let large = v1::Event { data: Some(v1::JsonDocument { value: Some(data) }), ..event("created") };
    let mut events = v1::event_service_client::EventServiceClient::new(channel);
    let request = with_key(&bench, v1::PublishEventRequest { event: Some(large) });
    let refused = events.publish_event(request).await.unwrap_err();
    assert_eq!((refused.code(), super::reason(&refused).as_str()), (Code::ResourceExhausted, "LIMIT_EXCEEDED"));
    let small = with_key(&bench, v1::PublishEventRequest { event: Some(event("created")) });
    assert!(events.publish_event(small).await.is_ok(), "the connection goes on");
}
