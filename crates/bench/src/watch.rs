//! `tenterhook bench watch`: how soon a crowd of watchers sees each change, while some of them
//! never read.
//!
//! A paused webhook makes one change of each event, so that the rate of changes is that of the
//! publishers. The time is taken from when an event was due to be published, which is before its
//! commit, to when a watcher has its change in hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateWebhookRequest, DeliveryFilter, Event, EventRule, PauseWebhookRequest, PublishEventRequest, RequestTemplate,
    WatchDeliveriesRequest, WatchDeliveriesResponse, Webhook,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tonic::Streaming;
use tonic::transport::Channel;

use super::histogram::Histogram;
use super::server::{Server, connect};
use tenterhook_server::config::value;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::{Style, Terminal};

/// Watchers that share one connection.
pub(super) const WATCHERS_PER_CONNECTION: usize = 10;
/// Where nobody listens.
pub(super) const NOWHERE: &str = "http://127.0.0.1:9/";
/// Pause between two looks at the clock: the timer's own resolution.
const TICK: Duration = Duration::from_millis(1);
/// Time for the last changes to be seen.
const TAIL: Duration = Duration::from_secs(30);

/// What `tenterhook bench watch` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct WatchArgs {
    /// Watchers of all changes
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    watchers: u16,
    /// How many of them never read
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    stalled: u16,
    /// Changes a second
    #[arg(long, default_value_t = 1_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long it is measured, such as 10s
    #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = value::duration)]
    length: Duration,
    /// Folder under which the store is made, to choose the disk; it is removed at the end
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Prints JSON instead of lines
    #[arg(long)]
    json: bool,
    /// Flags for the server, such as `-- --threads 2`
    #[arg(last = true, value_name = "SERVE FLAGS")]
    serve: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Figures {
    changes_per_second: f64,
    seen_p50_ms: f64,
    seen_p99_ms: f64,
    seen_max_ms: f64,
    /// CPU seconds of the server for each second.
    server_cpu: f64,
    /// What the peak of the server's memory rose by, for each watcher.
    mib_per_watcher: f64,
}

/// When each event was due, and when its change was seen.
struct Seen {
    due: Vec<AtomicU64>,
    begin: Instant,
    after: Histogram,
    measuring: AtomicBool,
}

impl Seen {
    fn note_due(&self, number: usize, due: Instant) {
        let micros = due.saturating_duration_since(self.begin).as_micros();
        self.due[number].store(micros as u64, Ordering::Release);
    }

    fn note_seen(&self, number: usize) {
        let due = Duration::from_micros(self.due[number].load(Ordering::Acquire));
        if self.measuring.load(Ordering::Relaxed) {
            self.after.record(self.begin.elapsed().saturating_sub(due));
        }
    }
}

/// Measures and prints.
///
/// # Errors
/// When the server does not start, refuses an event, or a watcher misses a change.
pub(super) async fn run(args: &WatchArgs, terminal: Terminal) -> Result<()> {
    ensure!(args.stalled < args.watchers, "--stalled must be below --watchers");
    let parent = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let store = tempfile::tempdir_in(parent).context("cannot make a folder for the store")?;
    let (folder, flags) = (store.path().to_owned(), args.serve.clone());
    let server = tokio::task::spawn_blocking(move || Server::start(&folder, &flags)).await??;
    let figures = measure(args, &server).await?;
    terminal.line(if args.json { serde_json::to_string_pretty(&figures)? } else { lines(args, figures, terminal) });
    Ok(())
}

async fn measure(args: &WatchArgs, server: &Server) -> Result<Figures> {
    let publisher = connect(server.address, 1).await?.remove(0);
    pause_webhook(publisher.clone(), NOWHERE, &[]).await?;
    let count = (args.length.as_secs_f64() * f64::from(args.rate)) as usize;
    let seen = Arc::new(Seen {
        due: (0..2 * count).map(|_| AtomicU64::new(0)).collect(),
        begin: Instant::now(),
        after: Histogram::new(),
        measuring: AtomicBool::new(false),
    });
    // Once without anybody who watches, for what the changes themselves cost.
    publish(&publisher, args.rate, 0..count, &seen).await?;
    let before = server.usage()?;

    let (mut readers, mut stalled) = (JoinSet::new(), Vec::new());
    let mut channel = publisher.clone();
    for number in 0..usize::from(args.watchers) {
        if number % WATCHERS_PER_CONNECTION == 0 {
            channel = connect(server.address, 1).await?.remove(0);
        }
        let watch = watch(&channel, DeliveryFilter::default()).await?;
        // Those that never read share connections with those that do.
        if number % WATCHERS_PER_CONNECTION == 0 && stalled.len() < usize::from(args.stalled) {
            stalled.push(watch);
        } else {
            readers.spawn(read(watch, count, Arc::clone(&seen)));
        }
    }
    let reading = readers.len();
    seen.measuring.store(true, Ordering::Relaxed);
    let began = Instant::now();
    publish(&publisher, args.rate, count..2 * count, &seen).await?;
    let took = began.elapsed();
    let all = async {
        while let Some(ended) = readers.join_next().await {
            ended.context("a watcher broke")??;
        }
        Ok::<_, anyhow::Error>(())
    };
    timeout(TAIL, all).await.context("watchers did not see everything in time")??;
    let after = server.usage()?;
    ensure!(seen.after.count() == (count * reading) as u64, "a watcher has missed a change");
    Ok(Figures {
        changes_per_second: count as f64 / took.as_secs_f64(),
        seen_p50_ms: seen.after.quantile_ms(0.5),
        seen_p99_ms: seen.after.quantile_ms(0.99),
        seen_max_ms: seen.after.quantile_ms(1.0),
        server_cpu: (after.cpu_seconds - before.cpu_seconds) / began.elapsed().as_secs_f64(),
        mib_per_watcher: (after.peak_mib - before.peak_mib) / f64::from(args.watchers),
    })
}

