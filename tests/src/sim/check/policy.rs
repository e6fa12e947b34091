//! What the event and the webhook ask for: not before a time, never after an answer for good.

use std::time::Duration;

use tenterhook_model::{Attempt, Outcome, Timestamp};

use super::{Verdict, attempts_of, end, ensure, slack};
use crate::sim::chance::SimClock;
use crate::sim::history::{History, OrderKind};

/// The status that says that a receiver is gone.
const GONE: u16 = 410;
/// Of the time between two attempts no more than this part of the time to the suspension counts.
const GAPS_TO_SUSPEND: u32 = 5;

pub(super) fn deliver_after_is_kept(history: &History) -> Verdict {
    for seen in history.seen.iter().filter(|seen| !history.was_redriven(seen.delivery)) {
        let event = &history.events[&history.deliveries[&seen.delivery].event_id];
        let early = event.deliver_after.is_some_and(|time| seen.clock.after(slack(history)) < time);
        ensure(!early, || format!("{} was sent at {:?}: {:?}", seen.delivery, seen.clock, event.deliver_after))?;
    }
    Ok(())
}

/// The status of an answer that came whole and was no success.
fn refusal(attempt: &Attempt) -> Option<u16> {
    let response = attempt.response.as_ref().filter(|_| attempt.outcome == Outcome::HttpStatus);
    response.map(|response| response.status)
}

pub(super) fn permanent_answer_is_the_last(history: &History) -> Verdict {
    for (id, attempts) in history.attempts.iter().filter(|(id, _)| !history.was_redriven(**id)) {
        let hook = history.hook_of(history.deliveries[id].webhook_id);
        let permanent = &history.plan.hooks[hook].spec.retry.permanent_statuses;
        let for_good = |status: u16| status == GONE || permanent.contains(&status);
        let last = attempts.last().map_or(0, |attempt| attempt.number);
        let wrong = attempts.iter().find(|attempt| attempt.number < last && refusal(attempt).is_some_and(for_good));
        ensure(wrong.is_none(), || format!("{id} was sent again after {wrong:?}"))?;
    }
    Ok(())
}

pub(super) fn gone_stops_the_webhook_until_it_is_resumed(history: &History) -> Verdict {
    // Orders are told by the time since the beginning, attempts by the wall clock.
    if history.jumped_back + history.jumped_forward > 0 {
        return Ok(());
    }
    for hook in 0..history.webhooks.len() {
        for (id, gone) in attempts_of(history, hook).filter(|(_, attempt)| refusal(attempt) == Some(GONE)) {
            let resumes = history.orders.iter().filter(|order| order.kind == OrderKind::Resume(hook));
            let resumed = resumes.map(|order| SimClock::begin().after(order.called)).find(|time| *time >= end(gone));
            let until = resumed.unwrap_or(Timestamp::MAX);
            let begun =
                |attempt: &Attempt| attempt.start_time > end(gone).after(slack(history)) && attempt.start_time < until;
            let wrong = attempts_of(history, hook).find(|(_, attempt)| begun(attempt));
            ensure(wrong.is_none(), || format!("receiver {hook} was gone for {id} and was sent {wrong:?}"))?;
        }
    }
    Ok(())
}

pub(super) fn nothing_but_failures_stop_the_webhook(history: &History) -> Verdict {
    // Orders are told by the time since the beginning, attempts by the wall clock.
    if history.jumped_back + history.jumped_forward > 0 {
        return Ok(());
    }
    for (hook, planned) in history.plan.hooks.iter().enumerate() {
        let patience = planned.spec.circuit_breaker.suspend_after.filter(|time| !time.is_zero());
        let Some(patience) = patience else { continue };
        let resumes: Vec<_> = history
            .orders
            .iter()
            .filter(|order| order.kind == OrderKind::Resume(hook))
            .map(|order| (SimClock::begin().after(order.called), SimClock::begin().after(order.answered)))
            .collect();
        let mut trials: Vec<_> = attempts_of(history, hook)
            .filter(|(_, attempt)| attempt.outcome != Outcome::Interrupted)
            .map(|(_, attempt)| (end(attempt), attempt.outcome))
            .collect();
        // Of those that ended in the same instant any may have been recorded first, a success too.
        trials.sort_unstable_by_key(|(end, outcome)| (*end, *outcome != Outcome::Success));
        let (mut since, mut last, mut counted) = (None, Timestamp::MIN, Duration::ZERO);
        for (ended, outcome) in trials {
            // A webhook that is resumed begins with a clean health.
            let is_clean = since.is_some_and(|since| resumes.iter().any(|(_, at)| (since..=ended).contains(at)));
            if outcome == Outcome::Success || is_clean {
                (since, counted) = (None, Duration::ZERO);
            }
            if outcome == Outcome::Success {
                continue;
            }
            // Of one gap no more than a part counts.
            counted += since.map_or(Duration::ZERO, |_| ended.since(last)).min(patience / GAPS_TO_SUSPEND);
            since.get_or_insert(ended);
            last = ended;
            if counted < patience + slack(history) {
                continue;
            }
            let resumed = resumes.iter().map(|(called, _)| *called).find(|time| *time >= ended);
            let until = resumed.unwrap_or(Timestamp::MAX);
            let begun =
                |attempt: &Attempt| attempt.start_time > ended.after(slack(history)) && attempt.start_time < until;
            let wrong = attempts_of(history, hook).find(|(_, attempt)| begun(attempt));
            ensure(wrong.is_none(), || {
                format!("receiver {hook} failed from {since:?} to {ended:?} and was sent {wrong:?}")
            })?;
        }
    }
    Ok(())
}
