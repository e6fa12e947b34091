//! What a person asks for is sent now, and not when a breaker would next try.

use std::time::Duration;

use tenterhook_model::DeliveryId;

use super::{Verdict, ensure};
use crate::sim::history::{History, Order, OrderKind};
use crate::sim::plan::Hook;

/// How long it may take: what is in flight when the person asks ends first, and it goes alone.
const PROMPT: Duration = Duration::from_secs(6);
/// Slots with which no other webhook is in the way.
const SLOTS: usize = 8;

pub(super) fn what_is_retried_by_hand_is_sent_now(history: &History) -> Verdict {
    // A disk or a proxy that fails holds up everything, and so may a crowd; a clock that is set moves times.
    let fails = history.failed_commits + history.net.failed_proxies > 0;
    let disturbed = history.jumped_back + history.jumped_forward > 0 || fails;
    if disturbed || history.plan.crowd.is_some() || history.plan.max_in_flight < SLOTS {
        return Ok(());
    }
    for order in &history.orders {
        let OrderKind::Redrive(id) = order.kind else { continue };
        let hook = history.hook_of(history.deliveries[&id].webhook_id);
        if is_free(&history.plan.hooks[hook]) && !is_held(history, hook, id, order) {
            let limit = order.answered + PROMPT;
            let sent =
                history.seen.iter().any(|seen| seen.delivery == id && (order.called..=limit).contains(&seen.from));
            ensure(sent, || format!("{id} was retried at {:?} and not sent by {limit:?}", order.called))?;
        }
    }
    Ok(())
}

/// Whether nothing but its breaker holds a webhook back, as far as its plan goes.
fn is_free(hook: &Hook) -> bool {
    let stops = hook.temper.gone > 0 || hook.spec.circuit_breaker.suspend_after != Some(Duration::ZERO);
    // A request that was not processed, and a connection that was closed before it, make a lane pause; without a token
    // nothing is sent.
    let pauses = hook.temper.reset > 0 || hook.temper.refuse > 0 || hook.spec.authentication.is_some();
    let waits = hook.spec.rate_limit.requests_per_second.is_some() || hook.spec.retry.max_age.is_some();
    !stops && !pauses && !waits
}

/// Whether something else than the breaker may hold the delivery back, or the receiver may not have
/// been reached: its template, its order, its expiry, another order of a person, the end of a process.
fn is_held(history: &History, hook: usize, id: DeliveryId, order: &Order) -> bool {
    let delivery = &history.deliveries[&id];
    let event = &history.events[&delivery.event_id];
    let until = order.answered + PROMPT;
    let other = |other: &Order| match other.kind {
        OrderKind::Pause(paused) => paused == hook,
        OrderKind::Cancel(cancelled) => cancelled == id,
        OrderKind::Resume(_) | OrderKind::Redrive(_) | OrderKind::Ask(_) => false,
    };
    let ends = history
        .lives
        .iter()
        .any(|life| life.until + PROMPT >= order.called && life.until <= until + history.plan.grace);
    let may_not_render = history.plan.hooks[hook].spec.request.body.contains("divisor");
    may_not_render
        || !delivery.ordering_key.is_empty()
        || event.expire_time.is_some()
        || ends
        || history.orders.iter().any(other)
}
