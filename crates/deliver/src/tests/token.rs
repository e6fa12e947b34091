//! Attempts that need an access token, against token servers that are well, wrong, slow and absent.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::future::join_all;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{
    AddressPolicy, ClientCredentials, ClientProof, Excuse, Outcome, PreparedRequest, Secret, limits,
};

use super::identity::{Authority, server};
use super::support::{
    Answer, Receiver, Seen, Table, answer, answer_with, body, deliverer, deliverer_with, loopback, post, post_over,
    seconds,
};
use crate::TcpDialer;

const SECRET: &str = "client-s3cr3t";

fn credentials(token_url: &str) -> Arc<ClientCredentials> {
    Arc::new(ClientCredentials {
        token_url: token_url.to_owned(),
        client_id: "client".into(),
        proof: ClientProof::Post(Secret::new(SECRET)),
        scopes: Vec::new(),
        audience: String::new(),
        parameters: BTreeMap::new(),
    })
}

/// A request to `receiver` with a token of `tokens`.
fn request(receiver: &Receiver, tokens: &Receiver) -> PreparedRequest {
    PreparedRequest { credentials: Some(credentials(&tokens.url("/token"))), ..post(&receiver.url("/")) }
}

/// A token server that numbers its tokens.
async fn numbering() -> Receiver {
    let count = AtomicUsize::new(0);
    Receiver::http(move |_| token(&format!("t0ken-{}", count.fetch_add(1, Ordering::SeqCst) + 1))).await
}

fn token(value: &str) -> Answer {
    let body = format!(r#"{{"access_token":"{value}","token_type":"Bearer","expires_in":3600}}"#);
    http::Response::new(body.into())
}

/// A receiver that takes the requests with one token, and shows what it got.
async fn taking(good: &'static str) -> Receiver {
    Receiver::http(move |seen| {
        let given = seen.header("authorization").unwrap_or_default().to_owned();
        let status = if given == format!("Bearer {good}") { 200 } else { 401 };
        http::Response::builder().status(status).body(given.into()).unwrap()
    })
    .await
}

fn authorization(seen: &Seen) -> &str {
    seen.header("authorization").unwrap()
}

#[tokio::test]
async fn two_hundred_webhooks_with_the_same_credentials_make_one_token_request() {
    let (receiver, tokens) = (taking("t0ken-1").await, numbering().await);
    let deliverer = deliverer();
    let attempts = (1..=200).map(|number| {
        let transport = Arc::new(seconds(10 + number % 40));
        deliverer.attempt(PreparedRequest { transport, ..request(&receiver, &tokens) })
    });
    for exchange in join_all(attempts).await {
        assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "Bearer ***"), "{}", exchange.error);
    }
    assert_eq!((receiver.seen().len(), tokens.seen().len()), (200, 1));
    let asked = &tokens.seen()[0];
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = format!("grant_type=client_credentials&client_id=client&client_secret={SECRET}");
    assert_eq!(asked.body.as_ref(), form.as_bytes());
}

#[tokio::test]
async fn a_token_that_the_receiver_refuses_is_replaced_within_the_attempt() {
    let (receiver, tokens) = (taking("t0ken-2").await, numbering().await);
    let deliverer = deliverer();
    for _ in 0..2 {
        let exchange = deliverer.attempt(request(&receiver, &tokens)).await;
        assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "Bearer ***"), "{}", exchange.error);
    }
    let seen = receiver.seen();
    let sent: Vec<_> = seen.iter().map(authorization).collect();
    assert_eq!(sent, ["Bearer t0ken-1", "Bearer t0ken-2", "Bearer t0ken-2"]);
    assert_eq!(tokens.seen().len(), 2);
}

