//! The invariants: each a pure function over what a run left behind.
//!
//! An invariant says what must hold of every run, whatever failed in it, and where it is
//! silent: time that jumped, or a crash between two facts, can make a fact undecidable.

mod asked;
mod breaker;
mod deadlines;
mod ends;
mod flow;
mod notices;
mod policy;
mod retry;
mod sabotage;
mod sent;
mod stored;

use std::time::Duration;

use tenterhook_model::{Attempt, DeliveryId, Timestamp};

use super::history::History;
use super::plan::{Hook, Road};

/// What an invariant answers: what is wrong, if anything is.
pub(crate) type Verdict = Result<(), String>;

/// An invariant and its name.
pub(crate) type Invariant = (&'static str, fn(&History) -> Verdict);

/// Every invariant.
pub(crate) const ALL: [Invariant; 33] = [
    ("acked_event_is_stored", stored::acked_event_is_stored),
    ("every_matching_webhook_gets_one_delivery", stored::every_matching_webhook_gets_one_delivery),
    ("journal_is_gapless_and_explains_state", stored::journal_is_gapless_and_explains_state),
    ("watch_equals_journal", stored::watch_equals_journal),
    ("delivery_ends_once", ends::delivery_ends_once),
    ("failed_delivery_has_a_reason", ends::failed_delivery_has_a_reason),
    ("no_attempt_after_end", ends::no_attempt_after_end),
    ("no_attempt_after_expiry", ends::no_attempt_after_expiry),
    ("what_runs_out_of_time_ends_then", deadlines::what_runs_out_of_time_ends_then),
    ("healthy_endpoint_gets_all_after_faults_stop", ends::healthy_endpoint_gets_all_after_faults_stop),
    ("deliver_after_is_kept", policy::deliver_after_is_kept),
    ("permanent_answer_is_the_last", policy::permanent_answer_is_the_last),
    ("gone_stops_the_webhook_until_it_is_resumed", policy::gone_stops_the_webhook_until_it_is_resumed),
    ("nothing_but_failures_stop_the_webhook", policy::nothing_but_failures_stop_the_webhook),
    ("attempts_are_numbered_without_gaps", retry::attempts_are_numbered_without_gaps),
    ("retry_not_before_schedule", retry::retry_not_before_schedule),
    ("retry_after_is_honoured_within_cap", retry::retry_after_is_honoured_within_cap),
    ("retry_after_holds_back_the_receiver", retry::retry_after_holds_back_the_receiver),
    ("probe_uses_up_no_attempt", retry::probe_uses_up_no_attempt),
    ("ordered_key_keeps_order", flow::ordered_key_keeps_order),
    ("in_flight_within_limit", flow::in_flight_within_limit),
    ("rate_within_limit", flow::rate_within_limit),
    ("healthy_namespace_is_served_while_another_hangs", flow::healthy_namespace_is_served_while_another_hangs),
    ("halted_webhook_gets_nothing", flow::halted_webhook_gets_nothing),
    ("breaker_open_means_no_attempt", breaker::breaker_open_means_no_attempt),
    ("what_is_retried_by_hand_is_sent_now", asked::what_is_retried_by_hand_is_sent_now),
    ("signature_verifies_at_receiver", sent::signature_verifies_at_receiver),
    ("no_request_goes_round_the_proxy", sent::no_request_goes_round_the_proxy),
    ("requests_carry_the_token_that_is_asked_for", sent::requests_carry_the_token_that_is_asked_for),
    ("an_open_address_is_reached_past_others", sent::an_open_address_is_reached_past_others),
    ("crash_repeats_only_what_was_in_flight", sent::crash_repeats_only_what_was_in_flight),
    ("drain_leaves_nothing_in_flight", sent::drain_leaves_nothing_in_flight),
    ("each_cause_has_one_operational_event", notices::each_cause_has_one_operational_event),
];

/// Every invariant that the run breaks, with what is wrong.
pub(crate) fn broken(history: &History) -> Vec<String> {
    let verdicts = ALL.iter().map(|(name, check)| (name, check(history)));
    verdicts.filter_map(|(name, verdict)| verdict.err().map(|wrong| format!("{name}: {wrong}"))).collect()
}

/// Fails with what is wrong unless `holds`.
fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// When an attempt ended, by the wall clock.
fn end(attempt: &Attempt) -> Timestamp {
    attempt.start_time.after(attempt.duration)
}

/// How long a connection to the receiver of `hook` may take: no time, but where its name has several
/// addresses: all of them are begun within 400 ms (RFC 8305 section 5, with the server's delays), and
/// timers are exact to some milliseconds. If the open one refuses it, a slow one is waited for.
fn connecting(hook: &Hook) -> Duration {
    if hook.roads.len() == 1 {
        return Duration::ZERO;
    }
    let waits = hook.roads.iter().filter_map(|road| if let Road::Slow(wait) = road { Some(*wait) } else { None });
    let slowest = waits.max().filter(|_| hook.temper.refuse > 0).unwrap_or_default();
    Duration::from_millis(410) + slowest
}

/// How far a comparison of wall-clock times may be off: the store's queue keeps whole
/// milliseconds, and the clock may have been set.
fn slack(history: &History) -> Duration {
    Duration::from_millis(1 + history.jumped_back + history.jumped_forward)
}

/// All attempts of the deliveries to one webhook of the plan.
fn attempts_of(history: &History, hook: usize) -> impl Iterator<Item = (DeliveryId, &Attempt)> {
    let webhook = history.webhooks[hook].id;
    let deliveries = history.deliveries.values().filter(move |delivery| delivery.webhook_id == webhook);
    deliveries.flat_map(|delivery| history.attempts[&delivery.id].iter().map(|attempt| (delivery.id, attempt)))
}
