//! Finds certificates of webhooks that end soon, and lets the store make notices of them.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_dispatch::Ahead;
use tenterhook_model::{Clock, Timestamp, TransportCheck, WebhookState};
use tenterhook_store::{Announcing, StoreError};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How often certificates are looked at.
const PERIOD: Duration = Duration::from_secs(3_600);
/// Days before the end of a certificate at which it is reported.
const DAYS: [u32; 3] = [1, 7, 30];
/// Seconds of a day.
const DAY: u64 = 24 * 3_600;

/// Looks for certificates that end soon.
#[derive(Debug)]
pub(super) struct Expiring {
    /// Where webhooks are, and notices go.
    pub(super) store: Arc<dyn Announcing>,
    /// Reads certificates.
    pub(super) check: Arc<dyn TransportCheck>,
    /// The time of day.
    pub(super) clock: Arc<dyn Clock>,
}

impl Expiring {
    /// Looks now and every hour until `end`.
    pub(super) async fn run(self, end: CancellationToken) {
        let mut ahead = Ahead::default();
        loop {
            let look = async {
                if let Err(error) = self.look(&mut ahead).await {
                    tracing::warn!(%error, "certificates that expire could not be reported; trying again in an hour");
                }
                sleep(PERIOD).await;
            };
            // The end comes first.
            tokio::select! { biased;
                () = end.cancelled() => return,
                () = look => {}
            }
        }
    }

    /// Looks once, in namespaces where a webhook asks for operational events.
    async fn look(&self, ahead: &mut Ahead) -> Result<(), StoreError> {
        let (set, now, moment) = (self.store.webhooks(), self.clock.now(), Instant::now());
        ahead.look(now, moment);
        // What a clock that is wrong had reported would not be reported when it is time.
        if ahead.is_doubted(moment) {
            return Ok(());
        }
        let asked = set.by_id.values().filter(|webhook| set.subscribers.contains_key(&webhook.namespace));
        for webhook in asked.filter(|webhook| webhook.state() != WebhookState::Disabled) {
            let Some(end) = self.check.first_end(&webhook.spec.transport) else { continue };
            if let Some(days) = days_to_report(end.time, now) {
                self.store.note_expiry((webhook.id, webhook.revision), end, days).await?;
            }
        }
        Ok(())
    }
}

/// The smallest of [`DAYS`] within which `end` comes, if it comes within the largest.
fn days_to_report(end: Timestamp, now: Timestamp) -> Option<u32> {
    let left = end.since(now);
    DAYS.into_iter().find(|days| left <= Duration::from_secs(u64::from(*days) * DAY))
}

#[cfg(test)]
mod tests {
    use tenterhook_model::webhook::{EventRule, TransportPolicy};
    use tenterhook_model::{CertificateEnd, ClientCredentials, Fault, NoticeKind, Webhook};
    use tenterhook_store::{Expect, WebhookChange};

    use super::*;
    use crate::app::hand_tests::{Hand, memory};

    /// Every webhook has a certificate that ends then.
    #[derive(Debug)]
    struct Ends(Timestamp);

    impl TransportCheck for Ends {
        fn check(&self, _: &TransportPolicy) -> Vec<Fault> {
            Vec::new()
        }

        fn check_credentials(&self, _: &ClientCredentials) -> Vec<Fault> {
            Vec::new()
        }

        fn warnings(&self, _: &TransportPolicy) -> Vec<Fault> {
            Vec::new()
        }

        fn first_end(&self, _: &TransportPolicy) -> Option<CertificateEnd> {
            Some(CertificateEnd { field: "ca_certificates_pem", time: self.0 })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_ahead_for_a_while_reports_nothing() {
        let day = 24 * 3_600_000;
        let clock = Arc::new(Hand::default());
        let (store, _writer) = memory(clock.clone());
        let mut webhook: Webhook = tenterhook_fixtures::webhook(1);
        webhook.spec.rules = vec![EventRule { event_types: vec!["tenterhook.*".into()], ..EventRule::default() }];
        let change = WebhookChange::Put { webhook: Box::new(webhook), expect: Expect::Absent, request: None };
        store.save_webhook(change).await.unwrap();
        let check = Arc::new(Ends(Timestamp::from_millis(100 * day)));
        let (expiring, cancel) =
            (Expiring { store: store.clone(), check, clock: clock.clone() }, CancellationToken::new());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(expiring.run(cancel.clone()));
        let notices = async || {
            let all = store.notices(10).await.unwrap();
            all.iter().filter(|notice| notice.kind == NoticeKind::CertificateExpiring).count()
        };
        sleep(Duration::from_secs(60)).await;
        clock.set(99 * day);
        sleep(PERIOD).await;
        assert_eq!(notices().await, 0, "it may be set right");
        clock.set(0);
        sleep(PERIOD).await;
        assert_eq!(notices().await, 0);
        clock.set(71 * day);
        sleep(2 * PERIOD).await;
        assert_eq!(notices().await, 1, "it has stood, and the certificate ends within thirty days");
        cancel.cancel();
    }

    #[test]
    fn a_certificate_is_reported_at_thirty_days_a_week_and_a_day() {
        let day = |days: u64, seconds: u64| Duration::from_secs(days * DAY + seconds);
        let now = Timestamp::from_millis(1_000_000_000);
        let report = |left: Duration| days_to_report(now.after(left), now);
        assert_eq!([report(day(31, 0)), report(day(30, 1))], [None, None]);
        assert_eq!([report(day(30, 0)), report(day(7, 1))], [Some(30), Some(30)]);
        assert_eq!([report(day(7, 0)), report(day(1, 1))], [Some(7), Some(7)]);
        assert_eq!([report(day(1, 0)), report(day(0, 0))], [Some(1), Some(1)]);
        assert_eq!(days_to_report(now.before(day(90, 0)), now), Some(1), "one that has ended is reported too");
    }
}
