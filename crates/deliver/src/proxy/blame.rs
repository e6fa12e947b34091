//! Why there is no way through a proxy, and whose failure that is.

use std::time::Duration;

use tenterhook_model::Proxy;
use thiserror::Error;

use super::destination::Destination;

/// Why there is no way through a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ProxyFailure {
    /// The proxy cannot be used; what is wrong with it follows its name.
    #[error("the proxy {proxy} {what}")]
    Proxy {
        /// The proxy.
        proxy: String,
        /// Such as `does not answer`.
        what: String,
    },
    /// The proxy does not connect to this destination for anybody.
    #[error("the proxy refuses to connect to {destination} ({answer}); have it permitted there")]
    Forbidden {
        /// What was asked for.
        destination: String,
        /// Such as `403`.
        answer: String,
    },
    /// The proxy answered others, but not this wish.
    #[error("the proxy has no connection to {destination} within {seconds} s")]
    Silent {
        /// What was asked for.
        destination: String,
        /// The time that it had.
        seconds: u64,
    },
    /// The proxy could not connect to the receiver.
    #[error("the proxy has no connection to {destination} ({answer})")]
    Unreachable {
        /// What was asked for.
        destination: String,
        /// Such as `503`.
        answer: String,
    },
}

impl ProxyFailure {
    /// There is no connection to the proxy.
    pub(crate) fn unreached(proxy: &Proxy, why: &str) -> Self {
        Self::Proxy {
            proxy: proxy.to_string(),
            what: format!("cannot be reached: {}", why.replace("the receiver", "it")),
        }
    }

    /// The proxy did not answer within `limit`; if it answered others meanwhile, because the receiver did not.
    pub(crate) fn silent(proxy: &Proxy, destination: &Destination, limit: Duration, answers_others: bool) -> Self {
        let seconds = limit.as_secs();
        match answers_others {
            true => Self::Silent { destination: destination.brief(), seconds },
            false => {
                Self::Proxy { proxy: proxy.to_string(), what: format!("did not answer CONNECT within {seconds} s") }
            }
        }
    }

    /// The proxy at this address does not take the credentials that it got, or got none.
    pub(crate) fn wants_credentials(proxy: &str) -> Self {
        let what = "wants a user name and a password, or others: check --proxy-auth-file (407)".to_owned();
        Self::Proxy { proxy: proxy.to_owned(), what }
    }
}
