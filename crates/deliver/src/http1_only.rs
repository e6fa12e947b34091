//! Receivers that offer HTTP/2 and cannot be spoken to in it: they say so (HTTP_1_1_REQUIRED), or
//! their answers are no HTTP/2 (docs/decisions/0147).
//!
//! They are remembered for a while, so that their next requests go over HTTP/1.1 at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a receiver is remembered: its software changes seldom.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// Receivers that are remembered. One that is forgotten costs one request that is sent twice.
const RECEIVERS_MAX: usize = 1_024;

/// The receivers, by host and port.
#[derive(Debug, Default)]
pub(crate) struct Http1Only(Mutex<HashMap<Box<str>, Instant>>);

impl Http1Only {
    fn receivers(&self) -> MutexGuard<'_, HashMap<Box<str>, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that HTTP/2 does not work with a receiver.
    pub(crate) fn note(&self, authority: &str) {
        let (now, mut receivers) = (Instant::now(), self.receivers());
        if receivers.len() >= RECEIVERS_MAX {
            receivers.retain(|_, until| *until > now);
        }
        if receivers.len() >= RECEIVERS_MAX {
            receivers.clear();
        }
        receivers.insert(authority.into(), now + REMEMBERED);
        assert!(receivers.len() <= RECEIVERS_MAX, "{} receivers are kept of at most {RECEIVERS_MAX}", receivers.len());
    }

    /// Whether a receiver is spoken to in HTTP/1.1 alone.
    pub(crate) fn holds(&self, authority: &str) -> bool {
        self.receivers().get(authority).is_some_and(|until| *until > Instant::now())
    }

    /// Notes that a receiver does not speak HTTP/1.1 either.
    pub(crate) fn forget(&self, authority: &str) {
        self.receivers().remove(authority);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_receiver_is_remembered_for_an_hour_or_until_it_is_forgotten() {
        let only = Http1Only::default();
        only.note("a");
        only.note("b");
        only.forget("b");
        assert!(only.holds("a") && !only.holds("b"));
        tokio::time::advance(REMEMBERED).await;
        assert!(!only.holds("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_receivers_that_are_kept_are_bounded() {
        let only = Http1Only::default();
        (0..=RECEIVERS_MAX).for_each(|number| only.note(&number.to_string()));
        assert!(only.receivers().len() <= RECEIVERS_MAX);
    }
}
