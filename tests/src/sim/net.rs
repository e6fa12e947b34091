//! The simulated net: names that resolve to one address or several, of which some lead nowhere,
//! connections in memory, receivers that answer as their temper has it, a proxy and a token server.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;

use super::chance::{Dice, SimClock};
use super::history::{Answer, Seen};
use super::plan::{CALM, Plan, Road, Temper};

/// Bytes that a connection holds in each direction.
const DUPLEX_BYTES: usize = 64 * 1024;
/// The last number of the proxy's address, and of the token server's; receivers have those below.
const PROXY: u8 = 250;
const TOKENS: u8 = 251;
/// How often, in 1,000 connections or requests, either fails in each of its ways.
const FAILS: u64 = 40;

/// The net, which outlives every process. Clones share it.
#[derive(Clone)]
pub(crate) struct Net(Arc<Shared>);

struct Shared {
    clock: Arc<SimClock>,
    tempers: Vec<Temper>,
    /// The roads to each receiver, one for each address of its name.
    roads: Vec<Vec<Road>>,
    /// Whether requests leave by the proxy.
    proxied: bool,
    state: Mutex<State>,
}

/// What was counted of the ways to receivers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Connections that receivers refused.
    pub(crate) refused: usize,
    /// Connections to the proxy that it failed.
    pub(crate) failed_proxies: usize,
    /// Connections that went round the proxy.
    pub(crate) round_the_proxy: usize,
    /// Requests that other nodes sent.
    pub(crate) elsewhere: usize,
    /// Nodes that were killed.
    pub(crate) killed: usize,
}

