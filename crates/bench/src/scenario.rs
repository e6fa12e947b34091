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
    CreateWebhookRequest, RateLimit, RequestTemplate, SignatureScheme, SigningPolicy, TransportPolicy, Webhook,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::flight::Flights;
use super::growth::Grown;
use super::load::{Load, Publishers};
use super::schema;
use super::secure::{CERTIFICATE, Over};
use super::server::{Server, connect};
use tenterhook_listen::receiver::receive_within;
use tenterhook_server::failure::InWords;
use tenterhook_server::http::Bounds;

/// Connections of the publishers.
pub(super) const CHANNELS: usize = 2;
/// A body with a loop and `tojson`, the event's id first.
pub(super) const BODY: &str = r#"{"id": {{ event_id | tojson }}, "object": "{{ model }}", "by": {{ username | tojson }}, "tags": [{% for tag in data.tags %}{{ tag.name | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}], "data": {{ data | tojson }}}"#;

/// The secret that signs.
pub(super) const SECRET: &str = "a secret of the benchmark";

/// How long a slow receiver takes for each request.
const SLOW: Duration = Duration::from_millis(100);
/// Connections that the receiver takes at once: one for each request in flight, and some.
pub(super) const CONNECTIONS: usize = 4_096;

/// With the ten that match, as many webhooks as a namespace holds.
const OTHER_WEBHOOKS: u64 = 9_990;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scenario {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// How events are published.
    pub(super) load: Load,
    /// Webhooks that match every event.
    pub(super) webhooks: usize,
    /// How long the receiver takes for each request.
    pub(super) delay: Duration,
    /// How requests reach the receiver.
    pub(super) over: Over,
    /// What there is besides what is measured.
    pub(super) grown: Grown,
}

impl Scenario {
    /// One webhook, 64 events in flight, a receiver that answers at once.
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            load: Load::Closed(64),
            webhooks: 1,
            delay: Duration::ZERO,
            over: Over::Plain,
            grown: Grown::Nothing,
        }
    }
}

/// The scenarios, in the order of the table.
pub(super) const SCENARIOS: [Scenario; 11] = [
    Scenario::new("64 in flight, 1 webhook"),
    Scenario { webhooks: 10, ..Scenario::new("64 in flight, 10 webhooks") },
    Scenario { load: Load::Open(150), ..Scenario::new("150 a second, 1 webhook") },
    Scenario { load: Load::Open(1_000), ..Scenario::new("1,000 a second, 1 webhook") },
    Scenario { load: Load::Batches { in_flight: 4, size: 500 }, ..Scenario::new("4 batches of 500") },
    Scenario { load: Load::Streams { streams: 4, window: 64 }, ..Scenario::new("4 streams, 64 in flight") },
    Scenario { over: Over::Https, ..Scenario::new("HTTPS, 1 webhook") },
    Scenario { over: Over::Https, webhooks: 10, ..Scenario::new("HTTPS, 10 webhooks") },
    Scenario { over: Over::Http2, ..Scenario::new("HTTP/2, 1 webhook") },
    Scenario { over: Over::Http2, webhooks: 10, ..Scenario::new("HTTP/2, 10 webhooks") },
    Scenario { load: Load::Closed(2_000), delay: SLOW, ..Scenario::new("2,000 in flight, 100 ms") },
];

/// The scenarios of growth, at so many hundredths of their size.
pub(super) fn growth(percent: u32) -> [Scenario; 5] {
    let of = |full: u64| (full * u64::from(percent) / 100).max(1);
    let others = of(OTHER_WEBHOOKS).min(OTHER_WEBHOOKS);
    [
        Scenario { grown: Grown::Webhooks(others), webhooks: 10, ..Scenario::new("other webhooks") },
        Scenario { grown: Grown::Queued(of(1_000_000)), ..Scenario::new("a queue that drains") },
        Scenario { grown: Grown::Finished(of(1_000_000)), ..Scenario::new("finished deliveries") },
        Scenario { grown: Grown::Watchers(of(1_000)), ..Scenario::new("watchers of another") },
        Scenario { grown: Grown::Keys(of(100_000)), ..Scenario::new("ordering keys") },
    ]
}

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
    /// The database in which the server has a schema, instead of a store in the folder.
    pub(super) database: Option<&'a str>,
    /// Flags for the server besides its own.
    pub(super) flags: &'a [String],
    /// How long it is not measured at first.
    pub(super) warm_up: Duration,
    /// How long it is measured.
    pub(super) length: Duration,
}

