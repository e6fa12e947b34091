//! Notices: what the server reports about a webhook. Each is part of the commit that holds the
//! change it reports, and waits there until it is published as an operational event.
//!
//! There are none where no webhook asks for them. An attempt of an operational event begins no
//! report: it opens no breaker and stops no webhook as far as notices go, and its failure is none
//! that is reported. It can only end a report that something else began, so nothing goes round
//! in circles.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::webhook::{HaltedBy, SigningKey};
use tenterhook_model::{
    CertificateEnd, Delivery, DeliveryId, DeliveryState, EventId, Namespace, NoticeKind, Webhook, WebhookHealth,
    WebhookId,
};

use super::group::Group;
use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::ledger::Rows as _;
use crate::record::{NewEvent, Notice, NoticeId, Published, Trigger};
use crate::rows;
use crate::rows::notice::{NoticeRow, ReportRow};

/// How long a webhook that keeps failing is not reported again.
pub(crate) const QUIET: Duration = Duration::from_secs(3_600);

/// A notice in the making. The health is added when the group knows how it ends.
#[derive(Debug)]
struct NoticeDraft {
    kind: NoticeKind,
    webhook: Arc<Webhook>,
    reason: String,
    count: u64,
    trigger: Option<Trigger>,
}

/// What the writer knows of notices.
#[derive(Debug)]
pub(crate) struct Reported {
    /// The number of the next one; it is above those that wait.
    next: u64,
    /// What was reported of webhooks.
    reports: HashMap<WebhookId, ReportRow>,
}

/// The notices of a group.
#[derive(Debug, Default)]
pub(crate) struct NoticeDrafts {
    drafts: Vec<NoticeDraft>,
    /// What was reported of webhooks, as far as the group changes it.
    reports: HashMap<WebhookId, ReportRow>,
}

impl Trigger {
    /// The delivery, and its last attempt.
    fn of(delivery: &Delivery) -> Self {
        Self {
            delivery_id: delivery.id,
            event_id: delivery.event_id.clone(),
            event_type: delivery.event_type.clone(),
            attempt: delivery.last_attempt.clone(),
        }
    }
}

