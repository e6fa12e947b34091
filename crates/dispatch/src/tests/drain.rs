//! The end: what is under way, what is cut, what is put back.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Next, Outcome};
use tokio::time::Instant;

use super::store::Scripted;
use super::world::{Receivers, Reply, World};
use super::{claim, event, webhook};
use crate::{Drained, Settings};

fn store(count: u64) -> Scripted {
    let store = Scripted::default();
    let (webhook, event) = (webhook(1), Arc::new(event("e")));
    store.put(webhook.clone());
    store.publish((0..count).map(|sequence| claim(&webhook, &event, sequence)));
    store
}

fn grace(seconds: u64) -> Settings {
    Settings { max_in_flight: 4, grace: Duration::from_secs(seconds) }
}

#[tokio::test(start_paused = true)]
async fn an_idle_dispatcher_stops_at_once() {
    let world = World::start(store(0), Receivers::new(|_, _| Reply::Hang));
    world.pass_seconds(1).await;
    let begin = Instant::now();
    let (drained, _) = world.stop().await;
    assert_eq!((drained, begin.elapsed()), (Drained::default(), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn attempts_under_way_finish_and_nothing_is_begun() {
    let world =
        World::start_with(store(20), Receivers::new(|_, _| Reply::After(Duration::from_secs(5), 200)), grace(20));
    world.pass_seconds(1).await;
    let begin = Instant::now();
    let (drained, store) = world.stop().await;
    let under_way = store.held().finished.len();
    assert_eq!(drained, Drained { finished: under_way, ..Drained::default() });
    assert!(under_way > 0 && store.held().claimed.is_empty());
    assert_eq!(begin.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn what_outlasts_the_grace_is_cut_and_uses_up_no_attempt() {
    let world = World::start_with(store(1), Receivers::new(|_, _| Reply::Hang), grace(20));
    world.pass_seconds(1).await;
    let begin = Instant::now();
    let (drained, store) = world.stop().await;
    assert_eq!(drained, Drained { interrupted: 1, ..Drained::default() });
    assert_eq!(begin.elapsed(), Duration::from_secs(18), "the last part of the grace is for recording");
    let held = store.held();
    let settlement = &held.groups[0][0];
    assert_eq!(settlement.attempt.as_ref().unwrap().outcome, Outcome::Interrupted);
    assert!(!settlement.counts && settlement.health == Some(Default::default()));
    assert!(
        matches!(settlement.next, Next::RetryAt(time) if time == tenterhook_model::Timestamp::from_millis(3_619_000))
    );
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_recorded_before_it_returns() {
    let slow = store(1).settling_in(Duration::from_secs(1));
    let world = World::start_with(slow, Receivers::new(|_, _| Reply::Status(200)), grace(20));
    world.pass(Duration::from_millis(10)).await;
    let (drained, store) = world.stop().await;
    assert_eq!(drained, Drained::default());
    assert_eq!(store.held().finished.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_ends_the_wait_with_the_grace() {
    let stuck = store(1).settling_in(Duration::from_secs(3_600));
    let world = World::start_with(stuck, Receivers::new(|_, _| Reply::Status(200)), grace(20));
    world.pass_seconds(1).await;
    let begin = Instant::now();
    let (drained, _) = world.stop().await;
    assert_eq!(drained, Drained { unsettled: 1, ..Drained::default() });
    assert_eq!(begin.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_closed_store_ends_the_run() {
    let mut world = World::start(store(1), Receivers::new(|_, _| Reply::After(Duration::from_secs(1), 200)));
    world.pass(Duration::from_millis(10)).await;
    world.store.close();
    assert_eq!(world.stopped().await, Drained { unsettled: 1, ..Drained::default() });
}

#[tokio::test(start_paused = true)]
async fn a_second_cancel_changes_nothing() {
    let mut world = World::start_with(store(1), Receivers::new(|_, _| Reply::Hang), grace(20));
    world.pass_seconds(1).await;
    world.cancel();
    world.pass_seconds(1).await;
    world.cancel();
    assert_eq!(world.stopped().await, Drained { interrupted: 1, ..Drained::default() });
}
