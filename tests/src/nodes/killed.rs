//! A node that is killed or frozen: those that are there do not wait for its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenterhook_fixtures::postgres::{Safety, Server as Database};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::everywhere::{channel, make_webhook, publish};
use super::sending::{self, Receiver};
use super::{Place, start_three, until};

/// Publishers at work on each node.
const PUBLISHERS: usize = 4;
/// Events that are acknowledged before a node is killed and after it, at least.
const EVENTS: usize = 60;
/// Requests that are in flight when a node is frozen.
const HELD: usize = 6;
/// Makes leases that are not waited for.
const FOR_EVER: &str = "create function for_ever() returns trigger language plpgsql as \
    $$ begin if new.expires > clock_timestamp() then new.expires = 'infinity'; end if; return new; end $$; \
    create trigger for_ever before update on tenterhook.lease for each row execute function for_ever()";

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

/// Publishers at work on nodes.
struct Publishers {
    tasks: JoinSet<Duration>,
    count: Arc<AtomicUsize>,
    end: watch::Sender<bool>,
}

impl Publishers {
    fn on(places: &[Place]) -> Self {
        let (mut tasks, count, end) = (JoinSet::new(), Arc::default(), watch::Sender::new(false));
        for place in places {
            for publisher in 0..PUBLISHERS {
                let name = format!("{}-publisher-{publisher}", place.name);
                tasks.spawn(load(place.clone(), name, Arc::clone(&count), end.subscribe()));
            }
        }
        Self { tasks, count, end }
    }

    /// Waits until more events are acknowledged.
    fn more(&self) {
        let enough = self.count.load(Ordering::Relaxed) + EVENTS;
        until("events are acknowledged", || self.count.load(Ordering::Relaxed) >= enough);
    }

    /// Ends them and says how long a publish took at most while something happened to the node that served.
    async fn end(self, what: &str) {
        self.end.send_replace(true);
        let longest = self.tasks.join_all().await.into_iter().max().unwrap();
        eprintln!("the longest that a publish on a living node took while the one that served was {what}: {longest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_is_not_waited_for() {
    let Some(database) = Database::start(Safety::Durable) else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let (places, mut nodes) = start_three(&url, folder.path(), &["--dev"]);
    make_webhook(&places[0]).await;
    let publishers = Publishers::on(&places[1..]);
    publishers.more();
    drop(nodes.remove(0));
    publishers.more();
    publishers.end("killed").await;

    // Nobody waits for this lease, nor for the one that was frozen before it was killed.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_frozen_is_not_waited_for_and_nothing_is_sent_beside_it() {
    let Some(database) = Database::start(Safety::Durable) else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let (places, mut nodes) = start_three(&url, folder.path(), &["--dev"]);
    database.sql(FOR_EVER);
    let mut receiver = Receiver::start().await;
    sending::make_webhook(channel(&places[0]).await, &receiver, HELD as i32).await;
    sending::publish(channel(&places[0]).await, "first", 1).await;
    sending::delivered(channel(&places[0]).await).await;
    receiver.answers.send_replace(false);
    sending::publish(channel(&places[0]).await, "held", HELD).await;
    receiver.until_waiting(HELD).await;
    let came = receiver.came.lock().unwrap().clone();
    assert_eq!(came.len(), HELD + 1);

    // So many are in flight, and no more.
    let publishers = Publishers::on(&places[1..]);
    publishers.more();
    let epoch = database.sql("select epoch from tenterhook.lease");
    let before = receiver.came.lock().unwrap().clone();
    let frozen = nodes.remove(0);
    frozen.signal("STOP");
    publishers.more();
    let serves = || places[1..].iter().any(Place::serves);
    until("another node serves", serves);
    assert_ne!(database.sql("select epoch from tenterhook.lease"), epoch);
    publishers.more();
    publishers.end("frozen").await;
    assert_eq!(*receiver.came.lock().unwrap(), before, "what is frozen may have requests in flight");

    frozen.signal("CONT");
    let ended = frozen.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("another node has taken over the database"), "{}", ended.log);
    assert!(!ended.log.contains("trying again"), "nothing is tried again that another node does now: {}", ended.log);
    receiver.answers.send_replace(true);
    let more = || receiver.came.lock().unwrap().len() > before.len();
    until("what was held and what came later is sent", more);
    let mut told = 0;
    for node in nodes {
        node.signal("TERM");
        let ended = node.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        told += ended.log.matches("has ended: sending begins").count();
    }
    assert_eq!(told, 1, "by the node that waited for it, and once");
}
