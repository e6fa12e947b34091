//! What the rows of a lane need from the webhook that they belong to.

use tenterhook_model::{Namespace, Timestamp, WebhookId};

use crate::query::Sequence;

/// The webhook that owns, or owned, a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneInfo {
    /// The webhook.
    pub(crate) webhook: WebhookId,
    /// Its tenant.
    pub(crate) namespace: Namespace,
    /// When the webhook was removed.
    pub(crate) removed: Option<Timestamp>,
    /// The last change of the journal when its last delivery was gone.
    pub(crate) emptied: Option<Sequence>,
}
