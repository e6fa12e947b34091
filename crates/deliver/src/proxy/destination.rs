//! The receiver, as a proxy is asked for it.

use std::fmt;
use std::net::SocketAddr;

use tenterhook_model::HostName;

/// The receiver, as the proxy is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The address that was checked here.
    Address(SocketAddr),
    /// A name that the proxy looks up, and a port.
    Name(HostName, u16),
}

impl Destination {
    /// The receiver for an error: the beginning of its name, when it is long.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Name(name, port) => format!("{}:{port}", name.brief()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{}:{port}", name.without_dot()),
        }
    }
}
