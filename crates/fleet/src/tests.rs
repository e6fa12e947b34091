//! Two nodes at the ends of one connection, on a paused clock.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenterhook_attempt::{Deliver, Elsewhere, Job, Load, Made, PassThrough, Place, make_at};
use tenterhook_engine::{Compilations, EventContext, InProcess};
use tenterhook_fixtures::{delivery, event, response, webhook};
use tenterhook_model::{Clock, Exchange, Excuse, OsEntropy, Outcome, PreparedRequest, Secret, Timestamp, Webhook};
use tenterhook_store::{Carrier, Ownership, SealingKey};
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::{Duty, Fleet, Granting, Joining, Outfit, Relieved};

/// How long a node may send without asking again.
const GRANT: Duration = Duration::from_secs(2);
/// Attempts that the other node makes at once.
const ROOM: usize = 3;
/// A node with no load.
const IDLE: Load = Load { taken: 0, room: 1 };
/// A node with no room.
const FULL: Load = Load { taken: 1, room: 1 };

/// Half past two.
#[derive(Debug)]
struct HalfPastTwo;

impl Clock for HalfPastTwo {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(9_000_000)
    }
}

fn carrier() -> Carrier {
    Carrier::new(&SealingKey::new([1; 32]), Arc::new(OsEntropy))
}

/// The node that serves.
struct First {
    fleet: Fleet,
    ownership: watch::Sender<Ownership>,
    tasks: JoinSet<()>,
    end: CancellationToken,
}

impl First {
    fn new() -> Self {
        let (fleet, ownership) = (Fleet::default(), watch::Sender::new(Ownership::Held));
        let owned = ownership.subscribe();
        fleet.serve(Granting { carrier: carrier(), clock: Arc::new(HalfPastTwo), ownership: owned, grant: GRANT });
        Self { fleet, ownership, tasks: JoinSet::new(), end: CancellationToken::new() }
    }

    /// Lets a node join; the other end of its connection, once it may have jobs.
    async fn let_join(&mut self) -> DuplexStream {
        let (near, far) = duplex(64 * 1024);
        let (fleet, end) = (self.fleet.clone(), self.end.clone());
        let mut room = fleet.room();
        let before = *room.borrow();
        self.tasks.spawn(async move {
            fleet.work_with(Joining::new("second".to_owned(), ROOM), near, &end).await;
        });
        room.wait_for(|room| *room == before + ROOM).await.unwrap();
        far
    }
}

/// A node that stands by.
struct Second {
    leave: CancellationToken,
    relieved: JoinHandle<Relieved>,
}

fn stand_by<D: Deliver>(stream: DuplexStream, deliverer: D) -> Second {
    let (render, compilations) = (Arc::new(InProcess), Arc::new(Compilations::new()));
    let outfit = Outfit { render, compilations, trace: Arc::new(PassThrough), carrier: carrier() };
    let (duty, leave) = (Duty { outfit, deliverer, room: ROOM }, CancellationToken::new());
    let (asked, token) = (Instant::now(), leave.clone());
    // It ends with the stream, which the test holds the other end of.
    #[expect(clippy::disallowed_methods, reason = "a test ends with its runtime")]
    let relieved = tokio::spawn(async move { duty.run(stream, asked, &token).await });
    Second { leave, relieved }
}

fn signed(revision: u64) -> Arc<Webhook> {
    let mut webhook = webhook(1);
    webhook.revision = revision;
    webhook.spec.request.body = format!("revision {revision}");
    Arc::new(webhook)
}

/// Makes the second attempt of a delivery, due at the epoch, at a place.
async fn attempt_at(place: &dyn Place, webhook: &Arc<Webhook>, cut: &CancellationToken) -> Made {
    let event = event("e");
    let delivery = delivery(webhook, &event, 1);
    let context = Arc::new(EventContext::new(Arc::new(event)));
    let due_time = delivery.next_attempt_time;
    let job = Job { webhook, context: &context, delivery_id: delivery.id, number: 2, due_time };
    make_at(place, job, &HalfPastTwo, cut).await
}

