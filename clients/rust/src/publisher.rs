//! A publisher that gathers events into batches by itself.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tonic::Code;

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::life::closed_status;
use crate::v1::{Event, PublishResult};

/// How a [`Publisher`] gathers events.
#[derive(Clone, Copy, Debug)]
pub struct PublisherOptions {
    /// How long the first event of a batch waits for others; 5 ms.
    pub linger: Duration,
    /// Events of a batch; 500.
    pub events_max: usize,
    /// Bytes of a batch; 1 MiB.
    pub bytes_max: usize,
    /// Batches that are sent at once; 4.
    pub in_flight: usize,
    /// Events that may wait for their results; 10,000.
    pub outstanding: usize,
    /// How long a batch is tried again; 60 s.
    pub timeout: Duration,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(5),
            events_max: 500,
            bytes_max: 1 << 20,
            in_flight: 4,
            outstanding: 10_000,
            timeout: Duration::from_secs(60),
        }
    }
}

/// The result to come of one event.
#[derive(Debug)]
pub struct Publication {
    event_id: String,
    result: oneshot::Receiver<Result<PublishResult, Error>>,
}

impl Publication {
    /// The event's id, known at once: under it the event can be published again.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.event_id
    }
}

impl Future for Publication {
    type Output = Result<PublishResult, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The publisher is gone without a result only when its runtime has ended.
        Pin::new(&mut self.result).poll(cx).map(|result| result.unwrap_or_else(|_| Err(closed_status().into())))
    }
}

struct Pending {
    event: Event,
    size: usize,
    since: Instant,
    result: oneshot::Sender<Result<PublishResult, Error>>,
    _room: OwnedSemaphorePermit,
}

#[expect(clippy::large_enum_variant, reason = "nearly every order is an event, and a box each would cost more")]
enum Order {
    Publish(Pending),
    /// Send without waiting for more.
    Hurry,
}

/// Gathers events into batches by itself, which is many times faster than one call an event. Dropping it publishes what it
/// has taken, and gives the results to those who still wait.
#[derive(Debug)]
pub struct Publisher {
    client: Client,
    room: Arc<Semaphore>,
    outstanding: u32,
    orders: mpsc::Sender<Order>,
    running: JoinHandle<()>,
}

impl Client {
    /// A publisher, whose task runs in the tokio runtime that this is called in.
    #[must_use]
    pub fn publisher(&self, options: PublisherOptions) -> Publisher {
        let outstanding = options.outstanding.clamp(1, Semaphore::MAX_PERMITS.min(1 << 30));
        let (orders, incoming) = mpsc::channel(outstanding);
        let gathering = Gathering { client: self.clone(), options, waiting: VecDeque::new(), busy: HashSet::new() };
        Publisher {
            client: self.clone(),
            room: Arc::new(Semaphore::new(outstanding)),
            outstanding: u32::try_from(outstanding).unwrap_or(u32::MAX),
            orders,
            running: tokio::spawn(gathering.run(incoming)),
        }
    }
}

impl Publisher {
    /// Takes an event when there is room for it, and gives its result to come.
    ///
    /// # Errors
    /// [`Kind::Closed`] when the client is closed.
    pub async fn publish(&self, event: Event) -> Result<Publication, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| closed_status())?;
        self.take(event, room).await
    }

    /// Takes an event if there is room for it now: `None` if there is none.
    ///
    /// # Errors
    /// [`Kind::Closed`] when the client is closed.
    pub async fn try_publish(&self, event: Event) -> Result<Option<Publication>, Error> {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => self.take(event, room).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn take(&self, event: Event, room: OwnedSemaphorePermit) -> Result<Publication, Error> {
        let event = self.client.complete(event);
        let (sender, result) = oneshot::channel();
        let publication = Publication { event_id: event.id.clone(), result };
        let size = event.encoded_len();
        let pending = Pending { event, size, since: Instant::now(), result: sender, _room: room };
        self.orders.send(Order::Publish(pending)).await.map_err(|_| closed_status())?;
        Ok(publication)
    }

    /// Returns when every event that was taken before has its result.
    pub async fn flush(&self) {
        if self.orders.send(Order::Hurry).await.is_ok() {
            // All the room there is: nothing is outstanding.
            let _ = self.room.acquire_many(self.outstanding).await;
        }
    }

    /// Takes no more events, and returns when all have their results.
    pub async fn close(self) {
        drop(self.orders);
        let _ = self.running.await;
    }
}

/// The task of a publisher.
struct Gathering {
    client: Client,
    options: PublisherOptions,
    waiting: VecDeque<Pending>,
    /// Ordering keys of which a batch is in flight.
    busy: HashSet<String>,
}

enum Next {
    Batch(Vec<Pending>),
    Due(Instant),
    Nothing,
}

