//! The system's name servers and hosts file, by way of hickory, with its cache.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tenterhook_model::{Resolve, ResolveError, limits};
use thiserror::Error;

/// Time for one question to one name server; a second one fits into [`limits::DNS_TIMEOUT`].
const QUESTION_TIMEOUT: Duration = Duration::from_millis(900);
/// The longest that an answer is believed, so that a receiver that moves is followed soon
/// even where its name server says otherwise.
const BELIEF_MAX: Duration = Duration::from_secs(300);
/// The longest that "no such host" is believed.
const DISBELIEF_MAX: Duration = Duration::from_secs(10);

/// A resolver that asks the name servers of the system's configuration.
#[derive(Clone)]
pub struct HickoryResolver(TokioResolver);

/// Why there is no resolver.
#[derive(Debug, Error)]
#[error("the system's resolver configuration cannot be used: {0}")]
pub struct ResolverError(String);

impl HickoryResolver {
    /// Reads the system's configuration.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn from_system() -> Result<Self, ResolverError> {
        let builder = TokioResolver::builder_tokio().map_err(|error| ResolverError(error.to_string()))?;
        Self::build(builder)
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, ResolverError> {
        let options = builder.options_mut();
        // Both, since a host may have but one of them; addresses of the kind that works on every machine first.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = QUESTION_TIMEOUT;
        options.attempts = 1;
        options.positive_max_ttl = Some(BELIEF_MAX);
        options.negative_max_ttl = Some(DISBELIEF_MAX);
        builder.build().map(Self).map_err(|error| ResolverError(error.to_string()))
    }
}

impl std::fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HickoryResolver").finish_non_exhaustive()
    }
}

#[async_trait]
impl Resolve for HickoryResolver {
    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match self.0.lookup_ip(host).await {
            Ok(answer) => Ok(answer.iter().take(limits::DNS_RECORDS).collect()),
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => {
                Err(ResolveError::NotFound(host.to_owned()))
            }
            Err(error) => Err(ResolveError::Failed { host: host.to_owned(), reason: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::UdpSocket;
    use tokio::task::JoinSet;

    /// Types of records (RFC 1035 section 3.2.2, RFC 3596 section 2.1).
    const A: u16 = 1;
    const AAAA: u16 = 28;

    /// A name server on loopback: answers a question by its name and type with addresses,
    /// `None` for no such host.
    struct NameServer {
        port: u16,
        questions: Arc<AtomicUsize>,
        _task: JoinSet<()>,
    }

    impl NameServer {
        async fn new(answer: impl Fn(&str, u16) -> Option<Vec<IpAddr>> + Send + 'static) -> Self {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let (port, questions) = (socket.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
            let (count, mut task) = (Arc::clone(&questions), JoinSet::new());
            task.spawn(async move {
                let mut packet = [0; 1_500];
                loop {
                    let (length, from) = socket.recv_from(&mut packet).await.unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                    let (name, kind, question) = read(&packet[..length]);
                    let reply = write(&packet[..2], question, answer(&name, kind));
                    socket.send_to(&reply, from).await.unwrap();
                }
            });
            Self { port, questions, _task: task }
        }

        fn resolver(&self) -> HickoryResolver {
            let mut connection = ConnectionConfig::udp();
            connection.port = self.port;
            let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            HickoryResolver::build(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())).unwrap()
        }
    }

    /// Name, type and bytes of the question (RFC 1035 section 4.1.2).
    fn read(packet: &[u8]) -> (String, u16, &[u8]) {
        let (mut at, mut labels) = (12, Vec::new());
        while packet[at] > 0 {
            let end = at + 1 + usize::from(packet[at]);
            labels.push(String::from_utf8(packet[at + 1..end].to_vec()).unwrap().to_lowercase());
            at = end;
        }
        let kind = u16::from_be_bytes([packet[at + 1], packet[at + 2]]);
        (labels.join("."), kind, &packet[12..at + 5])
    }

    /// An answer (RFC 1035 section 4.1.1 and 4.1.3), good for an hour.
    fn write(id: &[u8], question: &[u8], addresses: Option<Vec<IpAddr>>) -> Vec<u8> {
        let code = if addresses.is_some() { 0x80 } else { 0x83 };
        let addresses = addresses.unwrap_or_default();
        let mut reply = [id, &[0x81, code, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0], question].concat();
        for address in addresses {
            let (kind, bytes) = match address {
                IpAddr::V4(address) => (A, address.octets().to_vec()),
                IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
            };
            reply.extend([0xc0, 12, 0, kind as u8, 0, 1, 0, 0, 0x0e, 0x10, 0, bytes.len() as u8]);
            reply.extend(bytes);
        }
        reply
    }

    fn addresses(texts: &[&str]) -> Option<Vec<IpAddr>> {
        Some(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[tokio::test]
    async fn both_kinds_of_address_are_looked_up() {
        let server = NameServer::new(|name, kind| match (name, kind) {
            ("both.example", A) => addresses(&["192.0.2.1", "192.0.2.2"]),
            ("both.example" | "six.example", AAAA) => addresses(&["2001:db8::1"]),
            _ => addresses(&[]),
        })
        .await;
        let resolver = server.resolver();
        let both = resolver.resolve("both.example.").await.unwrap();
        assert_eq!((both.len(), both[2]), (3, "2001:db8::1".parse::<IpAddr>().unwrap()), "{both:?}");
        assert_eq!(Some(resolver.resolve("six.example.").await.unwrap()), addresses(&["2001:db8::1"]));
    }

    #[tokio::test]
    async fn no_such_host_and_no_address_are_told_from_a_failure() {
        let server = NameServer::new(|name, _| if name == "empty.example" { addresses(&[]) } else { None }).await;
        for host in ["empty.example.", "gone.example."] {
            assert_eq!(server.resolver().resolve(host).await, Err(ResolveError::NotFound(host.to_owned())));
        }
    }

    #[tokio::test]
    async fn a_silent_name_server_is_a_failure_within_the_time_of_a_look_up() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let server = NameServer { port, questions: Arc::default(), _task: JoinSet::new() };
        let answer = tokio::time::timeout(limits::DNS_TIMEOUT, server.resolver().resolve("a.example.")).await.unwrap();
        assert!(matches!(answer, Err(ResolveError::Failed { host, .. }) if host == "a.example."));
    }

    #[tokio::test]
    async fn an_answer_is_believed_for_a_while() {
        let server =
            NameServer::new(|_, kind| addresses(if kind == A { &["192.0.2.1"] } else { &["2001:db8::1"] })).await;
        let resolver = server.resolver();
        for _ in 0..5 {
            assert_eq!(resolver.resolve("a.example.").await.unwrap().len(), 2);
        }
        assert_eq!(server.questions.load(Ordering::SeqCst), 2, "one for each kind of address");
    }

    #[tokio::test]
    async fn no_more_addresses_come_back_than_the_limit_says() {
        let many: Vec<IpAddr> = (1..=30).map(|last| Ipv4Addr::new(192, 0, 2, last).into()).collect();
        let server = NameServer::new(move |_, kind| Some(if kind == A { many.clone() } else { Vec::new() })).await;
        assert_eq!(server.resolver().resolve("a.example.").await.unwrap().len(), limits::DNS_RECORDS);
    }
}
