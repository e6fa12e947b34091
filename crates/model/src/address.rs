//! Which addresses requests may go to: the public ones, and those that the operator allows.
//!
//! The API checks at save, `deliver` at every connection; both ask [`AddressPolicy`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks that are not public, from the IANA IPv4 Special-Purpose Address Registry.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];
/// The part of IPv6 that is given out for public use (RFC 4291 section 2.4).
const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 3);
/// Its parts that are not public, from the IANA IPv6 Special-Purpose Address Registry.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// Where the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    /// Networks to send to although they are not public.
    pub allow: Vec<IpNet>,
    /// Networks never to send to; wins over `allow`.
    pub deny: Vec<IpNet>,
    /// Whether plain HTTP is allowed.
    pub allow_http: bool,
    /// Whether webhooks may turn off the check of the receiver's certificate.
    pub allow_insecure_tls: bool,
}

impl AddressPolicy {
    /// The policy of a server without flags: public addresses over HTTP and HTTPS.
    pub fn public() -> Self {
        Self { allow_http: true, ..Self::default() }
    }

    /// Whether requests may go to `address`. An IPv4-mapped address counts as its IPv4 address.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |networks: &[IpNet]| networks.iter().any(|network| contains(network, address));
        !within(&self.deny) && (is_public(address) || within(&self.allow))
    }

    /// Which flag would let requests go to `address`, for the error that refuses it.
    pub fn advice(&self, address: IpAddr) -> String {
        let address = address.to_canonical();
        if self.deny.iter().any(|network| contains(network, address)) {
            return format!("{address} is in a network that --deny-network names");
        }
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        format!(
            "{address} is not a public address; start the server with --allow-network {address}/{prefix} (or a wider network) to send there"
        )
    }
}

/// Whether `network`, which may be written as v4-mapped, holds the canonical `address`.
fn contains(network: &IpNet, address: IpAddr) -> bool {
    if network.contains(&address) {
        return true;
    }
    match (network, address) {
        (IpNet::V6(network), IpAddr::V4(address)) if network.prefix_len() >= 96 => {
            network.contains(&address.to_ipv6_mapped())
        }
        _ => false,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            PUBLIC_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(policy: &AddressPolicy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn only_public_addresses_are_permitted_by_themselves() {
        let policy = AddressPolicy::public();
        for public in ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "172.32.0.1", "100.128.0.1"]
        {
            assert!(permits(&policy, public), "{public}");
        }
        let private = [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.19.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002::1",
            "3fff::1",
            "64:ff9b::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
        ];
        for address in private {
            assert!(!permits(&policy, address), "{address}");
        }
    }

    #[test]
    fn deny_wins_over_allow_and_over_public() {
        let policy = AddressPolicy {
            allow: vec!["10.0.0.0/8".parse().unwrap()],
            deny: vec!["10.1.0.0/16".parse().unwrap(), "8.8.8.0/24".parse().unwrap()],
            ..AddressPolicy::public()
        };
        assert!(permits(&policy, "10.2.0.1"));
        assert!(!permits(&policy, "10.1.0.1"));
        assert!(!permits(&policy, "8.8.8.8"));
        assert!(!permits(&policy, "::ffff:8.8.8.8"));
    }

    #[test]
    fn allowing_a_v4_network_allows_its_mapped_form_and_the_other_way_round() {
        let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::public() };
        assert!(permits(&policy, "::ffff:127.0.0.1"));
        let policy = AddressPolicy { allow: vec!["::ffff:127.0.0.0/104".parse().unwrap()], ..AddressPolicy::public() };
        assert!(permits(&policy, "127.0.0.1"));
    }

    #[test]
    fn advice_names_the_flag_that_helps() {
        let address = "10.1.2.3".parse().unwrap();
        assert!(AddressPolicy::public().advice(address).contains("--allow-network 10.1.2.3/32"));
        let policy = AddressPolicy { deny: vec!["10.0.0.0/8".parse().unwrap()], ..AddressPolicy::public() };
        assert!(policy.advice(address).contains("--deny-network"));
    }
}
