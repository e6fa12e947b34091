//! The attempts of a node that stands by: it makes them for whoever serves.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_deliver::Deliverer;
use tenterhook_fleet::{Duty, Joining, Relieved};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::clerk::DIAL_TIMEOUT;
use super::dial::{Stream, Unreached, join};
use super::standing::{Holder, Relay, Standing};

/// Pause before a node is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// A node that sends for the one that serves.
pub(crate) struct SendingFor {
    /// Makes the attempts.
    pub(crate) duty: Duty<Deliverer>,
    /// What it says of itself.
    pub(crate) joining: Joining,
    /// Who serves.
    pub(crate) relay: Relay,
    /// Cancelled when this node is to leave; what it has under way is finished first.
    pub(crate) leave: CancellationToken,
}

impl SendingFor {
    /// Sends for whoever serves, until it is to leave.
    ///
    /// # Cancel safety
    /// Dropped, every attempt is cut off.
    pub(crate) async fn run(self) {
        let mut standing = self.relay.standing().subscribe();
        let mut refused = None;
        // The end comes first.
        while let Some(holder) = tokio::select! { biased;
            () = self.leave.cancelled() => None,
            holder = another(&mut standing) => holder,
        } {
            match self.send_for(&holder, &mut standing).await {
                Relieved::Left => break,
                Relieved::Lost => {}
                Relieved::Refused(why) => {
                    let again = Some((holder.epoch, why.clone()));
                    if refused != again {
                        tracing::warn!(node = holder.node, why, "the node that serves does not let this one send");
                        refused = again;
                    }
                }
            }
            tokio::select! { biased;
                () = self.leave.cancelled() => break,
                () = sleep(AGAIN) => {}
            }
        }
        self.duty.deliverer.close().await;
    }

    /// Sends for a node until that is lost or another one serves.
    async fn send_for(&self, holder: &Holder, standing: &mut watch::Receiver<Standing>) -> Relieved {
        let asked = Instant::now();
        // One that is not reached is complained of by calls and by `/readyz`.
        let Ok(stream) = self.join(holder).await else { return Relieved::Lost };
        tracing::debug!(node = holder.node, "asked to send");
        let gone = standing.wait_for(|now| now.epoch() != Some(holder.epoch));
        // Another node may send the same from now on.
        tokio::select! { biased;
            _ = gone => Relieved::Lost,
            relieved = self.duty.clone().run(stream, asked, &self.leave) => relieved,
        }
    }

    async fn join(&self, holder: &Holder) -> Result<Box<dyn Stream>, Unreached> {
        let address = holder.address.as_ref().ok_or(Unreached::Address)?;
        let joined = timeout(DIAL_TIMEOUT, join(address, self.relay.key(), self.joining.clone())).await;
        joined.unwrap_or(Err(Unreached::Silent))
    }
}

/// The next node that serves and is not this one; `None` when there will be none.
async fn another(standing: &mut watch::Receiver<Standing>) -> Option<Arc<Holder>> {
    let now = standing.wait_for(|now| matches!(now, Standing::There(_))).await.ok()?;
    match &*now {
        Standing::There(holder) => Some(holder.clone()),
        Standing::Nobody | Standing::Here(_) => None,
    }
}
