//! A clock that jumps ahead by hours is doubted for a while: one that is wrong is set right soon, and
//! what it had made too old would stay given up, or removed.

use std::time::Duration;

use tenterhook_model::Timestamp;
use tenterhook_model::webhook::RetryPolicy;
use tokio::time::Instant;

/// A jump that is doubted. A smaller one makes nothing too old that was not so nearly.
const JUMP: Duration = Duration::from_secs(3_600);
/// How long a jump is doubted.
const DOUBT: Duration = Duration::from_secs(15 * 60);

/// Watches the clock for jumps ahead of more than an hour; each is doubted for 15 minutes.
#[derive(Debug, Default)]
pub struct Ahead {
    /// The last look: the time of day, and that of the runtime.
    before: Option<(Timestamp, Instant)>,
    until: Option<Instant>,
}

impl Ahead {
    /// Looks at the clock. The first look believes it: a server that was off is no jump.
    pub fn look(&mut self, now: Timestamp, instant: Instant) {
        let Some((then, moment)) = self.before.replace((now, instant)) else { return };
        if now.since(then) > instant.duration_since(moment) + JUMP {
            self.until = Some(instant + DOUBT);
        } else if then.since(now) > JUMP {
            self.until = None;
        }
    }

    /// Whether the clock is doubted.
    pub fn is_doubted(&self, instant: Instant) -> bool {
        self.until.is_some_and(|until| instant < until)
    }
}

/// The policy without an age, for a clock that is doubted.
pub(crate) fn ageless(retry: &RetryPolicy) -> RetryPolicy {
    RetryPolicy { max_age: Some(Duration::MAX), ..retry.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_doubted_until_it_is_taken_back_or_has_stood() {
        let begin = Instant::now();
        let mut ahead = Ahead::default();
        let mut is_doubted = |day: i64, minutes: u64| {
            let (passed, set) = (Duration::from_secs(60 * minutes), Timestamp::from_millis(day * 24 * 3_600_000));
            ahead.look(set.after(passed), begin + passed);
            ahead.is_doubted(begin + passed)
        };
        let looks = [(10, 0), (10, 600), (13, 601), (13, 602), (10, 603), (14, 604), (14, 618), (14, 619), (14, 2_000)];
        let doubts = looks.map(|(day, minutes)| is_doubted(day, minutes));
        assert_eq!(doubts, [false, false, true, true, false, true, true, false, false]);
    }
}
