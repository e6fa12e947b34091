//! `tenterhook bench steady`: whether latency stays what it is for an hour, while retention removes what was delivered,
//! the log is folded and counts are kept.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use tenterhook_listen::receiver::receive;
use tenterhook_server::config::value;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::{Style, Terminal};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::flight::Flights;
use super::load::{Load, Publishers};
use super::progress;
use super::report::median;
use super::scenario::{CHANNELS, Scenario};
use super::server::{Server, connect};

/// How many times the median of the parts' p99 the highest of them may be.
const GOAL: f64 = 5.0;

/// What `tenterhook bench steady` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct SteadyArgs {
    /// How long it is measured, such as 1h
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = value::duration)]
    length: Duration,
    /// Parts of that time; each has its own latencies
    #[arg(long, default_value_t = 60, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    parts: u16,
    /// Events a second
    #[arg(long, default_value_t = 2_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long the server keeps what was delivered: much less than the length, so that it removes as much as it takes
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = value::duration)]
    retention: Duration,
    /// Folder under which the store is made, to choose the disk; it is removed at the end
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Prints JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Flags for the server, such as `-- --threads 2`
    #[arg(last = true, value_name = "SERVE FLAGS")]
    serve: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Steady {
    /// Events a second.
    pub(super) rate: u32,
    /// Seconds of a part.
    pub(super) part_seconds: f64,
    /// The parts, in their order.
    pub(super) parts: Vec<Part>,
}

/// Latencies of a part: from when an event was due to be published to the arrival of its request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) arrived: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) slowest_ms: f64,
    /// What the server holds at its end.
    pub(super) memory_mib: f64,
}

/// Measures and prints.
///
/// # Errors
/// When the server does not start, refuses an event or loses one.
pub(super) async fn run(args: &SteadyArgs, terminal: Terminal) -> Result<()> {
    let parent = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let store = tempfile::tempdir_in(parent).context("cannot make a folder for the store")?;
    let mut flags = vec!["--retention".to_owned(), value::show_duration(args.retention)];
    flags.extend_from_slice(&args.serve);
    let folder = store.path().to_owned();
    let server = tokio::task::spawn_blocking(move || Server::start(&folder, &flags)).await??;
    let steady = measure(args, &server).await?;
    progress::show("");
    terminal.line(if args.json { serde_json::to_string_pretty(&steady)? } else { steady.table(terminal) });
    Ok(())
}

async fn measure(args: &SteadyArgs, server: &Server) -> Result<Steady> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
    let receiver = listener.local_addr().context("the listener has no address")?;
    let (flights, end) = (Arc::new(Flights::new()), CancellationToken::new());
    let mut receiving = JoinSet::new();
    receiving.spawn(receive(listener, end.clone(), flights.clone()));
    let channels = connect(server.address, CHANNELS).await?;
    Scenario::new("steady").create_webhooks(channels[0].clone(), receiver).await?;
    let publishers = Publishers { channels, webhooks: 1, keys: 0, flights: flights.clone() };

    let part = args.length / u32::from(args.parts);
    let (mut parts, mut publishing) = (Vec::new(), JoinSet::new());
    let load = Load::Open(args.rate);
    publishing.spawn({
        let (publishers, length) = (publishers.clone(), args.length);
        async move { publishers.measure(load, length).await }
    });
    let mut ends = interval(part);
    ends.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once.
    ends.tick().await;
    while parts.len() < usize::from(args.parts) {
        progress::show(&format!("part {} of {}", parts.len() + 1, args.parts));
        tokio::select! {
            ended = publishing.join_next(), if !publishing.is_empty() => {
                ended.context("there is a task")?.context("the publishers broke")??;
            }
            _ = ends.tick() => {}
        }
        let told = flights.arrival.take();
        let memory_mib = server.usage()?.resident_mib;
        parts.push(Part {
            arrived: told.count(),
            p50_ms: told.quantile_ms(0.5),
            p99_ms: told.quantile_ms(0.99),
            slowest_ms: told.quantile_ms(1.0),
            memory_mib,
        });
    }
    assert_eq!(parts.len(), usize::from(args.parts), "every part was measured");
    while let Some(ended) = publishing.join_next().await {
        ended.context("the publishers broke")??;
    }
    end.cancel();
    while receiving.join_next().await.is_some() {}
    let strays = flights.strays.load(Ordering::Relaxed);
    ensure!(strays == 0, "{strays} requests arrived twice");
    Ok(Steady { rate: args.rate, part_seconds: part.as_secs_f64(), parts })
}

impl Steady {
    /// How many times the median of the parts' p99 the highest of them is.
    fn peak(&self) -> f64 {
        let each: Vec<f64> = self.parts.iter().map(|part| part.p99_ms).collect();
        let highest = each.iter().copied().fold(0.0, f64::max);
        highest / median(each).max(f64::MIN_POSITIVE)
    }

    /// For people.
    fn table(&self, terminal: Terminal) -> String {
        let head = format!(
            "{:>12}{:>12}{:>10}{:>10}{:>12}{:>12}",
            "after s", "arrived", "p50 ms", "p99 ms", "slowest ms", "memory MiB"
        );
        let mut lines = vec![String::new(), terminal.paint(Style::Bold, head)];
        for (number, part) in self.parts.iter().enumerate() {
            let after = self.part_seconds * (number + 1) as f64;
            lines.push(format!(
                "{after:>12.0}{:>12}{:>10.1}{:>10.1}{:>12.1}{:>12.0}",
                part.arrived, part.p50_ms, part.p99_ms, part.slowest_ms, part.memory_mib
            ));
        }
        lines.push(String::new());
        lines.push(format!(
            "The highest p99 is {:.1} times the median of all; the goal is at most {GOAL}.",
            self.peak()
        ));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(p99_ms: f64) -> Part {
        Part { arrived: 1_000, p50_ms: 1.0, p99_ms, slowest_ms: 50.0, memory_mib: 40.0 }
    }

    #[test]
    fn a_peak_is_told_by_the_median_of_the_parts() {
        let steady = Steady { rate: 100, part_seconds: 10.0, parts: [4.0, 3.0, 12.0, 4.0, 5.0].map(part).to_vec() };
        assert_eq!(steady.peak(), 3.0);
        let table = steady.table(Terminal::plain());
        assert!(table.contains("          30        1000       1.0      12.0        50.0          40"), "{table}");
        assert!(table.ends_with("The highest p99 is 3.0 times the median of all; the goal is at most 5."), "{table}");
    }

    #[test]
    fn nothing_has_no_peak() {
        assert_eq!(Steady { rate: 1, part_seconds: 1.0, parts: Vec::new() }.peak(), 0.0);
    }
}
