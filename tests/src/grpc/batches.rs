//! Steering deliveries, one by one and many at once; replaying events.

use std::time::Duration;

use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1;
use tonic::Code;

use super::bench::{Bench, event, webhook};
use super::{fields, metadata, reason};

fn id(delivery: tenterhook_model::DeliveryId) -> v1::RetryDeliveryRequest {
    v1::RetryDeliveryRequest { delivery_id: delivery.to_string() }
}

#[tokio::test]
async fn a_failed_delivery_is_due_again_and_one_in_flight_is_not_touched() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    bench.publish("created").await;
    let failed = bench.attempt(&webhook, Next::GiveUp).await[0];
    let retried = bench.deliveries().retry_delivery(id(failed)).await.unwrap().into_inner().delivery.unwrap();
    assert_eq!((retried.state(), retried.finish_time), (v1::DeliveryState::Retrying, None));
    assert_eq!(bench.claim(&webhook).await.len(), 1);
    let refused = bench.deliveries().retry_delivery(id(failed)).await.unwrap_err();
    assert_eq!((refused.code(), metadata(&refused, "state")), (Code::FailedPrecondition, "IN_FLIGHT".into()));
}

#[tokio::test]
async fn a_delivery_is_cancelled_once_and_a_final_one_never() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    bench.publish("created").await;
    let done = bench.attempt(&webhook, Next::Succeed).await[0];
    bench.publish("created").await;
    let list = bench.deliveries().list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    let open = list.deliveries[0].id.clone();
    let cancel = |id: &str| v1::CancelDeliveryRequest { delivery_id: id.to_owned() };
    for _ in 0..2 {
        let answer = bench.deliveries().cancel_delivery(cancel(&open)).await.unwrap().into_inner();
        assert_eq!(answer.delivery.unwrap().state(), v1::DeliveryState::Cancelled);
    }
    let refused = bench.deliveries().cancel_delivery(cancel(&done.to_string())).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), metadata(&refused, "state")), ("STATE_FORBIDS", "SUCCEEDED".into()));
}

#[tokio::test]
async fn batches_count_first_and_then_steer_what_matches() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    for _ in 0..6 {
        bench.publish("created").await;
    }
    bench.attempt(&hook, Next::GiveUp).await;
    bench.publish("other").await;
    let filter = |kind: &str| Some(v1::DeliveryFilter { event_types: vec![kind.into()], ..Default::default() });
    let retry = |kind, validate_only| v1::BatchRetryDeliveriesRequest {
        filter: filter(kind),
        validate_only,
        ..Default::default()
    };
    let count =
        async |request| bench.deliveries().batch_retry_deliveries(request).await.unwrap().into_inner().delivery_count;
    assert_eq!(count(retry("created", true)).await, 6);
    assert_eq!(count(retry("created", false)).await, 6);
    assert_eq!(count(retry("created", true)).await, 6, "those that wait are meant too");
    let cancel = |kind| v1::BatchCancelDeliveriesRequest { filter: filter(kind), ..Default::default() };
    let cancelled =
        async |request| bench.deliveries().batch_cancel_deliveries(request).await.unwrap().into_inner().delivery_count;
    assert_eq!(cancelled(cancel("created")).await, 6);
    assert_eq!((cancelled(cancel("created")).await, cancelled(cancel("**")).await), (0, 1));
}

#[tokio::test]
async fn a_batch_over_many_deliveries_works_in_steps() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    let events = vec![event("created"); 1_000];
    bench.events().batch_publish_events(v1::BatchPublishEventsRequest { events }).await.unwrap();
    let filter = Some(v1::DeliveryFilter { webhook_ids: vec![hook], ..Default::default() });
    let request = v1::BatchCancelDeliveriesRequest { filter, ..Default::default() };
    let answer = bench.deliveries().batch_cancel_deliveries(request).await.unwrap().into_inner();
    assert_eq!(answer.delivery_count, 1_000);
}

fn replay(webhook: &str) -> v1::ReplayEventsRequest {
    let filter = Some(v1::EventFilter { event_types: vec!["**".into()], ..Default::default() });
    v1::ReplayEventsRequest { webhook_id: webhook.to_owned(), filter, ..Default::default() }
}

