//! Scenarios of growth: the same load while there is much of something else. What a delivery costs must stay what it is
//! without.

use std::net::SocketAddr;
use std::ops::Range;

use anyhow::Result;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateWebhookRequest, DeliveryFilter, Event, EventRule, RequestTemplate, ResumeWebhookRequest, Webhook,
};
use tenterhook_server::failure::InWords;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::load::{Publishers, event, leave};
use super::server::connect;
use super::watch::{NOWHERE, WATCHERS_PER_CONNECTION, pause_webhook, watch};

/// Calls at once while things are made.
const AT_ONCE: usize = 64;
/// The number of the first event that waits; those that are measured begin at 0.
const FIRST_QUEUED: u64 = 1 << 40;
/// The object type of events that wait.
const QUEUED: &str = "bench.queued";
/// Object types of webhooks that do not match.
const OTHER_TYPES: u64 = 1_000;

/// What there is much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grown {
    /// Only what is measured.
    Nothing,
    /// Webhooks whose rules match no event.
    Webhooks(u64),
    /// Deliveries that waited for another webhook, which drains them meanwhile.
    Queued(u64),
    /// Deliveries that are kept.
    Finished(u64),
    /// Watchers of a webhook to which nothing is sent.
    Watchers(u64),
    /// Ordering keys that the events share in turn.
    Keys(u64),
}

impl Grown {
    /// Ordering keys of the events; 0 if they have none.
    pub(super) fn keys(self) -> u64 {
        if let Self::Keys(keys) = self { keys } else { 0 }
    }

    /// Makes what must be there before the webhooks that are measured.
    pub(super) async fn before(self, channels: &[Channel], receiver: SocketAddr) -> Result<()> {
        match self {
            Self::Webhooks(count) => make_webhooks(&channels[0], 0..count).await,
            Self::Queued(count) => {
                let webhook_id = pause_webhook(channels[0].clone(), &format!("http://{receiver}/"), &[QUEUED]).await?;
                let queued = |number| Event { object_type: QUEUED.to_owned(), ..event(number) };
                leave(channels, FIRST_QUEUED..FIRST_QUEUED + count, queued).await?;
                let mut client = WebhookServiceClient::new(channels[0].clone());
                let resume = ResumeWebhookRequest { webhook_id, ..ResumeWebhookRequest::default() };
                client.resume_webhook(resume).await.context("the webhook was not resumed")?;
                Ok(())
            }
            Self::Nothing | Self::Finished(_) | Self::Watchers(_) | Self::Keys(_) => Ok(()),
        }
    }

    /// Makes the rest; watchers go on until they are dropped.
    pub(super) async fn after(self, publishers: &Publishers, server: SocketAddr) -> Result<JoinSet<()>> {
        let mut watchers = JoinSet::new();
        match self {
            Self::Finished(count) => publishers.count(count, AT_ONCE).await?,
            Self::Watchers(count) => {
                let mut channel = publishers.channels[0].clone();
                let webhook = pause_webhook(channel.clone(), NOWHERE, &["bench.watched"]).await?;
                for number in 0..count {
                    if number % WATCHERS_PER_CONNECTION as u64 == 0 {
                        channel = connect(server, 1).await?.remove(0);
                    }
                    let filter = DeliveryFilter { webhook_ids: vec![webhook.clone()], ..DeliveryFilter::default() };
                    let mut watch = watch(&channel, filter).await?;
                    watchers.spawn(async move { while let Ok(Some(_)) = watch.message().await {} });
                }
            }
            Self::Nothing | Self::Webhooks(_) | Self::Queued(_) | Self::Keys(_) => {}
        }
        Ok(watchers)
    }
}

/// Makes webhooks for object types that no event has.
async fn make_webhooks(channel: &Channel, numbers: Range<u64>) -> Result<()> {
    let mut tasks = JoinSet::<Result<_, tonic::Status>>::new();
    for number in numbers {
        if tasks.len() >= AT_ONCE {
            let ended = tasks.join_next().await.context("there are tasks")?;
            ended.context("a call broke")?.context("a webhook was refused")?;
        }
        let object_types = vec![format!("bench.other{}", number % OTHER_TYPES)];
        let webhook = Webhook {
            display_name: format!("other {number}"),
            rules: vec![EventRule { object_types, ..EventRule::default() }],
            request: Some(RequestTemplate { url: NOWHERE.to_owned(), ..RequestTemplate::default() }),
            ..Webhook::default()
        };
        let mut client = WebhookServiceClient::new(channel.clone());
        let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
        tasks.spawn(async move { client.create_webhook(request).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a call broke")?.context("a webhook was refused")?;
    }
    Ok(())
}
