//! Which requests are sent again within their attempt, and how often.
//!
//! A receiver may close a kept connection at the moment when a request is sent on it, and an
//! HTTP/2 receiver may say that it has not looked at a request (RFC 9113 section 8.7). Such a
//! request was not processed, so it is sent again at once on another connection, and neither the
//! delivery nor the receiver is charged with it. Nothing else is sent twice.

use tenterhook_model::limits;

use crate::error::AttemptError;

/// How often a request is sent again; the next failure is the attempt's.
pub(crate) const RESENDS: usize = limits::RESENDS;

/// Which connection a request is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A kept one, or else a new one.
    Kept,
    /// A new one, or one that another attempt has just made and shares.
    New,
    /// A new one that no other attempt shares. A receiver that takes only a few requests on each
    /// connection takes at least the first.
    Alone,
}

impl Source {
    /// The connection for a request that was sent `resent` times before.
    pub(crate) fn after(resent: usize) -> Self {
        match resent {
            0 => Self::Kept,
            1 => Self::New,
            _ => Self::Alone,
        }
    }
}

/// Why an exchange over a connection broke off.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) error: AttemptError,
    /// Whether the receiver has not processed the request.
    pub(crate) unprocessed: bool,
}

impl From<AttemptError> for Broken {
    fn from(error: AttemptError) -> Self {
        Self { error, unprocessed: false }
    }
}
