//! What is sent and what is kept, over plain HTTP/1.1.

use bytes::Bytes;
use http_body_util::Full;
use tenterhook_model::{Header, HttpMethod, Masks, Outcome, PreparedRequest, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::support::{Receiver, answer, answer_with, body, deliverer, post, post_over, seconds};

/// Reads one request head and small body, then answers with these bytes.
async fn answer_raw(stream: &mut TcpStream, bytes: &[u8]) {
    let mut buffer = [0; 4_096];
    let _ = stream.read(&mut buffer).await;
    let _ = stream.write_all(bytes).await;
}

#[tokio::test]
async fn a_2xx_answer_is_a_success_and_is_kept() {
    for status in [200, 201, 202, 299] {
        let receiver = Receiver::http(move |_| answer(status, "thanks")).await;
        let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
        assert_eq!(exchange.response.as_ref().unwrap().status, status);
        assert_eq!(body(&exchange), "thanks");
        assert_eq!(exchange.remote_address, Some(receiver.address));
    }
}

#[tokio::test]
async fn the_request_arrives_as_it_was_prepared() {
    let receiver = Receiver::http(|_| answer(204, "")).await;
    for method in HttpMethod::ALL {
        let request = PreparedRequest {
            method,
            headers: vec![Header::new("X-One", "1"), Header::new("X-Two", "a b"), Header::new("x-one", "2")],
            ..post(&receiver.url("/path%20x?q=%C3%BC&r={s}#fragment"))
        };
        let exchange = deliverer().attempt(request).await;
        assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
    }
    let seen = receiver.seen();
    assert_eq!(seen.len(), HttpMethod::ALL.len());
    for (seen, method) in seen.iter().zip(HttpMethod::ALL) {
        assert_eq!(seen.parts.method.as_str(), method.as_str());
        assert_eq!(seen.parts.uri.to_string(), "/path%20x?q=%C3%BC&r={s}");
        assert_eq!(seen.header("host"), Some(receiver.address.to_string().as_str()));
        assert_eq!(seen.header("content-length"), Some("2"));
        assert_eq!(seen.header("x-two"), Some("a b"));
        assert_eq!(seen.parts.headers.get_all("x-one").iter().count(), 2);
        assert_eq!(seen.body, "{}");
    }
}

#[tokio::test]
async fn any_other_answer_is_a_failure_with_its_status() {
    for status in [300, 304, 400, 404, 410, 429, 500, 503, 999] {
        let receiver = Receiver::http(move |_| answer(status, "")).await;
        let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
        assert_eq!(exchange.outcome, Outcome::HttpStatus);
        assert!(exchange.error.contains(&status.to_string()), "{}", exchange.error);
        assert_eq!(exchange.response.unwrap().status, status);
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = Receiver::http(|_| answer(200, "")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url("/");
        let receiver = Receiver::http(move |_| answer_with(status, "location", &location)).await;
        let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
        assert_eq!(exchange.outcome, Outcome::HttpStatus);
        assert!(exchange.error.contains("redirects are not followed"), "{}", exchange.error);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn retry_after_is_kept_with_the_answer() {
    let receiver = Receiver::http(|_| answer_with(503, "Retry-After", "120")).await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!(exchange.response.unwrap().header("retry-after"), Some("120"));
}

#[tokio::test]
async fn a_compressed_answer_stays_compressed() {
    let receiver = Receiver::script(|mut stream| async move {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00";
        answer_raw(&mut stream, answer).await;
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!(exchange.response.unwrap().body.as_ref(), b"\x1f\x8b\x08\x00");
}

#[tokio::test]
async fn the_request_does_not_ask_for_compression() {
    let receiver = Receiver::http(|_| answer(200, "")).await;
    deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!(receiver.seen()[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn a_chunked_answer_is_put_together() {
    let receiver = Receiver::script(|mut stream| async move {
        let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n";
        answer_raw(&mut stream, answer).await;
    })
    .await;
    assert_eq!(body(&deliverer().attempt(post(&receiver.url("/"))).await), "foobar");
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let receiver = Receiver::script(|mut stream| async move {
        answer_raw(&mut stream, b"HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!((exchange.outcome, body(&exchange)), (Outcome::Success, "until the end"));
}

#[tokio::test]
async fn informational_answers_come_before_the_answer() {
    let receiver = Receiver::script(|mut stream| async move {
        let answer = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        answer_raw(&mut stream, answer).await;
    })
    .await;
    assert_eq!(deliverer().attempt(post(&receiver.url("/"))).await.response.unwrap().status, 204);
}

#[tokio::test]
async fn a_long_answer_is_cut_and_an_endless_one_is_given_up() {
    let receiver = Receiver::script(|mut stream| async move {
        answer_raw(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    let response = exchange.response.unwrap();
    assert_eq!(exchange.outcome, Outcome::Success, "its status says so");
    assert_eq!((response.body.len(), response.body_truncated), (limits::BODY_KEPT_BYTES, true));
}

#[tokio::test]
async fn an_endless_head_is_given_up_and_its_status_counts() {
    for (start, rest) in [(&b"HTTP/1.1 200 OK\r\nx: "[..], &b"x"[..]), (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n")] {
        let receiver = Receiver::script(move |mut stream| async move {
            answer_raw(&mut stream, start).await;
            while stream.write_all(&rest.repeat(1_024)).await.is_ok() {}
        })
        .await;
        let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
        assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
        assert!(exchange.response.unwrap().note.contains("its head has no end"));
    }
}

#[tokio::test]
async fn interim_answers_with_an_endless_head_decide_nothing() {
    let receiver = Receiver::script(|mut stream| async move {
        answer_raw(&mut stream, b"HTTP/1.1 103 Early Hints\r\n").await;
        while stream.write_all(&b"x: y\r\n".repeat(1_024)).await.is_ok() {}
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!((exchange.outcome, exchange.response), (Outcome::Connection, None));
    assert!(exchange.error.contains("too large"), "{}", exchange.error);
}

#[tokio::test]
async fn what_is_not_http_is_told_so() {
    let receiver = Receiver::script(|mut stream| async move {
        answer_raw(&mut stream, b"220 mail.example.com ESMTP\r\n").await;
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!(exchange.outcome, Outcome::Connection);
    assert!(exchange.error.contains("not HTTP"), "{}", exchange.error);
}

#[tokio::test]
async fn a_receiver_that_hangs_up_is_a_broken_connection() {
    let receiver = Receiver::script(|mut stream| async move { answer_raw(&mut stream, b"").await }).await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!((exchange.outcome, exchange.response), (Outcome::Connection, None));
    assert!(exchange.error.contains("closed the connection"), "{}", exchange.error);
    assert_eq!(receiver.connections(), 1, "a new connection is not tried twice");
}

#[tokio::test]
async fn an_answer_that_breaks_off_keeps_what_came() {
    let receiver = Receiver::script(|mut stream| async move {
        answer_raw(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""), "its status says so");
    assert_eq!((exchange.response.as_ref().unwrap().status, body(&exchange)), (200, "half"));
    assert_eq!(exchange.response.unwrap().note, "the connection ended before the body was whole");
}

#[tokio::test]
async fn nobody_listening_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let exchange = deliverer().attempt(post(&format!("http://{address}/"))).await;
    assert_eq!((exchange.outcome, exchange.remote_address), (Outcome::Connection, Some(address)));
    assert!(exchange.error.contains("connection refused"), "{}", exchange.error);
    assert!(exchange.timings.connect.is_some() && exchange.timings.first_byte.is_none());
}

/// A receiver that waits for ever after these bytes.
async fn hangs_after(bytes: &'static [u8]) -> Receiver {
    Receiver::script(move |mut stream| async move {
        answer_raw(&mut stream, bytes).await;
        std::future::pending::<()>().await;
    })
    .await
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let receiver = hangs_after(b"").await;
    let deliverer = deliverer();
    let attempt = deliverer.attempt(post_over(&receiver.url("/"), seconds(1)));
    let exchange = attempt.await;
    assert_eq!((exchange.outcome, exchange.response), (Outcome::Timeout, None));
    assert_eq!(exchange.error, "no complete response within 1 s (while waiting for the response)");
    assert_eq!(exchange.remote_address, Some(receiver.address));
}

#[tokio::test]
async fn the_deadline_covers_the_body_to_its_last_byte() {
    let receiver = hangs_after(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nslow").await;
    let exchange = deliverer().attempt(post_over(&receiver.url("/"), seconds(1))).await;
    assert_eq!(exchange.outcome, Outcome::Timeout);
    assert_eq!(exchange.error, "no complete response within 1 s (while reading the response)");
    assert_eq!((exchange.response.as_ref().unwrap().status, body(&exchange)), (200, "slow"));
    assert!(exchange.timings.first_byte.is_some());
}

#[tokio::test]
async fn timings_name_the_phases_that_were_needed() {
    let receiver = Receiver::http(|_| answer(200, "")).await;
    let deliverer = deliverer();
    let first = deliverer.attempt(post(&receiver.url("/"))).await.timings;
    assert!(first.connect.is_some() && first.first_byte.is_some());
    assert_eq!((first.dns, first.tls, first.queued, first.render), (None, None, None, None));
    let second = deliverer.attempt(post(&receiver.url("/"))).await.timings;
    assert_eq!(second.connect, None, "a kept connection needs none");
    assert!(second.first_byte.is_some());
}

#[tokio::test]
async fn a_sensitive_header_that_comes_back_is_masked() {
    let receiver = Receiver::http(|seen| {
        let (token, plain) = (seen.header("authorization").unwrap(), seen.header("x-plain").unwrap());
        let text = format!("you sent {token} and {plain}");
        http::Response::builder().header("x-echo", token).body(Full::from(text)).unwrap()
    })
    .await;
    let secret = Header { sensitive: true, ..Header::new("Authorization", "Bearer s3cr3t-t0k3n") };
    let headers = vec![secret, Header::new("X-Plain", "in the open")];
    let exchange = deliverer().attempt(PreparedRequest { headers, ..post(&receiver.url("/")) }).await;
    assert_eq!(body(&exchange), "you sent *** and in the open");
    assert_eq!(exchange.response.unwrap().header("x-echo"), Some("***"));
}

#[tokio::test]
async fn a_secret_of_the_url_that_comes_back_is_masked_and_so_is_that_of_a_redirect() {
    let receiver = Receiver::http(|_| {
        let text = "no such page: /?key=s3cr3t%20k3y, which is s3cr3t k3y";
        let builder = http::Response::builder().status(307).header("Location", "https://u:p@b.example/?site=a&sig=x");
        builder.body(Full::from(text)).unwrap()
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/?key=s3cr3t%20k3y"))).await;
    assert_eq!(body(&exchange), "no such page: /?key=***, which is ***");
    assert_eq!(exchange.response.unwrap().header("location"), Some("https://***@b.example/?site=a&sig=***"));
}

#[tokio::test]
async fn a_part_of_a_sensitive_header_that_comes_back_alone_is_masked_too() {
    let receiver = Receiver::http(|_| answer(401, "no such token: s3cr3t-t0k3n")).await;
    let secret = Header { sensitive: true, ..Header::new("Authorization", "Bearer s3cr3t-t0k3n") };
    let exchange = deliverer().attempt(PreparedRequest { headers: vec![secret], ..post(&receiver.url("/")) }).await;
    assert_eq!(body(&exchange), "no such token: ***");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_whole_counts() {
    let receiver = Receiver::script(|mut stream| async move {
        let answer = b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        answer_raw(&mut stream, answer).await;
        // Reads no more, and does not close: the answer must be enough.
        std::future::pending::<()>().await;
    })
    .await;
    let large = Bytes::from(vec![b'x'; 8 * limits::BODY_BYTES]);
    let exchange = deliverer().attempt(PreparedRequest { body: large, ..post(&receiver.url("/")) }).await;
    assert_eq!((exchange.outcome, exchange.response.unwrap().status), (Outcome::HttpStatus, 413));
}

#[tokio::test]
async fn endless_informational_answers_are_given_up() {
    let receiver = Receiver::script(|mut stream| async move {
        while stream.write_all(&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_024)).await.is_ok() {}
    })
    .await;
    let exchange = deliverer().attempt(post(&receiver.url("/"))).await;
    assert_eq!(exchange.outcome, Outcome::Connection);
    assert!(exchange.error.contains("too large"), "{}", exchange.error);
}

#[tokio::test]
async fn a_request_that_cannot_be_written_down_is_a_render_failure() {
    let receiver = Receiver::http(|_| answer(200, "")).await;
    for header in [Header::new("na me", "v"), Header::new("name", "line\nbreak")] {
        let exchange = deliverer().attempt(PreparedRequest { headers: vec![header], ..post(&receiver.url("/")) }).await;
        assert_eq!((exchange.outcome, receiver.seen().len()), (Outcome::Render, 0));
        assert!(!exchange.error.contains("break"), "{}", exchange.error);
    }
}

/// Hundreds of attempts are under way at once, and most of them make no connection.
#[tokio::test]
async fn an_attempt_under_way_takes_little_memory() {
    let deliverer = deliverer();
    let attempt = deliverer.attempt(post("http://127.0.0.1:1/"));
    assert!(size_of_val(&attempt) <= 2_048, "it takes {} bytes", size_of_val(&attempt));
}

#[tokio::test]
async fn secrets_outside_of_headers_do_not_come_back_either() {
    let receiver = Receiver::http(|_| answer(200, "you sent s3cr3t%2Fword and s3cr3t/word")).await;
    let masks = Masks::of(["s3cr3t/word"]);
    let exchange = deliverer().attempt(PreparedRequest { masks, ..post(&receiver.url("/")) }).await;
    assert_eq!(&*exchange.response.unwrap().body, b"you sent *** and ***");
    let masks = Masks::of(["nowhere.invalid"]);
    let error = deliverer().attempt(PreparedRequest { masks, ..post("http://nowhere.invalid/") }).await.error;
    assert!(!error.is_empty() && !error.contains("nowhere.invalid"), "{error}");
}
