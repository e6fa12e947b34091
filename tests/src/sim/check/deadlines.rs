//! Deliveries that run out of time end, whatever holds them back.

use std::time::Duration;

use tenterhook_model::{Delivery, Timestamp};

use super::{Verdict, end, ensure};
use crate::sim::history::{End, History};

/// How late a delivery may end: by a second when it was under way, and by the steps of many.
const LATE: Duration = Duration::from_secs(3);

pub(super) fn what_runs_out_of_time_ends_then(history: &History) -> Verdict {
    // A clock that was set is noticed within half a minute, a disk that fails is asked again.
    if history.jumped_back + history.jumped_forward > 0 || history.failed_commits > 0 {
        return Ok(());
    }
    for delivery in history.deliveries.values().filter(|delivery| !history.was_redriven(delivery.id)) {
        let Some(deadline) = deadline(history, delivery) else { continue };
        let attempts = &history.attempts[&delivery.id];
        // An attempt under way is finished, and a server that stops lets it be so for its grace.
        let busy = attempts.iter().map(end).max().unwrap_or(Timestamp::MIN);
        let grace =
            if history.lives.iter().any(|life| life.end != End::Crash) { history.plan.grace } else { Duration::ZERO };
        let latest = deadline.max(busy).max(delivery.create_time).after(LATE + grace);
        let finished = delivery.finish_time.unwrap_or(Timestamp::MAX);
        ensure(finished <= latest, || format!("{} had until {deadline:?} and ended at {finished:?}", delivery.id))?;
    }
    Ok(())
}

/// When the delivery runs out of time.
fn deadline(history: &History, delivery: &Delivery) -> Option<Timestamp> {
    let retry = &history.plan.hooks[history.hook_of(delivery.webhook_id)].spec.retry;
    // The age of one that waits for its turn counts from its turn.
    let age = retry.max_age.filter(|_| delivery.ordering_key.is_empty());
    let by_age = age.map(|age| delivery.create_time.after(age));
    history.events[&delivery.event_id].expire_time.into_iter().chain(by_age).min()
}
