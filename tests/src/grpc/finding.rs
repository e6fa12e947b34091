//! Finding out what went wrong: counts by outcome and over time, filters by status, attempts and
//! labels, names instead of ids, bodies as text, tests with stored events, batches that say what
//! they left out.

use std::time::Duration;

use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1;
use tonic::Code;

use super::bench::{Bench, event, webhook};
use super::{fields, reason};

async fn list(bench: &Bench, filter: v1::DeliveryFilter) -> Vec<v1::Delivery> {
    let request = v1::ListDeliveriesRequest { filter: Some(filter), ..Default::default() };
    bench.deliveries().list_deliveries(request).await.unwrap().into_inner().deliveries
}

async fn stats(bench: &Bench, request: v1::GetDeliveryStatsRequest) -> v1::GetDeliveryStatsResponse {
    bench.deliveries().get_delivery_stats(request).await.unwrap().into_inner()
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[tokio::test]
async fn failed_attempts_are_counted_by_outcome_although_nothing_was_given_up() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    let well = bench.webhook("well").await;
    for _ in 0..3 {
        bench.publish("created").await;
    }
    let now = bench.clock_now();
    bench.attempt(&hook, Next::RetryAt(now)).await;
    bench.attempt(&hook, Next::RetryAt(now)).await;
    bench.attempt(&well, Next::Succeed).await;
    let counted = stats(&bench, v1::GetDeliveryStatsRequest::default()).await;
    let total = counted.total.unwrap();
    assert_eq!((total.failed, total.failed_attempts, total.attempts, total.succeeded), (0, 6, 9, 3));
    let outcome = v1::AttemptOutcome::HttpStatus.into();
    assert_eq!(total.outcomes, [v1::OutcomeCount { outcome, response_status: 500, count: 6 }]);
    assert_eq!(counted.webhooks[0].webhook_id, hook, "the one that fails comes first");
    assert!(counted.buckets.is_empty(), "none were asked for");
    assert!(counted.webhooks[1].stats.as_ref().unwrap().outcomes.is_empty());
}

#[tokio::test]
async fn counts_come_in_buckets_that_add_up_to_the_total() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    for _ in 0..4 {
        bench.publish("created").await;
        bench.attempt(&hook, Next::Succeed).await;
        bench.clock.advance(Duration::from_secs(600));
    }
    let request = |width| v1::GetDeliveryStatsRequest {
        window: seconds(3_600),
        bucket_width: seconds(width),
        ..Default::default()
    };
    let counted = stats(&bench, request(300)).await;
    let succeeded = |bucket: &v1::DeliveryStatsBucket| bucket.stats.as_ref().unwrap().succeeded;
    assert_eq!(counted.buckets.iter().map(succeeded).sum::<i64>(), counted.total.unwrap().succeeded);
    let starts: Vec<i64> = counted.buckets.iter().map(|bucket| bucket.start_time.unwrap().seconds).collect();
    assert!(starts.iter().all(|start| start % 300 == 0) && starts.is_sorted_by(|a, b| b - a == 300), "{starts:?}");
    assert!((12..=13).contains(&starts.len()), "{} buckets", starts.len());
    let filled: Vec<i64> = counted.buckets.iter().map(succeeded).filter(|count| *count > 0).collect();
    assert_eq!(filled, [1, 1, 1, 1]);
    assert!(counted.buckets.iter().all(|bucket| bucket.stats.as_ref().unwrap().open == 0));
    let hourly = stats(
        &bench,
        v1::GetDeliveryStatsRequest {
            window: seconds(30 * 86_400),
            bucket_width: seconds(86_400),
            ..Default::default()
        },
    );
    assert_eq!(hourly.await.buckets.iter().map(succeeded).sum::<i64>(), 4);
}

