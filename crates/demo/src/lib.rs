//! `tenterhook demo`: the main job end to end on this machine, in seconds and without set-up.
//!
//! A real server on a temporary store, a real receiver on loopback, real gRPC and HTTP
//! between them. It succeeds only if everything arrived as it should.

mod keep;
mod lines;
mod nodes;
mod publish;
mod scene;
mod stage;
mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use tenterhook_model::Secret;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{CreateWebhookRequest, Webhook};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use keep::Kept;
use lines::{Lines, heading};
use publish::publish;
use scene::{DELIVERIES, INVENTORY, ON_CALL, REFUSALS, SLACK};
use stage::{Arrived, Stage};
use tenterhook_listen::receiver::receive;
use tenterhook_server::app::signals::Signals;
use tenterhook_server::app::{App, Ending};
use tenterhook_server::config::Config;
use tenterhook_server::failure::InWords;
use tenterhook_server::telemetry::Telemetry;
use tenterhook_terminal::{Style, Terminal};
use watch::Watcher;

/// Time for all deliveries to end; they take about two seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The flags of `tenterhook demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Keeps the server with its console, and publishes an event every 3 seconds, until Ctrl-C
    #[arg(long, conflicts_with = "nodes")]
    keep: bool,
    /// Runs this many nodes on one PostgreSQL, 2 to 9, and kills the one that serves
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(2..=9))]
    nodes: Option<u8>,
    /// The PostgreSQL of --nodes; the demo makes its own schema and removes it
    #[arg(long, value_name = "URL", requires = "nodes")]
    store: Option<String>,
}

impl DemoArgs {
    /// How many nodes there are to be, and on which database, if it is to be played with nodes.
    fn nodes(&self) -> Result<Option<(usize, String)>> {
        let Some(count) = self.nodes else { return Ok(None) };
        let url = self.store.clone();
        let url =
            url.context("--nodes needs a database that the nodes share: give --store postgres://USER@HOST/DATABASE")?;
        Ok(Some((count.into(), url)))
    }
}

/// Plays the demo.
///
/// # Errors
/// When anything did not arrive as it should.
pub async fn run(args: DemoArgs, terminal: Terminal) -> Result<()> {
    let signals = Signals::install()?;
    if let Some((count, url)) = args.nodes()? {
        return Box::pin(nodes::run(count, &url, terminal, &signals.shutdown)).await;
    }
    let end = CancellationToken::new();
    let mut tasks = JoinSet::new();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
    let receiver = listener.local_addr().context("the listener has no address")?;
    let lines = Arc::new(Lines::new(terminal));
    let stage = Arc::new(Stage::new(lines.clone()));
    tasks.spawn(receive(listener, end.clone(), stage.clone()));

    let folder = tempfile::tempdir().context("cannot make a folder for the store")?;
    let store = format!("redb:{}", folder.path().display());
    let app = App::build(&Config::trial(&store), Arc::new(Telemetry::quiet()?)).await?;
    let server = app.addresses().api;
    let (serve_end, mut serving) = (end.clone(), JoinSet::new());
    serving.spawn(app.run(serve_end));
    terminal.line(format!(
        "{}\n  server    {}  (gRPC; store {store})\n  receiver  {}",
        heading(terminal, 1, "A server and a receiver on this machine"),
        terminal.paint(Style::Cyan, server),
        terminal.paint(Style::Cyan, format!("http://{receiver}")),
    ));

    let demo = Demo { server, receiver: receiver.to_string(), stage, lines, keep: args.keep };
    // A future of this size belongs on the heap.
    let outcome = Box::pin(demo.run(&mut serving, &signals.shutdown)).await;
    end.cancel();
    while let Some(ended) = serving.join_next().await {
        ended.context("the server broke")?.map_err(|error| error.context("the server failed"))?;
    }
    while tasks.join_next().await.is_some() {}
    outcome
}

/// The demo, once server and receiver are there.
#[derive(Debug)]
struct Demo {
    server: SocketAddr,
    receiver: String,
    stage: Arc<Stage>,
    lines: Arc<Lines>,
    /// Whether the server stays.
    keep: bool,
}

impl Demo {
    /// Plays, shows how it went, and goes on if that is wanted.
    async fn run(&self, serving: &mut JoinSet<Result<Ending>>, interrupted: &CancellationToken) -> Result<()> {
        let began = Instant::now();
        let endpoint = Endpoint::from_shared(format!("http://{}", self.server)).context("the server has no address")?;
        let channel = endpoint.connect().await.context("cannot connect to the server")?;
        let mut watcher = Watcher::begin(channel.clone(), self.lines.clone()).await?;
        let played = tokio::select! { biased;
            () = interrupted.cancelled() => bail!("interrupted before the demo had ended"),
            played = play(channel.clone(), &self.receiver, &self.stage, &mut watcher) => played,
        };
        self.lines.finish();
        let terminal = self.lines.terminal();
        summary(terminal, played?, &self.stage.take(), began.elapsed())?;
        if !self.keep {
            terminal.line(format!("  {}", terminal.paint(Style::Dim, "Nothing is left behind.")));
            terminal.line(next(terminal));
            return Ok(());
        }
        let Self { server, stage, lines, .. } = self;
        let kept = Kept { server: *server, channel, watcher, stage, lines: lines.clone(), end: interrupted };
        kept.run(serving).await
    }
}

