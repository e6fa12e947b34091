//! Where the other nodes on the same database reach this one.

use std::net::IpAddr;

use super::value::host_name;

/// The value of `--node-address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAddress {
    /// A name or an address, an IPv6 one in brackets.
    pub host: String,
    /// The port; `None` stands for that of the API's listener.
    pub port: Option<u16>,
}

impl NodeAddress {
    /// Reads `HOST` or `HOST:PORT`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (host, port) = match text.rsplit_once(':') {
            // The colons of an IPv6 address without a port are within its brackets.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (host, Some(port.ok_or_else(|| format!("`{text}` has no port from 1 to 65535 after its `:`"))?))
            }
            _ => (text, None),
        };
        let host = host_name(host)?;
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if address.is_ok_and(|address| address.is_unspecified()) {
            return Err(format!("`{host}` is not an address that other nodes can connect to; give this machine's own"));
        }
        Ok(Self { host, port })
    }

    /// The address as the database keeps it; `port` is that of the API's listener.
    pub(crate) fn url(&self, is_encrypted: bool, port: u16) -> String {
        let scheme = if is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port.unwrap_or(port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_be_left_out() {
        for (text, url) in [
            ("10.1.2.3", "http://10.1.2.3:50051"),
            ("10.1.2.3:7", "http://10.1.2.3:7"),
            ("hooks-1.hooks", "http://hooks-1.hooks:50051"),
            ("[fd00::1]", "http://[fd00::1]:50051"),
            ("[fd00::1]:7", "http://[fd00::1]:7"),
        ] {
            assert_eq!(NodeAddress::read(text).unwrap().url(false, 50_051), url);
        }
        assert_eq!(NodeAddress::read("a").unwrap().url(true, 1), "https://a:1");
    }

    #[test]
    fn what_nobody_can_connect_to_is_refused() {
        for text in ["", "a:", "a:0", "a:65536", "a:b", "http://a:1", "0.0.0.0:1", "[::]", "fd00::1", "a b"] {
            assert!(NodeAddress::read(text).is_err(), "{text}");
        }
    }
}
