//! A node that is killed: those that are there do not wait for its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenterhook_fixtures::postgres::{Safety, Server as Database};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::everywhere::{channel, make_webhook, publish};
use super::{Place, start_three, until};

/// Publishers at work on each node.
const PUBLISHERS: usize = 4;
/// Events that are acknowledged before a node is killed and after it, at least.
const EVENTS: usize = 60;

/// Publishes until `end`; the longest that a publish took.
async fn load(place: Place, name: String, count: Arc<AtomicUsize>, end: watch::Receiver<bool>) -> Duration {
    let mut client = EventServiceClient::new(channel(&place).await);
    let mut longest = Duration::ZERO;
    for number in 0.. {
        let begun = Instant::now();
        publish(&mut client, &format!("{name}-{number}")).await;
        longest = longest.max(begun.elapsed());
        count.fetch_add(1, Ordering::Relaxed);
        if *end.borrow() {
            break;
        }
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_is_not_waited_for() {
    let Some(database) = Database::start(Safety::Durable) else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let (places, mut nodes) = start_three(&url, folder.path(), &["--dev"]);
    make_webhook(&places[0]).await;
    let (count, end, mut publishers) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(false), JoinSet::new());
    for (number, place) in places.iter().enumerate().skip(1) {
        for publisher in 0..PUBLISHERS {
            let name = format!("node-{number}-publisher-{publisher}");
            publishers.spawn(load(place.clone(), name, Arc::clone(&count), end.subscribe()));
        }
    }
    let more = || {
        let enough = count.load(Ordering::Relaxed) + EVENTS;
        until("events are acknowledged", || count.load(Ordering::Relaxed) >= enough);
    };
    more();
    drop(nodes.remove(0));
    more();
    end.send_replace(true);
    let longest = publishers.join_all().await.into_iter().max().unwrap();
    eprintln!("the longest that a publish on a living node took while the one that served was killed: {longest:?}");

    // Nobody waits for this lease: neither a node that is stopped is replaced, nor one that is killed waited for.
    let serving = places.iter().skip(1).position(Place::serves).expect("a node serves");
    let (serving, other) = (nodes.remove(serving), nodes.remove(0));
    serving.signal("STOP");
    let epoch = database.sql("update tenterhook.lease set expires = 'infinity' returning epoch");
    serving.signal("KILL");
    until("the last node serves", || places[1..].iter().any(Place::serves));
    assert_ne!(database.sql("select epoch from tenterhook.lease"), epoch);
    other.signal("TERM");
    assert_eq!(other.wait().status.code(), Some(0));
}
