//! What reaches a receiver: signed, and twice only when it cannot be helped.

use std::collections::BTreeMap;

use tenterhook_engine::signature::{Received, verify};
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{Outcome, TriedResult};

use super::{Verdict, connecting, ensure};
use crate::sim::history::{Answer, End, History, Seen};
use crate::sim::plan::SIGNING_SECRET;

pub(super) fn signature_verifies_at_receiver(history: &History) -> Verdict {
    for seen in &history.seen {
        let headers: Vec<_> = seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for scheme in [SignatureScheme::NetBox, SignatureScheme::StandardWebhooks] {
            let received = Received { headers: &headers, body: &seen.body, now: seen.clock };
            let verdict = verify(scheme, &[&SIGNING_SECRET], received);
            ensure(verdict.is_ok(), || format!("{scheme:?} of {}: {verdict:?}", seen.delivery))?;
        }
        let id = seen.headers.iter().find(|(name, _)| name == "webhook-id").map(|(_, value)| value.as_str());
        let event = history.deliveries[&seen.delivery].event_id.as_str();
        ensure(id == Some(event), || format!("{} carries the id {id:?} of the event {event}", seen.delivery))?;
    }
    Ok(())
}

pub(super) fn no_request_goes_round_the_proxy(history: &History) -> Verdict {
    let count = history.net.round_the_proxy;
    ensure(count == 0, || format!("{count} connections went round the proxy"))
}

pub(super) fn requests_carry_the_token_that_is_asked_for(history: &History) -> Verdict {
    for seen in &history.seen {
        let asks = history.plan.hooks[seen.hook].spec.authentication.is_some();
        let is_there = seen.headers.iter().any(|(name, value)| name == "authorization" && value == "Bearer simulated");
        ensure(asks == is_there, || format!("{} to a receiver that wants a token: {asks}: {seen:?}", seen.delivery))?;
    }
    Ok(())
}

pub(super) fn an_open_address_is_reached_past_others(history: &History) -> Verdict {
    for (id, attempts) in &history.attempts {
        let hook = &history.plan.hooks[history.hook_of(history.deliveries[id].webhook_id)];
        // A receiver that refuses connections does so at its open address too.
        let is_open = hook.temper.refuse == 0 && hook.spec.authentication.is_none();
        for attempt in attempts.iter().filter(|attempt| is_open && attempt.tried_addresses.len() > 1) {
            let connected =
                attempt.tried_addresses.iter().filter(|tried| tried.result == TriedResult::Connected).count();
            // It was cut off while it connected.
            if connected == 0 && attempt.outcome == Outcome::Interrupted {
                continue;
            }
            ensure(connected == 1, || format!("{id} has {connected} connections in {attempt:?}"))?;
            let took = attempt.timings.connect;
            ensure(took.is_some_and(|took| took <= connecting(hook)), || {
                format!("{id} connected after {took:?}: {attempt:?}")
            })?;
        }
    }
    Ok(())
}

pub(super) fn crash_repeats_only_what_was_in_flight(history: &History) -> Verdict {
    let mut first: BTreeMap<_, &Seen> = BTreeMap::new();
    for seen in &history.seen {
        let Some(earlier) = first.insert((seen.delivery, seen.attempt), seen) else { continue };
        let name = || format!("attempt {} of {}", seen.attempt, seen.delivery);
        let excused = if earlier.life == seen.life {
            // A kept connection that the receiver closed: the request is sent once more.
            earlier.answer == Answer::Reset
        } else {
            history.lives[earlier.life].lost_outcomes()
        };
        ensure(excused, || format!("{} was sent twice: {earlier:?} and {seen:?}", name()))?;
        let known = history.at(seen.delivery, seen.journal).map_or(0, |delivery| delivery.attempt_count);
        ensure(known < seen.attempt, || format!("{} was sent after it was recorded", name()))?;
    }
    Ok(())
}

pub(super) fn drain_leaves_nothing_in_flight(history: &History) -> Verdict {
    for (number, life) in history.lives.iter().enumerate() {
        let End::Drain(drained) = life.end else { continue };
        // On a disk that takes no writes nothing can be recorded.
        if history.failed_commits > 0 && drained.unsettled > 0 {
            continue;
        }
        ensure(drained.unsettled == 0, || format!("life {number} left outcomes unrecorded: {drained:?}"))?;
        let late = history.seen.iter().find(|seen| seen.life == number && seen.until > life.until);
        ensure(late.is_none(), || format!("life {number} ended before {late:?}"))?;
        let known = |seen: &&Seen| history.deliveries[&seen.delivery].attempt_count >= seen.attempt;
        let lost = history.seen.iter().find(|seen| seen.life == number && !known(seen));
        ensure(lost.is_none(), || format!("life {number} did not record {lost:?}"))?;
    }
    Ok(())
}
