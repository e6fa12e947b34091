//! The bytes of a request over HTTP/1.1.

use bytes::Bytes;
use tenterhook_model::{Header, HttpMethod, Outcome, PreparedRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::support::{Receiver, deliverer, post};

/// What arrives of `request`, as text.
async fn raw(edit: impl FnOnce(PreparedRequest) -> PreparedRequest) -> String {
    let (heard, mut requests) = mpsc::channel(1);
    let receiver = Receiver::script(move |mut stream| {
        let heard = heard.clone();
        async move {
            let mut text = vec![0; 8_192];
            let read = stream.read(&mut text).await.unwrap();
            text.truncate(read);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            heard.send(String::from_utf8(text).unwrap()).await.unwrap();
        }
    })
    .await;
    let exchange = deliverer().attempt(edit(post(&receiver.url("/hook?q=1")))).await;
    assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
    requests.recv().await.unwrap().replace(&receiver.address.to_string(), "HOST")
}

#[tokio::test]
async fn names_go_out_as_they_were_written_and_in_their_order() {
    let names = ["User-Agent", "Content-Type", "X-Custom-Header", "X-API-KEY", "x-lower", "X-Hook-Signature"];
    let headers = names.iter().map(|name| Header::new(*name, "v")).collect();
    let text = raw(|request| PreparedRequest { headers, ..request }).await;
    let lines: String = names.iter().map(|name| format!("{name}: v\r\n")).collect();
    assert_eq!(text, format!("POST /hook?q=1 HTTP/1.1\r\nHost: HOST\r\n{lines}Content-Length: 2\r\n\r\n{{}}"));
}

#[tokio::test]
async fn an_empty_body_is_announced_where_a_body_is_expected() {
    for method in HttpMethod::ALL {
        let text = raw(|request| PreparedRequest { method, headers: Vec::new(), body: Bytes::new(), ..request }).await;
        let length = if matches!(method, HttpMethod::Get | HttpMethod::Delete) { "" } else { "Content-Length: 0\r\n" };
        assert_eq!(text, format!("{} /hook?q=1 HTTP/1.1\r\nHost: HOST\r\n{length}\r\n", method.as_str()));
    }
}

#[tokio::test]
async fn a_long_body_arrives_whole() {
    let receiver = Receiver::http(|_| super::support::answer(200, "")).await;
    let deliverer = deliverer();
    for size in [8 * 1_024, 8 * 1_024 + 1, 1_024 * 1_024] {
        let body: Bytes = (0..size).map(|at| at as u8).collect::<Vec<_>>().into();
        let exchange = deliverer.attempt(PreparedRequest { body: body.clone(), ..post(&receiver.url("/")) }).await;
        assert_eq!(exchange.outcome, Outcome::Success, "{}", exchange.error);
        assert_eq!(receiver.seen().pop().unwrap().body, body);
    }
    assert_eq!(receiver.connections(), 1);
}
