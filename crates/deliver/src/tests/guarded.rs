//! Nothing is dialled that the policy does not permit.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tenterhook_model::{AddressPolicy, Exchange, HostName, Outcome, Resolve, ResolveError, TriedResult, limits};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::support::{Receiver, Recorder, Table, answer, deliverer_with, post, post_over, seconds};
use crate::{Dial, Dialled};

async fn receiver() -> Receiver {
    Receiver::http(|_| answer(200, "")).await
}

/// Attempts `url` once with the public policy; answers the outcome, the error and what was dialled.
async fn attempt(url: &str, table: Arc<Table>) -> (Outcome, String, Vec<String>) {
    let receiver = receiver().await;
    let recorder = Recorder::to(receiver.address);
    let exchange = deliverer_with(AddressPolicy::public(), table, recorder.clone()).attempt(post(url)).await;
    (exchange.outcome, exchange.error, recorder.dialled())
}

#[tokio::test]
async fn a_private_literal_is_not_dialled() {
    for url in
        ["http://127.0.0.1/", "http://0x7f.1/", "http://10.0.0.1:8080/", "http://[::1]/", "http://[::ffff:10.0.0.1]/"]
    {
        let (outcome, error, dialled) = attempt(url, Arc::default()).await;
        assert_eq!((outcome, dialled.len()), (Outcome::Blocked, 0), "{url}");
        assert!(error.contains("--allow-network"), "{error}");
    }
}

