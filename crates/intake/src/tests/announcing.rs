//! Notices become operational events: each once, in their order, whatever the store says meanwhile.

use std::sync::Mutex;
use std::time::Duration;

use tenterhook_model::{Clock, EventId, JsonText, NoticeKind, WebhookHealth};
use tenterhook_store::{Notice, NoticeId, StoreError};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, timeout};
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, Shelf};
use super::*;
use crate::{Announcer, Describe};

/// Nine seconds after the epoch.
#[derive(Debug)]
struct NineSeconds;

impl Clock for NineSeconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(9_000)
    }
}

/// The count of a notice is its data.
#[derive(Debug)]
struct Counts;

impl Describe for Counts {
    fn data(&self, notice: &Notice) -> JsonText {
        JsonText::parse(&notice.count.to_string()).unwrap()
    }
}

fn notice(number: u64) -> Notice {
    Notice {
        id: NoticeId(number),
        event_id: format!("n{number}").parse().unwrap(),
        kind: NoticeKind::Suspended,
        time: Timestamp::from_millis(7_000),
        webhook: Arc::new(Webhook { namespace: "ops".parse().unwrap(), ..webhook(7, vec![]) }),
        health: WebhookHealth::default(),
        reason: String::new(),
        count: number,
        trigger: None,
    }
}

/// A webhook of the namespace of the notices that asks for them.
fn subscriber() -> Webhook {
    Webhook { namespace: "ops".parse().unwrap(), ..webhook(1, vec![rule(&["tenterhook.**"], &[])]) }
}

fn desk(notices: u64, store: Shelf) -> (Desk, Announcer) {
    let desk = Desk::over(Shelf { notices: Mutex::new((0..notices).map(notice).collect()), ..store });
    let (store, intake) = (desk.store.clone(), desk.intake.clone());
    (desk, Announcer { store, intake, describe: Arc::new(Counts), clock: Arc::new(NineSeconds) })
}

fn ids(numbers: std::ops::Range<u64>) -> Vec<EventId> {
    numbers.map(|number| notice(number).event_id).collect()
}

#[tokio::test]
async fn every_notice_is_published_in_its_order_however_many_wait() {
    let (desk, announcer) = desk(150, Shelf::default());
    announcer.announce_all().await.unwrap();
    assert_eq!(desk.store.stored_ids(), ids(0..150));
    assert!(desk.store.notices.lock().unwrap().is_empty());
    announcer.announce_all().await.unwrap();
    assert_eq!(desk.store.stored_ids().len(), 150, "each of them once");
}

#[tokio::test]
async fn the_event_of_a_notice_says_what_happened_to_which_webhook_and_goes_to_who_asks() {
    let (desk, announcer) = desk(4, Shelf::of(set(1, [subscriber()])));
    announcer.announce_all().await.unwrap();
    let stored = desk.store.stored.lock().unwrap();
    let expected = Event {
        namespace: "ops".parse().unwrap(),
        event_type: "tenterhook.webhook.suspended".into(),
        object_type: "tenterhook.webhook".to_owned(),
        occur_time: Some(Timestamp::from_millis(7_000)),
        data: Some(JsonText::parse("3").unwrap()),
        attributes: [("webhook_id".to_owned(), WebhookId::from_bytes([7; 16]).to_string())].into(),
        publish_time: Timestamp::from_millis(9_000),
        ..tenterhook_fixtures::event("n3")
    };
    assert_eq!(*stored[3].event, expected);
    assert_eq!(stored[3].webhooks, [subscriber().id]);
}

#[tokio::test]
async fn what_the_store_refuses_stays_with_all_that_comes_after_it() {
    let (desk, announcer) = desk(3, Shelf { full: Mutex::new(1..2), ..Shelf::default() });
    assert!(matches!(announcer.announce_all().await, Err(StoreError::Full)));
    let waiting: Vec<NoticeId> = desk.store.notices.lock().unwrap().iter().map(|notice| notice.id).collect();
    assert_eq!((desk.store.stored_ids(), waiting), (ids(0..1), vec![NoticeId(1), NoticeId(2)]));
    announcer.announce_all().await.unwrap();
    assert_eq!(desk.store.stored_ids(), ids(0..3));
}

/// Runs until no task can go on.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_bell_wakes_the_announcer_and_the_end_stops_it() {
    let (desk, announcer) = desk(1, Shelf::default());
    let cancel = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(announcer.run(cancel.clone()));
    settle().await;
    assert_eq!(desk.store.stored_ids(), ids(0..1), "what waits at the start needs no bell");
    desk.store.notices.lock().unwrap().push(notice(1));
    desk.store.bell.notify_waiters();
    settle().await;
    assert_eq!(desk.store.stored_ids(), ids(0..2));
    cancel.cancel();
    timeout(Duration::from_secs(1), running.join_all()).await.expect("it ends");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_is_asked_at_longer_and_longer_intervals_up_to_a_minute() {
    let (desk, announcer) = desk(1, Shelf { full: Mutex::new(0..12), ..Shelf::default() });
    let cancel = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(announcer.run(cancel.clone()));
    let (start, mut asked) = (Instant::now(), Vec::new());
    while desk.store.stored_ids().is_empty() {
        settle().await;
        let calls = desk.store.calls.lock().unwrap().len();
        asked.resize(calls, start.elapsed().as_millis());
        advance(Duration::from_millis(250)).await;
    }
    let waits: Vec<u128> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000];
    assert_eq!(waits, expected);

    desk.store.notices.lock().unwrap().push(notice(1));
    *desk.store.full.lock().unwrap() = 13..14;
    desk.store.bell.notify_waiters();
    settle().await;
    assert_eq!(desk.store.calls.lock().unwrap().len(), 14);
    advance(Duration::from_millis(250)).await;
    settle().await;
    assert_eq!(desk.store.stored_ids(), ids(0..2), "after a success the first wait is short again");
    cancel.cancel();
    running.join_all().await;
}
