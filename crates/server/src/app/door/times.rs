//! How long a connection may take for each of its steps.

use std::time::Duration;

use tenterhook_api::server::CONNECTION_AGE;
use tenterhook_model::limits;

/// Time for the last answers of a connection to be read.
const LINGER: Duration = Duration::from_secs(5);

/// How long a connection has for each thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// From the accept to the first frame, or to the head of the first request in HTTP/1.1: TLS,
    /// the preface of HTTP/2 and its settings.
    pub(super) opening: Duration,
    /// In HTTP/1.1, from the end of a request to the whole head of the next.
    pub(super) next_head: Duration,
    /// Longest standstill of its writes.
    pub(super) stuck: Duration,
    /// An answer is taken within two of these.
    pub(super) round: Duration,
    /// Age at which it is asked to go, and how long it then has.
    pub(super) age: (Duration, Duration),
    /// From its last answer to its end when the server stops, or when it is refused too often.
    pub(super) linger: Duration,
    /// Longest time for calls in flight when the server stops.
    pub(super) grace: Duration,
}

impl Times {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            opening: limits::OPENING_TIMEOUT,
            next_head: limits::NEXT_HEAD_TIMEOUT,
            stuck: limits::WRITE_STALL,
            round: limits::RESPONSE_ROUND,
            age: CONNECTION_AGE,
            linger: LINGER,
            grace,
        }
    }
}
