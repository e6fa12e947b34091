//! Why an attempt got no answer, and which outcome that is.
//!
//! The texts are shown to the webhook's owner: they say what happened and what to do, and
//! hold nothing of the request but its host.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tenterhook_model::{Outcome, ResolveError};
use thiserror::Error;

use crate::attempt::Phase;

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
    #[error("no connection to {address}: {}", io_in_words(source))]
    Connect {
        /// The last address that was tried.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody answered the connection.
    #[error("no connection to {address} within {}", in_words(*.limit))]
    ConnectTimeout {
        /// The last address that was tried.
        address: SocketAddr,
        /// The time that it had.
        limit: Duration,
    },
    /// The TLS settings of the webhook cannot be used, or the server does not allow them.
    #[error("{0}")]
    TlsSettings(String),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed: {}", tls_in_words(.0))]
    Tls(io::Error),
    /// The TLS handshake took too long.
    #[error("no TLS handshake within {}", in_words(*.0))]
    TlsTimeout(Duration),
    /// The request cannot be written down as HTTP.
    #[error("the request cannot be sent: {0}")]
    Unsendable(http::Error),
    /// The receiver closed a connection as soon as it was there.
    #[error("the receiver closed the connection before its answer was complete")]
    Closed,
    /// The exchange broke off.
    #[error("{}", http_in_words(.0))]
    Http(hyper::Error),
    /// The attempt's time was up.
    #[error("no complete answer within {} ({phase})", in_words(*.limit))]
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
            Self::Http(error) if tls_cause(error).is_some() => Outcome::Tls,
            Self::Connect { .. } | Self::Closed | Self::Http(_) => Outcome::Connection,
            Self::ConnectTimeout { .. } | Self::TlsTimeout(_) | Self::Deadline { .. } => Outcome::Timeout,
            Self::TlsSettings(_) | Self::Tls(_) => Outcome::Tls,
            Self::Unsendable(_) => Outcome::Render,
        }
    }
}

impl AttemptError {
    /// Whether the receiver says that it has not looked at the request (RFC 9113 section 8.7):
    /// more exchanges at a time than it takes, or one that it had no time for before it closed.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Http(error) = self else { return false };
        causes(error).filter_map(|cause| cause.downcast_ref::<h2::Error>()).any(|error| match error.reason() {
            Some(h2::Reason::REFUSED_STREAM) => error.is_remote(),
            Some(h2::Reason::NO_ERROR) => error.is_remote() && error.is_go_away(),
            _ => false,
        })
    }
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

/// Whole seconds where they are whole.
fn in_words(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{} ms", time.as_millis()) }
}

/// The kind without the system's error number.
fn io_in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::InvalidData => error.to_string(),
        kind => kind.to_string(),
    }
}

fn tls_in_words(error: &io::Error) -> String {
    match rustls_cause(error) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            format!("the receiver's certificate is not trusted: {reason}")
        }
        Some(reason) => reason.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "the receiver closed the connection".to_owned(),
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

fn http_in_words(error: &hyper::Error) -> String {
    if let Some(cause) = tls_cause(error) {
        return format!("TLS failed: {}", tls_in_words(cause));
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return "the receiver closed the connection before its answer was complete".to_owned();
    }
    if error.is_parse_too_large() {
        return "the head of the receiver's answer is too large".to_owned();
    }
    if error.is_parse() {
        return format!("the receiver's answer is not HTTP: {error}");
    }
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(source) => format!("the connection broke: {}", io_in_words(source)),
        None => match error.source() {
            Some(source) => format!("the connection broke: {error}: {source}"),
            None => format!("the connection broke: {error}"),
        },
    }
}
