//! The simulated net: names that resolve, connections in memory, and receivers that answer
//! as their temper has it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tenterhook_deliver::{Dial, Dialled};
use tenterhook_model::{Clock, HostName, Resolve, ResolveError};
use tenterhook_store::{Sequence, Store};
use tokio::io::DuplexStream;
use tokio::task::JoinSet;

use super::chance::{Dice, SimClock};
use super::history::{Answer, Seen};
use super::plan::{CALM, Temper};

/// Bytes that a connection holds in each direction.
const DUPLEX_BYTES: usize = 64 * 1024;

/// The net, which outlives every process. Clones share it.
#[derive(Clone)]
pub(crate) struct Net(Arc<Shared>);

struct Shared {
    clock: Arc<SimClock>,
    tempers: Vec<Temper>,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    seen: Vec<Seen>,
    refused: usize,
    life: usize,
    /// The store of the process that is alive, to tell where the journal stands.
    store: Option<Arc<dyn Store>>,
    connections: JoinSet<()>,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}

impl Net {
    pub(crate) fn new(clock: Arc<SimClock>, tempers: Vec<Temper>, dice: Dice) -> Self {
        let state = State { dice, seen: Vec::new(), refused: 0, life: 0, store: None, connections: JoinSet::new() };
        Self(Arc::new(Shared { clock, tempers, state: Mutex::new(state) }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// A process has started.
    pub(crate) fn begin_life(&self, life: usize, store: Arc<dyn Store>) {
        let mut state = self.state();
        state.life = life;
        state.store = Some(store);
    }

    /// The process is gone, and its connections with it.
    pub(crate) fn end_life(&self) {
        let connections = {
            let mut state = self.state();
            state.store = None;
            std::mem::take(&mut state.connections)
        };
        // Dropped outside of the lock, for requests under way note their end.
        drop(connections);
    }

    /// Everything seen, and how many connections were refused.
    pub(crate) fn take(&self) -> (Vec<Seen>, usize) {
        let mut state = self.state();
        (std::mem::take(&mut state.seen), state.refused)
    }

    fn is_calm(&self) -> bool {
        self.0.clock.elapsed() >= CALM
    }

    fn choose(&self, hook: usize) -> Answer {
        let temper = if self.is_calm() { Temper::default() } else { self.0.tempers[hook] };
        let dice = &mut self.state().dice;
        let mut roll = dice.between(0, 999);
        let mut hits = |share: u64| {
            let hit = roll < share;
            roll = roll.saturating_sub(share);
            hit
        };
        if hits(temper.error) {
            Answer::Status(dice.pick(&[500, 404, 302, 503]))
        } else if hits(temper.busy) {
            Answer::Busy(dice.pick(&[503, 429]), dice.between(1, 40))
        } else if hits(temper.gone) {
            Answer::Status(410)
        } else if hits(temper.permanent) {
            Answer::Status(422)
        } else if hits(temper.hang) {
            Answer::Hang
        } else if hits(temper.reset) {
            Answer::Reset
        } else if hits(temper.slow) {
            Answer::Slow(dice.pick(&[200, 500]))
        } else {
            Answer::Status(dice.pick(&[200, 201, 204]))
        }
    }

    fn refuses(&self, hook: usize) -> bool {
        if self.is_calm() {
            return false;
        }
        let mut state = self.state();
        let refuses = state.dice.between(0, 999) < self.0.tempers[hook].refuse;
        state.refused += usize::from(refuses);
        refuses
    }

    /// Notes a request; its end is noted when what comes back is dropped.
    fn note(&self, hook: usize, head: &Parts, body: Bytes, answer: Answer) -> Noted {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let pair = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap_or_default().to_owned())
        };
        let mut state = self.state();
        let journal = state.store.as_ref().map_or(Sequence(0), |store| store.journal().last);
        let seen = Seen {
            hook,
            from: self.0.clock.elapsed(),
            until: Duration::MAX,
            clock: self.0.clock.now(),
            journal,
            life: state.life,
            delivery: header("x-tenterhook-delivery").parse().expect("every request names its delivery"),
            attempt: header("x-tenterhook-attempt").parse().expect("every request has its number"),
            headers: head.headers.iter().map(pair).collect(),
            body,
            answer,
        };
        state.seen.push(seen);
        Noted { net: self.clone(), place: state.seen.len() - 1 }
    }

    async fn answer(self, hook: usize, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Abandon> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Abandon)?.to_bytes();
        let answer = self.choose(hook);
        let _noted = self.note(hook, &head, body, answer);
        let response = Response::builder();
        let response = match answer {
            Answer::Status(status) => response.status(status),
            Answer::Slow(status) => {
                let wait = self.state().dice.millis(1, 6_000);
                tokio::time::sleep(wait).await;
                response.status(status)
            }
            Answer::Busy(status, seconds) => response.status(status).header("retry-after", seconds),
            Answer::Hang => std::future::pending().await,
            Answer::Reset => return Err(Abandon),
        };
        Ok(response.body(Full::from("noted")).expect("a status and a number make an answer"))
    }
}

/// Marks the end of a request when it is dropped.
struct Noted {
    net: Net,
    place: usize,
}

impl Drop for Noted {
    fn drop(&mut self) {
        let now = self.net.0.clock.elapsed();
        // After the history was taken nobody asks any more.
        if let Some(seen) = self.net.state().seen.get_mut(self.place) {
            seen.until = now;
        }
    }
}

impl Dial for Net {
    type Stream = DuplexStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<DuplexStream>> {
        let IpAddr::V4(v4) = address.ip() else { return Err(io::ErrorKind::HostUnreachable.into()) };
        let hook = usize::from(v4.octets()[3]);
        if self.refuses(hook) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(DUPLEX_BYTES);
        let net = self.clone();
        let service = service_fn(move |request| net.clone().answer(hook, request));
        let mut server = hyper::server::conn::http1::Builder::new();
        // The time of day would make two runs of one seed differ.
        server.auto_date_header(false);
        let connection = server.serve_connection(TokioIo::new(theirs), service);
        self.state().connections.spawn(async move {
            // How a connection ends is seen from the other side.
            let _ = connection.await;
        });
        Ok(Dialled { stream: ours, peer: address })
    }
}

#[async_trait]
impl Resolve for Net {
    async fn resolve(&self, host: &HostName) -> Result<Vec<IpAddr>, ResolveError> {
        let number = host.as_str().strip_prefix("receiver-").and_then(|rest| rest.strip_suffix(".example"));
        let number = number.and_then(|number| number.parse::<u8>().ok());
        // Any public network does; nothing leaves this process.
        number
            .map(|number| vec![IpAddr::V4(Ipv4Addr::new(93, 184, 216, number))])
            .ok_or_else(|| ResolveError::not_found(host))
    }
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct Abandon;

impl fmt::Display for Abandon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver hangs up")
    }
}

impl std::error::Error for Abandon {}
