//! `tenterhook demo --nodes 3 --store postgres://…`: several nodes on one PostgreSQL, publishers and watches on each
//! of them, and a kill of the one that serves before one's eyes.
//!
//! The nodes are processes of this program. What they store goes into a schema of its own, which is removed at the end.

mod process;
mod tally;
mod traffic;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tenterhook_listen::receiver::receive;
use tenterhook_listen::show::time_of_day;
use tenterhook_model::{Clock, Entropy, OsEntropy, SystemClock};
use tenterhook_server::app::remove_trial;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::{Style, Terminal};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::lines::heading;
use process::Node;
use tally::{Tally, Told};

/// Bytes of the random part of the schema's name.
const NAME_BYTES: usize = 4;
/// How long events are published before the kill, and after another node serves.
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(2);
/// Time between two lines that show how far everything is.
const TICK: Duration = Duration::from_millis(500);
/// Time for a node to serve, and for everything to be delivered at the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays the demo with `count` nodes on the database that `url` names.
///
/// # Errors
/// When anything did not arrive as it should.
pub(super) async fn run(count: usize, url: &str, terminal: Terminal, interrupted: &CancellationToken) -> Result<()> {
    ensure!(
        url.starts_with("postgres://") || url.starts_with("postgresql://"),
        "--nodes needs a database that the nodes share: give --store postgres://USER@HOST/DATABASE"
    );
    ensure!(!url.contains("schema="), "leave schema= out of --store: the demo makes its own schema and removes it");
    let mut name = [0; NAME_BYTES];
    OsEntropy.fill(&mut name);
    let joined = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{joined}schema=tenterhook_demo_{:08x}", u32::from_be_bytes(name));
    let folder = tempfile::tempdir().context("cannot make a folder for the sealing key")?;
    // The nodes end with this.
    let mut play = Play { nodes: Vec::new(), terminal, tally: Arc::default(), began: Instant::now() };
    let played = tokio::select! { biased;
        () = interrupted.cancelled() => Err(anyhow::anyhow!("interrupted before the demo had ended")),
        played = Box::pin(play.run(count, &url, folder.path())) => played,
    };
    for node in &mut play.nodes {
        node.kill().await;
    }
    let removing = url.clone();
    let removed = tokio::task::spawn_blocking(move || remove_trial(&removing)).await.context("nothing was removed")?;
    let took = play.began.elapsed().as_secs_f64();
    played?;
    removed.context("the schema of the demo is left behind")?;
    let ends = format!("All of it took {took:.1} seconds. Nothing is left behind.");
    terminal.line(format!("  {}", terminal.paint(Style::Dim, ends)));
    Ok(())
}

/// The demo while it plays.
#[derive(Debug)]
struct Play {
    nodes: Vec<Node>,
    terminal: Terminal,
    tally: Arc<Tally>,
    began: Instant,
}

impl Play {
    async fn run(&mut self, count: usize, url: &str, folder: &std::path::Path) -> Result<()> {
        let (terminal, end, mut tasks) = (self.terminal, CancellationToken::new(), JoinSet::new());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
        let receiver = listener.local_addr().context("the listener has no address")?;
        tasks.spawn(receive(listener, end.clone(), self.tally.clone()));

        terminal.line(heading(terminal, 1, &format!("{count} nodes on one PostgreSQL, and a receiver")));
        for number in 1..=count {
            let mut node = Node::start(&format!("node-{number}"), url, folder)?;
            timeout(PATIENCE, node.is_up()).await.with_context(|| format!("{} is not up in time", node.name()))??;
            terminal.line(format!("  {}", self.about(&node)));
            self.nodes.push(node);
        }
        terminal.line(format!("  receiver  {}", terminal.paint(Style::Cyan, format!("http://{receiver}"))));
        traffic::make_webhook(self.last().address(), &receiver.to_string()).await?;

        terminal.line(heading(terminal, 2, "A publisher with an ordering key, and a watch, on each node"));
        let addresses: Arc<[String]> = self.nodes.iter().map(|node| node.address().to_owned()).collect();
        let (stop, mut publishers) = (CancellationToken::new(), JoinSet::new());
        for node in 0..count {
            publishers.spawn(traffic::publish(node, addresses.clone(), self.tally.clone(), stop.clone()));
            tasks.spawn(traffic::watch(node, addresses.clone(), self.tally.clone(), end.clone()));
        }
        self.show_for(BEFORE).await;

        let killed = self.kill_the_one_that_serves().await?;
        terminal.line(heading(terminal, 4, "Publishers go on, whichever node they are connected to"));
        self.show_for(AFTER).await;
        stop.cancel();
        while publishers.join_next().await.is_some() {}
        let finished = timeout(PATIENCE, self.tally.until_all_is_seen()).await.is_ok();
        self.show();
        end.cancel();
        while tasks.join_next().await.is_some() {}
        self.summary(finished, &killed)
    }

