//! Records on their way to another node, as they would be stored: secrets stay sealed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::{Attempt, Entropy, Event, EventId, Namespace, Webhook};

use crate::error::StoreError;
use crate::rows::webhook::WebhookRow;
use crate::rows::{self, attempt, event};
use crate::seal::{Sealer, SealingKey};

/// Writes and reads the records that nodes with one sealing key send each other.
#[derive(Clone)]
pub struct Carrier(Arc<Sealer>);

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carrier")
    }
}

impl Carrier {
    /// A carrier that seals with `key`.
    pub fn new(key: &SealingKey, entropy: Arc<dyn Entropy>) -> Self {
        Self(Arc::new(Sealer::new(key, entropy)))
    }

    /// The record of a webhook, its secrets sealed.
    pub fn webhook(&self, webhook: &Webhook) -> Bytes {
        rows::encode(&self.0.row(webhook)).into()
    }

    /// The webhook of a record.
    ///
    /// # Errors
    /// When it is damaged, or sealed with another key.
    pub fn read_webhook(&self, record: &Bytes) -> Result<Webhook, StoreError> {
        self.0.webhook(&rows::decode::<WebhookRow>(record, "a webhook from another node")?)
    }

    /// The record of an event, without its namespace and id.
    pub fn event(&self, event: &Event) -> Bytes {
        event::encode(event, &[0; 32], &[]).into()
    }

    /// The event of a record.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn read_event(&self, namespace: Namespace, id: EventId, record: &Bytes) -> Result<Event, StoreError> {
        let row: event::EventRow = rows::decode(record, "an event from another node")?;
        Ok(row.into_event(namespace, id))
    }

    /// The record of an attempt, sensitive headers without their values.
    pub fn attempt(&self, attempt: &Attempt) -> Bytes {
        attempt::encode(attempt).into()
    }

    /// The attempt of a record.
    ///
    /// # Errors
    /// When it is damaged, or of a newer version.
    pub fn read_attempt(&self, record: &Bytes) -> Result<Attempt, StoreError> {
        rows::decode::<attempt::AttemptRow>(record, "an attempt from another node")?.into_attempt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as fixtures;
    use tenterhook_model::{OsEntropy, Secret};

    fn carrier(key: u8) -> Carrier {
        Carrier::new(&SealingKey::new([key; 32]), Arc::new(OsEntropy))
    }

    #[test]
    fn a_webhook_arrives_with_its_secrets_and_shows_none_on_the_way() {
        let mut webhook = fixtures::webhook(1);
        *webhook.secrets_mut()[0] = Secret::new("hunter2".to_owned());
        let record = carrier(1).webhook(&webhook);
        assert!(!record.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(carrier(1).read_webhook(&record).unwrap(), webhook);
        carrier(2).read_webhook(&record).unwrap_err();
    }

    #[test]
    fn events_and_attempts_arrive_as_they_are_stored() {
        let (carrier, event, attempt) = (carrier(1), fixtures::full_event(), fixtures::attempt(3));
        let read = carrier.read_event(event.namespace.clone(), event.id.clone(), &carrier.event(&event));
        assert_eq!(read.unwrap(), event);
        assert_eq!(carrier.read_attempt(&carrier.attempt(&attempt)).unwrap(), attempt);
    }

    #[test]
    fn bytes_that_are_no_record_are_refused() {
        let (carrier, junk) = (carrier(1), Bytes::from_static(b"\x01\0\0\0\0junk"));
        carrier.read_webhook(&junk).unwrap_err();
        carrier.read_attempt(&junk).unwrap_err();
        let event = fixtures::event("e");
        carrier.read_event(event.namespace, event.id, &junk).unwrap_err();
    }
}
