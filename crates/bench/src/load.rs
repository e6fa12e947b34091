//! Publishers: a closed loop with a fixed number of events in flight, or an open loop with a
//! fixed rate.

use std::error::Error as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Result, ensure};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::{Event, JsonDocument, PublishEventRequest, PublishResult, json_document};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;

use super::flight::Flights;
use tenterhook_server::failure::InWords;

/// Events in flight at once where no load says how many.
pub(super) const IN_FLIGHT: usize = 128;
/// Time for the last requests to arrive after publishing has ended.
const TAIL: Duration = Duration::from_secs(30);
/// Pause between two looks at the clock of the open loop: the timer's own resolution.
const TICK: Duration = Duration::from_millis(1);
/// Bytes of an event's data, which make the event 1 KiB.
const DATA_BYTES: usize = 900;

/// How events are published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Load {
    /// This many events are in flight; one that has arrived everywhere makes room for the next.
    Closed(usize),
    /// This many events begin each second, whatever became of those before.
    Open(u32),
    /// This many batches of this size are in flight.
    Batches {
        /// Batches at once.
        in_flight: usize,
        /// Events of each.
        size: usize,
    },
    /// This many streams publish, each with this many events in flight.
    Streams {
        /// Streams at once.
        streams: usize,
        /// Events in flight on each.
        window: usize,
    },
}

/// Where and what is published.
#[derive(Debug, Clone)]
pub(super) struct Publishers {
    /// Connections to the server; publishers share them in turn.
    pub(super) channels: Vec<Channel>,
    /// Requests that come of each event.
    pub(super) webhooks: usize,
    /// Ordering keys that the events share in turn; none has one if it is 0.
    pub(super) keys: u64,
    /// What is under way.
    pub(super) flights: Arc<Flights>,
}

impl Publishers {
    /// Publishes for `length`, and waits until everything has arrived.
    pub(super) async fn run(&self, load: Load, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        let mut tasks = JoinSet::new();
        match load {
            Load::Closed(in_flight) => {
                for index in 0..in_flight {
                    let (publishers, client) = (self.clone(), self.client(index));
                    tasks.spawn(async move { publishers.closed(client, end).await });
                }
            }
            Load::Open(rate) => self.open(rate, end, &mut tasks).await?,
            Load::Batches { in_flight, size } => {
                for index in 0..in_flight {
                    let (publishers, client) = (self.clone(), self.client(index));
                    tasks.spawn(async move { publishers.batches(client, size, end).await });
                }
            }
            Load::Streams { streams, window } => {
                for index in 0..streams {
                    let (publishers, client) = (self.clone(), self.client(index));
                    tasks.spawn(async move { publishers.stream(client, window, end).await });
                }
            }
        }
        let all = async {
            while let Some(ended) = tasks.join_next().await {
                ended.context("a publisher broke")??;
            }
            Ok::<_, anyhow::Error>(())
        };
        timeout(length + TAIL, all).await.context("events did not arrive in time")?
    }

    /// Publishes this many events, and waits until everything has arrived. The order is nobody's.
    pub(super) async fn count(&self, events: u64, in_flight: usize) -> Result<()> {
        let left = Arc::new(AtomicU64::new(events));
        let mut tasks = JoinSet::new();
        for index in 0..in_flight {
            let (publishers, client, left) = (self.clone(), self.client(index), Arc::clone(&left));
            tasks.spawn(async move {
                let take = |left: u64| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    publishers.one(client.clone(), Instant::now()).await?;
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.context("a publisher broke")??;
        }
        Ok(())
    }

    pub(super) fn client(&self, index: usize) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channels[index % self.channels.len()].clone())
    }

    async fn closed(&self, client: EventServiceClient<Channel>, end: Instant) -> Result<()> {
        while Instant::now() < end {
            self.one(client.clone(), Instant::now()).await?;
        }
        Ok(())
    }

    /// Begins each event at its time and measures from then on, so that a slow answer does not
    /// hide how long the events behind it had to wait.
    async fn open(&self, rate: u32, end: Instant, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
        let interval = Duration::from_secs(1) / rate;
        let mut due = Instant::now();
        let mut index = 0;
        while due < end {
            while due <= Instant::now() && due < end {
                let (publishers, client, began) = (self.clone(), self.client(index), due);
                tasks.spawn(async move { publishers.one(client, began).await });
                due += interval;
                index += 1;
            }
            while let Some(ended) = tasks.try_join_next() {
                ended.context("a publisher broke")??;
            }
            sleep(TICK).await;
        }
        Ok(())
    }

