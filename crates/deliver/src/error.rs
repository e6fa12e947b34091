//! Why an attempt got no answer, and which outcome that is.
//!
//! The texts are shown to the webhook's owner: they say what happened and what to do, and
//! hold nothing of the request but its host.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tenterhook_model::{Excuse, Outcome, ResolveError};
use thiserror::Error;

use crate::dial::NoSource;
use crate::phase::Phase;
use crate::proxy::ProxyFailure;
use crate::token::Failure;
use crate::words;

/// Why an attempt ended without a whole answer.
#[derive(Debug, Error)]
pub(crate) enum AttemptError {
    /// Plain HTTP is turned off.
    #[error("plain HTTP is turned off on this server (--allow-http); use an https URL")]
    PlainHttp,
    /// The policy forbids the address; the text is its advice.
    #[error("{0}")]
    Address(String),
    /// The connection leads somewhere else than to the address that was checked.
    #[error("the connection to {dialled} led to {peer}; it was closed")]
    Peer {
        /// The address that was checked and dialled.
        dialled: SocketAddr,
        /// Where the connection led.
        peer: SocketAddr,
    },
    /// The look-up failed.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The look-up took too long.
    #[error("the look-up of {host} took longer than {}", in_words(*.limit))]
    ResolveTimeout {
        /// The host.
        host: String,
        /// The time that it had.
        limit: Duration,
    },
    /// Nobody accepted the connection.
    #[error("no connection to {}: {}", tried_in_words(*.count, *.address), io_in_words(source))]
    Connect {
        /// How many addresses were tried.
        count: usize,
        /// The one that failed last.
        address: SocketAddr,
        /// What the system says of it.
        source: io::Error,
    },
    /// This machine could not open the connection.
    #[error("this server cannot open connections: {0}")]
    Local(&'static str),
    /// Nobody answered the connection.
    #[error("no connection to {} within {}", tried_in_words(*.count, *.address), in_words(*.limit))]
    ConnectTimeout {
        /// How many addresses were tried.
        count: usize,
        /// The one that was tried last.
        address: SocketAddr,
        /// The time that they had together.
        limit: Duration,
    },
    /// There is no access token to send with the request.
    #[error(transparent)]
    NoToken(#[from] Arc<Failure>),
    /// The receiver does not take a fresh access token.
    #[error(
        "the receiver answered 401 Unauthorized to a fresh access token; check the client, its scopes and the audience"
    )]
    Unauthorized,
    /// There is no way through the proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyFailure),
    /// The TLS settings of the webhook cannot be used, or the server does not allow them.
    #[error("{0}")]
    TlsSettings(String),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed: {}", tls_in_words(.0))]
    Tls(io::Error),
    /// The TLS handshake took too long.
    #[error("no TLS handshake within {}", in_words(*.0))]
    TlsTimeout(Duration),
    /// The request cannot be written down as HTTP; the text says why and shows nothing of it.
    #[error("the request cannot be sent: {0}")]
    Unsendable(&'static str),
    /// The receiver closed the connection.
    #[error("the receiver closed the connection before its response was complete")]
    Closed,
    /// What the receiver says is not HTTP.
    #[error("the receiver's response is not HTTP{}", if *is_tls { ": it speaks TLS on this port, so use an https URL" } else { "" })]
    NotHttp {
        /// Whether it looks like TLS.
        is_tls: bool,
    },
    /// The head of the answer has no end.
    #[error("the head of the receiver's response is too large")]
    HeadTooLarge,
    /// The connection broke while HTTP/1.1 was spoken on it.
    #[error("{}", broken_in_words(.0))]
    Broken(io::Error),
    /// The exchange over HTTP/2 broke off.
    #[error("{}", http2_in_words(.0))]
    Http2(hyper::Error),
    /// The attempt's time was up.
    #[error("no complete response within {} ({phase})", in_words(*.limit))]
    Deadline {
        /// The time that it had.
        limit: Duration,
        /// What it was doing.
        phase: Phase,
    },
}

impl AttemptError {
    /// The outcome that the attempt has.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::PlainHttp | Self::Address(_) | Self::Peer { .. } => Outcome::Blocked,
            Self::Resolve(_) | Self::ResolveTimeout { .. } => Outcome::Dns,
            // In TLS 1.3 a receiver that refuses the client's certificate says so after the handshake.
            Self::Http2(error) if tls_cause(error).is_some() => Outcome::Tls,
            Self::Broken(error) if rustls_cause(error).is_some() => Outcome::Tls,
            Self::Connect { .. } | Self::Local(_) | Self::Closed | Self::NotHttp { .. } | Self::HeadTooLarge => {
                Outcome::Connection
            }
            Self::Broken(_) | Self::Http2(_) => Outcome::Connection,
            Self::NoToken(_) | Self::Unauthorized | Self::Deadline { phase: Phase::Token, .. } => {
                Outcome::Authentication
            }
            Self::Proxy(ProxyFailure::Proxy { .. }) => Outcome::Proxy,
            Self::Proxy(ProxyFailure::Forbidden { .. }) => Outcome::Blocked,
            Self::Proxy(ProxyFailure::Unreachable { .. }) => Outcome::Connection,
            Self::Proxy(ProxyFailure::Silent { .. }) => Outcome::Timeout,
            Self::ConnectTimeout { .. } | Self::TlsTimeout(_) | Self::Deadline { .. } => Outcome::Timeout,
            Self::TlsSettings(_) | Self::Tls(_) => Outcome::Tls,
            Self::Unsendable(_) => Outcome::Render,
        }
    }
}

