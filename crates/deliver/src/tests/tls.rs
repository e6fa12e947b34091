//! TLS and HTTP/2: whom we trust, who we are, and what is shared.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use http::Version;
use rustls::HandshakeKind;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{AddressPolicy, Outcome, PreparedRequest, Secret, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::identity::{Authority, Pem, mutual_server, server};
use super::support::{Receiver, Table, answer, body, deliverer, deliverer_with, loopback, post_over, seconds};
use crate::{Deliverer, TcpDialer};

const NAME: &str = "hooks.example.com";

/// A deliverer for which every name that the tests use leads to loopback.
fn by_name() -> Deliverer {
    deliverer_with(loopback(), Table::with(NAME, &[&["127.0.0.1"]]), TcpDialer::default())
}

fn trusting(authority: &Authority) -> TransportPolicy {
    TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() }
}

fn showing(authority: &Authority, identity: &Pem) -> TransportPolicy {
    TransportPolicy {
        client_certificate_pem: identity.certificate.clone(),
        client_private_key_pem: Secret::new(identity.key.as_str()),
        ..trusting(authority)
    }
}

fn post_to(receiver: &Receiver, transport: TransportPolicy) -> PreparedRequest {
    post_over(&format!("https://{NAME}:{}/hook?q=1", receiver.address.port()), transport)
}

async fn speaking(authority: &Authority, protocols: &[&str]) -> Receiver {
    Receiver::tls(server(&authority.sign(NAME), protocols), |_| answer(200, "secure")).await
}

#[tokio::test]
async fn the_receiver_chooses_the_protocol() {
    let cases = [
        (&[][..], Version::HTTP_11),
        (&["http/1.1"], Version::HTTP_11),
        (&["h2", "http/1.1"], Version::HTTP_2),
        (&["h2"], Version::HTTP_2),
    ];
    for (protocols, version) in cases {
        let authority = Authority::new();
        let receiver = speaking(&authority, protocols).await;
        let exchange = by_name().attempt(post_to(&receiver, trusting(&authority))).await;
        assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "secure"), "{}", exchange.error);
        assert!(exchange.timings.tls.is_some());
        assert_eq!(receiver.seen()[0].parts.version, version);
    }
}

#[tokio::test]
async fn over_http2_the_request_is_the_same() {
    let authority = Authority::new();
    let receiver = speaking(&authority, &["h2"]).await;
    by_name().attempt(post_to(&receiver, trusting(&authority))).await;
    let seen = &receiver.seen()[0];
    let uri = &seen.parts.uri;
    assert_eq!(uri.authority().unwrap().as_str(), format!("{NAME}:{}", receiver.address.port()));
    assert_eq!((uri.scheme_str(), uri.path_and_query().unwrap().as_str()), (Some("https"), "/hook?q=1"));
    assert_eq!((seen.header("host"), seen.header("content-type")), (None, Some("application/json")));
    assert_eq!((seen.header("content-length"), seen.body.as_ref()), (Some("2"), &b"{}"[..]));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let receiver = speaking(&unknown, &["http/1.1"]).await;
    let exchange = by_name().attempt(post_to(&receiver, trusting(&known))).await;
    assert_eq!((exchange.outcome, receiver.seen().len()), (Outcome::Tls, 0));
    assert!(exchange.error.contains("not trusted"), "{}", exchange.error);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let authority = Authority::new();
    let receiver = Receiver::tls(server(&authority.sign("other.example.com"), &[]), |_| answer(200, "")).await;
    let exchange = by_name().attempt(post_to(&receiver, trusting(&authority))).await;
    assert_eq!((exchange.outcome, receiver.seen().len()), (Outcome::Tls, 0));
}

#[tokio::test]
async fn an_expired_certificate_is_not_trusted() {
    let authority = Authority::new();
    let expired = authority.sign_for(NAME, (2000, 2010));
    let receiver = Receiver::tls(server(&expired, &[]), |_| answer(200, "")).await;
    let exchange = by_name().attempt(post_to(&receiver, trusting(&authority))).await;
    assert_eq!(exchange.outcome, Outcome::Tls);
    assert!(exchange.error.contains("expired"), "{}", exchange.error);
}

#[tokio::test]
async fn an_address_can_be_what_the_certificate_is_for() {
    let authority = Authority::new();
    let receiver = Receiver::tls(server(&authority.sign("127.0.0.1"), &[]), |_| answer(200, "")).await;
    let url = format!("https://{}/", receiver.address);
    let exchange = deliverer().attempt(post_over(&url, trusting(&authority))).await;
    assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
}

