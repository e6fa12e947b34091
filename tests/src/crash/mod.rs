//! The promise that matters most, kept by the real binary on a real disk: what was
//! acknowledged is delivered, however often the process is killed.

mod databases;
mod feed;
mod nodes;
mod notices;
mod power;
mod rate;
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    BackoffSchedule, CircuitBreaker, CreateWebhookRequest, DeliveryState, Event, HeaderTemplate, PublishEventRequest,
    RateLimit, RequestTemplate, RetryPolicy, SignatureScheme, SigningPolicy, Webhook, retry_policy,
};
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use crate::canary::mark;
use crate::process::serve::{self, Channel, Server, start};
use crate::sim::chance::Dice;
use receiver::{Arrived, Receiver};

/// How often the server is killed.
const ROUNDS: usize = 20;
/// Publishers at work at the same time.
const PUBLISHERS: usize = 8;
/// Events that a publisher has in each round, so that a fast machine does not make a long test.
const EVENTS: usize = 50;
/// Within it everything must have been delivered after the last start.
const PATIENCE: Duration = Duration::from_secs(90);
/// Makes the times of the kills.
const SEED: u64 = 9;

/// Ids of the events whose publication was acknowledged.
type Acknowledged = Arc<Mutex<BTreeSet<String>>>;

async fn connect(server: &Server) -> Channel {
    serve::connect(Endpoint::from_shared(format!("http://{}", server.api)).expect("it is an address")).await
}

/// The server on its store, after however many lives before.
fn live(folder: &Path) -> Server {
    start(folder, &["--dev"])
}

async fn make_webhook(channel: Channel, receiver: &Receiver, rate_limit: Option<RateLimit>) {
    let secret = HeaderTemplate { name: "X-Secret".to_owned(), value: mark::hidden("header"), sensitive: true };
    let schedule = BackoffSchedule { waits: vec![prost_types::Duration { seconds: 1, nanos: 0 }] };
    let webhook = Webhook {
        display_name: "receiver".to_owned(),
        request: Some(RequestTemplate {
            url: format!("http://{}/", receiver.address),
            headers: vec![secret],
            ..RequestTemplate::default()
        }),
        signing: Some(SigningPolicy { schemes: vec![SignatureScheme::StandardWebhooks.into()], ..Default::default() }),
        retry: Some(RetryPolicy {
            backoff: Some(retry_policy::Backoff::Schedule(schedule)),
            jitter: Some(0.0),
            ..RetryPolicy::default()
        }),
        // Refused deliveries may come in a row; the breaker is not what this is about.
        circuit_breaker: Some(CircuitBreaker { failures_to_open: 1_000, ..CircuitBreaker::default() }),
        rate_limit,
        ..Webhook::default()
    };
    let (webhook, signing_secret) = (Some(webhook), mark::standard("crash"));
    let request = CreateWebhookRequest { webhook, signing_secret, ..CreateWebhookRequest::default() };
    WebhookServiceClient::new(channel).create_webhook(request).await.expect("the webhook is legal");
}

/// Publishes until the server dies under it.
async fn publish(channel: Channel, name: String, acknowledged: Acknowledged, events: usize) {
    let mut client = EventServiceClient::new(channel);
    for number in 0..events {
        let id = format!("{name}-{number}");
        let event = Event { id: id.clone(), r#type: "created".to_owned(), ..Event::default() };
        if client.publish_event(PublishEventRequest { event: Some(event) }).await.is_err() {
            return;
        }
        acknowledged.lock().unwrap().insert(id);
    }
}

/// One life: publishers at work, and a kill in the midst of it.
async fn live_and_die(server: Server, round: usize, life: Duration, acknowledged: &Acknowledged) {
    let channel = connect(&server).await;
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        publishers.spawn(publish(channel.clone(), format!("{round}-{publisher}"), Arc::clone(acknowledged), EVENTS));
    }
    // The one wait for real time: a process is killed at a moment that it does not know.
    tokio::time::sleep(life).await;
    server.running.signal("KILL");
    server.running.wait();
    publishers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let acknowledged = Acknowledged::default();
    let mut dice = Dice::new(SEED);
    for round in 0..ROUNDS {
        let server = live(folder.path());
        if round == 0 {
            make_webhook(connect(&server).await, &receiver, None).await;
        }
        live_and_die(server, round, dice.millis(5, 250), &acknowledged).await;
    }
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    assert!(acknowledged.len() > ROUNDS, "only {} events were acknowledged in all rounds", acknowledged.len());

    let server = live(folder.path());
    let channel = connect(&server).await;
    let all_done = |told: &feed::Deliveries| {
        let succeeded: BTreeSet<&str> = told.values().map(|one| one.event.as_str()).collect();
        let is_done = told.values().all(|one| one.state == DeliveryState::Succeeded);
        is_done && acknowledged.iter().all(|id| succeeded.contains(id.as_str()))
    };
    let told = tokio::time::timeout(PATIENCE, feed::read(channel.clone(), all_done)).await;
    let Ok(told) = told else {
        panic!("not delivered in time: {:#?}", feed::unfinished(channel).await);
    };
    assert_eq!(told, feed::list(channel).await, "the feed explains what the lists show");
    server.running.signal("TERM");
    assert_eq!(server.running.wait().status.code(), Some(0));

    let arrived = std::mem::take(&mut *receiver.arrived.lock().unwrap());
    every_event_arrived(&acknowledged, &arrived);
    repeats_are_the_same_request(&told, &arrived);
}

fn every_event_arrived(acknowledged: &BTreeSet<String>, arrived: &[Arrived]) {
    let accepted: BTreeSet<&String> = arrived.iter().filter(|one| one.accepted).map(|one| &one.event).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !accepted.contains(id)).collect();
    assert!(lost.is_empty(), "acknowledged and never accepted by the receiver: {lost:?}");
}

/// What comes twice is the same attempt of the same delivery under the same `webhook-id`, and
/// only a kill between the receiver's answer and its record makes it come twice.
fn repeats_are_the_same_request(told: &feed::Deliveries, arrived: &[Arrived]) {
    let mut accepted: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for one in arrived {
        assert_eq!(told[&one.delivery].event, one.event, "{} carries the id of its event", one.delivery);
        if one.accepted {
            accepted.entry(&one.delivery).or_default().insert(&one.attempt);
        }
    }
    let odd: Vec<_> = accepted.iter().filter(|(_, attempts)| attempts.len() > 1).collect();
    assert!(odd.is_empty(), "accepted under more than one number: {odd:?}");
}
