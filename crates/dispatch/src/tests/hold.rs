//! What holds a lane back: pauses, suspension, the breaker, the rate.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::webhook::{BreakerPolicy, RateLimit, RetryPolicy};
use tenterhook_model::{DeliveryState, Outcome, Webhook};

use super::store::Scripted;
use super::world::{Receivers, Reply, World};
use super::{claim, event, paused, webhook};

pub(super) fn store(webhook: &Webhook, count: u64) -> Scripted {
    let store = Scripted::default();
    let event = Arc::new(event("e"));
    store.put(webhook.clone());
    store.publish((0..count).map(|sequence| claim(webhook, &event, sequence)));
    store
}

/// A webhook that is sent one request at a time.
pub(super) fn narrow() -> Webhook {
    let mut webhook = webhook(1);
    webhook.spec.rate_limit.max_in_flight = Some(1);
    webhook
}

#[tokio::test(start_paused = true)]
async fn a_paused_webhook_gets_nothing_until_it_resumes() {
    let world = World::start(store(&paused(&webhook(1)), 3), Receivers::new(|_, _| Reply::Status(200)));
    world.pass_seconds(100).await;
    assert_eq!((world.calls().len(), world.store.held().claims), (0, 0));
    world.store.put(webhook(1));
    world.pass_seconds(1).await;
    assert_eq!(world.call_seconds(), [100, 100, 100]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_lets_attempts_under_way_finish() {
    let reply = |_: &_, _| Reply::After(Duration::from_secs(10), 200);
    let world = World::start(store(&narrow(), 5), Receivers::new(reply));
    world.pass_seconds(1).await;
    world.store.put(paused(&narrow()));
    world.pass_seconds(100).await;
    assert_eq!(world.call_seconds(), [0]);
    assert_eq!(world.store.held().finished[0].state, DeliveryState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn gone_suspends_the_webhook_before_anything_more_is_sent() {
    let slow = store(&narrow(), 5).settling_in(Duration::from_secs(1));
    let world = World::start(slow, Receivers::new(|_, _| Reply::Status(410)));
    world.pass_seconds(600).await;
    assert_eq!(world.call_seconds(), [0]);
    let held = world.store.held();
    assert_eq!(held.finished[0].state, DeliveryState::Failed);
    assert!(!held.webhooks.by_id[&webhook(1).id].sends());
}

#[tokio::test(start_paused = true)]
async fn a_suspended_webhook_goes_on_after_it_resumes_with_a_clean_health() {
    let reply = |_: &_, n| Reply::Status(if n == 0 { 410 } else { 500 });
    let mut webhook = narrow();
    webhook.spec.circuit_breaker.failures_to_open = Some(2);
    let world = World::start(store(&webhook, 2), Receivers::new(reply));
    world.pass_seconds(10).await;
    world.store.put(webhook.clone());
    world.pass_seconds(1).await;
    assert_eq!(world.call_seconds(), [0, 10]);
    assert_eq!(world.store.held().health[&webhook.id].consecutive_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_lets_single_probes_through_at_doubling_waits() {
    let world = World::start(store(&narrow(), 20), Receivers::new(|_, _| Reply::Status(500)));
    world.pass_seconds(400).await;
    // Five failures open it; probes come after 30, 60, 120 seconds.
    assert_eq!(world.call_seconds(), [0, 0, 0, 0, 0, 30, 90, 210]);
    assert_eq!(*world.counts.open.lock().unwrap(), [true]);
}

#[tokio::test(start_paused = true)]
async fn failed_probes_use_up_no_attempt_of_the_deliveries_behind_the_breaker() {
    let mut webhook = narrow();
    webhook.spec.retry = RetryPolicy { max_attempts: Some(1), ..RetryPolicy::default() };
    webhook.spec.circuit_breaker = BreakerPolicy {
        failures_to_open: Some(1),
        max_open: Some(Duration::from_secs(30)),
        ..BreakerPolicy::default()
    };
    // The first fails for good and opens the breaker; the second is probed again and again.
    let reply = |_: &_, n| Reply::Status(if n < 4 { 500 } else { 200 });
    let world = World::start(store(&webhook, 2), Receivers::new(reply));
    world.pass_seconds(500).await;
    assert_eq!(world.call_seconds(), [0, 30, 60, 90, 120]);
    let held = world.store.held();
    let states: Vec<_> =
        held.finished.iter().map(|one| (one.state, one.attempt_count, one.attempts_of_policy())).collect();
    assert_eq!(states, [(DeliveryState::Failed, 1, 1), (DeliveryState::Succeeded, 4, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_goes_behind_those_that_were_due_before() {
    let mut webhook = narrow();
    webhook.spec.circuit_breaker = BreakerPolicy { failures_to_open: Some(1), ..BreakerPolicy::default() };
    webhook.spec.retry = RetryPolicy { max_attempts: Some(1), ..RetryPolicy::default() };
    let world = World::start(store(&webhook, 4), Receivers::new(|_, _| Reply::Status(500)));
    world.pass_seconds(30 + 60 + 120 + 1).await;
    let probed: Vec<_> = world.store.held().groups.iter().flatten().map(|one| one.delivery_id).collect();
    assert_eq!(probed.len(), 4);
    assert!(probed.is_sorted_by(|a, b| a < b), "each probe took another delivery");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_succeeds_lets_everything_through() {
    let world = World::start(store(&narrow(), 20), Receivers::new(|_, n| Reply::Status(if n < 6 { 500 } else { 200 })));
    world.pass_seconds(1_000).await;
    assert_eq!(world.call_seconds()[5..9], [30, 90, 90, 90]);
    assert_eq!(world.store.held().finished.len(), 20);
    assert_eq!(*world.counts.open.lock().unwrap(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_was_open_at_the_last_stop_stays_open() {
    let store = store(&webhook(1), 3);
    let health = tenterhook_model::WebhookHealth {
        consecutive_failures: 9,
        next_probe: Some(tenterhook_model::Timestamp::from_millis(3_640_000)),
        ..Default::default()
    };
    store.held().health.insert(webhook(1).id, health);
    let world = World::start(store, Receivers::new(|_, _| Reply::After(Duration::from_secs(1), 200)));
    world.pass_seconds(60).await;
    assert_eq!(world.call_seconds(), [40, 41, 41]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_spreads_what_its_burst_does_not_cover() {
    let mut webhook = webhook(1);
    webhook.spec.rate_limit = RateLimit { requests_per_second: Some(0.5), burst: Some(3), max_in_flight: None };
    let world = World::start(store(&webhook, 6), Receivers::new(|_, _| Reply::Status(200)));
    world.pass_seconds(60).await;
    assert_eq!(world.call_seconds(), [0, 0, 0, 2, 4, 6]);
    let held = world.store.held();
    assert!(held.released.is_empty(), "only what may be sent is claimed");
}

#[tokio::test(start_paused = true)]
async fn a_removed_webhook_is_sent_nothing_more() {
    let reply = |_: &_, _| Reply::After(Duration::from_secs(10), 200);
    let world = World::start(store(&narrow(), 5), Receivers::new(reply));
    world.pass_seconds(1).await;
    world.store.remove(webhook(1).id);
    world.pass_seconds(100).await;
    assert_eq!(world.call_seconds(), [0]);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_probed_at_once_when_a_person_asks() {
    let world = World::start(store(&narrow(), 20), Receivers::new(|_, n| Reply::Status(if n < 7 { 500 } else { 200 })));
    // Five failures open it; the first probe fails after 30 seconds, the second would come 60 later.
    world.pass_seconds(40).await;
    assert_eq!(world.call_seconds(), [0, 0, 0, 0, 0, 30]);
    world.store.ask(webhook(1).id);
    world.pass_seconds(1).await;
    assert_eq!(world.call_seconds()[6..], [40]);
    // It failed: the waits have started again from the shortest, and the next asking finds it well.
    world.pass_seconds(30).await;
    world.store.ask(webhook(1).id);
    world.pass_seconds(1).await;
    assert_eq!(world.call_seconds()[7..10], [71, 71, 71]);
    assert!(world.store.held().finished.len() > 10, "the rest follows");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asked_to_be_left_alone_is_tried_with_one_request_when_a_person_asks() {
    let reply = |_: &_, n| if n == 0 { Reply::RetryAfter(503, "3600") } else { Reply::Status(200) };
    let world = World::start(store(&narrow(), 3), Receivers::new(reply));
    world.pass_seconds(100).await;
    assert_eq!(world.call_seconds(), [0]);
    world.store.ask(webhook(1).id);
    world.pass_seconds(1).await;
    assert_eq!(world.call_seconds(), [0, 100, 100]);
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_kept_with_the_health_also_after_a_success() {
    let world = World::start(store(&narrow(), 2), Receivers::new(|_, n| Reply::Status(if n == 0 { 500 } else { 200 })));
    world.pass_seconds(1).await;
    let held = world.store.held();
    let health = &held.health[&webhook(1).id];
    let last = health.last_error.as_ref().unwrap();
    assert_eq!((last.status, last.number, last.outcome()), (Some(500), 1, Some(Outcome::HttpStatus)));
    assert_eq!((health.consecutive_failures, last.delivery_id), (0, held.groups[0][0].delivery_id));
}
