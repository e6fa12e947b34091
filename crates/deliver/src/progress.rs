//! How far an attempt has come: kept outside its future, so that it can be told when the
//! deadline drops the future half-way.

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use tenterhook_model::{Exchange, Header, Outcome, Timings, TriedAddress, TriedResult};
use tokio::time::Instant;

use crate::capture::Capture;
use crate::error::AttemptError;
use crate::notes::Notes;
pub(crate) use crate::phase::Phase;
use crate::token::Token;

/// How far an attempt has come.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) timings: Timings,
    pub(crate) remote_address: Option<SocketAddr>,
    /// Every address that was dialled, in order.
    pub(crate) tried: Vec<TriedAddress>,
    pub(crate) capture: Capture,
    pub(crate) notes: Notes,
    /// Whether the request goes over HTTP/2.
    pub(crate) http2: bool,
    /// When the request began to be sent.
    sent: Option<Instant>,
    /// The proxy by which the request goes; empty without one.
    pub(crate) proxy: String,
    /// The access tokens that were sent, at most two.
    pub(crate) tokens: Vec<Arc<Token>>,
}

impl Progress {
    /// Progress of a request of this server's own, whose answer is kept whole.
    pub(crate) fn of_own() -> Self {
        Self { capture: Capture::whole(), ..Self::new() }
    }

    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::LookUp,
            timings: Timings::default(),
            remote_address: None,
            tried: Vec::new(),
            capture: Capture::default(),
            notes: Notes::default(),
            http2: false,
            sent: None,
            tokens: Vec::new(),
            proxy: String::new(),
        }
    }

    /// The answer said that the token is not good: the request is sent once more, with another.
    pub(crate) fn again(&mut self) {
        assert_eq!(self.tokens.len(), 1, "a request is sent once more, not more often");
        self.capture = Capture::default();
    }

    /// A connection to `address` is begun. Unless something else becomes of it, it gets no answer
    /// in time.
    pub(crate) fn dialling(&mut self, address: SocketAddr) {
        self.remote_address = Some(address);
        self.tried.push(TriedAddress { address, result: TriedResult::TimedOut, error: String::new() });
    }

    /// The connection to `address` that was begun last failed.
    pub(crate) fn not_connected(&mut self, address: SocketAddr, error: String) {
        let tried = self.tried.iter_mut().rev().find(|tried| tried.address == address);
        let tried = tried.expect("a connection is begun before it fails");
        (tried.result, tried.error) = (TriedResult::Failed, error);
    }

    /// The connection to `address`, one of the last `count` that were begun, is there; the
    /// others that still go on are dropped.
    pub(crate) fn connected(&mut self, address: SocketAddr, count: usize) {
        self.remote_address = Some(address);
        assert!(count <= self.tried.len(), "{count} connections were begun, of {} in all", self.tried.len());
        let begun = self.tried.len() - count;
        debug_assert!(
            self.tried[begun..].iter().any(|tried| tried.address == address),
            "{address} is connected, and nobody began that"
        );
        for tried in self.tried[begun..].iter_mut().filter(|tried| tried.result == TriedResult::TimedOut) {
            tried.result = if tried.address == address { TriedResult::Connected } else { TriedResult::Dropped };
        }
    }

    /// The request goes out now, on a connection to `address`.
    pub(crate) fn sending(&mut self, address: SocketAddr, http2: bool) {
        debug_assert!(self.capture.status().is_none(), "an answered request is not sent again");
        self.phase = Phase::Wait;
        // Of a receiver whose name the proxy looks up, the address is not known.
        self.remote_address = Some(address).filter(|address| !address.ip().is_unspecified());
        self.http2 = http2;
        self.notes = Notes::default();
        self.sent = Some(Instant::now());
    }

    /// The head of the answer has come in.
    pub(crate) fn heard_head(&mut self, status: u16, headers: Vec<Header>) {
        assert!(self.sent.is_some(), "an answer with the status {status} came before its request was sent");
        self.phase = Phase::Read;
        self.timings.first_byte = self.sent.map(|sent| sent.elapsed());
        self.capture.start(status, headers);
    }

    /// What the attempt gave.
    pub(crate) fn finish(self, result: Result<(), AttemptError>) -> Exchange {
        let (outcome, error) = match (&result, self.capture.status()) {
            (Ok(()), Some(200..=299)) => (Outcome::Success, String::new()),
            (Ok(()), Some(status)) => (Outcome::HttpStatus, status_in_words(status)),
            (Ok(()), None) => unreachable!("an exchange without an error has the head of an answer"),
            (Err(error), _) => (error.outcome(), cut(error.to_string())),
        };
        Exchange {
            outcome,
            error,
            excuse: result.err().and_then(|error| error.excuse()),
            response: self.capture.finish(self.notes.text()),
            http2: self.http2,
            timings: self.timings,
            remote_address: self.remote_address,
            tried_addresses: self.tried,
            proxy: self.proxy,
        }
    }
}

fn status_in_words(status: u16) -> String {
    let name = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let hint = if (300..400).contains(&status) { "; redirects are not followed" } else { "" };
    format!("the receiver answered {status} {name}").trim_end().to_owned() + hint
}

/// At most [`tenterhook_model::limits::ERROR_TEXT_BYTES`].
fn cut(mut text: String) -> String {
    let end = text.floor_char_boundary(tenterhook_model::limits::ERROR_TEXT_BYTES);
    text.truncate(end);
    debug_assert!(text.len() <= tenterhook_model::limits::ERROR_TEXT_BYTES, "an error is kept with its attempt");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_with_its_name_and_a_redirect_with_a_hint() {
        assert_eq!(status_in_words(503), "the receiver answered 503 Service Unavailable");
        assert_eq!(status_in_words(799), "the receiver answered 799");
        assert_eq!(status_in_words(302), "the receiver answered 302 Found; redirects are not followed");
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        assert_eq!(cut("ü".repeat(600)).len(), 1_024);
        assert_eq!(cut(format!("x{}", "ü".repeat(600))).len(), 1_023);
        assert_eq!(cut("short".into()), "short");
    }
}
