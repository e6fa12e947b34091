//! Two servers on one PostgreSQL: one serves and the other stands by. Whatever ends or stops the one that
//! serves, or the database, what was acknowledged is delivered, in the order of its keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenterhook_fixtures::postgres::{Safety, Server as Database};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::{DeliveryState, Event, PublishEventRequest};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use super::receiver::{Arrived, Receiver};
use super::{Acknowledged, PATIENCE, every_event_arrived, feed, make_webhook, repeats_are_the_same_request};
use crate::process::running::Running;
use crate::process::serve::{self, get};
use crate::process::{command, run, stderr};

/// How often each fault comes.
const ROUNDS: usize = 2;
/// Publishers at work at the same time, each with an ordering key of its own.
const PUBLISHERS: usize = 4;
/// The lease of the nodes; the shortest that there is.
const LEASE: &str = "3s";
/// Events that are acknowledged between two faults, at least.
const EVENTS: usize = 40;
/// Pause of a publisher between two events.
const PAUSE: Duration = Duration::from_millis(100);

/// The key that all nodes seal with.
const SEALING_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A node, which may stand by.
struct Node {
    running: Running,
    ops: String,
}

/// Starts a node on the database.
fn start(url: &str, folder: &Path, name: &str) -> Node {
    let key = folder.join("sealing.key");
    if !key.exists() {
        std::fs::write(&key, SEALING_KEY).unwrap();
    }
    // Taken for a moment, so that probes can be asked before the first line is printed.
    let ops = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let key = key.display().to_string();
    let flags = ["serve", "--dev", "--store", url, "--sealing-key-file", &key, "--lease", LEASE, "--node-name", name];
    let ports = ["--listen", "127.0.0.1:0", "--ops-listen", &ops, "--log-format", "json"];
    let mut command = command(&[flags.as_slice(), ports.as_slice()].concat());
    command.env("TENTERHOOK_LOG_LEVEL", "info");
    Node { running: Running::start(command), ops }
}

impl Node {
    /// Waits until it serves; returns where.
    fn serves(&mut self) -> String {
        let line: serde_json::Value = serde_json::from_str(&self.running.line_of_start()).unwrap();
        line["listen"].as_str().unwrap().to_owned()
    }

    /// Waits until it says that the node `other` serves.
    fn stands_by(&self, other: &str) {
        let told = format!("standing by: the node `{other}` has the database\n");
        while std::net::TcpStream::connect(&self.ops).is_err() || get(&self.ops, "/readyz").1 != told {
            std::thread::yield_now();
        }
        assert_eq!(get(&self.ops, "/livez").0, "HTTP/1.1 200 OK");
    }
}

/// Publishes in order until `end`, each event until it is acknowledged, by whichever node serves.
async fn publish(
    key: String,
    acknowledged: Acknowledged,
    mut active: watch::Receiver<String>,
    end: watch::Receiver<bool>,
) {
    for number in 0.. {
        let id = format!("{key}-{number:05}");
        let event =
            Event { id: id.clone(), r#type: "created".to_owned(), ordering_key: key.clone(), ..Event::default() };
        loop {
            if *end.borrow() {
                return;
            }
            let address = active.borrow_and_update().clone();
            let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("it is an address");
            let endpoint = endpoint.connect_timeout(PAUSE * 10).timeout(Duration::from_secs(10));
            if let Ok(channel) = endpoint.connect().await {
                let request = PublishEventRequest { event: Some(event.clone()) };
                let mut client = EventServiceClient::new(channel);
                let published = tokio::select! {
                    published = client.publish_event(request) => published.is_ok(),
                    // Another node serves now; the one before may never answer.
                    Ok(()) = active.changed() => false,
                };
                if published {
                    break;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        acknowledged.lock().unwrap().insert(id);
        tokio::time::sleep(PAUSE).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_whichever_of_two_nodes_or_their_database_fails() {
    let Some(mut database) = Database::start(Safety::Durable) else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let receiver = Receiver::start().await;
    let acknowledged = Acknowledged::new(Mutex::default());
    let mut names = (0..).map(|number| format!("node-{number}"));
    let mut next = || names.next().expect("numbers have no end");
    let mut serving = (next(), None);
    let mut first = start(&url, folder.path(), &serving.0);
    let (active, end) = (watch::Sender::new(first.serves()), watch::Sender::new(false));
    serving.1 = Some(first);
    let endpoint = |address: &str| Endpoint::from_shared(format!("http://{address}")).expect("it is an address");
    make_webhook(serve::connect(endpoint(&active.borrow())).await, &receiver, None).await;

    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        let acknowledged = Arc::clone(&acknowledged);
        publishers.spawn(publish(format!("key-{number}"), acknowledged, active.subscribe(), end.subscribe()));
    }
    for fault in ["KILL", "STOP", "TERM"].repeat(ROUNDS) {
        let name = next();
        let mut other = start(&url, folder.path(), &name);
        other.stands_by(&serving.0);
        let count = || acknowledged.lock().unwrap().len();
        let enough = count() + EVENTS;
        while count() < enough {
            tokio::time::sleep(PAUSE).await;
        }
        let before = serving.1.take().expect("a node serves");
        database.kill();
        database.resume();
        before.running.signal(fault);
        active.send_replace(other.serves());
        match fault {
            "STOP" => {
                before.running.signal("CONT");
                let ended = before.running.wait();
                assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
                assert!(ended.log.contains("another node has taken over the database"), "{}", ended.log);
            }
            "TERM" => assert_eq!(before.running.wait().status.code(), Some(0)),
            _ => drop(before),
        }
        serving = (name, Some(other));
    }
    end.send_replace(true);
    publishers.join_all().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());

    let channel = serve::connect(endpoint(&active.borrow())).await;
    let all_done = |told: &feed::Deliveries| {
        let succeeded: BTreeSet<&str> = told.values().map(|one| one.event.as_str()).collect();
        told.values().all(|one| one.state == DeliveryState::Succeeded)
            && acknowledged.iter().all(|id| succeeded.contains(id.as_str()))
    };
    let told = tokio::time::timeout(PATIENCE, feed::read(channel.clone(), all_done)).await;
    let Ok(told) = told else {
        panic!("not delivered in time: {:#?}", feed::unfinished(channel).await);
    };
    assert_eq!(told, feed::list(channel).await, "the feed explains what the lists show");
    let last = serving.1.expect("a node serves");
    last.running.signal("TERM");
    assert_eq!(last.running.wait().status.code(), Some(0));
    let check = run(&["store", "check", "--store", &url]);
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));

    let arrived = std::mem::take(&mut *receiver.arrived.lock().unwrap());
    every_event_arrived(&acknowledged, &arrived);
    repeats_are_the_same_request(&told, &arrived);
    keys_came_in_order(&arrived);
}
