//! One measurement: a fresh server, webhooks, load, and what came of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateWebhookRequest, RequestTemplate, SignatureScheme, SigningPolicy, Webhook,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::flight::Flights;
use super::load::{Load, Publishers};
use super::server::Server;
use tenterhook_listen::receiver::receive;
use tenterhook_server::failure::InWords;

/// Connections of the publishers.
const CHANNELS: usize = 2;
/// A body with a loop and `tojson`, the event's id first.
pub(super) const BODY: &str = r#"{"id": {{ event_id | tojson }}, "object": "{{ model }}", "by": {{ username | tojson }}, "tags": [{% for tag in data.tags %}{{ tag.name | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}], "data": {{ data | tojson }}}"#;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scenario {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// How events are published.
    pub(super) load: Load,
    /// Webhooks that match every event.
    pub(super) webhooks: usize,
}

/// The scenarios, in the order of the table.
pub(super) const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "64 in flight, 1 webhook", load: Load::Closed(64), webhooks: 1 },
    Scenario { name: "64 in flight, 10 webhooks", load: Load::Closed(64), webhooks: 10 },
    Scenario { name: "150 a second, 1 webhook", load: Load::Open(150), webhooks: 1 },
    Scenario { name: "1,000 a second, 1 webhook", load: Load::Open(1_000), webhooks: 1 },
];

/// What a run of a scenario gave.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(super) struct Figures {
    /// Requests that arrived, a second.
    pub(super) delivered_per_second: f64,
    /// Half of the publishes were answered within this many milliseconds.
    pub(super) publish_p50_ms: f64,
    /// 99 of 100 publishes were.
    pub(super) publish_p99_ms: f64,
    /// Half of the requests arrived within this many milliseconds of the publish.
    pub(super) arrival_p50_ms: f64,
    /// 99 of 100 requests did.
    pub(super) arrival_p99_ms: f64,
    /// CPU seconds of the server for 10,000 deliveries.
    pub(super) cpu_seconds_per_10k: f64,
    /// The most memory the server held, in MiB.
    pub(super) peak_mib: f64,
}

impl Figures {
    /// The median of each figure by itself.
    pub(super) fn median(runs: &[Self]) -> Self {
        let median = |of: fn(&Self) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        Self {
            delivered_per_second: median(|run| run.delivered_per_second),
            publish_p50_ms: median(|run| run.publish_p50_ms),
            publish_p99_ms: median(|run| run.publish_p99_ms),
            arrival_p50_ms: median(|run| run.arrival_p50_ms),
            arrival_p99_ms: median(|run| run.arrival_p99_ms),
            cpu_seconds_per_10k: median(|run| run.cpu_seconds_per_10k),
            peak_mib: median(|run| run.peak_mib),
        }
    }
}

/// How a scenario is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    /// The folder under which stores are made.
    pub(super) folder: &'a Path,
    /// Flags for the server besides its own.
    pub(super) flags: &'a [String],
    /// How long it is not measured at first.
    pub(super) warm_up: Duration,
    /// How long it is measured.
    pub(super) length: Duration,
}

impl Scenario {
    /// Runs the scenario once, on a fresh server and store.
    pub(super) async fn run(self, setting: Setting<'_>) -> Result<Figures> {
        let store = tempfile::tempdir_in(setting.folder).context("cannot make a folder for the store")?;
        let (folder, flags) = (store.path().to_owned(), setting.flags.to_vec());
        let server = tokio::task::spawn_blocking(move || Server::start(&folder, &flags)).await??;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
        let receiver = listener.local_addr().context("the listener has no address")?;
        let (flights, end) = (Arc::new(Flights::new()), CancellationToken::new());
        let mut receiving = JoinSet::new();
        receiving.spawn(receive(listener, end.clone(), flights.clone()));

        let channels = connect(server.address).await?;
        self.create_webhooks(channels[0].clone(), receiver).await?;
        let publishers = Publishers { channels, webhooks: self.webhooks, flights: flights.clone() };
        publishers.run(self.load, setting.warm_up).await.map_err(|error| error.context("while warming up"))?;
        let before = server.usage()?;
        let took = publishers.measure(self.load, setting.length).await?;
        let after = server.usage()?;

        end.cancel();
        while receiving.join_next().await.is_some() {}
        let arrived = flights.arrival.count();
        let strays = flights.strays.load(Ordering::Relaxed);
        anyhow::ensure!(strays == 0, "{strays} requests arrived twice");
        Ok(Figures {
            delivered_per_second: arrived as f64 / took.as_secs_f64(),
            publish_p50_ms: flights.publish.quantile_ms(0.5),
            publish_p99_ms: flights.publish.quantile_ms(0.99),
            arrival_p50_ms: flights.arrival.quantile_ms(0.5),
            arrival_p99_ms: flights.arrival.quantile_ms(0.99),
            cpu_seconds_per_10k: (after.cpu_seconds - before.cpu_seconds) * 1e4 / (arrived.max(1) as f64),
            peak_mib: after.peak_mib,
        })
    }

    pub(super) async fn create_webhooks(self, channel: Channel, receiver: SocketAddr) -> Result<()> {
        let mut client = WebhookServiceClient::new(channel);
        for number in 0..self.webhooks {
            let url = format!("http://{receiver}/{number}");
            let request = RequestTemplate { url, body: BODY.to_owned(), ..RequestTemplate::default() };
            let webhook = Webhook {
                display_name: format!("receiver {number}"),
                request: Some(request),
                signing: Some(SigningPolicy { schemes: vec![SignatureScheme::Netbox.into()], ..Default::default() }),
                ..Webhook::default()
            };
            let request = CreateWebhookRequest {
                webhook: Some(webhook),
                signing_secret: "a secret of the benchmark".to_owned(),
                ..CreateWebhookRequest::default()
            };
            client.create_webhook(request).await.context("a webhook was refused")?;
        }
        Ok(())
    }
}

pub(super) async fn connect(server: SocketAddr) -> Result<Vec<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://{server}")).context("the server has no address")?;
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        channels.push(endpoint.clone().tcp_nodelay(true).connect().await.context("cannot connect to the server")?);
    }
    Ok(channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_taken_of_each_figure_by_itself() {
        let run = |delivered_per_second, peak_mib| Figures { delivered_per_second, peak_mib, ..Figures::default() };
        let median = Figures::median(&[run(1.0, 30.0), run(3.0, 10.0), run(2.0, 20.0)]);
        assert_eq!((median.delivered_per_second, median.peak_mib), (2.0, 20.0));
        assert_eq!(Figures::median(&[]), Figures::default());
    }
}
