//! Every invariant is shown a run in which it is broken. A check that nothing can fail proves
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Attempt, DeliveryState, Outcome, Timestamp};
use tenterhook_store::{Change, Sequence};

use super::{ALL, Verdict};
use crate::sim::drive;
use crate::sim::history::{Answer, End, History, Order, OrderKind, Seen};

/// Seeds that are tried until one has what the sabotage needs.
const SEEDS: u64 = 100;

/// A way to break a run.
type Sabotage = fn(&mut History);

/// How each invariant is broken.
const SABOTAGE: [(&str, Sabotage); ALL.len()] = [
    ("acked_event_is_stored", |run| run.events.clear()),
    ("every_matching_webhook_gets_one_delivery", |run| {
        let first = run.journal[0].clone();
        run.journal.push(first);
    }),
    ("journal_is_gapless_and_explains_state", |run| {
        run.journal.remove(run.journal.len() / 2);
    }),
    ("watch_equals_journal", |run| {
        run.watched.pop();
    }),
    ("delivery_ends_once", |run| {
        let ended = run.journal.iter().find(|change| change.delivery.state.is_final());
        let mut again = ended.map_or_else(|| Change::clone(&run.journal[0]), |change| Change::clone(change));
        again.previous = Some(again.delivery.state);
        again.delivery.state = DeliveryState::Retrying;
        run.journal.push(Arc::new(again));
    }),
    ("failed_delivery_has_a_reason", |run| {
        for hook in &mut run.plan.hooks {
            hook.spec.retry.max_age = None;
        }
        for event in run.events.values_mut() {
            Arc::make_mut(event).expire_time = None;
        }
        for delivery in run.deliveries.values_mut() {
            (delivery.state, delivery.attempt_count) = (DeliveryState::Failed, 0);
            (delivery.attempts_before_redrive, delivery.attempts_uncounted) = (0, 0);
        }
    }),
    ("no_attempt_after_end", |run| {
        let last = Sequence(run.journal.len() as u64);
        run.seen[0].journal = last;
        run.seen[0].clock = Timestamp::MAX;
    }),
    ("no_attempt_after_expiry", |run| {
        for event in run.events.values_mut() {
            Arc::make_mut(event).expire_time = Some(Timestamp::MIN);
        }
    }),
    ("what_runs_out_of_time_ends_then", |run| {
        for event in run.events.values_mut() {
            Arc::make_mut(event).expire_time = Some(Timestamp::MIN);
        }
        for delivery in run.deliveries.values_mut() {
            delivery.finish_time = Some(Timestamp::MAX);
        }
    }),
    ("healthy_endpoint_gets_all_after_faults_stop", |run| run.seen.clear()),
    ("deliver_after_is_kept", |run| {
        for event in run.events.values_mut() {
            Arc::make_mut(event).deliver_after = Some(Timestamp::MAX);
        }
    }),
    ("permanent_answer_is_the_last", |run| {
        for attempt in run.attempts.values_mut().flat_map(|attempts| attempts.first_mut()) {
            answer(attempt, 410);
        }
    }),
    ("gone_stops_the_webhook_until_it_is_resumed", |run| {
        run.orders.clear();
        for attempt in run.attempts.values_mut().flat_map(|attempts| attempts.first_mut()) {
            answer(attempt, 410);
        }
    }),
    ("nothing_but_failures_stop_the_webhook", |run| {
        run.orders.clear();
        for hook in &mut run.plan.hooks {
            hook.spec.circuit_breaker.suspend_after = Some(Duration::from_millis(1));
        }
        for attempt in run.attempts.values_mut().flatten() {
            attempt.outcome = Outcome::HttpStatus;
        }
    }),
    ("attempts_are_numbered_without_gaps", |run| {
        for attempts in run.attempts.values_mut().filter(|attempts| attempts.len() > 1) {
            attempts.remove(0);
        }
    }),
    ("retry_not_before_schedule", |run| {
        for attempt in run.attempts.values_mut().filter_map(|attempts| attempts.get_mut(1)) {
            attempt.start_time = Timestamp::MIN;
        }
    }),
    ("retry_after_is_honoured_within_cap", |run| {
        let responses = run.attempts.values_mut().flatten().filter_map(|attempt| attempt.response.as_mut());
        for header in responses.flat_map(|response| &mut response.headers) {
            if header.name == "retry-after" {
                header.value = "80000".into();
            }
        }
    }),
    ("retry_after_holds_back_the_receiver", |run| {
        let responses = run.attempts.values_mut().flatten().filter_map(|attempt| attempt.response.as_mut());
        for header in responses.flat_map(|response| &mut response.headers) {
            if header.name == "retry-after" {
                header.value = "80000".into();
            }
        }
    }),
    ("probe_uses_up_no_attempt", |run| {
        let change = Arc::make_mut(&mut run.journal[0]);
        change.delivery.attempt_count = 1_000;
    }),
    ("ordered_key_keeps_order", |run| {
        for seen in &mut run.seen {
            seen.journal = Sequence(0);
        }
    }),
    ("in_flight_within_limit", |run| {
        for seen in &mut run.seen {
            (seen.from, seen.until) = (Duration::ZERO, Duration::MAX);
        }
        (run.plan.max_in_flight, run.plan.nodes) = (1, 0);
    }),
    ("rate_within_limit", |run| {
        for hook in &mut run.plan.hooks {
            (hook.spec.rate_limit.requests_per_second, hook.spec.rate_limit.burst) = (Some(0.000_1), Some(1));
        }
    }),
    ("healthy_namespace_is_served_while_another_hangs", |run| {
        let steady = run.plan.crowd.as_ref().map(|crowd| crowd.steady);
        for seen in run.seen.iter_mut().filter(|seen| Some(seen.hook) == steady) {
            seen.from += Duration::from_secs(3_000);
        }
        run.lives.truncate(1);
    }),
    ("halted_webhook_gets_nothing", |run| {
        let kind = OrderKind::Pause(run.seen[0].hook);
        run.orders.insert(0, Order { kind, called: Duration::ZERO, answered: Duration::ZERO });
    }),
    ("breaker_open_means_no_attempt", |run| {
        for hook in &mut run.plan.hooks {
            hook.spec.circuit_breaker.failures_to_open = Some(1);
            hook.spec.circuit_breaker.initial_open = Some(Duration::from_secs(100_000));
        }
    }),
    ("what_is_retried_by_hand_is_sent_now", |run| run.seen.clear()),
    ("signature_verifies_at_receiver", |run| run.seen[0].body = "forged".into()),
    ("no_request_goes_round_the_proxy", |run| run.net.round_the_proxy = 1),
    ("requests_carry_the_token_that_is_asked_for", |run| {
        for seen in &mut run.seen {
            seen.headers.retain(|(name, _)| name != "authorization");
        }
    }),
    ("an_open_address_is_reached_past_others", |run| {
        for attempt in run.attempts.values_mut().flatten().filter(|attempt| attempt.tried_addresses.len() > 1) {
            attempt.timings.connect = Some(Duration::from_millis(411));
        }
    }),
    ("crash_repeats_only_what_was_in_flight", |run| {
        let again = Seen { answer: Answer::Status(200), ..run.seen[0].clone() };
        run.seen.extend([again.clone(), again]);
    }),
    ("drain_leaves_nothing_in_flight", |run| {
        run.failed_commits = 0;
        if let Some(End::Drain(drained)) = run.lives.last_mut().map(|life| &mut life.end) {
            drained.unsettled = 1;
        }
    }),
    ("each_cause_has_one_operational_event", |run| drop(run.operational.pop())),
];

/// Lets an attempt, if it was answered, have had another answer.
fn answer(attempt: &mut Attempt, status: u16) {
    if let Some(response) = &mut attempt.response {
        response.status = status;
        attempt.outcome = Outcome::HttpStatus;
    }
}

fn notices(check: fn(&History) -> Verdict, sabotage: Sabotage, seed: u64) -> bool {
    let mut run = drive::run(seed);
    if run.seen.is_empty() || check(&run).is_err() {
        return false;
    }
    sabotage(&mut run);
    check(&run).is_err()
}

#[test]
fn every_invariant_notices_when_it_is_broken() {
    for ((invariant, check), (name, sabotage)) in ALL.into_iter().zip(SABOTAGE) {
        assert_eq!(invariant, name, "the sabotage is in the order of the invariants");
        assert!((0..SEEDS).any(|seed| notices(check, sabotage, seed)), "{name} notices nothing");
    }
}
