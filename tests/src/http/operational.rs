//! Types of the server's own events are refused at every way in.

use serde_json::Value;
use tenterhook_proto::tenterhook::v1::{self, stream_publish_events_response::Outcome};
use tokio_stream::StreamExt as _;

use super::post;
use crate::grpc::bench::{Bench, event};
use crate::grpc::fields;

const TYPE: &str = "tenterhook.webhook.failing";

#[tokio::test]
async fn no_way_in_takes_an_operational_event() {
    let bench = Bench::new().await;
    let forged = || event(TYPE);
    let one = v1::PublishEventRequest { event: Some(forged()) };
    assert_eq!(fields(&bench.events().publish_event(one).await.unwrap_err()), ["event.type"]);
    let batch = v1::BatchPublishEventsRequest { events: vec![event("created"), forged()] };
    assert_eq!(fields(&bench.events().batch_publish_events(batch).await.unwrap_err()), ["events[1].type"]);
    let message = v1::StreamPublishEventsRequest { sequence: 1, event: Some(forged()) };
    let stream = bench.events().stream_publish_events(tokio_stream::iter([message])).await.unwrap();
    match stream.into_inner().next().await.unwrap().unwrap().outcome {
        Some(Outcome::Error(error)) => assert!(error.message.contains("tenterhook."), "{error:?}"),
        other => panic!("{other:?}"),
    }
    let netbox = format!(
        r#"{{"event": "{TYPE}", "timestamp": "2026-01-01 00:00:00+00:00", "model": "site",
        "username": "jo", "request_id": "r", "data": {{"id": 1}}, "snapshots": {{}}}}"#
    );
    let cloud = format!(r#"{{"specversion": "1.0", "id": "1", "source": "/a", "type": "{TYPE}"}}"#);
    for (path, content_type, body) in [
        ("/v1/events", "application/json", format!(r#"{{"type": "{TYPE}"}}"#)),
        ("/v1/events", "application/cloudevents+json", cloud),
        ("/v1/netbox", "application/json", netbox),
    ] {
        let refused = post(&bench, path, content_type, body).await;
        assert_eq!(refused.status.as_u16(), 400, "{path} {content_type}: {refused:?}");
        let violations: Vec<Value> = refused.json()["violations"].as_array().cloned().unwrap_or_default();
        let text = format!("{violations:?}");
        assert!(text.contains("must not begin with `tenterhook.`") && text.contains("type"), "{path}: {refused:?}");
    }
}