/// Which server is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// `tenterhook serve`.
    Tenterhook,
    /// The bare pipeline.
    Yardstick,
}

impl Scenario {
    /// Runs the scenario once, on a fresh server and store.
    pub(super) async fn run(self, setting: Setting<'_>, candidate: Candidate) -> Result<Figures> {
        match setting.database {
            Some(database) if candidate == Candidate::Tenterhook => {
                let run = async |store: &str| self.run_on(Some(store), setting, candidate).await;
                schema::with_own(database, run).await
            }
            _ => self.run_on(None, setting, candidate).await,
        }
    }

    async fn run_on(self, store: Option<&str>, setting: Setting<'_>, candidate: Candidate) -> Result<Figures> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
        let receiver = listener.local_addr().context("the listener has no address")?;
        let (flights, end) = (Arc::new(Flights::answering_after(self.delay)), CancellationToken::new());
        let mut receiving = JoinSet::new();
        let bounds = Bounds { connections: CONNECTIONS, tls: self.over.server()?, ..Bounds::RECEIVER };
        receiving.spawn(receive_within(vec![listener], bounds, end.clone(), flights.clone()));

        let folder = tempfile::tempdir_in(setting.folder).context("cannot make a folder for the store")?;
        let server = match candidate {
            Candidate::Tenterhook => self.start(store, folder.path(), setting.flags).await?,
            Candidate::Yardstick => self.start_yardstick(folder.path(), receiver).await?,
        };
        let channels = connect(server.address, CHANNELS).await?;
        let publishers =
            Publishers { channels, webhooks: self.webhooks, keys: self.grown.keys(), flights: flights.clone() };
        if candidate == Candidate::Tenterhook {
            self.grown.before(&publishers.channels, receiver).await?;
            self.create_webhooks(publishers.channels[0].clone(), receiver).await?;
        }
        let _watchers = self.grown.after(&publishers, server.address).await?;
        publishers.run(self.load, setting.warm_up).await.map_err(|error| error.context("while warming up"))?;
        let before = server.usage()?;
        let took = publishers.measure(self.load, setting.length).await?;
        let after = server.usage()?;

        end.cancel();
        while receiving.join_next().await.is_some() {}
        let arrived = flights.arrival.count() + flights.drained.load(Ordering::Relaxed);
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

    /// Requests that one webhook may have in flight, where the server's default is too low for the scenario.
    fn in_flight(self) -> Option<usize> {
        match self.load {
            Load::Closed(events) if !self.delay.is_zero() => Some(events),
            _ => None,
        }
    }

    async fn start(self, database: Option<&str>, folder: &Path, more: &[String]) -> Result<Server> {
        let mut flags = Vec::new();
        if let Some(in_flight) = self.in_flight() {
            flags.extend(["--max-in-flight".to_owned(), (in_flight * self.webhooks).to_string()]);
        }
        if database.is_some() {
            let key = schema::write_sealing_key(folder)?;
            flags.extend(["--sealing-key-file".to_owned(), key.display().to_string()]);
        }
        flags.extend_from_slice(more);
        let (database, folder) = (database.map(str::to_owned), folder.to_owned());
        let start = move || match database {
            Some(database) => Server::start_on(&database, &flags),
            None => Server::start(&folder, &flags),
        };
        tokio::task::spawn_blocking(start).await.context("the server was not started")?
    }

    async fn start_yardstick(self, folder: &Path, receiver: SocketAddr) -> Result<Server> {
        let folder = folder.to_owned();
        let start = move || Server::start_yardstick(&folder, receiver, self.webhooks, self.over);
        tokio::task::spawn_blocking(start).await.context("the yardstick was not started")?
    }

    pub(super) async fn create_webhooks(self, channel: Channel, receiver: SocketAddr) -> Result<()> {
        let mut client = WebhookServiceClient::new(channel);
        let max_in_flight = i32::try_from(self.in_flight().unwrap_or(0)).context("too many in flight")?;
        for number in 0..self.webhooks {
            let url = format!("{}://{receiver}/{number}", self.over.scheme());
            let request = RequestTemplate { url, body: BODY.to_owned(), ..RequestTemplate::default() };
            let ca_certificates_pem = if self.over == Over::Plain { "" } else { CERTIFICATE }.to_owned();
            let webhook = Webhook {
                display_name: format!("receiver {number}"),
                transport: Some(TransportPolicy { ca_certificates_pem, ..TransportPolicy::default() }),
                rate_limit: Some(RateLimit { max_in_flight, ..RateLimit::default() }),
                request: Some(request),
                signing: Some(SigningPolicy { schemes: vec![SignatureScheme::Netbox.into()], ..Default::default() }),
                ..Webhook::default()
            };
            let request = CreateWebhookRequest {
                webhook: Some(webhook),
                signing_secret: SECRET.to_owned(),
                ..CreateWebhookRequest::default()
            };
            client.create_webhook(request).await.context("a webhook was refused")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_scaled_within_what_a_namespace_holds() {
        let grown = |percent| growth(percent).map(|scenario| scenario.grown);
        assert_eq!(grown(1)[..2], [Grown::Webhooks(99), Grown::Queued(10_000)]);
        assert_eq!(grown(1_000)[..2], [Grown::Webhooks(9_990), Grown::Queued(10_000_000)]);
    }

    #[test]
    fn the_median_is_taken_of_each_figure_by_itself() {
        let run = |delivered_per_second, peak_mib| Figures { delivered_per_second, peak_mib, ..Figures::default() };
        let median = Figures::median(&[run(1.0, 30.0), run(3.0, 10.0), run(2.0, 20.0)]);
        assert_eq!((median.delivered_per_second, median.peak_mib), (2.0, 20.0));
        assert_eq!(Figures::median(&[]), Figures::default());
    }

    #[test]
    fn every_scenario_can_be_asked_for_by_its_name() {
        let mut names: Vec<&str> = SCENARIOS.iter().chain(&growth(100)).map(|scenario| scenario.name).collect();
        assert!(names.iter().all(|name| name.len() <= 26), "{names:?} fit into their column");
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "no name is there twice");
    }

    #[test]
    fn a_name_says_what_is_measured() {
        for scenario in SCENARIOS {
            let webhooks = if scenario.name.contains("10 webhooks") { 10 } else { 1 };
            let over = match scenario.name {
                name if name.starts_with("HTTPS") => Over::Https,
                name if name.starts_with("HTTP/2") => Over::Http2,
                _ => Over::Plain,
            };
            assert_eq!(
                (scenario.webhooks, scenario.over, scenario.grown),
                (webhooks, over, Grown::Nothing),
                "{}",
                scenario.name
            );
            assert_eq!(scenario.delay.is_zero(), !scenario.name.contains("100 ms"), "{}", scenario.name);
        }
    }

    #[test]
    fn only_slow_receivers_need_more_requests_in_flight() {
        assert_eq!(Scenario::new("a").in_flight(), None);
        let slow = Scenario { load: Load::Closed(2_000), delay: SLOW, ..Scenario::new("a") };
        assert_eq!(slow.in_flight(), Some(2_000));
        assert_eq!(Scenario { load: Load::Open(150), ..slow }.in_flight(), None);
    }

    #[test]
    fn growth_is_never_nothing_and_webhooks_end_at_the_limit() {
        let sizes = |percent| {
            growth(percent).map(|scenario| match scenario.grown {
                Grown::Webhooks(count)
                | Grown::Queued(count)
                | Grown::Finished(count)
                | Grown::Watchers(count)
                | Grown::Keys(count) => count,
                Grown::Nothing => 0,
            })
        };
        assert_eq!(sizes(0), [1, 1, 1, 1, 1]);
        assert_eq!(sizes(100), [9_990, 1_000_000, 1_000_000, 1_000, 100_000]);
        assert_eq!(sizes(101)[0], 9_990);
        assert_eq!(growth(1).map(|scenario| scenario.grown.keys()), [0, 0, 0, 0, 1_000]);
    }

    #[test]
    fn every_figure_has_its_median() {
        let figures = |value| Figures {
            delivered_per_second: value,
            publish_p50_ms: value + 1.0,
            publish_p99_ms: value + 2.0,
            arrival_p50_ms: value + 3.0,
            arrival_p99_ms: value + 4.0,
            cpu_seconds_per_10k: value + 5.0,
            peak_mib: value + 6.0,
        };
        assert_eq!(Figures::median(&[figures(30.0), figures(10.0), figures(20.0)]), figures(20.0));
    }
}
