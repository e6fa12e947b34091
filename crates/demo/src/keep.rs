//! `tenterhook demo --keep`: once the demo has played, its server stays and gets an event every few seconds, so
//! that its console has something to show.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::lines::{Lines, heading};
use super::publish::{now, publish_event};
use super::scene;
use super::stage::Stage;
use super::watch::Watcher;
use tenterhook_server::app::Ending;
use tenterhook_terminal::Style;

/// Pause between two events.
const PAUSE: Duration = Duration::from_secs(3);

/// What goes on until `end`.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    /// Where the server is.
    pub(super) server: std::net::SocketAddr,
    pub(super) channel: Channel,
    pub(super) watcher: Watcher,
    pub(super) stage: &'a Stage,
    pub(super) lines: Arc<Lines>,
    /// Cancelled when somebody has seen enough.
    pub(super) end: &'a CancellationToken,
}

impl Kept<'_> {
    /// Publishes, and prints what happens, until the end is asked for.
    ///
    /// # Errors
    /// When `server` ends by itself, or an event is refused.
    pub(super) async fn run(mut self, server: &mut JoinSet<Result<Ending>>) -> Result<()> {
        self.greet();
        let (mut watcher, mut published) = (self.watcher, 0);
        tokio::select! { biased;
            () = self.end.cancelled() => {}
            ended = server.join_next() => bail!("the server stopped by itself: {ended:?}"),
            ended = watcher.follow() => return ended,
            refused = publish(&mut self.channel, self.stage, &self.lines, &mut published) => return refused,
            never = self.lines.print() => match never {},
        }
        self.lines.finish();
        let terminal = self.lines.terminal();
        let events = if published == 1 { "event was" } else { "events were" };
        terminal.line(format!("\n  {published} more {events} published; nothing is left behind."));
        Ok(())
    }

    fn greet(&self) {
        let terminal = self.lines.terminal();
        terminal.line(format!(
            "{}\n  console   {}\n  server    {}  (gRPC, gRPC-Web and HTTP; no key needed)\n",
            heading(terminal, 5, &format!("An event every {} seconds, until Ctrl-C", PAUSE.as_secs())),
            terminal.paint(Style::Cyan, format!("http://{}/console/", self.server)),
            terminal.paint(Style::Cyan, self.server),
        ));
    }
}

/// Publishes an event every few seconds, and counts in `published`.
async fn publish(channel: &mut Channel, stage: &Stage, lines: &Lines, published: &mut u64) -> Result<()> {
    let mut client = EventServiceClient::new(channel.clone());
    loop {
        sleep(PAUSE).await;
        publish_event(&mut client, scene::later(*published, now()?), lines).await?;
        *published += 1;
        // What arrived is printed; it is counted for the demo alone.
        stage.take();
    }
}
