//! RenderPreview and TestWebhook.

use tenterhook_proto::tenterhook::v1::{self, render_preview_request::Source, render_preview_request::Target};
use tonic::Code;

use super::bench::{Bench, event, webhook};
use super::fields;

async fn preview(
    bench: &Bench,
    webhook: v1::Webhook,
    event: v1::Event,
) -> Result<v1::RenderPreviewResponse, tonic::Status> {
    let request =
        v1::RenderPreviewRequest { target: Some(Target::Webhook(webhook)), source: Some(Source::Event(event)) };
    bench.webhooks().render_preview(request).await.map(tonic::Response::into_inner)
}

fn with_body(body: &str) -> v1::Webhook {
    let mut draft = webhook("");
    draft.request.as_mut().unwrap().body = body.into();
    draft
}

#[tokio::test]
async fn a_draft_is_rendered_and_not_stored_or_sent() {
    let bench = Bench::new().await;
    let answer = preview(&bench, with_body("{{ event }} {{ data.id }}"), event("created")).await.unwrap();
    assert!(answer.matched && answer.errors.is_empty());
    let request = answer.request.unwrap();
    assert_eq!((&request.body[..], request.method.as_str()), (&b"created 1"[..], "POST"));
    assert!(bench.sent.lock().unwrap().is_empty());
    assert!(bench.store.webhooks().by_id.is_empty());
}

#[tokio::test]
async fn a_template_that_fails_is_an_answer() {
    let bench = Bench::new().await;
    let syntax = preview(&bench, with_body("a\n{% if %}"), event("created")).await.unwrap();
    assert_eq!((syntax.errors[0].field.as_str(), syntax.errors[0].line), ("request.body", 2));
    assert!(syntax.request.is_none());
    let render = preview(&bench, with_body("{{ 1 // 0 }}"), event("created")).await.unwrap();
    assert_eq!(render.errors.len(), 1, "{render:?}");
    let request = render.request.unwrap();
    assert!(render.matched && request.body.is_empty() && request.url.starts_with("https://hooks"), "{request:?}");
}

#[tokio::test]
async fn each_rule_tells_why_it_did_not_match() {
    let bench = Bench::new().await;
    let rule = |kind: &str| v1::EventRule { event_types: vec![kind.into()], ..Default::default() };
    let draft = v1::Webhook { rules: vec![rule("deleted"), rule("created")], ..webhook("") };
    let answer = preview(&bench, draft, event("created")).await.unwrap();
    assert!(answer.matched);
    assert_eq!(answer.rules.iter().map(|rule| (rule.index, rule.matched)).collect::<Vec<_>>(), [(0, false), (1, true)]);
    assert!(answer.rules[0].reason.contains("created"), "{}", answer.rules[0].reason);
}

#[tokio::test]
async fn a_stored_event_is_tried_with_a_stored_webhook() {
    let bench = Bench::new().await;
    let (webhook_id, event_id) = (bench.webhook("w").await, bench.publish("created").await);
    let request = |event_id: &str| v1::RenderPreviewRequest {
        target: Some(Target::WebhookId(webhook_id.clone())),
        source: Some(Source::EventId(event_id.to_owned())),
    };
    let answer = bench.webhooks().render_preview(request(&event_id)).await.unwrap().into_inner();
    assert!(String::from_utf8(answer.request.unwrap().body.to_vec()).unwrap().starts_with("{\"event\": \"created\""));
    let unknown = bench.webhooks().render_preview(request("unknown")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn a_draft_with_other_faults_is_refused_with_all_of_them() {
    let bench = Bench::new().await;
    let mut draft = with_body("x");
    draft.request.as_mut().unwrap().url = "ftp://x".into();
    draft.retry = Some(v1::RetryPolicy { max_attempts: 101, ..Default::default() });
    let refused = preview(&bench, draft, v1::Event::default()).await.unwrap_err();
    assert_eq!(fields(&refused), ["webhook.retry.max_attempts", "event.type", "webhook.request.url"]);
}

#[tokio::test]
async fn a_test_sends_one_request_and_stores_nothing() {
    let bench = Bench::new().await;
    let webhook_id = bench.webhook("w").await;
    let pause = v1::PauseWebhookRequest { webhook_id: webhook_id.clone(), ..Default::default() };
    bench.webhooks().pause_webhook(pause).await.unwrap();
    let request = v1::TestWebhookRequest { webhook_id, ..Default::default() };
    let answer = bench.webhooks().test_webhook(request).await.unwrap().into_inner();
    let attempt = answer.attempt.unwrap();
    assert_eq!((attempt.number, attempt.outcome()), (1, v1::AttemptOutcome::Success));
    assert_eq!(&attempt.response.unwrap().body[..], b"ok");
    assert!(answer.send_time.is_some());
    let body = bench.sent.lock().unwrap()[0].body.clone();
    assert!(String::from_utf8(body.to_vec()).unwrap().starts_with("{\"event\": \"ping\""));
    let list = bench.deliveries().list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    assert!(list.deliveries.is_empty());
}

#[tokio::test]
async fn a_test_whose_template_fails_tells_so_as_its_outcome() {
    let bench = Bench::new().await;
    let mut failing = webhook("w");
    failing.request.as_mut().unwrap().body = "{{ 1 // 0 }}".into();
    let made = bench.create(v1::CreateWebhookRequest { webhook: Some(failing), ..Default::default() }).await;
    let request = v1::TestWebhookRequest {
        webhook_id: made.webhook.unwrap().id,
        event: Some(event("created")),
        ..Default::default()
    };
    let attempt = bench.webhooks().test_webhook(request).await.unwrap().into_inner().attempt.unwrap();
    assert_eq!(attempt.outcome(), v1::AttemptOutcome::Render);
    assert!(attempt.error.starts_with("request.body, line 1, column 4: ") && attempt.request.is_none());
    assert!(attempt.error.ends_with("\n{{ 1 // 0 }}\n   ^"), "{}", attempt.error);
    assert!(bench.sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_test_is_made_like_an_attempt_of_a_delivery() {
    let bench = Bench::new().await;
    let mut panicking = webhook("w");
    panicking.request.as_mut().unwrap().body = "panic".into();
    let made = bench.create(v1::CreateWebhookRequest { webhook: Some(panicking), ..Default::default() }).await;
    let request = v1::TestWebhookRequest { webhook_id: made.webhook.unwrap().id, ..Default::default() };
    let answer = bench.webhooks().test_webhook(request).await.unwrap().into_inner();
    let attempt = answer.attempt.unwrap();
    assert_eq!(attempt.outcome(), v1::AttemptOutcome::Connection, "a panic is an outcome, not a failed call");
    assert!(attempt.error.starts_with("internal error while sending"), "{}", attempt.error);
    assert!(attempt.request.is_some(), "what was sent is known");
    assert_eq!(answer.send_time, attempt.start_time);
}
