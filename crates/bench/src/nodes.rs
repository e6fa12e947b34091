//! `tenterhook bench nodes`: how much more nodes on one PostgreSQL deliver, while receivers are slow and each node makes few
//! attempts at once.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tenterhook_listen::receiver::receive_within;
use tenterhook_server::config::value;
use tenterhook_server::failure::InWords;
use tenterhook_server::http::Bounds;
use tenterhook_terminal::{Style, Terminal};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::flight::Flights;
use super::load::{Load, Publishers};
use super::progress;
use super::scenario::{CHANNELS, CONNECTIONS, Scenario};
use super::schema;
use super::server::{Server, connect};

/// Attempts that each node makes at once.
const AT_ONCE: usize = 32;
/// How long the receiver takes for each request.
const DELAY: Duration = Duration::from_millis(20);
/// Events in flight for each node: more than it can send.
const EVENTS_A_NODE: usize = 4 * AT_ONCE;

/// What `tenterhook bench nodes` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct NodesArgs {
    /// Database for the nodes, postgres://USER@HOST/DATABASE; each run makes a schema there and removes it
    #[arg(long, value_name = "URL")]
    store: String,
    /// Nodes, at most; each smaller number is measured too
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// How long each run is measured, such as 5s
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = value::duration)]
    length: Duration,
    /// How long each run goes before it is measured
    #[arg(long, default_value = "3s", value_name = "DURATION", value_parser = value::duration)]
    warm_up: Duration,
    /// Prints JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Flags for each node, such as `-- --threads 2`
    #[arg(last = true, value_name = "SERVE FLAGS")]
    serve: Vec<String>,
}

/// What so many nodes did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Row {
    nodes: usize,
    delivered_per_second: f64,
    /// Of what one node delivers.
    ratio: f64,
    publish_p50_ms: f64,
}

/// Measures and prints.
///
/// # Errors
/// When a node does not start, or the database cannot be used.
pub(super) async fn run(args: &NodesArgs, terminal: Terminal) -> Result<()> {
    schema::check(&args.store)?;
    let mut rows: Vec<Row> = Vec::new();
    for nodes in 1..=usize::from(args.nodes) {
        progress::show(&format!("{nodes} of {} nodes", args.nodes));
        let measured = schema::with_own(&args.store, async |store| measure_on(args, nodes, store).await).await;
        let mut row = measured.map_err(|error| error.context(format!("with {nodes} nodes")))?;
        row.ratio = row.delivered_per_second / rows.first().unwrap_or(&row).delivered_per_second;
        rows.push(row);
    }
    progress::show("");
    terminal.line(if args.json { serde_json::to_string_pretty(&rows)? } else { table(&rows, terminal) });
    Ok(())
}

async fn measure_on(args: &NodesArgs, nodes: usize, store: &str) -> Result<Row> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
    let receiver = listener.local_addr().context("the listener has no address")?;
    let (flights, end) = (Arc::new(Flights::answering_after(DELAY)), CancellationToken::new());
    let mut receiving = JoinSet::new();
    let bounds = Bounds { connections: CONNECTIONS, ..Bounds::RECEIVER };
    receiving.spawn(receive_within(vec![listener], bounds, end.clone(), flights.clone()));

    let folder = tempfile::tempdir().context("cannot make a folder for the sealing key")?;
    let mut flags = node_flags(&schema::write_sealing_key(folder.path())?);
    flags.extend_from_slice(&args.serve);
    let (first, of_first) = (store.to_owned(), flags.clone());
    let start = tokio::task::spawn_blocking(move || Server::start_on(&first, &of_first));
    let serving = start.await.context("the first node was not started")??;
    // They join while the first one warms up.
    let _standing_by = (1..nodes).map(|_| Server::stand_by(store, &flags)).collect::<Result<Vec<_>>>()?;

    let load = Load::Closed(nodes * EVENTS_A_NODE);
    let scenario = Scenario { load, delay: DELAY, ..Scenario::new("nodes") };
    let channels = connect(serving.address, CHANNELS).await?;
    scenario.create_webhooks(channels[0].clone(), receiver).await?;
    let publishers = Publishers { channels, webhooks: 1, keys: 0, flights: flights.clone() };
    publishers.run(load, args.warm_up).await.map_err(|error| error.context("while warming up"))?;
    let took = publishers.measure(load, args.length).await?;
    end.cancel();
    while receiving.join_next().await.is_some() {}
    Ok(Row {
        nodes,
        delivered_per_second: flights.arrival.count() as f64 / took.as_secs_f64(),
        ratio: 1.0,
        publish_p50_ms: flights.publish.quantile_ms(0.5),
    })
}

/// What makes a server one of several nodes.
fn node_flags(key: &Path) -> Vec<String> {
    let key = key.display().to_string();
    ["--node-address", "127.0.0.1", "--max-in-flight", &AT_ONCE.to_string(), "--sealing-key-file", &key]
        .map(str::to_owned)
        .to_vec()
}

fn table(rows: &[Row], terminal: Terminal) -> String {
    let head = format!("{:>5}  {:>11}  {:>14}  {:>14}", "nodes", "delivered/s", "times one node", "publish p50 ms");
    let mut lines = vec![terminal.paint(Style::Bold, head)];
    lines.extend(rows.iter().map(|row| {
        let Row { nodes, delivered_per_second, ratio, publish_p50_ms } = row;
        format!("{nodes:>5}  {delivered_per_second:>11.0}  {ratio:>14.2}  {publish_p50_ms:>14.1}")
    }));
    let (at_once, delay) = (AT_ONCE, DELAY.as_millis());
    lines.push(format!("Each node makes {at_once} attempts at once, and the receiver takes {delay} ms for each."));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_compares_each_number_with_one_node() {
        let row = |nodes, delivered_per_second| Row { nodes, delivered_per_second, ratio: 1.9, publish_p50_ms: 4.2 };
        let text = table(&[row(1, 1_500.4), row(2, 2_900.0)], Terminal::plain());
        assert!(text.contains("    2         2900            1.90             4.2"), "{text}");
        assert!(text.contains("32 attempts at once, and the receiver takes 20 ms"), "{text}");
    }

    #[test]
    fn a_node_is_told_the_limits_that_the_table_names() {
        let flags = node_flags(Path::new("/tmp/a b/sealing.key"));
        let value = |name: &str| flags.iter().position(|flag| flag == name).map(|at| flags[at + 1].as_str());
        assert_eq!(value("--max-in-flight"), Some("32"));
        assert_eq!(
            (value("--node-address"), value("--sealing-key-file")),
            (Some("127.0.0.1"), Some("/tmp/a b/sealing.key"))
        );
        assert_eq!(flags.len() % 2, 0, "each flag has its value");
    }
}
