//! `tenterhook bench size`: what deliveries need on disk and in memory, while they wait and when they are finished, and
//! how soon a server is back on such a store.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tenterhook_listen::receiver::receive;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::{Style, Terminal};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::flight::Flights;
use super::load::{IN_FLIGHT, Load, Publishers, event, leave};
use super::progress;
use super::scenario::{CHANNELS, Scenario};
use super::server::{STORE, Server, connect};
use super::watch::{NOWHERE, pause_webhook};

/// When it is measured, in hundredths of all deliveries.
const STEPS: [u64; 5] = [1, 10, 25, 50, 100];
const MIB: f64 = 1_048_576.0;

/// What `tenterhook bench size` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct SizeArgs {
    /// Deliveries, each of an event of 1 KiB to one webhook
    #[arg(long, default_value_t = 1_000_000, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    deliveries: u64,
    /// The engine of the store
    #[arg(long, value_enum, default_value_t = Engine::Redb)]
    engine: Engine,
    /// Folder under which the stores are made, to choose the disk; they are removed at the end
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Prints JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Flags for the server, such as `-- --threads 2`
    #[arg(last = true, value_name = "SERVE FLAGS")]
    serve: Vec<String>,
}

/// An engine that keeps files.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Engine {
    Redb,
    Sled,
}

/// What deliveries are, when they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Delivered, and kept until retention ends.
    Finished,
    /// Of a paused webhook.
    Waiting,
}

/// What so many deliveries need.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Row {
    kind: Kind,
    deliveries: u64,
    disk_mib: f64,
    memory_mib: f64,
}

/// A server that was started on a store with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Restart {
    kind: Kind,
    seconds: f64,
    memory_mib: f64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
struct Sizes {
    rows: Vec<Row>,
    restarts: Vec<Restart>,
}

/// Measures and prints.
///
/// # Errors
/// When the server does not start or refuses an event.
pub(super) async fn run(args: &SizeArgs, terminal: Terminal) -> Result<()> {
    let mut sizes = Sizes::default();
    for kind in [Kind::Finished, Kind::Waiting] {
        measure(args, kind, &mut sizes).await?;
    }
    progress::show("");
    terminal.line(if args.json { serde_json::to_string_pretty(&sizes)? } else { sizes.table(terminal) });
    Ok(())
}

async fn measure(args: &SizeArgs, kind: Kind, sizes: &mut Sizes) -> Result<()> {
    let parent = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::tempdir_in(parent).context("cannot make a folder for the store")?;
    let server = start(args, folder.path()).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
    let receiver = listener.local_addr().context("the listener has no address")?;
    let (flights, end) = (Arc::new(Flights::new()), CancellationToken::new());
    let mut receiving = JoinSet::new();
    receiving.spawn(receive(listener, end.clone(), flights.clone()));
    let channels = connect(server.address, CHANNELS).await?;
    match kind {
        Kind::Finished => {
            let scenario = Scenario { load: Load::Closed(IN_FLIGHT), ..Scenario::new("size") };
            scenario.create_webhooks(channels[0].clone(), receiver).await?;
        }
        Kind::Waiting => {
            pause_webhook(channels[0].clone(), NOWHERE, &[]).await?;
        }
    }
    let publishers = Publishers { channels, webhooks: 1, keys: 0, flights };
    let mut made = 0;
    for step in STEPS {
        let upto = args.deliveries * step / 100;
        progress::show(&format!("{kind:?}: {made} of {} deliveries", args.deliveries));
        match kind {
            Kind::Finished => publishers.count(upto - made, IN_FLIGHT).await?,
            Kind::Waiting => leave(&publishers.channels, made..upto, event).await?,
        }
        made = upto;
        let memory_mib = server.usage()?.resident_mib;
        sizes.rows.push(Row { kind, deliveries: made, disk_mib: disk_mib(folder.path())?, memory_mib });
    }
    end.cancel();
    while receiving.join_next().await.is_some() {}
    drop(server);
    let began = Instant::now();
    let again = start(args, folder.path()).await?;
    let memory_mib = again.usage()?.resident_mib;
    sizes.restarts.push(Restart { kind, seconds: began.elapsed().as_secs_f64(), memory_mib });
    Ok(())
}

