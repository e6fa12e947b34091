//! gRPC-Web: calls, refusals and watches, whose ends are in their bodies.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Full};
use prost::Message;
use tenterhook_proto::tenterhook::v1;

use super::{Answer, front, request, send};
use crate::grpc::bench::{Bench, event};

const WEB: &str = "application/grpc-web+proto";

fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat().into()
}

/// The frames of a body: their flags and payloads.
fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [flags, a, b, c, d, rest @ ..] = body {
        let (payload, rest) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        frames.push((*flags, payload.to_vec()));
        body = rest;
    }
    frames
}

async fn call(bench: &Bench, who: &str, method: &str, message: &impl Message) -> Answer {
    let path = format!("/tenterhook.v1.{method}");
    let request = request(bench, who, Method::POST, &path).header(CONTENT_TYPE, WEB).header("x-grpc-web", "1");
    send(bench, request.body(Full::new(framed(message))).unwrap()).await
}

#[tokio::test]
async fn a_call_is_answered_with_its_trailers_in_the_body() {
    let bench = Bench::new().await;
    let publish = v1::PublishEventRequest { event: Some(event("created")) };
    let answer = call(&bench, "publisher", "EventService/PublishEvent", &publish).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, WEB));
    let [(0, message), (0x80, trailers)] = &frames(&answer.body)[..] else { panic!("{answer:?}") };
    assert!(!v1::PublishEventResponse::decode(&**message).unwrap().result.unwrap().event_id.is_empty());
    assert_eq!(std::str::from_utf8(trailers).unwrap(), "grpc-status: 0\r\n");
}

#[tokio::test]
async fn a_refusal_has_its_status_and_details() {
    let bench = Bench::new().await;
    let publish = v1::PublishEventRequest { event: Some(event("created")) };
    for (who, status) in [("viewer", "7"), ("nobody", "16")] {
        let answer = call(&bench, who, "EventService/PublishEvent", &publish).await;
        assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, status), "{who}");
        assert!(!answer.header("grpc-status-details-bin").is_empty());
        assert_eq!(answer.header("content-type"), WEB);
    }
    let bad = call(&bench, "admin", "EventService/PublishEvent", &v1::PublishEventRequest::default()).await;
    assert_eq!(bad.header("grpc-status"), "3");
}

#[tokio::test]
async fn a_watch_streams_and_its_end_is_in_the_body() {
    let bench = Bench::new().await;
    bench.webhook("takes all").await;
    let path = "/tenterhook.v1.DeliveryService/WatchDeliveries";
    let request = request(&bench, "viewer", Method::POST, path).header(CONTENT_TYPE, WEB);
    let message = framed(&v1::WatchDeliveriesRequest::default());
    let Ok(response) = front(&bench).call(request.body(Full::new(message)).unwrap()).await;
    let mut body = response.into_body();
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.expect("a message in time");
        frames(&frame.unwrap().unwrap().into_data().unwrap()).remove(0)
    };
    let (_, bookmark) = next().await;
    assert!(!v1::WatchDeliveriesResponse::decode(&*bookmark).unwrap().resume_token.is_empty());
    bench.publish("created").await;
    let (_, change) = next().await;
    let change = v1::WatchDeliveriesResponse::decode(&*change).unwrap();
    assert!(matches!(change.payload, Some(v1::watch_deliveries_response::Payload::Change(_))), "{change:?}");
    bench.shutdown.cancel();
    let (flags, trailers) = next().await;
    assert_eq!(flags, 0x80);
    assert!(String::from_utf8(trailers).unwrap().contains("grpc-status: 14\r\n"));
}

#[tokio::test]
async fn grpc_itself_needs_http_2() {
    let bench = Bench::new().await;
    let path = "/tenterhook.v1.EventService/PublishEvent";
    let request = request(&bench, "admin", Method::POST, path).header(CONTENT_TYPE, "application/grpc");
    let answer = send(&bench, request.body(Full::new(Bytes::new())).unwrap()).await;
    assert_eq!(answer.status, 415);
    assert!(answer.json()["detail"].as_str().unwrap().contains("HTTP/2"));
}
