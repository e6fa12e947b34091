//! The rows of notices, and of what was reported of a webhook.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tenterhook_model::{Attempt, DeliveryId, NoticeKind, Timestamp};

use super::attempt::AttemptRow;
use super::number::Numbered;
use super::webhook::WebhookRow;
use super::{Time, attempt, decode, required};
use crate::error::StoreError;
use crate::record::{Notice, NoticeId, Trigger};
use crate::seal::Sealer;

/// A notice. Its number is its key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NoticeRow {
    #[prost(string, tag = "1")]
    pub(crate) event_id: String,
    /// The number of the kind.
    #[prost(uint32, tag = "2")]
    pub(crate) kind: u32,
    #[prost(message, optional, tag = "3")]
    pub(crate) time: Option<Time>,
    #[prost(message, optional, tag = "4")]
    pub(crate) webhook: Option<WebhookRow>,
    /// The health of its receiver, as JSON.
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) health: Bytes,
    #[prost(string, tag = "6")]
    pub(crate) reason: String,
    #[prost(uint64, tag = "7")]
    pub(crate) count: u64,
    #[prost(message, optional, tag = "8")]
    pub(crate) trigger: Option<TriggerRow>,
}

/// The delivery that a notice is due to.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TriggerRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) delivery_id: Bytes,
    #[prost(string, tag = "2")]
    pub(crate) event_id: String,
    #[prost(string, tag = "3")]
    pub(crate) event_type: String,
    /// The row of its last attempt, without bodies; empty when there was none.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) attempt: Bytes,
}

/// What was reported of a webhook.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReportRow {
    /// That its breaker opened, and not yet that it closed.
    #[prost(bool, tag = "1")]
    pub(crate) opened: bool,
    /// When it was last reported that deliveries fail; unset when none does.
    #[prost(message, optional, tag = "2")]
    pub(crate) failing: Option<Time>,
    /// Failed deliveries since then.
    #[prost(uint64, tag = "3")]
    pub(crate) unreported: u64,
    /// Failed deliveries since the first was reported.
    #[prost(uint64, tag = "4")]
    pub(crate) failed: u64,
    /// The end of the certificate that was last reported to expire.
    #[prost(message, optional, tag = "5")]
    pub(crate) certificate_end: Option<Time>,
    /// Days of the last report before that end.
    #[prost(uint32, tag = "6")]
    pub(crate) certificate_days: u32,
}

impl NoticeRow {
    /// The row of a notice.
    pub(crate) fn of(notice: &Notice, sealer: &Sealer) -> Self {
        Self {
            event_id: notice.event_id.as_str().to_owned(),
            kind: notice.kind.number(),
            time: Some(notice.time.into()),
            webhook: Some(sealer.row(&notice.webhook)),
            health: serde_json::to_vec(&notice.health).expect("health has text keys only and serialises").into(),
            reason: notice.reason.clone(),
            count: notice.count,
            trigger: notice.trigger.as_ref().map(TriggerRow::from),
        }
    }

    /// The notice with this number.
    pub(crate) fn into_notice(self, id: NoticeId, sealer: &Sealer) -> Result<Notice, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("the {what} of the notice {}", id.0));
        let webhook = sealer.webhook(&self.webhook.ok_or_else(|| damaged("webhook"))?)?;
        Ok(Notice {
            id,
            event_id: self.event_id.parse().map_err(|_| damaged("event id"))?,
            kind: NoticeKind::of(self.kind, &format!("the notice {}", id.0))?,
            time: required(self.time),
            webhook: Arc::new(webhook),
            health: serde_json::from_slice(&self.health).map_err(|_| damaged("health"))?,
            reason: self.reason,
            count: self.count,
            trigger: self.trigger.map(|row| row.into_trigger(id)).transpose()?,
        })
    }
}

impl From<&Trigger> for TriggerRow {
    fn from(trigger: &Trigger) -> Self {
        let attempt = trigger.attempt.as_deref().map(|one| attempt::encode(&without_bodies(one)));
        Self {
            delivery_id: Bytes::copy_from_slice(trigger.delivery_id.as_bytes()),
            event_id: trigger.event_id.as_str().to_owned(),
            event_type: trigger.event_type.to_string(),
            attempt: attempt.unwrap_or_default().into(),
        }
    }
}

impl TriggerRow {
    fn into_trigger(self, id: NoticeId) -> Result<Trigger, StoreError> {
        let damaged = || StoreError::Damaged(format!("the delivery of the notice {}", id.0));
        let attempt = match self.attempt.is_empty() {
            true => None,
            false => Some(Arc::new(decode::<AttemptRow>(&self.attempt, "the attempt of a notice")?.into_attempt()?)),
        };
        Ok(Trigger {
            delivery_id: DeliveryId::from_bytes(self.delivery_id.as_ref().try_into().map_err(|_| damaged())?),
            event_id: self.event_id.parse().map_err(|_| damaged())?,
            event_type: self.event_type.into(),
            attempt,
        })
    }
}