#[tokio::test]
async fn deliveries_are_found_by_status_attempts_and_labels() {
    let bench = Bench::new().await;
    let labelled = |name: &str, team: &str| {
        let labels = [("team".to_owned(), team.to_owned())].into();
        let webhook = Some(v1::Webhook { labels, ..webhook(name) });
        bench.create(v1::CreateWebhookRequest { webhook, ..Default::default() })
    };
    let failing = labelled("a", "network").await.webhook.unwrap().id;
    let well = labelled("b", "billing").await.webhook.unwrap().id;
    bench.publish("created").await;
    bench.attempt(&failing, Next::RetryAt(bench.clock_now())).await;
    bench.attempt(&well, Next::Succeed).await;
    bench.publish("created").await;
    let found = async |filter| list(&bench, filter).await.into_iter().map(|one| one.webhook_id).collect::<Vec<_>>();
    let status = |statuses: &[i32]| v1::DeliveryFilter { response_statuses: statuses.to_vec(), ..Default::default() };
    assert_eq!(found(status(&[500, 502])).await, std::slice::from_ref(&failing));
    assert_eq!(found(status(&[200])).await, std::slice::from_ref(&well));
    assert!(found(status(&[404])).await.is_empty());
    let tried = |min_attempts| v1::DeliveryFilter { min_attempts, ..Default::default() };
    assert_eq!((found(tried(0)).await.len(), found(tried(1)).await.len(), found(tried(2)).await.len()), (4, 2, 0));
    let team = |team: &str| v1::DeliveryFilter {
        webhook_labels: [("team".to_owned(), team.to_owned())].into(),
        ..Default::default()
    };
    assert_eq!(found(team("network")).await, [failing.clone(), failing]);
    assert!(found(team("nobody")).await.is_empty());
}

#[tokio::test]
async fn a_webhook_is_named_by_its_display_name() {
    let bench = Bench::new().await;
    let id = bench.webhook("orders").await;
    let named = |display_name: &str| v1::GetWebhookRequest { display_name: display_name.into(), ..Default::default() };
    let get =
        async |request| bench.webhooks().get_webhook(request).await.map(|found| found.into_inner().webhook.unwrap());
    assert_eq!(get(named("orders")).await.unwrap().id, id);
    let missing = get(named("order")).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "WEBHOOK_NOT_FOUND"));
    assert!(!missing.message().contains("`order`"), "what was asked for is not repeated: {}", missing.message());
    let elsewhere = v1::GetWebhookRequest { namespace: "other".into(), ..named("orders") };
    assert_eq!(get(elsewhere.clone()).await.unwrap_err().code(), Code::NotFound);
    let other = bench.webhooks_as("admin@other").get_webhook(named("orders")).await.unwrap_err();
    assert_eq!(other.code(), Code::PermissionDenied, "the namespace `default` is not that of the key");
    let both = v1::GetWebhookRequest { webhook_id: id.clone(), ..named("orders") };
    assert_eq!(fields(&get(both).await.unwrap_err()), ["display_name"]);

    let display_name = || "orders".to_owned();
    let pause = v1::PauseWebhookRequest { display_name: display_name(), ..Default::default() };
    let paused = bench.webhooks().pause_webhook(pause).await.unwrap().into_inner().webhook.unwrap();
    assert_eq!((paused.id, paused.state), (id, v1::WebhookState::Paused.into()));
    let resume = v1::ResumeWebhookRequest { display_name: display_name(), ..Default::default() };
    let resumed = bench.webhooks().resume_webhook(resume).await.unwrap().into_inner().webhook.unwrap();
    assert_eq!(resumed.state(), v1::WebhookState::Active);
    let rotate = v1::RotateSigningKeyRequest { display_name: display_name(), ..Default::default() };
    bench.webhooks().rotate_signing_key(rotate.clone()).await.unwrap();
    let rotated = bench.webhooks().rotate_signing_key(rotate).await.unwrap().into_inner().webhook.unwrap();
    let key_id = rotated.signing_keys[1].id.clone();
    let revoke = v1::RevokeSigningKeyRequest { display_name: display_name(), key_id, ..Default::default() };
    let revoked = bench.webhooks().revoke_signing_key(revoke).await.unwrap().into_inner().webhook.unwrap();
    assert_eq!(revoked.signing_keys.len(), 1);
    let test = v1::TestWebhookRequest { display_name: display_name(), ..Default::default() };
    assert!(bench.webhooks().test_webhook(test).await.is_ok());
}

