//! Attempts over real loopback sockets, and over recorded ones where real ones cannot go.

mod answers;
mod certificates;
mod closing;
mod exchange;
mod guarded;
mod hosts;
mod http2;
mod http2_odd;
mod identity;
mod namespace;
mod proxy;
mod real_proxies;
mod requests;
mod resend;
mod support;
mod tls;
mod token;
mod trust;
