//! Attempts over real loopback sockets, and over recorded ones where real ones cannot go.

mod certificates;
mod closing;
mod exchange;
mod guarded;
mod http2;
mod identity;
mod support;
mod tls;
