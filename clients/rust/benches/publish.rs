//! How fast the client publishes, beside the bare generated client: see docs/BENCHMARKS.md.
//!
//! `publish TARGET ROUNDS SLICE_MS` prints a line for each slice: way, who, events, seconds.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by a panic")]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tenterhook_client::Client;
use tenterhook_client::v1::event_service_client::EventServiceClient;
use tenterhook_client::v1::{
    BatchPublishEventsRequest, Event, JsonDocument, PublishEventRequest, StreamPublishEventsRequest, json_document,
};
use tokio::sync::Semaphore;
use tonic::transport::{Channel, Endpoint};

const IN_FLIGHT: usize = 64;

#[derive(Clone)]
enum Publisher {
    Client(Box<Client>),
    Stub(EventServiceClient<Channel>),
}

static NUMBERS: AtomicUsize = AtomicUsize::new(0);

fn value() -> Value {
    json!({"id": NUMBERS.fetch_add(1, Ordering::Relaxed), "name": "Zürich", "comments": "x".repeat(1_000)})
}

/// An event as a user of the client makes it.
fn event() -> Event {
    let data = Some(tenterhook_client::json(&value()).unwrap());
    Event { r#type: "updated".into(), object_type: "dcim.site".into(), data, ..Default::default() }
}

/// An event as a user of the generated code makes it.
fn message() -> Event {
    let text = serde_json::to_string(&value()).unwrap();
    Event {
        id: uuid::Uuid::new_v4().to_string(),
        r#type: "updated".into(),
        object_type: "dcim.site".into(),
        data: Some(JsonDocument { value: Some(json_document::Value::Json(text)) }),
        ..Default::default()
    }
}

impl Publisher {
    async fn unary(&mut self) {
        match self {
            Self::Client(client) => drop(client.publish(event()).await.unwrap()),
            Self::Stub(stub) => {
                let request = PublishEventRequest { event: Some(message()) };
                drop(stub.publish_event(request).await.unwrap());
            }
        }
    }

    async fn batch(&mut self) {
        match self {
            Self::Client(client) => drop(client.publish_batch((0..IN_FLIGHT).map(|_| event())).await.unwrap()),
            Self::Stub(stub) => {
                let events = (0..IN_FLIGHT).map(|_| message()).collect();
                drop(stub.batch_publish_events(BatchPublishEventsRequest { events }).await.unwrap());
            }
        }
    }

    async fn stream(&mut self, end: Instant) -> usize {
        let room = Arc::new(Semaphore::new(IN_FLIGHT));
        match self {
            Self::Client(client) => {
                let events = while_there_is_room(room.clone(), end).map(|_| event());
                count(client.publish_stream(events).await.unwrap().map(Result::unwrap), &room).await
            }
            Self::Stub(stub) => {
                let requests = while_there_is_room(room.clone(), end).enumerate().map(|(sequence, ())| {
                    StreamPublishEventsRequest { sequence: sequence as u64, event: Some(message()) }
                });
                let acks = stub.stream_publish_events(requests).await.unwrap().into_inner();
                count(acks.map(Result::unwrap), &room).await
            }
        }
    }
}

/// Yields until `end`, as long as there is room.
fn while_there_is_room(room: Arc<Semaphore>, end: Instant) -> impl Stream<Item = ()> + Send + 'static {
    stream::unfold(room, move |room| async move {
        room.acquire().await.unwrap().forget();
        (Instant::now() < end).then_some(((), room))
    })
}

async fn count(acks: impl Stream, room: &Semaphore) -> usize {
    let mut acks = pin!(acks);
    let mut count = 0;
    while acks.next().await.is_some() {
        count += 1;
        room.add_permits(1);
    }
    count
}

async fn slice(way: &str, publisher: &Publisher, end: Instant) -> usize {
    match way {
        "stream" => publisher.clone().stream(end).await,
        "batch" => {
            let (mut publisher, mut count) = (publisher.clone(), 0);
            while Instant::now() < end {
                publisher.batch().await;
                count += IN_FLIGHT;
            }
            count
        }
        _ => {
            let workers = (0..IN_FLIGHT).map(|_| {
                let mut publisher = publisher.clone();
                tokio::spawn(async move {
                    let mut count = 0;
                    while Instant::now() < end {
                        publisher.unary().await;
                        count += 1;
                    }
                    count
                })
            });
            let workers: Vec<_> = workers.collect();
            let mut count = 0;
            for worker in workers {
                count += worker.await.unwrap();
            }
            count
        }
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (target, rounds): (_, usize) = (&arguments[0], arguments[1].parse().unwrap());
    let time = Duration::from_millis(arguments[2].parse().unwrap());
    let channel = Endpoint::from_shared(format!("http://{target}")).unwrap().connect_lazy();
    let client = ("client", Publisher::Client(Box::new(Client::new(target).unwrap())));
    let stub = ("stub", Publisher::Stub(EventServiceClient::new(channel)));
    for way in ["unary", "batch", "stream"] {
        for round in 0..=rounds {
            // Each is first as often as the other; the first round only warms up.
            let order = if round % 2 == 0 { [&client, &stub] } else { [&stub, &client] };
            for (who, publisher) in order {
                let start = Instant::now();
                let count = slice(way, publisher, start + time).await;
                if round > 0 {
                    println!("{way} {who} {count} {}", start.elapsed().as_secs_f64());
                }
            }
        }
    }
}
