//! How deliveries end: once, for a reason, and nothing comes after.

use tenterhook_model::{Delivery, DeliveryState, Outcome, Timestamp};

use super::{Verdict, connecting, ensure, slack};
use crate::sim::history::{Answer, History, OrderKind};
use crate::sim::plan::CALM;

pub(super) fn delivery_ends_once(history: &History) -> Verdict {
    for id in history.deliveries.keys() {
        let ways: Vec<_> = history.changes(*id).map(|change| (change.previous, change.delivery.state)).collect();
        let is_final = |state: &Option<DeliveryState>| state.is_some_and(DeliveryState::is_final);
        let reopened = ways.iter().filter(|(from, to)| is_final(from) && !to.is_final()).count();
        let ended = ways.iter().filter(|(from, to)| !is_final(from) && to.is_final()).count();
        let redriven = history.orders.iter().filter(|order| order.kind == OrderKind::Redrive(*id)).count();
        ensure(reopened <= redriven, || {
            format!("{id} was reopened {reopened} times and retried {redriven}: {ways:?}")
        })?;
        ensure(ended <= 1 + reopened, || format!("{id} ended {ended} times: {ways:?}"))?;
        let odd = ways.iter().find(|(from, to)| is_final(from) && to.is_final() && *from != Some(*to));
        ensure(odd.is_none(), || format!("{id} went from one end to another: {odd:?}"))?;
    }
    Ok(())
}

/// Whether the last answer of the delivery was one that ends it at once.
fn was_refused_for_good(delivery: &Delivery) -> bool {
    let response = delivery.last_attempt.as_ref().and_then(|attempt| attempt.response.as_ref());
    response.is_some_and(|response| matches!(response.status, 410 | 422))
}

pub(super) fn failed_delivery_has_a_reason(history: &History) -> Verdict {
    let failed = history.deliveries.values().filter(|delivery| delivery.state == DeliveryState::Failed);
    for delivery in failed {
        let retry = &history.plan.hooks[history.hook_of(delivery.webhook_id)].spec.retry;
        let used_up = retry.max_attempts.is_some_and(|most| delivery.attempts_of_policy() >= most);
        let may_expire = history.events[&delivery.event_id].expire_time.is_some() || retry.max_age.is_some();
        ensure(used_up || may_expire || was_refused_for_good(delivery), || format!("{delivery:?} failed too early"))?;
    }
    Ok(())
}

pub(super) fn no_attempt_after_end(history: &History) -> Verdict {
    for seen in &history.seen {
        let Some(known) = history.at(seen.delivery, seen.journal) else {
            return Err(format!("{} was sent before it was stored", seen.delivery));
        };
        // What was on its way at the very moment of a cancel may still arrive.
        let way = connecting(&history.plan.hooks[seen.hook]);
        let over = known.finish_time.is_some_and(|end| end.after(way) < seen.clock);
        ensure(!over, || format!("{} was sent at {:?} after it ended: {known:?}", seen.delivery, seen.clock))?;
    }
    Ok(())
}

pub(super) fn no_attempt_after_expiry(history: &History) -> Verdict {
    for (id, attempts) in &history.attempts {
        let expiry = history.events[&history.deliveries[id].event_id].expire_time.unwrap_or(Timestamp::MAX);
        let late = attempts.iter().find(|attempt| attempt.start_time >= expiry.after(slack(history)));
        ensure(late.is_none(), || format!("{id} expired at {expiry:?} and was sent again: {late:?}"))?;
    }
    Ok(())
}

pub(super) fn healthy_endpoint_gets_all_after_faults_stop(history: &History) -> Verdict {
    for delivery in history.deliveries.values() {
        ensure(delivery.state.is_final(), || format!("{delivery:?} is still open at the end"))?;
        if delivery.state == DeliveryState::Succeeded {
            let accepted = history.seen.iter().any(|seen| {
                let accepts = matches!(seen.answer, Answer::Status(200..300) | Answer::Slow(200..300));
                seen.delivery == delivery.id && seen.attempt == delivery.attempt_count && accepts
            });
            ensure(accepted, || format!("{} succeeded, and its receiver knows nothing of it", delivery.id))?;
        }
        let spoiled = delivery.last_attempt.as_ref().filter(|attempt| {
            let begun = attempt.start_time > calm(history) && delivery.state == DeliveryState::Failed;
            begun && !matches!(attempt.outcome, Outcome::Render)
        });
        ensure(spoiled.is_none(), || format!("{} failed at a healthy receiver: {spoiled:?}", delivery.id))?;
    }
    Ok(())
}

/// The end of all faults by the wall clock, at the latest.
fn calm(history: &History) -> Timestamp {
    crate::sim::chance::SimClock::begin().after(CALM).after(slack(history))
}
