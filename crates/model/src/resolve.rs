//! Looking up the addresses of a host, for the check at save and for each attempt.

use std::fmt::Debug;
use std::net::IpAddr;

use async_trait::async_trait;
use thiserror::Error;

use crate::host::HostName;

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// The name servers say that there is no such host, or that it has no address.
    #[error("the host {0} has no address")]
    NotFound(String),
    /// No name server can be reached from this machine: a fault of its own set-up or network.
    #[error("this server cannot reach its name servers ({0}): check /etc/resolv.conf and its network")]
    Unavailable(String),
    /// The name servers did not answer, or failed.
    #[error("the look-up of {host} failed: {reason}")]
    Failed {
        /// The host that was looked up.
        host: String,
        /// What went wrong, in our words.
        reason: String,
    },
}

impl ResolveError {
    /// The host has no address.
    pub fn not_found(host: &HostName) -> Self {
        Self::NotFound(host.brief())
    }

    /// The look-up of `host` failed.
    pub fn failed(host: &HostName, reason: impl Into<String>) -> Self {
        Self::Failed { host: host.brief(), reason: reason.into() }
    }
}

/// A name resolver. Tests and the simulation pass a table.
#[async_trait]
pub trait Resolve: Debug + Send + Sync + 'static {
    /// Every address of `host`, permitted or not; the caller judges them and sets the deadline.
    ///
    /// # Errors
    /// When the name has no address or the look-up fails.
    async fn resolve(&self, host: &HostName) -> Result<Vec<IpAddr>, ResolveError>;
}
