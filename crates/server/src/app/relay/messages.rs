//! Whole messages of a stream: what is cut off within one could not end with a status, for a client then looks for
//! the rest of the message.

use bytes::{Bytes, BytesMut};

/// Bytes before each message: a flag and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;

/// Keeps what has come of a message until it is whole.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What came of the next prefix.
    prefix: Vec<u8>,
    /// Bytes that are left of the message.
    left: usize,
    held: BytesMut,
}

impl Messages {
    /// Takes what comes next of a stream; what is whole with it.
    pub(super) fn take(&mut self, piece: Bytes) -> Option<Bytes> {
        let whole = self.whole(&piece);
        if whole == 0 {
            self.held.extend_from_slice(&piece);
            return None;
        }
        let rest = piece.slice(whole..);
        let piece = piece.slice(..whole);
        let ready = if self.held.is_empty() {
            piece
        } else {
            let mut ready = std::mem::take(&mut self.held);
            ready.extend_from_slice(&piece);
            ready.freeze()
        };
        self.held.extend_from_slice(&rest);
        Some(ready)
    }

    /// Bytes up to the end of the last message that ends in `piece`.
    fn whole(&mut self, piece: &[u8]) -> usize {
        let (mut at, mut whole) = (0, 0);
        while at < piece.len() {
            if self.left == 0 {
                let missing = (PREFIX_BYTES - self.prefix.len()).min(piece.len() - at);
                self.prefix.extend_from_slice(&piece[at..at + missing]);
                at += missing;
                let Ok([_flag, length @ ..]) = <[u8; PREFIX_BYTES]>::try_from(self.prefix.as_slice()) else { break };
                self.prefix.clear();
                self.left = u32::from_be_bytes(length) as usize;
            }
            let part = self.left.min(piece.len() - at);
            self.left -= part;
            at += part;
            if self.left == 0 {
                whole = at;
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of these lengths, one after the other.
    fn stream(lengths: &[usize]) -> Vec<u8> {
        let message = |length: &usize| {
            let mut bytes = vec![0];
            bytes.extend((*length as u32).to_be_bytes());
            bytes.extend(vec![*length as u8; *length]);
            bytes
        };
        lengths.iter().flat_map(message).collect()
    }

    #[test]
    fn only_whole_messages_go_on_however_they_are_cut() {
        let lengths = [3, 0, 7, 300, 0, 1];
        let bytes = stream(&lengths);
        let mut ends = vec![0];
        for length in lengths {
            ends.push(ends.last().unwrap() + PREFIX_BYTES + length);
        }
        for size in 1..bytes.len() {
            let (mut messages, mut given) = (Messages::default(), Vec::new());
            for piece in bytes.chunks(size) {
                if let Some(whole) = messages.take(Bytes::copy_from_slice(piece)) {
                    given.extend_from_slice(&whole);
                }
                assert!(ends.contains(&given.len()), "{} bytes in pieces of {size}", given.len());
            }
            assert_eq!(given, bytes);
            assert!(messages.held.is_empty());
        }
    }

    #[test]
    fn a_message_in_one_piece_is_not_copied() {
        let piece = Bytes::from(stream(&[100]));
        let given = Messages::default().take(piece.clone()).unwrap();
        assert_eq!(given.as_ptr(), piece.as_ptr());
    }
}
