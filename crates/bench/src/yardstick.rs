//! The yardstick: the least that publish to receiver can cost, as a server of its own process.
//!
//! gRPC in, append and one fsync for all that gathered, parse, minijinja, HMAC-SHA512, POST on a kept
//! connection, append of the result. No retries, no reads, no journal, no limits. `bench --yardstick`
//! runs it before each run of the server, on the same machine under the same load.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sha2::Sha512;
use tenterhook_jinja::{BareTemplate, Context};
use tenterhook_proto::tenterhook::v1::event_service_server::{EventService, EventServiceServer};
use tenterhook_proto::tenterhook::v1::stream_publish_events_response::Outcome;
use tenterhook_proto::tenterhook::v1::{self, Event, PublishResult, json_document};
use tenterhook_server::failure::InWords;
use tenterhook_terminal::Terminal;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status};

use super::scenario::{BODY, SECRET};
use super::secure::Over;

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
    /// How requests reach the receiver
    #[arg(long, value_enum)]
    pub(super) over: Over,
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
#[derive(Debug, Clone)]
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
            tls: args.over.client()?,
            shared: (args.over == Over::Http2).then(OnceCell::new),
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
    tls: Option<Arc<ClientConfig>>,
    /// The one connection of HTTP/2; nothing where HTTP/1.1 is spoken.
    shared: Option<OnceCell<http2::SendRequest<Full<Bytes>>>>,
    /// Connections of HTTP/1.1 without a request.
    idle: Mutex<Vec<http1::SendRequest<Full<Bytes>>>>,
    drivers: Mutex<JoinSet<hyper::Result<()>>>,
    log: Log,
}

impl Sender {
    async fn send(&self, context: &Context, event: &str, number: usize) -> Result<()> {
        let body = self.template.render(context).context("the body was not rendered")?;
        let mut mac = self.key.clone();
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = match &self.shared {
            Some(_) => format!("{scheme}://{}/{number}", self.receiver),
            None => format!("/{number}"),
        };
        let mut request = Request::post(url).header("content-type", "application/json");
        if self.shared.is_none() {
            request = request.header("host", self.receiver.to_string());
        }
        let request = request.header("x-hook-signature", signature).body(Full::new(Bytes::from(body)));
        let response = self.exchange(request.context("no request could be made")?).await?;
        let status = response.status().as_u16();
        self.log.note(format!("{event} {number} {status}\n").into_bytes()).await;
        Ok(())
    }

    /// Sends a request and reads the response to its end.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<hyper::Response<()>> {
        if let Some(shared) = &self.shared {
            let mut connection = shared.get_or_try_init(|| self.open_shared()).await?.clone();
            return read(connection.send_request(request).await.context("the receiver broke")?).await;
        }
        let mut connection = self.connection().await?;
        let response = read(connection.send_request(request).await.context("the receiver broke")?).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(response)
    }

    async fn connection(&self) -> Result<http1::SendRequest<Full<Bytes>>> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut kept) = kept
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let stream = self.dial().await?;
        let Some(tls) = self.tls.clone() else {
            let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.context("no HTTP here")?;
            self.drive(driver);
            return Ok(connection);
        };
        let stream = self.encrypt(stream, tls).await?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.context("no HTTP here")?;
        self.drive(driver);
        Ok(connection)
    }

    async fn open_shared(&self) -> Result<http2::SendRequest<Full<Bytes>>> {
        let tls = self.tls.clone().context("HTTP/2 goes over TLS")?;
        let stream = self.encrypt(self.dial().await?, tls).await?;
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (connection, driver) = handshake.await.context("no HTTP/2 here")?;
        self.drive(driver);
        Ok(connection)
    }

    async fn dial(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.receiver).await.context("cannot connect to the receiver")?;
        stream.set_nodelay(true).context("cannot set up the connection")?;
        Ok(stream)
    }

    async fn encrypt(&self, stream: TcpStream, tls: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
        let name = ServerName::from(self.receiver.ip());
        TlsConnector::from(tls).connect(name, stream).await.context("the receiver was not trusted")
    }

    fn drive(&self, driver: impl Future<Output = hyper::Result<()>> + Send + 'static) {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).spawn(driver);
    }
}

