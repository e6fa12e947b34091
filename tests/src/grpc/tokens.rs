//! Access tokens: issued, used, listed, revoked, expired; and their streams.

use std::time::Duration;

use tenterhook_model::limits;
use tenterhook_proto::tenterhook::v1;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::server_service_client::ServerServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

use super::bench::{Bench, event};
use super::{fields, metadata, reason};

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

async fn revoke(bench: &Bench, id: &str) -> Result<(), Status> {
    bench.tokens_as("admin").revoke_token(v1::RevokeTokenRequest { token_id: id.to_owned() }).await.map(drop)
}

async fn listed(bench: &Bench, namespace: &str) -> Vec<v1::Token> {
    let request = v1::ListTokensRequest { namespace: namespace.to_owned(), ..Default::default() };
    bench.tokens_as("admin").list_tokens(request).await.unwrap().into_inner().tokens
}

/// Opens a watch with a token and takes its first bookmark.
async fn watch(bench: &Bench, secret: &str) -> Streaming<v1::WatchDeliveriesResponse> {
    let mut client = DeliveryServiceClient::new(bench.channel_with(Some(secret)));
    let mut watch = client.watch_deliveries(v1::WatchDeliveriesRequest::default()).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert!(matches!(first.payload, Some(Payload::Bookmark(_))));
    watch
}

fn assert_is_refused(status: &Status) {
    assert_eq!((status.code(), &*reason(status)), (Code::Unauthenticated, "KEY_INVALID"));
}

#[tokio::test]
async fn a_token_without_a_lifetime_is_valid_for_a_day() {
    let bench = Bench::new().await;
    let made = bench.token("viewer", "a", "").await;
    let token = made.token.unwrap();
    assert!(made.secret.starts_with("tht_") && made.secret.len() == 68);
    assert_eq!((&*token.namespace, &*token.role, &*token.creator), ("a", "viewer", "admin"));
    let (from, to) = (token.create_time.unwrap(), token.expire_time.unwrap());
    assert_eq!((to.seconds - from.seconds) * 1_000, limits::TOKEN_LIFETIME.as_millis() as i64);
    assert_eq!(listed(&bench, "a").await, [v1::Token { id: token.id.clone(), ..listed(&bench, "a").await.remove(0) }]);
    let mut info = ServerServiceClient::new(bench.channel_with(Some(&made.secret)));
    let caller = info.get_server_info(v1::GetServerInfoRequest {}).await.unwrap().into_inner().caller.unwrap();
    assert_eq!(caller.name, format!("portal ({})", token.id));
    assert_eq!((&*caller.grants[0].namespace, caller.grants[0].expire_time), ("a", Some(to)));
    bench.clock.advance(Duration::from_millis(DAY as u64 - 1));
    assert!(info.get_server_info(v1::GetServerInfoRequest {}).await.is_ok());
    bench.clock.advance(Duration::from_millis(1));
    assert_is_refused(&info.get_server_info(v1::GetServerInfoRequest {}).await.unwrap_err());
    assert!(listed(&bench, "a").await.is_empty(), "an expired token is gone");
}

#[tokio::test]
async fn a_token_is_known_to_the_next_life_of_the_server_and_its_secret_to_nobody() {
    let mut bench = Bench::new().await;
    let made = bench.token("viewer", "default", "").await;
    // The bench searches its store for secrets when it ends.
    bench.routes = bench.api(CancellationToken::new()).await.routes;
    let mut webhooks = WebhookServiceClient::new(bench.channel_with(Some(&made.secret)));
    webhooks.list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap();
}

