//! Namespaces that share a server: what hangs in one holds up no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    BatchPublishEventsRequest, CreateWebhookRequest, Event, RequestTemplate, TransportPolicy, Webhook,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use super::serve::{Channel, connect, start};

/// Time for anything in this test; below the time of an attempt that hangs.
const PATIENCE: Duration = Duration::from_secs(50);
/// Time of an attempt that hangs.
const HANGING_SECONDS: i64 = 60;
/// Slots of the server.
const SLOTS: usize = 16;
/// Webhooks of the namespace that hangs, more than there are slots.
const HANGING: usize = 40;
/// Events of the other.
const EVENTS: usize = 30;

/// Connections that were accepted and get no answer.
#[derive(Debug, Default)]
struct Held {
    count: AtomicUsize,
    more: Notify,
}

async fn hang(listener: TcpListener, held: Arc<Held>) {
    let mut kept = Vec::new();
    loop {
        kept.push(listener.accept().await.unwrap().0);
        held.count.store(kept.len(), Ordering::SeqCst);
        held.more.notify_one();
    }
}

/// Answers every request, one a connection.
async fn answer(listener: TcpListener, arrived: mpsc::Sender<()>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        if read_request(&mut stream).await {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            arrived.send(()).await.unwrap();
        }
    }
}

/// Reads to the end of a request whose body is `{}`.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n{}") {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return false;
        }
    }
    true
}

async fn create(channel: &Channel, namespace: &str, number: usize, port: u16) {
    let request = RequestTemplate {
        url: format!("http://127.0.0.1:{port}/"),
        body: "{}".to_owned(),
        ..RequestTemplate::default()
    };
    let timeout = prost_types::Duration { seconds: HANGING_SECONDS, nanos: 0 };
    let webhook = Webhook {
        namespace: namespace.to_owned(),
        display_name: format!("receiver-{number}"),
        request: Some(request),
        transport: Some(TransportPolicy { attempt_timeout: Some(timeout), ..TransportPolicy::default() }),
        ..Webhook::default()
    };
    let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
    WebhookServiceClient::new(channel.clone()).create_webhook(request).await.unwrap();
}

async fn publish(channel: &Channel, namespace: &str, count: usize) {
    let event = Event { namespace: namespace.to_owned(), r#type: "created".to_owned(), ..Event::default() };
    let request = BatchPublishEventsRequest { events: vec![event; count] };
    EventServiceClient::new(channel.clone()).batch_publish_events(request).await.unwrap();
}

#[tokio::test]
async fn a_namespace_whose_receivers_hang_leaves_the_others_their_slots() {
    crate::binary::tenterhook();
    tokio::time::timeout(PATIENCE, play()).await.expect("the other namespace is delivered");
}

async fn play() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--dev", "--max-in-flight", &SLOTS.to_string()]);
    let channel = connect(Endpoint::from_shared(format!("http://{}", server.api)).unwrap()).await;
    let (hanging, good) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (port_hanging, port_good) = (hanging.local_addr().unwrap().port(), good.local_addr().unwrap().port());
    let (held, (sender, mut arrived)) = (Arc::new(Held::default()), mpsc::channel(EVENTS));
    let mut receivers = JoinSet::new();
    receivers.spawn(hang(hanging, held.clone()));
    receivers.spawn(answer(good, sender));
    for number in 0..HANGING {
        create(&channel, "hangs", number, port_hanging).await;
    }
    create(&channel, "works", 0, port_good).await;

    publish(&channel, "hangs", 20).await;
    // Half of the slots hang; how many more do is the dispatcher's to say.
    while held.count.load(Ordering::SeqCst) < SLOTS / 2 {
        held.more.notified().await;
    }
    publish(&channel, "works", EVENTS).await;
    for _ in 0..EVENTS {
        arrived.recv().await.unwrap();
    }
    let count = held.count.load(Ordering::SeqCst);
    assert!((SLOTS / 2..SLOTS).contains(&count), "{count} of {SLOTS} slots hang: one at least is left");
}
