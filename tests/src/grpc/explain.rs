//! ExplainEvent: which webhooks receive an event, and why the others do not.

use std::time::Duration;

use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1::{self, explain_event_request::Source};
use tonic::Code;

use super::bench::{Bench, event, webhook};
use super::reason;

async fn make(bench: &Bench, name: &str, rules: Vec<v1::EventRule>) -> String {
    let webhook = Some(v1::Webhook { rules, ..webhook(name) });
    // Ids sort by the time at which they were made.
    bench.clock.advance(Duration::from_millis(1));
    bench.create(v1::CreateWebhookRequest { webhook, ..Default::default() }).await.webhook.unwrap().id
}

fn typed(event_type: &str) -> v1::EventRule {
    v1::EventRule { event_types: vec![event_type.into()], ..Default::default() }
}

fn request(source: Source) -> v1::ExplainEventRequest {
    v1::ExplainEventRequest { source: Some(source), ..Default::default() }
}

async fn explain(bench: &Bench, source: Source) -> Vec<v1::WebhookExplanation> {
    bench.events().explain_event(request(source)).await.unwrap().into_inner().webhooks
}

#[tokio::test]
async fn every_webhook_says_whether_it_matched_and_which_rule_refused_and_why() {
    let bench = Bench::new().await;
    let conditions = v1::json_document::Value::Json(r#"{"and": [{"attr": "id", "value": 2}]}"#.into());
    let planned = v1::EventRule {
        conditions: Some(v1::JsonDocument { value: Some(conditions) }),
        display_name: "second".into(),
        ..Default::default()
    };
    make(&bench, "all", vec![]).await;
    make(&bench, "none", vec![typed("deleted"), planned]).await;
    make(&bench, "some", vec![typed("deleted"), typed("created")]).await;
    let off = make(&bench, "off", vec![]).await;
    let disable = v1::Webhook { id: off, disabled: true, ..Default::default() };
    let update = v1::UpdateWebhookRequest { webhook: Some(disable), ..Default::default() };
    bench.webhooks().update_webhook(update).await.unwrap();
    bench.clock.advance(Duration::from_secs(1));
    let id = bench.publish("created").await;
    let explained = explain(&bench, Source::EventId(id.clone())).await;
    let told: Vec<_> = explained.iter().map(|one| (&*one.display_name, one.matched, &*one.reason)).collect();
    assert_eq!(
        told,
        [
            ("all", true, "it has no rules, so it receives every event"),
            ("none", false, "none of its 2 rules matches"),
            ("some", true, "rules[1] matches"),
            ("off", false, "the webhook is disabled"),
        ]
    );
    // The words are those of a preview.
    for one in &explained[..3] {
        let target = Some(v1::render_preview_request::Target::WebhookId(one.webhook_id.clone()));
        let source = Some(v1::render_preview_request::Source::EventId(id.clone()));
        let preview = v1::RenderPreviewRequest { target, source };
        let preview = bench.webhooks().render_preview(preview).await.unwrap().into_inner();
        assert_eq!((preview.matched, &preview.rules), (one.matched, &one.rules), "{}", one.display_name);
    }
    assert!(explained[1].rules.iter().all(|rule| !rule.reason.is_empty()), "{:?}", explained[1].rules);
    assert_eq!(explained[3].state(), v1::WebhookState::Disabled);
    let deliveries: Vec<_> = explained.iter().map(|one| one.deliveries.len()).collect();
    assert_eq!(deliveries, [1, 0, 1, 0]);
}

#[tokio::test]
async fn deliveries_are_shown_with_their_waits_and_those_of_replays() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    let id = bench.publish("created").await;
    bench.attempt(&hook, Next::GiveUp).await;
    bench.clock.advance(Duration::from_secs(5));
    let filter = Some(v1::EventFilter { event_ids: vec![id.clone()], ..Default::default() });
    let replay = v1::ReplayEventsRequest { webhook_id: hook.clone(), filter, ..Default::default() };
    bench.events().replay_events(replay).await.unwrap();
    let pause = v1::PauseWebhookRequest { webhook_id: hook, ..Default::default() };
    bench.webhooks().pause_webhook(pause).await.unwrap();
    let explained = explain(&bench, Source::EventId(id)).await;
    let states: Vec<_> = explained[0].deliveries.iter().map(v1::Delivery::state).collect();
    assert_eq!(states, [v1::DeliveryState::Pending, v1::DeliveryState::Failed]);
    let waiting = explained[0].deliveries[0].waiting.clone().unwrap();
    assert_eq!(waiting.reason(), v1::WaitingReason::Paused);
    assert_eq!(explained[0].state(), v1::WebhookState::Paused);
}

#[tokio::test]
async fn a_webhook_that_came_or_changed_after_the_event_says_so() {
    let bench = Bench::new().await;
    let changed = bench.webhook("changed").await;
    bench.clock.advance(Duration::from_secs(1));
    let id = bench.publish("created").await;
    bench.clock.advance(Duration::from_secs(1));
    bench.webhook("new").await;
    make(&bench, "few", vec![typed("deleted")]).await;
    let change = v1::Webhook { id: changed, description: "other".into(), ..Default::default() };
    let update = v1::UpdateWebhookRequest { webhook: Some(change), ..Default::default() };
    bench.webhooks().update_webhook(update).await.unwrap();
    let explained = explain(&bench, Source::EventId(id)).await;
    assert!(explained[0].reason.ends_with("; it was changed after the event was published"), "{:?}", explained[0]);
    assert!(explained[1].reason.contains("; it was created after the event was published"), "{:?}", explained[1]);
    assert!(explained[1].matched && explained[1].deliveries.is_empty());
    assert_eq!(explained[2].reason, "its rule does not match", "a replay would not deliver it");
}

#[tokio::test]
async fn an_event_that_is_not_published_is_explained_and_not_stored() {
    let bench = Bench::new().await;
    make(&bench, "w", vec![typed("deleted")]).await;
    let explained = explain(&bench, Source::Event(event("created"))).await;
    assert_eq!((explained[0].matched, explained[0].reason.as_str()), (false, "its rule does not match"));
    let events = bench.events().list_events(v1::ListEventsRequest::default()).await.unwrap().into_inner();
    assert!(events.events.is_empty());
}

#[tokio::test]
async fn pages_show_every_webhook_once_oldest_first() {
    let bench = Bench::new().await;
    for number in 0..5 {
        bench.webhook(&format!("w{number}")).await;
        bench.clock.advance(Duration::from_millis(5));
    }
    let id = bench.publish("created").await;
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = v1::ExplainEventRequest { page_size: 2, page_token, ..request(Source::EventId(id.clone())) };
        let page = bench.events().explain_event(page).await.unwrap().into_inner();
        assert!(page.webhooks.len() <= 2);
        names.extend(page.webhooks.into_iter().map(|one| one.display_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["w0", "w1", "w2", "w3", "w4"]);
}

#[tokio::test]
async fn what_cannot_be_explained_is_refused() {
    let bench = Bench::new().await;
    let id = bench.publish("created").await;
    let unknown = bench.events().explain_event(request(Source::EventId("unknown".into()))).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "EVENT_NOT_FOUND"));
    let forged = v1::ExplainEventRequest { page_token: "x".into(), ..request(Source::EventId(id)) };
    let forged = bench.events().explain_event(forged).await.unwrap_err();
    assert_eq!(reason(&forged), "PAGE_TOKEN_INVALID");
}
