//! The name servers of a configuration, asked one question by way of hickory and its cache.
//!
//! They are asked in their order, as the system's own resolver does: the first may know names
//! that the others do not. One that fails leaves the question to the next at once; one that is
//! silent does so after a while, and is still heard.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use tenterhook_model::limits;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};

use super::conf::Conf;
use super::cut::Cut;
use super::zone::{ServerAddress, Sockets};

/// Time for one question: nearly all that a look-up has, so that a slow name server is heard.
/// hickory sends a question that gets no answer again meanwhile.
const QUESTION_TIMEOUT: Duration = limits::DNS_TIMEOUT.saturating_sub(Duration::from_millis(50));
/// How long a name server may be silent before the next is asked too: all of them can be asked
/// within the time of a question.
const NEXT_SERVER: Duration = Duration::from_millis(400);
/// How long the name server that answered for one that did not is asked first.
const PREFERENCE: Duration = Duration::from_secs(30);
/// The longest that an answer is believed, so that a receiver that moves is followed soon
/// even where its name server says otherwise.
const BELIEF_MAX: Duration = limits::DNS_KEPT;
/// The longest that "no such host" is believed.
const DISBELIEF_MAX: Duration = limits::DNS_ABSENCE_KEPT;

/// Why the name servers did not say whether a name has addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Failure {
    /// None of them answered.
    #[error("no name server answered in time")]
    Silent,
    /// None of them can be reached.
    #[error("no name server can be reached")]
    Unreachable,
    /// They refused or failed.
    #[error("the name server answered {0}")]
    Code(Code),
    /// An answer came cut short, and there is no way to the whole one.
    #[error(
        "the name server cut its answer short and did not give the whole of it over TCP; let TCP through to its port 53"
    )]
    Cut,
    /// An answer came cut short, and none over TCP.
    #[error("the name server cut its answer short and did not answer over TCP in time")]
    CutAndSilent,
    /// Their answer makes no sense.
    #[error("the name server's answer cannot be read")]
    Unreadable,
}

/// The code of a name server's answer (RFC 1035 section 4.1.1, RFC 6895 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(ResponseCode);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ResponseCode::FormErr => f.write_str("that it does not understand the question (FORMERR)"),
            ResponseCode::ServFail => f.write_str("that it failed (SERVFAIL)"),
            ResponseCode::NotImp => f.write_str("that it does not look names up (NOTIMP)"),
            ResponseCode::Refused => f.write_str("that it refuses to look this name up (REFUSED)"),
            other => write!(f, "with the code {}", u16::from(other)),
        }
    }
}

/// The addresses that were found; empty when there are none.
pub(super) type Found = Result<Vec<IpAddr>, Failure>;

/// The name servers.
pub(super) struct Servers {
    /// One resolver with one cache a server, in their order; then the same without the extension
    /// EDNS (RFC 6891), which some routers refuse or drop.
    resolvers: Vec<Resolver<Sockets>>,
    /// The server to ask first, and until when.
    preferred: Mutex<Option<(usize, Instant)>>,
    /// What came cut short.
    cut: Arc<Cut>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("preferred", &self.preferred).finish_non_exhaustive()
    }
}

impl Servers {
    /// The name servers of `conf`, on this port.
    pub(super) fn new(conf: &Conf, port: u16) -> Self {
        let cut = Arc::<Cut>::default();
        let one = |(edns, server): (bool, &ServerAddress)| {
            let sockets = Sockets::to(server.clone(), Arc::clone(&cut));
            resolver(server, sockets, Wire { port, tcp_only: conf.tcp_only, edns })
        };
        let all = [true, false].into_iter().flat_map(|edns| conf.servers.iter().map(move |server| (edns, server)));
        let resolvers: Vec<_> = all.map(one).collect();
        assert!(!resolvers.is_empty(), "a configuration has at least one name server");
        Self { resolvers, preferred: Mutex::default(), cut }
    }

