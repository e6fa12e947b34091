//! [`Announcer`]: publishes what the server reports about itself, as operational events.
//!
//! The store commits each notice with the change that it reports. Here it is matched like any
//! event, and the commit that holds its event and deliveries also removes the notice. So a server
//! that is killed at any point publishes each notice once.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Clock, Event, JsonText, Timestamp};
use tenterhook_store::{Announcing, Notice, StoreError};
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;

/// Notices that are read at a time.
const PAGE: usize = 64;
/// Wait after the store refused a notice; it doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two tries of one notice.
const LAST_WAIT: Duration = Duration::from_secs(60);

/// Writes the `data` of operational events.
pub trait Describe: Debug + Send + Sync + 'static {
    /// The `data` of the event of a notice; it holds no secret.
    fn data(&self, notice: &Notice) -> JsonText;
}

/// Publishes notices as long as the server runs. There is one for each store.
#[derive(Debug)]
pub struct Announcer {
    /// Where notices come from and events go.
    pub store: Arc<dyn Announcing>,
    /// Matches the events.
    pub intake: Arc<Intake>,
    /// Writes their data.
    pub describe: Arc<dyn Describe>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

impl Announcer {
    /// Publishes each notice until `cancel`; those that wait then are published after the next start.
    pub async fn run(self, cancel: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            let step = async {
                let rung = self.store.notice_bell().notified();
                match self.announce_all().await {
                    Ok(()) => {
                        wait = FIRST_WAIT;
                        rung.await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, ?wait, "operational events could not be published; trying again");
                        tokio::time::sleep(wait).await;
                        wait = (wait * 2).min(LAST_WAIT);
                    }
                }
            };
            // The end comes first.
            tokio::select! { biased;
                () = cancel.cancelled() => return,
                () = step => {}
            }
        }
    }

    /// Publishes the notices that wait now.
    ///
    /// # Errors
    /// When the store takes none at the moment; what is left is kept.
    ///
    /// # Cancel safety
    /// Dropping it leaves the rest to the next call.
    pub async fn announce_all(&self) -> Result<(), StoreError> {
        loop {
            let notices = self.store.notices(PAGE).await?;
            if notices.is_empty() {
                return Ok(());
            }
            for notice in notices {
                let event = event(&notice, self.describe.data(&notice), self.clock.now());
                let mut routed = self.intake.route(vec![event]).await;
                let event = routed.pop().expect("one event is routed to one");
                self.store.announce(notice.id, event).await?;
            }
        }
    }
}

/// The operational event of a notice.
fn event(notice: &Notice, data: JsonText, now: Timestamp) -> Event {
    Event {
        id: notice.event_id.clone(),
        namespace: notice.webhook.namespace.clone(),
        event_type: notice.kind.event_type().into(),
        object_type: "tenterhook.webhook".to_owned(),
        occur_time: Some(notice.time),
        username: String::new(),
        request_id: String::new(),
        data: Some(data),
        snapshots: None,
        request: None,
        context: None,
        attributes: [("webhook_id".to_owned(), notice.webhook.id.to_string())].into(),
        ordering_key: String::new(),
        deliver_after: None,
        expire_time: None,
        publish_time: now,
        trace_parent: None,
    }
}
