//! The calls of the API reference, each between its marks; they run against the server of the harness.

use std::fmt::Debug;
use std::pin::pin;

use futures_util::{TryStreamExt as _, stream};
use tenterhook_client::v1::watch_deliveries_request::Start;
use tenterhook_client::v1::*;
use tenterhook_client::{Change, Client, Error, Kind, json, prost_types};

type Answer = Result<(), Error>;

fn show(answer: &impl Debug) {
    println!("{answer:?}");
}

async fn create_token(client: &Client) -> Answer {
    // ANCHOR: CreateToken
    let request = CreateTokenRequest {
        role: "viewer".into(),
        display_name: "support".into(),
        lifetime: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..Default::default()
    };
    let response = client.create_token(request).await?;
    // ANCHOR_END: CreateToken
    show(&response);
    Ok(())
}

async fn list_tokens(client: &Client) -> Answer {
    // ANCHOR: ListTokens
    let request = ListTokensRequest { page_size: 100, ..Default::default() };
    let response = client.list_tokens(request).await?;
    // ANCHOR_END: ListTokens
    show(&response);
    Ok(())
}

async fn revoke_token(client: &Client) -> Answer {
    // ANCHOR: RevokeToken
    let request = RevokeTokenRequest { token_id: "tok_00000000000000000000000000".into() };
    let response = client.revoke_token(request).await?;
    // ANCHOR_END: RevokeToken
    show(&response);
    Ok(())
}

async fn get_delivery(client: &Client) -> Answer {
    // ANCHOR: GetDelivery
    let response = client.get_delivery("dlv_00000000000000000000000000").await?;
    // ANCHOR_END: GetDelivery
    show(&response);
    Ok(())
}

async fn retry_delivery(client: &Client) -> Answer {
    // ANCHOR: RetryDelivery
    let request = RetryDeliveryRequest { delivery_id: "dlv_00000000000000000000000000".into() };
    let response = client.retry_delivery(request).await?;
    // ANCHOR_END: RetryDelivery
    show(&response);
    Ok(())
}

async fn batch_retry_deliveries(client: &Client) -> Answer {
    // ANCHOR: BatchRetryDeliveries
    let request = BatchRetryDeliveriesRequest {
        filter: Some(DeliveryFilter {
            webhook_ids: vec!["wh_00000000000000000000000000".into()],
            states: vec![DeliveryState::Failed.into()],
            ..Default::default()
        }),
        validate_only: true,
        ..Default::default()
    };
    let response = client.batch_retry_deliveries(request).await?;
    // ANCHOR_END: BatchRetryDeliveries
    show(&response);
    Ok(())
}

async fn cancel_delivery(client: &Client) -> Answer {
    // ANCHOR: CancelDelivery
    let request = CancelDeliveryRequest { delivery_id: "dlv_00000000000000000000000000".into() };
    let response = client.cancel_delivery(request).await?;
    // ANCHOR_END: CancelDelivery
    show(&response);
    Ok(())
}

async fn batch_cancel_deliveries(client: &Client) -> Answer {
    // ANCHOR: BatchCancelDeliveries
    let request = BatchCancelDeliveriesRequest {
        filter: Some(DeliveryFilter {
            webhook_ids: vec!["wh_00000000000000000000000000".into()],
            ..Default::default()
        }),
        validate_only: true,
        ..Default::default()
    };
    let response = client.batch_cancel_deliveries(request).await?;
    // ANCHOR_END: BatchCancelDeliveries
    show(&response);
    Ok(())
}

async fn get_delivery_stats(client: &Client) -> Answer {
    // ANCHOR: GetDeliveryStats
    let request = GetDeliveryStatsRequest {
        webhook_id: "wh_00000000000000000000000000".into(),
        window: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        bucket_width: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..Default::default()
    };
    let response = client.get_delivery_stats(request).await?;
    // ANCHOR_END: GetDeliveryStats
    show(&response);
    Ok(())
}

