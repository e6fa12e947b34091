//! HTTP/2 receivers that misbehave, and what becomes of the attempts that share them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Outcome, PreparedRequest, limits};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::identity::{Authority, server};
use super::support::{Receiver, deliverer, post_over, seconds};

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Turn {
    Answer,
    /// With a body that is longer than what is read.
    AnswerAtLength,
    /// Closes the connection instead of an answer.
    HangUp,
    /// Never answers.
    Hang,
}

/// Exchanges that a receiver takes at a time on one connection.
const STREAMS: u32 = 4;

/// A receiver that does with its requests, counted over all connections, as `turn` says.
async fn receiver(authority: &Authority, turn: impl Fn(usize) -> Turn + Send + Sync + 'static) -> Receiver {
    let acceptor = TlsAcceptor::from(Arc::new(server(&authority.sign("127.0.0.1"), &["h2"])));
    let (turn, count) = (Arc::new(turn), Arc::new(AtomicUsize::new(0)));
    Receiver::script(move |stream| {
        let (acceptor, turn, count) = (acceptor.clone(), Arc::clone(&turn), Arc::clone(&count));
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let over = Arc::new(Notify::new());
            let hang_up = Arc::clone(&over);
            let service = service_fn(move |_request: http::Request<Incoming>| {
                let (turn, hang_up) = (turn(count.fetch_add(1, Ordering::SeqCst)), Arc::clone(&hang_up));
                async move { Ok::<_, Infallible>(take(turn, &hang_up).await) }
            });
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let connection = builder.max_concurrent_streams(STREAMS).serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                biased;
                () = over.notified() => {}
                _ = connection => {}
            }
        }
    })
    .await
}

async fn take(turn: Turn, hang_up: &Notify) -> http::Response<Full<Bytes>> {
    match turn {
        Turn::Answer => http::Response::new(Full::from("ok")),
        Turn::AnswerAtLength => http::Response::new(Full::from(vec![b'x'; 4 * limits::ANSWER_READ_BYTES])),
        Turn::HangUp => {
            hang_up.notify_one();
            std::future::pending().await
        }
        Turn::Hang => std::future::pending().await,
    }
}

fn post_to(receiver: &Receiver, authority: &Authority) -> PreparedRequest {
    let transport = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..seconds(1) };
    post_over(&format!("https://{}/", receiver.address), transport)
}

/// The outcomes of attempts one after the other, and the connections that they took.
async fn outcomes(turns: &'static [Turn]) -> (Vec<Outcome>, usize) {
    let authority = Authority::new();
    let receiver = receiver(&authority, |count| turns.get(count).copied().unwrap_or(Turn::Answer)).await;
    let deliverer = deliverer();
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(deliverer.attempt(post_to(&receiver, &authority)).await.outcome);
    }
    (outcomes, receiver.connections())
}

#[tokio::test]
async fn a_long_answer_ends_its_stream_and_not_the_connection() {
    let turns = &[Turn::AnswerAtLength, Turn::Answer, Turn::AnswerAtLength];
    assert_eq!(outcomes(turns).await, (vec![Outcome::Success; 3], 1));
}

#[tokio::test]
async fn a_request_that_met_a_closing_connection_is_sent_once_more_on_a_new_one() {
    assert_eq!(outcomes(&[Turn::Answer, Turn::HangUp]).await, (vec![Outcome::Success; 3], 2));
}

#[tokio::test]
async fn a_receiver_that_hangs_up_on_a_new_connection_is_a_failure() {
    let expected = vec![Outcome::Connection, Outcome::Success, Outcome::Success];
    assert_eq!(outcomes(&[Turn::HangUp]).await, (expected, 2));
    let expected = vec![Outcome::Success, Outcome::Connection, Outcome::Success];
    assert_eq!(outcomes(&[Turn::Answer, Turn::HangUp, Turn::HangUp]).await, (expected, 3));
}

#[tokio::test]
async fn an_attempt_without_an_answer_leaves_its_connection_to_nobody() {
    let expected = vec![Outcome::Success, Outcome::Timeout, Outcome::Success];
    assert_eq!(outcomes(&[Turn::Answer, Turn::Hang]).await, (expected, 2));
}

#[tokio::test]
async fn no_more_exchanges_share_a_connection_than_its_receiver_takes() {
    let authority = Authority::new();
    let receiver = receiver(&authority, |count| if count == 0 { Turn::Answer } else { Turn::Hang }).await;
    let deliverer = deliverer();
    assert_eq!(deliverer.attempt(post_to(&receiver, &authority)).await.outcome, Outcome::Success);
    let mut all = JoinSet::new();
    for _ in 0..3 * STREAMS {
        let (deliverer, request) = (deliverer.clone(), post_to(&receiver, &authority));
        all.spawn(async move { deliverer.attempt(request).await.outcome });
    }
    assert_eq!(all.join_all().await, vec![Outcome::Timeout; 3 * STREAMS as usize]);
    // What a new connection takes is not known when the first exchanges on it begin; those that
    // it refuses go to the next.
    assert_eq!(receiver.connections(), 3);
}
