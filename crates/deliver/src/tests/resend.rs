//! Receivers that take only a few requests on each connection: every request arrives at the
//! first attempt, also when many are sent at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Outcome, PreparedRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::identity::{Authority, server};
use super::support::{Receiver, deliverer, post, post_over};

/// Requests that are sent at a time: as many as one webhook has in flight.
const BURST: usize = 64;

/// How an HTTP/2 receiver ends its part of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// With GOAWAY.
    GoAway,
    /// It refuses every further stream.
    Refuse,
}

/// One that answers so many requests of each connection and closes it, after saying so or not.
async fn few_http1(requests: usize, says_so: bool) -> Receiver {
    Receiver::script(move |mut stream| async move {
        for number in 1..=requests {
            if !stream.read(&mut [0; 4_096]).await.is_ok_and(|read| read > 0) {
                return;
            }
            let close = if number == requests && says_so { "Connection: close\r\n" } else { "" };
            let answer = format!("HTTP/1.1 200 OK\r\n{close}Content-Length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// One that answers so many requests of each connection; `taken` counts them.
async fn few_http2(authority: &Authority, requests: usize, end: End, taken: Arc<AtomicUsize>) -> Receiver {
    let acceptor = TlsAcceptor::from(Arc::new(server(&authority.sign("127.0.0.1"), &["h2"])));
    Receiver::script(move |stream| {
        let (acceptor, taken) = (acceptor.clone(), Arc::clone(&taken));
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            let mut count = 0;
            while let Some(Ok((_request, mut respond))) = connection.accept().await {
                count += 1;
                if count > requests {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                    continue;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let _ = respond.send_response(http::Response::new(()), true);
                if count == requests && end == End::GoAway {
                    connection.graceful_shutdown();
                }
            }
        }
    })
    .await
}

/// The outcomes of a burst, after some requests one by one.
async fn outcomes(request: impl Fn() -> PreparedRequest) -> Vec<Outcome> {
    let deliverer = deliverer();
    let mut outcomes = Vec::new();
    for _ in 0..12 {
        outcomes.push(deliverer.attempt(request()).await.outcome);
    }
    for _ in 0..2 {
        let mut all = JoinSet::new();
        for _ in 0..BURST {
            let (deliverer, request) = (deliverer.clone(), request());
            all.spawn(async move { deliverer.attempt(request).await.outcome });
        }
        outcomes.extend(all.join_all().await);
    }
    outcomes
}

#[tokio::test]
async fn receivers_that_close_after_a_few_requests_get_every_one_at_the_first_attempt() {
    for requests in [1, 10, 50] {
        for says_so in [true, false] {
            let receiver = few_http1(requests, says_so).await;
            let outcomes = outcomes(|| post(&receiver.url("/"))).await;
            assert_eq!(outcomes, vec![Outcome::Success; 12 + 2 * BURST], "{requests} {says_so}");
        }
    }
}

#[tokio::test]
async fn so_do_those_that_speak_http2() {
    for requests in [1, 10, 50] {
        for end in [End::Refuse, End::GoAway] {
            let (authority, taken) = (Authority::new(), Arc::new(AtomicUsize::new(0)));
            let receiver = few_http2(&authority, requests, end, Arc::clone(&taken)).await;
            let transport =
                TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() };
            let outcomes = outcomes(|| post_over(&format!("https://{}/", receiver.address), transport.clone())).await;
            assert_eq!(outcomes, vec![Outcome::Success; 12 + 2 * BURST], "{requests} {end:?}");
            assert_eq!(taken.load(Ordering::SeqCst), outcomes.len(), "no request is taken twice");
        }
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_is_a_failure_after_a_few_tries() {
    let (authority, taken) = (Authority::new(), Arc::new(AtomicUsize::new(0)));
    let receiver = few_http2(&authority, 0, End::Refuse, Arc::clone(&taken)).await;
    let transport = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() };
    let exchange = deliverer().attempt(post_over(&format!("https://{}/", receiver.address), transport)).await;
    assert_eq!(exchange.outcome, Outcome::Connection);
    assert!(exchange.error.contains("REFUSED_STREAM"), "{}", exchange.error);
    assert_eq!((receiver.connections(), taken.load(Ordering::SeqCst)), (1 + crate::resend::RESENDS, 0));
}
