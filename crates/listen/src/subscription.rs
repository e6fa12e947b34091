//! `listen --server`: a webhook that sends every event of a server to this receiver while it listens.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use tenterhook_model::Secret;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateWebhookRequest, DeleteWebhookRequest, ListWebhooksRequest, RequestTemplate, SignatureScheme, SigningPolicy,
    Webhook,
};
use tenterhook_server::failure::InWords;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// Time for each call; a server on this machine takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// The label by which the webhook of an earlier run is found; its value is the port.
const LABEL: &str = "tenterhook-listen";

/// The webhook of one run.
#[derive(Debug)]
pub(crate) struct Subscription {
    client: WebhookServiceClient<Channel>,
    id: String,
    /// What its requests are signed with.
    pub(crate) secret: Secret,
}

impl Subscription {
    /// Creates the webhook at `server`, an `http://` URL, for the receiver at `receiver`. A webhook that an
    /// earlier run on the same port left there is deleted first.
    ///
    /// # Errors
    /// When there is no server, or it refuses the webhook.
    pub(crate) async fn begin(server: &str, receiver: SocketAddr) -> Result<Self> {
        let endpoint = Endpoint::from_shared(server.to_owned()).map_err(|_| anyhow!("`{server}` is not a URL"))?;
        let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await;
        let channel =
            channel.map_err(|_| anyhow!("no server responds at {server}; `tenterhook serve --dev` starts one"))?;
        let mut client = WebhookServiceClient::new(channel);
        let labels = BTreeMap::from([(LABEL.to_owned(), receiver.port().to_string())]);
        let earlier = ListWebhooksRequest { labels: labels.clone(), ..ListWebhooksRequest::default() };
        let earlier = client.list_webhooks(earlier).await.map_err(refused)?.into_inner().webhooks;
        for webhook in earlier {
            delete(&mut client, webhook.id).await?;
        }
        let webhook = webhook(from_here(receiver), labels);
        let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
        let created = client.create_webhook(request).await.map_err(refused)?.into_inner();
        let webhook = created.webhook.context("the response has no webhook")?;
        Ok(Self { client, id: webhook.id, secret: Secret::new(created.signing_secret) })
    }

    /// Deletes the webhook.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub(crate) async fn end(mut self) -> Result<()> {
        delete(&mut self.client, self.id).await
    }
}

/// Takes every event, with the default body and both usual signatures.
fn webhook(receiver: SocketAddr, labels: BTreeMap<String, String>) -> Webhook {
    let schemes = vec![SignatureScheme::Netbox.into(), SignatureScheme::StandardWebhooks.into()];
    Webhook {
        display_name: format!("tenterhook listen on port {}", receiver.port()),
        request: Some(RequestTemplate { url: format!("http://{receiver}/"), ..RequestTemplate::default() }),
        signing: Some(SigningPolicy { schemes, ..Default::default() }),
        labels,
        ..Webhook::default()
    }
}

/// Where a server on this machine reaches a receiver: on loopback if it takes every address.
fn from_here(receiver: SocketAddr) -> SocketAddr {
    let ip = match receiver.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, receiver.port())
}

async fn delete(client: &mut WebhookServiceClient<Channel>, webhook_id: String) -> Result<()> {
    let request = DeleteWebhookRequest { webhook_id, allow_missing: true, ..DeleteWebhookRequest::default() };
    client.delete_webhook(request).await.map(|_| ()).map_err(refused)
}

/// What the server says of a call that failed.
fn refused(status: Status) -> anyhow::Error {
    match status.code() {
        tonic::Code::Unauthenticated => anyhow!("the server wants a key; --server is for servers with --dev"),
        tonic::Code::Unavailable | tonic::Code::DeadlineExceeded => anyhow!("the server did not respond"),
        _ => anyhow!("the server refused: {}", status.message()),
    }
}

/// Reads the URL of a server: `http://` and an address.
pub(crate) fn server(text: &str) -> Result<String, String> {
    let check = || -> Result<()> {
        let url = url::Url::parse(text)?;
        if url.scheme() != "http" || url.host_str().is_none() || url.path() != "/" {
            bail!("not a server");
        }
        Ok(())
    };
    check().map_err(|_| format!("`{text}` is not a server's URL; write it like http://127.0.0.1:50051"))?;
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_on_every_address_is_reached_on_loopback() {
        for (receiver, expected) in
            [("0.0.0.0:9000", "127.0.0.1:9000"), ("[::]:1", "[::1]:1"), ("10.0.0.1:2", "10.0.0.1:2")]
        {
            assert_eq!(from_here(receiver.parse().unwrap()), expected.parse().unwrap());
        }
    }

    #[test]
    fn a_server_is_an_http_url_without_a_path() {
        assert_eq!(server("http://127.0.0.1:50051/").unwrap(), "http://127.0.0.1:50051");
        for wrong in ["127.0.0.1:50051", "https://hooks.example.com", "http://a/b", "http:/"] {
            assert!(server(wrong).unwrap_err().contains("http://127.0.0.1:50051"), "{wrong}");
        }
    }

    #[test]
    fn a_webhook_takes_every_event_signed_in_both_usual_ways() {
        let labels = BTreeMap::from([(LABEL.to_owned(), "9000".to_owned())]);
        let webhook = webhook("[::1]:9000".parse().unwrap(), labels.clone());
        assert_eq!(webhook.request.unwrap().url, "http://[::1]:9000/");
        assert_eq!((webhook.rules.len(), webhook.labels), (0, labels));
        let schemes: Vec<i32> = vec![SignatureScheme::Netbox.into(), SignatureScheme::StandardWebhooks.into()];
        assert_eq!(webhook.signing.unwrap().schemes, schemes);
        assert_eq!(webhook.display_name, "tenterhook listen on port 9000");
    }

    #[test]
    fn a_server_that_refuses_is_told_apart_from_one_that_is_gone() {
        for (status, said) in [
            (Status::unauthenticated("x"), "the server wants a key; --server is for servers with --dev"),
            (Status::unavailable("x"), "the server did not respond"),
            (Status::deadline_exceeded("x"), "the server did not respond"),
            (Status::resource_exhausted("10,000 webhooks"), "the server refused: 10,000 webhooks"),
        ] {
            assert_eq!(refused(status).to_string(), said);
        }
    }

    #[test]
    fn a_server_may_have_any_host_and_no_more_than_that() {
        for right in ["http://localhost:1", "http://[::1]:50051", "http://hooks.example.com"] {
            assert_eq!(server(right).as_deref(), Ok(right));
        }
        for wrong in ["", "http://", "ftp://a", "http://a:99999", "a", "HTTP"] {
            assert!(server(wrong).unwrap_err().starts_with(&format!("`{wrong}` is not")), "{wrong}");
        }
    }
}
