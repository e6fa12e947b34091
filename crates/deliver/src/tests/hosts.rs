//! Hosts that resolvers take are taken by TLS and HTTP too.

use tenterhook_model::Outcome;
use tenterhook_model::webhook::TransportPolicy;

use super::identity::{Authority, server};
use super::support::{Receiver, Table, answer, deliverer_with, loopback, post, post_over};
use crate::TcpDialer;

const HOSTS: [&str; 5] = [
    "my_host.example.test",
    "_x.example.test",
    "xn--bcher-kva.example.test",
    "a--b.example.test",
    "hooks.example.test.",
];

#[tokio::test]
async fn a_wildcard_certificate_holds_every_host_that_can_be_saved() {
    for protocol in ["http/1.1", "h2"] {
        let authority = Authority::new();
        let receiver = Receiver::tls(server(&authority.sign("*.example.test"), &[protocol]), |_| answer(200, "")).await;
        for host in HOSTS {
            let deliverer = deliverer_with(loopback(), Table::with(host, &[&["127.0.0.1"]]), TcpDialer::default());
            let transport =
                TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..TransportPolicy::default() };
            let request = post_over(&format!("https://{host}:{}/", receiver.address.port()), transport);
            let exchange = deliverer.attempt(request).await;
            assert_eq!(exchange.outcome, Outcome::Success, "{host} over {protocol}: {}", exchange.error);
        }
        assert_eq!(receiver.seen().len(), HOSTS.len());
    }
}

#[tokio::test]
async fn the_receiver_sees_the_host_as_it_was_saved() {
    let receiver = Receiver::http(|_| answer(200, "")).await;
    for host in HOSTS.into_iter().chain(["my_box"]) {
        let deliverer = deliverer_with(loopback(), Table::with(host, &[&["127.0.0.1"]]), TcpDialer::default());
        let exchange = deliverer.attempt(post(&format!("http://{host}:{}/", receiver.address.port()))).await;
        assert_eq!(exchange.outcome, Outcome::Success, "{host}: {}", exchange.error);
        let seen = receiver.seen();
        let expected = format!("{host}:{}", receiver.address.port());
        assert_eq!(seen.last().unwrap().header("host"), Some(&*expected));
    }
}
