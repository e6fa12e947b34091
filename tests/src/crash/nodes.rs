//! Three servers on one PostgreSQL: one serves, and the others forward to it. Whatever ends or stops the one that
//! serves, or the database, what was acknowledged is delivered, in the order of its keys, and a watch tells the
//! same on every node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_fixtures::postgres::{Safety, Server as Database};
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_request::Start;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::{
    DeliveryState, Event, PublishEventRequest, RateLimit, WatchDeliveriesRequest, WatchPosition,
};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Code;

use super::receiver::{Arrived, Receiver};
use super::{Acknowledged, PATIENCE, every_event_arrived, feed, make_webhook, repeats_are_the_same_request};
use crate::nodes::{Place, start_three, until};
use crate::process::running::Running;
use crate::process::{run, serve, stderr};

/// How often each fault comes, when the environment does not say.
const ROUNDS: usize = 1;
/// Their number, by its name in the environment.
const COUNT: &str = "TENTERHOOK_ROUNDS";
/// Publishers at work at the same time, each with an ordering key of its own.
const PUBLISHERS: usize = 6;
/// Events that are acknowledged between two faults, at least.
const EVENTS: usize = 40;
/// Pause of a publisher between two events.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the receiver takes, so that requests are in flight when something fails; and how many the webhook allows.
const TAKES: Duration = Duration::from_millis(20);
const AT_ONCE: i32 = 4;
/// How long a publisher waits for an answer before it asks another node.
const ANSWER: Duration = Duration::from_secs(5);

