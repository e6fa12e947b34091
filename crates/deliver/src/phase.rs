//! What an attempt is doing, for the errors that say when it failed.

use std::fmt;

/// What an attempt is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for the access token that the request needs.
    Token,
    /// Looking up the host.
    LookUp,
    /// Opening the connection.
    Connect,
    /// Waiting for the proxy to connect.
    Proxy,
    /// The TLS handshake.
    Handshake,
    /// Sending the request and waiting for the head of the answer.
    Wait,
    /// Reading the body of the answer.
    Read,
    /// The answer is whole, or enough of it.
    Done,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "while waiting for the access token",
            Self::LookUp => "while looking up the host",
            Self::Connect => "while connecting",
            Self::Proxy => "while the proxy connects",
            Self::Handshake => "during the TLS handshake",
            Self::Wait => "while waiting for the response",
            Self::Read => "while reading the response",
            Self::Done => "after the response",
        })
    }
}
