//! The circuit breaker: after so many failures in a row, nothing but single probes.

use std::time::Duration;

use tenterhook_model::webhook::BreakerPolicy;
use tenterhook_model::{Attempt, Outcome, Timestamp};

use super::retry::asked;
use super::{Verdict, attempts_of, end, ensure};
use crate::sim::chance::SimClock;
use crate::sim::history::History;

/// Whether the attempt says that the receiver fails; one that asks for a time does not.
fn is_failure(attempt: &Attempt) -> bool {
    let failed = !matches!(attempt.outcome, Outcome::Success | Outcome::Render | Outcome::Interrupted);
    failed && asked(attempt).is_zero()
}

pub(super) fn breaker_open_means_no_attempt(history: &History) -> Verdict {
    if history.jumped_back + history.jumped_forward > 0 {
        return Ok(());
    }
    for hook in 0..history.plan.hooks.len() {
        let mut attempts: Vec<&Attempt> = attempts_of(history, hook).map(|(_, attempt)| attempt).collect();
        attempts.sort_by_key(|attempt| end(attempt));
        let resets = resets(history, hook);
        for attempt in &attempts {
            let earliest = earliest(history, hook, &attempts, &resets, attempt);
            ensure(attempt.start_time >= earliest, || {
                format!("receiver {hook} was to be left alone until {earliest:?}: {attempt:?}")
            })?;
        }
    }
    Ok(())
}

/// When the breaker of a webhook may have let one through, whatever failed before: when a person
/// asked, and after a crash, by which the last outcomes before it may be forgotten.
fn resets(history: &History, hook: usize) -> Vec<Timestamp> {
    let crashes = history.lives.iter().filter(|life| life.lost_outcomes()).map(|life| life.until);
    let asked = history.asked(hook).flat_map(|order| [order.called, order.answered]);
    crashes.chain(asked).map(|time| SimClock::begin().after(time)).collect()
}

/// When, by the failures that had ended before the attempt began, the receiver might be asked
/// again.
fn earliest(history: &History, hook: usize, attempts: &[&Attempt], resets: &[Timestamp], begun: &Attempt) -> Timestamp {
    let now = begun.start_time;
    let policy = &history.plan.hooks[hook].spec.circuit_breaker;
    let ended = || attempts.iter().filter(|attempt| end(attempt) < now);
    // One that succeeded at the very moment may be what let this one through.
    let others = attempts.iter().filter(|attempt| end(attempt) <= now && !std::ptr::eq(**attempt, begun));
    let success = others.filter(|attempt| attempt.outcome == Outcome::Success).map(|attempt| end(attempt)).max();
    let success = success.unwrap_or(Timestamp::MIN);
    // What came before a reset may count or not: a crash need not have lost it.
    let resets = resets.iter().filter(|reset| (success..=now).contains(*reset)).copied();
    let since = |from: Timestamp| {
        let failed = ended().copied().filter(|attempt| is_failure(attempt) && end(attempt) >= from);
        let run: Vec<&Attempt> = failed.collect();
        // Of the failures at the very moment of the success nobody knows how many came after it.
        let at_once = run.iter().filter(|attempt| end(attempt) == from).count();
        (0..=at_once).map(|first| next_probe(policy, &run[first..])).min().unwrap_or(Timestamp::MIN)
    };
    resets.chain([success]).map(since).min().unwrap_or(Timestamp::MIN)
}

/// When the receiver may be asked again after these failures in a row, by the order of their ends.
fn next_probe(policy: &BreakerPolicy, run: &[&Attempt]) -> Timestamp {
    let (initial, longest) = (policy.initial_open.expect("planned"), policy.max_open.expect("planned"));
    let opens = policy.failures_to_open.expect("planned") as usize;
    if run.len() < opens {
        return Timestamp::MIN;
    }
    let opened = end(run[opens - 1]);
    let probes = run.iter().filter(|attempt| attempt.start_time > opened);
    let mut earliest = opened.after(initial);
    for (number, probe) in probes.enumerate() {
        let doubled = initial.saturating_mul(2u32.saturating_pow(number as u32 + 1));
        earliest = end(probe).after(doubled.clamp(Duration::ZERO, longest.max(initial)));
    }
    earliest
}