/// Publishes in order until `end`, each event until it is acknowledged: on its own node while that answers, else
/// on the next.
async fn publish(number: usize, places: Vec<Place>, acknowledged: Acknowledged, end: watch::Receiver<bool>) {
    let (key, mut node) = (format!("key-{number}"), number);
    for number in 0.. {
        let id = format!("{key}-{number:05}");
        let event =
            Event { id: id.clone(), r#type: "created".to_owned(), ordering_key: key.clone(), ..Event::default() };
        loop {
            if *end.borrow() {
                return;
            }
            let endpoint = places[node % places.len()].endpoint().connect_timeout(PAUSE * 10).timeout(ANSWER);
            let Ok(channel) = endpoint.connect().await else {
                node += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let request = PublishEventRequest { event: Some(event.clone()) };
            match EventServiceClient::new(channel).publish_event(request).await {
                Ok(_) => break,
                // The node says itself that nobody serves; it is asked again.
                Err(status) if status.code() == Code::Unavailable => {}
                Err(_) => node += 1,
            }
            tokio::time::sleep(PAUSE).await;
        }
        acknowledged.lock().unwrap().insert(id);
        tokio::time::sleep(PAUSE).await;
    }
}

/// A change as a watch tells it: delivery, state and attempts.
type Changes = Arc<Mutex<Vec<(String, String, DeliveryState, i32)>>>;

/// Watches from the start of the feed, on one node after the other: from each that ends the watch it goes to the
/// next with its last token.
async fn follow(mut node: usize, places: Vec<Place>, changes: Changes) {
    let mut start = Start::Position(WatchPosition::Earliest.into());
    loop {
        let place = &places[node % places.len()];
        node += 1;
        tokio::time::sleep(PAUSE).await;
        let Ok(channel) = place.endpoint().connect_timeout(PAUSE * 10).connect().await else { continue };
        let request = WatchDeliveriesRequest { start: Some(start.clone()), ..WatchDeliveriesRequest::default() };
        let mut client = DeliveryServiceClient::new(channel);
        // A node that is stopped answers nothing.
        let Ok(Ok(stream)) = tokio::time::timeout(ANSWER, client.watch_deliveries(request)).await else { continue };
        let mut stream = stream.into_inner();
        // Bookmarks come more often than this.
        while let Ok(told) = tokio::time::timeout(ANSWER * 3, stream.message()).await {
            let message = match told {
                Ok(message) => message.expect("a watch has no end of its own"),
                Err(status) => {
                    let is_lost = matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled);
                    assert!(is_lost, "{}: {status:?}", place.name);
                    break;
                }
            };
            start = Start::ResumeToken(message.resume_token);
            if let Some(Payload::Change(change)) = message.payload {
                let delivery = change.delivery.expect("a change has a delivery");
                let (state, attempts) = (delivery.state(), delivery.attempt_count);
                changes.lock().unwrap().push((delivery.id, delivery.event_id, state, attempts));
            }
        }
    }
}

/// The events of each key were first accepted in the order in which they were published.
fn keys_came_in_order(arrived: &[Arrived]) {
    let mut accepted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for one in arrived.iter().filter(|one| one.accepted) {
        if seen.insert(&one.event) {
            accepted.entry(one.event.rsplit_once('-').unwrap().0).or_default().push(&one.event);
        }
    }
    assert_eq!(accepted.len(), PUBLISHERS);
    for (key, events) in accepted {
        assert!(events.is_sorted(), "{key} came out of order: {events:?}");
    }
}

/// Ends the connections of all nodes.
const END_LINKS: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
    where application_name like 'tenterhook %'";
/// Whether a lease has passed since the one that was taken from a silent node would have ended.
const LONG_AGO: &str = "select clock_timestamp() > sends_from + interval '3 seconds' from tenterhook.lease";

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The node that serves, by this signal, and its database with it.
    Both(&'static str),
    /// Only that node.
    Node(&'static str),
    /// The connections of all nodes to the database.
    Links,
}

const FAULTS: [Fault; 7] = [
    Fault::Both("KILL"),
    Fault::Both("STOP"),
    Fault::Both("TERM"),
    Fault::Node("KILL"),
    Fault::Node("STOP"),
    Fault::Node("TERM"),
    Fault::Links,
];

/// Waits for the end of a node from which another has taken the database.
fn has_lost(node: Running) {
    let ended = node.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("another node has taken over the database"), "{}", ended.log);
}

/// Lets something fail, and waits until a node serves that can.
fn fail(fault: Fault, places: &[Place], nodes: &mut [Option<Running>], database: &mut Database) {
    let serving = places.iter().position(Place::serves).expect("a node serves");
    let signal = match fault {
        Fault::Links => {
            assert_ne!(database.sql(END_LINKS), "0");
            return;
        }
        Fault::Both(signal) => {
            database.kill();
            database.resume();
            signal
        }
        Fault::Node(signal) => signal,
    };
    let before = nodes[serving].take().expect("it runs");
    before.signal(signal);
    until("another node serves", || {
        places.iter().enumerate().any(|(number, place)| number != serving && place.serves())
    });
    match signal {
        "STOP" => {
            if fault == Fault::Node("STOP") {
                // Twice the lease in all.
                until("the frozen node is forgotten", || database.sql(LONG_AGO) == "t");
            }
            before.signal("CONT");
            has_lost(before);
        }
        "TERM" => {
            let ended = before.wait();
            // A database that takes longer than the lease to come back is another node's then.
            let is_late = ended.log.contains("another node has taken over the database");
            let code = ended.status.code();
            assert!(code == Some(0) || (is_late && code == Some(1)), "{code:?}: {}", ended.log);
        }
        _ => drop(before),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_is_lost_whichever_of_three_nodes_or_their_database_fails() {
    let Some(mut database) = Database::start(Safety::Durable) else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let receiver = Receiver::answering_after(TAKES).await;
    let acknowledged = Acknowledged::new(Mutex::default());
    let (places, nodes) = start_three(&url, folder.path(), &["--dev"]);
    let mut nodes: Vec<Option<Running>> = nodes.into_iter().map(Some).collect();
    let limit = RateLimit { max_in_flight: AT_ONCE, ..RateLimit::default() };
    make_webhook(serve::connect(places[1].endpoint()).await, &receiver, Some(limit)).await;

    let (end, mut publishers, mut watchers) = (watch::Sender::new(false), JoinSet::new(), JoinSet::new());
    for number in 0..PUBLISHERS {
        publishers.spawn(publish(number, places.clone(), Arc::clone(&acknowledged), end.subscribe()));
    }
    let seen: Vec<Changes> = places.iter().map(|_| Changes::default()).collect();
    for (number, changes) in seen.iter().enumerate() {
        watchers.spawn(follow(number, places.clone(), Arc::clone(changes)));
    }
    let rounds = crate::sim::chosen(COUNT).map_or(ROUNDS, |rounds| rounds as usize);
    for fault in FAULTS.repeat(rounds) {
        for (place, node) in places.iter().zip(&mut nodes) {
            // One whose connections were ended may have lost the database.
            if let Some(ended) = node.take_if(Running::has_ended) {
                has_lost(ended);
            }
            if node.is_none() {
                *node = Some(place.start(&url, folder.path(), &["--dev"]));
            }
        }
        let take_calls = || {
            let serving = places.iter().find(|place| place.serves());
            serving.is_some_and(|one| places.iter().all(|place| place.serves() || place.forwards_to(&one.name)))
        };
        until("all take calls", take_calls);
        let count = || acknowledged.lock().unwrap().len();
        let enough = count() + EVENTS;
        while count() < enough {
            tokio::time::sleep(PAUSE).await;
        }
        fail(fault, &places, &mut nodes, &mut database);
    }
    end.send_replace(true);
    publishers.join_all().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());

    let serving = places.iter().position(Place::serves).expect("a node serves");
    let channel = serve::connect(places[serving].endpoint()).await;
    let all_done = |told: &feed::Deliveries| {
        let succeeded: BTreeSet<&str> = told.values().map(|one| one.event.as_str()).collect();
        told.values().all(|one| one.state == DeliveryState::Succeeded)
            && acknowledged.iter().all(|id| succeeded.contains(id.as_str()))
    };
    let told = tokio::time::timeout(PATIENCE, feed::read(channel.clone(), all_done)).await;
    let Ok(told) = told else {
        panic!("not delivered in time: {:#?}", feed::unfinished(channel).await);
    };
    for (number, place) in places.iter().enumerate().filter(|(number, _)| nodes[*number].is_some()) {
        let listed = feed::list(serve::connect(place.endpoint()).await).await;
        assert_eq!(told, listed, "the feed explains what the lists of node {number} show");
    }
    let fresh = Changes::default();
    watchers.spawn(follow(serving, places.clone(), Arc::clone(&fresh)));
    let is_done = |changes: &Changes| {
        let changes = changes.lock().unwrap();
        let done: BTreeSet<&String> =
            changes.iter().filter(|(_, _, state, _)| *state == DeliveryState::Succeeded).map(|(id, ..)| id).collect();
        done.len() == told.len()
    };
    let all = async {
        while !seen.iter().chain([&fresh]).all(is_done) {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("every watch tells the end");
    watchers.shutdown().await;
    for (number, changes) in seen.iter().enumerate() {
        let (changes, fresh) = (changes.lock().unwrap(), fresh.lock().unwrap());
        let differs = changes.iter().zip(fresh.iter()).position(|(one, other)| one != other);
        assert_eq!((differs, changes.len()), (None, fresh.len()), "watch {number} has neither gap nor repeat");
    }

    for mut node in nodes.into_iter().flatten() {
        if node.has_ended() {
            has_lost(node);
        } else {
            node.signal("TERM");
            assert_eq!(node.wait().status.code(), Some(0));
        }
    }
    let check = run(&["store", "check", "--store", &url]);
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));

    let at_once = std::mem::take(&mut *receiver.at_once.lock().unwrap());
    assert!(at_once.twice.is_empty(), "two nodes sent the same at the same time: {:?}", at_once.twice);
    assert!((1..=AT_ONCE as usize).contains(&at_once.most), "{} at once, of {AT_ONCE}", at_once.most);
    let arrived = std::mem::take(&mut *receiver.arrived.lock().unwrap());
    every_event_arrived(&acknowledged, &arrived);
    repeats_are_the_same_request(&told, &arrived);
    keys_came_in_order(&arrived);
}
