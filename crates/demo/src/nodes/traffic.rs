//! Publishers and watches, one of each on every node. What a node cannot answer is asked again: of the same one
//! while it is there, of the next when it is not.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_request::Start;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateWebhookRequest, DeliveryState, Event, PublishEventRequest, RequestTemplate, SignatureScheme, SigningPolicy,
    WatchDeliveriesRequest, WatchPosition, Webhook,
};
use tenterhook_server::failure::InWords;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::tally::Tally;

/// Pause of a publisher between two events, so that a person can follow.
const PACE: Duration = Duration::from_millis(100);
/// Pause before a call is made again.
const AGAIN: Duration = Duration::from_millis(200);
/// Time for a connection and for an answer.
const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);

/// Connects to a node.
async fn connect(address: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).context("the node has no address")?;
    endpoint.connect_timeout(CONNECT).connect().await.context("the node is not there")
}

/// Makes a webhook for everything, by the node at `address`.
pub(super) async fn make_webhook(address: &str, receiver: &str) -> Result<()> {
    let request = RequestTemplate { url: format!("http://{receiver}/"), ..RequestTemplate::default() };
    // The scheme that names the event in a header.
    let schemes = vec![SignatureScheme::StandardWebhooks.into()];
    let webhook = Webhook {
        display_name: "everything".to_owned(),
        request: Some(request),
        signing: Some(SigningPolicy { schemes, ..SigningPolicy::default() }),
        ..Webhook::default()
    };
    let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
    let created = WebhookServiceClient::new(connect(address).await?).create_webhook(request).await;
    created.map(drop).context("the webhook was refused")
}

/// Publishes events with an ordering key of their own until `stop`, beginning on the node with this number.
pub(super) async fn publish(number: usize, addresses: Arc<[String]>, tally: Arc<Tally>, stop: CancellationToken) {
    let (mut node, mut client) = (number, None);
    let key = format!("key-{}", number + 1);
    for event in 0.. {
        let id = format!("{key}-{event:05}");
        while !publish_once(&id, &key, &addresses[node % addresses.len()], &mut client).await {
            if client.is_none() {
                node += 1;
            }
            tally.waits(number);
            sleep(AGAIN).await;
        }
        tally.acknowledged(number, id);
        // What was begun is finished first.
        tokio::select! { biased;
            () = stop.cancelled() => return,
            () = sleep(PACE) => {}
        }
    }
}

/// Whether a node acknowledges an event; without a client afterwards, the node is not there.
async fn publish_once(id: &str, key: &str, address: &str, client: &mut Option<EventServiceClient<Channel>>) -> bool {
    if client.is_none() {
        *client = connect(address).await.ok().map(EventServiceClient::new);
    }
    let Some(connected) = client else { return false };
    let event = Event {
        id: id.to_owned(),
        r#type: "demo.counted".to_owned(),
        ordering_key: key.to_owned(),
        ..Event::default()
    };
    let published = timeout(ANSWER, connected.publish_event(PublishEventRequest { event: Some(event) })).await;
    match published {
        Ok(Ok(_)) => true,
        // A node that is there says so itself when none has the database.
        Ok(Err(status)) if is_of_a_node(&status) => false,
        Ok(Err(_)) | Err(_) => {
            *client = None;
            false
        }
    }
}

/// Whether a status was made by a node, and not by a connection that broke.
fn is_of_a_node(status: &Status) -> bool {
    status.code() == Code::Unavailable && !status.details().is_empty()
}

/// Watches from the beginning until `end`, first on the node with this number; from each node that is lost, it goes
/// to the next with its last token.
pub(super) async fn watch(number: usize, addresses: Arc<[String]>, tally: Arc<Tally>, end: CancellationToken) {
    let mut start = Start::Position(WatchPosition::Earliest.into());
    for node in number.. {
        tokio::select! { biased;
            () = end.cancelled() => return,
            () = watch_on(&addresses[node % addresses.len()], number, &mut start, &tally) => {}
        }
        tokio::select! { biased;
            () = end.cancelled() => return,
            () = sleep(AGAIN) => {}
        }
    }
}

/// Watches on one node until it is lost.
async fn watch_on(address: &str, number: usize, start: &mut Start, tally: &Tally) {
    let Ok(channel) = connect(address).await else { return };
    let request = WatchDeliveriesRequest { start: Some(start.clone()), ..WatchDeliveriesRequest::default() };
    let mut client = DeliveryServiceClient::new(channel);
    let Ok(Ok(stream)) = timeout(ANSWER, client.watch_deliveries(request)).await else { return };
    let mut stream = stream.into_inner();
    while let Ok(Some(message)) = stream.message().await {
        *start = Start::ResumeToken(message.resume_token);
        if let Some(Payload::Change(change)) = message.payload {
            let delivery = change.delivery.unwrap_or_default();
            let has_succeeded = delivery.state() == DeliveryState::Succeeded;
            tally.changed(number, (delivery.id, delivery.state, delivery.attempt_count), has_succeeded);
        }
    }
}
