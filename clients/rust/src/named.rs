//! Every method of the API that is no stream, by its name.

use crate::client::Client;
use crate::error::Error;
#[allow(clippy::wildcard_imports, reason = "every request and response")]
use crate::v1::*;

/// Writes a method of [`Client`] for each method of a service, that fails with the client's own error.
macro_rules! methods {
    ($($(#[$doc:meta])* $service:ident.$method:ident($request:ty) -> $response:ty;)*) => {
        /// The methods that the client has no way of its own for. A request is sent as it is, so it names the namespace
        /// where it needs one; `client.webhooks()` and its like take a [`Request`](crate::Request) with a timeout.
        impl Client {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error`], as every call.
                pub async fn $method(&self, request: $request) -> Result<$response, Error> {
                    Ok(self.$service().$method(request).await?.into_inner())
                }
            )*
        }
    };
}

methods! {
    /// Issues a token and returns its secret, this once.
    access.create_token(CreateTokenRequest) -> CreateTokenResponse;

    /// Returns the tokens of a namespace that have not expired, the oldest first, a page at a time.
    access.list_tokens(ListTokensRequest) -> ListTokensResponse;

    /// Ends a token: the next call with it is refused, and its open streams end within 5 seconds.
    access.revoke_token(RevokeTokenRequest) -> RevokeTokenResponse;

    /// Makes a delivery due now, whatever its state but in flight, and lets it go before the others of its webhook.
    deliveries.retry_delivery(RetryDeliveryRequest) -> RetryDeliveryResponse;

    /// Makes the deliveries that match due now.
    deliveries.batch_retry_deliveries(BatchRetryDeliveriesRequest) -> BatchRetryDeliveriesResponse;

    /// Stops a delivery that is not final.
    deliveries.cancel_delivery(CancelDeliveryRequest) -> CancelDeliveryResponse;

    /// Cancels every delivery that matches.
    deliveries.batch_cancel_deliveries(BatchCancelDeliveriesRequest) -> BatchCancelDeliveriesResponse;

    /// Counts deliveries over a time.
    deliveries.get_delivery_stats(GetDeliveryStatsRequest) -> GetDeliveryStatsResponse;

    /// Returns one event.
    events.get_event(GetEventRequest) -> GetEventResponse;

    /// Returns for every webhook of the namespace whether it receives an event and why, oldest webhook first.
    events.explain_event(ExplainEventRequest) -> ExplainEventResponse;

    /// Makes new deliveries of past events for one webhook.
    events.replay_events(ReplayEventsRequest) -> ReplayEventsResponse;

    /// Returns the server's version, limits and settings, and who the caller is.
    server.get_server_info(GetServerInfoRequest) -> GetServerInfoResponse;

    /// Returns the namespaces that hold webhooks or events and that the caller may see, a page at a time: the
    /// shortest names first, names of one length in alphabetical order.
    server.list_namespaces(ListNamespacesRequest) -> ListNamespacesResponse;

    /// Returns one webhook.
    webhooks.get_webhook(GetWebhookRequest) -> GetWebhookResponse;

    /// Changes the fields that the mask names.
    webhooks.update_webhook(UpdateWebhookRequest) -> UpdateWebhookResponse;

    /// Removes a webhook and cancels its open deliveries.
    webhooks.delete_webhook(DeleteWebhookRequest) -> DeleteWebhookResponse;

    /// Stops sending.
    webhooks.pause_webhook(PauseWebhookRequest) -> PauseWebhookResponse;

    /// Sends again, what queued up first.
    webhooks.resume_webhook(ResumeWebhookRequest) -> ResumeWebhookResponse;

    /// Makes a new key.
    webhooks.rotate_signing_key(RotateSigningKeyRequest) -> RotateSigningKeyResponse;

    /// Stops a key at once.
    webhooks.revoke_signing_key(RevokeSigningKeyRequest) -> RevokeSigningKeyResponse;

    /// Tells what would be sent, and sends nothing.
    webhooks.render_preview(RenderPreviewRequest) -> RenderPreviewResponse;

    /// Sends one request now and returns how it went.
    webhooks.test_webhook(TestWebhookRequest) -> TestWebhookResponse;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    /// What the client has in another way.
    const OTHERS: [&str; 7] = [
        "batch_publish_events",
        "create_webhook",
        "get_delivery",
        "list_deliveries",
        "list_events",
        "list_webhooks",
        "publish_event",
    ];

    fn snake(name: &str) -> String {
        let mut made = String::new();
        for (at, letter) in name.char_indices() {
            if letter.is_uppercase() && at > 0 {
                made.push('_');
            }
            made.extend(letter.to_lowercase());
        }
        made
    }

    #[test]
    fn every_method_that_is_no_stream_is_there() {
        let set = FileDescriptorSet::decode(crate::DESCRIPTORS).unwrap();
        let methods = set.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
        let unary = methods.filter(|method| !method.client_streaming() && !method.server_streaming());
        let wanted: BTreeSet<String> = unary.map(|method| snake(method.name())).collect();
        let written = include_str!("named.rs");
        let missing: Vec<_> = wanted
            .iter()
            .filter(|name| !OTHERS.contains(&name.as_str()) && !written.contains(&format!(".{name}(")))
            .collect();
        assert!(missing.is_empty() && wanted.len() >= 29, "{missing:?} of {}", wanted.len());
    }

    #[test]
    fn comments_hold_sentences_and_no_code_of_another_language() {
        let comments = include_str!("named.rs").lines().filter(|line| line.trim_start().starts_with("///"));
        let strange: Vec<_> = comments.filter(|line| line.contains(['@', '*'])).collect();
        assert!(strange.is_empty(), "{strange:#?}");
    }
}