/// Creates webhooks, publishes, watches and waits. Returns how many deliveries succeeded.
async fn play(channel: Channel, receiver: &str, stage: &Stage, watcher: &mut Watcher) -> Result<usize> {
    let lines = watcher.lines();
    let terminal = lines.terminal();
    terminal.line(heading(terminal, 2, "Three webhooks, created over gRPC"));
    let about = [
        format!("new IP addresses, as in the NetBox documentation:\n    {}", scene::SLACK_BODY),
        "everything, with NetBox's default body; signed in two schemes".to_owned(),
        format!("active sites; its receiver refuses {REFUSALS} requests before it takes one"),
    ];
    for (webhook, about) in
        [scene::slack(receiver), scene::inventory(receiver), scene::on_call(receiver)].into_iter().zip(about)
    {
        let name = webhook.display_name.clone();
        let (id, secret) = create(channel.clone(), webhook).await?;
        watcher.name(&id, &name);
        if !secret.is_empty() {
            stage.know(secret);
        }
        terminal.line(format!("  {} {about}", terminal.paint(Style::Cyan, format!("{name:<10}"))));
    }

    terminal.line(heading(terminal, 3, "Four events: + published, → request received, ~ change watched live"));
    // Both at once, so that changes are shown when they happen; the printing never ends by itself.
    tokio::select! { biased;
        (published, ended) = async {
            tokio::join!(publish(channel, &lines), watcher.until_ended(DELIVERIES, PATIENCE))
        } => published.and(ended),
        never = lines.print() => match never {},
    }
}

async fn create(channel: Channel, webhook: Webhook) -> Result<(String, Secret)> {
    let name = webhook.display_name.clone();
    let request = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() };
    let answer = WebhookServiceClient::new(channel).create_webhook(request).await;
    let answer = answer.with_context(|| format!("the webhook {name} was refused"))?.into_inner();
    let webhook = answer.webhook.context("the response has no webhook")?;
    Ok((webhook.id, Secret::new(answer.signing_secret)))
}

/// Shows how it went.
fn summary(terminal: Terminal, succeeded: usize, arrived: &Arrived, took: Duration) -> Result<()> {
    let requests = u32::try_from(DELIVERIES)? + REFUSALS;
    // Four deliveries of the signed webhook, two schemes each.
    let signatures = 8;
    terminal.line(heading(terminal, 4, "How it went"));
    let checks = [
        (
            succeeded == DELIVERIES,
            format!("{succeeded} of {DELIVERIES} deliveries arrived: {}, {} and {}", SLACK.1, INVENTORY.1, ON_CALL.1),
        ),
        (
            arrived.requests == requests,
            format!("{} requests were sent, {} of them refused and retried", arrived.requests, arrived.refused),
        ),
        (arrived.verified == signatures, format!("{} of {signatures} signatures verified", arrived.verified)),
        (arrived.faults.is_empty(), "nothing arrived that should not have".to_owned()),
    ];
    for (good, text) in &checks {
        let mark = if *good { terminal.paint(Style::Green, "✓") } else { terminal.paint(Style::Red, "✗") };
        terminal.line(format!("  {mark} {text}"));
    }
    for fault in &arrived.faults {
        terminal.line(format!("    {}", terminal.paint(Style::Red, fault)));
    }
    if !checks.iter().all(|(good, _)| *good) {
        bail!("the demo did not go as it should; the lines marked ✗ say what is missing");
    }
    let took = format!("All of it took {:.1} seconds.", took.as_secs_f64());
    terminal.line(format!("  {}", terminal.paint(Style::Dim, took)));
    Ok(())
}

/// What to try next.
fn next(terminal: Terminal) -> String {
    // As it was called: whoever built from source has no `tenterhook` in the path.
    let program = std::env::args().next().unwrap_or_else(|| "tenterhook".to_owned());
    let commands = [
        ("the same, and its console in your browser", "demo --keep"),
        ("a server on this machine that needs no key", "serve --dev"),
        ("in a second terminal: a receiver that gets every event of that server", "listen --server"),
        ("in a third: what goes wrong on it, if anything", "status"),
    ];
    let lines = commands.map(|(about, arguments)| {
        let about = terminal.paint(Style::Dim, format!("# {about}"));
        format!("  {about}\n  {}", terminal.paint(Style::Cyan, format!("{program} {arguments}")))
    });
    format!("{}\n{}", heading(terminal, 5, "Try next"), lines.join("\n"))
}
