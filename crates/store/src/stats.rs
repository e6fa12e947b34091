//! Counts of deliveries over a time, and what is open now.

use std::time::Duration;

use tenterhook_model::{DeliveryState, Namespace, Outcome, Timestamp, WebhookId};

/// Which counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsQuery {
    /// The tenant.
    pub namespace: Namespace,
    /// One webhook; `None` means all of the tenant.
    pub webhook_id: Option<WebhookId>,
    /// How far back: 1 minute to 30 days. Counted in whole minutes, beyond a day in whole hours.
    pub window: Duration,
}

/// Counts of the deliveries of one webhook, or summed over several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryStats {
    /// Deliveries that succeeded in the window.
    pub succeeded: u64,
    /// Deliveries that were given up in the window.
    pub failed: u64,
    /// Attempts that ended in the window.
    pub attempts: u64,
    /// Those of them that failed, by how they ended.
    pub failures: Vec<FailedAttempts>,
    /// Deliveries that wait or are under way, now.
    pub open: u64,
    /// When the oldest of these was made.
    pub oldest_open: Option<Timestamp>,
    /// How long the attempts took.
    pub latencies: Latencies,
}

/// Failed attempts that ended alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedAttempts {
    /// How they ended.
    pub outcome: Outcome,
    /// The status of the response; 0 without one.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// What ended in one part of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatsBucket {
    /// When it begins: a multiple of its width since 1970.
    pub start: Timestamp,
    /// What ended in it, without what is open now.
    pub stats: DeliveryStats,
}

impl DeliveryStats {
    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.attempts += other.attempts;
        self.open += other.open;
        self.oldest_open = match (self.oldest_open, other.oldest_open) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        other.failures.iter().for_each(|failures| self.add_failures(*failures));
        self.latencies.add(&other.latencies);
    }

    /// Adds failed attempts.
    pub fn add_failures(&mut self, more: FailedAttempts) {
        let alike = |known: &&mut FailedAttempts| (known.outcome, known.status) == (more.outcome, more.status);
        match self.failures.iter_mut().find(alike) {
            Some(known) => known.count += more.count,
            None => self.failures.push(more),
        }
    }

    /// Attempts that failed by something else than the end of the server.
    pub fn failed_attempts(&self) -> u64 {
        let failed = self.failures.iter().filter(|failures| failures.outcome != Outcome::Interrupted);
        failed.map(|failures| failures.count).sum()
    }
}

/// Buckets of a [`Latencies`]: 4 an octave from 0.1 ms up; the last one holds 75 s and more.
const BUCKETS: usize = 80;
/// The upper end of the first bucket, in microseconds.
const FIRST_MICROS: f64 = 100.0;
/// Buckets to a doubling, which makes a quantile at most 19 % too large.
const BUCKETS_PER_OCTAVE: f64 = 4.0;

/// A histogram of durations in exponential buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latencies {
    /// Counts by bucket; short when the slower buckets are empty.
    counts: Vec<u64>,
}

impl Latencies {
    /// Counts one duration.
    pub fn record(&mut self, took: Duration) {
        self.record_in(Self::bucket(took), 1);
    }

    /// The number of the bucket that a duration is counted in.
    pub(crate) fn bucket(took: Duration) -> usize {
        let octaves = (took.as_secs_f64() * 1e6 / FIRST_MICROS).max(1.0).log2();
        ((octaves * BUCKETS_PER_OCTAVE).ceil() as usize).min(BUCKETS - 1)
    }

    /// Counts `count` durations in the bucket with this number.
    pub(crate) fn record_in(&mut self, bucket: usize, count: u64) {
        let bucket = bucket.min(BUCKETS - 1);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += count;
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in other.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.record_in(bucket, *count);
        }
    }

    /// A duration that the share `quantile` (0 to 1) of all was at most as long as; `None` when nothing was counted.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let total: u64 = self.counts.iter().sum();
        let wanted = ((total as f64) * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        let micros = FIRST_MICROS * (bucket as f64 / BUCKETS_PER_OCTAVE).exp2();
        Some(Duration::from_nanos((micros * 1e3) as u64))
    }
}

