//! The yardstick: the least that publish to receiver can cost, as a server of its own process.
//!
//! gRPC in, append and one fsync for all that gathered, parse, minijinja, HMAC-SHA512, keep-alive
//! POST, append of the result. No retries, no reads, no journal, no limits. `bench --yardstick`
//! runs it before each run of the server, on the same machine under the same load.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use prost::Message;
use sha2::Sha512;
use tenterhook_jinja::{BareTemplate, Context};
use tenterhook_proto::tenterhook::v1::event_service_server::{EventService, EventServiceServer};
use tenterhook_proto::tenterhook::v1::{self, Event, PublishResult, json_document};
use tenterhook_server::failure::InWords;
use tenterhook_server::terminal::Terminal;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tonic::codegen::tokio_stream::Empty;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status};

use super::scenario::{BODY, SECRET};

/// Records that wait for one fsync, and events that wait to be sent.
const QUEUE: usize = 4_096;

/// What the process of the yardstick is told.
#[derive(Debug, Clone, Args)]
pub(super) struct YardstickArgs {
    /// Where requests go
    #[arg(long, value_name = "ADDRESS")]
    pub(super) receiver: SocketAddr,
    /// Requests of each event
    #[arg(long, value_name = "COUNT")]
    pub(super) webhooks: usize,
    /// The file that records are appended to
    #[arg(long, value_name = "FILE")]
    pub(super) log: PathBuf,
}

/// Serves until the process is killed.
pub(super) async fn run(args: &YardstickArgs, terminal: Terminal) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
    let address = listener.local_addr().context("the listener has no address")?;
    let mut tasks = JoinSet::new();
    let bare = Bare::start(args, &mut tasks)?;
    terminal.line(format!("listens on  {address}"));
    serve(listener, bare).await
}

async fn serve(listener: TcpListener, bare: Bare) -> Result<()> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder().add_service(EventServiceServer::new(bare));
    server.serve_with_incoming(incoming).await.context("the yardstick broke")
}

/// Appends records in the order in which they come.
#[derive(Debug, Clone)]
struct Log(mpsc::Sender<(Vec<u8>, Option<oneshot::Sender<()>>)>);

impl Log {
    fn open(path: &Path, tasks: &mut JoinSet<()>) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let (sender, inbox) = mpsc::channel(QUEUE);
        tasks.spawn_blocking(move || write(inbox, file).expect("the benchmark's disk takes its log"));
        Ok(Self(sender))
    }

    /// Returns once the record is on stable storage.
    async fn append(&self, record: Vec<u8>) -> Result<(), Status> {
        let (answer, written) = oneshot::channel();
        let gone = |_| Status::unavailable("the log has ended");
        self.0.send((record, Some(answer))).await.map_err(gone)?;
        written.await.map_err(|_| Status::unavailable("the log has ended"))
    }

    /// Returns at once; the record goes with the next that is waited for.
    async fn note(&self, record: Vec<u8>) {
        let _ended = self.0.send((record, None)).await;
    }
}

