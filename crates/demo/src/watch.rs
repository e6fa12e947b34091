//! The live stream of the demo: prints each change of each delivery and knows when all have ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tenterhook_model::Timestamp;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_request::Start;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::{
    DeliveryChange, DeliveryState, WatchDeliveriesRequest, WatchDeliveriesResponse,
};
use tokio::time::{Instant, timeout_at};
use tonic::Streaming;
use tonic::transport::Channel;

use super::lines::Lines;
use tenterhook_listen::show::time_of_day;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::Style;

/// The stream, and what it has shown so far.
#[derive(Debug)]
pub(super) struct Watcher {
    lines: Arc<Lines>,
    client: DeliveryServiceClient<Channel>,
    stream: Streaming<WatchDeliveriesResponse>,
    /// From where a new stream would go on.
    token: String,
    names: HashMap<String, String>,
    states: HashMap<String, DeliveryState>,
}

impl Watcher {
    /// Begins to watch; from the first bookmark, which this waits for, no change is missed.
    pub(super) async fn begin(channel: Channel, lines: Arc<Lines>) -> Result<Self> {
        let mut client = DeliveryServiceClient::new(channel);
        let mut stream = open(&mut client, String::new()).await?;
        let first = stream.message().await.context("the watch broke")?.context("the watch ended")?;
        match first.payload {
            Some(Payload::Bookmark(_)) => {
                let (names, states) = (HashMap::new(), HashMap::new());
                Ok(Self { lines, client, stream, token: first.resume_token, names, states })
            }
            other => bail!("the watch began with {other:?} instead of a bookmark"),
        }
    }

    /// Where its lines go.
    pub(super) fn lines(&self) -> Arc<Lines> {
        self.lines.clone()
    }

    /// Gives the name of a webhook, to print it instead of its id.
    pub(super) fn name(&mut self, webhook_id: &str, name: &str) {
        self.names.insert(webhook_id.to_owned(), name.to_owned());
    }

    /// Prints changes until `deliveries` have ended, for at most `limit`. Returns how many succeeded.
    pub(super) async fn until_ended(&mut self, deliveries: usize, limit: Duration) -> Result<usize> {
        let deadline = Instant::now() + limit;
        while self.ended() < deliveries {
            let message = timeout_at(deadline, self.stream.message()).await;
            let message = message.with_context(|| {
                format!("{} of {deliveries} deliveries had ended after {} seconds", self.ended(), limit.as_secs())
            })?;
            let message = message.context("the watch broke")?.context("the watch ended")?;
            self.token = message.resume_token;
            if let Some(Payload::Change(change)) = message.payload {
                self.take(change);
            }
        }
        Ok(self.states.values().filter(|state| **state == DeliveryState::Succeeded).count())
    }

    /// Prints changes for as long as the server is there. A server ends each connection after a while; the
    /// stream then goes on where it was.
    ///
    /// # Errors
    /// When the stream cannot go on.
    pub(super) async fn follow(&mut self) -> Result<()> {
        self.states.clear();
        loop {
            match self.stream.message().await {
                Ok(Some(WatchDeliveriesResponse { payload, resume_token })) => {
                    self.token = resume_token;
                    if let Some(Payload::Change(change)) = payload {
                        let (time, line) = self.show(&change);
                        self.lines.add(time, line);
                    }
                }
                Ok(None) | Err(_) => self.stream = open(&mut self.client, self.token.clone()).await?,
            }
        }
    }

    fn ended(&self) -> usize {
        let is_final = |state: &&DeliveryState| {
            matches!(state, DeliveryState::Succeeded | DeliveryState::Failed | DeliveryState::Cancelled)
        };
        self.states.values().filter(is_final).count()
    }

    fn take(&mut self, change: DeliveryChange) {
        if let Some(delivery) = &change.delivery {
            self.states.insert(delivery.id.clone(), delivery.state());
            let (time, line) = self.show(&change);
            self.lines.add(time, line);
        }
    }

    /// When a change happened, and its line.
    fn show(&self, change: &DeliveryChange) -> (Timestamp, String) {
        let terminal = self.lines.terminal();
        let delivery = change.delivery.clone().unwrap_or_default();
        let time = change.change_time.unwrap_or_default();
        let time = Timestamp::new(time.seconds, u32::try_from(time.nanos).unwrap_or_default()).unwrap_or_default();
        let name = self.names.get(&delivery.webhook_id).unwrap_or(&delivery.webhook_id);
        let state = delivery.state();
        let style = match state {
            DeliveryState::Succeeded => Style::Green,
            DeliveryState::Failed | DeliveryState::Cancelled => Style::Red,
            DeliveryState::Retrying => Style::Yellow,
            _ => Style::Dim,
        };
        let attempt = delivery.last_attempt.as_ref().map_or_else(String::new, |attempt| {
            let status = attempt.response.as_ref().map_or_else(|| attempt.error.clone(), |r| r.status.to_string());
            let took = attempt.duration.unwrap_or_default();
            let millis = took.seconds as f64 * 1e3 + f64::from(took.nanos) / 1e6;
            format!("attempt {}: {status}, {millis:.1} ms", attempt.number)
        });
        let line = format!(
            "  {} {} {name:<9} {:<17} {} {}",
            terminal.paint(Style::Dim, time_of_day(time)),
            terminal.paint(Style::Yellow, "~"),
            delivery.event_id,
            terminal.paint(style, format!("{:<9}", short(state))),
            terminal.paint(Style::Dim, attempt),
        );
        (time, line.trim_end().to_owned())
    }
}

/// Opens a stream that goes on after `token`; an empty one means from now on.
async fn open(
    client: &mut DeliveryServiceClient<Channel>,
    token: String,
) -> Result<Streaming<WatchDeliveriesResponse>> {
    let start = (!token.is_empty()).then_some(Start::ResumeToken(token));
    let request = WatchDeliveriesRequest { start, ..WatchDeliveriesRequest::default() };
    Ok(client.watch_deliveries(request).await.context("WatchDeliveries was refused")?.into_inner())
}

/// The state as the API names it, without its prefix.
fn short(state: DeliveryState) -> &'static str {
    state.as_str_name().trim_start_matches("DELIVERY_STATE_")
}
