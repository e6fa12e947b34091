//! The program of the README: against the server at `TENTERHOOK_TARGET` if that is set, else
//! against a scripted one. Every snippet stands here word for word.

use std::pin::pin;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::post;
use futures_util::{TryStreamExt as _, stream};
use http::{HeaderMap, Request, StatusCode};
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::v1::*;
use tenterhook_client::{Change, Client, Error, json, verify};
use tonic::Code;
use tonic_types::ErrorDetails;
use tower::ServiceExt as _;

use crate::fake::{Fake, Step, answer, refuse_with, send};

fn script() -> Vec<Vec<Step>> {
    let webhook = Some(Webhook { id: "wh".into(), ..Default::default() });
    let result = PublishResult { event_id: "e".into(), delivery_count: 1, ..Default::default() };
    let change = watch_deliveries_response::Payload::Change(DeliveryChange::default());
    let mut bad = ErrorDetails::with_error_info("INVALID_FIELD", "tenterhook", []);
    bad.add_bad_request_violation("event.type", "is required");
    vec![
        answer(CreateWebhookResponse { webhook, signing_secret: "whsec_x".into() }),
        answer(PublishEventResponse { result: Some(result) }),
        answer(BatchPublishEventsResponse::default()),
        (0..100).map(|sequence| send(StreamPublishEventsResponse { sequence, outcome: None })).collect(),
        answer(WatchDeliveriesResponse { resume_token: "t".into(), payload: Some(change) }),
        answer(ListDeliveriesResponse { resume_token: "r".into(), ..Default::default() }),
        refuse_with(Code::InvalidArgument, bad),
        refuse_with(Code::NotFound, ErrorDetails::with_error_info("WEBHOOK_NOT_FOUND", "tenterhook", [])),
        answer(PauseWebhookResponse::default()),
        answer(DeleteWebhookResponse::default()),
    ]
}

#[tokio::test]
async fn the_program_of_the_readme_runs() {
    let fake = Fake::new(script()).await;
    let target = std::env::var("TENTERHOOK_TARGET").unwrap_or(fake.target.clone());
    program(&target).await.unwrap();
}

async fn program(target: &str) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new(target)?;

    let webhook = Webhook {
        display_name: "inventory-rust".into(),
        request: Some(RequestTemplate { url: "http://127.0.0.1:9000/hook".into(), ..Default::default() }),
        rules: vec![EventRule { event_types: vec!["created".into(), "updated".into()], ..Default::default() }],
        signing: Some(SigningPolicy { schemes: vec![SignatureScheme::StandardWebhooks.into()], ..Default::default() }),
        ..Default::default()
    };
    let (webhook, secret) = client.create_webhook(webhook, "").await?;
    assert!(secret.starts_with("whsec_"));

    let site = serde_json::json!({"id": 7, "name": "Zürich"});
    let event =
        Event { object_type: "dcim.site".into(), username: "jstretch".into(), ..Event::new("created").data(&site)? };
    let result = client.publish(event).await?;
    println!("{} {}", result.event_id, result.delivery_count);

    let event = |id: u32| Event { r#type: "updated".into(), data: json(&id).ok(), ..Default::default() };
    client.publish_batch((0..100).map(event)).await?;

    let mut acks = pin!(client.publish_stream(stream::iter((0..100).map(event))).await?);
    while let Some(ack) = acks.try_next().await? {
        if let Err(refused) = ack.outcome {
            println!("{} {refused}", ack.sequence);
        }
    }
    watches(&client, &webhook).await?;
    fails(&client).await;

    let request = PauseWebhookRequest {
        webhook_id: webhook.id.clone(),
        reason: "receiver is being moved".into(),
        ..Default::default()
    };
    client.pause_webhook(request).await?;

    let request = DeleteWebhookRequest { webhook_id: webhook.id, ..Default::default() };
    client.webhooks().delete_webhook(request).await?;
    Ok(())
}

async fn watches(client: &Client, webhook: &Webhook) -> Result<(), Error> {
    let mut watch = client.watch(WatchDeliveriesRequest {
        filter: Some(DeliveryFilter { webhook_ids: vec![webhook.id.clone()], ..Default::default() }),
        start: Start::earliest(),
        ..Default::default()
    });
    let Change { change, token } = watch.next().await?; // and so on, in a loop
    println!("{:?}", change.delivery);
    assert!(!token.is_empty());

    let (deliveries, resume_token) = client.list_deliveries(ListDeliveriesRequest::default());
    let deliveries: Vec<Delivery> = deliveries.try_collect().await?;
    let watch = client.watch(WatchDeliveriesRequest { start: Start::token(resume_token.get()), ..Default::default() });
    assert!(!watch.resume_token().is_empty(), "{deliveries:?}");
    Ok(())
}

async fn fails(client: &Client) {
    let Err(error) = client.publish(Event::default()).await else { panic!("an event needs a type") };
    for violation in &error.field_violations {
        println!("{} {}", violation.field, violation.description);
    }
    assert_eq!(error.field_violations.len(), 1);

    let request = GetWebhookRequest { webhook_id: "wh_00000000000000000000000000".into(), ..Default::default() };
    if let Err(error) = client.get_webhook(request).await {
        assert_eq!(error.reason, ErrorReason::WebhookNotFound);
    }
}

async fn hook(State(secret): State<String>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match verify(&headers, &body, &[secret]) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::UNAUTHORIZED,
    }
}

#[tokio::test]
async fn the_receiver_of_the_readme_refuses_what_is_not_signed() {
    let router = axum::Router::new().route("/hook", post(hook)).with_state("whsec_c2VjcmV0".to_owned());
    let request = Request::post("/hook").body(Body::from("{}")).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tls_as_in_the_readme_refuses_what_is_no_certificate() {
    let (ca_pem, cert_pem, key_pem) = ("no", "such", "pem");
    let builder = Client::builder("hooks.example.com:443").api_key("th_…").ca(ca_pem).identity(cert_pem, key_pem);
    builder.build().unwrap_err();
}

/// What it does is tested in `otel.rs`.
#[cfg(feature = "otel")]
#[test]
fn the_layer_of_opentelemetry_is_taken() {
    let builder = Client::builder("localhost:50051").layer(tenterhook_client::otel::OtelLayer::new());
    builder.build().unwrap();
}

#[test]
fn every_snippet_stands_here() {
    // Layout does not matter, nor the commas that come with it.
    let tight = |text: &str| text.split_whitespace().collect::<String>().replace(",}", "}").replace(",)", ")");
    let source = include_str!("readme.rs").replace("Client::new(target)", "Client::new(\"localhost:50051\")");
    let source = tight(&source);
    let mut count = 0;
    for block in include_str!("../../README.md").split("```rust\n").skip(1) {
        let snippet = tight(block.split("```").next().unwrap());
        assert!(source.contains(&snippet), "is not in readme.rs:\n{snippet}");
        count += 1;
    }
    assert!(count >= 9, "{count}");
}
