//! What the server reports about itself: one event for each cause, whatever crashed in between, and
//! one delivery of it.

use std::collections::BTreeMap;

use tenterhook_model::{DeliveryState, Event, NoticeKind, Timestamp, WebhookId};

use super::{Verdict, ensure};
use crate::sim::history::History;

/// Seconds for which a webhook that keeps failing is not reported again.
const QUIET: u64 = 3_600;

pub(super) fn each_cause_has_one_operational_event(history: &History) -> Verdict {
    let Some(pager) = history.plan.pager else {
        return ensure(history.operational.is_empty(), || "nobody asked for operational events".into());
    };
    let pager = history.webhooks[pager].id;
    for event in &history.operational {
        let made = history.journal.iter().filter(|change| change.previous.is_none());
        let count = made.filter(|change| change.delivery.event_id == event.id).count();
        ensure(count == 1, || format!("{} {} has {count} deliveries", event.event_type, event.id))?;
    }
    let of_namespace = history.webhooks.iter().filter(|webhook| webhook.namespace.as_str() == "default");
    for webhook in of_namespace.map(|webhook| webhook.id) {
        saves_and_suspensions(history, webhook, pager)?;
        failures(history, webhook)?;
        breakers(history, webhook)?;
    }
    Ok(())
}

/// The kinds that were published of a webhook, in their order, as far as they are among `kinds`.
fn published(history: &History, webhook: WebhookId, kinds: &[NoticeKind]) -> Vec<NoticeKind> {
    let of_webhook = |event: &&Event| event.attributes.get("webhook_id") == Some(&webhook.to_string());
    let events = history.operational.iter().map(|event| &**event).filter(of_webhook);
    let kind = |event: &Event| kinds.iter().copied().find(|kind| kind.event_type() == &*event.event_type);
    events.filter_map(kind).collect()
}

fn saves_and_suspensions(history: &History, webhook: WebhookId, pager: WebhookId) -> Verdict {
    let saves: Vec<_> = history.saves.iter().filter(|save| save.webhook == webhook).collect();
    // Webhooks are created in the order of their ids; before the pager nobody asks for notices.
    let is_wanted = |kind: &NoticeKind| *kind != NoticeKind::Created || webhook == pager;
    let expected: Vec<_> = saves.iter().filter_map(|save| save.kind).filter(is_wanted).collect();
    let found = published(history, webhook, &[NoticeKind::Created, NoticeKind::Paused, NoticeKind::Resumed]);
    let is_doubtful = saves.iter().any(|save| save.is_doubtful);
    ensure(is_doubtful || found == expected, || format!("{webhook} was {expected:?}, and {found:?} was published"))?;
    // Each save and each suspension raises the revision by one, and nothing else does.
    let now = history.webhooks.iter().find(|now| now.id == webhook).expect("the plan has it");
    let suspended = now.revision - saves.len() as u64;
    let found = published(history, webhook, &[NoticeKind::Suspended]).len() as u64;
    ensure(webhook == pager || found == suspended, || {
        format!("{webhook} was suspended {suspended} times, and {found} were published")
    })
}

/// What the journal says of deliveries that were given up, and of those that succeeded after them.
fn failures(history: &History, webhook: WebhookId) -> Verdict {
    let (mut expected, mut last): (Vec<NoticeKind>, Option<Timestamp>) = (Vec::new(), None);
    let changes = history.journal.iter().filter(|change| change.delivery.webhook_id == webhook);
    for change in changes.filter(|change| change.previous != Some(change.delivery.state)) {
        let now = change.delivery.update_time;
        let is_quiet = last.is_some_and(|last| now >= last && now.since(last).as_secs() < QUIET);
        match change.delivery.state {
            DeliveryState::Failed if !change.delivery.is_operational() && !is_quiet => {
                expected.push(NoticeKind::Failing);
                last = Some(now);
            }
            DeliveryState::Succeeded if last.take().is_some() => expected.push(NoticeKind::Recovered),
            _ => {}
        }
    }
    let found = published(history, webhook, &[NoticeKind::Failing, NoticeKind::Recovered]);
    ensure(found == expected, || format!("the journal makes {expected:?} of {webhook}, and {found:?} was published"))
}

/// A breaker opens, closes, and is reported to be as it is in the end.
fn breakers(history: &History, webhook: WebhookId) -> Verdict {
    let found = published(history, webhook, &[NoticeKind::BreakerOpened, NoticeKind::BreakerClosed]);
    let mut counts: BTreeMap<NoticeKind, usize> = BTreeMap::new();
    for kind in &found {
        *counts.entry(*kind).or_default() += 1;
        let opened = counts.get(&NoticeKind::BreakerOpened).copied().unwrap_or_default();
        let closed = counts.get(&NoticeKind::BreakerClosed).copied().unwrap_or_default();
        ensure(closed <= opened && opened <= closed + 1, || format!("{webhook}: {found:?}"))?;
    }
    let takes_both = history.plan.pager.is_some_and(|pager| history.webhooks[pager].id == webhook);
    let is_open = history.health.get(&webhook).is_some_and(tenterhook_model::WebhookHealth::circuit_open);
    let says_open = found.last() == Some(&NoticeKind::BreakerOpened);
    ensure(takes_both || is_open == says_open, || format!("the breaker of {webhook} is open: {is_open}; {found:?}"))
}