async fn start(args: &SizeArgs, folder: &Path) -> Result<Server> {
    let scheme = match args.engine {
        Engine::Redb => "redb",
        Engine::Sled => "sled",
    };
    let (store, flags) = (format!("{scheme}:{}", folder.join(STORE).display()), args.serve.clone());
    tokio::task::spawn_blocking(move || Server::start_on(&store, &flags)).await?
}

/// What the files in `folder` and below take, in MiB.
fn disk_mib(folder: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder).context("cannot read the folder of the store")? {
        let entry = entry.context("cannot read the folder of the store")?;
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { disk_mib(&entry.path())? * MIB } else { metadata.len() as f64 };
    }
    Ok(bytes / MIB)
}

impl Sizes {
    /// For people.
    fn table(&self, terminal: Terminal) -> String {
        let head =
            format!("{:<10}{:>12}{:>12}{:>16}{:>14}", "", "deliveries", "disk MiB", "bytes/delivery", "memory MiB");
        let mut lines = vec![String::new(), terminal.paint(Style::Bold, head)];
        for row in &self.rows {
            let each = row.disk_mib * MIB / row.deliveries.max(1) as f64;
            let kind = format!("{:?}", row.kind).to_lowercase();
            let memory = row.memory_mib;
            lines.push(format!("{kind:<10}{:>12}{:>12.0}{each:>16.0}{memory:>14.0}", row.deliveries, row.disk_mib));
        }
        lines.push(String::new());
        for Restart { kind, seconds, memory_mib } in &self.restarts {
            let kind = format!("{kind:?}").to_lowercase();
            lines.push(format!("Started on all {kind} deliveries in {seconds:.1} s with {memory_mib:.0} MiB."));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_figure() {
        let sizes = Sizes {
            rows: vec![Row { kind: Kind::Waiting, deliveries: 1_024, disk_mib: 2.0, memory_mib: 50.4 }],
            restarts: vec![Restart { kind: Kind::Waiting, seconds: 0.25, memory_mib: 33.0 }],
        };
        let text = sizes.table(Terminal::plain());
        assert!(text.contains("waiting           1024           2            2048            50"), "{text}");
        assert!(text.contains("Started on all waiting deliveries in 0.2 s with 33 MiB."), "{text}");
    }

    #[test]
    fn files_of_folders_below_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/b"), vec![0; 1_048_576]).unwrap();
        std::fs::write(folder.path().join("c"), vec![0; 524_288]).unwrap();
        assert_eq!(disk_mib(folder.path()).unwrap(), 1.5);
    }

    #[test]
    fn no_delivery_divides_nothing_and_both_kinds_are_named() {
        let row = |kind, deliveries| Row { kind, deliveries, disk_mib: 1.0, memory_mib: 2.0 };
        let sizes = Sizes { rows: vec![row(Kind::Finished, 0), row(Kind::Waiting, 1)], restarts: Vec::new() };
        let text = sizes.table(Terminal::plain());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["finished", "0", "1", "1048576", "2"]);
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["waiting", "1", "1", "1048576", "2"]);
        let json = serde_json::to_value(&sizes).unwrap();
        assert_eq!((&json["rows"][0]["kind"], &json["rows"][1]["kind"]), (&"finished".into(), &"waiting".into()));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_and_an_empty_one_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(disk_mib(folder.path()).unwrap(), 0.0);
        assert!(disk_mib(&folder.path().join("none")).is_err());
    }

    #[test]
    fn steps_rise_to_all_deliveries() {
        assert!(STEPS.windows(2).all(|pair| pair[0] < pair[1]) && STEPS[STEPS.len() - 1] == 100, "{STEPS:?}");
    }
}