#[tokio::test]
async fn a_token_that_ends_at_once_serves_the_attempt_that_fetched_it() {
    let count = AtomicUsize::new(0);
    let tokens = Receiver::http(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        http::Response::new(format!(r#"{{"access_token":"t0ken-{number}","expires_in":"0"}}"#).into())
    })
    .await;
    let receiver = Receiver::http(|_| answer(200, "")).await;
    let deliverer = deliverer();
    for _ in 0..2 {
        let exchange = deliverer.attempt(request(&receiver, &tokens)).await;
        assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
    }
    let seen = receiver.seen();
    assert_eq!(seen.iter().map(authorization).collect::<Vec<_>>(), ["Bearer t0ken-1", "Bearer t0ken-2"]);
}

#[tokio::test]
async fn a_receiver_that_refuses_a_fresh_token_too_gets_no_third_request() {
    let (receiver, tokens) = (taking("another").await, numbering().await);
    let exchange = deliverer().attempt(request(&receiver, &tokens)).await;
    assert_eq!((exchange.outcome, exchange.excuse), (Outcome::Authentication, None));
    assert!(exchange.error.contains("401 Unauthorized to a fresh access token"), "{}", exchange.error);
    assert_eq!(exchange.response.unwrap().status, 401);
    assert_eq!((receiver.seen().len(), tokens.seen().len()), (2, 2));
}

/// What the token server answers, and what the attempt says then.
type Case = (fn() -> Answer, &'static str);

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_attempt_says_why() {
    let cases: [Case; 5] = [
        (
            || answer(401, r#"{"error":"invalid_client","error_description":"unknown client client-s3cr3t"}"#),
            "no access token: the token server answered 401 Unauthorized: invalid_client (unknown client ***)",
        ),
        (
            || answer_with(302, "location", "http://127.0.0.1:1/"),
            "no access token: the token server answered 302 Found; redirects are not followed",
        ),
        (|| answer(500, "oops"), "no access token: the token server answered 500 Internal Server Error"),
        (|| token("line\\nbreak"), "no access token: the token server gave a token that cannot be sent in a header"),
        (
            || token(&"x".repeat(limits::ANSWER_READ_BYTES)),
            "no access token: the token server's answer is larger than 64 KiB",
        ),
    ];
    for (respond, error) in cases {
        let (receiver, tokens) = (taking("t").await, Receiver::http(move |_| respond()).await);
        let exchange = deliverer().attempt(request(&receiver, &tokens)).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Authentication, error));
        assert_eq!((receiver.seen().len(), exchange.response), (0, None));
    }
}

#[tokio::test]
async fn a_large_token_is_read_whole() {
    let value: &'static str = "x".repeat(7_000).leak();
    let tokens = Receiver::http(move |_| {
        let body = format!(r#"{{"id_token":"{}","access_token":"{value}"}}"#, "y".repeat(40_000));
        http::Response::new(body.into())
    })
    .await;
    let exchange = deliverer().attempt(request(&taking(value).await, &tokens)).await;
    assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
}

#[tokio::test]
async fn a_slow_token_server_delays_only_its_own_webhooks() {
    let (receiver, tokens) = (taking("t0ken-1").await, numbering().await);
    let slow = Receiver::script(|stream| async move {
        let _held = stream;
        pending::<()>().await;
    })
    .await;
    let deliverer = deliverer();
    let transport = Arc::new(seconds(1));
    let mut waiting = pin!(deliverer.attempt(PreparedRequest { transport, ..request(&receiver, &slow) }));
    assert!(poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await.is_pending());
    assert_eq!(deliverer.attempt(request(&receiver, &tokens)).await.outcome, Outcome::Success);
    let late = waiting.await;
    assert_eq!(late.outcome, Outcome::Authentication);
    assert_eq!(late.error, "no complete response within 1 s (while waiting for the access token)");
    assert_eq!(receiver.seen().len(), 1);
    deliverer.close().await;
}

#[tokio::test]
async fn a_token_server_goes_through_the_same_guard() {
    let receiver = taking("t").await;
    let deliverer = deliverer_with(loopback(), Table::with("auth.example", &[&["10.0.0.7"]]), TcpDialer::default());
    for url in ["http://10.0.0.7/token", "http://auth.example/token", "http://[::ffff:10.0.0.7]/token"] {
        let credentials = Some(credentials(url));
        let exchange = deliverer.attempt(PreparedRequest { credentials, ..post(&receiver.url("/")) }).await;
        assert_eq!(exchange.outcome, Outcome::Authentication);
        assert!(
            exchange.error.contains("10.0.0.7") && exchange.error.contains("--allow-network"),
            "{}",
            exchange.error
        );
    }
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn the_certificate_of_a_token_server_is_checked_whatever_the_webhook_says() {
    let authority = Authority::new();
    let tokens = Receiver::tls(server(&authority.sign("auth.example"), &[]), |_| token("t0ken-1")).await;
    let receiver = taking("t0ken-1").await;
    let credentials = credentials(&format!("https://auth.example:{}/token", tokens.address.port()));
    let policy = AddressPolicy { allow_insecure_tls: true, ..loopback() };
    let deliverer = deliverer_with(policy, Table::with("auth.example", &[&["127.0.0.1"]]), TcpDialer::default());
    let insecure = TransportPolicy { insecure_skip_verify: true, ..TransportPolicy::default() };
    let trusting = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..insecure.clone() };
    for (transport, outcome) in [(insecure, Outcome::Authentication), (trusting, Outcome::Success)] {
        let credentials = Some(Arc::clone(&credentials));
        let request = PreparedRequest { credentials, ..post_over(&receiver.url("/"), transport) };
        let exchange = deliverer.attempt(request).await;
        assert_eq!(exchange.outcome, outcome, "{}", exchange.error);
        assert!(outcome == Outcome::Success || exchange.error.contains("from auth.example: the TLS handshake failed"));
    }
}

#[tokio::test]
async fn webhooks_that_trust_differently_do_not_share_a_token() {
    let (receiver, tokens) = (taking("t0ken-1").await, numbering().await);
    let deliverer = deliverer();
    deliverer.attempt(request(&receiver, &tokens)).await;
    let authority = Authority::new();
    let transport = TransportPolicy { ca_certificates_pem: authority.pem, ..TransportPolicy::default() };
    deliverer.attempt(PreparedRequest { transport: Arc::new(transport), ..request(&receiver, &tokens) }).await;
    assert!(tokens.seen().len() > 1, "a token that was fetched under one trust is not used under another");
}

#[tokio::test]
async fn a_fetch_that_is_cut_by_the_end_of_the_server_is_nobodys_failure() {
    let receiver = taking("t").await;
    let slow = Receiver::script(|stream| async move {
        let _held = stream;
        pending::<()>().await;
    })
    .await;
    let deliverer = deliverer();
    let attempt = deliverer.attempt(request(&receiver, &slow));
    let (exchange, ()) = tokio::join!(attempt, deliverer.close());
    assert_eq!((exchange.outcome, exchange.excuse), (Outcome::Authentication, Some(Excuse::Local)));
}

/// What a deliverer is made of says nothing of tokens; that it keeps none on disk is in the canary.
#[tokio::test]
async fn a_deliverer_shows_no_token() {
    let (receiver, tokens) = (taking("t0ken-1").await, numbering().await);
    let deliverer = deliverer();
    deliverer.attempt(request(&receiver, &tokens)).await;
    let shown = format!("{deliverer:?}");
    assert!(!shown.contains("t0ken-1") && !shown.contains(SECRET), "{shown}");
}
