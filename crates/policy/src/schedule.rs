//! The waits between the attempts of one delivery.

use std::time::Duration;

use tenterhook_model::webhook::{Backoff, RetryPolicy};
use tenterhook_model::{Entropy, limits};

use crate::defaults;

/// The wait after the attempt number `failed` (1 for the first) before the next one, with
/// jitter, at most the longest wait that the policy allows and [`limits::BACKOFF_MAX`].
pub fn wait(retry: &RetryPolicy, failed: u32, entropy: &dyn Entropy) -> Duration {
    let longest = longest_wait(retry);
    let base = base_wait(retry, failed).min(longest);
    let wait = jittered(base, retry.jitter.unwrap_or(defaults::JITTER), entropy).min(longest);
    debug_assert!(wait <= limits::BACKOFF_MAX, "no wait is over the limit of the server: {wait:?}");
    wait
}

fn longest_wait(retry: &RetryPolicy) -> Duration {
    match &retry.backoff {
        Some(Backoff::Exponential { max: Some(max), .. }) => (*max).min(limits::BACKOFF_MAX),
        _ => limits::BACKOFF_MAX,
    }
}

fn base_wait(retry: &RetryPolicy, failed: u32) -> Duration {
    let step = failed.saturating_sub(1);
    match &retry.backoff {
        None => listed(&defaults::SCHEDULE, step),
        Some(Backoff::Schedule(waits)) if waits.is_empty() => listed(&defaults::SCHEDULE, step),
        Some(Backoff::Schedule(waits)) => listed(waits, step),
        Some(Backoff::Exponential { initial, multiplier, .. }) => {
            let growth = multiplier.max(1.0).powi(step.min(limits::ATTEMPTS_MAX) as i32);
            // Beyond what a Duration can hold it is beyond every limit too.
            Duration::try_from_secs_f64(initial.as_secs_f64() * growth).unwrap_or(Duration::MAX)
        }
    }
}

/// The wait of this step; the last one repeats.
fn listed(waits: &[Duration], step: u32) -> Duration {
    assert!(!waits.is_empty(), "a schedule without a wait says nothing of the next attempt");
    let last = waits.len() - 1;
    waits[(step as usize).min(last)]
}

/// `base` moved to either side by at most its share `jitter`.
fn jittered(base: Duration, jitter: f64, entropy: &dyn Entropy) -> Duration {
    let jitter = jitter.clamp(0.0, 1.0);
    if jitter == 0.0 {
        return base;
    }
    let factor = 1.0 - jitter + 2.0 * jitter * entropy.unit();
    debug_assert!((0.0..=2.0).contains(&factor), "a wait is never negative, and at most doubled: {factor}");
    Duration::try_from_secs_f64(base.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Fixed;

    const MIDDLE: Fixed = Fixed(0.5);

    fn seconds(retry: &RetryPolicy, failed: u32) -> u64 {
        wait(retry, failed, &MIDDLE).as_secs_f64().round() as u64
    }

    #[test]
    fn the_default_schedule_is_the_one_of_the_contract() {
        let waits: Vec<_> = (1..=11).map(|failed| seconds(&RetryPolicy::default(), failed)).collect();
        assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400, 86_400]);
    }

    #[test]
    fn the_last_wait_of_a_list_repeats() {
        let waits = vec![Duration::from_secs(1), Duration::from_secs(7)];
        let retry = RetryPolicy { backoff: Some(Backoff::Schedule(waits)), ..RetryPolicy::default() };
        assert_eq!((1..=4).map(|failed| seconds(&retry, failed)).collect::<Vec<_>>(), [1, 7, 7, 7]);
    }

    #[test]
    fn an_empty_list_means_the_default() {
        let retry = RetryPolicy { backoff: Some(Backoff::Schedule(Vec::new())), ..RetryPolicy::default() };
        assert_eq!(seconds(&retry, 2), 300);
    }

    fn exponential(initial: u64, max: Option<u64>, multiplier: f64) -> RetryPolicy {
        let backoff = Backoff::Exponential {
            initial: Duration::from_secs(initial),
            max: max.map(Duration::from_secs),
            multiplier,
        };
        RetryPolicy { backoff: Some(backoff), ..RetryPolicy::default() }
    }

    #[test]
    fn exponential_waits_multiply_up_to_their_maximum() {
        let retry = exponential(2, Some(50), 3.0);
        assert_eq!((1..=5).map(|failed| seconds(&retry, failed)).collect::<Vec<_>>(), [2, 6, 18, 50, 50]);
    }

    #[test]
    fn a_multiplier_of_one_keeps_the_wait() {
        let retry = exponential(9, None, 1.0);
        assert_eq!((1..=3).map(|failed| seconds(&retry, failed)).collect::<Vec<_>>(), [9, 9, 9]);
    }

    #[test]
    fn without_a_maximum_the_limit_of_the_server_holds() {
        let retry = exponential(86_400, None, 10.0);
        for failed in [2, 50, 100, u32::MAX] {
            assert_eq!(wait(&retry, failed, &MIDDLE), limits::BACKOFF_MAX);
        }
    }

    #[test]
    fn jitter_moves_a_wait_to_both_sides_by_its_share() {
        let at = |chance, jitter| {
            let retry = RetryPolicy { jitter, ..RetryPolicy::default() };
            wait(&retry, 2, &Fixed(chance)).as_secs_f64().round() as u64
        };
        assert_eq!((at(0.0, None), at(0.5, None), at(0.999_999, None)), (240, 300, 360));
        assert_eq!((at(0.0, Some(0.0)), at(0.999_999, Some(0.0))), (300, 300));
        assert_eq!((at(0.0, Some(1.0)), at(0.999_999, Some(1.0))), (0, 600));
    }

    #[test]
    fn jitter_never_passes_the_longest_wait() {
        let retry = exponential(10, Some(10), 2.0);
        assert_eq!(wait(&retry, 1, &Fixed(0.999)), Duration::from_secs(10));
        assert!(wait(&retry, 1, &Fixed(0.0)) < Duration::from_secs(9));
    }
}