async fn replayed(bench: &Bench, request: v1::ReplayEventsRequest) -> i64 {
    bench.clock.advance(Duration::from_secs(1));
    bench.events().replay_events(request).await.unwrap().into_inner().delivery_count
}

#[tokio::test]
async fn a_replay_makes_deliveries_of_what_was_not_delivered() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.publish("created").await;
    }
    let hook = bench.webhook("late").await;
    let dry = v1::ReplayEventsRequest { validate_only: true, ..replay(&hook) };
    assert_eq!(replayed(&bench, dry).await, 3);
    assert_eq!(replayed(&bench, replay(&hook)).await, 3);
    assert_eq!(replayed(&bench, replay(&hook)).await, 0, "they are on their way");
    bench.attempt(&hook, Next::Succeed).await;
    assert_eq!(replayed(&bench, replay(&hook)).await, 0, "they were delivered");
    let all = v1::ReplayEventsRequest { include_delivered: true, ..replay(&hook) };
    assert_eq!(replayed(&bench, all).await, 3);
    bench.attempt(&hook, Next::GiveUp).await;
}

#[tokio::test]
async fn a_replay_of_failures_needs_no_leave() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    bench.publish("created").await;
    bench.attempt(&hook, Next::GiveUp).await;
    assert_eq!(replayed(&bench, replay(&hook)).await, 1);
}

#[tokio::test]
async fn a_replay_goes_by_the_rules_of_the_webhook_and_in_order() {
    let bench = Bench::new().await;
    for number in 0..250 {
        let kind = if number % 2 == 0 { "created" } else { "deleted" };
        let event = v1::Event { id: format!("e{number:03}"), ..event(kind) };
        bench.events().publish_event(v1::PublishEventRequest { event: Some(event) }).await.unwrap();
    }
    let rule = v1::EventRule { event_types: vec!["created".into()], ..Default::default() };
    let ruled = Some(v1::Webhook { rules: vec![rule], ..webhook("ruled") });
    let hook =
        bench.create(v1::CreateWebhookRequest { webhook: ruled, ..Default::default() }).await.webhook.unwrap().id;
    assert_eq!(replayed(&bench, replay(&hook)).await, 125);
    let first: Vec<String> = bench.claim(&hook).await.iter().map(|claim| claim.delivery.event_id.to_string()).collect();
    let expected: Vec<String> = (0..100).map(|number| format!("e{:03}", number * 2)).collect();
    assert_eq!(first, expected, "oldest first");
}

#[tokio::test]
async fn a_replay_under_a_request_id_is_made_once() {
    let bench = Bench::new().await;
    bench.publish("created").await;
    let hook = bench.webhook("late").await;
    let request = v1::ReplayEventsRequest {
        include_delivered: true,
        request_id: "17af32f0-852a-46ca-a7d4-33ecd0c13de6".into(),
        ..replay(&hook)
    };
    assert_eq!((replayed(&bench, request.clone()).await, replayed(&bench, request.clone()).await), (1, 1));
    let list = bench.deliveries().list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.deliveries.len(), 1);
    let other = v1::ReplayEventsRequest { include_delivered: false, ..request };
    let conflict = bench.events().replay_events(other).await.unwrap_err();
    assert_eq!(reason(&conflict), "REQUEST_ID_CONFLICT");
}

#[tokio::test]
async fn a_replay_for_a_disabled_webhook_is_refused() {
    let bench = Bench::new().await;
    let off = Some(v1::Webhook { disabled: true, ..webhook("off") });
    let hook = bench.create(v1::CreateWebhookRequest { webhook: off, ..Default::default() }).await.webhook.unwrap().id;
    let refused = bench.events().replay_events(replay(&hook)).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), metadata(&refused, "state")), ("STATE_FORBIDS", "DISABLED".into()));
    let empty = v1::ReplayEventsRequest { filter: None, ..replay(&hook) };
    assert_eq!(fields(&bench.events().replay_events(empty).await.unwrap_err()), ["filter"]);
}
