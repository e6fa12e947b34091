//! Name servers at link-local addresses (`fe80::1%eth0`), as routers announce them (RFC 8106): they
//! are reached only through the interface that is named (RFC 4007 section 11).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hickory_resolver::net::runtime::{DnsUdpSocket, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime};
use tokio::net::UdpSocket;

use super::cut::Cut;

/// Where Linux lists the IPv6 addresses of the machine, with the number and the name of the interface of each.
const INTERFACES: &str = "/proc/net/if_inet6";

/// Where a name server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerAddress {
    pub(super) ip: IpAddr,
    /// The interface, by name or number; only of a link-local address.
    zone: Option<Box<str>>,
}

impl ServerAddress {
    /// Reads the entry of a name server. What stands for this machine is its loopback address.
    pub(super) fn read(word: &str) -> Option<Self> {
        let (address, zone) = word.split_once('%').map_or((word, None), |(address, zone)| (address, Some(zone)));
        let ip = match address.parse::<IpAddr>().ok()?.to_canonical() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        Some(Self { ip, zone: zone.filter(|_| is_link_local).map(Box::from) })
    }

    /// The address as a socket takes it: the interface may be another one after a restart of the network.
    fn scoped(&self, address: SocketAddr) -> SocketAddr {
        let (Some(zone), SocketAddr::V6(mut address)) = (&self.zone, address) else { return address };
        let number = || zone.parse().ok().or_else(|| number_of(zone, &std::fs::read_to_string(INTERFACES).ok()?));
        address.set_scope_id(number().unwrap_or_default());
        address.into()
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.ip),
            None => self.ip.fmt(f),
        }
    }
}

/// The number of the interface `name` in the list of the system: address, number, length of the
/// prefix, scope and flags in hexadecimal digits, and the name.
fn number_of(name: &str, list: &str) -> Option<u32> {
    let mut lines = list.lines().map(|line| line.split_whitespace());
    let number = lines.find_map(|mut words| words.nth(1).filter(|_| words.nth(3) == Some(name)))?;
    u32::from_str_radix(number, 16).ok()
}

/// hickory's sockets on tokio, which take an address without its interface and note what comes cut short.
#[derive(Clone)]
pub(super) struct Sockets {
    server: ServerAddress,
    cut: Arc<Cut>,
    tokio: TokioRuntimeProvider,
}

impl Sockets {
    /// Sockets to this server.
    pub(super) fn to(server: ServerAddress, cut: Arc<Cut>) -> Self {
        Self { server, cut, tokio: TokioRuntimeProvider::default() }
    }
}

impl RuntimeProvider for Sockets {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Datagrams;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        from: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.tokio.connect_tcp(self.server.scoped(server), from, timeout)
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        let (server, cut) = (self.server.scoped(server), Arc::clone(&self.cut));
        Box::pin(async move { Ok(Datagrams { socket: UdpSocket::bind(local).await?, server, cut }) })
    }
}

/// A socket for questions to one server.
pub(super) struct Datagrams {
    socket: UdpSocket,
    server: SocketAddr,
    cut: Arc<Cut>,
}

impl DnsUdpSocket for Datagrams {
    type Time = TokioTime;

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let received = ready!(DnsUdpSocket::poll_recv_from(&self.socket, cx, buffer));
        if let Ok((length, _)) = received {
            self.cut.note(&buffer[..length]);
        }
        Poll::Ready(received)
    }

    fn poll_send_to(&self, cx: &mut Context<'_>, bytes: &[u8], _server: SocketAddr) -> Poll<io::Result<usize>> {
        DnsUdpSocket::poll_send_to(&self.socket, cx, bytes, self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_systems_resolver_reads_them() {
        for (word, shown) in [
            ("10.0.0.1", "10.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("fe80::1", "fe80::1"),
            ("2001:db8::1%eth0", "2001:db8::1"),
        ] {
            assert_eq!(ServerAddress::read(word).unwrap().to_string(), shown, "{word}");
        }
        for word in ["", "x", "fe80::1/64", "10.0.0.1:53", "[::1]"] {
            assert_eq!(ServerAddress::read(word), None, "{word}");
        }
    }

    #[test]
    fn a_link_local_server_is_asked_through_its_interface() {
        let list = "00000000000000000000000000000001 01 80 10 80       lo\n\
                    fe800000000000000042acfffe110002 1b 40 20 80    eth0\n";
        assert_eq!((number_of("lo", list), number_of("eth0", list)), (Some(1), Some(27)));
        assert_eq!((number_of("eth1", list), number_of("", list)), (None, None));
        let scoped = |word: &str| {
            let server = ServerAddress::read(word).unwrap();
            server.scoped(SocketAddr::new(server.ip, 53)).to_string()
        };
        assert_eq!(scoped("fe80::1%27"), "[fe80::1%27]:53");
        assert_eq!(scoped("fe80::1%none"), "[fe80::1]:53");
        assert_eq!((scoped("10.0.0.1").as_str(), scoped("::1").as_str()), ("10.0.0.1:53", "[::1]:53"));
    }
}