/// Makes a webhook for events of these object types (all, if there are none) whose deliveries wait; returns its id.
pub(super) async fn pause_webhook(channel: Channel, url: &str, object_types: &[&str]) -> Result<String> {
    let mut client = WebhookServiceClient::new(channel);
    let request = RequestTemplate { url: url.to_owned(), ..RequestTemplate::default() };
    let object_types = object_types.iter().map(|text| (*text).to_owned()).collect();
    let rules = vec![EventRule { object_types, ..EventRule::default() }];
    let webhook = Webhook { display_name: "paused".to_owned(), rules, request: Some(request), ..Webhook::default() };
    let create = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
    let made = client.create_webhook(create).await.context("the webhook was refused")?.into_inner();
    let webhook_id = made.webhook.context("the response has no webhook")?.id;
    let reason = "its deliveries wait".to_owned();
    let pause = PauseWebhookRequest { webhook_id: webhook_id.clone(), reason, ..PauseWebhookRequest::default() };
    client.pause_webhook(pause).await.context("the webhook was not paused")?;
    Ok(webhook_id)
}

/// Opens a watch of deliveries, up to its first bookmark: no change is missed from then on.
pub(super) async fn watch(channel: &Channel, filter: DeliveryFilter) -> Result<Streaming<WatchDeliveriesResponse>> {
    let request = WatchDeliveriesRequest { filter: Some(filter), ..WatchDeliveriesRequest::default() };
    let opened = DeliveryServiceClient::new(channel.clone()).watch_deliveries(request).await;
    let mut watch = opened.context("a watch was refused")?.into_inner();
    watch.message().await.context("a watch broke")?.context("a watch ended")?;
    Ok(watch)
}

/// Reads until `count` changes were seen.
async fn read(mut watch: Streaming<WatchDeliveriesResponse>, count: usize, seen: Arc<Seen>) -> Result<()> {
    let mut changes = 0;
    while changes < count {
        let message = watch.message().await.context("a watch broke")?.context("a watch ended")?;
        if let Some(Payload::Change(change)) = message.payload {
            let event = change.delivery.context("a change has no delivery")?.event_id;
            seen.note_seen(event.parse().context("an event of someone else's")?);
            changes += 1;
        }
    }
    Ok(())
}

/// Publishes the events of these numbers, each at its time whatever became of those before.
async fn publish(channel: &Channel, rate: u32, numbers: std::ops::Range<usize>, seen: &Arc<Seen>) -> Result<()> {
    let interval = Duration::from_secs(1) / rate;
    let (mut due, mut tasks) = (Instant::now(), JoinSet::new());
    for number in numbers {
        while due > Instant::now() {
            sleep(TICK).await;
        }
        seen.note_due(number, due);
        due += interval;
        let mut client = EventServiceClient::new(channel.clone());
        let event = Event { id: number.to_string(), r#type: "changed".to_owned(), ..Event::default() };
        tasks.spawn(async move { client.publish_event(PublishEventRequest { event: Some(event) }).await });
        while let Some(ended) = tasks.try_join_next() {
            ended.context("a publisher broke")?.context("PublishEvent was refused")?;
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a publisher broke")?.context("PublishEvent was refused")?;
    }
    Ok(())
}

/// For people.
fn lines(args: &WatchArgs, figures: Figures, terminal: Terminal) -> String {
    let head = format!("{} watchers, {} of which never read", args.watchers, args.stalled);
    let note = "From when an event was due to be published, redb with real fsync, to when a watcher had its change; the server in \
                a process of its own, all watchers in this one.";
    [
        terminal.paint(Style::Bold, head),
        format!("{:>10.0}     changes/s, of {} asked for", figures.changes_per_second, args.rate),
        format!(
            "{:>10.1} ms  seen p50; p99 {:.1} ms, the slowest {:.1} ms",
            figures.seen_p50_ms, figures.seen_p99_ms, figures.seen_max_ms
        ),
        format!("{:>10.2}     CPUs of the server", figures.server_cpu),
        format!("{:>10.2} MiB rise of the server's peak memory for each watcher", figures.mib_per_watcher),
        terminal.paint(Style::Dim, note),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_tell_every_figure() {
        let figures = Figures {
            changes_per_second: 999.6,
            seen_p50_ms: 1.25,
            seen_p99_ms: 20.0,
            seen_max_ms: 30.0,
            server_cpu: 0.5,
            mib_per_watcher: 0.25,
        };
        let args = WatchArgs {
            watchers: 100,
            stalled: 10,
            rate: 1_000,
            length: Duration::from_secs(1),
            folder: None,
            json: false,
            serve: Vec::new(),
        };
        let text = lines(&args, figures, Terminal::plain());
        for part in ["100 watchers, 10 of which", "1000     changes/s", "p99 20.0 ms", "0.50     CPUs", "0.25 MiB"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