struct State {
    dice: Dice,
    seen: Vec<Seen>,
    counts: Counts,
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
    pub(crate) fn new(clock: Arc<SimClock>, plan: &Plan) -> Self {
        let state = State {
            dice: plan.net_dice.clone(),
            seen: Vec::new(),
            counts: Counts::default(),
            life: 0,
            store: None,
            connections: JoinSet::new(),
        };
        let tempers = plan.hooks.iter().map(|hook| hook.temper).collect();
        let roads = plan.hooks.iter().map(|hook| hook.roads.clone()).collect();
        Self(Arc::new(Shared { clock, tempers, roads, proxied: plan.proxied, state: Mutex::new(state) }))
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

    /// Everything seen, and what was counted.
    pub(crate) fn take(&self) -> (Vec<Seen>, Counts) {
        let mut state = self.state();
        (std::mem::take(&mut state.seen), state.counts)
    }

    /// Another node sends a request.
    pub(crate) fn count_elsewhere(&self) {
        self.state().counts.elsewhere += 1;
    }

    /// Another node was killed.
    pub(crate) fn count_killed(&self) {
        self.state().counts.killed += 1;
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

    /// Whether who is at an address refuses a connection.
    fn refuses(&self, place: u8) -> bool {
        let Some(temper) = self.0.tempers.get(usize::from(place)).filter(|_| !self.is_calm()) else { return false };
        let mut state = self.state();
        let refuses = state.dice.between(0, 999) < temper.refuse;
        state.counts.refused += usize::from(refuses);
        refuses
    }

    /// The way in which the proxy or the token server fails this time, if it does.
    fn mishap(&self) -> Option<Mishap> {
        let ways = [Mishap::Refusal, Mishap::Garbage, Mishap::End, Mishap::Silence];
        let roll = if self.is_calm() { u64::MAX } else { self.state().dice.between(0, 999) };
        ways.get((roll / FAILS) as usize).copied()
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

/// How a proxy or a token server fails.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    Refusal,
    Garbage,
    End,
    Silence,
}

impl Net {
    /// Serves the receiver or the token server at an address.
    async fn serve(self, place: u8, stream: DuplexStream) {
        let service = service_fn(move |request| {
            let net = self.clone();
            async move {
                match place {
                    TOKENS => net.token().await,
                    _ => net.answer(usize::from(place), request).await,
                }
            }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        // The time of day would make two runs of one seed differ.
        server.auto_date_header(false);
        // How a connection ends is seen from the other side.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }

    /// Serves CONNECT.
    async fn proxy(self, mut stream: DuplexStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let mishap = self.mishap();
        self.state().counts.failed_proxies += usize::from(mishap.is_some());
        match mishap {
            Some(Mishap::Refusal) => {
                return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
            }
            Some(Mishap::Garbage) => return stream.write_all(b"garbage\r\n\r\n").await,
            Some(Mishap::End) => return Ok(()),
            Some(Mishap::Silence) => return std::future::pending().await,
            None => {}
        }
        let head = String::from_utf8(head).expect("a request is text");
        let address = head.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(' ')).map(|(address, _)| address);
        let address: SocketAddr = address.and_then(|address| address.parse().ok()).expect("names are looked up here");
        let Place { number: place, .. } = Place::of(address);
        if self.refuses(place) {
            return stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        self.serve(place, stream).await;
        Ok(())
    }

    /// Answers a request for a token.
    async fn token(self) -> Result<Response<Full<Bytes>>, Abandon> {
        let (status, body) = match self.mishap() {
            Some(Mishap::Refusal) => (400, r#"{"error": "invalid_client"}"#),
            Some(Mishap::Garbage) => (200, "garbage"),
            Some(Mishap::End) => return Err(Abandon),
            Some(Mishap::Silence) => std::future::pending().await,
            None => (200, r#"{"access_token": "simulated", "token_type": "Bearer", "expires_in": 20}"#),
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        Ok(response.body(Full::from(body)).expect("a status and a type make an answer"))
    }
}

/// What an address leads to.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Which receiver, or what else.
    number: u8,
    /// On which of its roads.
    road: u8,
}

impl Place {
    /// What `address` is, which a look-up gave.
    fn of(address: SocketAddr) -> Self {
        match address.ip() {
            IpAddr::V4(v4) => Self { number: v4.octets()[3], road: v4.octets()[2] },
            IpAddr::V6(v6) => Self { number: v6.octets()[15], road: v6.octets()[13] },
        }
    }

    /// Its address: of any public network, for nothing leaves this process.
    fn address(self, is_v6: bool) -> IpAddr {
        let Self { number, road } = self;
        if is_v6 {
            return IpAddr::V6(Ipv6Addr::new(0x2606, 0x2800, 0, 0, 0, 0, u16::from(road), u16::from(number)));
        }
        IpAddr::V4(Ipv4Addr::new(93, 184, road, number))
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
        let Place { number: place, road } = Place::of(address);
        match self.0.roads.get(usize::from(place)).map(|roads| roads[usize::from(road)]) {
            Some(Road::Dead) => return std::future::pending().await,
            Some(Road::Closed) => return Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Road::Slow(wait)) => tokio::time::sleep(wait).await,
            Some(Road::Open) | None => {}
        }
        if self.0.proxied && place != PROXY {
            self.state().counts.round_the_proxy += 1;
        }
        if place != PROXY && self.refuses(place) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(DUPLEX_BYTES);
        let net = self.clone();
        self.state().connections.spawn(async move {
            match place {
                // How a connection ends is seen from the other side.
                PROXY => drop(net.proxy(theirs).await),
                _ => net.serve(place, theirs).await,
            }
        });
        Ok(Dialled { stream: ours, peer: address })
    }
}

#[async_trait]
impl Resolve for Net {
    async fn resolve(&self, host: &HostName) -> Result<Vec<IpAddr>, ResolveError> {
        let number = match host.as_str() {
            "proxy.example" => Some(PROXY),
            "tokens.example" => Some(TOKENS),
            other => {
                let number = other.strip_prefix("receiver-").and_then(|rest| rest.strip_suffix(".example"));
                number.and_then(|number| number.parse::<u8>().ok())
            }
        };
        let number = number.ok_or_else(|| ResolveError::not_found(host))?;
        let one = [Road::Open];
        let roads = self.0.roads.get(usize::from(number)).map_or(&one[..], |roads| roads);
        // Of several addresses each other one is of IPv6, so that families take turns.
        let address = |road: usize| {
            let place = Place { number, road: u8::try_from(road).expect("there are few roads") };
            place.address(roads.len() > 1 && road.is_multiple_of(2))
        };
        Ok((0..roads.len()).map(address).collect())
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
