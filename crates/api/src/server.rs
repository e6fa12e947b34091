//! Bounds of the gRPC listener and of the calls that come in through it.
//!
//! The command's listener sets those of HTTP/2; the gate in front of the services keeps the others.

use std::time::Duration;

/// Calls under way at once on one connection.
pub const STREAMS_PER_CONNECTION: u32 = 256;
/// Streams that the server itself resets on one connection before it closes it
/// (HTTP/2 rapid reset and its kin, CVE-2023-44487 and CVE-2025-8671).
pub const LOCAL_RESETS: usize = 1_024;
/// Bytes of the headers of one call.
pub const HEADER_LIST_BYTES: u32 = 16 * 1024;
/// Silence after which a connection is asked whether it is alive, and time for its answer.
pub const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Age at which a connection is asked to go and its streams end, and how long it then has: spreads
/// load over servers. The age is up to a tenth less, so that connections do not all go at once.
pub const CONNECTION_AGE: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(30));
/// Time for a call with one answer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a call with one answer to a method that anybody may call.
pub const OPEN_CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a call that works in steps over many things, or waits for a receiver.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(600);
/// Calls with one answer that are under way at once, over all connections; more are refused.
pub const CALLS: usize = 8_192;
/// Watches and publishing streams that are open at once, over all connections; more are refused.
pub const STREAMS: usize = 4_096;
