//! What is stored: events, deliveries, and the journal that explains them.

use std::collections::{BTreeMap, BTreeSet};

use tenterhook_model::{DeliveryId, DeliveryState, EventId, WebhookId};
use tenterhook_store::Change;

use super::{Verdict, ensure};
use crate::sim::history::History;

pub(super) fn acked_event_is_stored(history: &History) -> Verdict {
    for acked in &history.acked {
        ensure(history.events.contains_key(&acked.event_id), || {
            format!("{} was answered and is gone", acked.event_id)
        })?;
    }
    Ok(())
}

pub(super) fn every_matching_webhook_gets_one_delivery(history: &History) -> Verdict {
    let mut made: BTreeMap<&EventId, BTreeSet<WebhookId>> = BTreeMap::new();
    for change in history.journal.iter().filter(|change| change.previous.is_none()) {
        let (event, webhook) = (&change.delivery.event_id, change.delivery.webhook_id);
        let is_first = made.entry(event).or_default().insert(webhook);
        ensure(is_first, || format!("{event} has two deliveries to {webhook}"))?;
    }
    for acked in history.acked.iter().filter(|acked| !acked.duplicate) {
        let made = made.get(&acked.event_id).cloned().unwrap_or_default();
        ensure(made == acked.matched, || {
            format!("{} matched {:?} and has deliveries to {made:?}", acked.event_id, acked.matched)
        })?;
    }
    Ok(())
}

pub(super) fn journal_is_gapless_and_explains_state(history: &History) -> Verdict {
    let mut states: BTreeMap<DeliveryId, DeliveryState> = BTreeMap::new();
    for (place, change) in history.journal.iter().enumerate() {
        ensure(change.sequence.0 == place as u64 + 1, || format!("change {place} has {:?}", change.sequence))?;
        let before = states.insert(change.delivery.id, change.delivery.state);
        ensure(before == change.previous, || {
            let id = change.delivery.id;
            format!("{id} was {before:?}, and {:?} says it was {:?}", change.sequence, change.previous)
        })?;
    }
    for (id, delivery) in &history.deliveries {
        let last = history.changes(*id).last().map(|change| &change.delivery);
        ensure(last == Some(delivery), || format!("{id} is {delivery:?}, and the journal ends with {last:?}"))?;
    }
    let known = states.keys().all(|id| history.deliveries.contains_key(id));
    ensure(known, || "the journal tells of a delivery that is not there".into())
}

pub(super) fn watch_equals_journal(history: &History) -> Verdict {
    let number = |change: &std::sync::Arc<Change>| change.sequence;
    // The last life has a watcher of its own, which may not have got to the end.
    let all = history.journal.len().min(history.watched.len());
    for (seen, kept) in history.watched.iter().zip(&history.journal) {
        ensure(seen == kept, || format!("the watcher saw {:?} at the place of {:?}", number(seen), number(kept)))?;
    }
    ensure(all == history.journal.len(), || format!("the watcher saw {all} of {} changes", history.journal.len()))
}
