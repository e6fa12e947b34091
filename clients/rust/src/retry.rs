//! How long to wait before a failed call is tried again.

use std::time::Duration;

/// Waits between the tries of a call: `initial`, then `multiplier` times the one before, up to
/// `max`, each changed at random by the share `jitter`. A value that is not positive stands for its
/// default, but no `jitter` is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The first wait; 0.1 s.
    pub initial: Duration,
    /// Factor from one wait to the next; 2.
    pub multiplier: f64,
    /// The longest wait; 5 s.
    pub max: Duration,
    /// Share of each wait that is drawn at random, 0 to 1; 0.2.
    pub jitter: f64,
    /// Whether failed calls are tried again at all; a watch reconnects all the same.
    pub enabled: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            multiplier: 2.0,
            max: Duration::from_secs(5),
            jitter: 0.2,
            enabled: true,
        }
    }
}

impl RetryPolicy {
    /// Never tries again.
    #[must_use]
    pub fn disabled() -> Self {
        Self { enabled: false, ..Self::default() }
    }

    /// The wait after so many failures in a row, from 0.
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        let fallback = Self::default();
        let initial = if self.initial.is_zero() { fallback.initial } else { self.initial };
        let max = if self.max.is_zero() { fallback.max } else { self.max };
        let multiplier = if self.multiplier > 0.0 { self.multiplier } else { fallback.multiplier };
        let factor = multiplier.powi(failures.min(64).cast_signed());
        let wait = (initial.as_secs_f64() * factor).min(max.as_secs_f64());
        let spread = 1.0 + self.jitter.clamp(0.0, 1.0) * (2.0 * fastrand::f64() - 1.0);
        Duration::try_from_secs_f64(wait * spread).unwrap_or(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let still = RetryPolicy { initial: Duration::from_secs(1), jitter: 0.0, ..Default::default() };
        let waits: Vec<u64> = (0..5).map(|failures| still.wait(failures).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        for failures in [0, 1, 2_000] {
            let plain = RetryPolicy { jitter: 0.0, ..Default::default() }.wait(failures);
            for _ in 0..100 {
                let wait = RetryPolicy::default().wait(failures);
                assert!(wait >= plain.mul_f64(0.79) && wait <= plain.mul_f64(1.21), "{wait:?}");
            }
        }
    }

    #[test]
    fn zero_fields_take_their_defaults() {
        let zero =
            RetryPolicy { initial: Duration::ZERO, multiplier: 0.0, max: Duration::ZERO, jitter: 0.0, enabled: false };
        let waits: Vec<u128> = (0..8).map(|failures| zero.wait(failures).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn nonsense_does_not_panic() {
        let mad = RetryPolicy { multiplier: f64::NAN, jitter: -9.0, ..Default::default() };
        assert!(mad.wait(3) <= Duration::from_secs(60));
    }
}
