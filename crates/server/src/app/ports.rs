//! Binding the ports and addresses of a server, and why one cannot be bound.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, anyhow, bail};
use tokio::net::TcpListener;

use crate::config::Config;
use crate::failure::InWords;

/// Where a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The gRPC API.
    pub api: SocketAddr,
    /// The operations listener, unless it is off.
    pub ops: Option<SocketAddr>,
}

impl Addresses {
    /// What `api` and `ops` listen on; of several, the first says it.
    pub(super) fn of(api: &[TcpListener], ops: &[TcpListener]) -> io::Result<Self> {
        Ok(Self { api: api[0].local_addr()?, ops: ops.first().map(TcpListener::local_addr).transpose()? })
    }
}

/// The listeners of the API: one, or for `localhost` one for each family that the machine has. Before
/// them, the addresses that requests come from are tried.
pub(super) async fn bind_api(config: &Config) -> Result<Vec<TcpListener>> {
    check_source(config)?;
    bind("listen", config.listen, config.listen_ipv6).await
}

/// The operations listeners, as many as of the API; none when it is off.
pub(super) async fn bind_ops(config: &Config) -> Result<Vec<TcpListener>> {
    match config.ops_listen {
        Some(address) => bind("ops-listen", address, config.ops_listen_ipv6).await,
        None => Ok(Vec::new()),
    }
}

/// The listeners of the setting `key`.
async fn bind(key: &str, address: SocketAddr, ipv6: Option<SocketAddr>) -> Result<Vec<TcpListener>> {
    listen_on(address, ipv6).await.map_err(|error| anyhow!("--{key}: {error:#}"))
}

/// Listens on `address`, and on the same port of `ipv6`, the IPv6 loopback that `localhost` names too, where the
/// machine has one.
///
/// # Errors
/// Says why a port cannot be bound and what to do about it.
pub async fn listen_on(address: SocketAddr, ipv6: Option<SocketAddr>) -> Result<Vec<TcpListener>> {
    let first = TcpListener::bind(address).await.map_err(|error| anyhow!("{}", refused(address, error.kind())))?;
    let Some(mut also) = ipv6 else { return Ok(vec![first]) };
    also.set_port(first.local_addr().context("the listener has no address")?.port());
    match TcpListener::bind(also).await {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!("{}", taken_ipv6(also)),
        Err(_) => {
            tracing::info!(address = %also, "this machine has no IPv6 loopback; listening on IPv4 only");
            Ok(vec![first])
        }
    }
}

/// What of the ports of `config` cannot be bound now: the setting's key, and why.
pub(super) fn unusable(config: &Config) -> Vec<(&'static str, String)> {
    // Each is free again at once.
    let try_one = |address: SocketAddr| std::net::TcpListener::bind(address).err().map(|error| error.kind());
    let try_all = |address: SocketAddr, ipv6: Option<SocketAddr>| match try_one(address) {
        Some(kind) => Some(refused(address, kind)),
        None => ipv6.filter(|also| try_one(*also) == Some(ErrorKind::AddrInUse)).map(taken_ipv6),
    };
    let api = try_all(config.listen, config.listen_ipv6).map(|why| ("listen", why));
    let ops = config.ops_listen.and_then(|ops| try_all(ops, config.ops_listen_ipv6)).map(|why| ("ops-listen", why));
    let mut found: Vec<_> = api.into_iter().chain(ops).collect();
    found.extend(foreign_source(config).map(|address| ("source-address", foreign(address))));
    found
}

/// Checks that this machine has the addresses that requests shall come from.
fn check_source(config: &Config) -> Result<()> {
    match foreign_source(config) {
        Some(address) => bail!("--source-address: {}", foreign(address)),
        None => Ok(()),
    }
}

/// The first address that requests shall come from and cannot.
fn foreign_source(config: &Config) -> Option<IpAddr> {
    config.source.iter().find(|address| std::net::TcpListener::bind((*address, 0)).is_err())
}

fn foreign(address: IpAddr) -> String {
    format!("this machine does not have the address {address}, so nothing can be sent from it; give one that it has")
}

fn taken_ipv6(address: SocketAddr) -> String {
    format!("another program listens on {address}; 127.0.0.1:PORT leaves it out")
}

/// Why a port cannot be bound, and what to do about it.
fn refused(address: SocketAddr, kind: ErrorKind) -> String {
    let why = match kind {
        ErrorKind::AddrInUse => "another program listens there",
        ErrorKind::PermissionDenied => "this user may not use the port (below 1024 it takes CAP_NET_BIND_SERVICE)",
        ErrorKind::AddrNotAvailable => "this machine does not have the address",
        _ => return format!("cannot listen on {address} ({kind}); give another address"),
    };
    format!("cannot listen on {address}: {why}; give another address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_both_families_for_each_listener() {
        let loopback = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        if TcpListener::bind(loopback("::1")).await.is_err() {
            return;
        }
        let both = Config {
            listen_ipv6: Some(loopback("::1")),
            ops_listen: Some(loopback("127.0.0.1")),
            ops_listen_ipv6: Some(loopback("::1")),
            ..Config::trial("memory:")
        };
        for listeners in [bind_api(&both).await.unwrap(), bind_ops(&both).await.unwrap()] {
            let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
            let port = addresses[0].port();
            assert_eq!(addresses, [loopback("127.0.0.1"), loopback("::1")].map(|one| SocketAddr::new(one.ip(), port)));
            // One that is taken is said with the setting.
            let taken = Config {
                listen: SocketAddr::from(([127, 0, 0, 2], port)),
                ops_listen: Some(SocketAddr::from(([127, 0, 0, 3], port))),
                ..both.clone()
            };
            let taken = Config { listen_ipv6: Some(addresses[1]), ops_listen_ipv6: Some(addresses[1]), ..taken };
            assert!(
                bind_api(&taken).await.unwrap_err().to_string().contains("--listen: another program listens on [::1]")
            );
            assert!(
                bind_ops(&taken)
                    .await
                    .unwrap_err()
                    .to_string()
                    .contains("--ops-listen: another program listens on [::1]")
            );
            let found = unusable(&taken);
            assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["listen", "ops-listen"], "{found:?}");
        }
    }

    #[test]
    fn a_port_that_cannot_be_bound_is_explained_by_its_own_reason() {
        let address: SocketAddr = "0.0.0.0:443".parse().unwrap();
        for (kind, why) in [
            (ErrorKind::AddrInUse, "another program"),
            (ErrorKind::PermissionDenied, "CAP_NET_BIND_SERVICE"),
            (ErrorKind::AddrNotAvailable, "does not have the address"),
        ] {
            let text = refused(address, kind);
            assert!(text.contains(why) && text.contains("0.0.0.0:443"), "{text}");
        }
        assert!(!refused(address, ErrorKind::PermissionDenied).contains("another program"));
    }
}
