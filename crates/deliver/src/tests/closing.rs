//! Which connections are kept, which are not, and what happens to a request that meets a
//! connection that its receiver has just closed.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::Outcome;
use tenterhook_model::webhook::TransportPolicy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::identity::{Authority, server};
use super::support::{Receiver, answer, answer_with, deliverer, post, post_over, seconds};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Waits for one small request; false when the client has closed.
async fn hears(stream: &mut TcpStream) -> bool {
    stream.read(&mut [0; 4_096]).await.is_ok_and(|read| read > 0)
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let receiver = Receiver::http(|_| answer(200, "ok")).await;
    let deliverer = deliverer();
    for _ in 0..20 {
        assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Success);
    }
    assert_eq!((receiver.connections(), receiver.seen().len()), (1, 20));
}

#[tokio::test]
async fn clones_share_connections() {
    let receiver = Receiver::http(|_| answer(200, "ok")).await;
    let deliverer = deliverer();
    deliverer.attempt(post(&receiver.url("/"))).await;
    deliverer.clone().attempt(post(&receiver.url("/other"))).await;
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_have_a_connection_each_and_keep_them() {
    let receiver = Receiver::http(|_| answer(200, "ok")).await;
    let deliverer = deliverer();
    for _ in 0..3 {
        let mut all = JoinSet::new();
        for _ in 0..8 {
            let (deliverer, request) = (deliverer.clone(), post(&receiver.url("/")));
            all.spawn(async move { deliverer.attempt(request).await });
        }
        for exchange in all.join_all().await {
            assert_eq!(exchange.outcome, Outcome::Success);
        }
    }
    assert_eq!(receiver.connections(), 8);
}

#[tokio::test]
async fn a_failure_status_keeps_the_connection() {
    let receiver = Receiver::http(|_| answer(500, "no")).await;
    let deliverer = deliverer();
    for _ in 0..3 {
        deliverer.attempt(post(&receiver.url("/"))).await;
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_the_receiver_wants_closed_is_not_kept() {
    let receiver = Receiver::http(|_| answer_with(200, "connection", "close")).await;
    let deliverer = deliverer();
    for _ in 0..3 {
        assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Success);
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn a_connection_is_not_shared_between_authorities_or_trusts() {
    let receiver = Receiver::http(|_| answer(200, "")).await;
    let deliverer = deliverer();
    deliverer.attempt(post(&receiver.url("/"))).await;
    let by_other_name = format!("http://[::ffff:127.0.0.1]:{}/", receiver.address.port());
    assert_eq!(deliverer.attempt(post(&by_other_name)).await.outcome, Outcome::Success);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn webhooks_that_differ_in_their_deadline_share_connections() {
    let receiver = Receiver::http(|_| answer(200, "")).await;
    let deliverer = deliverer();
    for limit in [3, 4, 5] {
        deliverer.attempt(post_over(&receiver.url("/"), seconds(limit))).await;
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_connection_whose_attempt_ran_out_of_time_is_closed() {
    let (closed, mut closings) = mpsc::channel(4);
    let receiver = Receiver::script(move |mut stream| {
        let closed = closed.clone();
        async move {
            assert!(hears(&mut stream).await);
            assert!(!hears(&mut stream).await);
            closed.send(()).await.unwrap();
        }
    })
    .await;
    let exchange = deliverer().attempt(post_over(&receiver.url("/"), seconds(1))).await;
    assert_eq!(exchange.outcome, Outcome::Timeout);
    closings.recv().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_too_long_closes_its_connection() {
    let receiver = Receiver::http(|_| answer(200, Box::leak("x".repeat(100_000).into_boxed_str()))).await;
    let deliverer = deliverer();
    for _ in 0..2 {
        assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Success);
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_idle_is_not_used() {
    let (closed, mut closings) = mpsc::channel(4);
    let receiver = Receiver::script(move |mut stream| {
        let closed = closed.clone();
        async move {
            assert!(hears(&mut stream).await);
            stream.write_all(OK).await.unwrap();
            drop(stream);
            closed.send(()).await.unwrap();
        }
    })
    .await;
    let deliverer = deliverer();
    for attempt in 1..=3 {
        let exchange = deliverer.attempt(post(&receiver.url("/"))).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
        closings.recv().await.unwrap();
        assert_eq!(receiver.connections(), attempt);
    }
}

/// A receiver whose first connection answers one request and then, on the second, does as
/// `turn` says; its other connections answer every request, or hang up on each.
async fn turns(turn: &'static [u8], others_answer: bool) -> Receiver {
    let first = Arc::new(Semaphore::new(1));
    Receiver::script(move |mut stream| {
        let is_first = first.try_acquire().map(|permit| permit.forget()).is_ok();
        async move {
            while hears(&mut stream).await && (is_first || others_answer) {
                stream.write_all(OK).await.unwrap();
                if is_first {
                    assert!(hears(&mut stream).await);
                    stream.write_all(turn).await.unwrap();
                    return;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_that_met_a_closing_connection_is_sent_once_more_on_a_new_one() {
    let receiver = turns(b"", true).await;
    let deliverer = deliverer();
    for _ in 0..2 {
        let exchange = deliverer.attempt(post(&receiver.url("/"))).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
    }
    assert_eq!(receiver.connections(), 2);
}

/// What HAProxy, nginx and Node.js say when they close a connection on which no request came in time.
const WAITED_TOO_LONG: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_that_crosses_a_408_for_the_one_that_did_not_come_is_sent_again() {
    let receiver = turns(WAITED_TOO_LONG, true).await;
    let deliverer = deliverer();
    for _ in 0..2 {
        let exchange = deliverer.attempt(post(&receiver.url("/"))).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
        assert_eq!(exchange.response.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_408_on_a_new_connection_or_one_that_stays_open_is_the_answer() {
    let of_its_own = turns(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", true).await;
    let on_a_new_one = Receiver::script(|mut stream| async move {
        hears(&mut stream).await;
        stream.write_all(WAITED_TOO_LONG).await.unwrap();
    })
    .await;
    let deliverer = deliverer();
    assert_eq!(deliverer.attempt(post(&of_its_own.url("/"))).await.outcome, Outcome::Success);
    for receiver in [of_its_own, on_a_new_one] {
        let exchange = deliverer.attempt(post(&receiver.url("/"))).await;
        assert_eq!((exchange.outcome, exchange.response.unwrap().status), (Outcome::HttpStatus, 408));
        assert_eq!(receiver.connections(), 1);
    }
}

#[tokio::test]
async fn a_request_that_got_part_of_an_answer_is_not_sent_again() {
    let cases = [
        (&b"HTTP/1.1 200"[..], Outcome::Connection),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart", Outcome::Success),
    ];
    for (part, outcome) in cases {
        let receiver = turns(part, true).await;
        let deliverer = deliverer();
        assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Success);
        assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, outcome);
        assert_eq!(receiver.connections(), 1);
    }
}

#[tokio::test]
async fn a_request_is_sent_again_only_once() {
    let receiver = turns(b"", false).await;
    let deliverer = deliverer();
    assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Success);
    assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Connection);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_request_that_runs_out_of_time_on_a_kept_connection_is_not_sent_again() {
    let receiver = Receiver::script(|mut stream| async move {
        assert!(hears(&mut stream).await);
        stream.write_all(OK).await.unwrap();
        while hears(&mut stream).await {}
    })
    .await;
    let deliverer = deliverer();
    assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Success);
    let exchange = deliverer.attempt(post_over(&receiver.url("/"), seconds(1))).await;
    assert_eq!((exchange.outcome, receiver.connections()), (Outcome::Timeout, 1));
}

#[tokio::test]
async fn an_unused_connection_is_closed_after_a_while() {
    let (closed, mut closings) = mpsc::channel(4);
    let receiver = Receiver::script(move |mut stream| {
        let closed = closed.clone();
        async move {
            assert!(hears(&mut stream).await);
            stream.write_all(OK).await.unwrap();
            assert!(!hears(&mut stream).await);
            closed.send(()).await.unwrap();
        }
    })
    .await;
    let deliverer = deliverer();
    deliverer.attempt(post(&receiver.url("/"))).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(49)).await;
    assert!(closings.try_recv().is_err());
    tokio::time::advance(Duration::from_secs(2)).await;
    closings.recv().await.unwrap();
}

#[tokio::test]
async fn closing_closes_every_connection() {
    let (closed, mut closings) = mpsc::channel(4);
    let receiver = Receiver::script(move |mut stream| {
        let closed = closed.clone();
        async move {
            assert!(hears(&mut stream).await);
            stream.write_all(OK).await.unwrap();
            assert!(!hears(&mut stream).await);
            closed.send(()).await.unwrap();
        }
    })
    .await;
    let deliverer = deliverer();
    deliverer.attempt(post_over(&receiver.url("/"), TransportPolicy::default())).await;
    deliverer.close().await;
    closings.recv().await.unwrap();
}

#[tokio::test]
async fn an_answer_to_part_of_a_request_is_heard_before_the_reset_over_tls_too() {
    // Its small writes are gathered: the answer waits until the tickets before it are confirmed.
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(Arc::new(server(&authority.sign("127.0.0.1"), &[])));
    let receiver = Receiver::script(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            // The tickets leave before the request is read, and the rest of that stays unread.
            stream.flush().await.unwrap();
            assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
            stream.write_all(OK).await.unwrap();
            stream.flush().await.unwrap();
        }
    })
    .await;
    let transport = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() };
    let deliverer = deliverer();
    for _ in 0..20 {
        let mut request = post_over(&format!("https://{}/", receiver.address), transport.clone());
        request.body = vec![b'x'; 200_000].into();
        let exchange = deliverer.attempt(request).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
    }
}