/// What waits of one webhook now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Open deliveries that are not in flight.
    pub waiting: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
}

/// What is open now, over all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Deliveries that wait for their first attempt.
    pub pending: u64,
    /// Deliveries with an attempt under way.
    pub in_flight: u64,
    /// Deliveries that wait for another attempt.
    pub retrying: u64,
    /// When the oldest of all these was made.
    pub oldest_open: Option<Timestamp>,
    /// Bytes that the store takes on disk, or in memory if it is a `memory:` one.
    pub size_bytes: u64,
    /// Whether the disk is so full that new events are refused.
    pub is_full: bool,
    /// What waits, by webhook; only those with open deliveries.
    pub waits: Vec<(WebhookId, Waits)>,
}

/// Open deliveries of a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Open {
    /// Those that wait for their first attempt.
    pub(crate) pending: u64,
    /// Those that wait for another.
    pub(crate) retrying: u64,
}

impl Open {
    /// All of them.
    pub(crate) fn total(self) -> u64 {
        self.pending + self.retrying
    }

    /// The count of those in a state; `None` when the state is final.
    pub(crate) fn of(&mut self, state: DeliveryState) -> Option<&mut u64> {
        match state {
            DeliveryState::Pending => Some(&mut self.pending),
            DeliveryState::Retrying => Some(&mut self.retrying),
            _ => None,
        }
    }
}

/// What waits for one webhook. Exact unless a long backlog is on disk only: then what is due and
/// what waits for its time are told apart by whether it has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// Deliveries whose time has come.
    pub due: u64,
    /// Deliveries with a time to wait for: retries, and those to be sent later.
    pub scheduled: u64,
    /// Deliveries that wait for an earlier one with the same ordering key.
    pub behind: u64,
    /// When the first of those that are due became so, in milliseconds since 1970.
    pub oldest_due: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_at_most_a_fifth_too_long(micros in 100u64..85_000_000) {
            let mut latencies = Latencies::default();
            latencies.record(Duration::from_micros(micros));
            let told = latencies.quantile(0.5).unwrap().as_secs_f64() * 1e6;
            prop_assert!(told > micros as f64 * 0.999 && told < micros as f64 * 1.2, "{told} for {micros}");
        }
    }

    #[test]
    fn quantiles_of_nothing_are_none() {
        assert_eq!(Latencies::default().quantile(0.99), None);
    }

    #[test]
    fn sums_keep_the_oldest_and_every_count() {
        let mut fast =
            DeliveryStats { succeeded: 1, open: 2, oldest_open: Some(Timestamp::from_millis(9)), ..Default::default() };
        fast.latencies.record(Duration::from_millis(1));
        let mut slow = DeliveryStats {
            failed: 4,
            attempts: 5,
            oldest_open: Some(Timestamp::from_millis(7)),
            ..Default::default()
        };
        slow.latencies.record(Duration::from_secs(200));
        let failures = |outcome, status, count| FailedAttempts { outcome, status, count };
        fast.add_failures(failures(Outcome::HttpStatus, 500, 1));
        slow.failures = vec![failures(Outcome::HttpStatus, 500, 2), failures(Outcome::Interrupted, 0, 7)];
        fast.add(&slow);
        assert_eq!(fast.failures[0], failures(Outcome::HttpStatus, 500, 3));
        assert_eq!((fast.failures.len(), fast.failed_attempts()), (2, 3), "a stop of the server is no failure");
        assert_eq!((fast.succeeded, fast.failed, fast.attempts, fast.open), (1, 4, 5, 2));
        assert_eq!(fast.oldest_open, Some(Timestamp::from_millis(7)));
        assert!(fast.latencies.quantile(0.5).unwrap() < Duration::from_millis(2));
        assert!(fast.latencies.quantile(0.99).unwrap() > Duration::from_secs(60));
    }
}