impl Group<'_> {
    /// Notes what a save did. Call it once nothing can refuse the save any more.
    pub(crate) fn note_save(&mut self, before: Option<&Webhook>, now: &Arc<Webhook>) {
        if !self.is_wanted(&now.namespace, before, Some(now)) {
            return;
        }
        for kind in changes(before, now) {
            let reason = match (kind, &now.halt) {
                (NoticeKind::Paused | NoticeKind::Suspended, Some(halt)) => halt.reason.clone(),
                _ => String::new(),
            };
            self.draft(kind, now, reason, 0, None);
        }
    }

    /// Notes that a webhook was deleted.
    pub(crate) fn note_removal(&mut self, webhook: &Arc<Webhook>) {
        if self.is_wanted(&webhook.namespace, Some(webhook), None) {
            self.draft(NoticeKind::Deleted, webhook, String::new(), 0, None);
        }
        if self.report(webhook.id) != ReportRow::default() {
            self.notices.reports.insert(webhook.id, ReportRow::default());
        }
    }

    /// Notes that the server stopped a webhook.
    pub(crate) fn note_suspension(&mut self, webhook: &Arc<Webhook>, trigger: Option<Trigger>) {
        let begins = trigger.as_ref().is_none_or(|trigger| !trigger.is_operational());
        if begins && self.is_wanted(&webhook.namespace, None, None) {
            let reason = webhook.halt.as_ref().map(|halt| halt.reason.clone()).unwrap_or_default();
            self.draft(NoticeKind::Suspended, webhook, reason, 0, trigger);
        }
    }

    /// Notes what a new health of a webhook says of its breaker.
    pub(crate) fn note_breaker(&mut self, webhook: &Arc<Webhook>, now: &WebhookHealth, trigger: Option<Trigger>) {
        if !self.turns_breaker(webhook.id, now) || !self.is_wanted(&webhook.namespace, None, None) {
            return;
        }
        let report = self.report(webhook.id);
        let was_open = !now.circuit_open();
        if was_open && report.opened {
            self.draft(NoticeKind::BreakerClosed, webhook, String::new(), 0, trigger);
            self.notices.reports.insert(webhook.id, ReportRow { opened: false, ..report });
        } else if !was_open && trigger.as_ref().is_some_and(|trigger| !trigger.is_operational()) {
            let reason = last_error(trigger.as_ref());
            self.draft(NoticeKind::BreakerOpened, webhook, reason, u64::from(now.consecutive_failures), trigger);
            self.notices.reports.insert(webhook.id, ReportRow { opened: true, ..report });
        }
    }

    /// Whether a breaker that was open is closed by this health, or the other way round.
    pub(crate) fn turns_breaker(&self, webhook: WebhookId, now: &WebhookHealth) -> bool {
        let known = self.health.get(&webhook).map(WebhookHealth::circuit_open);
        known.unwrap_or_else(|| self.shared.is_circuit_open(webhook)) != now.circuit_open()
    }

    /// Notes that a delivery became final.
    pub(crate) fn note_end(&mut self, delivery: &Delivery) {
        let set = self.shared.webhooks();
        let Some(webhook) = set.by_id.get(&delivery.webhook_id) else { return };
        if !self.is_wanted(&webhook.namespace, None, None) {
            return;
        }
        match delivery.state {
            DeliveryState::Failed if !delivery.is_operational() => self.note_failure(webhook, delivery),
            DeliveryState::Succeeded => self.note_success(webhook, delivery),
            _ => {}
        }
    }

    fn note_failure(&mut self, webhook: &Arc<Webhook>, delivery: &Delivery) {
        let report = self.report(webhook.id);
        let (unreported, failed) = (report.unreported + 1, report.failed + 1);
        // A clock that was set back makes nothing quieter.
        let is_quiet = report.failing().is_some_and(|last| self.now >= last && self.now.since(last) < QUIET);
        if is_quiet {
            self.notices.reports.insert(webhook.id, ReportRow { unreported, failed, ..report });
            return;
        }
        let reason = match &delivery.last_attempt {
            Some(_) => last_error(Some(&Trigger::of(delivery))),
            None => "a delivery ran out of time before its first attempt".to_owned(),
        };
        self.draft(NoticeKind::Failing, webhook, reason, unreported, Some(Trigger::of(delivery)));
        let failing = Some(self.now.into());
        self.notices.reports.insert(webhook.id, ReportRow { failing, unreported: 0, failed, ..report });
    }

    fn note_success(&mut self, webhook: &Arc<Webhook>, delivery: &Delivery) {
        let report = self.report(webhook.id);
        if report.failing.is_some() {
            self.draft(NoticeKind::Recovered, webhook, String::new(), report.failed, Some(Trigger::of(delivery)));
            let report = ReportRow { failing: None, unreported: 0, failed: 0, ..report };
            self.notices.reports.insert(webhook.id, report);
        }
    }

    /// Notes that a certificate of a webhook ends within so many days, unless that was reported or the webhook is
    /// no longer at that revision. Returns whether it is reported now.
    pub(crate) fn note_expiry(&mut self, webhook: (WebhookId, u64), end: CertificateEnd, days: u32) -> bool {
        let set = self.shared.webhooks();
        let (id, revision) = webhook;
        let Some(webhook) = set.by_id.get(&id).filter(|webhook| webhook.revision == revision) else { return false };
        let report = self.report(id);
        let time = rows::Time::from(end.time);
        let is_reported = report.certificate_end == Some(time) && report.certificate_days <= days;
        if is_reported || !self.is_wanted(&webhook.namespace, None, None) {
            return false;
        }
        let reason = format!("transport.{} ends {}", end.field, end.time.rfc3339());
        self.draft(NoticeKind::CertificateExpiring, webhook, reason, days.into(), None);
        let report = ReportRow { certificate_end: Some(time), certificate_days: days, ..report };
        self.notices.reports.insert(id, report);
        true
    }

    /// The delivery that a settlement is about, for the notices that follow from it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn trigger(&self, id: DeliveryId) -> Result<Option<Trigger>, StoreError> {
        let settled = match self.open(id)? {
            None => self.done(id)?,
            open => open,
        };
        Ok(settled.map(|stored| Trigger::of(&stored.delivery)))
    }

    /// Whether somebody asks for the notices of the namespace, after one of its webhooks has
    /// changed from `before` to `now`.
    pub(crate) fn is_wanted(&self, namespace: &Namespace, before: Option<&Webhook>, now: Option<&Webhook>) -> bool {
        let takes = |webhook: Option<&Webhook>| usize::from(webhook.is_some_and(Webhook::takes_notices));
        let known = self.shared.webhooks().subscribers.get(namespace).copied().unwrap_or_default();
        self.shared.operational_events && known + takes(now) > takes(before)
    }

    fn report(&self, webhook: WebhookId) -> ReportRow {
        let changed = self.notices.reports.get(&webhook).or_else(|| self.state.reported.reports.get(&webhook));
        changed.cloned().unwrap_or_default()
    }

    fn draft(
        &mut self,
        kind: NoticeKind,
        webhook: &Arc<Webhook>,
        reason: String,
        count: u64,
        trigger: Option<Trigger>,
    ) {
        let webhook = webhook.clone();
        self.notices.drafts.push(NoticeDraft { kind, webhook, reason, count, trigger });
    }

    /// Adds the notices to the commit, each with the health that the group leaves.
    pub(crate) fn write_notices(&mut self) {
        for draft in std::mem::take(&mut self.notices.drafts) {
            let id = NoticeId(self.state.reported.next);
            self.state.reported.next += 1;
            let known = self.health.get(&draft.webhook.id).cloned();
            let notice = Notice {
                id,
                event_id: EventId::generate(self.now, self.shared.sealer.entropy()),
                kind: draft.kind,
                time: self.now,
                health: known.or_else(|| self.shared.known_health(draft.webhook.id)).unwrap_or_default(),
                webhook: draft.webhook,
                reason: draft.reason,
                count: draft.count,
                trigger: draft.trigger,
            };
            assert!(self.batch.written(&keys::notice::encode(id)).is_none(), "the notice {} is written once", id.0);
            self.batch.put(keys::notice::encode(id), rows::encode(&NoticeRow::of(&notice, &self.shared.sealer)));
            self.has_notices = true;
        }
        for (webhook, report) in &self.notices.reports {
            let key = keys::notice::report(*webhook);
            if *report == ReportRow::default() {
                self.batch.delete(key);
            } else {
                self.batch.put(key, rows::encode(report));
            }
        }
    }

    /// Remembers what the commit has reported.
    pub(crate) fn adopt_notices(reported: &mut Reported, notices: NoticeDrafts) {
        for (webhook, report) in notices.reports {
            if report == ReportRow::default() {
                reported.reports.remove(&webhook);
            } else {
                reported.reports.insert(webhook, report);
            }
        }
    }

    /// Publishes a notice and forgets it, in one commit. Returns `None` when it was published before.
    pub(crate) fn announce(&mut self, id: NoticeId, event: NewEvent) -> Result<Option<Published>, StoreError> {
        let key = keys::notice::encode(id);
        if self.get(&key)?.is_none() {
            return Ok(None);
        }
        let published = self.publish(vec![event])?;
        self.batch.delete(key);
        assert_eq!(published.len(), 1, "one event has one answer");
        Ok(published.into_iter().next())
    }
}