#[tokio::test]
async fn a_name_with_a_final_dot_is_the_same_name() {
    let authority = Authority::new();
    let receiver = speaking(&authority, &["http/1.1"]).await;
    let url = format!("https://{NAME}.:{}/", receiver.address.port());
    let deliverer =
        deliverer_with(loopback(), Table::with("hooks.example.com.", &[&["127.0.0.1"]]), TcpDialer::default());
    let exchange = deliverer.attempt(post_over(&url, trusting(&authority))).await;
    assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
}

#[tokio::test]
async fn without_any_authority_nothing_is_trusted_and_the_error_says_what_to_do() {
    let authority = Authority::new();
    let receiver = speaking(&authority, &["http/1.1"]).await;
    let exchange = by_name().attempt(post_to(&receiver, TransportPolicy::default())).await;
    assert_eq!(exchange.outcome, Outcome::Tls);
    assert!(exchange.error.contains("ca_certificates_pem"), "{}", exchange.error);
}

#[tokio::test]
async fn any_certificate_is_taken_only_where_the_server_allows_it() {
    let receiver = speaking(&Authority::new(), &["http/1.1"]).await;
    let insecure = TransportPolicy { insecure_skip_verify: true, ..TransportPolicy::default() };
    let exchange = by_name().attempt(post_to(&receiver, insecure.clone())).await;
    assert_eq!((exchange.outcome, receiver.connections()), (Outcome::Tls, 0));
    assert_eq!(exchange.error, "this server does not allow insecure_skip_verify");
    let allowing = AddressPolicy { allow_insecure_tls: true, ..loopback() };
    let deliverer = deliverer_with(allowing, Table::with(NAME, &[&["127.0.0.1"]]), TcpDialer::default());
    let exchange = deliverer.attempt(post_to(&receiver, insecure)).await;
    assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_wanted() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let config = mutual_server(&authority.sign(NAME), &clients);
    let receiver = Receiver::tls(config, |_| answer(200, "")).await;
    let known = showing(&authority, &clients.sign("tenterhook"));
    let exchange = by_name().attempt(post_to(&receiver, known)).await;
    assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
    for refused in [trusting(&authority), showing(&authority, &Authority::new().sign("tenterhook"))] {
        let exchange = by_name().attempt(post_to(&receiver, refused)).await;
        assert_eq!(exchange.outcome, Outcome::Tls, "{}", exchange.error);
    }
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn certificates_that_cannot_be_used_end_the_attempt_before_a_connection() {
    let authority = Authority::new();
    let receiver = speaking(&authority, &["http/1.1"]).await;
    let (one, other) = (authority.sign("one"), authority.sign("other"));
    let policies = [
        TransportPolicy { ca_certificates_pem: "no PEM".into(), ..TransportPolicy::default() },
        TransportPolicy { client_certificate_pem: one.certificate.clone(), ..trusting(&authority) },
        showing(&authority, &Pem { key: other.key, ..one }),
    ];
    for policy in policies {
        let exchange = by_name().attempt(post_to(&receiver, policy)).await;
        assert_eq!(exchange.outcome, Outcome::Tls, "{}", exchange.error);
        assert!(exchange.error.contains("_pem"), "{}", exchange.error);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn plain_http_where_tls_is_expected_is_a_tls_failure() {
    let receiver = Receiver::http(|_| answer(200, "")).await;
    let exchange = by_name().attempt(post_to(&receiver, TransportPolicy::default())).await;
    assert_eq!(exchange.outcome, Outcome::Tls, "{}", exchange.error);
}

#[tokio::test]
async fn a_receiver_that_hangs_up_in_the_handshake_is_a_tls_failure() {
    let receiver = Receiver::script(|mut stream| async move {
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    let exchange = by_name().attempt(post_to(&receiver, TransportPolicy::default())).await;
    assert_eq!(exchange.outcome, Outcome::Tls, "{}", exchange.error);
}

#[tokio::test]
async fn the_handshake_has_its_own_limit() {
    let receiver = Receiver::script(|stream| async move {
        let _stream = stream;
        pending().await
    })
    .await;
    let deliverer = by_name();
    tokio::time::pause();
    let start = Instant::now();
    let exchange = deliverer.attempt(post_to(&receiver, seconds(60))).await;
    assert_eq!(exchange.outcome, Outcome::Timeout);
    assert_eq!(exchange.error, "no TLS handshake within 5 s");
    assert!(start.elapsed() >= limits::TLS_TIMEOUT && start.elapsed() < 2 * limits::TLS_TIMEOUT);
}

#[tokio::test]
async fn attempts_over_http2_share_one_connection() {
    let authority = Authority::new();
    let receiver = speaking(&authority, &["h2"]).await;
    let deliverer = by_name();
    let transport = trusting(&authority);
    deliverer.attempt(post_to(&receiver, transport.clone())).await;
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (deliverer, request) = (deliverer.clone(), post_to(&receiver, transport.clone()));
        all.spawn(async move { deliverer.attempt(request).await });
    }
    for exchange in all.join_all().await {
        assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
        assert_eq!((exchange.timings.connect, exchange.timings.tls), (None, None));
    }
    assert_eq!((receiver.connections(), receiver.seen().len()), (1, 51));
}

#[tokio::test]
async fn attempts_that_begin_together_wait_for_the_first_to_see_what_can_be_shared() {
    for (protocols, connections) in [(&["h2"], 1), (&["http/1.1"], 20)] {
        let authority = Authority::new();
        let receiver = speaking(&authority, protocols).await;
        let deliverer = by_name();
        let mut all = JoinSet::new();
        for _ in 0..20 {
            let (deliverer, request) = (deliverer.clone(), post_to(&receiver, trusting(&authority)));
            all.spawn(async move { deliverer.attempt(request).await });
        }
        for exchange in all.join_all().await {
            assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
        }
        assert_eq!(receiver.connections(), connections);
    }
}

#[tokio::test]
async fn a_receiver_without_a_connection_fails_all_attempts_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    drop(listener);
    let deliverer = deliverer();
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let (deliverer, request) = (deliverer.clone(), post_over(&url, TransportPolicy::default()));
        all.spawn(async move { deliverer.attempt(request).await.outcome });
    }
    assert_eq!(all.join_all().await, vec![Outcome::Connection; 20]);
}

#[tokio::test]
async fn a_new_connection_resumes_the_tls_session_of_the_last() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(Arc::new(server(&authority.sign(NAME), &[])));
    let (kind, mut kinds) = mpsc::channel(4);
    let receiver = Receiver::script(move |stream| {
        let (acceptor, kind) = (acceptor.clone(), kind.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            kind.send(stream.get_ref().1.handshake_kind()).await.unwrap();
        }
    })
    .await;
    let deliverer = by_name();
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        deliverer.attempt(post_to(&receiver, trusting(&authority))).await;
        assert_eq!(kinds.recv().await.unwrap(), Some(expected));
    }
}