impl AttemptError {
    /// Why one of several addresses failed, without the address.
    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Connect { source, .. } => io_in_words(source),
            Self::Peer { peer, .. } => format!("the connection led to {peer}"),
            other => other.to_string(),
        }
    }

    /// Why nobody accepted the connection to `address`.
    pub(crate) fn connect(count: usize, address: SocketAddr, source: io::Error) -> Self {
        match lacking(address, &source) {
            Some(what) => Self::Local(what),
            None => Self::Connect { count, address, source },
        }
    }

    /// Why the failure says nothing of the receiver, if it does not.
    pub(crate) fn excuse(&self) -> Option<Excuse> {
        match self {
            Self::NoToken(failure) => failure.excuse,
            Self::Proxy(ProxyFailure::Proxy { .. }) => Some(Excuse::Proxy),
            Self::Local(_) | Self::Resolve(ResolveError::Unavailable(_)) => Some(Excuse::Local),
            error if error.is_refusal() => Some(Excuse::Unprocessed),
            _ => None,
        }
    }

    /// Whether the receiver says that it has not looked at the request (RFC 9113 section 8.7): it
    /// refused the stream, or closed the connection with GOAWAY before it came to it.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Http2(error) = self else { return false };
        // h2 gives a GOAWAY only to the streams above its last one; the others go on.
        let is_refused = |error: &h2::Error| error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM);
        h2_causes(error).any(|error| error.is_remote() && is_refused(error))
    }

    /// Whether the receiver has to be spoken to in HTTP/1.1: it says so (HTTP_1_1_REQUIRED, RFC
    /// 9113 section 7), or what it sends is no HTTP/2.
    pub(crate) fn wants_http1(&self) -> bool {
        let Self::Http2(error) = self else { return false };
        let is_asked = |error: &h2::Error| error.is_remote() && error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED);
        h2_causes(error).any(|error| error.is_library() || is_asked(error))
    }
}

/// What this machine lacked for a connection, and what to do; `None` when it lacked nothing.
///
/// "No such address here" means that the ports are used up (connect(2)), but for IPv6 also that
/// this machine has none of its own: that will not pass, so it is a failure as any other.
fn lacking(address: SocketAddr, error: &io::Error) -> Option<&'static str> {
    if error.get_ref().is_some_and(|inner| inner.is::<NoSource>()) {
        return Some("this machine no longer has the address of --source-address: give it back, or change the flag");
    }
    match Errno::from_io_error(error)? {
        Errno::MFILE => Some("out of file descriptors: raise LimitNOFILE, or lower --max-in-flight"),
        Errno::NFILE => Some("the machine is out of file descriptors: raise fs.file-max"),
        Errno::NOBUFS | Errno::NOMEM => Some("the machine is out of memory for sockets: raise net.ipv4.tcp_mem"),
        Errno::ADDRNOTAVAIL if address.is_ipv4() => {
            Some("out of local ports: widen net.ipv4.ip_local_port_range, or lower --max-in-flight")
        }
        _ => None,
    }
}