    /// Publishes one event and waits until its last request has arrived.
    async fn one(&self, mut client: EventServiceClient<Channel>, began: Instant) -> Result<()> {
        let number = self.flights.begin(began, self.webhooks)?;
        let answer = loop {
            match client.publish_event(PublishEventRequest { event: Some(self.event(number)) }).await {
                // The server closes connections of an hour: what has not left goes out on the next one.
                Err(status) if is_unsent(&status) => {}
                answer => break answer.context("PublishEvent was refused")?,
            }
        };
        self.flights.published(began);
        self.check(answer.into_inner().result.as_ref())?;
        self.flights.landed(number).await;
        Ok(())
    }

    /// The event with this number, and its ordering key.
    pub(super) fn event(&self, number: u64) -> Event {
        let key = number.checked_rem(self.keys);
        Event { ordering_key: key.map(|key| format!("key-{key}")).unwrap_or_default(), ..event(number) }
    }

    /// Refuses a result without a delivery for each webhook.
    pub(super) fn check(&self, result: Option<&PublishResult>) -> Result<()> {
        let made = result.map_or(0, |result| result.delivery_count);
        ensure!(
            usize::try_from(made)? == self.webhooks,
            "an event made {made} deliveries instead of {}",
            self.webhooks
        );
        Ok(())
    }

    /// Publishes for `length` and measures; answers how long it took until everything had arrived.
    pub(super) async fn measure(&self, load: Load, length: Duration) -> Result<Duration> {
        self.flights.measuring.store(true, Ordering::Relaxed);
        let began = Instant::now();
        self.run(load, length).await?;
        Ok(began.elapsed())
    }
}

/// Whether the call met the end of its connection before any of it was sent.
fn is_unsent(status: &tonic::Status) -> bool {
    let error = status.source().and_then(|error| error.source());
    error.and_then(|error| error.downcast_ref::<hyper::Error>()).is_some_and(hyper::Error::is_canceled)
}

/// Publishes the events that `event` makes of these numbers, whose deliveries wait.
pub(super) async fn leave(channels: &[Channel], numbers: Range<u64>, event: fn(u64) -> Event) -> Result<()> {
    let mut tasks = JoinSet::<Result<_, tonic::Status>>::new();
    for number in numbers {
        if tasks.len() >= IN_FLIGHT {
            let ended = tasks.join_next().await.context("there are tasks")?;
            ended.context("a publisher broke")?.context("PublishEvent was refused")?;
        }
        let mut client = EventServiceClient::new(channels[number as usize % channels.len()].clone());
        let event = Some(event(number));
        tasks.spawn(async move { client.publish_event(PublishEventRequest { event }).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a publisher broke")?.context("PublishEvent was refused")?;
    }
    Ok(())
}

/// An event of 1 KiB as NetBox would publish it.
pub(super) fn event(number: u64) -> Event {
    Event {
        id: Flights::id(number),
        r#type: "updated".to_owned(),
        object_type: "dcim.device".to_owned(),
        username: "automation".to_owned(),
        data: Some(JsonDocument { value: Some(json_document::Value::Json(data())) }),
        ..Event::default()
    }
}

/// What each event carries; made once, so that publishers take little of the machine.
pub(super) fn data() -> String {
    static DATA: LazyLock<String> = LazyLock::new(make_data);
    DATA.clone()
}

/// Texts, numbers and a list of tags, padded to the size.
fn make_data() -> String {
    let tags: Vec<String> = (1..=8)
        .map(|id| format!(r#"{{"id": {id}, "name": "tag-{id}", "slug": "tag-{id}", "color": "9e9e9e"}}"#))
        .collect();
    let head = format!(
        r#"{{"id": 4711, "name": "edge-sw-07", "status": {{"value": "active", "label": "Active"}}, "position": 12.5, "tags": [{}], "comments": ""#,
        tags.join(", ")
    );
    let padding = "x".repeat(DATA_BYTES.saturating_sub(head.len() + 2));
    format!("{head}{padding}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn an_event_has_a_kibibyte() {
        let size = PublishEventRequest { event: Some(event(123_456)) }.encoded_len();
        assert!((900..=1_100).contains(&size), "{size}");
        assert!(tenterhook_model::JsonText::parse(&data()).is_ok());
    }
}