#[tokio::test]
async fn tokens_are_listed_page_by_page_and_only_to_who_administers_the_namespace() {
    let bench = Bench::new().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(bench.token("viewer", "default", "").await.token.unwrap());
        bench.clock.advance(Duration::from_millis(1));
    }
    let mut client = bench.tokens_as("admin");
    let mut request = v1::ListTokensRequest { page_size: 2, ..Default::default() };
    let first = client.list_tokens(request.clone()).await.unwrap().into_inner();
    request.page_token = first.next_page_token;
    let second = client.list_tokens(request).await.unwrap().into_inner();
    assert_eq!([first.tokens, second.tokens].concat(), made);
    assert!(second.next_page_token.is_empty());
    let mut other = bench.tokens_as("admin@other");
    let list = other.list_tokens(v1::ListTokensRequest::default()).await.unwrap_err();
    assert_eq!(reason(&list), "KEY_FORBIDDEN");
    let revoke = v1::RevokeTokenRequest { token_id: made[0].id.clone() };
    let revoke = other.revoke_token(revoke).await.unwrap_err();
    assert_eq!((reason(&revoke), metadata(&revoke, "token_id")), ("TOKEN_NOT_FOUND".to_owned(), made[0].id.clone()));
}

#[tokio::test]
async fn a_token_issues_no_tokens_and_a_token_for_one_webhook_needs_that_webhook() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    let admin = bench.token("admin", "default", "").await;
    let mut client = v1::access_service_client::AccessServiceClient::new(bench.channel_with(Some(&admin.secret)));
    let request = |namespace: &str, webhook_id: &str| v1::CreateTokenRequest {
        namespace: namespace.to_owned(),
        role: "viewer".to_owned(),
        display_name: "t".to_owned(),
        webhook_id: webhook_id.to_owned(),
        ..Default::default()
    };
    let refused = client.create_token(request("default", "")).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::PermissionDenied, "KEY_FORBIDDEN"));
    assert!(refused.message().contains("may not issue tokens"), "{}", refused.message());
    let elsewhere = bench.tokens_as("admin").create_token(request("other", &webhook)).await.unwrap_err();
    assert_eq!(reason(&elsewhere), "WEBHOOK_NOT_FOUND");
    let foreign = bench.tokens_as("admin@other").create_token(request("default", "")).await.unwrap_err();
    assert_eq!(reason(&foreign), "KEY_FORBIDDEN");
}

#[tokio::test]
async fn a_key_with_a_last_day_issues_no_token_beyond_it() {
    use tenterhook_api::access::{KeyRing, NewKey, Role, Scope};
    let bench = Bench::new().await;
    let made =
        NewKey::generate(Role::Admin, &Scope::Every, "", Some("2023-11-14"), &crate::canary::mark::Marking::Never);
    bench.access.replace(KeyRing::parse(&made.line).unwrap());
    let channel = bench.channel_with(Some(made.key.expose()));
    let mut client = v1::access_service_client::AccessServiceClient::new(channel);
    let request = |seconds| v1::CreateTokenRequest {
        role: "viewer".to_owned(),
        display_name: "t".to_owned(),
        lifetime: seconds,
        ..Default::default()
    };
    let long = Some(prost_types::Duration { seconds: 86_400, nanos: 0 });
    assert_eq!(fields(&client.create_token(request(long)).await.unwrap_err()), ["lifetime"]);
    let token = client.create_token(request(None)).await.unwrap().into_inner().token.unwrap();
    // The end of the day on which the tests begin.
    assert_eq!(token.expire_time.unwrap().seconds % 86_400, 0);
}

