//! What begins on one node goes on on another: pages, watches, repeated publishes, every form of HTTP.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use tenterhook_fixtures::postgres::{Safety, Server as Database};
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_request::Start;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CircuitBreaker, CreateWebhookRequest, DeliveryState, Event, ListDeliveriesRequest, PublishEventRequest,
    RequestTemplate, RetryDeliveryRequest, RetryPolicy, WatchDeliveriesRequest, WatchDeliveriesResponse, WatchPosition,
    Webhook,
};
use tokio::task::JoinSet;
use tonic::{Status, Streaming};
use tonic_types::StatusExt as _;

use super::{PATIENCE, Place, start_three, until};
use crate::process::serve::{self, Channel};

/// Events that are published, one after the other on each node.
const EVENTS: usize = 30;
/// Deliveries of a page.
const PAGE: i32 = 7;

pub(super) async fn channel(place: &Place) -> Channel {
    serve::connect(place.endpoint()).await
}

fn event(id: &str) -> PublishEventRequest {
    let event = Event { id: id.to_owned(), r#type: "created".to_owned(), ..Event::default() };
    PublishEventRequest { event: Some(event) }
}

/// Publishes until it is acknowledged, as the clients do; whether it was known already.
pub(super) async fn publish(client: &mut EventServiceClient<Channel>, id: &str) -> bool {
    loop {
        match client.publish_event(event(id)).await {
            Ok(response) => return response.into_inner().result.unwrap().duplicate,
            Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}"),
        }
        tokio::task::yield_now().await;
    }
}

/// A webhook whose deliveries fail at once, for nobody listens there (RFC 6335 section 6).
pub(super) async fn make_webhook(place: &Place) {
    let request = RequestTemplate { url: "http://127.0.0.1:1/".to_owned(), ..RequestTemplate::default() };
    let retry = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    let webhook = Webhook {
        display_name: "nobody".to_owned(),
        request: Some(request),
        retry: Some(retry),
        // They fail in a row; the breaker is not what this is about.
        circuit_breaker: Some(CircuitBreaker { failures_to_open: 1_000, ..CircuitBreaker::default() }),
        ..Webhook::default()
    };
    let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
    WebhookServiceClient::new(channel(place).await).create_webhook(request).await.unwrap();
}

/// A place in the feed, kept over nodes.
struct Watcher {
    token: String,
    /// Every change, in its order.
    seen: Vec<(String, DeliveryState)>,
}

impl Watcher {
    /// Watches on a node until there are so many changes, or the stream ends with a status.
    async fn watch(&mut self, place: &Place, changes: usize) -> Result<(), Status> {
        let mut stream = self.begin(place).await?;
        self.read(&mut stream, changes).await
    }

    /// Begins to watch on a node, where the last watch ended.
    async fn begin(&self, place: &Place) -> Result<Streaming<WatchDeliveriesResponse>, Status> {
        let start = if self.token.is_empty() {
            Start::Position(WatchPosition::Earliest.into())
        } else {
            Start::ResumeToken(self.token.clone())
        };
        let request = WatchDeliveriesRequest { start: Some(start), ..WatchDeliveriesRequest::default() };
        let mut client = DeliveryServiceClient::new(channel(place).await);
        Ok(client.watch_deliveries(request).await?.into_inner())
    }

    /// Reads on until there are so many changes.
    async fn read(&mut self, stream: &mut Streaming<WatchDeliveriesResponse>, changes: usize) -> Result<(), Status> {
        while self.seen.len() < changes {
            let message = stream.message().await?.expect("a watch has no end of its own");
            self.token = message.resume_token;
            if let Some(Payload::Change(change)) = message.payload {
                let delivery = change.delivery.unwrap();
                self.seen.push((delivery.id.clone(), delivery.state()));
            }
        }
        Ok(())
    }
}