async fn get_event(client: &Client) -> Answer {
    // ANCHOR: GetEvent
    let request = GetEventRequest { event_id: "site-7".into(), ..Default::default() };
    let response = client.get_event(request).await?;
    // ANCHOR_END: GetEvent
    show(&response);
    Ok(())
}

async fn explain_event(client: &Client) -> Answer {
    // ANCHOR: ExplainEvent
    let request = ExplainEventRequest {
        source: Some(explain_event_request::Source::EventId("site-7".into())),
        ..Default::default()
    };
    let response = client.explain_event(request).await?;
    // ANCHOR_END: ExplainEvent
    show(&response);
    Ok(())
}

async fn replay_events(client: &Client) -> Answer {
    // ANCHOR: ReplayEvents
    let request = ReplayEventsRequest {
        webhook_id: "wh_00000000000000000000000000".into(),
        filter: Some(EventFilter { event_types: vec!["created".into()], ..Default::default() }),
        validate_only: true,
        ..Default::default()
    };
    let response = client.replay_events(request).await?;
    // ANCHOR_END: ReplayEvents
    show(&response);
    Ok(())
}

async fn get_server_info(client: &Client) -> Answer {
    // ANCHOR: GetServerInfo
    let request = GetServerInfoRequest {};
    let response = client.get_server_info(request).await?;
    // ANCHOR_END: GetServerInfo
    show(&response);
    Ok(())
}

async fn list_namespaces(client: &Client) -> Answer {
    // ANCHOR: ListNamespaces
    let request = ListNamespacesRequest { page_size: 100, ..Default::default() };
    let response = client.list_namespaces(request).await?;
    // ANCHOR_END: ListNamespaces
    show(&response);
    Ok(())
}

async fn get_webhook(client: &Client) -> Answer {
    // ANCHOR: GetWebhook
    let request = GetWebhookRequest { webhook_id: "wh_00000000000000000000000000".into(), ..Default::default() };
    let response = client.get_webhook(request).await?;
    // ANCHOR_END: GetWebhook
    show(&response);
    Ok(())
}

async fn update_webhook(client: &Client) -> Answer {
    // ANCHOR: UpdateWebhook
    let request = UpdateWebhookRequest {
        webhook: Some(Webhook {
            id: "wh_00000000000000000000000000".into(),
            description: "sites of the warehouse".into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["description".into()] }),
        ..Default::default()
    };
    let response = client.update_webhook(request).await?;
    // ANCHOR_END: UpdateWebhook
    show(&response);
    Ok(())
}

async fn delete_webhook(client: &Client) -> Answer {
    // ANCHOR: DeleteWebhook
    let request = DeleteWebhookRequest { webhook_id: "wh_00000000000000000000000000".into(), ..Default::default() };
    let response = client.delete_webhook(request).await?;
    // ANCHOR_END: DeleteWebhook
    show(&response);
    Ok(())
}

async fn pause_webhook(client: &Client) -> Answer {
    // ANCHOR: PauseWebhook
    let request = PauseWebhookRequest {
        webhook_id: "wh_00000000000000000000000000".into(),
        reason: "receiver is being moved".into(),
        ..Default::default()
    };
    let response = client.pause_webhook(request).await?;
    // ANCHOR_END: PauseWebhook
    show(&response);
    Ok(())
}

async fn resume_webhook(client: &Client) -> Answer {
    // ANCHOR: ResumeWebhook
    let request = ResumeWebhookRequest { webhook_id: "wh_00000000000000000000000000".into(), ..Default::default() };
    let response = client.resume_webhook(request).await?;
    // ANCHOR_END: ResumeWebhook
    show(&response);
    Ok(())
}

async fn rotate_signing_key(client: &Client) -> Answer {
    // ANCHOR: RotateSigningKey
    let request = RotateSigningKeyRequest {
        webhook_id: "wh_00000000000000000000000000".into(),
        grace_period: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        ..Default::default()
    };
    let response = client.rotate_signing_key(request).await?;
    // ANCHOR_END: RotateSigningKey
    show(&response);
    Ok(())
}

