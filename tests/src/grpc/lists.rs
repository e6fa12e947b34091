//! Lists of webhooks, events and deliveries: order, pages, filters, tokens.

use std::time::Duration;

use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::bench::{Bench, event, webhook};
use super::reason;

#[tokio::test]
async fn webhooks_are_listed_oldest_first_in_pages() {
    let bench = Bench::new().await;
    let mut made = Vec::new();
    for number in 0..5 {
        bench.clock.advance(Duration::from_millis(1));
        made.push(bench.webhook(&format!("w{number}")).await);
    }
    let (mut told, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListWebhooksRequest { page_size: 2, page_token, ..Default::default() };
        let page = bench.webhooks().list_webhooks(request).await.unwrap().into_inner();
        told.extend(page.webhooks.into_iter().map(|webhook| webhook.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(told, made);
}

#[tokio::test]
async fn webhooks_are_found_by_labels_and_states() {
    let bench = Bench::new().await;
    let labels = [("team".to_owned(), "net".to_owned())].into();
    let labelled = v1::Webhook { labels, disabled: true, ..webhook("labelled") };
    bench.create(v1::CreateWebhookRequest { webhook: Some(labelled), ..Default::default() }).await;
    bench.webhook("plain").await;
    let names = async |request: v1::ListWebhooksRequest| -> Vec<String> {
        let page = bench.webhooks().list_webhooks(request).await.unwrap().into_inner();
        page.webhooks.into_iter().map(|webhook| webhook.display_name).collect()
    };
    let by_label = |value: &str| v1::ListWebhooksRequest {
        labels: [("team".to_owned(), value.to_owned())].into(),
        ..Default::default()
    };
    assert_eq!(names(by_label("net")).await, ["labelled"]);
    assert!(names(by_label("other")).await.is_empty());
    let active = v1::ListWebhooksRequest { states: vec![1], ..Default::default() };
    assert_eq!(names(active).await, ["plain"]);
}

#[tokio::test]
async fn events_are_listed_newest_first_and_found_by_what_they_say() {
    let bench = Bench::new().await;
    for (id, kind) in [("a", "created"), ("b", "job_started"), ("c", "job_ended"), ("d", "deleted")] {
        bench.clock.advance(Duration::from_secs(1));
        let event = v1::Event { id: id.into(), ..event(kind) };
        bench.events().publish_event(v1::PublishEventRequest { event: Some(event) }).await.unwrap();
    }
    let ids = async |filter: v1::EventFilter| -> Vec<String> {
        let request = v1::ListEventsRequest { filter: Some(filter), ..Default::default() };
        let page = bench.events().list_events(request).await.unwrap().into_inner();
        page.events.into_iter().map(|event| event.id).collect()
    };
    assert_eq!(ids(v1::EventFilter::default()).await, ["d", "c", "b", "a"]);
    assert_eq!(ids(v1::EventFilter { event_types: vec!["job_*".into()], ..Default::default() }).await, ["c", "b"]);
    assert_eq!(ids(v1::EventFilter { event_ids: vec!["a".into(), "x".into()], ..Default::default() }).await, ["a"]);
    assert!(ids(v1::EventFilter { object_types: vec!["ipam.*".into()], ..Default::default() }).await.is_empty());
}

#[tokio::test]
async fn deliveries_are_found_by_state_and_told_in_full_on_demand() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    bench.publish("created").await;
    let failed = bench.attempt(&webhook, Next::GiveUp).await;
    bench.publish("created").await;
    let list = async |states: Vec<i32>, view: i32| {
        let filter = Some(v1::DeliveryFilter { states, ..Default::default() });
        let request = v1::ListDeliveriesRequest { filter, view, ..Default::default() };
        bench.deliveries().list_deliveries(request).await.unwrap().into_inner().deliveries
    };
    assert_eq!(list(vec![], 0).await.len(), 2);
    let found = list(vec![v1::DeliveryState::Failed.into()], 0).await;
    assert_eq!(found.iter().map(|delivery| delivery.id.clone()).collect::<Vec<_>>(), [failed[0].to_string()]);
    assert!(found[0].attempts.is_empty());
    let full = list(vec![v1::DeliveryState::Failed.into()], v1::DeliveryView::Full.into()).await;
    assert_eq!(full[0].attempts.len(), 1);
    let request = v1::GetDeliveryRequest { delivery_id: failed[0].to_string(), view: 0 };
    let delivery = bench.deliveries().get_delivery(request).await.unwrap().into_inner().delivery.unwrap();
    let response = delivery.attempts[0].response.as_ref().unwrap();
    assert_eq!((response.status, &response.body[..]), (500, &b"answer"[..]), "unset means full here");
}

#[tokio::test]
async fn a_page_token_is_bound_to_its_request_and_survives_a_restart() {
    let mut bench = Bench::new().await;
    bench.webhook("a").await;
    bench.webhook("b").await;
    let first = v1::ListWebhooksRequest { page_size: 1, ..Default::default() };
    let token = bench.webhooks().list_webhooks(first.clone()).await.unwrap().into_inner().next_page_token;
    let other = v1::ListWebhooksRequest { states: vec![1], page_token: token.clone(), ..first.clone() };
    let refused = bench.webhooks().list_webhooks(other).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
    bench.routes = bench.api(CancellationToken::new()).await.routes;
    let next = v1::ListWebhooksRequest { page_token: token, ..first };
    let page = bench.webhooks().list_webhooks(next).await.unwrap().into_inner();
    assert_eq!((page.webhooks.len(), page.next_page_token.as_str()), (1, ""));
}

#[tokio::test]
async fn counts_are_told_for_the_whole_and_for_each_webhook() {
    let bench = Bench::new().await;
    let (good, bad) = (bench.webhook("good").await, bench.webhook("bad").await);
    bench.publish("created").await;
    bench.attempt(&good, Next::Succeed).await;
    bench.attempt(&bad, Next::GiveUp).await;
    bench.publish("created").await;
    bench.clock.advance(Duration::from_secs(7));
    let stats =
        bench.deliveries().get_delivery_stats(v1::GetDeliveryStatsRequest::default()).await.unwrap().into_inner();
    let total = stats.total.unwrap();
    assert_eq!((total.succeeded, total.failed, total.attempts, total.open), (1, 1, 2, 2));
    assert_eq!(total.oldest_open_age.unwrap().seconds, 7);
    assert!(total.attempt_latency_p50.is_some());
    assert_eq!(stats.webhooks.iter().map(|one| one.webhook_id.as_str()).collect::<Vec<_>>(), [bad.as_str(), &good]);
    let one = v1::GetDeliveryStatsRequest { webhook_id: good, ..Default::default() };
    let stats = bench.deliveries().get_delivery_stats(one).await.unwrap().into_inner();
    assert_eq!((stats.webhooks.len(), stats.total.unwrap().failed), (1, 0));
}
