//! Which addresses requests may go to: the public ones, and those that the operator allows.
//!
//! The API checks at save, `deliver` at every connection; both ask [`AddressPolicy`].

mod inside;

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use self::inside::{NAT64, NAT64_LOCAL, v6};
use crate::host::HostName;

/// Addresses that an error lists.
const SHOWN: usize = 2;

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

    /// Whether requests may go to `address`; see [`AddressPolicy::judge`].
    pub fn permits(&self, address: IpAddr) -> bool {
        self.judge(address).is_ok()
    }

    /// Judges an address, and with it every IPv4 address that it carries: what is denied or
    /// not public stays so in any wrapping. NAT64 addresses are judged by the IPv4 address
    /// alone, as IPv4-mapped ones are, so that receivers behind DNS64 can be reached.
    ///
    /// # Errors
    /// Says which of the addresses is not permitted, and which flag permits it.
    pub fn judge(&self, address: IpAddr) -> Result<(), NotPermitted> {
        let address = address.to_canonical();
        let carried = self.carried(address);
        let judged = || carried.iter().copied().chain([address]);
        if let Some(denied) = judged().find(|judged| within(&self.deny, *judged)) {
            return Err(NotPermitted { address, judged: denied, denied: true });
        }
        match judged().find(|judged| !is_public(*judged) && !within(&self.allow, *judged)) {
            None => Ok(()),
            Some(judged) => Err(NotPermitted { address, judged, denied: false }),
        }
    }

    /// The addresses among those of `host` that requests may go to, in their order; the others
    /// are passed over. Empty only when `addresses` is.
    ///
    /// # Errors
    /// When there are addresses and none of them is permitted.
    pub fn choose(&self, host: &HostName, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, NonePermitted> {
        let permitted: Vec<IpAddr> = addresses.iter().copied().filter(|address| self.permits(*address)).collect();
        match addresses.first().map(|first| self.judge(*first)) {
            Some(Err(reason)) if permitted.is_empty() => {
                let shown = addresses.iter().take(SHOWN).copied().collect();
                Err(NonePermitted { host: host.clone(), shown, count: addresses.len(), reason })
            }
            _ => Ok(permitted),
        }
    }

    fn carried(&self, address: IpAddr) -> Vec<IpAddr> {
        let IpAddr::V6(address) = address else { return Vec::new() };
        let known = self.allow.iter().find_map(|network| match network {
            IpNet::V6(network) if NAT64_LOCAL.contains(network) && network.contains(&address) => {
                Some(network.prefix_len()).filter(|length| inside::is_prefix_length(*length))
            }
            _ => None,
        });
        inside::inside(address, known).into_iter().map(IpAddr::V4).collect()
    }
}

/// Why requests may not go to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPermitted {
    /// The address that was to be dialled.
    address: IpAddr,
    /// Itself, or an IPv4 address that it carries: the one that is not permitted.
    judged: IpAddr,
    /// Whether a network that is denied holds it.
    denied: bool,
}

impl Display for NotPermitted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { address, judged, denied } = self;
        if address == judged {
            write!(f, "{address} is ")?;
        } else {
            write!(f, "{address} carries {judged}, which is ")?;
        }
        if *denied {
            return f.write_str("in a network that --deny-network names");
        }
        let prefix = if judged.is_ipv4() { 32 } else { 128 };
        write!(f, "not public; --allow-network {judged}/{prefix} or a wider network permits it")
    }
}

/// Why requests may not go to a host: none of its addresses is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonePermitted {
    host: HostName,
    /// The first addresses.
    shown: Vec<IpAddr>,
    /// How many there are.
    count: usize,
    /// Why the first is not permitted.
    reason: NotPermitted,
}

impl Display for NonePermitted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} resolves to ", self.host.brief())?;
        for (index, address) in self.shown.iter().enumerate() {
            write!(f, "{}{address}", if index > 0 { ", " } else { "" })?;
        }
        match self.count - self.shown.len() {
            0 if self.count == 1 => f.write_str(", where this server does not send: ")?,
            0 => f.write_str(", none permitted: ")?,
            more => write!(f, " and {more} more, none permitted: ")?,
        }
        self.reason.fmt(f)
    }
}

/// Whether one of `networks` holds the canonical `address`.
fn within(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| contains(network, address))
}