#[tokio::test]
async fn a_public_literal_is_dialled_without_a_look_up() {
    let table = Arc::new(Table::default());
    let (outcome, _, dialled) = attempt("http://93.184.216.34:8080/", Arc::clone(&table)).await;
    assert_eq!((outcome, dialled), (Outcome::Success, vec!["93.184.216.34:8080".to_owned()]));
    assert_eq!(table.look_ups.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_stands_for_a_private_address_is_not_dialled() {
    for address in ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe"] {
        let (outcome, error, dialled) = attempt("http://a.example/", Table::with("a.example", &[&[address]])).await;
        assert_eq!((outcome, dialled.len()), (Outcome::Blocked, 0), "{address}");
        assert!(error.contains("a.example resolves to"), "{error}");
    }
}

#[tokio::test]
async fn of_a_mixed_answer_only_the_permitted_addresses_are_dialled() {
    let table = Table::with("a.example", &[&["10.0.0.1", "93.184.216.34", "127.0.0.1"]]);
    let (outcome, _, dialled) = attempt("http://a.example/", table).await;
    assert_eq!((outcome, dialled), (Outcome::Success, vec!["93.184.216.34:80".to_owned()]));
}

#[tokio::test]
async fn a_network_that_is_denied_is_not_dialled_and_one_that_is_allowed_is() {
    let receiver = receiver().await;
    let policy = AddressPolicy {
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        deny: vec!["8.8.8.0/24".parse().unwrap()],
        ..AddressPolicy::public()
    };
    let recorder = Recorder::to(receiver.address);
    let deliverer = deliverer_with(policy, Arc::new(Table::default()), recorder.clone());
    assert_eq!(deliverer.attempt(post("http://8.8.8.8/")).await.outcome, Outcome::Blocked);
    assert_eq!(deliverer.attempt(post("http://10.1.2.3/")).await.outcome, Outcome::Success);
    assert_eq!(recorder.dialled(), ["10.1.2.3:80"]);
}

#[tokio::test]
async fn plain_http_is_not_sent_where_it_is_turned_off() {
    let recorder = Recorder::to(([127, 0, 0, 1], 1).into());
    let policy = AddressPolicy { allow_http: false, ..AddressPolicy::public() };
    let exchange =
        deliverer_with(policy, Arc::new(Table::default()), recorder.clone()).attempt(post("http://8.8.8.8/")).await;
    assert_eq!((exchange.outcome, recorder.dialled().len()), (Outcome::Blocked, 0));
    assert!(exchange.error.contains("--allow-http"), "{}", exchange.error);
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_failure() {
    let (outcome, error, _) = attempt("http://gone.example/", Arc::default()).await;
    assert_eq!((outcome, error.as_str()), (Outcome::Dns, "the host gone.example has no address"));
    let (outcome, _, _) = attempt("http://a.example/", Table::with("a.example", &[&[]])).await;
    assert_eq!(outcome, Outcome::Dns);
}

#[derive(Debug)]
struct Silent;

#[async_trait]
impl Resolve for Silent {
    async fn resolve(&self, _host: &HostName) -> Result<Vec<IpAddr>, ResolveError> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_has_its_own_limit() {
    let recorder = Recorder::to(([127, 0, 0, 1], 1).into());
    let start = Instant::now();
    let deliverer = deliverer_with(AddressPolicy::public(), Arc::new(Silent), recorder);
    let exchange = deliverer.attempt(post("http://a.example/")).await;
    assert_eq!((exchange.outcome, start.elapsed()), (Outcome::Dns, limits::DNS_TIMEOUT));
    assert_eq!(exchange.timings.dns, Some(limits::DNS_TIMEOUT));
    assert_eq!(exchange.error, "the look-up of a.example took longer than 2 s");
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let receiver = receiver().await;
    let refused = vec!["93.184.216.34:80".parse().unwrap(), "[2606:2800::1]:80".parse().unwrap()];
    let recorder = Recorder { refused, ..Recorder::to(receiver.address) };
    let table = Table::with("a.example", &[&["93.184.216.34", "2606:2800::1", "8.8.8.8"]]);
    let exchange =
        deliverer_with(AddressPolicy::public(), table, recorder.clone()).attempt(post("http://a.example/")).await;
    assert_eq!((exchange.outcome, exchange.remote_address), (Outcome::Success, Some("8.8.8.8:80".parse().unwrap())));
    assert_eq!(recorder.dialled(), ["[2606:2800::1]:80", "93.184.216.34:80", "8.8.8.8:80"]);
    let failed = |ip: &str| (ip.to_owned(), TriedResult::Failed, "connection refused");
    let expected = [failed("2606:2800::1"), failed("93.184.216.34"), ("8.8.8.8".into(), TriedResult::Connected, "")];
    assert_eq!(tried(&exchange), expected);
}

#[tokio::test]
async fn when_all_addresses_refuse_the_last_is_told() {
    let refused = vec!["93.184.216.34:80".parse().unwrap(), "8.8.8.8:80".parse().unwrap()];
    let recorder = Recorder { refused, ..Recorder::to(([127, 0, 0, 1], 1).into()) };
    let table = Table::with("a.example", &[&["93.184.216.34", "8.8.8.8"]]);
    let exchange = deliverer_with(AddressPolicy::public(), table, recorder).attempt(post("http://a.example/")).await;
    assert_eq!(exchange.outcome, Outcome::Connection);
    assert_eq!(exchange.error, "no connection to any of 2 addresses, the last of them 8.8.8.8:80: connection refused");
}

/// Connections to some addresses, in so long a time; to others there are none.
#[derive(Debug, Default)]
struct Distant {
    reachable: HashMap<IpAddr, Duration>,
    receivers: Mutex<Vec<DuplexStream>>,
}

impl Distant {
    fn at(reachable: &[(&str, u64)]) -> Self {
        let reachable = reachable.iter().map(|(ip, millis)| (ip.parse().unwrap(), Duration::from_millis(*millis)));
        Self { reachable: reachable.collect(), ..Self::default() }
    }
}

impl Dial for Distant {
    type Stream = DuplexStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<DuplexStream>> {
        let Some(distance) = self.reachable.get(&address.ip()) else { return pending().await };
        tokio::time::sleep(*distance).await;
        let (stream, receiver) = tokio::io::duplex(1_024);
        self.receivers.lock().unwrap().push(receiver);
        Ok(Dialled { stream, peer: address })
    }
}

/// An attempt to reach the first of these addresses that can be reached.
async fn exchange(addresses: &[&str], reachable: &[(&str, u64)]) -> Exchange {
    let table = Table::with("a.example", &[addresses]);
    let deliverer = deliverer_with(AddressPolicy::public(), table, Distant::at(reachable));
    deliverer.attempt(post_over("http://a.example/", seconds(6))).await
}

/// How long it takes to connect to the first of these addresses that can be reached, and which it is.
async fn connect(addresses: &[&str], reachable: &[(&str, u64)]) -> (Duration, String) {
    let exchange = exchange(addresses, reachable).await;
    (exchange.timings.connect.unwrap(), exchange.remote_address.unwrap().ip().to_string())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_swallows_packets_costs_a_quarter_of_a_second() {
    let (four, six) = ("93.184.216.34", "2606:2800::1");
    let took = |millis| Duration::from_millis(millis);
    assert_eq!(connect(&[four, six], &[(four, 30)]).await, (took(280), four.into()));
    assert_eq!(connect(&[four, six], &[(six, 30)]).await, (took(30), six.into()));
    assert_eq!(connect(&[four, "8.8.8.8"], &[("8.8.8.8", 30)]).await, (took(280), "8.8.8.8".into()));
    // The first goes on while the next is tried, and wins when it is there first.
    assert_eq!(connect(&[four, "8.8.8.8"], &[(four, 300), ("8.8.8.8", 100)]).await, (took(300), four.into()));
}

fn tried(exchange: &Exchange) -> Vec<(String, TriedResult, &str)> {
    let tried = exchange.tried_addresses.iter();
    tried.map(|tried| (tried.address.ip().to_string(), tried.result, tried.error.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_shows_every_address_that_it_tried() {
    let (four, six) = ("93.184.216.34", "2606:2800::1");
    let reached = exchange(&[four, six, "8.8.8.8"], &[(four, 30)]).await;
    assert_eq!(tried(&reached), [(six.into(), TriedResult::Dropped, ""), (four.into(), TriedResult::Connected, "")]);
    let nowhere = exchange(&[four, six], &[]).await;
    assert_eq!(tried(&nowhere), [(six.into(), TriedResult::TimedOut, ""), (four.into(), TriedResult::TimedOut, "")]);
}

#[tokio::test(start_paused = true)]
async fn the_last_of_sixteen_addresses_is_reached_as_soon_as_a_near_one() {
    let addresses: Vec<String> = (1..=16).map(|last| format!("93.184.216.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let (took, reached) = connect(&addresses, &[("93.184.216.16", 150)]).await;
    assert_eq!(reached, "93.184.216.16");
    // The clock of tokio has whole milliseconds, which each of the 15 delays is rounded up to.
    assert!(took <= Duration::from_millis(550 + 15), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn all_addresses_together_have_the_time_of_one_connection() {
    let table = Table::with("a.example", &[&["93.184.216.34", "8.8.8.8", "1.1.1.1", "9.9.9.9"]]);
    let start = Instant::now();
    let exchange =
        deliverer_with(AddressPolicy::public(), table, Distant::default()).attempt(post("http://a.example/")).await;
    assert_eq!((exchange.outcome, start.elapsed()), (Outcome::Timeout, limits::CONNECT_TIMEOUT));
    assert_eq!(exchange.timings.connect, Some(limits::CONNECT_TIMEOUT));
    assert_eq!(exchange.error, "no connection to any of 4 addresses, the last of them 9.9.9.9:80 within 5 s");
}

#[tokio::test]
async fn of_two_hundred_addresses_the_one_that_is_permitted_is_dialled() {
    let mut addresses: Vec<String> = (1..=200).map(|last| format!("10.0.0.{last}")).collect();
    addresses.push("93.184.216.34".to_owned());
    let table =
        |addresses: &[String]| Table::with("a.example", &[&addresses.iter().map(String::as_str).collect::<Vec<_>>()]);
    let (outcome, _, dialled) = attempt("http://a.example/", table(&addresses)).await;
    assert_eq!((outcome, dialled), (Outcome::Success, vec!["93.184.216.34:80".to_owned()]));
    let (outcome, error, dialled) = attempt("http://a.example/", table(&addresses[..200])).await;
    assert_eq!((outcome, dialled.len()), (Outcome::Blocked, 0));
    assert!(error.contains("10.0.0.1, 10.0.0.2 and 198 more") && error.contains("--allow-network"), "{error}");
}

#[tokio::test]
async fn a_connection_that_leads_elsewhere_is_closed_unused() {
    for peer in ["10.0.0.1:80", "8.8.4.4:80", "8.8.8.8:81"] {
        let receiver = receiver().await;
        let recorder = Recorder { peer: Some(peer.parse().unwrap()), ..Recorder::to(receiver.address) };
        let deliverer = deliverer_with(AddressPolicy::public(), Arc::new(Table::default()), recorder);
        let exchange = deliverer.attempt(post("http://8.8.8.8/")).await;
        assert_eq!((exchange.outcome, receiver.seen().len()), (Outcome::Blocked, 0), "{peer}");
        assert!(exchange.error.contains(peer), "{}", exchange.error);
    }
}

#[tokio::test]
async fn a_peer_in_mapped_form_is_the_same_address() {
    let receiver = receiver().await;
    let recorder = Recorder { peer: Some("[::ffff:8.8.8.8]:80".parse().unwrap()), ..Recorder::to(receiver.address) };
    let deliverer = deliverer_with(AddressPolicy::public(), Arc::new(Table::default()), recorder);
    assert_eq!(deliverer.attempt(post("http://8.8.8.8/")).await.outcome, Outcome::Success);
}

#[tokio::test]
async fn a_name_is_looked_up_once_an_attempt_and_again_at_the_next() {
    let receiver = receiver().await;
    let table = Table::with("a.example", &[&["93.184.216.34"], &["93.184.216.34"], &["10.0.0.1"], &["8.8.8.8"]]);
    let recorder = Recorder::to(receiver.address);
    let deliverer = deliverer_with(AddressPolicy::public(), Arc::clone(&table) as Arc<dyn Resolve>, recorder.clone());
    let mut outcomes = Vec::new();
    for look_ups in 1..=4 {
        let exchange = deliverer.attempt(post("http://a.example/")).await;
        assert!(exchange.timings.dns.is_some());
        outcomes.push(exchange.outcome);
        assert_eq!(table.look_ups.load(Ordering::SeqCst), look_ups);
    }
    assert_eq!(outcomes, [Outcome::Success, Outcome::Success, Outcome::Blocked, Outcome::Success]);
    // The kept connection served the second attempt and none after the name had moved.
    assert_eq!(recorder.dialled(), ["93.184.216.34:80", "8.8.8.8:80"]);
}

#[tokio::test]
async fn no_more_addresses_are_looked_at_than_the_limit_says() {
    let addresses: Vec<String> = (1..=40).map(|last| format!("93.184.216.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let refused = addresses.iter().map(|address| format!("{address}:80").parse().unwrap()).collect();
    let recorder = Recorder { refused, ..Recorder::to(([127, 0, 0, 1], 1).into()) };
    let table = Table::with("a.example", &[&addresses]);
    deliverer_with(AddressPolicy::public(), table, recorder.clone()).attempt(post("http://a.example/")).await;
    assert_eq!(recorder.dialled().len(), limits::DNS_RECORDS);
}