#[tokio::test]
async fn a_kept_tls_connection_serves_again_and_another_trust_does_not_meet_it() {
    for protocols in [&["http/1.1"], &["h2"]] {
        let authority = Authority::new();
        let receiver = speaking(&authority, protocols).await;
        let deliverer = by_name();
        for _ in 0..3 {
            let exchange = deliverer.attempt(post_to(&receiver, trusting(&authority))).await;
            assert_eq!(exchange.outcome, Outcome::Success);
        }
        assert_eq!(receiver.connections(), 1, "the same certificates are the same trust");
        let exchange = deliverer.attempt(post_to(&receiver, trusting(&Authority::new()))).await;
        assert_eq!(exchange.outcome, Outcome::Tls);
        let changed = showing(&authority, &authority.sign("tenterhook"));
        assert_eq!(deliverer.attempt(post_to(&receiver, changed)).await.outcome, Outcome::Success);
        assert_eq!(receiver.connections(), 3);
    }
}

#[tokio::test]
async fn a_shared_connection_that_does_not_answer_is_not_offered_again() {
    let authority = Authority::new();
    let receiver = speaking(&authority, &["h2"]).await;
    let deliverer = by_name();
    deliverer.attempt(post_to(&receiver, trusting(&authority))).await;
    let mut attempt = Box::pin(deliverer.attempt(post_to(&receiver, trusting(&authority))));
    // Begun, and dropped before the answer came, as at the deadline.
    let begun = poll_fn(|cx| Poll::Ready(attempt.as_mut().poll(cx).is_pending())).await;
    assert!(begun);
    drop(attempt);
    assert_eq!(deliverer.attempt(post_to(&receiver, trusting(&authority))).await.outcome, Outcome::Success);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn closing_ends_the_tasks_of_shared_connections() {
    let authority = Authority::new();
    let receiver = speaking(&authority, &["h2"]).await;
    let deliverer = by_name();
    deliverer.attempt(post_to(&receiver, trusting(&authority))).await;
    deliverer.close().await;
}