/// The attempt without what was sent and came as bodies.
fn without_bodies(attempt: &Attempt) -> Attempt {
    let mut bare = attempt.clone();
    if let Some(request) = &mut bare.request {
        (request.body, request.body_truncated) = (Bytes::new(), false);
    }
    if let Some(response) = &mut bare.response {
        (response.body, response.body_truncated) = (Bytes::new(), false);
    }
    bare
}

impl ReportRow {
    /// When it was last reported that deliveries fail.
    pub(crate) fn failing(&self) -> Option<Timestamp> {
        self.failing.map(Time::get)
    }
}

#[cfg(test)]
mod tests {
    use tenterhook_model::{Namespace, OsEntropy, WebhookHealth};

    use super::*;
    use crate::rows;
    use crate::seal::SealingKey;
    use crate::tests as fixtures;

    fn sealer() -> Sealer {
        Sealer::new(&SealingKey::new([1; 32]), Arc::new(OsEntropy))
    }

    fn notice() -> Notice {
        Notice {
            id: NoticeId(7),
            event_id: "evt_1".parse().unwrap(),
            kind: NoticeKind::Failing,
            time: Timestamp::from_millis(5),
            webhook: Arc::new(fixtures::webhook(1)),
            health: WebhookHealth { consecutive_failures: 3, ..WebhookHealth::default() },
            reason: "answered 503".into(),
            count: 12,
            trigger: Some(Trigger {
                delivery_id: DeliveryId::from_bytes([4; 16]),
                event_id: "e".parse().unwrap(),
                event_type: "created".into(),
                attempt: Some(Arc::new(fixtures::attempt(2))),
            }),
        }
    }

    #[test]
    fn a_notice_comes_back_without_the_bodies_of_its_attempt() {
        let (notice, sealer) = (notice(), sealer());
        assert_ne!(notice.webhook.namespace, "none".parse::<Namespace>().unwrap());
        let row = rows::encode(&NoticeRow::of(&notice, &sealer));
        assert!(!row.windows(4).any(|bytes| bytes == b"sent" || bytes == b"came"), "bodies are left out");
        let row: NoticeRow = rows::decode(&row.into(), "a notice").unwrap();
        let read = row.into_notice(notice.id, &sealer).unwrap();
        let bare = without_bodies(notice.trigger.as_ref().unwrap().attempt.as_ref().unwrap());
        let trigger = Trigger { attempt: Some(Arc::new(bare)), ..notice.trigger.clone().unwrap() };
        assert_eq!(read, Notice { trigger: Some(trigger), ..notice });
    }

    #[test]
    fn a_notice_that_is_due_to_no_attempt_comes_back_without_one() {
        let sealer = sealer();
        let trigger = notice().trigger.map(|trigger| Trigger { attempt: None, ..trigger });
        for trigger in [trigger, None] {
            let notice = Notice { trigger, ..notice() };
            assert_eq!(NoticeRow::of(&notice, &sealer).into_notice(notice.id, &sealer).unwrap(), notice);
        }
    }

    #[test]
    fn what_is_cut_from_an_attempt_are_its_bodies_and_nothing_else() {
        let attempt = fixtures::attempt(2);
        let bare = without_bodies(&attempt);
        let (request, response) = (attempt.request.unwrap(), attempt.response.unwrap());
        assert!(!request.body.is_empty() && !response.body.is_empty());
        let (sent, came) = (bare.request.unwrap(), bare.response.unwrap());
        assert_eq!((sent.body.len(), sent.body_truncated, sent.headers), (0, false, request.headers));
        assert_eq!((came.body.len(), came.body_truncated, came.status), (0, false, response.status));
    }

    #[test]
    fn a_report_knows_since_when_deliveries_fail() {
        let time = Timestamp::from_millis(5);
        assert_eq!(ReportRow { failing: Some(time.into()), ..ReportRow::default() }.failing(), Some(time));
        assert_eq!(ReportRow::default().failing(), None);
    }

    #[test]
    fn a_row_that_is_not_whole_is_damaged() {
        let sealer = sealer();
        let whole = NoticeRow::of(&notice(), &sealer);
        for broken in [
            NoticeRow { event_id: String::new(), ..whole.clone() },
            NoticeRow { kind: 99, ..whole.clone() },
            NoticeRow { webhook: None, ..whole.clone() },
            NoticeRow { health: Bytes::new(), ..whole.clone() },
            NoticeRow { trigger: Some(TriggerRow::default()), ..whole },
        ] {
            assert!(matches!(broken.into_notice(NoticeId(7), &sealer), Err(StoreError::Damaged(_))));
        }
    }
}
