//! Reaching a receiver by a proxy: a connection to the proxy, and through it a tunnel to the receiver.
//!
//! What goes wrong with the proxy is no failure of the receiver: it is a [`ProxyFailure`], and the
//! attempt is excused. What the proxy says of the receiver (it refuses the connection, there is no
//! way to it) is the receiver's.

mod blame;
mod connect;
mod destination;
mod leg;
mod socks;

use tenterhook_model::{Proxy, ProxyScheme};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use blame::ProxyFailure;
pub(crate) use destination::Destination;
pub(crate) use leg::Leg;

/// Asks `proxy`, at the other end of `stream`, for a tunnel to `destination`.
///
/// # Errors
/// When there is none; the stream is then of no more use.
pub(crate) async fn tunnel<S>(proxy: &Proxy, stream: &mut S, destination: &Destination) -> Result<(), ProxyFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match proxy.scheme {
        ProxyScheme::Http | ProxyScheme::Https => connect::tunnel(proxy, stream, destination).await,
        ProxyScheme::Socks5h => socks::tunnel(proxy, stream, destination).await,
    }
}
