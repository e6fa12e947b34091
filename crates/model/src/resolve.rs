//! Looking up the addresses of a host, for the check at save and for each attempt.

use std::fmt::Debug;
use std::net::IpAddr;

use async_trait::async_trait;
use thiserror::Error;

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// The name servers say that there is no such host, or that it has no address.
    #[error("the host {0} has no address")]
    NotFound(String),
    /// The name servers did not answer, or failed.
    #[error("the look-up of {host} failed: {reason}")]
    Failed {
        /// The host that was looked up.
        host: String,
        /// What the resolver says.
        reason: String,
    },
}

/// A name resolver. Tests and the simulation pass a table.
#[async_trait]
pub trait Resolve: Debug + Send + Sync + 'static {
    /// The addresses of `host`, at most [`crate::limits::DNS_RECORDS`]; the caller sets the deadline.
    ///
    /// # Errors
    /// When the name has no address or the look-up fails.
    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError>;
}
