//! The body of an answer that another node gives.
//!
//! Frames and trailers go through as they come, one at a time, and streams of gRPC by whole messages: what the client
//! does not take is not read from the node either. When the node is lost, this one stops or the connection is too old, the answer ends
//! with a status of its own, where its form has a place for one.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tenterhook_api::{Forwarded, NotForwarded};
use tenterhook_http::Form;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::messages::Messages;

/// Becomes ready with why a stream ends here before its own end.
type Ending = Pin<Box<dyn Future<Output = NotForwarded> + Send>>;

/// The body.
pub(super) struct Answer<B = Incoming> {
    body: B,
    form: Form,
    /// For streams only: other calls may finish.
    ending: Option<Ending>,
    /// For streams of messages only.
    messages: Option<Messages>,
    has_ended: bool,
    /// Counts the call until this is dropped.
    _call: Forwarded,
}

impl<B> Answer<B> {
    /// The `body` of the answer to `call`, whose streams end when `draining` is cancelled.
    pub(super) fn new(body: B, form: Form, call: Forwarded, draining: CancellationToken) -> Self {
        let retiring = call.retiring();
        let ending = call.is_stream().then(|| -> Ending {
            Box::pin(async move {
                // A stop comes first: it is the reason for the other.
                tokio::select! { biased;
                    () = draining.cancelled_owned() => NotForwarded::Stopping,
                    () = retiring => NotForwarded::Aged,
                }
            })
        });
        let messages = (call.is_stream() && form != Form::Plain).then(Messages::default);
        Self { body, form, ending, messages, has_ended: false, _call: call }
    }

    fn end(&mut self, why: NotForwarded) -> Option<Result<Frame<Bytes>, Status>> {
        self.has_ended = true;
        let status = Status::from(why);
        Some(self.form.last_frame(status.clone()).ok_or(status))
    }
}

impl<B> std::fmt::Debug for Answer<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("form", &self.form).field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        // The body comes first: what it has to say before the end is sent.
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_broken))) => return Poll::Ready(self.end(NotForwarded::Lost)),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => break,
            };
            match (frame.into_data(), &mut self.messages) {
                (Ok(data), Some(messages)) => {
                    if let Some(whole) = messages.take(data) {
                        return Poll::Ready(Some(Ok(Frame::data(whole))));
                    }
                }
                (Ok(data), None) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                (Err(trailers), _) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        match self.ending.as_mut().map(|ending| ending.as_mut().poll(context)) {
            Some(Poll::Ready(why)) => Poll::Ready(self.end(why)),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.has_ended { SizeHint::with_exact(0) } else { self.body.size_hint() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use tenterhook_api::{Budgets, Connection};
    use tokio::sync::mpsc;

    /// A message of three bytes.
    const MESSAGE: &[u8] = b"\0\0\0\0\x03one";
    const WATCH: &str = "/tenterhook.v1.DeliveryService/WatchDeliveries";
    const PUBLISH: &str = "/tenterhook.v1.EventService/PublishEvent";

    type Piece = Result<Frame<Bytes>, std::io::Error>;

    struct Bench {
        connection: Connection,
        node: mpsc::Sender<Piece>,
        draining: CancellationToken,
        answer: Pin<Box<dyn Body<Data = Bytes, Error = Status>>>,
    }

    fn bench(path: &str, form: Form) -> Bench {
        let (node, pieces) = mpsc::channel(4);
        let (connection, draining) = (Budgets::default().connection(), CancellationToken::new());
        let call = Forwarded::begin(connection.clone(), path);
        let answer = Box::pin(Answer::new(Pieces(pieces), form, call, draining.clone()));
        Bench { connection, node, draining, answer }
    }

    /// A body of what a test sends.
    struct Pieces(mpsc::Receiver<Piece>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
            self.0.poll_recv(context)
        }
    }

    impl Bench {
        async fn data(&mut self) -> Bytes {
            self.answer.frame().await.unwrap().unwrap().into_data().unwrap()
        }

        /// The code that it ends with.
        async fn code(&mut self) -> String {
            let trailers = self.answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
            assert!(self.answer.frame().await.is_none());
            trailers["grpc-status"].to_str().unwrap().to_owned()
        }
    }

    #[tokio::test]
    async fn a_node_that_is_lost_ends_an_answer_with_a_status_after_what_it_said() {
        let mut bench = bench(WATCH, Form::Grpc);
        bench.node.send(Ok(Frame::data(Bytes::from_static(MESSAGE)))).await.unwrap();
        bench.node.send(Ok(Frame::data(Bytes::from_static(&MESSAGE[..6])))).await.unwrap();
        bench.node.send(Err(std::io::ErrorKind::ConnectionReset.into())).await.unwrap();
        assert_eq!(bench.data().await, MESSAGE);
        assert_eq!(bench.code().await, "14", "no part of a message stands before the status");
        let mut plain = self::bench("/v1/events", Form::Plain);
        plain.node.send(Err(std::io::ErrorKind::ConnectionReset.into())).await.unwrap();
        assert!(plain.answer.frame().await.unwrap().is_err(), "plain HTTP can only break");
    }

    #[tokio::test]
    async fn only_streams_end_when_the_node_drains() {
        let mut stream = bench(WATCH, Form::Grpc);
        stream.draining.cancel();
        assert_eq!(stream.code().await, "14");
        let mut call = bench(PUBLISH, Form::Grpc);
        call.draining.cancel();
        call.node.send(Ok(Frame::data(Bytes::from_static(b"done")))).await.unwrap();
        assert_eq!(call.data().await, "done");
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_connection_and_not_before() {
        let mut bench = bench(WATCH, Form::Grpc);
        bench.node.send(Ok(Frame::data(Bytes::from_static(MESSAGE)))).await.unwrap();
        bench.connection.retire();
        assert_eq!(bench.data().await, MESSAGE);
        assert_eq!(bench.code().await, "14");
        assert!(bench.connection.idle_since().is_none());
        drop(bench.answer);
        assert!(bench.connection.idle_since().is_some());
    }
}
