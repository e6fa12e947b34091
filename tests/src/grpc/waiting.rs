//! Why deliveries wait, how a webhook stands, and what a person's call does to an open breaker.

use std::time::Duration;

use tenterhook_model::{Attempt, DeliveryId, FailureSummary, Next, Outcome, Timestamp, WebhookHealth};
use tenterhook_proto::tenterhook::v1::{self, WaitingReason};
use tenterhook_store::Settlement;

use super::bench::{Bench, event, webhook};

/// Settles what is due of a webhook: all of it failed, comes again in a minute, and has opened the
/// breaker until `probe`.
async fn fail(bench: &Bench, webhook: &str, probe: Timestamp) -> Vec<DeliveryId> {
    let health = WebhookHealth {
        consecutive_failures: 5,
        failing_since: Some(bench.clock_now()),
        last_failure: Some(bench.clock_now()),
        next_probe: Some(probe),
        ..WebhookHealth::default()
    };
    bench.fail(webhook, Next::RetryAt(in_seconds(bench, 60)), health, None).await
}

fn in_seconds(bench: &Bench, seconds: u64) -> Timestamp {
    bench.clock_now().after(Duration::from_secs(seconds))
}

async fn waiting(bench: &Bench, id: DeliveryId) -> (WaitingReason, Option<i64>, String) {
    let delivery = get(bench, id).await;
    let listed = bench.deliveries().list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    let listed = listed.deliveries.into_iter().find(|listed| listed.id == delivery.id).unwrap();
    assert_eq!(listed.waiting, delivery.waiting, "a list says the same");
    let waiting = delivery.waiting.unwrap();
    (waiting.reason(), waiting.until_time.map(|time| time.seconds), waiting.behind_delivery_id)
}

async fn get(bench: &Bench, id: DeliveryId) -> v1::Delivery {
    let request = v1::GetDeliveryRequest { delivery_id: id.to_string(), ..Default::default() };
    bench.deliveries().get_delivery(request).await.unwrap().into_inner().delivery.unwrap()
}

async fn health(bench: &Bench, webhook_id: &str) -> v1::WebhookHealth {
    let request = v1::GetWebhookRequest { webhook_id: webhook_id.to_owned(), ..Default::default() };
    let webhook = bench.webhooks().get_webhook(request).await.unwrap().into_inner().webhook.unwrap();
    let listed = bench.webhooks().list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap().into_inner();
    assert!(listed.webhooks.contains(&webhook), "a list shows the same");
    webhook.health.unwrap()
}

#[tokio::test]
async fn a_breaker_is_named_until_its_probe_and_then_without_a_time() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    bench.publish("created").await;
    let probe = in_seconds(&bench, 600);
    let id = fail(&bench, &hook, probe).await[0];
    assert_eq!(waiting(&bench, id).await, (WaitingReason::CircuitBreaker, Some(probe.seconds()), String::new()));
    bench.clock.advance(Duration::from_secs(601));
    assert_eq!(waiting(&bench, id).await, (WaitingReason::CircuitBreaker, None, String::new()));
    let health = health(&bench, &hook).await;
    assert_eq!((health.circuit_open, health.next_probe_time), (true, None));
}

#[tokio::test]
async fn a_delivery_waits_for_its_time_and_then_for_room() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    bench.publish("created").await;
    let due = in_seconds(&bench, 5);
    let id = bench.attempt(&hook, Next::RetryAt(due)).await[0];
    assert_eq!(waiting(&bench, id).await, (WaitingReason::NotBefore, Some(due.seconds()), String::new()));
    bench.clock.advance(Duration::from_secs(6));
    assert_eq!(waiting(&bench, id).await, (WaitingReason::Capacity, None, String::new()));
    bench.claim(&hook).await;
    assert_eq!(get(&bench, id).await.waiting, None, "in flight it waits for nothing");
    let done = bench.store.settle(vec![bench.settlement(id, 2, Next::Succeed)]).await.unwrap();
    assert_eq!((done.len(), get(&bench, id).await.waiting), (1, None));
}

#[tokio::test]
async fn a_delivery_behind_another_of_its_ordering_key_names_it() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    for _ in 0..3 {
        let event = Some(v1::Event { ordering_key: "k".into(), ..event("created") });
        bench.events().publish_event(v1::PublishEventRequest { event }).await.unwrap();
    }
    let list = bench.deliveries().list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    let ids: Vec<DeliveryId> = list.deliveries.iter().rev().map(|delivery| delivery.id.parse().unwrap()).collect();
    for behind in &ids[1..] {
        assert_eq!(waiting(&bench, *behind).await, (WaitingReason::OrderingKey, None, ids[0].to_string()));
    }
    bench.attempt(&hook, Next::Succeed).await;
    assert_eq!(waiting(&bench, ids[2]).await, (WaitingReason::OrderingKey, None, ids[1].to_string()));
}

