//! Opening a connection to an address that has been checked.
//!
//! A trait, so that tests can record what is dialled and the simulation can hand out
//! in-memory streams instead of sockets.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};

use crate::prompt::Prompt;

/// A way to open connections.
pub trait Dial: Debug + Send + Sync + 'static {
    /// What a connection is read from and written to.
    type Stream: AsyncRead + AsyncWrite + Debug + Unpin + Send + 'static;

    /// Opens a connection to `address`; the caller has checked it and sets the deadline.
    ///
    /// # Errors
    /// When nobody accepts the connection.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    fn dial(&self, address: SocketAddr) -> impl Future<Output = io::Result<Dialled<Self::Stream>>> + Send;
}

/// A connection, and where it really leads.
#[derive(Debug)]
pub struct Dialled<S> {
    /// The connection.
    pub stream: S,
    /// The address of its other end, which is checked again.
    pub peer: SocketAddr,
}

/// TCP, as the system has it, or from a chosen address of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDialer {
    /// The addresses that connections come from.
    pub source: SourceAddresses,
}

/// The addresses of this machine that connections come from; the system chooses where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceAddresses {
    /// For receivers with an IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// For receivers with an IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
}

impl SourceAddresses {
    /// The source for a connection to `target`.
    fn towards(self, target: IpAddr) -> Option<IpAddr> {
        match target {
            IpAddr::V4(_) => self.ipv4.map(IpAddr::V4),
            IpAddr::V6(_) => self.ipv6.map(IpAddr::V6),
        }
    }

    /// The addresses that are set.
    pub fn iter(self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.map(IpAddr::V4).into_iter().chain(self.ipv6.map(IpAddr::V6))
    }
}

/// This machine does not have the address that connections shall come from.
#[derive(Debug, Error)]
#[error("this machine does not have the source address")]
pub(crate) struct NoSource;

impl Dial for TcpDialer {
    type Stream = Prompt;

    async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<Prompt>> {
        // An IPv4-mapped address is an IPv4 address, with an IPv4 source.
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let stream = match self.source.towards(address.ip()) {
            Some(source) => from(source)?.connect(address).await?,
            None => TcpStream::connect(address).await?,
        };
        // A request is written whole; waiting for more to send would only delay it.
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        Ok(Dialled { stream: Prompt::new(stream), peer })
    }
}

/// A socket with the address `source` and a port that the system chooses.
fn from(source: IpAddr) -> io::Result<TcpSocket> {
    let socket = if source.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Ports of connections that have just ended can be taken again, as those that connect(2) chooses can.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(source, 0)).map_err(|error| match error.kind() {
        io::ErrorKind::AddrNotAvailable => io::Error::other(NoSource),
        _ => error,
    })?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Where a connection from `ipv4` to a receiver on loopback is seen to come from.
    async fn seen(ipv4: Ipv4Addr, receiver: &str) -> io::Result<IpAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let dialer = TcpDialer { source: SourceAddresses { ipv4: Some(ipv4), ipv6: None } };
        let target = SocketAddr::new(receiver.parse().unwrap(), listener.local_addr()?.port());
        let (dialled, accepted) = tokio::join!(dialer.dial(target), async {
            tokio::time::timeout(std::time::Duration::from_secs(5), listener.accept()).await
        });
        let Dialled { stream, .. } = dialled?;
        let (_, from) = accepted.expect("a connection that is there is accepted")?;
        assert_eq!(stream.tcp().local_addr()?, from);
        Ok(from.ip())
    }

    #[tokio::test]
    async fn connections_come_from_the_source_address_also_to_mapped_addresses() {
        let source = Ipv4Addr::new(127, 0, 0, 7);
        assert_eq!(seen(source, "127.0.0.1").await.unwrap(), IpAddr::V4(source));
        assert_eq!(seen(source, "::ffff:127.0.0.1").await.unwrap(), IpAddr::V4(source));
    }

    #[tokio::test]
    async fn a_source_address_that_this_machine_does_not_have_is_its_own_trouble() {
        let target: SocketAddr = ([127, 0, 0, 1], 1).into();
        let error = from(Ipv4Addr::new(192, 0, 2, 1).into()).unwrap_err();
        let error = crate::error::AttemptError::connect(1, target, error);
        assert_eq!(error.excuse(), Some(tenterhook_model::Excuse::Local));
        assert!(error.to_string().contains("--source-address"), "{error}");
    }

    #[test]
    fn each_family_has_its_own_source() {
        let both = SourceAddresses { ipv4: Some(Ipv4Addr::LOCALHOST), ipv6: Some(Ipv6Addr::LOCALHOST) };
        assert_eq!(both.iter().count(), 2);
        assert_eq!(both.towards(Ipv6Addr::UNSPECIFIED.into()), Some(Ipv6Addr::LOCALHOST.into()));
        let none = SourceAddresses { ipv6: None, ..both };
        assert_eq!(none.towards(Ipv6Addr::UNSPECIFIED.into()), None);
    }
}
