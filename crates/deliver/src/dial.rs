//! Opening a connection to an address that has been checked.
//!
//! A trait, so that tests can record what is dialled and the simulation can hand out
//! in-memory streams instead of sockets.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A way to open connections.
pub trait Dial: Debug + Send + Sync + 'static {
    /// What a connection is read from and written to.
    type Stream: AsyncRead + AsyncWrite + Debug + Unpin + Send + 'static;

    /// Opens a connection to `address`; the caller has checked it and sets the deadline.
    ///
    /// # Errors
    /// When nobody accepts the connection.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    fn dial(&self, address: SocketAddr) -> impl Future<Output = io::Result<Dialled<Self::Stream>>> + Send;
}

/// A connection, and where it really leads.
#[derive(Debug)]
pub struct Dialled<S> {
    /// The connection.
    pub stream: S,
    /// The address of its other end, which is checked again.
    pub peer: SocketAddr,
}

/// TCP, as the system has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDialer;

impl Dial for TcpDialer {
    type Stream = TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        // A request is written whole; waiting for more to send would only delay it.
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        Ok(Dialled { stream, peer })
    }
}
