//! Measures whether retention keeps pace: how fast events are published at the highest rate,
//! and how fast the same events are removed again. The ratio must be at least 1.

use std::sync::Arc;

use tenterhook_model::{Clock, SystemClock, WebhookId};
use tenterhook_store::{NewEvent, Store};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{PUBLISHERS, dispatch, event, save_webhooks};

/// Events of one publish call.
const SLICE: usize = 64;
/// Records that a step of retention removes: what the server's steps grow to.
const STEP: usize = 8_192;

/// Publishes events to so many webhooks, delivers them, and removes them.
pub(super) async fn run(store: Arc<dyn Store>, webhooks: u8, events: usize) {
    let ids = save_webhooks(&*store, webhooks).await;
    let published = Instant::now();
    publish(&store, &ids, events).await;
    let publishing = published.elapsed().as_secs_f64();
    dispatch(store.clone(), events * ids.len()).await;
    let (start, mut removed, mut steps) = (Instant::now(), 0, 0);
    loop {
        let step = store.expire(SystemClock.now(), STEP).await.unwrap();
        (removed, steps) = (removed + step.removed, steps + 1);
        if step.clear.is_some() {
            break;
        }
    }
    let purging = start.elapsed().as_secs_f64();
    assert!(removed >= events * (1 + ids.len()), "{removed} records of {events} events were removed");
    println!(
        "{webhooks} webhooks: {:.0} events/s published, {:.0} events/s removed in {steps} steps, ratio {:.2}",
        events as f64 / publishing,
        events as f64 / purging,
        publishing / purging,
    );
}

async fn publish(store: &Arc<dyn Store>, ids: &[WebhookId], events: usize) {
    let mut tasks = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (store, ids) = (store.clone(), ids.to_vec());
        tasks.spawn(async move {
            let own: Vec<usize> = (publisher..events).step_by(PUBLISHERS).collect();
            for slice in own.chunks(SLICE) {
                let new =
                    |n: &usize| NewEvent { event: Arc::new(event(*n)), content: [*n as u8; 32], webhooks: ids.clone() };
                store.publish(slice.iter().map(new).collect()).await.unwrap();
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}
