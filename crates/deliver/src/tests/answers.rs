//! Answers that accept the event and are odd in other ways: the status decides.

use std::sync::Arc;

use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Exchange, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::identity::{Authority, server};
use super::support::{Receiver, body, deliverer, post, post_over};

/// A receiver that gives this answer to each request of a connection, and goes on or hangs up.
async fn receiver(answer: Vec<u8>, hangs_up: bool) -> Receiver {
    let answer = Arc::new(answer);
    Receiver::script(move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            while stream.read(&mut [0; 4_096]).await.is_ok_and(|read| read > 0) {
                if stream.write_all(&answer).await.is_err() || hangs_up {
                    return;
                }
            }
        }
    })
    .await
}

async fn answered(answer: impl Into<Vec<u8>>, hangs_up: bool) -> Exchange {
    let receiver = receiver(answer.into(), hangs_up).await;
    deliverer().attempt(post(&receiver.url("/"))).await
}

fn note(exchange: &Exchange) -> &str {
    &exchange.response.as_ref().unwrap().note
}

#[tokio::test]
async fn an_odd_answer_that_accepts_the_event_is_a_success_with_a_note() {
    let cases: [(&[u8], &str); 15] = [
        (b"HTTP/1.1 200 OK\r\nX-Name: a\r\n b\r\nContent-Length: 2\r\n\r\nok", "folded"),
        (b"HTTP/1.1 200 OK\r\nX-Name : a\r\nContent-Length: 2\r\n\r\nok", "blank before its colon"),
        (b"HTTP/1.1 200 OK\r\nX Name: a\r\nContent-Length: 2\r\n\r\nok", "characters in its name"),
        (b"HTTP/1.1 200 OK\r\nWhatever\r\nContent-Length: 2\r\n\r\nok", "without a colon"),
        (b"HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 2\r\n\r\nok", "without a name"),
        (b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "empty lines before"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\nok", "is not one number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", "is not one number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "more came after"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "more came after"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "both"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n", "chunks of the body"),
        (b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok", "control characters"),
        (b"HTTP/1.1 200OK\r\nContent-Length: 2\r\n\r\nok", "no blank after the status"),
        (b"HTTP/1.1 200 OK\r\nX-A: 1\n\nok", ""),
    ];
    for (answer, noted) in cases {
        let hangs_up = noted.is_empty();
        let exchange = answered(answer, hangs_up).await;
        let text = answer.escape_ascii();
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""), "{text}");
        assert!(note(&exchange).contains(noted), "{text}: {}", note(&exchange));
        assert!(body(&exchange).is_empty() || body(&exchange).starts_with("ok"), "{text}");
    }
}

#[tokio::test]
async fn what_is_allowed_is_not_odd() {
    let cases: [&[u8]; 9] = [
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 \xfcber gut\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Name: \xff\xfe\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;name=\"v\"\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    ];
    for answer in cases {
        let receiver = receiver(answer.to_vec(), false).await;
        let deliverer = deliverer();
        for _ in 0..2 {
            let exchange = deliverer.attempt(post(&receiver.url("/"))).await;
            let text = answer.escape_ascii();
            assert_eq!((exchange.outcome, body(&exchange), note(&exchange)), (Outcome::Success, "ok", ""), "{text}");
        }
        assert_eq!(receiver.connections(), 1, "{}", answer.escape_ascii());
    }
}

/// What is read otherwise than it was meant must not become part of the next answer.
#[tokio::test]
async fn a_connection_is_not_used_again_after_an_odd_answer() {
    let answers: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nX Name: a\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\nokHTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n",
    ];
    for answer in answers {
        let receiver = receiver(answer.to_vec(), false).await;
        let deliverer = deliverer();
        for _ in 0..3 {
            assert_eq!(deliverer.attempt(post(&receiver.url("/"))).await.outcome, Outcome::Success);
        }
        assert_eq!(receiver.connections(), 3, "{}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn many_and_long_headers_are_bounded() {
    let many: String = (0..900).map(|number| format!("X-{number}: {number}\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "v".repeat(200_000));
    for headers in [many, long] {
        let exchange = answered(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 2\r\n\r\nok"), false).await;
        assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "ok"));
        let bytes: usize = exchange.response.unwrap().headers.iter().map(|header| header.value.len()).sum();
        assert!(bytes <= tenterhook_model::limits::HEADERS_BYTES, "{bytes}");
    }
}

#[tokio::test]
async fn a_failure_that_breaks_off_is_told_by_its_status() {
    let exchange = answered(&b"HTTP/1.1 410 Gone\r\nContent-Length: 99\r\n\r\nhalf"[..], true).await;
    assert_eq!((exchange.outcome, exchange.response.unwrap().status), (Outcome::HttpStatus, 410));
    let exchange = answered(&b"HTTP/1.1 503 no\r\nRetry-After: 7\r\n"[..], true).await;
    assert_eq!(exchange.outcome, Outcome::HttpStatus);
    assert_eq!(exchange.response.unwrap().header("retry-after"), Some("7"));
}

#[tokio::test]
async fn a_receiver_that_closes_tls_without_saying_so_has_answered() {
    let answers: [(&[u8], &str); 3] = [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "hello"),
        (b"HTTP/1.0 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "half"),
    ];
    for (answer, expected) in answers {
        let authority = Authority::new();
        let acceptor = TlsAcceptor::from(Arc::new(server(&authority.sign("127.0.0.1"), &[])));
        let receiver = Receiver::script(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
                stream.write_all(answer).await.unwrap();
                stream.flush().await.unwrap();
            }
        })
        .await;
        let transport = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() };
        let exchange = deliverer().attempt(post_over(&format!("https://{}/", receiver.address), transport)).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
        assert_eq!(body(&exchange), expected);
    }
}

#[tokio::test]
async fn tls_on_a_port_for_plain_http_is_told() {
    for hello in [&[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46][..], &[0x16, 0x03, 0x03, 0x00, 0x0a]] {
        let exchange = answered(hello, true).await;
        assert_eq!(exchange.outcome, Outcome::Connection);
        assert!(exchange.error.contains("use an https URL"), "{}", exchange.error);
    }
}
