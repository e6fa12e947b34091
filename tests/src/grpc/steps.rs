//! Calls over very many deliveries work in steps, and others go on between them.
//!
//! The number of deliveries can be chosen, and the time that each call took is shown:
//!
//! ```text
//! TENTERHOOK_STEPS=1000000 cargo test --profile dist -p tenterhook-tests grpc::steps -- --nocapture
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenterhook_model::limits;
use tenterhook_proto::tenterhook::v1;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Status;

use super::bench::{Bench, event};

/// Deliveries when the environment does not say.
const DELIVERIES: u64 = 20_000;
/// Their number, by its name in the environment.
const COUNT: &str = "TENTERHOOK_STEPS";
/// Webhooks that each event goes to.
const WEBHOOKS: usize = 10;
/// Deliveries that one step of a batch changes, at most.
const STEP: usize = 256;

fn filter(states: &[v1::DeliveryState]) -> Option<v1::DeliveryFilter> {
    let states = states.iter().map(|state| i32::from(*state)).collect();
    Some(v1::DeliveryFilter { event_types: vec!["bulk".into()], states, ..Default::default() })
}

/// Publishes one event after the other, and counts those that are answered.
async fn publish(bench: Arc<Bench>, published: Arc<AtomicUsize>) {
    loop {
        bench.publish("meanwhile").await;
        published.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes the call while a publisher publishes all the time; answers what the call answered.
async fn beside_a_publisher(
    bench: &Arc<Bench>,
    name: &str,
    call: impl Future<Output = Result<i64, Status>> + Send + 'static,
) -> i64 {
    bench.commits.clear();
    let begun = Instant::now();
    let (mut calls, mut publishing) = (JoinSet::new(), JoinSet::new());
    let published = Arc::new(AtomicUsize::new(0));
    publishing.spawn(publish(Arc::clone(bench), Arc::clone(&published)));
    calls.spawn(call);
    let answer = calls.join_next().await.unwrap().unwrap().unwrap();
    let published = published.load(Ordering::Relaxed);
    let took = begun.elapsed();
    println!("{name}: {answer} in {took:?}; {published} publishes were answered meanwhile");
    let commits = bench.commits.sizes();
    let largest = commits.iter().copied().max().unwrap_or_default();
    // A step of the call and an event of the publisher.
    assert!(largest <= STEP + 1, "{name}: a commit of {largest}");
    const { assert!(STEP < limits::COMMIT_ITEMS) };
    let steps = usize::try_from(answer).unwrap() / STEP;
    assert!(commits.len() >= steps, "{name}: {} commits for {answer}", commits.len());
    assert!(published >= steps / 4, "{name}: only {published} publishes were answered during {steps} steps");
    answer
}

#[tokio::test]
async fn a_batch_over_very_many_is_made_in_steps_between_which_others_go_on() {
    let bench = Arc::new(Bench::new().await);
    let deliveries = crate::sim::chosen(COUNT).unwrap_or(DELIVERIES) as i64;
    let events = deliveries as usize / WEBHOOKS;
    for number in 0..WEBHOOKS {
        bench.webhook(&format!("w{number}")).await;
    }
    for from in (0..events).step_by(limits::BATCH_EVENTS) {
        let events = vec![event("bulk"); limits::BATCH_EVENTS.min(events - from)];
        bench.events().batch_publish_events(v1::BatchPublishEventsRequest { events }).await.unwrap();
    }
    bench.clock.advance(Duration::from_secs(1));

    let mut client = bench.deliveries();
    let request = v1::BatchCancelDeliveriesRequest { filter: filter(&[]), ..Default::default() };
    let call = async move { Ok(client.batch_cancel_deliveries(request).await?.into_inner().delivery_count) };
    assert_eq!(beside_a_publisher(&bench, "BatchCancelDeliveries", call).await, deliveries);

    let mut client = bench.deliveries();
    let cancelled = filter(&[v1::DeliveryState::Cancelled]);
    let request = v1::BatchRetryDeliveriesRequest { filter: cancelled, ..Default::default() };
    let call = async move { Ok(client.batch_retry_deliveries(request).await?.into_inner().delivery_count) };
    assert_eq!(beside_a_publisher(&bench, "BatchRetryDeliveries", call).await, deliveries);

    let webhook_id = bench.webhook("late").await;
    let mut client = bench.events();
    let filter = Some(v1::EventFilter { event_types: vec!["bulk".into()], ..Default::default() });
    let request = v1::ReplayEventsRequest { webhook_id, filter, ..Default::default() };
    let call = async move { Ok(client.replay_events(request).await?.into_inner().delivery_count) };
    assert_eq!(beside_a_publisher(&bench, "ReplayEvents", call).await, events as i64);
}
