//! What holds a lane back: ordering keys, limits, pauses.

use std::collections::BTreeMap;
use std::time::Duration;

use tenterhook_model::{DeliveryId, limits};

use super::{Verdict, connecting, ensure};
use crate::sim::chance::SimClock;
use crate::sim::history::{History, Life, Order, OrderKind, Seen};
use crate::sim::nodes::GRANT;

pub(super) fn ordered_key_keeps_order(history: &History) -> Verdict {
    // Deliveries by webhook and key, in the order of publication.
    let mut lines: BTreeMap<_, Vec<DeliveryId>> = BTreeMap::new();
    for change in history.journal.iter().filter(|change| change.previous.is_none()) {
        let delivery = &change.delivery;
        if !delivery.ordering_key.is_empty() {
            lines.entry((delivery.webhook_id, delivery.ordering_key.clone())).or_default().push(delivery.id);
        }
    }
    for seen in &history.seen {
        let key = &history.deliveries[&seen.delivery].ordering_key;
        let Some(line) = lines.get(&(history.webhooks[seen.hook].id, key.clone())) else { continue };
        let before = line.iter().take_while(|id| **id != seen.delivery);
        // One that was retried by hand comes again out of its place.
        for earlier in before.filter(|id| !history.was_redriven(**id)) {
            let open = history.at(*earlier, seen.journal).is_none_or(|known| !known.state.is_final());
            ensure(!open, || format!("{} overtook {earlier} of the key {key}", seen.delivery))?;
        }
    }
    Ok(())
}

/// The most requests that were under way at once.
fn most_at_once<'a>(seen: impl Iterator<Item = &'a Seen>) -> i64 {
    // At one time an end comes before a beginning.
    let mut edges: Vec<(Duration, i64)> = seen.flat_map(|seen| [(seen.from, 1), (seen.until, -1)]).collect();
    edges.sort_unstable();
    let mut under_way = 0;
    edges
        .into_iter()
        .map(|(_, edge)| {
            under_way += edge;
            under_way
        })
        .max()
        .unwrap_or(0)
}

pub(super) fn in_flight_within_limit(history: &History) -> Verdict {
    for (number, hook) in history.plan.hooks.iter().enumerate() {
        let limit = hook.spec.rate_limit.max_in_flight.map_or(limits::IN_FLIGHT_PER_WEBHOOK as i64, i64::from);
        let most = most_at_once(history.seen.iter().filter(|seen| seen.hook == number));
        ensure(most <= limit, || format!("receiver {number} had {most} requests under way, {limit} are allowed"))?;
    }
    let all = history.plan.max_in_flight * (1 + history.plan.nodes);
    let (most, limit) = (most_at_once(history.seen.iter()), all as i64);
    ensure(most <= limit, || format!("{most} requests were under way, {limit} are allowed"))
}

pub(super) fn rate_within_limit(history: &History) -> Verdict {
    if history.jumped_back + history.jumped_forward > 0 {
        return Ok(());
    }
    for (number, hook) in history.plan.hooks.iter().enumerate() {
        let Some(rate) = hook.spec.rate_limit.requests_per_second else { continue };
        let burst = hook.spec.rate_limit.burst.map_or(rate.ceil(), f64::from).max(1.0);
        // What a process has sent counts after it too, unless its last outcomes were lost. A
        // request that is sent again on a new connection is the same one.
        let losses = |life: usize| history.lives[..life].iter().filter(|life| life.lost_outcomes()).count();
        let mut sent: BTreeMap<(usize, DeliveryId, u32), Duration> = BTreeMap::new();
        for seen in history.seen.iter().filter(|seen| seen.hook == number) {
            sent.entry((losses(seen.life), seen.delivery, seen.attempt)).or_insert(seen.from);
        }
        for losses in 0..=losses(history.lives.len()) {
            let mut times: Vec<Duration> =
                sent.iter().filter(|((after, ..), _)| *after == losses).map(|(_, from)| *from).collect();
            times.sort_unstable();
            ensure(keeps_rate(&times, rate, burst, connecting(hook)), || {
                format!("receiver {number}: {times:?} is over {rate}/s")
            })?;
        }
    }
    Ok(())
}

/// Whether in any span of time no more was sent than the burst and the rate allow, when what was sent
/// may be up to so long on its way.
fn keeps_rate(times: &[Duration], rate: f64, burst: f64, way: Duration) -> bool {
    (0..times.len()).all(|first| {
        (first..times.len()).all(|last| {
            let span = (times[last] - times[first] + way).as_secs_f64();
            // Whole nanoseconds make it inexact.
            (last - first + 1) as f64 <= burst + span * rate + 1e-3
        })
    })
}

/// How long a delivery to a healthy receiver may wait while the receivers of another namespace hang.
const PROMPT: Duration = Duration::from_secs(2);

pub(super) fn healthy_namespace_is_served_while_another_hangs(history: &History) -> Verdict {
    let Some(crowd) = &history.plan.crowd else { return Ok(()) };
    // Deliveries are dated by the wall clock, and a disk that fails holds up everything.
    if history.jumped_back + history.jumped_forward > 0 || history.failed_commits > 0 {
        return Ok(());
    }
    let steady = history.webhooks[crowd.steady].id;
    for delivery in history.deliveries.values().filter(|delivery| delivery.webhook_id == steady) {
        let touched =
            |order: &Order| matches!(order.kind, OrderKind::Cancel(id) | OrderKind::Redrive(id) if id == delivery.id);
        if history.orders.iter().any(touched) {
            continue;
        }
        let made = delivery.create_time.since(SimClock::begin());
        let seen =
            history.seen.iter().find(|seen| seen.delivery == delivery.id).map_or(Duration::MAX, |seen| seen.from);
        // A server that stops begins nothing, and one that is gone neither.
        let stops = |life: &Life| life.until + PROMPT >= made && life.until.saturating_sub(history.plan.grace) <= seen;
        let stopped = history.lives[..history.lives.len() - 1].iter().any(stops);
        ensure(stopped || seen <= made + PROMPT, || {
            format!("{} to the healthy receiver was made at {made:?} and sent at {seen:?}", delivery.id)
        })?;
    }
    Ok(())
}

pub(super) fn halted_webhook_gets_nothing(history: &History) -> Verdict {
    // What is on its way to another node while the link stalls is sent within a grant, or not at all.
    let on_its_way = if history.cut_off > 0 { GRANT } else { Duration::ZERO };
    for (place, order) in history.orders.iter().enumerate() {
        let OrderKind::Pause(hook) = order.kind else { continue };
        let resumed = history.orders[place..].iter().find(|later| later.kind == OrderKind::Resume(hook));
        let until = resumed.map_or(Duration::MAX, |later| later.called);
        let from = order.answered + on_its_way + connecting(&history.plan.hooks[hook]);
        let sent = |seen: &&Seen| seen.hook == hook && seen.from > from && seen.from < until;
        let wrong = history.seen.iter().find(sent);
        ensure(wrong.is_none(), || format!("receiver {hook} was paused at {:?}: {wrong:?}", order.answered))?;
    }
    Ok(())
}
