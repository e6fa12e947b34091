//! Publishers that gather: batches, and streams with many events on the way.

use std::sync::Arc;

use anyhow::{Result, bail};
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::stream_publish_events_response::Outcome;
use tenterhook_proto::tenterhook::v1::{BatchPublishEventsRequest, StreamPublishEventsRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tonic::transport::Channel;

use super::load::Publishers;
use tenterhook_server::failure::InWords;

/// An event on its way over a stream: its number, when it began, and its place in the window.
type Sent = (u64, Instant, OwnedSemaphorePermit);

impl Publishers {
    /// Publishes batches one after another, at least one, each when the one before has arrived everywhere.
    pub(super) async fn batches(
        &self,
        mut client: EventServiceClient<Channel>,
        size: usize,
        end: Instant,
    ) -> Result<()> {
        loop {
            let began = Instant::now();
            let numbers = (0..size).map(|_| self.flights.begin(began, self.webhooks)).collect::<Result<Vec<u64>>>()?;
            let request =
                BatchPublishEventsRequest { events: numbers.iter().map(|number| self.event(*number)).collect() };
            let answer = client.batch_publish_events(request).await.context("BatchPublishEvents was refused")?;
            let results = answer.into_inner().results;
            anyhow::ensure!(results.len() == size, "a batch of {size} has {} results", results.len());
            for result in &results {
                self.flights.published(began);
                self.check(Some(result))?;
            }
            for number in numbers {
                self.flights.landed(number).await;
            }
            if Instant::now() >= end {
                return Ok(());
            }
        }
    }

    /// Publishes over one stream, at least one event; one that has arrived everywhere makes room for the next.
    pub(super) async fn stream(
        &self,
        mut client: EventServiceClient<Channel>,
        window: usize,
        end: Instant,
    ) -> Result<()> {
        let (requests, outgoing) = mpsc::channel(window);
        let (sent, mut acknowledged) = mpsc::channel::<Sent>(window);
        let outgoing =
            futures_util::stream::unfold(outgoing, async |mut outgoing| Some((outgoing.recv().await?, outgoing)));
        let feed = async move {
            let places = Arc::new(Semaphore::new(window));
            loop {
                let place = places.clone().acquire_owned().await.context("the window was closed")?;
                let (began, number) = (Instant::now(), self.flights.begin(Instant::now(), self.webhooks)?);
                sent.send((number, began, place)).await.context("the stream broke")?;
                let request = StreamPublishEventsRequest { sequence: number, event: Some(self.event(number)) };
                requests.send(request).await.context("the stream broke")?;
                if Instant::now() >= end {
                    return Ok::<(), anyhow::Error>(());
                }
            }
        };
        let take = async move {
            let answers = client.stream_publish_events(outgoing).await.context("StreamPublishEvents was refused")?;
            let mut answers = answers.into_inner();
            while let Some((number, began, place)) = acknowledged.recv().await {
                let answer = answers.message().await.context("the stream broke")?.context("the stream ended")?;
                anyhow::ensure!(answer.sequence == number, "event {} was acknowledged for {number}", answer.sequence);
                let Some(Outcome::Result(result)) = &answer.outcome else { bail!("event {number} was refused") };
                self.flights.published(began);
                self.check(Some(result))?;
                self.flights.landed(number).await;
                drop(place);
            }
            Ok::<(), anyhow::Error>(())
        };
        tokio::try_join!(feed, take).map(|((), ())| ())
    }
}
