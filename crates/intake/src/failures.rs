//! Rules that cannot be evaluated: one log line per rule and minute, however many events.
//!
//! A condition over an attribute that some objects lack is ordinary, and it fails for each
//! such object. What a tenant's rules and events make the server log is therefore bounded;
//! the metric `tenterhook.rule.errors` counts every failure, and the webhook's warnings show the
//! last one to its owner.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenterhook_model::{Timestamp, WebhookId};

/// How long a rule is quiet after a line about it.
const QUIET: Duration = Duration::from_secs(60);
/// Rules that have had a line within the last [`QUIET`], at most; about more nothing is logged.
const RULES_MAX: usize = 1_024;

/// Bytes of a reason that are kept: with what stands around it, a warning is a sentence.
const ERROR_BYTES: usize = 200;

/// A rule: its webhook, and its position among the webhook's rules.
type RuleId = (WebhookId, usize);

/// The last time that a rule could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFailure {
    /// Its position among the webhook's rules.
    pub rule: usize,
    /// When it was.
    pub time: Timestamp,
    /// Why it was, or why an earlier failure of the same minute was.
    pub error: String,
}

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
    /// When it last failed.
    last: Timestamp,
    /// Why it failed when it was logged.
    error: String,
}

impl FailureLog {
    /// Notes a failure of `rule` at `now`, for the reason `error`. Returns the number of failures to log, this one and
    /// those since the last line, if a line is due.
    pub(crate) fn note(&self, rule: RuleId, now: Timestamp, error: &str) -> Option<u64> {
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if quiet.len() >= RULES_MAX && !quiet.contains_key(&rule) {
            quiet.retain(|_, entry| entry.holds(now));
            if quiet.len() >= RULES_MAX {
                return None;
            }
        }
        debug_assert!(quiet.len() <= RULES_MAX, "{} rules are kept of at most {RULES_MAX}", quiet.len());
        let logged = || Quiet { since: now, failures: 0, last: now, error: shortened(error) };
        match quiet.entry(rule) {
            Entry::Vacant(entry) => {
                entry.insert(logged());
                Some(1)
            }
            Entry::Occupied(mut entry) if entry.get().holds(now) => {
                entry.get_mut().failures += 1;
                entry.get_mut().last = now;
                None
            }
            Entry::Occupied(mut entry) => {
                let before = entry.insert(logged());
                Some(before.failures + 1)
            }
        }
    }

    /// The last failure of each of a webhook's `rules` since `since`, as far as it is still known.
    pub(crate) fn of(&self, webhook: WebhookId, rules: usize, since: Timestamp) -> Vec<RuleFailure> {
        let quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (0..rules).filter_map(|rule| {
            let entry = quiet.get(&(webhook, rule)).filter(|entry| entry.last >= since)?;
            Some(RuleFailure { rule, time: entry.last, error: entry.error.clone() })
        });
        known.collect()
    }
}

/// The beginning of an error, which may name what a tenant has written.
fn shortened(error: &str) -> String {
    error[..error.floor_char_boundary(ERROR_BYTES)].to_owned()
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
        assert_eq!(log.note(rule(0), at(0), "why"), Some(1));
        for second in 1..60 {
            assert_eq!(log.note(rule(0), at(second), "why"), None);
        }
        assert_eq!(log.note(rule(0), at(60), "why"), Some(60));
        assert_eq!(log.note(rule(0), at(500), "why"), Some(1));
    }

    #[test]
    fn the_last_failure_of_a_rule_is_known_until_the_webhook_changes() {
        let log = FailureLog::default();
        log.note(rule(1), at(100), "conditions: `a.b` is not there");
        log.note(rule(1), at(130), "conditions: another");
        let webhook = rule(1).0;
        let known = log.of(webhook, 3, at(90));
        let error = "conditions: `a.b` is not there".to_owned();
        assert_eq!(known, [RuleFailure { rule: 1, time: at(130), error }]);
        assert!(log.of(webhook, 3, at(131)).is_empty(), "it is another rule since");
        assert!(log.of(webhook, 1, at(0)).is_empty(), "the rule is gone");
        log.note(rule(2), at(100), &"é".repeat(10_000));
        assert!(log.of(webhook, 3, at(90))[1].error.len() <= ERROR_BYTES);
    }

    #[test]
    fn what_no_line_has_shown_is_kept_while_there_is_room() {
        let log = FailureLog::default();
        log.note(rule(0), at(0), "why");
        log.note(rule(0), at(1), "why");
        log.note(rule(1), at(100), "why");
        assert_eq!(log.note(rule(0), at(100), "why"), Some(2), "the line tells of second 1 too");
    }

    #[test]
    fn each_rule_has_a_line_of_its_own() {
        let log = FailureLog::default();
        assert_eq!(log.note(rule(0), at(0), "why"), Some(1));
        assert_eq!(log.note(rule(1), at(0), "why"), Some(1));
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nothing() {
        let log = FailureLog::default();
        assert_eq!(log.note(rule(0), at(1_000), "why"), Some(1));
        assert_eq!(log.note(rule(0), at(10), "why"), Some(1));
    }

    #[test]
    fn memory_and_lines_are_bounded_whatever_fails() {
        let log = FailureLog::default();
        let lines = (0..10 * RULES_MAX).filter(|number| log.note(rule(*number), at(0), "why").is_some()).count();
        assert_eq!(lines, RULES_MAX);
        assert_eq!(log.note(rule(20 * RULES_MAX), at(61), "why"), Some(1), "the next minute has room again");
        assert_eq!(log.quiet.lock().unwrap().len(), 1);
    }
}