async fn attempt(first: &First, webhook: &Arc<Webhook>, cut: &CancellationToken) -> Made {
    let place = first.fleet.place(FULL).expect("the other node has room");
    attempt_at(&*place, webhook, cut).await
}

fn ok() -> Exchange {
    Exchange { outcome: Outcome::Success, response: Some(response(200, &[])), ..Exchange::failed(Outcome::Success, "") }
}

/// Answers every request.
fn answers() -> impl Deliver {
    service_fn(|_: PreparedRequest| async { Ok::<_, Infallible>(ok()) })
}

/// Answers none, and counts those that wait.
fn hangs() -> (impl Deliver, Waiting) {
    let waiting = Waiting::default();
    let counted = waiting.clone();
    let hangs = service_fn(move |_: PreparedRequest| {
        let counted = counted.clone();
        async move {
            let _one = counted.one();
            pending::<Result<Exchange, Infallible>>().await
        }
    });
    (hangs, waiting)
}

/// Requests that wait for an answer.
#[derive(Debug, Clone, Default)]
struct Waiting(Arc<AtomicUsize>);

struct One(Waiting);

impl Waiting {
    fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    async fn until(&self, count: usize) {
        while self.count() != count {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_elsewhere_is_as_one_here_by_the_time_of_the_node_that_serves() {
    let mut first = First::new();
    let _second = stand_by(first.let_join().await, answers());
    let Made { attempt, excuse, panicked } = attempt(&first, &signed(1), &CancellationToken::new()).await;
    assert_eq!((attempt.number, attempt.outcome, excuse, panicked), (2, Outcome::Success, None, false));
    assert_eq!((attempt.start_time, attempt.timings.queued), (HalfPastTwo.now(), Some(Duration::from_secs(9_000))));
    assert_eq!(&attempt.request.unwrap().body[..], b"revision 1");
    assert_eq!(attempt.response.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_excuse_comes_back_with_its_attempt() {
    let mut first = First::new();
    let excused = Exchange::failed(Outcome::Connection, "no ports are left").excused(Excuse::Local);
    let lacks = service_fn(move |_: PreparedRequest| {
        let excused = excused.clone();
        async { Ok::<_, Infallible>(excused) }
    });
    let _second = stand_by(first.let_join().await, lacks);
    let made = attempt(&first, &signed(1), &CancellationToken::new()).await;
    assert_eq!((made.attempt.outcome, made.excuse), (Outcome::Connection, Some(Excuse::Local)));
    assert_eq!(made.attempt.error, "no ports are left");
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_is_of_the_webhook_as_it_is_then() {
    let mut first = First::new();
    let _second = stand_by(first.let_join().await, answers());
    for revision in [1, 1, 2, 3] {
        let made = attempt(&first, &signed(revision), &CancellationToken::new()).await;
        assert_eq!(made.attempt.request.unwrap().body, format!("revision {revision}"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_lightest_node_with_room_gets_the_attempt() {
    let mut first = First::new();
    assert!(first.fleet.place(FULL).is_none(), "nobody has joined");
    let _streams = (first.let_join().await, first.let_join().await);
    assert!(first.fleet.place(IDLE).is_none(), "an idle node makes it itself");
    let half = Load { taken: 1, room: 2 };
    let places: Vec<_> = std::iter::from_fn(|| first.fleet.place(half)).collect();
    assert_eq!(places.len(), 4, "two thirds of its room taken, a node is no lighter than one with half");
    let rest: Vec<_> = std::iter::from_fn(|| first.fleet.place(FULL)).collect();
    assert_eq!(rest.len(), 2, "a full node sends all that others take");
    drop(places);
    assert!(first.fleet.place(half).is_some(), "a place that is dropped is free again");
}

#[tokio::test(start_paused = true)]
async fn a_lost_nodes_attempts_are_given_up_when_it_can_send_no_more() {
    let mut first = First::new();
    let (hangs, waiting) = hangs();
    let second = stand_by(first.let_join().await, hangs);
    let lost = async {
        waiting.until(1).await;
        second.relieved.abort();
        Instant::now()
    };
    let (webhook, cut) = (signed(1), CancellationToken::new());
    let (made, lost) = tokio::join!(attempt(&first, &webhook, &cut), lost);
    assert_eq!(made.attempt.outcome, Outcome::Interrupted, "it uses up no retry");
    assert_eq!(made.attempt.error, "the node that made the attempt was lost");
    let after = lost.elapsed();
    assert!(after <= GRANT && after >= GRANT / 2, "its grant was at most half used: {after:?}");
    assert!(first.fleet.place(FULL).is_none() && *first.fleet.room().borrow() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_says_nothing_is_lost_with_its_grant() {
    let mut first = First::new();
    let mut silent = first.let_join().await;
    let begun = Instant::now();
    let made = attempt(&first, &signed(1), &CancellationToken::new()).await;
    assert_eq!((made.attempt.outcome, begun.elapsed()), (Outcome::Interrupted, GRANT));
    silent.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_new_grant_a_node_stops_sending_before_others_begin() {
    let mut first = First::new();
    let (hangs, waiting) = hangs();
    let second = stand_by(first.let_join().await, hangs);
    let muted = async {
        waiting.until(1).await;
        first.ownership.send_replace(Ownership::Muted);
        let muted = Instant::now();
        assert_eq!(second.relieved.await.unwrap(), Relieved::Lost);
        (muted.elapsed(), waiting.count())
    };
    let (webhook, cut) = (signed(1), CancellationToken::new());
    let (made, (after, still_waiting)) = tokio::join!(attempt(&first, &webhook, &cut), muted);
    assert_eq!(made.attempt.outcome, Outcome::Interrupted);
    assert!(after <= GRANT, "{after:?}");
    assert_eq!(still_waiting, 0, "no request waits for an answer any more");
    // It may ask again, and gets nothing until the database is back.
    let (near, far) = duplex(64);
    let second = stand_by(far, answers());
    first.fleet.work_with(Joining::new("second".to_owned(), ROOM), near, &first.end).await;
    assert_eq!(second.relieved.await.unwrap(), Relieved::Lost);
}

#[tokio::test(start_paused = true)]
async fn grants_are_renewed_for_as_long_as_an_attempt_takes() {
    let mut first = First::new();
    let slow = service_fn(|_: PreparedRequest| async {
        tokio::time::sleep(10 * GRANT).await;
        Ok::<_, Infallible>(ok())
    });
    let _second = stand_by(first.let_join().await, slow);
    let made = attempt(&first, &signed(1), &CancellationToken::new()).await;
    assert_eq!((made.attempt.outcome, made.attempt.duration), (Outcome::Success, 10 * GRANT));
}

#[tokio::test(start_paused = true)]
async fn a_cut_interrupts_the_attempt_where_it_is_made() {
    let mut first = First::new();
    let (hangs, waiting) = hangs();
    let _second = stand_by(first.let_join().await, hangs);
    let cut = CancellationToken::new();
    let webhook = signed(1);
    let begun = Instant::now();
    let (made, ()) = tokio::join!(attempt(&first, &webhook, &cut), async {
        waiting.until(1).await;
        cut.cancel();
    });
    assert_eq!((made.attempt.outcome, begun.elapsed()), (Outcome::Interrupted, Duration::ZERO));
    assert_eq!(made.attempt.error, "the server stopped before the response came", "that node has said so");
    waiting.until(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_finishes_what_it_has_and_gets_no_more() {
    let mut first = First::new();
    let (go, waiting) = (CancellationToken::new(), Waiting::default());
    let (let_go, counted) = (go.clone(), waiting.clone());
    let waits = service_fn(move |_: PreparedRequest| {
        let (go, counted) = (let_go.clone(), counted.clone());
        async move {
            let _one = counted.one();
            go.cancelled().await;
            Ok::<_, Infallible>(ok())
        }
    });
    let second = stand_by(first.let_join().await, waits);
    let leaving = async {
        waiting.until(1).await;
        second.leave.cancel();
        first.fleet.room().wait_for(|room| *room == 0).await.unwrap();
        assert!(first.fleet.place(FULL).is_none());
        go.cancel();
        second.relieved.await.unwrap()
    };
    let (webhook, cut) = (signed(1), CancellationToken::new());
    let (made, relieved) = tokio::join!(attempt(&first, &webhook, &cut), leaving);
    assert_eq!((made.attempt.outcome, relieved), (Outcome::Success, Relieved::Left));
    let begun = Instant::now();
    while first.tasks.join_next().await.is_some() {}
    assert_eq!(begun.elapsed(), Duration::ZERO, "nothing is waited for when nothing was under way");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_read_a_job_goes_and_gets_no_other() {
    let mut first = First::new();
    let second = stand_by(first.let_join().await, answers());
    let place = first.fleet.place(FULL).unwrap();
    let numbered_from_zero = {
        let (webhook, event) = (signed(1), event("e"));
        let (id, context) = (delivery(&webhook, &event, 1).id, Arc::new(EventContext::new(Arc::new(event))));
        let (clock, cut) = (HalfPastTwo, CancellationToken::new());
        let job = Job { webhook: &webhook, context: &context, delivery_id: id, number: 0, due_time: None };
        make_at(&*place, job, &clock, &cut).await
    };
    assert_eq!(numbered_from_zero.attempt.outcome, Outcome::Interrupted);
    assert_eq!(second.relieved.await.unwrap(), Relieved::Lost);
    assert!(first.fleet.place(FULL).is_none(), "it would get the job again, and at once");
}

#[tokio::test(start_paused = true)]
async fn a_place_whose_node_is_gone_tells_that_at_once() {
    let mut first = First::new();
    let second = stand_by(first.let_join().await, answers());
    let place = first.fleet.place(FULL).unwrap();
    second.leave.cancel();
    while first.tasks.join_next().await.is_some() {}
    let begun = Instant::now();
    let made = attempt_at(&*place, &signed(1), &CancellationToken::new()).await;
    assert_eq!((made.attempt.outcome, begun.elapsed()), (Outcome::Interrupted, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_join_is_told_why() {
    let (near, far) = duplex(1_024);
    let second = stand_by(far, answers());
    let older = Joining { version: "0.0.1".to_owned(), ..Joining::new("second".to_owned(), ROOM) };
    First::new().fleet.work_with(older, near, &CancellationToken::new()).await;
    let Relieved::Refused(why) = second.relieved.await.unwrap() else { panic!("it is refused") };
    assert!(why.contains("version 0.0.1"), "{why}");

    for room in [0, usize::MAX] {
        let (near, far) = duplex(1_024);
        let second = stand_by(far, answers());
        First::new().fleet.work_with(Joining::new("second".to_owned(), room), near, &CancellationToken::new()).await;
        let Relieved::Refused(why) = second.relieved.await.unwrap() else { panic!("it is refused") };
        assert!(why.contains(&format!("{room} attempts at once")), "{why}");
    }

    let (near, far) = duplex(1_024);
    let second = stand_by(far, answers());
    Fleet::default().work_with(Joining::new("second".to_owned(), ROOM), near, &CancellationToken::new()).await;
    assert_eq!(second.relieved.await.unwrap(), Relieved::Refused("this node does not serve".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_node_with_another_sealing_key_sends_nothing() {
    let mut first = First::new();
    let (render, compilations) = (Arc::new(InProcess), Arc::new(Compilations::new()));
    let carrier = Carrier::new(&SealingKey::new([2; 32]), Arc::new(OsEntropy));
    let outfit = Outfit { render, compilations, trace: Arc::new(PassThrough), carrier };
    let duty = Duty { outfit, deliverer: answers(), room: ROOM };
    let (stream, leave) = (first.let_join().await, CancellationToken::new());
    let mut webhook = webhook(1);
    *webhook.secrets_mut()[0] = Secret::new("hunter2".to_owned());
    let (webhook, cut) = (Arc::new(webhook), CancellationToken::new());
    let (made, relieved) = tokio::join!(attempt(&first, &webhook, &cut), duty.run(stream, Instant::now(), &leave));
    assert_eq!(made.attempt.outcome, Outcome::Interrupted);
    assert!(matches!(relieved, Relieved::Refused(_)), "{relieved:?}");
}
