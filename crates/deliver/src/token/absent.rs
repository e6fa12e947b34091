//! Why a token could not be had.

use tenterhook_model::{Exchange, Excuse, Host};
use thiserror::Error;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no access token: {text}")]
pub(crate) struct Failure {
    /// What went wrong, without secrets.
    pub(crate) text: String,
    /// Why that says nothing about the token server, if it does not.
    pub(crate) excuse: Option<Excuse>,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), excuse: None }
    }

    /// The token server at `host` gave no answer.
    pub(crate) fn unanswered(host: &Host, exchange: Exchange) -> Self {
        // The texts are about receivers; here it is another server.
        let error = exchange.error.replace("the receiver", "the token server");
        Self {
            text: format!("from {}: {error}", host.brief()),
            excuse: exchange.excuse.filter(|excuse| *excuse != Excuse::Unprocessed),
        }
    }

    /// The fetch was broken off because the server stops.
    pub(super) fn stopping() -> Self {
        Self { text: "the server is stopping".to_owned(), excuse: Some(Excuse::Local) }
    }
}
