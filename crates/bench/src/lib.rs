//! `tenterhook bench`: how fast publish to receiver is on this machine.
//!
//! The server runs in a child process on a fresh store with real fsync; publishers and the
//! receiver run in this one. The ceilings of the machine are measured in the same run.

mod ceiling;
mod flight;
mod gathered;
mod growth;
mod histogram;
mod load;
mod micro;
mod nodes;
mod plot;
mod progress;
mod report;
mod scenario;
mod schema;
mod secure;
mod server;
mod size;
mod steady;
mod watch;
mod yardstick;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use clap::{Args, Subcommand};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use flight::Flights;
use growth::Grown;
use report::{Ceilings, Pair, Report, Row, median};
use scenario::{Candidate, SCENARIOS, Scenario, Setting};
use tenterhook_listen::receiver::receive;
use tenterhook_server::config::value;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::Terminal;

/// Connections of the bare client, as many as events are in flight.
const RAW_CONNECTIONS: usize = 64;

/// What `tenterhook bench` is told.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    part: Option<Part>,
    /// Runs of each scenario; the table has the median of each figure
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// How long each run is measured, such as 5s
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = value::duration)]
    length: Duration,
    /// How long each run goes before it is measured
    #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = value::duration)]
    warm_up: Duration,
    /// Folder under which the stores are made, to choose the disk; they are removed at the end
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Database for the server, postgres://USER@HOST/DATABASE, instead of a redb store; each run makes a schema there and
    /// removes it
    #[arg(long, value_name = "URL", conflicts_with = "folder")]
    store: Option<String>,
    /// Runs only scenarios whose name contains this, such as `10 webhooks`
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Runs the bare pipeline before each run, and shows how the server compares with it
    #[arg(long, conflicts_with = "growth")]
    yardstick: bool,
    /// Runs the scenarios of growth instead, at this percentage of their size, such as 1 for a short run; each is
    /// compared with the idle server right before
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    growth: Option<u32>,
    /// Prints JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Flags for the server, such as `-- --threads 2`
    #[arg(last = true, value_name = "SERVE FLAGS")]
    serve: Vec<String>,
}

/// A benchmark of a part.
#[derive(Debug, Clone, Subcommand)]
enum Part {
    /// What the parts of the hot path cost by themselves, on one thread
    Micro {
        /// Prints JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// How soon a crowd of watchers sees each change, while some of them never read
    Watch(watch::WatchArgs),
    /// How much more several nodes on one PostgreSQL deliver while receivers are slow
    Nodes(nodes::NodesArgs),
    /// What deliveries need on disk and in memory, while they wait and when they are finished
    Size(size::SizeArgs),
    /// Whether latency stays what it is for an hour, while retention removes what was delivered
    Steady(steady::SteadyArgs),
    /// Draws what was measured, and printed as JSON, as a picture in SVG
    Plot(plot::PlotArgs),
    /// The process of the yardstick
    #[command(hide = true)]
    Yardstick(yardstick::YardstickArgs),
}

/// Runs the benchmark.
///
/// # Errors
/// When the server does not start, refuses an event or loses one.
pub async fn run(args: BenchArgs, terminal: Terminal) -> Result<()> {
    match &args.part {
        Some(Part::Micro { json }) => return micro::run(*json, terminal).await,
        Some(Part::Watch(args)) => return watch::run(args, terminal).await,
        Some(Part::Nodes(args)) => return nodes::run(args, terminal).await,
        Some(Part::Size(args)) => return size::run(args, terminal).await,
        Some(Part::Steady(args)) => return steady::run(args, terminal).await,
        Some(Part::Plot(args)) => return plot::run(args, terminal),
        Some(Part::Yardstick(args)) => return yardstick::run(args, terminal).await,
        None => {}
    }
    let folder = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let database = args.store.as_deref();
    database.map(schema::check).transpose()?;
    let setting = Setting { folder: &folder, database, flags: &args.serve, warm_up: args.warm_up, length: args.length };
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    let mut ceilings = Vec::new();
    let chosen: Vec<Scenario> = match args.growth {
        Some(percent) => scenario::growth(percent).to_vec(),
        None => SCENARIOS.to_vec(),
    };
    let chosen: Vec<Scenario> = chosen.into_iter().filter(|scenario| wanted(scenario.name)).collect();
    anyhow::ensure!(!chosen.is_empty(), "no scenario has `{}` in its name", args.only.unwrap_or_default());
    let mut runs: Vec<Vec<Pair>> = vec![Vec::new(); chosen.len()];
    for run in 1..=args.runs {
        progress::show(&format!("run {run} of {}: ceilings", args.runs));
        ceilings.push(measure_ceilings(setting).await?);
        for (scenario, pairs) in chosen.iter().zip(&mut runs) {
            let title = format!("run {run} of {}: {}", args.runs, scenario.name);
            pairs.push(measure_pair(*scenario, setting, args.yardstick, &title).await?);
        }
    }
    progress::show("");
    let names = chosen.iter().map(|scenario| scenario.name);
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        runs: usize::from(args.runs),
        store: if database.is_some() { "PostgreSQL" } else { "redb" },
        compared_with: if args.growth.is_some() { "nothing else" } else { "yardstick" },
        ceilings: Ceilings {
            raw_posts_per_second: median(ceilings.iter().map(|c| c.raw_posts_per_second).collect()),
            fsyncs_per_second: median(ceilings.iter().map(|c| c.fsyncs_per_second).collect()),
        },
        scenarios: names.zip(&runs).map(|(name, pairs)| Row::of(name, pairs)).collect(),
    };
    terminal.line(if args.json { report.json() } else { report.table(terminal) });
    Ok(())
}

/// One run of a scenario, with one of what it is compared with right before it.
async fn measure_pair(scenario: Scenario, setting: Setting<'_>, yardstick: bool, title: &str) -> Result<Pair> {
    let failed = |error: anyhow::Error| error.context(format!("in `{}`", scenario.name));
    let mut pair = Pair::default();
    if yardstick {
        progress::show(&format!("{title}, yardstick"));
        pair.base = Some(scenario.run(setting, Candidate::Yardstick).await.map_err(failed)?);
    } else if scenario.grown != Grown::Nothing {
        progress::show(&format!("{title}, with nothing else"));
        let small = Scenario { grown: Grown::Nothing, ..scenario };
        pair.base = Some(small.run(setting, Candidate::Tenterhook).await.map_err(failed)?);
    }
    progress::show(title);
    pair.server = scenario.run(setting, Candidate::Tenterhook).await.map_err(failed)?;
    Ok(pair)
}

async fn measure_ceilings(setting: Setting<'_>) -> Result<Ceilings> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
    let receiver = listener.local_addr().context("the listener has no address")?;
    let end = CancellationToken::new();
    let mut receiving = JoinSet::new();
    receiving.spawn(receive(listener, end.clone(), Arc::new(Flights::new())));
    let body = Bytes::from(load::data());
    let raw_posts_per_second = ceiling::posts_per_second(receiver, RAW_CONNECTIONS, body, setting.length).await?;
    end.cancel();
    while receiving.join_next().await.is_some() {}

    let folder = tempfile::tempdir_in(setting.folder).context("cannot make a folder")?;
    let length = setting.length.min(Duration::from_secs(1));
    let fsyncs = tokio::task::spawn_blocking(move || ceiling::fsyncs_per_second(folder.path(), length));
    Ok(Ceilings { raw_posts_per_second, fsyncs_per_second: fsyncs.await.context("the disk was not measured")?? })
}
