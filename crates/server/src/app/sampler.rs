//! Reads from the store what the metrics show of it, every few seconds.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::Clock;
use tenterhook_store::Observing;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::{Metrics, Snapshot};

/// How often the store is asked what is open.
const SAMPLE: Duration = Duration::from_secs(5);

/// Asks the store what is open, now and then.
#[derive(Debug)]
pub(super) struct Sampler {
    /// The store.
    pub(super) store: Arc<dyn Observing>,
    /// The time of day.
    pub(super) clock: Arc<dyn Clock>,
    /// Where it goes.
    pub(super) metrics: Arc<Metrics>,
    /// Webhooks, in the order of their creation, that get series of their own.
    pub(super) named: usize,
}

impl Sampler {
    /// Asks until `end`.
    pub(super) async fn run(self, end: CancellationToken) {
        loop {
            // The end comes first.
            tokio::select! { biased;
                () = end.cancelled() => return,
                () = sleep(SAMPLE) => self.sample().await,
            }
        }
    }

    /// Asks once. What cannot be read leaves the metrics as they were.
    pub(super) async fn sample(&self) {
        let Ok(gauges) = self.store.gauges().await else { return };
        let (set, now) = (self.store.webhooks(), self.clock.now());
        self.metrics.sampled(Snapshot::of(&gauges, &set, &|id| self.store.health(id), (now, self.named)));
    }
}

#[cfg(test)]
mod tests {
    use tenterhook_model::webhook::{Halt, HaltedBy, WebhookSpec};
    use tenterhook_model::{Event, Lane, Next, Outcome, SystemClock, Timestamp, Webhook, WebhookHealth, WebhookId};
    use tenterhook_store::{Expect, NewEvent, Settlement, WebhookChange};

    use super::*;
    use crate::app::App;
    use crate::config::Config;
    use crate::telemetry::Telemetry;
    use crate::telemetry::metrics::tests::{attempt, metrics};

    const MINUTE: Duration = Duration::from_secs(60);

    /// A store with one webhook whose only delivery has failed, so that its breaker is open.
    async fn failing() -> (App, Webhook) {
        let telemetry = Arc::new(Telemetry::quiet().unwrap());
        let app = App::build(&Config::trial("memory:"), telemetry).await.unwrap();
        let (store, now) = (app.store(), SystemClock.now());
        let hook = Webhook {
            id: WebhookId::from_bytes([1; 16]),
            lane: Lane(0),
            namespace: Default::default(),
            spec: WebhookSpec { display_name: "orders".into(), ..WebhookSpec::default() },
            halt: None,
            signing_keys: Vec::new(),
            revision: 0,
            create_time: now,
            update_time: now,
        };
        store.save_webhook(put(&hook, Expect::Absent)).await.unwrap();
        let event = event(now);
        let new = NewEvent { event: Arc::new(event), content: [0; 32], webhooks: vec![hook.id] };
        store.publish(vec![new]).await.unwrap();
        let claim = store.claim(hook.id, 1, now).await.unwrap().remove(0);
        let settlement = Settlement {
            delivery_id: claim.delivery.id,
            attempt: Some(Arc::new(attempt(Outcome::Timeout))),
            counts: true,
            next: Next::RetryAt(now.after(MINUTE)),
            health: Some(WebhookHealth { next_probe: Some(now.after(MINUTE)), ..WebhookHealth::default() }),
            suspend: None,
        };
        store.settle(vec![settlement]).await.unwrap();
        (app, hook)
    }

    fn event(now: Timestamp) -> Event {
        Event { object_type: "dcim.site".into(), publish_time: now, ..tenterhook_fixtures::event("e-1") }
    }

    #[tokio::test]
    async fn the_gauge_of_open_breakers_follows_a_resume_and_a_deletion() {
        for change in ["pause", "resume", "delete"] {
            let (app, hook) = failing().await;
            let (store, (telemetry, metrics)) = (app.store(), metrics());
            let sampler =
                Sampler { store: store.clone(), metrics: Arc::new(metrics), clock: Arc::new(SystemClock), named: 1 };
            sampler.sample().await;
            let text = telemetry.prometheus_text();
            assert!(text.contains("tenterhook_breaker_open 1"), "{text}");
            assert!(
                text.contains("tenterhook_webhook_breaker_open{namespace=\"default\",webhook=\"orders\"} 1"),
                "{text}"
            );
            let mut paused = hook.clone();
            paused.halt = Some(Halt { by: HaltedBy::Operator, reason: String::new() });
            store.save_webhook(put(&paused, Expect::Present)).await.unwrap();
            if change == "resume" {
                store.save_webhook(put(&hook, Expect::Present)).await.unwrap();
            }
            if change == "delete" {
                let deletion = WebhookChange::Delete { id: hook.id, expect: Expect::Present };
                store.save_webhook(deletion).await.unwrap();
            }
            sampler.sample().await;
            let text = telemetry.prometheus_text();
            assert!(text.contains("tenterhook_breaker_open 0"), "{change}: {text}");
            assert_eq!(text.contains("webhook=\"orders\""), change != "delete", "{change}: {text}");
            let waits = if change == "pause" { 1 } else { 0 };
            assert!(text.contains(&format!("tenterhook_deliveries_waiting{{reason=\"paused\"}} {waits}")), "{text}");
        }
    }

    fn put(webhook: &Webhook, expect: Expect) -> WebhookChange {
        WebhookChange::Put { webhook: Box::new(webhook.clone()), expect, request: None }
    }
}
