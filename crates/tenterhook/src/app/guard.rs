//! The door of the gRPC listener: bounds connections, by number and by address, and those
//! that say nothing.
//!
//! HTTP/2 limits bound what a connection may do; this bounds how many there are and how long
//! one may stay without its first byte (the TLS handshake or HTTP/2's preface).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Connections at once.
const CONNECTIONS: usize = 10_000;
/// Connections at once from one address.
const PER_ADDRESS: usize = 256;
/// Time for the first byte.
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// Pause after a failed accept (out of sockets), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections by address.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Connections of `listener`, as many as the bounds allow; those over the bound of their address
/// are closed at once.
pub(crate) fn connections(listener: TcpListener) -> impl Stream<Item = io::Result<Guarded>> + Send {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let door = Door { listener, permits, counts: Counts::default() };
    futures_util::stream::unfold(door, |door| async move {
        let connection = door.next().await;
        Some((Ok(connection), door))
    })
}

struct Door {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    counts: Counts,
}

impl Door {
    async fn next(&self) -> Guarded {
        loop {
            let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
            match self.listener.accept().await {
                Ok((stream, peer)) => match Place::take(&self.counts, peer.ip().to_canonical()) {
                    Some(place) => return Guarded::new(stream, peer, place, permit),
                    None => tracing::debug!(%peer, "a connection was refused: its address has {PER_ADDRESS} open"),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// One of the connections that an address may have; given back when dropped.
#[derive(Debug)]
struct Place {
    counts: Counts,
    address: IpAddr,
}

impl Place {
    fn take(counts: &Counts, address: IpAddr) -> Option<Self> {
        let mut open = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= PER_ADDRESS {
            return None;
        }
        *count += 1;
        debug_assert!(*count <= PER_ADDRESS, "{address} has {count} connections");
        Some(Self { counts: counts.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// A connection that holds its place and must say something soon.
#[derive(Debug)]
pub(crate) struct Guarded {
    stream: TcpStream,
    peer: SocketAddr,
    patience: Option<Pin<Box<Sleep>>>,
    _place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Guarded {
    fn new(stream: TcpStream, peer: SocketAddr, place: Place, permit: OwnedSemaphorePermit) -> Self {
        // Small answers must not wait for more to send; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        Self { stream, peer, patience: Some(Box::pin(sleep(FIRST_BYTE))), _place: place, _permit: permit }
    }
}

impl Connected for Guarded {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo { local_addr: self.stream.local_addr().ok(), remote_addr: Some(self.peer) }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.patience = None;
        } else if let Some(patience) = &mut self.patience
            && patience.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let counts = Counts::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let mut places: Vec<Place> = (0..PER_ADDRESS).map(|_| Place::take(&counts, address).unwrap()).collect();
        assert!(Place::take(&counts, address).is_none());
        assert!(Place::take(&counts, "192.0.2.2".parse().unwrap()).is_some());
        places.pop();
        places.push(Place::take(&counts, address).unwrap());
        drop(places);
        assert!(counts.lock().unwrap().is_empty(), "nothing is kept of addresses that are gone");
    }

    async fn pair() -> (TcpStream, Guarded) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let guarded = std::pin::pin!(connections(listener)).next().await.unwrap().unwrap();
        (client, guarded)
    }

    #[tokio::test]
    async fn a_connection_that_speaks_stays() {
        let (mut client, mut guarded) = pair().await;
        client.write_all(b"x").await.unwrap();
        let mut byte = [0];
        guarded.read_exact(&mut byte).await.unwrap();
        assert!(guarded.patience.is_none());
        assert_eq!(guarded.connect_info().remote_addr, Some(client.local_addr().unwrap()));
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_given_up() {
        let (_client, mut guarded) = pair().await;
        tokio::time::pause();
        let error = guarded.read_exact(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
