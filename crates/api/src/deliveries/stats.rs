//! GetDeliveryStats.

use std::ops::RangeInclusive;
use std::time::Duration;

use tenterhook_model::{Namespace, Timestamp, limits};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{DeliveryStats, FailedAttempts, StatsBucket, StatsQuery};

use crate::access::{Caller, Reach};
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::delivery::write_outcome;
use crate::wire::time::{duration, read_duration, timestamp};

/// How far back counts can go.
const WINDOWS: RangeInclusive<Duration> = limits::STATS_WINDOW_RANGE;
/// How far back they go when the caller does not say.
const WINDOW: Duration = limits::STATS_WINDOW;
/// The longest window of which the store keeps every minute.
const MINUTES_WINDOW: Duration = Duration::from_secs(24 * 3_600);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// Buckets of one window: more than a chart has pixels.
const BUCKETS_MAX: f64 = limits::STATS_BUCKETS as f64;
/// Webhooks that are told of one by one.
const WEBHOOKS: usize = limits::STATS_WEBHOOKS;

pub(super) async fn count(
    api: &Shared,
    caller: &Caller,
    request: &v1::GetDeliveryStatsRequest,
) -> Result<v1::GetDeliveryStatsResponse, Refusal> {
    let mut check = Check::new();
    let namespace: Option<Namespace> = check.parse("namespace", &request.namespace);
    let webhook_id = if request.webhook_id.is_empty() { None } else { check.parse("webhook_id", &request.webhook_id) };
    let window = read_duration(&mut check, "window", request.window, WINDOWS).unwrap_or(WINDOW);
    let width = read_width(&mut check, request.bucket_width, window);
    check.finish()?;
    let namespace = namespace.unwrap_or_default();
    let reach = caller.reach(&namespace)?;
    if let Some(id) = webhook_id {
        let set = api.store.webhooks();
        let known = set.by_id.get(&id).is_some_and(|webhook| webhook.namespace == namespace) && reach.holds(id);
        known.then_some(()).ok_or_else(|| Refusal::NoWebhook(request.webhook_id.clone()))?;
    }
    let webhook_id = match reach {
        Reach::All => webhook_id,
        Reach::One(only) => Some(only),
    };
    let query = StatsQuery { namespace, webhook_id, window };
    let buckets = match width {
        Some(width) => api.store.stats_buckets(query.clone(), width).await?,
        None => Vec::new(),
    };
    let mut counts = api.store.stats(query).await?;
    let now = api.clock.now();
    let mut total = DeliveryStats::default();
    counts.iter().for_each(|(_, stats)| total.add(stats));
    let failures = |stats: &DeliveryStats| (stats.failed_attempts(), stats.failed);
    counts.sort_by(|(a_id, a), (b_id, b)| failures(b).cmp(&failures(a)).then(a_id.cmp(b_id)));
    let webhooks = counts
        .iter()
        .take(WEBHOOKS)
        .map(|(id, stats)| v1::WebhookDeliveryStats { webhook_id: id.to_string(), stats: Some(write(stats, now)) });
    let bucket = |bucket: StatsBucket| v1::DeliveryStatsBucket {
        start_time: Some(timestamp(bucket.start)),
        stats: Some(write(&bucket.stats, now)),
    };
    Ok(v1::GetDeliveryStatsResponse {
        total: Some(write(&total, now)),
        webhooks: webhooks.collect(),
        buckets: buckets.into_iter().map(bucket).collect(),
    })
}

/// The width of the buckets, if any are asked for: as fine as the counts that the store keeps.
fn read_width(check: &mut Check, width: Option<prost_types::Duration>, window: Duration) -> Option<Duration> {
    let unit = if window > MINUTES_WINDOW { HOUR } else { MINUTE };
    let width = read_duration(check, "bucket_width", width, unit..=*WINDOWS.end())?;
    if !width.as_nanos().is_multiple_of(unit.as_nanos()) {
        let unit = if unit == HOUR { "hours, as the window is longer than a day" } else { "minutes" };
        check.refuse("bucket_width", format!("must be in whole {unit}"));
    } else if window.div_duration_f64(width) > BUCKETS_MAX {
        check.refuse("bucket_width", format!("must be longer: the window has at most {BUCKETS_MAX} buckets"));
    }
    Some(width)
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
        failed_attempts: number(stats.failed_attempts()),
        outcomes: outcomes(stats),
    }
}

/// The failed attempts by how they ended, the most frequent first.
fn outcomes(stats: &DeliveryStats) -> Vec<v1::OutcomeCount> {
    let count = |failures: &FailedAttempts| v1::OutcomeCount {
        outcome: write_outcome(failures.outcome).into(),
        response_status: failures.status.into(),
        count: i64::try_from(failures.count).unwrap_or(i64::MAX),
    };
    let mut outcomes: Vec<_> = stats.failures.iter().map(count).collect();
    outcomes.sort_by_key(|one| (std::cmp::Reverse(one.count), one.outcome, one.response_status));
    outcomes
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
