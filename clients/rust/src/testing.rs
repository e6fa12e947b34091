//! For tests of your own: a server in memory, a receiver that notes what comes, and a wait for a delivery.
//!
//! ```no_run
//! use std::time::Duration;
//! use tenterhook_client::testing::{RecordingReceiver, TestServer, wait_for};
//! use tenterhook_client::v1::{DeliveryState, Event, RequestTemplate, Webhook};
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let server = TestServer::start(&[])?;
//! let receiver = RecordingReceiver::start(&[])?;
//! let client = server.client();
//! let request = Some(RequestTemplate { url: receiver.url(), ..Default::default() });
//! client.create_webhook(Webhook { display_name: "hook".into(), request, ..Default::default() }, "").await?;
//! let published = client.publish(Event { r#type: "created".into(), ..Default::default() }).await?;
//! wait_for(&client, &published.event_id, DeliveryState::Succeeded, Duration::from_secs(10)).await?;
//! assert_eq!(receiver.requests().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! The server is the program `tenterhook`, found by `TENTERHOOK_BIN` or in the PATH. What is started ends when it is
//! dropped.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::v1::watch_deliveries_request::Start;
use crate::v1::{Delivery, DeliveryFilter, DeliveryState, ListDeliveriesRequest, WatchDeliveriesRequest};
use crate::{Client, Error};

const BINARY: &str = "TENTERHOOK_BIN";
/// The line of the server's log that says where it listens.
const STARTED: &str = "tenterhook::started";
const LOG_LINES: usize = 100;
const START_PATIENCE: Duration = Duration::from_secs(20);

/// A server on a free port of this machine, with its store in memory: it starts in a fraction of a second.
#[derive(Debug)]
pub struct TestServer {
    process: Child,
    target: String,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl TestServer {
    /// Starts the program of `TENTERHOOK_BIN`, or else `tenterhook` in the PATH.
    ///
    /// `flags` are further ones of `tenterhook serve`; its settings come from them alone, and not from the environment.
    ///
    /// # Errors
    /// There is no such program; or it does not start, and the error has what it wrote.
    pub fn start(flags: &[&str]) -> io::Result<Self> {
        let program = std::env::var(BINARY).ok().filter(|given| !given.is_empty());
        Self::start_program(program.as_deref().unwrap_or("tenterhook"), flags)
    }

    /// Starts that program.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub fn start_program(program: &str, flags: &[&str]) -> io::Result<Self> {
        Self::start_within(START_PATIENCE, program, flags)
    }

    fn start_within(within: Duration, program: &str, flags: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--dev", "--store", "memory:", "--listen", "127.0.0.1:0", "--ops-listen", "off"]);
        command.args(["--log-format", "json"]).args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TENTERHOOK_") {
                command.env_remove(name);
            }
        }
        let mut process = command.spawn().map_err(|error| {
            let advice = format!("cannot run {program}: install it, or set {BINARY} to its path ({error})");
            io::Error::new(error.kind(), advice)
        })?;
        let lines = Arc::default();
        let (sender, listens) = mpsc::channel();
        let output = process.stdout.take().map(|output| read(output, Arc::clone(&lines), None));
        if let Some(log) = process.stderr.take() {
            read(log, Arc::clone(&lines), Some(sender));
        }
        let ended = match listens.recv_timeout(within) {
            Ok(target) => return Ok(Self { process, target, lines }),
            Err(error) => error == mpsc::RecvTimeoutError::Disconnected,
        };
        let _ = process.kill();
        let _ = process.wait();
        if ended {
            let _ = output.map(std::thread::JoinHandle::join);
        }
        let late = if ended { String::new() } else { format!(" within {within:?}") };
        let lines = lock(&lines).iter().cloned().collect::<String>();
        Err(io::Error::other(format!("the server did not start{late}: {command:?}\n{lines}")))
    }

    /// Where it listens: `127.0.0.1:PORT`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The last 100 lines that the server wrote.
    #[must_use]
    pub fn log(&self) -> String {
        lock(&self.lines).iter().cloned().collect()
    }

    /// A client in a namespace of its own, so that tests do not see each other.
    ///
    /// # Panics
    /// Never: the target is a valid one.
    #[must_use]
    pub fn client(&self) -> Client {
        let mut namespace = format!("test-{}", uuid::Uuid::new_v4().simple());
        namespace.truncate(17);
        Client::builder(&self.target).namespace(namespace).build().expect("the server told its address")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keeps what the server writes, and sends where it listens; the sender is dropped when it ends.
fn read(
    output: impl io::Read + Send + 'static,
    lines: Arc<Mutex<VecDeque<String>>>,
    listens: Option<mpsc::Sender<String>>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let target = listens.as_ref().and_then(|_| listening(&line));
            let mut lines = lock(&lines);
            lines.push_back(line + "\n");
            if lines.len() > LOG_LINES {
                lines.pop_front();
            }
            if let (Some(target), Some(sender)) = (target, &listens) {
                let _ = sender.send(target);
            }
        }
    })
}

/// Where the server listens, if this line of its log says so.
fn listening(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line["target"] == STARTED).then(|| line["listen"].as_str().map(str::to_owned)).flatten()
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// The path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it arrived.
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Noted {
    requests: Vec<ReceivedRequest>,
    statuses: VecDeque<u16>,
    stopped: bool,
}

/// An HTTP server on a free port of this machine that notes each request.
#[derive(Debug)]
pub struct RecordingReceiver {
    address: SocketAddr,
    noted: Arc<(Mutex<Noted>, Condvar)>,
}