impl Shared {
    /// The first notices that wait, at most `limit`.
    pub(crate) fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let (from, to) = Family::Notice.range();
        let found = self.kv.range(Span::new(&from, &to, limit))?;
        let read = found.into_iter().map(|(key, row)| {
            let row: NoticeRow = rows::decode(&row, "a notice")?;
            row.into_notice(keys::notice::decode(&key)?, &self.sealer)
        });
        read.collect()
    }
}

/// The kinds of notices that a save makes.
fn changes(before: Option<&Webhook>, now: &Webhook) -> Vec<NoticeKind> {
    let Some(before) = before else { return vec![NoticeKind::Created] };
    let is_new = |key: &SigningKey| !before.signing_keys.iter().any(|old| old.id == key.id);
    let rotated = now.signing_keys.iter().any(is_new);
    let mut kinds = Vec::new();
    // A key that was revoked changes the webhook and makes no new one.
    if before.spec != now.spec || (!rotated && before.signing_keys != now.signing_keys) {
        kinds.push(NoticeKind::Updated);
    }
    if rotated {
        kinds.push(NoticeKind::KeyRotated);
    }
    match &now.halt {
        halt if *halt == before.halt => {}
        None => kinds.push(NoticeKind::Resumed),
        Some(halt) if halt.by == HaltedBy::Operator => kinds.push(NoticeKind::Paused),
        Some(_) => kinds.push(NoticeKind::Suspended),
    }
    kinds
}