/// Whether `network`, which may be written as v4-mapped, holds the canonical `address`.
pub(crate) fn contains(network: &IpNet, address: IpAddr) -> bool {
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

/// Whether the canonical `address` is public. What it carries is judged by itself, and for
/// NAT64 that is all.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) if NAT64.contains(&address) || NAT64_LOCAL.contains(&address) => true,
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

    fn policy(allow: &[&str], deny: &[&str]) -> AddressPolicy {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        AddressPolicy { allow: networks(allow), deny: networks(deny), ..AddressPolicy::public() }
    }

    /// 169.254.169.254 in every form that carries it.
    const METADATA: [&str; 11] = [
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:0:a9:fea9:fe00:0",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "2001:0:808:808::5601:5601",
        "2606:2800::5efe:a9fe:a9fe",
    ];

    #[test]
    fn no_prefix_that_is_allowed_opens_an_address_that_is_not() {
        for allowed in ["::/0", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "2606::/16"] {
            for address in METADATA {
                assert!(!permits(&policy(&[allowed], &[]), address), "{address} through {allowed}");
            }
        }
    }

    #[test]
    fn a_carried_address_is_reached_when_it_is_public_or_allowed() {
        for address in ["64:ff9b::5db8:d822", "64:ff9b:1::5db8:d822", "64:ff9b:1:5d:b8:d822::"] {
            assert!(permits(&AddressPolicy::public(), address), "{address}");
        }
        assert!(permits(&policy(&["64:ff9b::/96"], &[]), "64:ff9b::5db8:d822"));
        assert!(permits(&policy(&["10.0.0.0/8"], &[]), "64:ff9b::a00:1"));
        // Tunnels that nobody should need are closed until they are allowed.
        for (tunnel, address) in [("2002::/16", "2002:5db8:d822::1"), ("2001::/32", "2001:0:808:808::f7f7:f7f7")] {
            assert!(!permits(&AddressPolicy::public(), address), "{address}");
            assert!(permits(&policy(&[tunnel], &[]), address), "{address}");
        }
        assert!(permits(&policy(&["::1/128"], &[]), "::1"));
    }

    #[test]
    fn an_allowed_prefix_for_local_use_says_where_the_carried_address_is() {
        let address = "64:ff9b:1:fffe::5db8:d822";
        assert!(!permits(&AddressPolicy::public(), address), "it may carry 255.254.0.0");
        let known = policy(&["64:ff9b:1:fffe::/96"], &[]);
        assert!(permits(&known, address) && !permits(&known, "64:ff9b:1:fffe::a9fe:a9fe"));
    }

    #[test]
    fn deny_holds_for_the_inside_and_the_outside() {
        let denied = policy(&["::/0", "0.0.0.0/0"], &["8.8.8.0/24", "64:ff9b:1::/48", "2606:2800::/32"]);
        for address in ["64:ff9b::808:808", "2002:808:808::1", "2001:0:101:101::f7f7:f7f7", "2001:0:808:808::1"] {
            assert!(!permits(&denied, address), "{address}");
        }
        assert!(!permits(&denied, "64:ff9b:1::101:101") && permits(&denied, "64:ff9b::101:101"));
        assert!(!permits(&denied, "2606:2800::1") && permits(&denied, "169.254.169.254"));
    }

    #[test]
    fn addresses_that_are_not_permitted_are_passed_over() {
        let host = HostName::parse("a.example").unwrap();
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let policy = AddressPolicy::public();
        let mixed = parse(&["10.0.0.5", "93.184.216.34", "::1", "8.8.8.8"]);
        assert_eq!(policy.choose(&host, &mixed), Ok(parse(&["93.184.216.34", "8.8.8.8"])));
        assert_eq!(policy.choose(&host, &[]), Ok(Vec::new()));
    }

    #[test]
    fn when_none_is_permitted_the_error_names_addresses_and_flag() {
        let error = |host: &str, addresses: &[IpAddr]| {
            AddressPolicy::public().choose(&HostName::parse(host).unwrap(), addresses).unwrap_err().to_string()
        };
        let private = |last| IpAddr::from([10, 0, 0, last]);
        assert_eq!(
            error("a.example", &[private(1)]),
            "a.example resolves to 10.0.0.1, where this server does not send: 10.0.0.1 is not public; --allow-network 10.0.0.1/32 or a wider network permits it"
        );
        assert!(error("a.example", &[private(1), private(2)]).contains("to 10.0.0.1, 10.0.0.2, none permitted"));
        let many: Vec<IpAddr> = (1..=200).map(private).collect();
        assert!(error("a.example", &many).contains("to 10.0.0.1, 10.0.0.2 and 198 more, none permitted"));
        let long = vec!["2606:2800:220:ffff:200:5efe:a9fe:a9fe".parse().unwrap(); 200];
        let text = error(&["a".repeat(63).as_str(); 3].join("."), &long);
        assert!(text.chars().count() <= 300, "{} {text}", text.chars().count());
    }

    #[test]
    fn the_reason_names_the_flag_that_helps() {
        let reason =
            |policy: &AddressPolicy, address: &str| policy.judge(address.parse().unwrap()).unwrap_err().to_string();
        assert!(reason(&AddressPolicy::public(), "10.1.2.3").contains("--allow-network 10.1.2.3/32"));
        assert!(reason(&policy(&[], &["10.0.0.0/8"]), "10.1.2.3").contains("--deny-network"));
        let inside = reason(&AddressPolicy::public(), "64:ff9b::a9fe:a9fe");
        assert!(inside.starts_with("64:ff9b::a9fe:a9fe carries 169.254.169.254, which is not public"), "{inside}");
        assert!(inside.contains("--allow-network 169.254.169.254/32"), "{inside}");
    }
}