impl Gathering {
    async fn run(mut self, mut incoming: mpsc::Receiver<Order>) {
        let mut sending = FuturesUnordered::new();
        let (mut open, mut hurry) = (true, false);
        loop {
            let mut due = None;
            while sending.len() < self.options.in_flight.max(1) {
                match self.next(hurry || !open) {
                    Next::Batch(batch) => sending.push(send(self.client.clone(), self.options.timeout, batch)),
                    Next::Due(moment) => {
                        due = Some(moment);
                        break;
                    }
                    Next::Nothing => break,
                }
            }
            hurry &= !self.waiting.is_empty();
            if !open && self.waiting.is_empty() && sending.is_empty() {
                return;
            }
            debug_assert!(
                open || due.is_some() || !sending.is_empty(),
                "{} events wait, and nothing will send them",
                self.waiting.len()
            );
            tokio::select! {
                // Results first: they make room, and free ordering keys.
                biased;
                Some(keys) = sending.next(), if !sending.is_empty() => {
                    for key in keys {
                        let was_busy = self.busy.remove(&key);
                        debug_assert!(was_busy || key.is_empty(), "a second batch of the key {key} may be in flight");
                    }
                }
                order = incoming.recv(), if open => match order {
                    Some(Order::Publish(pending)) => self.waiting.push_back(pending),
                    Some(Order::Hurry) => hurry = true,
                    None => open = false,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    /// What can be sent now. Events of one ordering key are never in two batches at once.
    fn next(&mut self, hurry: bool) -> Next {
        let (mut taken, mut size, mut end) = (Vec::new(), 0, 0);
        for (index, one) in self.waiting.iter().enumerate() {
            if taken.len() >= self.options.events_max.max(1)
                || (!taken.is_empty() && size + one.size > self.options.bytes_max)
            {
                break;
            }
            end = index + 1;
            if !self.busy.contains(&one.event.ordering_key) {
                taken.push(index);
                size += one.size;
            }
        }
        let Some(&first) = taken.first() else { return Next::Nothing };
        let full = end < self.waiting.len() || taken.len() >= self.options.events_max || size >= self.options.bytes_max;
        let due = self.waiting[first].since + self.options.linger;
        if !full && !hurry && due > Instant::now() {
            return Next::Due(due);
        }
        let (mut batch, mut skipped) = (Vec::with_capacity(taken.len()), Vec::new());
        for one in self.waiting.drain(..end) {
            if self.busy.contains(&one.event.ordering_key) { skipped.push(one) } else { batch.push(one) }
        }
        for one in skipped.into_iter().rev() {
            self.waiting.push_front(one);
        }
        assert!(!batch.is_empty(), "a batch of nothing would be sent for ever, and its events never");
        debug_assert!(batch.len() <= self.options.events_max.max(1), "a batch of {} is refused", batch.len());
        self.busy.extend(batch.iter().map(|one| one.event.ordering_key.clone()).filter(|key| !key.is_empty()));
        Next::Batch(batch)
    }
}

/// Publishes a batch, and what is left of it when bad events have failed; gives the ordering keys that it had.
async fn send(client: Client, timeout: Duration, mut batch: Vec<Pending>) -> HashSet<String> {
    let keys = batch.iter().map(|one| one.event.ordering_key.clone()).collect();
    let until = Instant::now() + timeout;
    let mut failures = 0;
    while !batch.is_empty() {
        let error = match client.publish_batch(batch.iter().map(|one| one.event.clone())).await {
            Ok(results) => {
                for (one, result) in batch.into_iter().zip(results) {
                    // Nobody waits for it if this fails.
                    let _ = one.result.send(Ok(result));
                }
                return keys;
            }
            Err(error) => error,
        };
        let next = Instant::now() + client.calls.wait(failures).max(error.retry_after.unwrap_or_default());
        if may_be_mended(&error) && next < until && client.calls.pause_until(next).await.is_ok() {
            failures = failures.saturating_add(1);
        } else {
            batch = fail(batch, &error);
        }
    }
    keys
}

/// What a later try may mend: the server is away or overloaded, or its answer was lost.
fn may_be_mended(error: &Error) -> bool {
    let code = error.code;
    error.kind() != Kind::Closed
        && matches!(
            code,
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Unknown | Code::Internal
        )
}

/// Fails the events that the error names, and gives those that may be sent again: batches are all or none. It fails all
/// when the error names none.
fn fail(batch: Vec<Pending>, error: &Error) -> Vec<Pending> {
    let named = |field: &str| field.strip_prefix("events[")?.split_once(']')?.0.parse::<usize>().ok();
    let mut wrong: HashSet<usize> = error.field_violations.iter().filter_map(|one| named(&one.field)).collect();
    let conflict = error.metadata.get("event_id");
    wrong.extend((0..batch.len()).filter(|&index| conflict == Some(&batch[index].event.id)));
    let mut rest = Vec::new();
    for (index, one) in batch.into_iter().enumerate() {
        if wrong.is_empty() || wrong.contains(&index) {
            // Nobody waits for it if this fails.
            let _ = one.result.send(Err(error.clone()));
        } else {
            rest.push(one);
        }
    }
    rest
}