/// All deliveries, each page asked for on another node.
async fn listed(places: &[Place]) -> Vec<String> {
    let mut ids = Vec::new();
    let mut request = ListDeliveriesRequest { page_size: PAGE, ..ListDeliveriesRequest::default() };
    for number in 0.. {
        let mut client = DeliveryServiceClient::new(channel(&places[number % places.len()]).await);
        let page = client.list_deliveries(request.clone()).await.unwrap().into_inner();
        ids.extend(page.deliveries.into_iter().map(|delivery| delivery.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    ids
}

/// The answer to a request of HTTP/1.1.
fn plain(place: &Place, request: &str) -> String {
    let mut stream = TcpStream::connect(&place.api).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Every form of HTTP gets the same answer on each node.
fn every_form_works(places: &[Place]) {
    let requests = [
        ("GET /console/ HTTP/1.1\r\n", "", "HTTP/1.1 200 OK"),
        ("GET /nowhere HTTP/1.1\r\n", "", "HTTP/1.1 404 Not Found"),
        (
            "POST /v1/events HTTP/1.1\r\ncontent-type: application/json\r\n",
            r#"{"id":"by-http","type":"x"}"#,
            "HTTP/1.1 200 OK",
        ),
        ("POST /v1/events HTTP/1.1\r\ncontent-type: application/json\r\n", "{", "HTTP/1.1 400 Bad Request"),
        (
            "POST /tenterhook.v1.ServerService/GetServerInfo HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n",
            "\0\0\0\0\0",
            "HTTP/1.1 200 OK",
        ),
    ];
    for (head, body, status) in requests {
        for place in places {
            let length = body.len();
            let answer = plain(
                place,
                &format!("{head}host: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"),
            );
            assert!(answer.starts_with(status), "{head} on {}: {answer}", place.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_works_on_every_node_and_goes_on_on_another() {
    let Some(database) = Database::start(Safety::Fast) else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let (places, mut nodes) = start_three(&url, folder.path(), &["--dev"]);
    make_webhook(&places[2]).await;
    every_form_works(&places);

    let mut clients = Vec::new();
    for place in &places {
        clients.push(EventServiceClient::new(channel(place).await));
    }
    for number in 0..EVENTS {
        assert!(!publish(&mut clients[number % 3], &format!("event-{number}")).await);
        assert!(publish(&mut clients[(number + 1) % 3], &format!("event-{number}")).await, "it is known everywhere");
    }
    // One event came by HTTP, and each delivery is told as pending and failed at least.
    let changes = 2 * (EVENTS + 1);
    let mut watcher = Watcher { token: String::new(), seen: Vec::new() };
    for (number, place) in places.iter().cycle().take(9).enumerate() {
        let enough = changes * (number + 1) / 9;
        let watched = tokio::time::timeout(PATIENCE, watcher.watch(place, enough)).await;
        watched.expect("changes come in time").unwrap();
    }
    let ids = listed(&places).await;
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (EVENTS + 1, EVENTS + 1));
    let retried = RetryDeliveryRequest { delivery_id: ids[0].clone() };
    DeliveryServiceClient::new(channel(&places[1]).await).retry_delivery(retried).await.unwrap();

    // A watch on the second node sees its node lost, and goes on on the third; nothing is told twice.
    let (second, third) = (places[1].clone(), places[2].clone());
    let before = watcher.seen.len();
    let mut stream = watcher.begin(&second).await.unwrap();
    watcher.read(&mut stream, before + 1).await.unwrap();
    let mut watching = JoinSet::new();
    watching.spawn(async move {
        let lost = watcher.read(&mut stream, usize::MAX).await.unwrap_err();
        (watcher, lost)
    });
    let last = nodes.remove(0);
    last.signal("KILL");
    drop(last);
    let (mut watcher, lost) =
        tokio::time::timeout(PATIENCE, watching.join_next()).await.expect("the watch ends").unwrap().unwrap();
    assert_eq!(lost.code(), tonic::Code::Unavailable);
    let info = lost.get_details_error_info().expect("the status says why");
    assert_eq!(info.reason, "STORE_UNAVAILABLE");
    assert!(lost.get_details_retry_info().is_some());

    // Before anybody has taken over: each of the other two answers, and keeps its promise afterwards.
    let (mut on_second, mut on_third) = (clients[1].clone(), clients[2].clone());
    tokio::join!(publish(&mut on_second, "after-1"), publish(&mut on_third, "after-2"));
    until("another node serves", || places[1..].iter().any(Place::serves));
    assert!(publish(&mut on_second, "after-2").await && publish(&mut on_third, "after-1").await);
    let all: BTreeSet<String> = listed(&places[1..]).await.into_iter().collect();
    assert_eq!(all.len(), EVENTS + 3);

    let mut fresh = Watcher { token: String::new(), seen: Vec::new() };
    let is_done = |seen: &[(String, DeliveryState)]| {
        let failed: BTreeSet<_> = seen.iter().filter(|(_, state)| *state == DeliveryState::Failed).collect();
        failed.len() == EVENTS + 3
    };
    while !is_done(&fresh.seen) {
        let more = fresh.seen.len() + 1;
        tokio::time::timeout(PATIENCE, fresh.watch(&third, more)).await.expect("changes come in time").unwrap();
    }
    let end = fresh.seen.len();
    tokio::time::timeout(PATIENCE, watcher.watch(&third, end)).await.expect("it goes on").unwrap();
    assert!(before < end && watcher.seen == fresh.seen, "neither gap nor repeat");

    let serving = places[1..].iter().position(Place::serves).unwrap();
    for at in [1 - serving, serving] {
        nodes[at].signal("TERM");
    }
    for node in nodes {
        let ended = node.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    }
}
