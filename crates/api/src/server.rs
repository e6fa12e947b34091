//! Settings of the gRPC listener: what tonic leaves open is bounded here.
//!
//! Without limits on streams and resets a single connection can hold 100,000 streams, and the
//! defences of the HTTP/2 library are off. The command calls [`harden`] on its server builder.

use std::time::Duration;

use tonic::transport::Server;

/// Calls under way at once on one connection.
pub const STREAMS_PER_CONNECTION: u32 = 256;
/// Streams that the server itself resets on one connection before it closes it
/// (HTTP/2 rapid reset and its kin, CVE-2023-44487 and CVE-2025-8671).
pub const LOCAL_RESETS: usize = 1_024;
/// Bytes of the headers of one call.
pub const HEADER_LIST_BYTES: u32 = 16 * 1024;
/// Silence after which a connection is asked whether it is alive, and time for its answer.
pub const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Age at which a connection is asked to go, and how long it then has: spreads load over servers.
pub const CONNECTION_AGE: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(30));
/// Time for a call with one answer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a call that works in steps over many things, or waits for a receiver.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(600);
/// Calls with one answer that are under way at once, over all connections; more are refused.
pub const CALLS: usize = 8_192;
/// Watches and publishing streams that are open at once, over all connections; more are refused.
pub const STREAMS: usize = 4_096;

/// The server with every limit of HTTP/2 set.
pub fn harden(server: Server) -> Server {
    server
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS))
        .http2_max_header_list_size(HEADER_LIST_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .max_connection_age(CONNECTION_AGE.0)
        .max_connection_age_grace(CONNECTION_AGE.1)
        .tcp_nodelay(true)
}