/// Appends whatever has gathered, with one fsync for all.
fn write(mut inbox: mpsc::Receiver<(Vec<u8>, Option<oneshot::Sender<()>>)>, mut file: File) -> io::Result<()> {
    let mut waiting = Vec::new();
    while let Some((mut bytes, answer)) = inbox.blocking_recv() {
        waiting.extend(answer);
        while let Ok((more, answer)) = inbox.try_recv() {
            bytes.extend(more);
            waiting.extend(answer);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for answer in waiting.drain(..) {
            let _gone = answer.send(());
        }
    }
    Ok(())
}

/// The pipeline behind the call.
#[derive(Debug)]
struct Bare {
    log: Log,
    events: mpsc::Sender<Event>,
    webhooks: i32,
}

impl Bare {
    fn start(args: &YardstickArgs, tasks: &mut JoinSet<()>) -> Result<Self> {
        let log = Log::open(&args.log, tasks)?;
        let template = BareTemplate::compile(BODY).context("minijinja does not take the benchmark's template")?;
        let key = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).context("no key of HMAC")?;
        let sender = Sender {
            template,
            key,
            receiver: args.receiver,
            idle: Mutex::default(),
            drivers: Mutex::default(),
            log: log.clone(),
        };
        let (events, queue) = mpsc::channel(QUEUE);
        tasks.spawn(send_all(queue, Arc::new(sender), args.webhooks));
        Ok(Self { log, events, webhooks: i32::try_from(args.webhooks).context("too many webhooks")? })
    }

    async fn publish(&self, events: Vec<Event>) -> Result<Vec<PublishResult>, Status> {
        let mut record = Vec::new();
        for event in &events {
            event.encode_length_delimited(&mut record).map_err(|_| Status::internal("an event has no bytes"))?;
        }
        self.log.append(record).await?;
        let mut results = Vec::with_capacity(events.len());
        for event in events {
            let delivery_count = self.webhooks;
            results.push(PublishResult { event_id: event.id.clone(), delivery_count, ..PublishResult::default() });
            self.events.send(event).await.map_err(|_| Status::unavailable("the sender has ended"))?;
        }
        Ok(results)
    }
}

/// Sends each event to the receiver as often as there are webhooks.
async fn send_all(mut events: mpsc::Receiver<Event>, sender: Arc<Sender>, webhooks: usize) {
    let mut requests = JoinSet::new();
    while let Some(event) = events.recv().await {
        let context = Arc::new((context_of(&event), event.id));
        for number in 0..webhooks {
            let (sender, context) = (Arc::clone(&sender), Arc::clone(&context));
            requests.spawn(async move { sender.send(&context.0, &context.1, number).await });
        }
        while let Some(sent) = requests.try_join_next() {
            sent.expect("a request does not panic").expect("the benchmark's receiver takes every request");
        }
    }
}

/// What the template sees: the event's JSON, parsed once.
fn context_of(event: &Event) -> Context {
    let data = match event.data.as_ref().and_then(|data| data.value.as_ref()) {
        Some(json_document::Value::Json(json)) => json.as_str(),
        _ => "null",
    };
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let json = format!(
        r#"{{"event_id": {}, "model": {}, "username": {}, "data": {data}}}"#,
        text(&event.id),
        text(&event.object_type),
        text(&event.username),
    );
    Context::from_json(&json).expect("the benchmark publishes JSON")
}

/// Renders, signs and sends.
#[derive(Debug)]
struct Sender {
    template: BareTemplate,
    key: Hmac<Sha512>,
    receiver: SocketAddr,
    /// Connections without a request.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    drivers: Mutex<JoinSet<hyper::Result<()>>>,
    log: Log,
}

impl Sender {
    async fn send(&self, context: &Context, event: &str, number: usize) -> Result<()> {
        let body = self.template.render(context).context("the body was not rendered")?;
        let mut mac = self.key.clone();
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let request = Request::post(format!("/{number}"))
            .header("host", self.receiver.to_string())
            .header("content-type", "application/json")
            .header("x-hook-signature", signature)
            .body(Full::new(Bytes::from(body)))
            .context("no request could be made")?;
        let mut connection = self.connection().await?;
        let response = connection.send_request(request).await.context("the receiver broke")?;
        let status = response.status().as_u16();
        response.into_body().collect().await.context("the response broke")?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.log.note(format!("{event} {number} {status}\n").into_bytes()).await;
        Ok(())
    }

    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut kept) = kept
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let stream = TcpStream::connect(self.receiver).await.context("cannot connect to the receiver")?;
        stream.set_nodelay(true).context("cannot set up the connection")?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.context("no HTTP here")?;
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).spawn(driver);
        Ok(connection)
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl EventService for Bare {
    type StreamPublishEventsStream = Empty<Result<v1::StreamPublishEventsResponse, Status>>;

    async fn publish_event(
        &self,
        request: tonic::Request<v1::PublishEventRequest>,
    ) -> Answer<v1::PublishEventResponse> {
        let event = request.into_inner().event.ok_or_else(|| Status::invalid_argument("event must be set"))?;
        let result = self.publish(vec![event]).await?.pop();
        Ok(Response::new(v1::PublishEventResponse { result }))
    }

    async fn batch_publish_events(
        &self,
        request: tonic::Request<v1::BatchPublishEventsRequest>,
    ) -> Answer<v1::BatchPublishEventsResponse> {
        let results = self.publish(request.into_inner().events).await?;
        Ok(Response::new(v1::BatchPublishEventsResponse { results }))
    }

    async fn stream_publish_events(
        &self,
        _: tonic::Request<tonic::Streaming<v1::StreamPublishEventsRequest>>,
    ) -> Answer<Self::StreamPublishEventsStream> {
        Err(only_publishes())
    }

    async fn get_event(&self, _: tonic::Request<v1::GetEventRequest>) -> Answer<v1::GetEventResponse> {
        Err(only_publishes())
    }

    async fn list_events(&self, _: tonic::Request<v1::ListEventsRequest>) -> Answer<v1::ListEventsResponse> {
        Err(only_publishes())
    }

    async fn explain_event(&self, _: tonic::Request<v1::ExplainEventRequest>) -> Answer<v1::ExplainEventResponse> {
        Err(only_publishes())
    }

    async fn replay_events(&self, _: tonic::Request<v1::ReplayEventsRequest>) -> Answer<v1::ReplayEventsResponse> {
        Err(only_publishes())
    }
}

