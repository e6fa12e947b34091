//! Bounds of the gRPC listener and of the calls that come in through it, out of the table of limits.
//!
//! The server's listener sets those of HTTP/2; the gate in front of the services keeps the others.

use std::time::Duration;

use tenterhook_model::limits;
pub use tenterhook_model::limits::{
    BATCH_TIMEOUT, CALL_TIMEOUT, CALLS, CONNECTION_WINDOW_BYTES, HEADER_LIST_BYTES, LOCAL_RESETS, OPEN_CALL_TIMEOUT,
    STREAM_WINDOW_BYTES, STREAMS, STREAMS_PER_CONNECTION,
};

/// Silence after which a connection is asked whether it is alive, and time for its reply.
pub const KEEPALIVE: (Duration, Duration) = (limits::KEEPALIVE_AFTER, limits::KEEPALIVE_TIMEOUT);
/// Age at which a connection is asked to go and its streams end, and how long it then has.
pub const CONNECTION_AGE: (Duration, Duration) = (limits::CONNECTION_AGE, limits::CONNECTION_AGE_GRACE);