#[tokio::test]
async fn a_rate_limit_is_named_with_its_end() {
    let bench = Bench::new().await;
    let rate_limit = Some(v1::RateLimit { requests_per_second: 0.1, burst: 1, ..Default::default() });
    let hook = Some(v1::Webhook { rate_limit, ..webhook("w") });
    let hook = bench.create(v1::CreateWebhookRequest { webhook: hook, ..Default::default() }).await.webhook.unwrap().id;
    bench.publish("created").await;
    let rate_time = in_seconds(&bench, 10);
    let health = WebhookHealth { rate_time: Some(rate_time), ..WebhookHealth::default() };
    let id = bench.fail(&hook, Next::RetryAt(bench.clock_now()), health, None).await[0];
    assert_eq!(waiting(&bench, id).await, (WaitingReason::RateLimit, Some(rate_time.seconds()), String::new()));
}

#[tokio::test]
async fn a_halted_webhook_shows_no_probe_and_no_time_that_has_passed() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    bench.publish("created").await;
    let health_of = |bench: &Bench| WebhookHealth {
        consecutive_failures: 9,
        failing_since: Some(bench.clock_now()),
        next_probe: Some(in_seconds(bench, 30)),
        ..WebhookHealth::default()
    };
    let reason = Some("every attempt failed".to_owned());
    let id = bench.fail(&hook, Next::RetryAt(in_seconds(&bench, 60)), health_of(&bench), reason).await[0];
    assert!(get(&bench, id).await.next_attempt_time.is_some(), "a time to come is one that an age limit goes by");
    bench.clock.advance(Duration::from_secs(600));
    assert_eq!(waiting(&bench, id).await, (WaitingReason::Suspended, None, String::new()));
    assert_eq!(get(&bench, id).await.next_attempt_time, None);
    let shown = health(&bench, &hook).await;
    assert_eq!((shown.circuit_open, shown.next_probe_time, shown.consecutive_failures), (false, None, 9));
    assert!(shown.failing_since.is_some());
    let pause = v1::PauseWebhookRequest { webhook_id: hook, reason: "mending".into(), ..Default::default() };
    bench.webhooks().pause_webhook(pause).await.unwrap();
    assert_eq!(waiting(&bench, id).await.0, WaitingReason::Paused);
}

#[tokio::test]
async fn a_webhook_says_what_went_wrong_last_and_what_waits() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    assert_eq!(health(&bench, &hook).await, v1::WebhookHealth::default());
    let event_id = bench.publish("created").await;
    let oldest = bench.clock_now().seconds();
    bench.clock.advance(Duration::from_secs(5));
    bench.publish("updated").await;
    let probe = in_seconds(&bench, 600);
    let ids = fail(&bench, &hook, probe).await;
    let shown = health(&bench, &hook).await;
    assert_eq!((shown.waiting, shown.oldest_waiting_time.unwrap().seconds), (2, oldest));
    let last = shown.last_error.unwrap();
    assert_eq!((last.outcome(), last.response_status, last.number), (v1::AttemptOutcome::HttpStatus, 500, 1));
    assert_eq!((last.error.as_str(), last.response_text.as_str()), ("answered 500", "answer"));
    assert_eq!((last.delivery_id, last.event_id), (ids[0].to_string(), event_id));
}

#[tokio::test]
async fn a_receiver_that_has_become_private_is_a_warning_until_an_attempt_succeeds() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    bench.publish("created").await;
    let settle = async |number, outcome, next, failing_since: Option<Timestamp>| {
        let now = bench.clock_now();
        let claims = bench.claim(&hook).await;
        let error = "hooks.example.com resolves to 10.0.0.7".to_owned();
        let blocked = Attempt { error, ..tenterhook_fixtures::attempt(number, outcome) };
        let health = WebhookHealth {
            failing_since,
            last_failure: Some(now),
            last_error: Some(FailureSummary::of(&claims[0].delivery, &blocked)),
            ..WebhookHealth::default()
        };
        let settlement = bench.settlement(claims[0].delivery.id, number, next);
        bench.store.settle(vec![Settlement { health: Some(health), ..settlement }]).await.unwrap();
        let request = v1::GetWebhookRequest { webhook_id: hook.clone(), ..Default::default() };
        bench.clock.advance(Duration::from_secs(60));
        bench.webhooks().get_webhook(request).await.unwrap().into_inner().webhook.unwrap().warnings
    };
    let again = || Next::RetryAt(in_seconds(&bench, 60));
    let since = Some(bench.clock_now());
    assert_eq!(settle(1, Outcome::Timeout, again(), since).await, [""; 0], "a receiver that is slow is none");
    let told = settle(2, Outcome::Blocked, again(), since).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("the last attempt was blocked at ")
            && told[0].ends_with("Z: hooks.example.com resolves to 10.0.0.7"),
        "{told:?}"
    );
    assert_eq!(settle(3, Outcome::Blocked, Next::Succeed, None).await, [""; 0], "what failed before a success is over");
}

