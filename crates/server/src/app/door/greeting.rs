//! The first bytes of a connection decide which version of HTTP it speaks.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::app::relay::proof::HELLO;

/// What HTTP/2 begins with. No method of HTTP/1.1 begins so: `PRI` is reserved for this
/// (RFC 9113 section 11.6).
const PRI: &[u8; 3] = b"PRI";

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1, or 1.0.
    Http1,
    /// None yet: another node introduces the client first.
    Node,
    /// HTTP/2 with prior knowledge or by ALPN.
    Http2,
}

/// What a connection begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Greeting {
    bytes: [u8; PRI.len()],
    len: usize,
    /// Bytes that were taken.
    taken: usize,
}

impl Greeting {
    /// Reads as many bytes of `stream` as it takes to know the version.
    ///
    /// # Errors
    /// When the stream breaks, or ends before.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut greeting = Self { bytes: [0; PRI.len()], len: 0, taken: 0 };
        while greeting.len < PRI.len() && PRI.starts_with(greeting.bytes()) {
            let read = stream.read(&mut greeting.bytes[greeting.len..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            greeting.len += read;
        }
        Ok(greeting)
    }

    /// The version of HTTP.
    pub(super) fn protocol(&self) -> Protocol {
        match self.bytes() {
            bytes if bytes == PRI => Protocol::Http2,
            [first, ..] if *first == HELLO[0] => Protocol::Node,
            _ => Protocol::Http1,
        }
    }

    /// The next bytes of it, `room` at most: they belong to what follows.
    pub(super) fn take(&mut self, room: usize) -> &[u8] {
        let (begin, end) = (self.taken, self.len.min(self.taken + room));
        assert!(begin <= end, "{begin} bytes were taken of {}, and would be read twice", self.len);
        self.taken = end;
        &self.bytes[begin..end]
    }

    /// A greeting of these first bytes, at most three.
    #[cfg(test)]
    pub(super) fn of(first: &[u8]) -> Self {
        let mut bytes = [0; PRI.len()];
        bytes[..first.len()].copy_from_slice(first);
        Self { bytes, len: first.len(), taken: 0 }
    }

    /// What was read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt as _, duplex};

    async fn protocol_of(parts: &[&[u8]]) -> Option<Protocol> {
        let (mut near, mut far) = duplex(1);
        let send = async {
            for part in parts {
                // The reader stops once it knows.
                let _ = far.write_all(part).await;
            }
            drop(far);
        };
        let read = async {
            let greeting = Greeting::read(&mut near).await;
            drop(near);
            greeting
        };
        tokio::join!(send, read).1.ok().map(|greeting| greeting.protocol())
    }

    #[tokio::test]
    async fn the_first_bytes_decide_however_they_are_cut() {
        assert_eq!(protocol_of(&[b"PRI * HTTP/2.0\r\n"]).await, Some(Protocol::Http2));
        assert_eq!(protocol_of(&[b"P", b"R", b"I"]).await, Some(Protocol::Http2));
        for first in [b"GET / HT".as_slice(), b"POST", b"PUT", b"PR", b"PRO", b"\x16\x03\x01", b"\r\n"] {
            let expected = (first != b"PR").then_some(Protocol::Http1);
            assert_eq!(protocol_of(&[first]).await, expected, "{first:?}");
        }
        assert_eq!(protocol_of(&[b"\0tenterhook"]).await, Some(Protocol::Node));
        assert_eq!(protocol_of(&[]).await, None);
    }
}
