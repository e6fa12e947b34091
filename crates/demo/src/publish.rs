//! The events of the demo, published and printed.

use std::time::Duration;

use anyhow::{Result, ensure};
use tenterhook_model::{Clock, SystemClock};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::{Event, PublishEventRequest};
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

use super::lines::Lines;
use super::scene::{self, DELIVERIES};
use tenterhook_listen::show::time_of_day;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::Style;

/// Pause before each event, so that a person can follow.
const PACE: Duration = Duration::from_millis(300);

/// The time, as the API writes it.
pub(super) fn now() -> Result<prost_types::Timestamp> {
    let now = SystemClock.now();
    Ok(prost_types::Timestamp { seconds: now.seconds(), nanos: i32::try_from(now.subsec_nanos())? })
}

/// Publishes the four events of the demo.
pub(super) async fn publish(channel: Channel, lines: &Lines) -> Result<()> {
    let mut client = EventServiceClient::new(channel);
    let mut made = 0;
    for event in scene::events(now()?) {
        sleep(PACE).await;
        made += publish_event(&mut client, event, lines).await?;
    }
    ensure!(usize::try_from(made)? == DELIVERIES, "the events made {made} deliveries instead of {DELIVERIES}");
    Ok(())
}

/// Publishes `event` and prints it. Returns how many deliveries it makes.
pub(super) async fn publish_event(
    client: &mut EventServiceClient<Channel>,
    event: Event,
    lines: &Lines,
) -> Result<i32> {
    let terminal = lines.terminal();
    let label = format!("{} {} by {}", event.object_type, event.r#type, event.username);
    let (time, began) = (SystemClock.now(), Instant::now());
    let response = client.publish_event(PublishEventRequest { event: Some(event) }).await;
    let response = response.with_context(|| format!("{label} was refused"))?.into_inner();
    let count = response.result.context("the response has no result")?.delivery_count;
    let took = began.elapsed().as_secs_f64() * 1e3;
    let deliveries = if count == 1 { "delivery" } else { "deliveries" };
    let line = format!(
        "  {} {}  {}",
        terminal.paint(Style::Dim, time_of_day(time)),
        terminal.paint(Style::Bold, format!("+ {label}")),
        terminal.paint(Style::Dim, format!("{count} {deliveries}, {took:.1} ms")),
    );
    lines.add(time, line);
    Ok(count)
}