/// Why the last attempt of a delivery failed.
fn last_error(trigger: Option<&Trigger>) -> String {
    let attempt = trigger.and_then(|trigger| trigger.attempt.as_deref());
    attempt.map(|attempt| attempt.error.clone()).unwrap_or_default()
}

/// Reads what the writer must know of notices.
pub(crate) fn read(kv: &dyn Kv) -> Result<Reported, StoreError> {
    let (from, to) = Family::Notice.range();
    let last = kv.range(Span::new(&from, &to, 1).reversed())?;
    let next = last.first().map_or(Ok(1), |(key, _)| keys::notice::decode(key).map(|last| last.0 + 1))?;
    let mut reports = HashMap::new();
    super::start::scan(kv, Family::Report, |(key, row)| {
        reports.insert(keys::notice::decode_report(key)?, rows::decode(row, "what was reported of a webhook")?);
        Ok(())
    })?;
    Ok(Reported { next, reports })
}

#[cfg(test)]
mod tests {
    use tenterhook_model::webhook::Halt;
    use tenterhook_model::{Secret, SigningKeyId, Timestamp};

    use super::*;

    fn webhook() -> Webhook {
        tenterhook_fixtures::webhook(1)
    }

    fn key(number: u8) -> SigningKey {
        SigningKey {
            id: SigningKeyId::from_bytes([number; 16]),
            secret: Secret::new("s"),
            create_time: Timestamp::default(),
            expire_time: None,
        }
    }

    #[test]
    fn each_change_of_a_webhook_has_its_kinds() {
        let halt = |by| Some(Halt { by, reason: "r".into() });
        let old = Webhook { signing_keys: vec![key(1)], ..webhook() };
        assert_eq!(changes(None, &old), [NoticeKind::Created]);
        assert_eq!(changes(Some(&old), &Webhook { revision: 9, ..old.clone() }), []);
        let mut described = old.clone();
        described.spec.description = "new".into();
        assert_eq!(changes(Some(&old), &described), [NoticeKind::Updated]);
        let rotated = Webhook { signing_keys: vec![key(2), key(1)], ..old.clone() };
        assert_eq!(changes(Some(&old), &rotated), [NoticeKind::KeyRotated]);
        assert_eq!(changes(Some(&rotated), &old), [NoticeKind::Updated], "a key was revoked");
        let paused = Webhook { halt: halt(HaltedBy::Operator), ..old.clone() };
        assert_eq!(changes(Some(&old), &paused), [NoticeKind::Paused]);
        assert_eq!(changes(Some(&paused), &old), [NoticeKind::Resumed]);
        let suspended = Webhook { halt: halt(HaltedBy::Server), ..old.clone() };
        assert_eq!(changes(Some(&old), &suspended), [NoticeKind::Suspended]);
        let both = Webhook { halt: None, ..described };
        assert_eq!(changes(Some(&paused), &both), [NoticeKind::Updated, NoticeKind::Resumed]);
    }
}
