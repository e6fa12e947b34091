//! Publishes events and follows their deliveries until each has ended:
//! `cargo run --example publish_and_watch -- [TARGET] [RECEIVER_URL]`. Without a receiver that
//! listens the deliveries are retried, which is shown too.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use tenterhook_client::v1::retry_policy::Backoff;
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::v1::{
    BackoffSchedule, DeleteWebhookRequest, Delivery, DeliveryFilter, DeliveryState, Event, ListDeliveriesRequest,
    RequestTemplate, RetryPolicy, WatchDeliveriesRequest, Webhook,
};
use tenterhook_client::{Client, Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().unwrap_or_else(|| "localhost:50051".to_owned());
    let url = arguments.next().unwrap_or_else(|| "http://127.0.0.1:9000/hook".to_owned());
    let client = Client::new(&target)?;
    let waits = vec![prost_types::Duration { seconds: 1, nanos: 0 }];
    let retry = RetryPolicy {
        max_attempts: 2,
        backoff: Some(Backoff::Schedule(BackoffSchedule { waits })),
        ..Default::default()
    };
    let webhook = Webhook {
        display_name: "rust example".into(),
        request: Some(RequestTemplate { url, ..Default::default() }),
        retry: Some(retry),
        ..Default::default()
    };
    let (webhook, _) = client.create_webhook(webhook, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await?;
    let followed = publish_and_follow(&client, &webhook.id).await;
    let request = DeleteWebhookRequest { webhook_id: webhook.id, ..Default::default() };
    client.webhooks().delete_webhook(request).await?;
    Ok(followed?)
}

/// What has ended already is in the list; what is still to come, the watch tells.
async fn publish_and_follow(client: &Client, webhook_id: &str) -> Result<(), Error> {
    let events = ["created", "updated", "deleted"];
    let events = events.map(|name| Event { r#type: name.into(), ..Default::default() });
    let results = client.publish_batch(events).await?;
    let mut waiting: BTreeSet<String> = results.into_iter().map(|result| result.event_id).collect();
    println!("published {} events", waiting.len());
    let filter = Some(DeliveryFilter { webhook_ids: vec![webhook_id.to_owned()], ..Default::default() });
    let request = ListDeliveriesRequest { filter: filter.clone(), ..Default::default() };
    let (deliveries, resume_token) = client.list_deliveries(request);
    for delivery in deliveries.try_collect::<Vec<_>>().await?.iter().filter(|delivery| ended(delivery)) {
        waiting.remove(&delivery.event_id);
    }
    let start = Some(Start::ResumeToken(resume_token.get()));
    let mut watch = client.watch(WatchDeliveriesRequest { filter, start, ..Default::default() });
    while !waiting.is_empty() {
        let delivery = watch.next().await?.change.delivery.unwrap_or_default();
        let outcome = delivery.last_attempt.as_ref().map(|attempt| attempt.outcome());
        println!("{} {} {outcome:?}", delivery.event_id, delivery.state().as_str_name());
        if ended(&delivery) {
            waiting.remove(&delivery.event_id);
        }
    }
    Ok(())
}

fn ended(delivery: &Delivery) -> bool {
    matches!(delivery.state(), DeliveryState::Succeeded | DeliveryState::Failed)
}