/// What a person may call to have a webhook sent to.
async fn call(bench: &Bench, name: &str, hook: &str, delivery: DeliveryId) {
    let webhook_id = hook.to_owned();
    match name {
        "RetryDelivery" => {
            let request = v1::RetryDeliveryRequest { delivery_id: delivery.to_string() };
            drop(bench.deliveries().retry_delivery(request).await.unwrap());
        }
        "BatchRetryDeliveries" => {
            let states = vec![v1::DeliveryState::Retrying.into()];
            let filter = Some(v1::DeliveryFilter { webhook_ids: vec![webhook_id], states, ..Default::default() });
            let request = v1::BatchRetryDeliveriesRequest { filter, ..Default::default() };
            drop(bench.deliveries().batch_retry_deliveries(request).await.unwrap());
        }
        "ResumeWebhook" => {
            drop(
                bench
                    .webhooks()
                    .resume_webhook(v1::ResumeWebhookRequest { webhook_id, ..Default::default() })
                    .await
                    .unwrap(),
            );
        }
        "TestWebhook" => {
            let request = v1::TestWebhookRequest { webhook_id, ..Default::default() };
            drop(bench.webhooks().test_webhook(request).await.unwrap());
        }
        "ReplayEvents" => {
            let filter = Some(v1::EventFilter { event_types: vec!["**".into()], ..Default::default() });
            let request = v1::ReplayEventsRequest { webhook_id, filter, include_delivered: true, ..Default::default() };
            drop(bench.events().replay_events(request).await.unwrap());
        }
        _ => {
            let webhook = Some(v1::Webhook { id: webhook_id, description: "mended".into(), ..Default::default() });
            let request = v1::UpdateWebhookRequest { webhook, ..Default::default() };
            drop(bench.webhooks().update_webhook(request).await.unwrap());
        }
    }
}

#[tokio::test]
async fn what_a_person_asks_for_is_not_held_back_by_a_breaker() {
    let names =
        ["RetryDelivery", "BatchRetryDeliveries", "ResumeWebhook", "TestWebhook", "ReplayEvents", "UpdateWebhook"];
    for name in names {
        let bench = Bench::new().await;
        let hook = bench.webhook("w").await;
        bench.publish("created").await;
        let probe = in_seconds(&bench, 3_600);
        let id = fail(&bench, &hook, probe).await[0];
        bench.store.take_asked();
        bench.store.take_ready(bench.clock_now());
        // A replay is of what was published before.
        bench.clock.advance(Duration::from_secs(1));
        call(&bench, name, &hook, id).await;
        let webhook = hook.parse().unwrap();
        assert_eq!(bench.store.take_asked(), [webhook], "{name} rings the dispatcher");
        assert_eq!(bench.store.health(webhook).next_probe, Some(bench.clock_now()), "{name} survives a restart");
        let until = get(&bench, id).await.waiting.unwrap().until_time;
        assert!(until.is_none_or(|time| time.seconds <= in_seconds(&bench, 60).seconds()), "{name}: {until:?}");
    }
}

#[tokio::test]
async fn a_test_that_fails_leaves_the_breaker_as_it_is() {
    let bench = Bench::new().await;
    let mut failing = webhook("w");
    failing.request.as_mut().unwrap().body = "{{ 1 // 0 }}".into();
    let request = v1::CreateWebhookRequest { webhook: Some(failing), ..Default::default() };
    let hook = bench.create(request).await.webhook.unwrap().id;
    bench.publish("created").await;
    let probe = in_seconds(&bench, 3_600);
    let id = fail(&bench, &hook, probe).await[0];
    bench.store.take_asked();
    call(&bench, "TestWebhook", &hook, id).await;
    assert!(bench.store.take_asked().is_empty());
    assert_eq!(bench.store.health(hook.parse().unwrap()).next_probe, Some(probe));
}

#[tokio::test]
async fn a_retried_delivery_of_a_suspended_webhook_says_that_it_waits_for_the_webhook() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    bench.publish("created").await;
    let reason = Some("every attempt failed".to_owned());
    let id = bench.fail(&hook, Next::RetryAt(in_seconds(&bench, 60)), WebhookHealth::default(), reason).await[0];
    let request = v1::RetryDeliveryRequest { delivery_id: id.to_string() };
    let retried = bench.deliveries().retry_delivery(request).await.unwrap().into_inner().delivery.unwrap();
    assert_eq!(retried.waiting.unwrap().reason(), WaitingReason::Suspended);
}

#[tokio::test]
async fn a_watch_shows_the_past_and_says_nothing_of_waits() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    bench.publish("created").await;
    let start = Some(v1::watch_deliveries_request::Start::Position(v1::WatchPosition::Earliest.into()));
    let request = v1::WatchDeliveriesRequest { start, ..Default::default() };
    let mut watch = bench.deliveries().watch_deliveries(request).await.unwrap().into_inner();
    loop {
        let message = watch.message().await.unwrap().unwrap();
        if let Some(v1::watch_deliveries_response::Payload::Change(change)) = message.payload {
            assert_eq!(change.delivery.unwrap().waiting, None);
            return;
        }
    }
}
