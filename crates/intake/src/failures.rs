//! Rules that cannot be evaluated: one log line per rule and minute, however many events.
//!
//! A condition over an attribute that some objects lack is ordinary, and it fails for each
//! such object. What a tenant's rules and events make the server log is therefore bounded;
//! the metric `tenterhook.rule.errors` counts every failure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenterhook_model::{Timestamp, WebhookId};

/// How long a rule is quiet after a line about it.
const QUIET: Duration = Duration::from_secs(60);
/// Rules that have had a line within the last [`QUIET`], at most; about more nothing is logged.
const RULES_MAX: usize = 1_024;

/// A rule: its webhook, and its position among the webhook's rules.
type RuleId = (WebhookId, usize);

/// When each rule was last logged.
#[derive(Debug, Default)]
pub(crate) struct FailureLog {
    quiet: Mutex<HashMap<RuleId, Quiet>>,
}

#[derive(Debug)]
struct Quiet {
    since: Timestamp,
    /// Failures since then that no line has reported.
    failures: u64,
}

impl FailureLog {
    /// Notes a failure of `rule` at `now`. Returns the number of failures to log, this one and
    /// those since the last line, if a line is due.
    pub(crate) fn note(&self, rule: RuleId, now: Timestamp) -> Option<u64> {
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if quiet.len() >= RULES_MAX && !quiet.contains_key(&rule) {
            quiet.retain(|_, entry| entry.holds(now));
            if quiet.len() >= RULES_MAX {
                return None;
            }
        }
        match quiet.entry(rule) {
            Entry::Vacant(entry) => {
                entry.insert(Quiet { since: now, failures: 0 });
                Some(1)
            }
            Entry::Occupied(mut entry) if entry.get().holds(now) => {
                entry.get_mut().failures += 1;
                None
            }
            Entry::Occupied(mut entry) => {
                let before = entry.insert(Quiet { since: now, failures: 0 });
                Some(before.failures + 1)
            }
        }
    }
}

impl Quiet {
    /// Whether the rule is still quiet. A clock that was set back does not make it so for longer.
    fn holds(&self, now: Timestamp) -> bool {
        now >= self.since && now.since(self.since) < QUIET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: usize) -> RuleId {
        (WebhookId::from_bytes([1; 16]), number)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_rule_has_one_line_a_minute_with_the_count_since_the_last() {
        let log = FailureLog::default();
        assert_eq!(log.note(rule(0), at(0)), Some(1));
        for second in 1..60 {
            assert_eq!(log.note(rule(0), at(second)), None);
        }
        assert_eq!(log.note(rule(0), at(60)), Some(60));
        assert_eq!(log.note(rule(0), at(500)), Some(1));
    }

    #[test]
    fn each_rule_has_a_line_of_its_own() {
        let log = FailureLog::default();
        assert_eq!(log.note(rule(0), at(0)), Some(1));
        assert_eq!(log.note(rule(1), at(0)), Some(1));
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nothing() {
        let log = FailureLog::default();
        assert_eq!(log.note(rule(0), at(1_000)), Some(1));
        assert_eq!(log.note(rule(0), at(10)), Some(1));
    }

    #[test]
    fn memory_and_lines_are_bounded_whatever_fails() {
        let log = FailureLog::default();
        let lines = (0..10 * RULES_MAX).filter(|number| log.note(rule(*number), at(0)).is_some()).count();
        assert_eq!(lines, RULES_MAX);
        assert_eq!(log.note(rule(20 * RULES_MAX), at(61)), Some(1), "the next minute has room again");
        assert_eq!(log.quiet.lock().unwrap().len(), 1);
    }
}
