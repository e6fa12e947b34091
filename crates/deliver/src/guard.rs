//! Which addresses a request may go to: the policy's answer for its URL.
//!
//! Nothing is dialled that has not come out of here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tenterhook_model::webhook::ProxyUse;
use tenterhook_model::{
    AddressPolicy, Egress, Header, Host, HostName, Proxy, ProxyScheme, Resolve, ResolveError, Secret, TargetUrl, limits,
};
use tokio::time::{Instant, timeout};

use crate::dial_order::in_turn;
use crate::error::AttemptError;
use crate::http1::Forwarder;
use crate::progress::{Phase, Progress};

/// The address policy, and the resolver that its names are looked up with.
#[derive(Debug)]
pub(crate) struct Guard {
    policy: AddressPolicy,
    egress: Egress,
    resolver: Arc<dyn Resolve>,
}

/// Where a request goes, and by which way.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    /// The proxy; `None` is the direct way.
    pub(crate) proxy: Option<&'a Proxy>,
    /// Whether the proxy looks the name up.
    pub(crate) leaves_name: bool,
    /// The checked addresses, in the order in which to dial them; of a name that is left to the proxy, the
    /// unspecified one. Never empty.
    pub(crate) targets: Vec<SocketAddr>,
}

impl Way<'_> {
    /// The proxy, if it passes requests on: plain HTTP to where its own look-up cannot lead astray.
    pub(crate) fn forwarder(&self, url: &TargetUrl) -> Option<Forwarder> {
        let is_fixed = self.leaves_name || url.host().address().is_some();
        let proxy = self.proxy.filter(|proxy| proxy.scheme != ProxyScheme::Socks5h && !url.is_https() && is_fixed)?;
        let header = |(user, password): &(String, Secret)| Header {
            name: "Proxy-Authorization".into(),
            ..Header::basic(user, password.expose())
        };
        Some(Forwarder { authorization: proxy.credentials.as_ref().map(header) })
    }
}

impl Guard {
    pub(crate) fn new(policy: AddressPolicy, egress: Egress, resolver: Arc<dyn Resolve>) -> Self {
        Self { policy, egress, resolver }
    }

    /// The way to `url` for a webhook that chose `wish`.
    ///
    /// # Errors
    /// When there is no address, or none that is permitted, or the wish is not allowed.
    pub(crate) async fn way(
        &self,
        url: &TargetUrl,
        wish: ProxyUse,
        progress: &mut Progress,
    ) -> Result<Way<'_>, AttemptError> {
        if wish == ProxyUse::Direct && !self.egress.may_be_direct() {
            return Err(AttemptError::Address(Egress::NOT_DIRECT.to_owned()));
        }
        let proxy = self.egress.proxy(url, wish);
        let leaves_name = proxy.is_some() && self.egress.leaves_name_to_proxy(url);
        let targets = match leaves_name {
            true => {
                self.check_scheme(url)?;
                vec![SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), url.port())]
            }
            false => self.targets(url, progress).await?,
        };
        assert!(
            leaves_name || targets.iter().all(|target| proxy.is_some() || self.policy.permits(target.ip())),
            "an address that the policy does not permit would be dialled: {targets:?}"
        );
        progress.proxy = proxy.map(ToString::to_string).unwrap_or_default();
        Ok(Way { proxy, leaves_name, targets })
    }

    /// The addresses of a proxy, which whoever runs the server has chosen: no policy judges them.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) async fn addresses_of(&self, proxy: &Proxy) -> Result<Vec<SocketAddr>, AttemptError> {
        let addresses = match &proxy.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.look_up(name, &mut Progress::new()).await?,
        };
        let mut targets = in_turn(addresses);
        targets.truncate(limits::DNS_RECORDS);
        Ok(targets.into_iter().map(|address| SocketAddr::new(address, proxy.port)).collect())
    }

    fn check_scheme(&self, url: &TargetUrl) -> Result<(), AttemptError> {
        if url.is_https() || self.policy.allow_http { Ok(()) } else { Err(AttemptError::PlainHttp) }
    }

    /// The addresses of `url` that the policy permits, in the order in which to dial them and at
    /// most [`limits::DNS_RECORDS`]; never empty. A literal address is not looked up; a name is, once.
    ///
    /// # Errors
    /// When there is no address, or none that is permitted.
    async fn targets(&self, url: &TargetUrl, progress: &mut Progress) -> Result<Vec<SocketAddr>, AttemptError> {
        self.check_scheme(url)?;
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
