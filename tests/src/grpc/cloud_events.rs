//! What is sent as CloudEvents is what the Python SDK of CloudEvents reads.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tenterhook_proto::tenterhook::v1;
use tenterhook_proto::tenterhook::v1::render_preview_request::{Source, Target};

use super::bench::{Bench, event, webhook};

/// The request of a webhook of that body format and body for `event`.
async fn request(bench: &Bench, format: v1::BodyFormat, body: &str, event: &v1::Event) -> Value {
    let plain = webhook("w");
    let request =
        v1::RequestTemplate { body_format: format.into(), body: body.into(), ..plain.request.clone().unwrap() };
    let target = Target::Webhook(v1::Webhook { request: Some(request), ..plain });
    let preview = v1::RenderPreviewRequest { target: Some(target), source: Some(Source::Event(event.clone())) };
    let preview = bench.webhooks().render_preview(preview).await.unwrap().into_inner();
    assert!(preview.errors.is_empty(), "{:?}", preview.errors);
    let request = preview.request.unwrap();
    let headers: Vec<_> = request.headers.iter().map(|header| (&header.name, &header.value)).collect();
    json!({"headers": headers, "body": String::from_utf8(request.body.into()).unwrap()})
}

/// What the SDK makes of each request.
fn read(requests: &[Value]) -> Vec<Value> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../.tools/tests-python/bin/python");
    assert!(python.exists(), "the SDK of CloudEvents is missing: run `make tests-python`");
    let mut command = Command::new(python);
    command.arg(tests.join("python/cloud_events.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for request in requests {
        writeln!(stdin, "{request}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rich() -> v1::Event {
    let attributes = [("reason", "Zürich, 100% \"sure\" ☂"), ("tenant7", "a+b c"), ("Not-An-Extension", "x")];
    v1::Event {
        id: "evt-7".into(),
        occur_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 }),
        ordering_key: "site 12".into(),
        expire_time: Some(prost_types::Timestamp { seconds: 4_102_444_800, nanos: 0 }),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..event("created")
    }
}

#[tokio::test]
async fn the_python_sdk_reads_both_modes() {
    let bench = Bench::new().await;
    let (structured, binary) = (v1::BodyFormat::CloudeventsStructured, v1::BodyFormat::CloudeventsBinary);
    let (rich, bare) = (rich(), v1::Event { id: "bare".into(), data: None, ..event("t") });
    let requests = [
        request(&bench, structured, "", &rich).await,
        request(&bench, binary, "", &rich).await,
        request(&bench, structured, "", &bare).await,
        request(&bench, binary, "", &bare).await,
        request(&bench, binary, r#"{"name": {{ event | tojson }}}"#, &rich).await,
    ];
    let read = read(&requests);
    let expected = json!({
        "specversion": "1.0",
        "id": "evt-7",
        "source": "/default/dcim.site",
        "type": "created",
        "time": "2023-11-14T22:13:20.123456+00:00",
        "subject": "dcim.site",
        "datacontenttype": "application/json",
        "partitionkey": "site 12",
        "expirytime": "2100-01-01T00:00:00Z",
        "reason": "Zürich, 100% \"sure\" ☂",
        "tenant7": "a+b c",
    });
    assert_eq!(read[0], json!({"attributes": expected, "data": {"id": 1}}));
    assert_eq!(read[1], read[0], "both modes say the same");
    assert_eq!((&read[2]["attributes"]["id"], &read[2]["data"]), (&json!("bare"), &Value::Null));
    assert_eq!(read[3]["attributes"]["id"], "bare");
    assert!(read[3]["data"].is_null() || read[3]["data"] == "", "{}", read[3]);
    assert_eq!((&read[4]["attributes"], &read[4]["data"]), (&expected, &json!({"name": "created"})));
}

#[tokio::test]
async fn the_example_of_the_page_sends_a_source_on() {
    let bench = Bench::new().await;
    let page = include_str!("../../../docs/CLOUDEVENTS.md");
    let (_, rest) = page.split_once("`\"cloudevents_source\": \"").unwrap();
    let source = rest.split('"').next().unwrap().to_owned();
    let plain = webhook("w");
    let request = v1::RequestTemplate {
        body_format: v1::BodyFormat::CloudeventsStructured.into(),
        cloudevents_source: source,
        ..plain.request.clone().unwrap()
    };
    let target = Target::Webhook(v1::Webhook { request: Some(request), ..plain });
    let attributes = [("source".to_owned(), "https://a.example/x?y=1#z".to_owned())].into();
    let event = v1::Event { attributes, ..event("created") };
    let preview = v1::RenderPreviewRequest { target: Some(target), source: Some(Source::Event(event)) };
    let preview = bench.webhooks().render_preview(preview).await.unwrap().into_inner();
    let body: Value = serde_json::from_slice(&preview.request.unwrap().body).unwrap();
    assert_eq!(body["source"], "https://a.example/x?y=1#z");
}
