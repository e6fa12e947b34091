//! When a delivery is tried again, and how often.

use std::time::Duration;

use tenterhook_model::webhook::{Backoff, RetryPolicy};
use tenterhook_model::{Attempt, Delivery, Outcome, Timestamp};

use super::{Verdict, attempts_of, end, ensure, slack};
use crate::sim::chance::SimClock;
use crate::sim::history::History;

/// The longest that a receiver can put the next attempt off.
const DAY: Duration = Duration::from_secs(24 * 3_600);

pub(super) fn attempts_are_numbered_without_gaps(history: &History) -> Verdict {
    for (id, attempts) in &history.attempts {
        let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
        let expected: Vec<u32> = (1..=history.deliveries[id].attempt_count).collect();
        ensure(numbers == expected, || format!("{id} has the attempts {numbers:?} and counts {}", expected.len()))?;
    }
    for seen in &history.seen {
        let count = history.deliveries[&seen.delivery].attempt_count;
        // What was under way at a crash is not recorded, and not repeated if somebody cancelled it.
        let lost = seen.attempt == count + 1 && history.crashed_between(seen.from, Duration::MAX);
        ensure(seen.attempt <= count || lost, || format!("{} was sent as {} of {count}", seen.delivery, seen.attempt))?;
    }
    Ok(())
}

/// An attempt, the delivery after it, when that was recorded, and the attempt after it.
struct Step<'a> {
    attempt: &'a Attempt,
    after: &'a Delivery,
    counted: bool,
    recorded: Timestamp,
    next: Option<&'a Attempt>,
}

/// Every attempt that was followed by the wish for another, of deliveries that nobody meddled with.
fn steps(history: &History) -> impl Iterator<Item = Step<'_>> {
    let untouched = history.attempts.iter().filter(|(id, _)| !history.was_redriven(**id));
    untouched.flat_map(move |(id, attempts)| {
        attempts.iter().enumerate().filter_map(move |(place, attempt)| {
            let change = history.changes(*id).find(|change| change.delivery.attempt_count == attempt.number)?;
            let before = history.changes(*id).take_while(|earlier| earlier.sequence < change.sequence).last()?;
            change.delivery.next_attempt_time?;
            Some(Step {
                attempt,
                after: &change.delivery,
                counted: before.delivery.attempts_uncounted == change.delivery.attempts_uncounted,
                recorded: change.time,
                next: attempts.get(place + 1),
            })
        })
    })
}

/// The wait of the policy after so many attempts that count, without jitter.
fn wait(retry: &RetryPolicy, attempts: u32) -> Duration {
    match retry.backoff.as_ref().expect("a plan names the backoff") {
        Backoff::Schedule(waits) => waits[(attempts as usize - 1).min(waits.len() - 1)],
        Backoff::Exponential { initial, max, multiplier } => {
            let wait = initial.mul_f64(multiplier.powi(attempts as i32 - 1));
            max.map_or(wait, |max| wait.min(max))
        }
    }
}

/// How long the receiver asked to be left alone; zero when it did not.
pub(super) fn asked(attempt: &Attempt) -> Duration {
    let is_whole = attempt.outcome == Outcome::HttpStatus;
    let response = attempt.response.as_ref().filter(|response| is_whole && response.status >= 400);
    let value = response.and_then(|response| response.header("retry-after"));
    value.map_or(Duration::ZERO, |seconds| Duration::from_secs(seconds.parse().expect("receivers send seconds")))
}

pub(super) fn retry_not_before_schedule(history: &History) -> Verdict {
    for step in steps(history) {
        let due = step.after.next_attempt_time.expect("only such steps are looked at");
        let early = step.next.filter(|next| next.start_time.after(slack(history)) < due);
        ensure(early.is_none(), || format!("{} was due at {due:?} and began {early:?}", step.after.id))?;
        if !step.counted {
            continue;
        }
        let retry = &history.plan.hooks[history.hook_of(step.after.webhook_id)].spec.retry;
        let jitter = retry.jitter.expect("a plan names the jitter");
        let base = wait(retry, step.after.attempts_of_policy());
        let earliest = end(step.attempt).after(base.mul_f64(1.0 - jitter));
        let latest = step.recorded.after(base.mul_f64(1.0 + jitter).max(asked(step.attempt)));
        let within = due.after(slack(history)) >= earliest && due <= latest.after(slack(history));
        ensure(within, || {
            format!("{} is due at {due:?}, not between {earliest:?} and {latest:?}: {:?}", step.after.id, step.attempt)
        })?;
    }
    Ok(())
}

pub(super) fn retry_after_is_honoured_within_cap(history: &History) -> Verdict {
    for step in steps(history) {
        let due = step.after.next_attempt_time.expect("only such steps are looked at");
        let earliest = end(step.attempt).after(asked(step.attempt).min(DAY));
        ensure(due.after(slack(history)) >= earliest, || format!("{} is due too early: {due:?}", step.after.id))?;
    }
    Ok(())
}

pub(super) fn retry_after_holds_back_the_receiver(history: &History) -> Verdict {
    // The wall clock measures the wait.
    if history.jumped_back + history.jumped_forward > 0 {
        return Ok(());
    }
    for hook in 0..history.webhooks.len() {
        for (id, busy) in attempts_of(history, hook).filter(|(_, attempt)| !asked(attempt).is_zero()) {
            let (from, until) = (end(busy).after(slack(history)), end(busy).after(asked(busy).min(DAY)));
            // What a person asks for goes at once; how many go after that is the breaker's to say.
            let asked = history.asked(hook).map(|order| SimClock::begin().after(order.called));
            let until = asked.filter(|time| time.after(slack(history)) >= end(busy)).fold(until, Timestamp::min);
            let early = |attempt: &Attempt| attempt.start_time > from && attempt.start_time < until;
            let wrong = attempts_of(history, hook).find(|(_, attempt)| early(attempt));
            ensure(wrong.is_none(), || format!("receiver {hook} asked for {until:?} by {id} and was sent {wrong:?}"))?;
        }
    }
    Ok(())
}

pub(super) fn probe_uses_up_no_attempt(history: &History) -> Verdict {
    for change in &history.journal {
        let delivery = &change.delivery;
        let most = history.plan.hooks[history.hook_of(delivery.webhook_id)].spec.retry.max_attempts;
        let within = most.is_none_or(|most| delivery.attempts_of_policy() <= most);
        ensure(within, || format!("{} used {} attempts of {most:?}", delivery.id, delivery.attempts_of_policy()))?;
        let is_waiting = delivery.next_attempt_time.is_some() && !history.was_redriven(delivery.id);
        let used_up = most.is_some_and(|most| delivery.attempts_of_policy() == most);
        ensure(!(is_waiting && used_up), || format!("{} waits with no attempt left", delivery.id))?;
    }
    Ok(())
}