#[tokio::test]
async fn a_test_sends_a_stored_event_as_a_delivery_would() {
    let bench = Bench::new().await;
    let mut hook = webhook("w");
    hook.request.as_mut().unwrap().body = "{{ data.id | tojson }} {{ event_id }} {{ username }}".into();
    let webhook_id = bench.create(v1::CreateWebhookRequest { webhook: Some(hook), ..Default::default() }).await;
    let webhook_id = webhook_id.webhook.unwrap().id;
    let published = Some(v1::Event { username: "jo".into(), ..event("created") });
    let published = bench.events().publish_event(v1::PublishEventRequest { event: published }).await.unwrap();
    let event_id = published.into_inner().result.unwrap().event_id;
    let test = async |event_id: &str, event| {
        let (webhook_id, event_id) = (webhook_id.clone(), event_id.to_owned());
        let request = v1::TestWebhookRequest { webhook_id, event_id, event, ..Default::default() };
        bench.webhooks().test_webhook(request).await.map(|answer| answer.into_inner().attempt.unwrap())
    };
    let attempt = test(&event_id, None).await.unwrap();
    assert_eq!(attempt.outcome(), v1::AttemptOutcome::Success);
    assert_eq!(attempt.request.unwrap().body_text, format!("1 {event_id} jo"));
    assert_eq!(attempt.response.unwrap().body_text, "ok");
    let unknown = test("unknown", None).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "EVENT_NOT_FOUND"));
    assert_eq!(fields(&test(&event_id, Some(event("created"))).await.unwrap_err()), ["event_id"]);
    let ping = test("", None).await.unwrap();
    assert_eq!(ping.outcome(), v1::AttemptOutcome::Render);
    assert!(ping.error.ends_with("set `event_id` to a stored event, or `event`."), "{}", ping.error);
}

#[tokio::test]
async fn a_ping_renders_where_a_template_only_prints_a_value() {
    let bench = Bench::new().await;
    let mut hook = webhook("w");
    hook.request.as_mut().unwrap().body = "{{ data.name }}-{{ event }}".into();
    let made = bench.create(v1::CreateWebhookRequest { webhook: Some(hook), ..Default::default() }).await;
    let request = v1::TestWebhookRequest { webhook_id: made.webhook.unwrap().id, ..Default::default() };
    let attempt = bench.webhooks().test_webhook(request).await.unwrap().into_inner().attempt.unwrap();
    assert_eq!(attempt.request.unwrap().body_text, "-ping");
}

#[tokio::test]
async fn a_batch_without_states_retries_what_waits_and_says_what_it_left_out() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    for (kind, next) in
        [("failed", Next::GiveUp), ("done", Next::Succeed), ("retrying", Next::RetryAt(bench.clock_now()))]
    {
        bench.publish(kind).await;
        bench.attempt(&hook, next).await;
    }
    bench.publish("late").await;
    let filter = |states: &[v1::DeliveryState]| {
        let states = states.iter().map(|state| i32::from(*state)).collect();
        Some(v1::DeliveryFilter { webhook_ids: vec![hook.clone()], states, ..Default::default() })
    };
    let retry = async |states: &[v1::DeliveryState], validate_only| {
        let request = v1::BatchRetryDeliveriesRequest { filter: filter(states), validate_only, ..Default::default() };
        let answer = bench.deliveries().batch_retry_deliveries(request).await.unwrap().into_inner();
        let skipped: Vec<_> = answer.skipped.iter().map(|skipped| (skipped.state(), skipped.count)).collect();
        (answer.delivery_count, skipped)
    };
    let succeeded = v1::DeliveryState::Succeeded;
    for validate_only in [true, false] {
        assert_eq!(retry(&[], validate_only).await, (3, vec![(succeeded, 1)]));
    }
    assert_eq!(bench.claim(&hook).await.len(), 3);
    assert_eq!(retry(&[], false).await, (0, vec![(v1::DeliveryState::InFlight, 3), (succeeded, 1)]));
    assert_eq!(retry(&[succeeded], false).await, (1, vec![]), "who names a state means it");
}

#[tokio::test]
async fn bodies_are_shown_as_text_in_the_full_view() {
    let bench = Bench::new().await;
    let hook = bench.webhook("w").await;
    bench.publish("created").await;
    let id = bench.attempt(&hook, Next::Succeed).await[0].to_string();
    let get = v1::GetDeliveryRequest { delivery_id: id, ..Default::default() };
    let shown = bench.deliveries().get_delivery(get).await.unwrap().into_inner().delivery.unwrap();
    let attempt = shown.last_attempt.unwrap();
    assert_eq!(
        (attempt.request.unwrap().body_text, attempt.response.unwrap().body_text),
        ("body".into(), "answer".into())
    );
}