async fn revoke_signing_key(client: &Client) -> Answer {
    // ANCHOR: RevokeSigningKey
    let request = RevokeSigningKeyRequest {
        webhook_id: "wh_00000000000000000000000000".into(),
        key_id: "key_00000000000000000000000000".into(),
        ..Default::default()
    };
    let response = client.revoke_signing_key(request).await?;
    // ANCHOR_END: RevokeSigningKey
    show(&response);
    Ok(())
}

async fn render_preview(client: &Client) -> Answer {
    // ANCHOR: RenderPreview
    let request = RenderPreviewRequest {
        target: Some(render_preview_request::Target::WebhookId("wh_00000000000000000000000000".into())),
        source: Some(render_preview_request::Source::EventId("site-7".into())),
    };
    let response = client.render_preview(request).await?;
    // ANCHOR_END: RenderPreview
    show(&response);
    Ok(())
}

async fn test_webhook(client: &Client) -> Answer {
    // ANCHOR: TestWebhook
    let request = TestWebhookRequest {
        webhook_id: "wh_00000000000000000000000000".into(),
        event_id: "site-7".into(),
        ..Default::default()
    };
    let response = client.test_webhook(request).await?;
    // ANCHOR_END: TestWebhook
    show(&response);
    Ok(())
}

async fn publish_event(client: &Client) -> Answer {
    // ANCHOR: PublishEvent
    let event = Event { id: "site-7".into(), object_type: "dcim.site".into(), ..Event::new("created") };
    let result = client.publish(event).await?;
    println!("{} {}", result.event_id, result.delivery_count);
    // ANCHOR_END: PublishEvent
    Ok(())
}

async fn batch_publish_events(client: &Client) -> Answer {
    // ANCHOR: BatchPublishEvents
    let event = |id: u32| Event { data: json(&id).ok(), ..Event::new("created") };
    let results = client.publish_batch((0..100).map(event)).await?;
    // ANCHOR_END: BatchPublishEvents
    show(&results);
    Ok(())
}

async fn stream_publish_events(client: &Client) -> Answer {
    // ANCHOR: StreamPublishEvents
    let event = |id: u32| Event { data: json(&id).ok(), ..Event::new("created") };
    let mut acks = pin!(client.publish_stream(stream::iter((0..100).map(event))).await?);
    while let Some(ack) = acks.try_next().await? {
        if let Err(refused) = ack.outcome {
            println!("{} {refused}", ack.sequence);
        }
    }
    // ANCHOR_END: StreamPublishEvents
    Ok(())
}

async fn create_webhook(client: &Client) -> Answer {
    // ANCHOR: CreateWebhook
    let rule =
        EventRule { event_types: vec!["created".into()], object_types: vec!["dcim.site".into()], ..Default::default() };
    let webhook = Webhook {
        display_name: "sites".into(),
        request: Some(RequestTemplate { url: "https://example.com/hook".into(), ..Default::default() }),
        rules: vec![rule],
        signing: Some(SigningPolicy { schemes: vec![SignatureScheme::StandardWebhooks.into()], ..Default::default() }),
        ..Default::default()
    };
    let (webhook, secret) = client.create_webhook(webhook, "").await?;
    // ANCHOR_END: CreateWebhook
    show(&(webhook, secret));
    Ok(())
}

async fn list_webhooks(client: &Client) -> Answer {
    // ANCHOR: ListWebhooks
    let request = ListWebhooksRequest { labels: [("team".into(), "net".into())].into(), ..Default::default() };
    let webhooks: Vec<Webhook> = client.list_webhooks(request).try_collect().await?;
    // ANCHOR_END: ListWebhooks
    show(&webhooks);
    Ok(())
}

async fn list_events(client: &Client) -> Answer {
    // ANCHOR: ListEvents
    let filter = EventFilter { event_types: vec!["created".into()], ..Default::default() };
    let request = ListEventsRequest { filter: Some(filter), ..Default::default() };
    let events: Vec<Event> = client.list_events(request).try_collect().await?;
    // ANCHOR_END: ListEvents
    show(&events);
    Ok(())
}

