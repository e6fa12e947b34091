//! Latencies in buckets of 0.8 %, counted without a lock by many tasks at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets to a doubling: 128 make a quantile at most 0.8 % too large.
const PER_OCTAVE: u64 = 128;
/// Doublings of a microsecond that are told apart: up to 71 minutes.
const OCTAVES: u64 = 32;

/// Counts of durations.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: Vec<AtomicU64>,
}

impl Histogram {
    /// An empty one.
    pub(super) fn new() -> Self {
        let buckets = (PER_OCTAVE * (OCTAVES + 1)) as usize;
        Self { counts: (0..buckets).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts one duration.
    pub(super) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros).min(self.counts.len() - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted up to now, and counts on from nothing.
    pub(super) fn take(&self) -> Self {
        let taken = self.counts.iter().map(|count| AtomicU64::new(count.swap(0, Ordering::Relaxed)));
        Self { counts: taken.collect() }
    }

    /// Durations that were counted.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Milliseconds that the share `quantile` of all took at most; 0 when nothing was counted.
    pub(super) fn quantile_ms(&self, quantile: f64) -> f64 {
        let wanted = ((self.count() as f64) * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count.load(Ordering::Relaxed);
            seen >= wanted
        });
        reached.map_or(0.0, |bucket| upper_micros(bucket) as f64 / 1e3)
    }
}

/// Below 128 µs a bucket a microsecond; above, 128 buckets a doubling.
fn bucket(micros: u64) -> usize {
    if micros < PER_OCTAVE {
        return micros as usize;
    }
    let octave = u64::from(micros.ilog2()) - u64::from(PER_OCTAVE.ilog2());
    (PER_OCTAVE * octave + (micros >> octave)) as usize
}

fn upper_micros(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PER_OCTAVE {
        return bucket;
    }
    let octave = bucket / PER_OCTAVE - 1;
    ((bucket - PER_OCTAVE * octave + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_a_hundredth_too_large() {
        for micros in [0, 1, 127, 128, 129, 255, 256, 1_000, 12_345, 999_999, 60_000_000] {
            let histogram = Histogram::new();
            histogram.record(Duration::from_micros(micros));
            let told = histogram.quantile_ms(0.5) * 1e3;
            assert!(told + 0.5 >= micros as f64 && told <= micros as f64 * 1.01 + 0.5, "{told} for {micros}");
        }
    }

    #[test]
    fn buckets_rise_with_what_they_hold() {
        let mut last = 0;
        for micros in (0..5_000_000).step_by(37) {
            let bucket = bucket(micros);
            assert!(bucket >= last);
            last = bucket;
        }
    }

    #[test]
    fn the_middle_and_the_tail_are_told_apart() {
        let histogram = Histogram::new();
        (0..990).for_each(|_| histogram.record(Duration::from_millis(2)));
        (0..10).for_each(|_| histogram.record(Duration::from_millis(50)));
        assert_eq!(histogram.count(), 1_000);
        assert!((histogram.quantile_ms(0.5) - 2.0).abs() < 0.1);
        assert!((histogram.quantile_ms(0.999) - 50.0).abs() < 1.0);
    }

    #[test]
    fn a_bucket_ends_where_the_next_begins() {
        for micros in (0..2_000).chain([4_095, 4_096, 65_535, 65_536, 1 << 20, (1 << 20) + 1, (1 << 31) - 1]) {
            let at = bucket(micros);
            assert!(upper_micros(at) >= micros, "{micros} is in a bucket up to {}", upper_micros(at));
            assert!(at == 0 || upper_micros(at - 1) < micros, "{micros} is beyond the bucket before its own");
        }
        assert_eq!(
            (bucket(127), bucket(128), bucket(255), bucket(256), bucket(257), bucket(258)),
            (127, 128, 255, 256, 256, 257)
        );
    }

    #[test]
    fn a_quantile_counts_those_that_took_no_longer() {
        let histogram = Histogram::new();
        assert_eq!((histogram.count(), histogram.quantile_ms(0.5), histogram.quantile_ms(1.0)), (0, 0.0, 0.0));
        for micros in [10, 20, 30, 40] {
            histogram.record(Duration::from_micros(micros));
        }
        for (quantile, millis) in
            [(0.0, 0.010), (0.25, 0.010), (0.26, 0.020), (0.5, 0.020), (0.75, 0.030), (0.76, 0.040), (1.0, 0.040)]
        {
            assert_eq!(histogram.quantile_ms(quantile), millis, "{quantile}");
        }
    }

    #[test]
    fn what_is_beyond_the_last_bucket_is_in_it() {
        let histogram = Histogram::new();
        histogram.record(Duration::from_secs(24 * 3_600));
        histogram.record(Duration::MAX);
        assert_eq!(histogram.count(), 2);
        assert!(histogram.quantile_ms(0.5) > 60.0 * 60.0 * 1e3, "more than an hour");
    }

    #[test]
    fn what_is_taken_is_counted_no_more() {
        let histogram = Histogram::new();
        (0..3).for_each(|_| histogram.record(Duration::from_millis(2)));
        let taken = histogram.take();
        histogram.record(Duration::from_millis(50));
        assert_eq!((taken.count(), histogram.count()), (3, 1));
        assert!(taken.quantile_ms(1.0) < 3.0 && histogram.quantile_ms(0.0) > 49.0);
    }

    #[test]
    fn tasks_count_at_once_and_nothing_is_lost() {
        let histogram = Histogram::new();
        std::thread::scope(|scope| {
            for task in 0..4 {
                let histogram = &histogram;
                scope.spawn(move || (0..1_000).for_each(|n| histogram.record(Duration::from_micros(task * 1_000 + n))));
            }
        });
        assert_eq!(histogram.count(), 4_000);
    }
}
