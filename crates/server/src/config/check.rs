//! Settings that are fine by themselves and not together.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::source::Settings;
use super::{ConfigFault, Source, value};

/// What `--dev` lets webhooks send to: loopback, private and unique local networks (RFC 1122,
/// 1918, 4193). Link-local addresses stay closed: cloud metadata services live there.
pub(super) fn private_networks() -> Vec<IpNet> {
    ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"]
        .map(|network| value::network(network).expect("the list is checked by a test"))
        .to_vec()
}

/// Where the server listens, and whether it asks for keys.
pub(super) struct Listeners {
    /// The gRPC API.
    pub(super) api: SocketAddr,
    /// The IPv6 loopback too, where `api` is `localhost`.
    pub(super) api_ipv6: Option<SocketAddr>,
    /// Metrics and health checks.
    pub(super) ops: Option<SocketAddr>,
    /// The IPv6 loopback too, where `ops` is `localhost`.
    pub(super) ops_ipv6: Option<SocketAddr>,
    /// Whether anybody who reaches the API may call it.
    pub(super) dev: bool,
}

/// Adds a fault for each combination of settings that would not do what its author means.
pub(super) fn check(listeners: &Listeners, given: &Settings, faults: &mut Vec<ConfigFault>) {
    let is_given = |key| given.contains_key(key);
    let mut fault = |key: &str, message: String| {
        let source = given.get(key).map_or(Source::Default, |given| given.source.clone());
        faults.push(ConfigFault { key: key.to_owned(), source, message });
    };
    for (one, other) in [("tls-cert", "tls-key"), ("tls-key", "tls-cert"), ("client-ca", "tls-cert")] {
        if is_given(one) && !is_given(other) {
            fault(one, format!("needs --{other} too"));
        }
    }
    if is_on(given, "bootstrap-key") && !is_given("api-keys") {
        fault("bootstrap-key", "needs --api-keys too, the file that the key goes into".to_owned());
    }
    let is_database =
        given.get("store").is_some_and(|given| given.values.last().is_some_and(|url| url.starts_with("postgres")));
    if is_database && !is_given("sealing-key-file") {
        fault(
            "store",
            "is a database, which keeps no key: give --sealing-key-file FILE, the same key on each node (`openssl rand -hex 32` makes one)".to_owned(),
        );
    }
    if is_given("node-address") && !is_database {
        fault("node-address", "is for nodes that share a database: give --store postgres://… too".to_owned());
    }
    let is_open = !listeners.api.ip().is_loopback();
    let has_access = is_given("api-keys") || is_given("client-ca");
    if listeners.dev && is_open {
        fault(
            "dev",
            format!(
                "needs no key, so it listens on this machine only, not on {}; leave --dev out and give --api-keys FILE",
                listeners.api
            ),
        );
    } else if is_open && !has_access {
        fault(
            "listen",
            format!(
                "{} can be reached by others, and anybody could call: give --api-keys FILE (`tenterhook key new` makes a key) or --client-ca FILE, or listen on 127.0.0.1",
                listeners.api
            ),
        );
    }
    if is_open && !listeners.dev && !is_given("tls-cert") && !is_on(given, "insecure") {
        fault(
            "listen",
            format!(
                "{} can be reached by others, and keys and events would cross the network unencrypted: give --tls-cert FILE and --tls-key FILE, or --insecure if something in front ends TLS",
                listeners.api
            ),
        );
    }
    if let Some(ops) = listeners.met_by_api() {
        fault("ops-listen", format!("is {ops}, where the API listens; take another port, or `off`"));
    }
}

impl Listeners {
    /// An address of the operations listener that the API has already taken.
    fn met_by_api(&self) -> Option<SocketAddr> {
        let mut ops = self.ops.into_iter().chain(self.ops_ipv6);
        ops.find(|ops| std::iter::once(self.api).chain(self.api_ipv6).any(|api| meet(api, *ops)))
    }
}

/// Whether both cannot be bound at once. `[::]` takes the addresses of IPv4 too.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let takes = |one: SocketAddr, other: SocketAddr| match (one.ip(), other.ip()) {
        (IpAddr::V4(ip), IpAddr::V4(_)) => ip.is_unspecified(),
        (IpAddr::V6(ip), _) => ip.is_unspecified(),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    };
    let is_same_port = one.port() == other.port() && one.port() != 0;
    is_same_port && (one.ip() == other.ip() || takes(one, other) || takes(other, one))
}

/// Whether the switch `key` is on.
fn is_on(given: &Settings, key: &str) -> bool {
    given.get(key).is_some_and(|given| given.values.last().is_some_and(|text| value::switch(text) == Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_meet_where_one_takes_the_address_of_the_other() {
        let meet = |one: &str, other: &str| {
            let (one, other): (SocketAddr, SocketAddr) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(meet(one, other), meet(other, one), "{one} {other}");
            meet(one, other)
        };
        for (one, other) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("[::]:1", "0.0.0.0:1"),
        ] {
            assert!(meet(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("127.0.0.1:1", "127.0.0.1:2"),
            ("0.0.0.0:1", "[::1]:1"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:1", "[::1]:1"),
        ] {
            assert!(!meet(one, other), "{one} {other}");
        }
    }

    #[test]
    fn dev_opens_private_networks_but_not_link_local_ones() {
        let networks = private_networks();
        let opens = |address: &str| {
            networks.iter().any(|network| network.contains(&address.parse::<std::net::IpAddr>().unwrap()))
        };
        assert!(["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.31.0.1", "::1", "fd00::1"].into_iter().all(opens));
        assert!(!["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"].into_iter().any(opens));
    }
}