#[tokio::test(start_paused = true)]
async fn the_streams_of_a_revoked_token_end_at_once() {
    let bench = Bench::new().await;
    let viewer = bench.token("viewer", "default", "").await;
    let publisher = bench.token("publisher", "default", "").await;
    let mut watch = watch(&bench, &viewer.secret).await;
    let (sender, events) = tokio::sync::mpsc::channel(1);
    let mut client = EventServiceClient::new(bench.channel_with(Some(&publisher.secret)));
    let events = tokio_stream::wrappers::ReceiverStream::new(events);
    let mut acknowledged = client.stream_publish_events(events).await.unwrap().into_inner();
    let message = v1::StreamPublishEventsRequest { sequence: 1, event: Some(event("created")) };
    sender.send(message).await.unwrap();
    assert_eq!(acknowledged.message().await.unwrap().unwrap().sequence, 1);
    for token in [viewer, publisher] {
        revoke(&bench, &token.token.unwrap().id).await.unwrap();
    }
    let end = tokio::time::timeout(Duration::from_secs(5), acknowledged.message()).await.unwrap();
    assert_is_refused(&end.unwrap_err());
    // What happened before is sent, or not; then the watch ends.
    let end = loop {
        if let Err(end) = tokio::time::timeout(Duration::from_secs(5), watch.message()).await.unwrap() {
            break end;
        }
    };
    assert_is_refused(&end);
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_an_expired_token_ends_when_the_server_looks() {
    let bench = Bench::new().await;
    let made = bench.token("viewer", "default", "").await;
    let mut watch = watch(&bench, &made.secret).await;
    bench.clock.advance(limits::TOKEN_LIFETIME);
    bench.access.end_expired();
    let end = tokio::time::timeout(Duration::from_secs(5), watch.message()).await.unwrap();
    assert_is_refused(&end.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_watch_within_a_page_ends_for_a_revoked_token() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    let made = bench.token("viewer", "default", "").await;
    let mut watch = watch(&bench, &made.secret).await;
    let request = v1::BatchPublishEventsRequest { events: vec![event("created"); 250] };
    bench.events().batch_publish_events(request).await.unwrap();
    watch.message().await.unwrap().unwrap();
    revoke(&bench, &made.token.unwrap().id).await.unwrap();
    let mut sent = 0;
    while watch.message().await.is_ok() {
        sent += 1;
    }
    // The transport has packed some of them into a frame already.
    assert!(sent < 200, "{sent} of the changes that were read already went out");
}

#[tokio::test]
async fn who_sees_one_webhook_sees_nothing_of_another() {
    let bench = Bench::new().await;
    let (own, other) = (bench.webhook("own").await, bench.webhook("other").await);
    let made = bench.token("viewer", "default", &own).await;
    let channel = || bench.channel_with(Some(&made.secret));
    let mut watch = watch(&bench, &made.secret).await;
    bench.publish("created").await;
    let mut deliveries = DeliveryServiceClient::new(channel());
    let list = deliveries.list_deliveries(v1::ListDeliveriesRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.deliveries.iter().map(|one| &*one.webhook_id).collect::<Vec<_>>(), [&*own]);
    let filter = Some(v1::DeliveryFilter { webhook_ids: vec![other.clone()], ..Default::default() });
    let asked = v1::ListDeliveriesRequest { filter, ..Default::default() };
    assert!(deliveries.list_deliveries(asked).await.unwrap().into_inner().deliveries.is_empty());
    let stats = deliveries.get_delivery_stats(v1::GetDeliveryStatsRequest::default()).await.unwrap().into_inner();
    assert_eq!(stats.webhooks.iter().map(|one| &*one.webhook_id).collect::<Vec<_>>(), [&*own]);
    let mut webhooks = WebhookServiceClient::new(channel());
    let list = webhooks.list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.webhooks.iter().map(|one| &*one.id).collect::<Vec<_>>(), [&*own]);
    let by_name = v1::GetWebhookRequest { display_name: "other".to_owned(), ..Default::default() };
    assert_eq!(reason(&webhooks.get_webhook(by_name).await.unwrap_err()), "WEBHOOK_NOT_FOUND");
    let mut info = ServerServiceClient::new(channel());
    let namespaces = info.list_namespaces(v1::ListNamespacesRequest::default()).await.unwrap().into_inner();
    assert_eq!(namespaces.namespaces, [v1::NamespaceInfo { name: "default".to_owned(), webhook_count: 1 }]);
    let Some(Payload::Change(change)) = watch.message().await.unwrap().unwrap().payload else { panic!("a change") };
    assert_eq!(change.delivery.unwrap().webhook_id, own);
    bench.publish("created").await;
    let Some(Payload::Change(change)) = watch.message().await.unwrap().unwrap().payload else { panic!("a change") };
    assert_eq!(change.delivery.unwrap().webhook_id, own, "the change of the other webhook is left out");
}

#[tokio::test]
async fn whether_an_event_exists_is_hidden_from_who_may_not_preview() {
    use v1::render_preview_request::{Source, Target};
    let bench = Bench::new().await;
    let webhook = bench.webhook("own").await;
    let known = bench.publish("created").await;
    let made = bench.token("viewer", "default", &webhook).await;
    let mut webhooks = WebhookServiceClient::new(bench.channel_with(Some(&made.secret)));
    for event_id in [known, "unknown".to_owned()] {
        let (target, source) = (Some(Target::WebhookId(webhook.clone())), Some(Source::EventId(event_id)));
        let refused = webhooks.render_preview(v1::RenderPreviewRequest { target, source }).await.unwrap_err();
        assert_eq!(reason(&refused), "KEY_FORBIDDEN");
        assert!(refused.message().contains(&webhook), "{}", refused.message());
    }
}

#[tokio::test]
async fn a_namespace_has_so_many_tokens_and_no_more() {
    let bench = Bench::new().await;
    for _ in 0..limits::TOKENS_PER_NAMESPACE {
        bench.token("viewer", "default", "").await;
    }
    let request = v1::CreateTokenRequest {
        role: "viewer".to_owned(),
        display_name: "one too many".to_owned(),
        ..Default::default()
    };
    let refused = bench.tokens_as("admin").create_token(request).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::ResourceExhausted, "LIMIT_EXCEEDED"));
    bench.token("viewer", "other", "").await;
}

