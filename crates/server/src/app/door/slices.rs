//! Hands the body of an answer to HTTP/1.1 in small pieces.
//!
//! HTTP/1.1 takes a piece of any size into its buffer. A whole answer there would no longer count
//! as held although the client has taken nothing; in pieces, all but a few stay with the API,
//! which counts them until they are taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Bytes of a piece.
const PIECE_BYTES: usize = 16 * 1024;

/// A body in pieces.
#[derive(Debug)]
pub(super) struct Slices<B> {
    body: B,
    /// What the body gave and was not handed on yet.
    kept: Bytes,
}

impl<B> Slices<B> {
    /// Cuts up `body`.
    pub(super) fn new(body: B) -> Self {
        Self { body, kept: Bytes::new() }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Slices<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.kept.is_empty() {
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.kept = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        let piece = this.kept.split_to(this.kept.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.kept.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.kept.is_empty() { self.body.size_hint() } else { SizeHint::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, Full};

    #[tokio::test]
    async fn a_body_comes_whole_in_pieces_and_keeps_its_length() {
        let bytes = Bytes::from(vec![7; 2 * PIECE_BYTES + 1]);
        let mut slices = Slices::new(Full::new(bytes));
        assert_eq!(slices.size_hint().exact(), Some(2 * PIECE_BYTES as u64 + 1));
        let mut sizes = Vec::new();
        while let Some(frame) = slices.frame().await {
            sizes.push(frame.unwrap().into_data().unwrap().len());
        }
        assert_eq!(sizes, [PIECE_BYTES, PIECE_BYTES, 1]);
        assert!(slices.is_end_stream());
    }
}
