//! The client: the services of the API, and the comfortable way to the common calls.

use std::time::Duration;

use serde::Serialize;
use tonic::Code;

use crate::calls::{Calls, Identified, Once};
use crate::connection::{BuildError, Builder};
use crate::error::Error;
use crate::finite::Finite;
use crate::methods;
use crate::v1::access_service_client::AccessServiceClient;
use crate::v1::delivery_service_client::DeliveryServiceClient;
use crate::v1::event_service_client::EventServiceClient;
use crate::v1::server_service_client::ServerServiceClient;
use crate::v1::store_service_client::StoreServiceClient;
use crate::v1::webhook_service_client::WebhookServiceClient;
use crate::v1::{
    BatchPublishEventsRequest, CreateWebhookRequest, Delivery, Event, GetDeliveryRequest, GetServerInfoRequest,
    JsonDocument, PublishEventRequest, PublishResult, Webhook, json_document,
};

/// 64 MiB: a page of full deliveries may be larger than gRPC's default of 4 MiB.
const MAX_RECEIVE_BYTES: usize = 64 << 20;

/// Time for the one try of a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of one Tenterhook server. Cloning it is cheap and shares the connection.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) calls: Calls,
    namespace: String,
}

impl Client {
    /// A client of the server at `target`, `host:port` or a URL such as `https://hooks.example.com`. TLS is used unless the host is this
    /// machine or the target begins with `http://`. It connects at its first call, in the tokio
    /// runtime of that call.
    ///
    /// # Errors
    /// When the target is neither.
    pub fn new(target: &str) -> Result<Self, BuildError> {
        Self::builder(target).build()
    }

    /// A client with a key, certificates or other options.
    #[must_use]
    pub fn builder(target: &str) -> Builder {
        Builder::new(target)
    }

    pub(crate) fn with(calls: Calls, namespace: String) -> Self {
        Self { calls, namespace }
    }

    /// Ends the connection and everything on it, for all clones: calls, streams and watches fail
    /// with [`Kind::Closed`](crate::Kind::Closed), those in flight and later ones. Dropping the last
    /// clone and its watches ends the connection too.
    pub fn close(&self) {
        self.calls.close();
    }

    /// A client with the settings of the environment, see [`Builder::from_env`].
    ///
    /// # Errors
    /// [`BuildError`]; variables at fault are all named.
    pub fn from_env() -> Result<Self, BuildError> {
        Builder::from_env()?.build()
    }

    /// Returns `Ok` when the server can be reached and knows the key, without a second try: for the start of a
    /// program, and for its health check. It takes at most 5 seconds.
    ///
    /// # Errors
    /// [`Error`]: what is in the way.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut request = tonic::Request::new(GetServerInfoRequest {});
        request.set_timeout(PING_TIMEOUT);
        request.extensions_mut().insert(Once);
        match self.server().get_server_info(request).await {
            // A key that may only publish is known all the same.
            Err(status) if status.code() != Code::PermissionDenied => Err(status.into()),
            _ => Ok(()),
        }
    }

    /// Every method of the access service.
    #[must_use]
    pub fn access(&self) -> AccessServiceClient<Calls> {
        AccessServiceClient::new(self.calls.clone()).max_decoding_message_size(MAX_RECEIVE_BYTES)
    }

    /// Every method of the webhook service.
    #[must_use]
    pub fn webhooks(&self) -> WebhookServiceClient<Calls> {
        WebhookServiceClient::new(self.calls.clone()).max_decoding_message_size(MAX_RECEIVE_BYTES)
    }

    /// Every method of the event service.
    #[must_use]
    pub fn events(&self) -> EventServiceClient<Calls> {
        EventServiceClient::new(self.calls.clone()).max_decoding_message_size(MAX_RECEIVE_BYTES)
    }

    /// Every method of the delivery service.
    #[must_use]
    pub fn deliveries(&self) -> DeliveryServiceClient<Calls> {
        DeliveryServiceClient::new(self.calls.clone()).max_decoding_message_size(MAX_RECEIVE_BYTES)
    }

    /// Every method of the server service.
    #[must_use]
    pub fn server(&self) -> ServerServiceClient<Calls> {
        ServerServiceClient::new(self.calls.clone()).max_decoding_message_size(MAX_RECEIVE_BYTES)
    }

    /// Every method of the store service.
    #[must_use]
    pub fn store(&self) -> StoreServiceClient<Calls> {
        StoreServiceClient::new(self.calls.clone()).max_decoding_message_size(MAX_RECEIVE_BYTES)
    }

    /// Publishes one event. When this returns `Ok` the event is on the server's disk. An event
    /// without an id gets one here, so that a retry makes no second event.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn publish(&self, event: Event) -> Result<PublishResult, Error> {
        let request = PublishEventRequest { event: Some(self.complete(event)) };
        let response = self.events().publish_event(Identified::mark(request)).await?;
        Ok(response.into_inner().result.unwrap_or_default())
    }

    /// Publishes up to 1,000 events, all or none, in order.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn publish_batch(&self, events: impl IntoIterator<Item = Event>) -> Result<Vec<PublishResult>, Error> {
        let events = events.into_iter().map(|event| self.complete(event)).collect();
        let request = Identified::mark(BatchPublishEventsRequest { events });
        Ok(self.events().batch_publish_events(request).await?.into_inner().results)
    }

    /// Makes a webhook and returns it with its signing secret, which is told only here. With an
    /// empty secret the server makes one if the webhook asks for signatures.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn create_webhook(&self, mut webhook: Webhook, signing_secret: &str) -> Result<(Webhook, String), Error> {
        self.scope(&mut webhook.namespace);
        let request = CreateWebhookRequest {
            webhook: Some(webhook),
            signing_secret: signing_secret.to_owned(),
            ..Default::default()
        };
        let response = self.webhooks().create_webhook(request).await?.into_inner();
        Ok((response.webhook.unwrap_or_default(), response.signing_secret))
    }

    /// One delivery with all its attempts.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn get_delivery(&self, delivery_id: &str) -> Result<Delivery, Error> {
        let request = GetDeliveryRequest { delivery_id: delivery_id.to_owned(), ..Default::default() };
        let response = self.deliveries().get_delivery(request).await?.into_inner();
        Ok(response.delivery.unwrap_or_default())
    }

    /// The event with an id, and with the client's namespace if it has none.
    pub(crate) fn complete(&self, mut event: Event) -> Event {
        methods::identify_event(&mut event);
        self.scope(&mut event.namespace);
        event
    }

    pub(crate) fn scope(&self, namespace: &mut String) {
        if namespace.is_empty() {
            namespace.clone_from(&self.namespace);
        }
    }
}

/// A JSON value as the API takes it, for an event's data or the conditions of a rule.
///
/// # Errors
/// When the value cannot be JSON: a map whose keys are no text, NaN or an infinity. (The macro `serde_json::json!` makes
/// `null` of those before they come here.)
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<JsonDocument, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    if text.contains("null") {
        value.serialize(Finite)?;
    }
    Ok(JsonDocument { value: Some(json_document::Value::Json(text)) })
}
