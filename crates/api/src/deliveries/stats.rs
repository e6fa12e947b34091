//! GetDeliveryStats.

use std::ops::RangeInclusive;
use std::time::Duration;

use tenterhook_model::{Namespace, Timestamp};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{DeliveryStats, StatsQuery};

use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::time::{duration, read_duration};

/// How far back counts can go.
const WINDOWS: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(30 * 86_400);
/// How far back they go when the caller does not say.
const WINDOW: Duration = Duration::from_secs(3_600);
/// Webhooks that are told of one by one.
const WEBHOOKS: usize = 100;

pub(super) async fn count(
    api: &Shared,
    caller: &Caller,
    request: &v1::GetDeliveryStatsRequest,
) -> Result<v1::GetDeliveryStatsResponse, Refusal> {
    let mut check = Check::new();
    let namespace: Option<Namespace> = check.parse("namespace", &request.namespace);
    let webhook_id = if request.webhook_id.is_empty() { None } else { check.parse("webhook_id", &request.webhook_id) };
    let window = read_duration(&mut check, "window", request.window, WINDOWS).unwrap_or(WINDOW);
    check.finish()?;
    let namespace = namespace.unwrap_or_default();
    caller.within(&namespace)?;
    if let Some(id) = webhook_id {
        let known = api.store.webhooks().by_id.get(&id).is_some_and(|webhook| webhook.namespace == namespace);
        known.then_some(()).ok_or_else(|| Refusal::NoWebhook(request.webhook_id.clone()))?;
    }
    let mut counts = api.store.stats(StatsQuery { namespace, webhook_id, window }).await?;
    let now = api.clock.now();
    let mut total = DeliveryStats::default();
    counts.iter().for_each(|(_, stats)| total.add(stats));
    counts.sort_by(|(a_id, a), (b_id, b)| b.failed.cmp(&a.failed).then(a_id.cmp(b_id)));
    let webhooks = counts
        .iter()
        .take(WEBHOOKS)
        .map(|(id, stats)| v1::WebhookDeliveryStats { webhook_id: id.to_string(), stats: Some(write(stats, now)) });
    Ok(v1::GetDeliveryStatsResponse { total: Some(write(&total, now)), webhooks: webhooks.collect() })
}

fn write(stats: &DeliveryStats, now: Timestamp) -> v1::DeliveryStats {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    v1::DeliveryStats {
        succeeded: number(stats.succeeded),
        failed: number(stats.failed),
        attempts: number(stats.attempts),
        open: number(stats.open),
        oldest_open_age: stats.oldest_open.map(|oldest| duration(now.since(oldest))),
        attempt_latency_p50: stats.latencies.quantile(0.5).map(duration),
        attempt_latency_p99: stats.latencies.quantile(0.99).map(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_that_of_now_and_what_is_not_known_is_unset() {
        let stats = DeliveryStats { open: 1, oldest_open: Some(Timestamp::from_millis(1_000)), ..Default::default() };
        let written = write(&stats, Timestamp::from_millis(4_000));
        assert_eq!(written.oldest_open_age, Some(prost_types::Duration { seconds: 3, nanos: 0 }));
        assert_eq!((written.open, written.attempt_latency_p50), (1, None));
    }

    #[test]
    fn half_of_the_attempts_were_as_fast_as_p50_says() {
        let mut stats = DeliveryStats::default();
        (0..99).for_each(|_| stats.latencies.record(Duration::from_millis(10)));
        stats.latencies.record(Duration::from_secs(10));
        let written = write(&stats, Timestamp::default());
        assert!(written.attempt_latency_p50.unwrap().seconds == 0);
        assert!(written.attempt_latency_p99.unwrap().seconds == 0);
    }
}