    fn preferred(&self) -> MutexGuard<'_, Option<(usize, Instant)>> {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of one kind of a complete name.
    ///
    /// # Cancel safety
    /// Dropping the future takes the question back.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Found {
        let start = Instant::now();
        match self.ask_from(start, name, kind).await {
            Err(Failure::Silent) if self.cut.has(name, kind, start) => Err(Failure::CutAndSilent),
            found => found,
        }
    }

    async fn ask_from(&self, start: Instant, name: &Name, kind: RecordType) -> Found {
        let (deadline, mut ask_next) = (start + QUESTION_TIMEOUT, start);
        let first = self.preferred().filter(|(_, until)| *until > start).map_or(0, |(place, _)| place);
        assert!(first < self.resolvers.len(), "name server {first} of {} is asked first", self.resolvers.len());
        let mut waiting =
            std::iter::once(first).chain((0..self.resolvers.len()).filter(|place| *place != first)).peekable();
        let (mut asked, mut failure) = (FuturesUnordered::new(), None);
        loop {
            if asked.is_empty() || Instant::now() >= ask_next {
                match waiting.next() {
                    Some(place) => {
                        asked.push(async move { (place, question(&self.resolvers[place], name, kind).await) });
                        ask_next = Instant::now() + NEXT_SERVER;
                    }
                    None if asked.is_empty() => return Err(failure.unwrap_or(Failure::Silent)),
                    None => {}
                }
            }
            tokio::select! {
                // An answer that is there counts even when its time is just up.
                biased;
                Some((place, found)) = asked.next() => match found {
                    Ok(addresses) => {
                        self.prefer(place, first);
                        return Ok(addresses);
                    }
                    Err(error) => {
                        failure = Some(failure.map_or(error, |before| telling(before, error)));
                        ask_next = Instant::now();
                    }
                },
                () = sleep_until(ask_next), if waiting.peek().is_some() => {}
                () = sleep_until(deadline) => return Err(failure.map_or(Failure::Silent, |before| telling(before, Failure::Silent))),
            }
        }
    }

    /// Notes that the server at `place` answered where `first` was asked before it.
    fn prefer(&self, place: usize, first: usize) {
        if place != first {
            *self.preferred() = (place > 0).then(|| (place, Instant::now() + PREFERENCE));
        }
    }
}

/// The one of two failures that says more.
fn telling(one: Failure, other: Failure) -> Failure {
    match (one, other) {
        (Failure::Unreachable, other) => other,
        (Failure::Silent, Failure::Code(_) | Failure::Cut | Failure::Unreadable) => other,
        (one, _) => one,
    }
}

/// How a server is spoken to.
struct Wire {
    port: u16,
    tcp_only: bool,
    edns: bool,
}

fn resolver(server: &ServerAddress, sockets: Sockets, wire: Wire) -> Resolver<Sockets> {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    connections.drain(..usize::from(wire.tcp_only));
    connections.iter_mut().for_each(|connection| connection.port = wire.port);
    let name_server = NameServerConfig::new(server.ip, true, connections);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
    let mut builder = Resolver::builder_with_config(config, sockets);
    let options = builder.options_mut();
    options.edns0 = wire.edns;
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = QUESTION_TIMEOUT;
    options.attempts = 0;
    options.positive_max_ttl = Some(BELIEF_MAX);
    options.negative_max_ttl = Some(DISBELIEF_MAX);
    builder.build().expect("only TLS, which is not built in, can fail to be set up")
}

async fn question(resolver: &Resolver<Sockets>, name: &Name, kind: RecordType) -> Found {
    match resolver.lookup(name.clone(), kind).await {
        Ok(answer) => Ok(answer.answers().iter().filter_map(|record| record.data.ip_addr()).collect()),
        Err(error) => failure(&error).map_or(Ok(Vec::new()), Err),
    }
}

/// Why a question failed; `None` when there is no such name or it has no such address.
fn failure(error: &NetError) -> Option<Failure> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain | ResponseCode::NoError => None,
            code => Some(Failure::Code(Code(code))),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Some(Failure::Code(Code(*code))),
        NetError::Timeout | NetError::Busy => Some(Failure::Silent),
        NetError::Truncated => Some(Failure::Cut),
        NetError::Io(_) | NetError::NoConnections => Some(Failure::Unreachable),
        _ => Some(Failure::Unreadable),
    }
}