fn only_publishes() -> Status {
    Status::unimplemented("the yardstick takes single events and batches only")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;
    use crate::flight::Flights;
    use crate::load::{Load, Publishers, event};
    use crate::server::connect;
    use tenterhook_listen::receiver::receive;
    use tokio_util::sync::CancellationToken;

    /// A receiver, and the pipeline that sends to it.
    async fn pipeline(folder: &Path, webhooks: usize) -> (Bare, Arc<Flights>, JoinSet<()>, CancellationToken) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (receiver, end) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (flights, mut tasks) = (Arc::new(Flights::new()), JoinSet::new());
        tasks.spawn(receive(listener, end.clone(), flights.clone()));
        let args = YardstickArgs { receiver, webhooks, log: folder.join("log") };
        let bare = Bare::start(&args, &mut tasks).unwrap();
        (bare, flights, tasks, end)
    }

    #[tokio::test]
    async fn every_event_of_batches_and_single_ones_arrives_and_streams_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (bare, flights, mut tasks, _end) = pipeline(folder.path(), 2).await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tasks.spawn(async move { serve(listener, bare).await.unwrap() });
        let channels = connect(address, 1).await.unwrap();
        let publishers = Publishers { channels, webhooks: 2, flights: flights.clone() };
        flights.measuring.store(true, Ordering::Relaxed);

        let once = Duration::ZERO;
        publishers.run(Load::Batches { in_flight: 1, size: 5 }, once).await.unwrap();
        let after_batches = flights.arrival.count();
        assert_eq!(after_batches, 10, "a batch of five to two webhooks");
        publishers.count(6, 3).await.unwrap();
        assert_eq!((flights.publish.count(), flights.arrival.count()), (11, 22));
        assert_eq!(flights.strays.load(Ordering::Relaxed), 0);
        let refused = publishers.run(Load::Streams { streams: 1, window: 2 }, once).await.unwrap_err();
        assert_eq!(refused.to_string(), "StreamPublishEvents was refused");
    }

    #[tokio::test]
    async fn an_event_is_on_disk_and_at_the_receiver_as_often_as_there_are_webhooks() {
        let folder = tempfile::tempdir().unwrap();
        let (bare, flights, _tasks, _end) = pipeline(folder.path(), 3).await;
        let number = flights.begin(tokio::time::Instant::now(), 3);
        let results = bare.publish(vec![event(number)]).await.unwrap();
        assert_eq!((results.len(), results[0].delivery_count), (1, 3));
        let log = std::fs::read(folder.path().join("log")).unwrap();
        assert!(
            log.windows(7).any(|bytes| bytes == Flights::id(number).as_bytes()),
            "it was appended before the answer"
        );
        flights.landed(number).await;
    }
}
