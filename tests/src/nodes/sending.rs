//! Nodes that stand by send for the one that serves: more attempts are under way than one node makes at once, and none
//! is lost with the node that made it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tenterhook_fixtures::postgres::schema;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    AttemptOutcome, BatchPublishEventsRequest, CreateWebhookRequest, Delivery, DeliveryState, Event,
    GetDeliveryRequest, ListDeliveriesRequest, RateLimit, RequestTemplate, TransportPolicy, Webhook,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{PATIENCE, Place, start_three, until};
use crate::process::running::Running;
use crate::process::serve::{self, Channel};

/// Attempts that each node makes at once.
const AT_ONCE: usize = 4;
/// Requests that are held: more than one node makes, and as many as a slow receiver gets of three.
const HELD: usize = 6;

/// Holds every request until it is told to answer.
pub(super) struct Receiver {
    address: SocketAddr,
    /// Requests that wait for their answer.
    waiting: watch::Receiver<usize>,
    pub(super) answers: watch::Sender<bool>,
    /// How often each delivery came.
    pub(super) came: Arc<Mutex<BTreeMap<String, usize>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (waits, waiting) = watch::channel(0);
        let (waits, came) = (Arc::new(waits), Arc::default());
        let answers = watch::Sender::new(true);
        let mut tasks = JoinSet::new();
        let (may_answer, noted) = (answers.subscribe(), Arc::clone(&came));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (waits, may_answer, noted) = (Arc::clone(&waits), may_answer.clone(), Arc::clone(&noted));
                let answer = service_fn(move |request| {
                    answer(request, Arc::clone(&waits), may_answer.clone(), Arc::clone(&noted))
                });
                connections.spawn(async move {
                    // That of a node that was killed breaks.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { address, waiting, answers, came, _tasks: tasks }
    }

    pub(super) async fn until_waiting(&mut self, count: usize) {
        let waits = self.waiting.wait_for(|waiting| *waiting == count);
        tokio::time::timeout(PATIENCE, waits).await.expect("so many requests come").unwrap();
    }
}

/// Counts a request as waiting while it is held.
struct Held(Arc<watch::Sender<usize>>);

impl Held {
    fn new(waits: Arc<watch::Sender<usize>>) -> Self {
        waits.send_modify(|waiting| *waiting += 1);
        Self(waits)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

async fn answer(
    request: Request<Incoming>,
    waits: Arc<watch::Sender<usize>>,
    mut may_answer: watch::Receiver<bool>,
    came: Arc<Mutex<BTreeMap<String, usize>>>,
) -> hyper::Result<Response<Empty<Bytes>>> {
    let id = request.headers()["x-tenterhook-delivery"].to_str().unwrap().to_owned();
    request.into_body().collect().await?;
    *came.lock().unwrap().entry(id).or_default() += 1;
    let _held = Held::new(waits);
    may_answer.wait_for(|answers| *answers).await.expect("the receiver is there as long as its requests");
    Ok(Response::new(Empty::new()))
}

pub(super) async fn make_webhook(channel: Channel, receiver: &Receiver, max_in_flight: i32) {
    let request = RequestTemplate { url: format!("http://{}/", receiver.address), ..RequestTemplate::default() };
    // Longer than anything here takes.
    let attempt_timeout = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let webhook = Webhook {
        display_name: "slow".to_owned(),
        request: Some(request),
        transport: Some(TransportPolicy { attempt_timeout, ..TransportPolicy::default() }),
        rate_limit: Some(RateLimit { max_in_flight, ..RateLimit::default() }),
        ..Webhook::default()
    };
    let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
    WebhookServiceClient::new(channel).create_webhook(request).await.unwrap();
}

pub(super) async fn publish(channel: Channel, name: &str, count: usize) {
    let event = |number| Event { id: format!("{name}-{number}"), r#type: "created".to_owned(), ..Event::default() };
    let request = BatchPublishEventsRequest { events: (0..count).map(event).collect() };
    EventServiceClient::new(channel).batch_publish_events(request).await.unwrap();
}

/// Every delivery, once all have succeeded.
pub(super) async fn delivered(channel: Channel) -> Vec<Delivery> {
    let mut client = DeliveryServiceClient::new(channel);
    let begun = tokio::time::Instant::now();
    loop {
        let list = client.list_deliveries(ListDeliveriesRequest::default()).await.unwrap().into_inner();
        if list.deliveries.iter().all(|delivery| delivery.state() == DeliveryState::Succeeded) {
            return list.deliveries;
        }
        assert!(begun.elapsed() < PATIENCE, "everything is delivered: {list:?}");
        tokio::task::yield_now().await;
    }
}

/// Waits until all nodes together make so many attempts at once.
fn until_limit(serving: &Place, attempts: usize) {
    let line = format!("tenterhook_attempts_limit {attempts}");
    until("nodes join and leave", || serve::get(&serving.ops, "/metrics").1.lines().any(|metric| metric == line));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_sends_and_what_a_lost_one_had_is_sent_again() {
    let Some(url) = schema() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at_once = AT_ONCE.to_string();
    let (places, mut nodes): (Vec<Place>, Vec<Running>) =
        start_three(&url, folder.path(), &["--dev", "--max-in-flight", &at_once]);
    until_limit(&places[0], 3 * AT_ONCE);
    let channel = serve::connect(places[0].endpoint()).await;
    let mut receiver = Receiver::start().await;
    make_webhook(channel.clone(), &receiver, 0).await;
    // A webhook that has not proved to be up gets one place.
    publish(channel.clone(), "first", 1).await;
    delivered(channel.clone()).await;

    receiver.answers.send_replace(false);
    publish(channel.clone(), "held", HELD).await;
    receiver.until_waiting(HELD).await;

    let lost = nodes.pop().unwrap();
    lost.signal("KILL");
    drop(lost);
    until_limit(&places[0], 2 * AT_ONCE);
    receiver.answers.send_replace(true);
    let deliveries = delivered(channel.clone()).await;
    assert_eq!(deliveries.len(), HELD + 1);
    let again: Vec<_> = deliveries.iter().filter(|delivery| delivery.attempt_count > 1).collect();
    assert_eq!(again.len(), HELD / 3, "what the lost node had, and nothing else: {again:?}");
    let came = receiver.came.lock().unwrap().clone();
    for delivery in &deliveries {
        let count = usize::try_from(delivery.attempt_count).unwrap();
        assert_eq!(came[&delivery.id], count, "{delivery:?}");
    }

    // One that is stopped in order finishes what it has, and the one that serves goes on alone.
    receiver.answers.send_replace(false);
    publish(channel.clone(), "then", AT_ONCE).await;
    receiver.until_waiting(AT_ONCE).await;
    let second = nodes.pop().unwrap();
    second.signal("TERM");
    until_limit(&places[0], AT_ONCE);
    receiver.answers.send_replace(true);
    assert_eq!(second.wait().status.code(), Some(0));
    let deliveries = delivered(channel.clone()).await;
    let then = deliveries.iter().filter(|delivery| delivery.event_id.starts_with("then-"));
    assert!(then.clone().count() == AT_ONCE && then.clone().all(|delivery| delivery.attempt_count == 1));
    publish(channel.clone(), "alone", AT_ONCE).await;
    delivered(channel).await;
    nodes[0].signal("TERM");
    let ended = nodes.remove(0).wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_of_other_nodes_are_shown_as_what_they_were() {
    let Some(url) = schema() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (places, _nodes) = start_three(&url, folder.path(), &["--dev", "--max-in-flight", "2"]);
    until_limit(&places[0], 6);
    let channel = serve::connect(places[2].endpoint()).await;
    let mut receiver = Receiver::start().await;
    make_webhook(channel.clone(), &receiver, 0).await;
    publish(channel.clone(), "first", 1).await;
    delivered(channel.clone()).await;
    receiver.answers.send_replace(false);
    publish(channel.clone(), "held", 3).await;
    receiver.until_waiting(3).await;
    receiver.answers.send_replace(true);
    let mut client = DeliveryServiceClient::new(channel.clone());
    for Delivery { id, .. } in delivered(channel).await {
        let request = GetDeliveryRequest { delivery_id: id, ..GetDeliveryRequest::default() };
        let delivery = client.get_delivery(request).await.unwrap().into_inner().delivery.unwrap();
        let [attempt] = <[_; 1]>::try_from(delivery.attempts).expect("it has one attempt");
        assert_eq!(attempt.outcome(), AttemptOutcome::Success);
        let request = attempt.request.expect("what was sent is known");
        assert_eq!(request.url, format!("http://{}/", receiver.address));
        assert!(!request.body.is_empty() && attempt.response.is_some_and(|response| response.status == 200));
        assert_eq!(attempt.remote_address, receiver.address.to_string());
    }
}