    fn last(&self) -> &Node {
        self.nodes.last().expect("the demo has two nodes or more")
    }

    /// What a node is about, in a line.
    fn about(&self, node: &Node) -> String {
        let does = match node.serving() {
            Some(other) if other != node.name() => format!("forwards calls to {other}"),
            _ => "has the database and serves".to_owned(),
        };
        format!("{:<8}  {}  {does}", node.name(), self.terminal.paint(Style::Cyan, format!("{:<16}", node.address())))
    }

    /// Shows how far everything is, for this long.
    async fn show_for(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            sleep(TICK).await;
            self.show();
        }
    }

    /// Shows how far everything is.
    fn show(&self) {
        let Told { acknowledged, accepted, waiting } = self.tally.told();
        let time = self.terminal.paint(Style::Dim, time_of_day(SystemClock.now()));
        let waits = match waiting {
            0 => String::new(),
            1 => self.terminal.paint(Style::Yellow, "  1 publisher waits for a node"),
            count => self.terminal.paint(Style::Yellow, format!("  {count} publishers wait for a node")),
        };
        self.terminal.line(format!("  {time} {acknowledged:>4} acknowledged {accepted:>4} delivered{waits}"));
    }

    /// Kills the node that serves, and waits until another does; its name.
    async fn kill_the_one_that_serves(&mut self) -> Result<String> {
        let terminal = self.terminal;
        let at = self.nodes.iter().position(Node::serves).context("no node serves")?;
        let killed = self.nodes[at].name().to_owned();
        terminal.line(heading(terminal, 3, &format!("kill -9 of {killed}, which serves")));
        let begun = Instant::now();
        self.nodes[at].kill().await;
        let next = loop {
            sleep(TICK).await;
            let mut others = self.nodes.iter().enumerate().filter(|(number, _)| *number != at).map(|(_, node)| node);
            if let Some(next) = others.clone().find(|node| node.serves()) {
                break next.name().to_owned();
            }
            if begun.elapsed() > PATIENCE || others.all(Node::has_ended) {
                bail!("no other node serves");
            }
            self.show();
        };
        let took = begun.elapsed().as_secs_f64();
        let says = format!("{next} has taken over, {took:.1} s after the kill");
        terminal.line(format!("  {}", terminal.paint(Style::Green, says)));
        self.show();
        Ok(killed)
    }

    /// Shows how it went.
    fn summary(&self, finished: bool, killed: &str) -> Result<()> {
        let terminal = self.terminal;
        terminal.line(heading(terminal, 5, "How it went"));
        let verdict = self.tally.verdict();
        let nodes = self.nodes.len();
        let checks = [
            (
                finished && verdict.lost == 0,
                format!("{} events acknowledged, {} of them lost", verdict.acknowledged, verdict.lost),
            ),
            (verdict.out_of_order == 0, format!("{nodes} ordering keys, {} events out of order", verdict.out_of_order)),
            (
                verdict.watches_agree,
                format!("{nodes} watches, one on each node, showed the same {} changes", verdict.changes),
            ),
        ];
        for (good, text) in &checks {
            let mark = if *good { terminal.paint(Style::Green, "✓") } else { terminal.paint(Style::Red, "✗") };
            terminal.line(format!("  {mark} {text}"));
        }
        let twice = match verdict.twice {
            0 => format!("no request was in flight when {killed} was killed"),
            1 => "1 request was in flight then, and came again with its webhook-id".to_owned(),
            many => format!("{many} requests were in flight then, and came again with their webhook-id"),
        };
        terminal.line(format!("  {}", terminal.paint(Style::Dim, twice)));
        if !checks.iter().all(|(good, _)| *good) {
            bail!("the demo did not go as it should; the lines marked ✗ say what is missing");
        }
        Ok(())
    }
}