async fn list_deliveries(client: &Client) -> Answer {
    // ANCHOR: ListDeliveries
    let filter = DeliveryFilter { states: vec![DeliveryState::Failed.into()], ..Default::default() };
    let request = ListDeliveriesRequest { filter: Some(filter), ..Default::default() };
    let (deliveries, resume_token) = client.list_deliveries(request);
    let deliveries: Vec<Delivery> = deliveries.try_collect().await?;
    // ANCHOR_END: ListDeliveries
    show(&(deliveries, resume_token.get()));
    Ok(())
}

async fn watch_deliveries(client: &Client) -> Answer {
    // ANCHOR: WatchDeliveries
    let request = WatchDeliveriesRequest { start: Start::earliest(), ..Default::default() };
    let mut watch = client.watch(request);
    let Change { change, token } = watch.next().await?; // and so on, in a loop
    // ANCHOR_END: WatchDeliveries
    show(&(change, token));
    Ok(())
}

async fn backup(client: &Client) -> Answer {
    // ANCHOR: Backup
    let mut chunks = client.store().backup(BackupRequest {}).await?.into_inner();
    while let Some(part) = chunks.message().await? {
        println!("{} bytes of the copy", part.chunk.len());
    }
    // ANCHOR_END: Backup
    Ok(())
}

/// What finds all that it names.
const WHOLE: [&str; 4] = ["PublishEvent", "CreateWebhook", "ListEvents", "WatchDeliveries"];

macro_rules! run {
    ($client:expr, $($name:literal: $call:ident,)*) => {
        [$(($name, $call($client).await),)*]
    };
}

#[tokio::test]
async fn the_calls_of_the_reference_run() {
    let target = std::env::var("TENTERHOOK_TARGET").expect("needs the harness: make test-clients");
    let client = Client::builder(&target).namespace("reference-rust").build().unwrap();
    // What is watched and listed is there in any order of the calls.
    let request = Some(RequestTemplate { url: "http://127.0.0.1:9/".into(), ..Default::default() });
    let first = Webhook { display_name: "first".into(), request, ..Default::default() };
    client.create_webhook(first, "").await.unwrap();
    client.publish(Event::new("created")).await.unwrap();
    let answers = run! {
        &client,
        "CreateToken": create_token,
        "ListTokens": list_tokens,
        "RevokeToken": revoke_token,
        "GetDelivery": get_delivery,
        "RetryDelivery": retry_delivery,
        "BatchRetryDeliveries": batch_retry_deliveries,
        "CancelDelivery": cancel_delivery,
        "BatchCancelDeliveries": batch_cancel_deliveries,
        "GetDeliveryStats": get_delivery_stats,
        "GetEvent": get_event,
        "ExplainEvent": explain_event,
        "ReplayEvents": replay_events,
        "GetServerInfo": get_server_info,
        "ListNamespaces": list_namespaces,
        "GetWebhook": get_webhook,
        "UpdateWebhook": update_webhook,
        "DeleteWebhook": delete_webhook,
        "PauseWebhook": pause_webhook,
        "ResumeWebhook": resume_webhook,
        "RotateSigningKey": rotate_signing_key,
        "RevokeSigningKey": revoke_signing_key,
        "RenderPreview": render_preview,
        "TestWebhook": test_webhook,
        "PublishEvent": publish_event,
        "BatchPublishEvents": batch_publish_events,
        "StreamPublishEvents": stream_publish_events,
        "CreateWebhook": create_webhook,
        "ListWebhooks": list_webhooks,
        "ListEvents": list_events,
        "ListDeliveries": list_deliveries,
        "WatchDeliveries": watch_deliveries,
        "Backup": backup,
    };
    for (name, answer) in answers {
        if let Err(error) = answer {
            let is_unknown = matches!(error.kind(), Kind::NotFound | Kind::Conflict);
            assert!(is_unknown && !WHOLE.contains(&name), "{name}: {error}");
        }
    }
}