#[tokio::test]
async fn the_streams_of_a_token_go_no_further_than_its_namespace_and_its_role() {
    use tenterhook_proto::tenterhook::v1::store_service_client::StoreServiceClient;
    use tenterhook_proto::tenterhook::v1::stream_publish_events_response::Outcome;
    let bench = Bench::new().await;
    let webhook = bench.webhook("w").await;
    for role in ["admin", "viewer", "operator", "publisher"] {
        let made = bench.token(role, "default", "").await;
        let backup = StoreServiceClient::new(bench.channel_with(Some(&made.secret))).backup(v1::BackupRequest {}).await;
        assert_eq!(reason(&backup.err().unwrap()), "KEY_FORBIDDEN", "{role}: a backup is of every namespace");
    }
    for webhook_id in ["", &webhook] {
        let viewer = bench.token("viewer", "default", webhook_id).await;
        let mut deliveries = DeliveryServiceClient::new(bench.channel_with(Some(&viewer.secret)));
        let elsewhere = v1::WatchDeliveriesRequest { namespace: "other".to_owned(), ..Default::default() };
        assert_eq!(reason(&deliveries.watch_deliveries(elsewhere).await.err().unwrap()), "KEY_FORBIDDEN");
        let mut events = EventServiceClient::new(bench.channel_with(Some(&viewer.secret)));
        let refused = events.stream_publish_events(tokio_stream::empty()).await.err().unwrap();
        assert_eq!(reason(&refused), "KEY_FORBIDDEN");
    }
    let publisher = bench.token("publisher", "default", "").await;
    let mut events = EventServiceClient::new(bench.channel_with(Some(&publisher.secret)));
    let elsewhere = v1::Event { namespace: "other".to_owned(), ..event("created") };
    let sent = v1::StreamPublishEventsRequest { sequence: 1, event: Some(elsewhere) };
    let mut answers = events.stream_publish_events(tokio_stream::iter([sent])).await.unwrap().into_inner();
    let Some(Outcome::Error(error)) = answers.message().await.unwrap().unwrap().outcome else {
        panic!("it is refused")
    };
    assert_eq!(error.reason(), v1::ErrorReason::KeyForbidden);
}