/// The HTTP/2 errors behind a failed exchange.
fn h2_causes(error: &hyper::Error) -> impl Iterator<Item = &h2::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref())
}

/// What led to an error, nearest first.
fn causes(error: &hyper::Error) -> impl Iterator<Item = &Cause> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// An error that another one stems from.
type Cause = dyn std::error::Error + 'static;

/// The addresses that were tried: the last by name.
fn tried_in_words(count: usize, last: SocketAddr) -> String {
    if count == 1 { last.to_string() } else { format!("any of {count} addresses, the last of them {last}") }
}

/// Whole seconds where they are whole.
fn in_words(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{} ms", time.as_millis()) }
}

/// The kind of an error of the system or the TLS library, without their text.
fn io_in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::InvalidData => "input/output error".to_owned(),
        kind => kind.to_string(),
    }
}

fn tls_in_words(error: &io::Error) -> String {
    match rustls_cause(error) {
        Some(reason) => words::tls(reason),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the receiver closed the connection; does it speak TLS on this port?".to_owned()
        }
        None => io_in_words(error),
    }
}

fn rustls_cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// The TLS failure behind a failed exchange, if there is one.
fn tls_cause(error: &hyper::Error) -> Option<&io::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref()).find(|error| rustls_cause(error).is_some())
}

fn broken_in_words(error: &io::Error) -> String {
    match rustls_cause(error) {
        Some(reason) => format!("TLS failed: {}", words::tls(reason)),
        None if error.kind() == io::ErrorKind::UnexpectedEof => AttemptError::Closed.to_string(),
        None => format!("the connection broke: {}", io_in_words(error)),
    }
}

fn http2_in_words(error: &hyper::Error) -> String {
    if let Some(cause) = tls_cause(error) {
        return broken_in_words(cause);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return AttemptError::Closed.to_string();
    }
    if let Some(reason) = h2_causes(error).find_map(h2::Error::reason) {
        return format!("the receiver ended the request with the HTTP/2 error {}", words::http2(reason));
    }
    let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    let io = io.or_else(|| h2_causes(error).find_map(h2::Error::get_io));
    io.map_or_else(|| "the receiver broke the rules of HTTP/2".to_owned(), broken_in_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(address: &str, errno: Errno) -> AttemptError {
        AttemptError::connect(1, address.parse().unwrap(), errno.into())
    }

    #[test]
    fn what_this_machine_lacks_is_its_own_trouble_and_says_what_to_do() {
        let cases = [
            (Errno::MFILE, "LimitNOFILE"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::NOBUFS, "tcp_mem"),
            (Errno::NOMEM, "tcp_mem"),
            (Errno::ADDRNOTAVAIL, "ip_local_port_range"),
        ];
        for (errno, advice) in cases {
            let error = connect("192.0.2.1:443", errno);
            assert_eq!(error.excuse(), Some(Excuse::Local), "{errno:?}");
            assert!(error.to_string().contains(advice), "{error}");
        }
        let error = AttemptError::Resolve(ResolveError::Unavailable("no connections".into()));
        assert_eq!(error.excuse(), Some(Excuse::Local));
    }

    #[test]
    fn what_the_receiver_does_is_charged_to_it() {
        for errno in [Errno::CONNREFUSED, Errno::CONNRESET, Errno::HOSTUNREACH, Errno::NETUNREACH, Errno::TIMEDOUT] {
            assert_eq!(connect("192.0.2.1:443", errno).excuse(), None, "{errno:?}");
        }
        // A machine without IPv6 never reaches such a receiver, so the receiver's owner must hear of it.
        assert_eq!(connect("[2001:db8::1]:443", Errno::ADDRNOTAVAIL).excuse(), None);
        assert_eq!(AttemptError::Closed.excuse(), None);
    }
}