async fn read(response: hyper::Response<Incoming>) -> Result<hyper::Response<()>> {
    let (head, body) = response.into_parts();
    body.collect().await.context("the response broke")?;
    Ok(hyper::Response::from_parts(head, ()))
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl EventService for Bare {
    type StreamPublishEventsStream = BoxStream<'static, Result<v1::StreamPublishEventsResponse, Status>>;

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
        request: tonic::Request<tonic::Streaming<v1::StreamPublishEventsRequest>>,
    ) -> Answer<Self::StreamPublishEventsStream> {
        let bare = self.clone();
        let answers = request.into_inner().map(move |message| {
            let bare = bare.clone();
            async move {
                let v1::StreamPublishEventsRequest { sequence, event } = message?;
                let event = event.ok_or_else(|| Status::invalid_argument("event must be set"))?;
                let outcome = bare.publish(vec![event]).await?.pop().map(Outcome::Result);
                Ok(v1::StreamPublishEventsResponse { sequence, outcome })
            }
        });
        Ok(Response::new(answers.buffered(QUEUE).boxed()))
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
    Status::unimplemented("the yardstick takes events only")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;
    use crate::flight::Flights;
    use crate::load::{Load, Publishers, event};
    use crate::server::connect;
    use tenterhook_listen::receiver::receive_within;
    use tenterhook_server::http::Bounds;
    use tokio_util::sync::CancellationToken;

    /// A receiver, and the pipeline that sends to it.
    async fn pipeline(
        folder: &Path,
        webhooks: usize,
        over: Over,
    ) -> (Bare, Arc<Flights>, JoinSet<()>, CancellationToken) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (receiver, end) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (flights, mut tasks) = (Arc::new(Flights::new()), JoinSet::new());
        let bounds = Bounds { tls: over.server().unwrap(), ..Bounds::RECEIVER };
        tasks.spawn(receive_within(vec![listener], bounds, end.clone(), flights.clone()));
        let args = YardstickArgs { receiver, webhooks, over, log: folder.join("log") };
        let bare = Bare::start(&args, &mut tasks).unwrap();
        (bare, flights, tasks, end)
    }

    #[tokio::test]
    async fn every_event_of_batches_and_streams_and_single_ones_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let (bare, flights, mut tasks, _end) = pipeline(folder.path(), 2, Over::Plain).await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tasks.spawn(async move { serve(listener, bare).await.unwrap() });
        let channels = connect(address, 1).await.unwrap();
        let publishers = Publishers { channels, webhooks: 2, keys: 0, flights: flights.clone() };
        flights.measuring.store(true, Ordering::Relaxed);

        let once = Duration::ZERO;
        publishers.run(Load::Batches { in_flight: 1, size: 5 }, once).await.unwrap();
        let after_batches = flights.arrival.count();
        assert_eq!(after_batches, 10, "a batch of five to two webhooks");
        publishers.count(6, 3).await.unwrap();
        assert_eq!((flights.publish.count(), flights.arrival.count()), (11, 22));
        publishers.run(Load::Streams { streams: 1, window: 2 }, once).await.unwrap();
        assert_eq!((flights.publish.count(), flights.arrival.count()), (12, 24), "a stream of one");
        assert_eq!(flights.strays.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn events_arrive_over_tls_by_either_version_of_http() {
        for over in [Over::Https, Over::Http2] {
            let folder = tempfile::tempdir().unwrap();
            let (bare, flights, _tasks, _end) = pipeline(folder.path(), 2, over).await;
            let number = flights.begin(tokio::time::Instant::now(), 2).unwrap();
            bare.publish(vec![event(number)]).await.unwrap();
            flights.landed(number).await;
        }
    }

    #[tokio::test]
    async fn an_event_is_on_disk_and_at_the_receiver_as_often_as_there_are_webhooks() {
        let folder = tempfile::tempdir().unwrap();
        let (bare, flights, _tasks, _end) = pipeline(folder.path(), 3, Over::Plain).await;
        let number = flights.begin(tokio::time::Instant::now(), 3).unwrap();
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
