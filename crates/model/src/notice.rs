//! [`NoticeKind`]: what the server reports about itself, and the types of the events that carry it.
//!
//! The store commits a notice with the change that it reports; the intake publishes each as an
//! operational event.

/// What the types of operational events begin with. Publishers cannot use it, and only a pattern
/// that begins with it takes such events.
pub const OPERATIONAL_PREFIX: &str = "tenterhook.";

/// Whether events of this type are the server's own.
pub fn is_operational(event_type: &str) -> bool {
    event_type.starts_with(OPERATIONAL_PREFIX)
}

/// What happened to a webhook, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// It was created.
    Created,
    /// Its configuration changed.
    Updated,
    /// It was deleted.
    Deleted,
    /// An operator paused it.
    Paused,
    /// It is sent to again after a pause or a suspension.
    Resumed,
    /// The server stopped it.
    Suspended,
    /// Its circuit breaker opened.
    BreakerOpened,
    /// Its circuit breaker closed.
    BreakerClosed,
    /// Deliveries to it fail for good.
    Failing,
    /// A delivery succeeded after others had failed for good.
    Recovered,
    /// It has a new signing key.
    KeyRotated,
    /// A certificate that it names ends soon.
    CertificateExpiring,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Created,
        Self::Updated,
        Self::Deleted,
        Self::Paused,
        Self::Resumed,
        Self::Suspended,
        Self::BreakerOpened,
        Self::BreakerClosed,
        Self::Failing,
        Self::Recovered,
        Self::KeyRotated,
        Self::CertificateExpiring,
    ];

    /// The type of its event.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Created => "tenterhook.webhook.created",
            Self::Updated => "tenterhook.webhook.updated",
            Self::Deleted => "tenterhook.webhook.deleted",
            Self::Paused => "tenterhook.webhook.paused",
            Self::Resumed => "tenterhook.webhook.resumed",
            Self::Suspended => "tenterhook.webhook.suspended",
            Self::BreakerOpened => "tenterhook.webhook.breaker_opened",
            Self::BreakerClosed => "tenterhook.webhook.breaker_closed",
            Self::Failing => "tenterhook.webhook.failing",
            Self::Recovered => "tenterhook.webhook.recovered",
            Self::KeyRotated => "tenterhook.webhook.key_rotated",
            Self::CertificateExpiring => "tenterhook.certificate.expiring",
        }
    }

    /// What happened, as the end of a sentence that begins with the webhook's name.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Created => "was created",
            Self::Updated => "was changed",
            Self::Deleted => "was deleted",
            Self::Paused => "was paused",
            Self::Resumed => "was resumed",
            Self::Suspended => "was suspended by the server",
            Self::BreakerOpened => "is not sent to: its circuit breaker opened",
            Self::BreakerClosed => "is sent to again: its circuit breaker closed",
            Self::Failing => "is failing: deliveries were given up",
            Self::Recovered => "has recovered: a delivery succeeded",
            Self::KeyRotated => "has a new signing key",
            Self::CertificateExpiring => "needs a new certificate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_have_the_same_type_and_all_are_operational() {
        let types: std::collections::BTreeSet<_> = NoticeKind::ALL.iter().map(|kind| kind.event_type()).collect();
        assert_eq!(types.len(), NoticeKind::ALL.len());
        assert!(types.iter().all(|name| is_operational(name)), "{types:?}");
        assert!(!is_operational("tenterhook") && !is_operational("created") && !is_operational("Tenterhook.x"));
    }
}
