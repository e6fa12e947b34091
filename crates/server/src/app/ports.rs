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
    pub(super) fn of(api: &TcpListener, ops: Option<&TcpListener>) -> io::Result<Self> {
        Ok(Self { api: api.local_addr()?, ops: ops.map(TcpListener::local_addr).transpose()? })
    }
}

/// The listeners of the API: one, or for `localhost` one for each family that the machine has. Before
/// them, the addresses that requests come from are tried.
pub(super) async fn bind_api(config: &Config) -> Result<Vec<TcpListener>> {
    check_source(config)?;
    let mut listeners = vec![bind(config.listen, "listen").await?];
    if let Some(mut also) = config.listen_ipv6 {
        also.set_port(listeners[0].local_addr().context("the listener has no address")?.port());
        match TcpListener::bind(also).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => bail!("--listen: {}", taken_ipv6(also)),
            Err(_) => tracing::info!(address = %also, "this machine has no IPv6 loopback; listening on IPv4 only"),
        }
    }
    Ok(listeners)
}

/// The operations listener, unless it is off.
pub(super) async fn bind_ops(config: &Config) -> Result<Option<TcpListener>> {
    match config.ops_listen {
        Some(address) => bind(address, "ops-listen").await.map(Some),
        None => Ok(None),
    }
}

/// The listener of the setting `key`.
async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| anyhow!("--{key}: {}", refused(address, error.kind())))
}

/// What of the ports of `config` cannot be bound now: the setting's key, and why.
pub(super) fn unusable(config: &Config) -> Vec<(&'static str, String)> {
    // Each is free again at once.
    let try_one = |address: SocketAddr| std::net::TcpListener::bind(address).err().map(|error| error.kind());
    let mut found = Vec::new();
    match try_one(config.listen) {
        Some(kind) => found.push(("listen", refused(config.listen, kind))),
        None => {
            let also = config.listen_ipv6.filter(|also| try_one(*also) == Some(ErrorKind::AddrInUse));
            found.extend(also.map(|also| ("listen", taken_ipv6(also))));
        }
    }
    if let Some(ops) = config.ops_listen {
        found.extend(try_one(ops).map(|kind| ("ops-listen", refused(ops, kind))));
    }
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
