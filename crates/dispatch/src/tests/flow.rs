//! The way of a delivery: claimed, sent, decided, recorded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tenterhook_model::webhook::RateLimit;
use tenterhook_model::{DeliveryState, Event, Excuse, Next, Outcome, Timestamp, Webhook};

use super::store::Scripted;
use super::world::{Receivers, Reply, World};
use super::{claim, event, webhook};
use crate::Settings;

fn ok() -> Receivers {
    Receivers::new(|_, _| Reply::Status(200))
}

/// A store with one webhook and `count` due deliveries to it.
fn backlog(count: u64) -> Scripted {
    let store = Scripted::default();
    let webhook = webhook(1);
    let event = Arc::new(event("e"));
    store.put(webhook.clone());
    store.publish((0..count).map(|sequence| claim(&webhook, &event, sequence)));
    store
}

#[tokio::test(start_paused = true)]
async fn a_due_delivery_is_sent_once_and_recorded() {
    let world = World::start(backlog(1), ok());
    world.pass_seconds(60).await;
    assert_eq!(world.calls().len(), 1);
    let held = world.store.held();
    assert_eq!(held.finished[0].state, DeliveryState::Succeeded);
    let attempt = held.finished[0].last_attempt.as_ref().unwrap();
    assert_eq!((attempt.number, attempt.outcome), (1, Outcome::Success));
    assert_eq!(attempt.request.as_ref().unwrap().url, "http://receiver.example/");
    assert_eq!(attempt.timings.queued, Some(Duration::from_secs(3_600)));
    assert_eq!(held.health.values().next().unwrap().last_success, Some(Timestamp::from_millis(3_600_000)));
    assert_eq!(*world.counts.latencies.lock().unwrap(), [Duration::from_secs(3_600)]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_published_later_rings_the_dispatcher_awake() {
    let world = World::start(backlog(0), ok());
    world.pass_seconds(5).await;
    let (webhook, event) = (webhook(1), Arc::new(event("e")));
    world.store.publish([claim(&webhook, &event, 1)]);
    world.pass(Duration::from_millis(1)).await;
    assert_eq!(world.call_seconds(), [5]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_made_again_when_its_time_has_come() {
    let world = World::start(backlog(1), Receivers::new(|_, n| Reply::Status(if n < 2 { 500 } else { 204 })));
    world.pass_seconds(1_000).await;
    // The default schedule: 5 seconds, then 5 minutes.
    assert_eq!(world.call_seconds(), [0, 5, 305]);
    let held = world.store.held();
    assert_eq!((held.finished[0].state, held.finished[0].attempt_count), (DeliveryState::Succeeded, 3));
    assert_eq!(*world.counts.outcomes.lock().unwrap(), [Outcome::HttpStatus, Outcome::HttpStatus, Outcome::Success]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_moves_the_next_attempt() {
    let reply = |_: &_, n| if n == 0 { Reply::RetryAfter(503, "120") } else { Reply::Status(200) };
    let world = World::start(backlog(1), Receivers::new(reply));
    world.pass_seconds(200).await;
    assert_eq!(world.call_seconds(), [0, 120]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_back_all_deliveries_of_the_webhook() {
    let reply = |_: &_, n| if n == 0 { Reply::RetryAfter(429, "4") } else { Reply::Status(200) };
    let world = World::start(backlog(1), Receivers::new(reply));
    for sequence in 1..5 {
        world.pass(Duration::from_millis(300)).await;
        world.store.publish([claim(&webhook(1), &Arc::new(event("e")), sequence)]);
    }
    world.pass_seconds(20).await;
    // The first waits by its schedule, the others as long as the receiver asked.
    assert_eq!(world.call_seconds(), [0, 4, 4, 4, 4, 5]);
    assert!(world.counts.open.lock().unwrap().is_empty(), "a wait that was asked for opens no breaker");
}

#[tokio::test(start_paused = true)]
async fn fractions_of_a_second_that_a_receiver_asks_for_count() {
    let reply = |_: &_, n| if n == 0 { Reply::RetryAfter(429, "7.337") } else { Reply::Status(200) };
    let world = World::start(backlog(1), Receivers::new(reply));
    world.pass_seconds(20).await;
    let second = world.calls()[1].at;
    assert!(second >= Duration::from_millis(7_337) && second < Duration::from_millis(7_345), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lane_sends_no_more_at_once_than_its_webhook_allows() {
    let store = backlog(20);
    let mut limited = webhook(1);
    limited.spec.rate_limit = RateLimit { max_in_flight: Some(3), ..RateLimit::default() };
    store.put(limited);
    let world = World::start(store, Receivers::new(|_, _| Reply::After(Duration::from_secs(1), 200)));
    world.pass_seconds(30).await;
    assert_eq!(world.calls().len(), 20);
    assert_eq!(world.calls().iter().map(|call| call.under_way).max(), Some(3));
    assert_eq!(world.call_seconds()[17..], [5, 6, 6]);
}

#[tokio::test(start_paused = true)]
async fn all_lanes_together_send_no_more_than_the_server_allows() {
    let store = Scripted::default();
    let event = Arc::new(event("e"));
    for number in 1..=5 {
        let webhook = webhook(number);
        store.put(webhook.clone());
        store.publish((0..10).map(|sequence| claim(&webhook, &event, sequence)));
    }
    let settings = Settings { max_in_flight: 7, ..Settings::default() };
    let world = World::start_with(store, Receivers::new(|_, _| Reply::After(Duration::from_secs(1), 200)), settings);
    world.pass_seconds(60).await;
    assert_eq!(world.calls().len(), 50);
    assert_eq!(world.calls().iter().map(|call| call.under_way).max(), Some(7));
}

#[tokio::test(start_paused = true)]
async fn dead_receivers_leave_room_for_the_others() {
    let store = Scripted::default();
    let event = Arc::new(event("e"));
    let healthy = webhook(200);
    store.put(healthy.clone());
    for number in 1..=100 {
        let mut dead = webhook(number);
        dead.spec.request.url = "http://dead.example/".into();
        store.put(dead.clone());
        store.publish((0..64).map(|sequence| claim(&dead, &event, sequence)));
    }
    let hang = |request: &tenterhook_model::PreparedRequest, _| match request.url.as_str() {
        "http://dead.example/" => Reply::Hang,
        _ => Reply::Status(200),
    };
    let world = World::start(store, Receivers::new(hang));
    world.pass_seconds(1).await;
    world.store.publish((0..1_000).map(|sequence| claim(&healthy, &event, sequence)));
    world.pass_seconds(1).await;
    assert_eq!(world.store.held().finished.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_gather_while_a_group_is_written_go_into_the_next() {
    let store = backlog(9).settling_in(Duration::from_millis(100));
    let reply = |_: &_, n| Reply::After(Duration::from_millis(10 * n as u64), 200);
    let world = World::start(store, Receivers::new(reply));
    world.pass_seconds(1).await;
    let sizes: Vec<usize> = world.store.held().groups.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_could_not_be_written_is_written_again() {
    let store = backlog(3);
    store.held().failing_settles = 2;
    let world = World::start(store, ok());
    world.pass_seconds(5).await;
    assert_eq!(world.calls().len(), 3, "what a receiver has accepted is not sent again");
    assert_eq!(world.store.held().finished.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_failed_is_made_again() {
    let store = backlog(2);
    store.held().failing_claims = 3;
    let world = World::start(store, ok());
    world.pass_seconds(10).await;
    assert_eq!(world.call_seconds(), [3, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_template_is_an_attempt_and_is_tried_again() {
    let store = backlog(1);
    let mut broken = webhook(1);
    broken.spec.request.body = "{{ 1 // 0 }}".into();
    broken.revision = 2;
    store.put(broken);
    let world = World::start(store, ok());
    world.pass_seconds(6).await;
    world.store.put(Webhook { revision: 3, ..webhook(1) });
    world.pass_seconds(400).await;
    assert_eq!(*world.counts.outcomes.lock().unwrap(), [Outcome::Render, Outcome::Render, Outcome::Success]);
    let held = world.store.held();
    let first = held.groups[0][0].attempt.as_ref().unwrap();
    assert!(first.request.is_none() && first.error.contains("body"), "{}", first.error);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_attempt_and_the_loop_goes_on() {
    let store = backlog(1);
    let mut broken = webhook(2);
    broken.spec.request.body = "panic".into();
    store.put(broken.clone());
    store.publish([claim(&broken, &Arc::new(event("other")), 7)]);
    let world = World::start(store, Receivers::new(|_, n| if n == 0 { Reply::Panic } else { Reply::Status(200) }));
    world.pass_seconds(6).await;
    let held = world.store.held();
    let outcomes: Vec<_> = held.groups.iter().flatten().map(|one| one.attempt.as_ref().unwrap().outcome).collect();
    assert_eq!(outcomes[..2], [Outcome::Connection, Outcome::Render]);
    assert!(held.groups[0][0].attempt.as_ref().unwrap().error.starts_with("internal error"));
    assert!(held.groups.iter().flatten().all(|one| one.counts), "a panic must not be repeated for ever");
    assert_eq!(world.counts.panics.load(Ordering::SeqCst), 3);
    assert!(held.finished.iter().any(|delivery| delivery.state == DeliveryState::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn trouble_of_this_machine_is_charged_to_no_receiver() {
    let reply = |_: &_, n| if n < 8 { Reply::Excused(Excuse::Local) } else { Reply::Status(200) };
    let world = World::start(backlog(1), Receivers::new(reply));
    world.pass_seconds(300).await;
    // The pause doubles from one second to half a minute.
    assert_eq!(world.call_seconds(), [0, 1, 3, 7, 15, 31, 61, 91, 121]);
    let held = world.store.held();
    assert_eq!((held.finished[0].attempt_count, held.finished[0].state), (1, DeliveryState::Succeeded));
    assert_eq!(held.health.values().next().unwrap().last_failure, None);
    assert_eq!(*world.counts.excused.lock().unwrap(), [Excuse::Local; 8]);
    assert!(world.counts.open.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_fails_is_asked_seldom_and_charged_to_no_receiver() {
    let reply = |_: &_, n| if n < 6 { Reply::Excused(Excuse::Proxy) } else { Reply::Status(200) };
    let world = World::start(backlog(1), Receivers::new(reply));
    world.pass_seconds(300).await;
    assert_eq!(world.call_seconds(), [0, 5, 15, 35, 75, 135, 195]);
    let held = world.store.held();
    assert_eq!((held.finished[0].attempt_count, held.finished[0].state), (1, DeliveryState::Succeeded));
    assert_eq!(held.health.values().next().unwrap().last_failure, None);
    assert!(world.counts.open.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_receiver_has_not_processed_goes_again_at_once_and_uses_up_no_attempt() {
    let reply = |_: &_, n| if n < 3 { Reply::Excused(Excuse::Unprocessed) } else { Reply::Status(200) };
    let world = World::start(backlog(1), Receivers::new(reply));
    world.pass_seconds(60).await;
    assert_eq!(world.call_seconds(), [0, 0, 2, 6], "a receiver that never processes anything is not flooded");
    assert_eq!(world.store.held().finished[0].attempt_count, 1);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_has_run_out_of_time_ends_without_an_attempt() {
    let store = Scripted::default();
    let webhook = webhook(1);
    store.put(webhook.clone());
    let stale = Event { expire_time: Some(Timestamp::from_millis(3_600_000)), ..event("stale") };
    let fresh = Event { expire_time: Some(Timestamp::from_millis(3_600_001)), ..event("fresh") };
    store.publish([claim(&webhook, &Arc::new(stale), 1), claim(&webhook, &Arc::new(fresh), 2)]);
    let world = World::start(store, ok());
    world.pass_seconds(1).await;
    assert_eq!(world.calls().len(), 1);
    let held = world.store.held();
    let settled: Vec<_> = held.groups.iter().flatten().map(|one| (one.attempt.is_some(), one.next)).collect();
    assert_eq!(settled, [(false, Next::GiveUp), (true, Next::Succeed)]);
}

#[tokio::test(start_paused = true)]
async fn the_callers_trace_reaches_the_receiver_and_the_attempt() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let store = Scripted::default();
    let webhook = webhook(1);
    store.put(webhook.clone());
    let traced = Event { trace_parent: Some(parent.into()), ..event("traced") };
    store.publish([claim(&webhook, &Arc::new(traced), 1)]);
    let world = World::start(store, ok());
    world.pass_seconds(1).await;
    let calls = world.calls();
    assert!(calls[0].request.headers.iter().any(|header| header.name == "traceparent" && *header.value == *parent));
    let held = world.store.held();
    assert_eq!(held.finished[0].last_attempt.as_ref().unwrap().trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
}
