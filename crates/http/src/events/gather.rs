//! The body of a request that must be whole before it is read.
//!
//! It is read only when the service behind the gate asks for its message, and what has come of it
//! counts as held by the connection. The gate bounds its time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tenterhook_api::{Held, invalid, too_large};
use tenterhook_model::{Fault, limits};
use tonic::Status;
use tonic::codegen::StdError;

use super::frame::framed;
use crate::problem::Problem;

/// Bytes of a body: those of a message.
pub(super) const BODY_BYTES: usize = limits::GRPC_MESSAGE_BYTES;
/// Bytes that are held at least, so that small ones need no second look.
const HELD_MIN: usize = 4 * 1024;
/// Time for the first bytes of a body, before the call is made.
const FIRST_TIME: Duration = limits::OPEN_CALL_TIMEOUT;
/// Blanks before a body that are looked through.
const BLANKS: usize = 1_024;

/// Makes the message of a whole body.
type Read = Box<dyn FnOnce(&[u8]) -> Result<Vec<u8>, Status> + Send>;

/// A body that becomes one message.
pub(super) struct Gathered<B> {
    body: B,
    bytes: BytesMut,
    held: Held,
    /// `None` once it was read.
    read: Option<Read>,
}

impl<B: Body> Gathered<B> {
    /// The message that `read` makes of the whole `body`.
    pub(super) fn new(
        body: B,
        held: Held,
        read: impl FnOnce(&[u8]) -> Result<Vec<u8>, Vec<Fault>> + Send + 'static,
    ) -> Self {
        Self::checked(body, held, move |bytes| read(bytes).map_err(invalid))
    }

    /// As [`Gathered::new`], of a body that can be refused for more than what it says.
    pub(super) fn checked(
        body: B,
        held: Held,
        read: impl FnOnce(&[u8]) -> Result<Vec<u8>, Status> + Send + 'static,
    ) -> Self {
        Self { body, bytes: BytesMut::new(), held, read: Some(Box::new(read)) }
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Status> {
        // A length that was announced is held at once: a body that begins can also end.
        let announced = self.body.size_hint().exact().map_or(0, |rest| usize::try_from(rest).unwrap_or(usize::MAX));
        let length = self.bytes.len() + data.len();
        let whole = length.saturating_add(announced);
        if whole > BODY_BYTES {
            return Err(too_large());
        }
        self.held.grow(whole.max(growing(length)))?;
        self.bytes.extend_from_slice(data);
        assert!(self.bytes.len() <= BODY_BYTES, "{} bytes of a body are kept", self.bytes.len());
        Ok(())
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Gathered<B>
where
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = &mut *self;
        while this.read.is_some() {
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(Some(Ok(frame))) => {
                    let Some(data) = frame.data_ref() else { continue };
                    if let Err(status) = this.take(data) {
                        this.read = None;
                        return Poll::Ready(Some(Err(status.into())));
                    }
                }
                Poll::Ready(None) => {
                    let Some(read) = this.read.take() else { break };
                    let bytes = std::mem::take(&mut this.bytes);
                    let message = read(&bytes);
                    // From here on the message counts, in the gate.
                    drop(bytes);
                    this.held.release();
                    let frame = message.and_then(|message| framed(&message));
                    return Poll::Ready(Some(frame.map(Frame::data).map_err(Into::into)));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Bytes that a buffer of this length takes: it grows to twice its size, and while it is copied the
/// one that it had, half as large, is still there.
pub(super) fn growing(length: usize) -> usize {
    let room = length.next_power_of_two().max(HELD_MIN);
    room + room / 2
}

/// A body of which the first bytes are known.
pub(super) struct Peeked<B> {
    first: Bytes,
    body: B,
}

impl<B> Peeked<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    /// Waits for the first byte of `body` that is not blank.
    ///
    /// # Errors
    /// When it does not come in time.
    pub(super) async fn new(mut body: B) -> Result<Self, Problem> {
        let mut first = BytesMut::new();
        let read = async {
            while first.trim_ascii_start().is_empty() && first.len() < BLANKS {
                match body.frame().await {
                    Some(Ok(frame)) => first.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                    // What broke shows again when the body is read.
                    Some(Err(_)) | None => break,
                }
            }
        };
        let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not begin in time; send it again");
        tokio::time::timeout(FIRST_TIME, read).await.map_err(late)?;
        Ok(Self { first: first.freeze(), body })
    }

    /// Whether its first byte that is not blank is this.
    pub(super) fn begins_with(&self, byte: u8) -> bool {
        self.first.trim_ascii_start().first() == Some(&byte)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Peeked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.body).poll_frame(context);
        }
        let first = std::mem::take(&mut self.first);
        Poll::Ready(Some(Ok(Frame::data(first))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if !self.first.is_empty()
            && let Some(exact) = hint.exact()
        {
            hint.set_exact(exact + self.first.len() as u64);
        }
        hint
    }
}
