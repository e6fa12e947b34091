//! Which addresses a request may go to: the policy's answer for its URL.
//!
//! Nothing is dialled that has not come out of here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tenterhook_model::{AddressPolicy, Host, HostName, Resolve, ResolveError, TargetUrl, limits};
use tokio::time::{Instant, timeout};

use crate::attempt::{Phase, Progress};
use crate::error::AttemptError;
use crate::turn::in_turn;

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

    /// The addresses of `url` that the policy permits, in the order in which to dial them and at
    /// most [`limits::DNS_RECORDS`]; never empty. A literal address is not looked up; a name is, once.
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
        let permitted = match url.host() {
            Host::Address(address) => {
                self.policy.judge(*address).map_err(|reason| AttemptError::Address(reason.to_string()))?;
                vec![*address]
            }
            Host::Name(name) => {
                let addresses = self.look_up(name, progress).await?;
                let permitted = self.policy.choose(name, &addresses);
                permitted.map_err(|reason| AttemptError::Address(reason.to_string()))?
            }
        };
        let mut targets = in_turn(permitted);
        targets.truncate(limits::DNS_RECORDS);
        assert!(!targets.is_empty(), "a look-up without an address is an error");
        Ok(targets.into_iter().map(|address| SocketAddr::new(address, url.port())).collect())
    }

    /// The addresses of `host`; never empty.
    async fn look_up(&self, host: &HostName, progress: &mut Progress) -> Result<Vec<IpAddr>, AttemptError> {
        progress.phase = Phase::LookUp;
        let start = Instant::now();
        let answer = timeout(limits::DNS_TIMEOUT, self.resolver.resolve(host)).await;
        progress.timings.dns = Some(start.elapsed());
        match answer {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(ResolveError::not_found(host).into()),
            Ok(answer) => Ok(answer?),
            Err(_) => Err(AttemptError::ResolveTimeout { host: host.brief(), limit: limits::DNS_TIMEOUT }),
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
