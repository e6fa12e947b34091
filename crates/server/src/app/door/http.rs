//! HTTP/1.1 and HTTP/2 with every limit set, and the requests of a connection on their way to what answers them.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::EXPECT;
use hyper::server::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::TokioTimer;
use tenterhook_api::server::{
    CONNECTION_WINDOW_BYTES, HEADER_LIST_BYTES, KEEPALIVE, LOCAL_RESETS, STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION,
};
use tenterhook_api::{Connection, PeerNames};
use tokio::task::yield_now;
use tokio_util::task::TaskTracker;

use super::rest::{Kept, Rest};
use super::slices::Slices;
use super::times::Times;
use super::wire::Signs;
use crate::app::calls::Calls;
use crate::app::relay::{Clerk, Clerking};

/// Bytes of one answer that wait in HTTP/2 for the client's flow control.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that HTTP/1.1 reads ahead, and those of answers that wait in it until they are written.
const BUFFER_BYTES: usize = 16 * 1024;

/// Builds HTTP/2 connections whose calls run in `calls`.
pub(super) fn http2(calls: TaskTracker) -> http2::Builder<Calls> {
    let mut builder = http2::Builder::new(Calls::new(calls));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEADER_LIST_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1);
    builder
}

/// Builds HTTP/1.1 connections. Their one call at a time runs in the connection's own task.
pub(super) fn http1(times: &Times) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(times.next_head)
        .max_header_size(HEADER_LIST_BYTES as usize)
        .max_buf_size(BUFFER_BYTES);
    builder
}

/// What the requests of a connection take with them to the front.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    /// Answers them.
    pub(super) clerk: Clerk,
    /// What the API knows of the connection.
    pub(super) connection: Connection,
    /// The names of its client certificate.
    pub(super) names: PeerNames,
}

impl Requests {
    /// Hands the requests of HTTP/2 on.
    pub(super) fn over_http2(self) -> impl Fn(Request<Incoming>) -> Clerking<Incoming> {
        move |request| self.answer(request)
    }

    /// Hands the requests of HTTP/1.1 on. The connection is open once the first has come.
    pub(super) fn over_http1(self, signs: Arc<Signs>) -> impl Fn(Request<Incoming>) -> BoxedAnswer {
        move |request| {
            signs.open();
            // Who expects to be asked for the body sends nothing of it before.
            let expects = request.headers().contains_key(EXPECT);
            let rest = Rest::default();
            let answering = self.answer(request.map(|body| Kept::new(body, rest.clone())));
            Box::pin(async move {
                // Requests that wait in a row must not have the turn of the other connections.
                yield_now().await;
                let Ok(response) = answering.await;
                if !expects {
                    rest.drop_it().await;
                }
                Ok(response.map(Slices::new))
            })
        }
    }

    fn answer<B>(&self, mut request: Request<B>) -> Clerking<B>
    where
        B: Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        request.extensions_mut().insert(self.connection.clone());
        request.extensions_mut().insert(self.names.clone());
        self.clerk.call(request)
    }
}

/// The work on a request of HTTP/1.1.
type BoxedAnswer =
    std::pin::Pin<Box<dyn Future<Output = Result<Response<Slices<tonic::body::Body>>, Infallible>> + Send>>;