impl RecordingReceiver {
    /// Starts a receiver. It answers with these statuses, one after the other, and then with 204.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(statuses: &[u16]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let noted = Arc::new((
            Mutex::new(Noted { statuses: statuses.iter().copied().collect(), ..Default::default() }),
            Condvar::new(),
        ));
        let notes = Arc::clone(&noted);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if lock(&notes.0).stopped {
                    return;
                }
                let notes = Arc::clone(&notes);
                // One that breaks off is the server's to try again.
                std::thread::spawn(move || connection.and_then(|connection| answer(connection, &notes)));
            }
        });
        Ok(Self { address, noted })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What came so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.noted.0).requests.clone()
    }

    /// The requests, when so many have come. It blocks the thread.
    ///
    /// # Panics
    /// When it takes longer than `within`.
    #[must_use]
    pub fn wait(&self, count: usize, within: Duration) -> Vec<ReceivedRequest> {
        let (noted, came) = &*self.noted;
        let (noted, _) = came
            .wait_timeout_while(lock(noted), within, |noted| noted.requests.len() < count)
            .unwrap_or_else(PoisonError::into_inner);
        let requests = &noted.requests;
        assert!(requests.len() >= count, "{} of {count} requests came within {within:?}", requests.len());
        requests.clone()
    }
}

impl Drop for RecordingReceiver {
    fn drop(&mut self) {
        lock(&self.noted.0).stopped = true;
        let _ = TcpStream::connect(self.address); // wakes the thread that accepts
    }
}

/// Reads one request and answers it; a connection has one, so that nothing has to be known of keeping it.
fn answer(mut connection: TcpStream, noted: &(Mutex<Noted>, Condvar)) -> io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            headers.append(name, value);
        }
    }
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let status = {
        let mut noted_now = lock(&noted.0);
        noted_now.requests.push(ReceivedRequest { path, headers, body });
        noted.1.notify_all();
        noted_now.statuses.pop_front().unwrap_or(204)
    };
    write!(connection, "HTTP/1.1 {status} Noted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// A lock that a panic of a test may have poisoned is good all the same: what it guards is only added to.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a wait did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// A delivery ended in another state.
    #[error("delivery {delivery_id} of event {event_id} is {state:?}: {why}")]
    EndedOtherwise {
        /// The delivery.
        delivery_id: String,
        /// Its event.
        event_id: String,
        /// Its state.
        state: DeliveryState,
        /// What went wrong at its last attempt.
        why: String,
    },
    /// It took too long.
    #[error("event {event_id} is not {wanted:?} within {within:?}: {states:?}")]
    Late {
        /// The event.
        event_id: String,
        /// The state that was waited for.
        wanted: DeliveryState,
        /// How long the wait was.
        within: Duration,
        /// The state of each delivery by its id; empty if the event has none.
        states: BTreeMap<String, DeliveryState>,
    },
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// The deliveries of the event, with their attempts, when there are some and all are in the state.
///
/// # Errors
/// At once when a delivery ends in another state, when it takes longer than `within`, and when a call fails.
pub async fn wait_for(
    client: &Client,
    event_id: &str,
    wanted: DeliveryState,
    within: Duration,
) -> Result<Vec<Delivery>, WaitError> {
    let deadline = Instant::now() + within;
    let filter = Some(DeliveryFilter { event_ids: vec![event_id.to_owned()], ..Default::default() });
    let request = ListDeliveriesRequest { filter: filter.clone(), ..Default::default() };
    let (list, token) = client.list_deliveries(request);
    let found: Vec<Delivery> = list.try_collect().await?;
    let mut states: BTreeMap<_, _> = found.into_iter().map(|one| (one.id.clone(), one.state())).collect();
    let start = Some(Start::ResumeToken(token.get()));
    let mut watch = client.watch(WatchDeliveriesRequest { filter, start, ..Default::default() });
    while states.is_empty() || states.values().any(|state| *state != wanted) {
        check_ended(client, event_id, &states, wanted).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(next) = tokio::time::timeout(left, watch.next()).await else {
            return Err(WaitError::Late { event_id: event_id.to_owned(), wanted, within, states });
        };
        let delivery = next?.change.delivery.unwrap_or_default();
        states.insert(delivery.id.clone(), delivery.state());
    }
    let mut deliveries = Vec::new();
    for id in states.keys() {
        deliveries.push(client.get_delivery(id).await?);
    }
    Ok(deliveries)
}

async fn check_ended(
    client: &Client,
    event_id: &str,
    states: &BTreeMap<String, DeliveryState>,
    wanted: DeliveryState,
) -> Result<(), WaitError> {
    use DeliveryState::{Cancelled, Failed, Succeeded};
    let is_final = |state: DeliveryState| matches!(state, Succeeded | Failed | Cancelled);
    let ended = states.iter().find(|(_, state)| is_final(**state) && **state != wanted);
    let Some((delivery_id, _)) = ended.filter(|_| is_final(wanted)) else { return Ok(()) };
    let delivery = client.get_delivery(delivery_id).await?;
    let why = delivery.attempts.last().map_or_else(|| "it was not tried".to_owned(), |last| last.error.clone());
    let (delivery_id, event_id) = (delivery_id.clone(), event_id.to_owned());
    Err(WaitError::EndedOtherwise { delivery_id, event_id, state: delivery.state(), why })
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_server_that_does_not_come_up_is_given_up_with_what_it_wrote() {
        let program = std::env::temp_dir().join(format!("tenterhook-slow-{}", uuid::Uuid::new_v4()));
        std::fs::write(&program, "#!/bin/sh\necho opening the store\nexec tail -f /dev/null\n").unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let late = TestServer::start_within(Duration::from_secs(1), program.to_str().unwrap(), &[]).unwrap_err();
        std::fs::remove_file(program).unwrap();
        let late = late.to_string();
        assert!(late.starts_with("the server did not start within 1s: "), "{late}");
        assert!(late.ends_with("\nopening the store\n"), "{late}");
    }
}
