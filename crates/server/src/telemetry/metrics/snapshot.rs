//! What is open in the store at one moment, and what each delivery that waits is waiting for.

use tenterhook_model::{Timestamp, Webhook, WebhookHealth, WebhookId, WebhookState};
use tenterhook_policy::Hold;
use tenterhook_store::{Gauges, Waits, WebhookSet};

/// The states of a webhook as labels, in the order of [`Snapshot::webhooks`].
pub(super) const STATES: [&str; 4] = ["active", "paused", "suspended", "disabled"];
/// What a delivery may wait for, as labels, in the order of [`Snapshot::waiting`]: a free slot,
/// its time, an earlier delivery with its ordering key, or what holds its webhook back.
pub(super) const REASONS: [&str; 8] =
    ["capacity", "not_before", "ordering_key", "rate_limit", "retry_after", "circuit_breaker", "paused", "suspended"];

/// What is open at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    /// Webhooks by state.
    pub(in crate::telemetry) webhooks: [u64; STATES.len()],
    /// Active webhooks whose breaker is open.
    pub(in crate::telemetry) breakers_open: u64,
    /// Deliveries that are pending, in flight and retrying.
    pub(in crate::telemetry) open: [u64; 3],
    /// Deliveries that wait, by reason.
    pub(in crate::telemetry) waiting: [u64; REASONS.len()],
    /// Since when the longest has waited of those that nothing holds back.
    pub(in crate::telemetry) oldest_due: Option<Timestamp>,
    /// When the oldest open delivery was made.
    pub(in crate::telemetry) oldest_open: Option<Timestamp>,
    /// Bytes that the store takes.
    pub(in crate::telemetry) size_bytes: u64,
    /// Whether new events are refused because the disk is full.
    pub(in crate::telemetry) is_full: bool,
    /// The webhooks that have series of their own.
    pub(in crate::telemetry) named: Vec<Named>,
}

/// A webhook that has series of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::telemetry) struct Named {
    pub(super) id: WebhookId,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Its place in [`STATES`].
    pub(super) state: usize,
    pub(super) breaker_open: bool,
    pub(super) waiting: u64,
}

impl Named {
    fn of(webhook: &Webhook, breaker_open: bool) -> Self {
        Self {
            id: webhook.id,
            namespace: webhook.namespace.to_string(),
            name: webhook.spec.display_name.clone(),
            state: state(webhook),
            breaker_open,
            waiting: 0,
        }
    }
}

impl Snapshot {
    /// Counts what waits for `webhook`, which `hold` holds back.
    fn add(&mut self, hold: Option<Hold>, waits: &Waits) {
        let Waits { due, scheduled, behind, oldest_due } = *waits;
        let reason = match hold {
            // A halt holds everything back, whatever else it would wait for.
            Some(Hold::Paused) => return self.waiting[6] += due + scheduled + behind,
            Some(Hold::Suspended) => return self.waiting[7] += due + scheduled + behind,
            Some(Hold::Breaker(_)) => 5,
            Some(Hold::RateLimit(_)) => 3,
            Some(Hold::RetryAfter(_)) => 4,
            None => 0,
        };
        self.waiting[reason] += due;
        self.waiting[1] += scheduled;
        self.waiting[2] += behind;
        if hold.is_none() {
            let oldest = oldest_due.map(|millis| Timestamp::from_millis(millis as i64));
            self.oldest_due = self.oldest_due.into_iter().chain(oldest).min();
        }
    }
}

/// The place of a webhook's state in [`STATES`].
fn state(webhook: &Webhook) -> usize {
    match webhook.state() {
        WebhookState::Active => 0,
        WebhookState::Paused => 1,
        WebhookState::Suspended => 2,
        WebhookState::Disabled => 3,
    }
}

impl Snapshot {
    /// What is open in a store: its `gauges`, its webhooks with the health of their receivers at `now`; the
    /// first `named` webhooks get series of their own.
    pub(crate) fn of(
        gauges: &Gauges,
        set: &WebhookSet,
        health: &dyn Fn(WebhookId) -> WebhookHealth,
        (now, named): (Timestamp, usize),
    ) -> Self {
        let mut snapshot = Self {
            open: [gauges.pending, gauges.in_flight, gauges.retrying],
            oldest_open: gauges.oldest_open,
            size_bytes: gauges.size_bytes,
            is_full: gauges.is_full,
            ..Self::default()
        };
        for (place, webhook) in set.by_id.values().enumerate() {
            snapshot.webhooks[state(webhook)] += 1;
            let breaker_open = webhook.sends() && health(webhook.id).circuit_open();
            snapshot.breakers_open += u64::from(breaker_open);
            if place < named {
                snapshot.named.push(Named::of(webhook, breaker_open));
            }
        }
        for (id, waits) in &gauges.waits {
            let Some(webhook) = set.by_id.get(id) else { continue };
            snapshot.add(Hold::of(webhook, &health(*id), now), waits);
            if let Ok(place) = snapshot.named.binary_search_by_key(id, |named| named.id) {
                snapshot.named[place].waiting = waits.due + waits.scheduled + waits.behind;
            }
        }
        snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_holds_back_counts_as_due() {
        let waits = Waits { due: 3, scheduled: 2, behind: 1, oldest_due: Some(7_000) };
        for (hold, waiting, oldest) in [
            (None, [3, 2, 1, 0, 0, 0, 0, 0], Some(7_000)),
            (Some(Hold::RetryAfter(None)), [0, 2, 1, 0, 3, 0, 0, 0], None),
            (Some(Hold::RateLimit(Timestamp::MAX)), [0, 2, 1, 3, 0, 0, 0, 0], None),
            (Some(Hold::Breaker(None)), [0, 2, 1, 0, 0, 3, 0, 0], None),
            (Some(Hold::Paused), [0, 0, 0, 0, 0, 0, 6, 0], None),
            (Some(Hold::Suspended), [0, 0, 0, 0, 0, 0, 0, 6], None),
        ] {
            let mut snapshot = Snapshot::default();
            snapshot.add(hold, &waits);
            assert_eq!(snapshot.waiting, waiting, "{hold:?}");
            assert_eq!(snapshot.oldest_due, oldest.map(Timestamp::from_millis), "{hold:?}");
        }
    }
}
