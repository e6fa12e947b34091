//! Which addresses a request may go to: the policy's answer for its URL.
//!
//! Nothing is dialled that has not come out of here.

use std::net::SocketAddr;
use std::sync::Arc;

use tenterhook_model::{AddressPolicy, Resolve, ResolveError, TargetUrl, limits};
use tokio::time::{Instant, timeout};

use crate::attempt::{Phase, Progress};
use crate::error::AttemptError;

/// The address policy, and the resolver that its names are looked up with.
#[derive(Debug)]
pub(crate) struct Guard {
    policy: AddressPolicy,
    resolver: Arc<dyn Resolve>,
}

impl Guard {
    pub(crate) fn new(policy: AddressPolicy, resolver: Arc<dyn Resolve>) -> Self {
        Self { policy, resolver }
    }

    /// Every address that `url` stands for and the policy permits, in the resolver's order;
    /// never empty. A literal address is not looked up; a name is, once.
    ///
    /// # Errors
    /// When there is no address, or none that is permitted.
    pub(crate) async fn targets(
        &self,
        url: &TargetUrl,
        progress: &mut Progress,
    ) -> Result<Vec<SocketAddr>, AttemptError> {
        if !url.is_https() && !self.policy.allow_http {
            return Err(AttemptError::PlainHttp);
        }
        let port = url.port();
        if let Some(address) = url.literal_address() {
            if !self.policy.permits(address) {
                return Err(AttemptError::Address(self.policy.advice(address)));
            }
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let host = url.host();
        let addresses = self.look_up(&host, progress).await?;
        let Some(first) = addresses.first().copied() else { return Err(ResolveError::NotFound(host).into()) };
        let permitted = addresses.into_iter().take(limits::DNS_RECORDS).filter(|address| self.policy.permits(*address));
        let targets: Vec<_> = permitted.map(|address| SocketAddr::new(address, port)).collect();
        if targets.is_empty() {
            return Err(AttemptError::Address(format!("{host} resolves to {}", self.policy.advice(first))));
        }
        Ok(targets)
    }

    async fn look_up(&self, host: &str, progress: &mut Progress) -> Result<Vec<std::net::IpAddr>, AttemptError> {
        progress.phase = Phase::LookUp;
        let start = Instant::now();
        let answer = timeout(limits::DNS_TIMEOUT, self.resolver.resolve(host)).await;
        progress.timings.dns = Some(start.elapsed());
        match answer {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(AttemptError::ResolveTimeout { host: host.to_owned(), limit: limits::DNS_TIMEOUT }),
        }
    }

    /// Whether a connection that was made to the checked address `dialled` leads there.
    ///
    /// # Errors
    /// When it leads elsewhere, or to where the policy does not permit.
    pub(crate) fn check_peer(&self, dialled: SocketAddr, peer: SocketAddr) -> Result<(), AttemptError> {
        let same = dialled.ip().to_canonical() == peer.ip().to_canonical() && dialled.port() == peer.port();
        if same && self.policy.permits(peer.ip()) { Ok(()) } else { Err(AttemptError::Peer { dialled, peer }) }
    }
}
