//! The IPv4 addresses that an IPv6 address carries: where translators and tunnels deliver to.
//!
//! [`super::AddressPolicy`] judges them along with the address itself, so that allowing the
//! prefix of a translator does not open every IPv4 address behind it.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

/// NAT64 with the well-known prefix (RFC 6052 section 2.1).
pub(super) const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);
/// NAT64 with a prefix for local use (RFC 8215). Which length the prefix has within it, and so
/// where the IPv4 address is, is the network's choice.
pub(super) const NAT64_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48);
/// Lengths of a NAT64 prefix within [`NAT64_LOCAL`], and the octets that then hold the IPv4
/// address (RFC 6052 section 2.2: octet 8 is never part of it).
const POSITIONS: [(u8, [usize; 4]); 4] =
    [(48, [6, 7, 9, 10]), (56, [7, 9, 10, 11]), (64, [9, 10, 11, 12]), (96, [12, 13, 14, 15])];

/// The network of `prefix` bits that begins with `a` and `b`.
pub(super) const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// The IPv4 addresses that `address` carries. `prefix` is the length of the NAT64 prefix for
/// local use where it is known.
pub(super) fn inside(address: Ipv6Addr, prefix: Option<u8>) -> Vec<Ipv4Addr> {
    let (octets, segments) = (address.octets(), address.segments());
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    let last = at([12, 13, 14, 15]);
    let mut found = Vec::new();
    match segments {
        // IPv4-compatible (RFC 4291 section 2.5.5.1); `::` and `::1` are not.
        [0, 0, 0, 0, 0, 0, ..] if last.octets()[0] != 0 => found.push(last),
        // IPv4-translated (RFC 2765 section 2.1).
        [0, 0, 0, 0, 0xffff, 0, ..] => found.push(last),
        // 6to4 (RFC 3056 section 2).
        [0x2002, ..] => found.push(at([2, 3, 4, 5])),
        // Teredo: the server, and the client with its bits inverted (RFC 4380 section 4).
        [0x2001, 0, ..] => found.extend([at([4, 5, 6, 7]), Ipv4Addr::from_bits(!last.to_bits())]),
        _ if NAT64.contains(&address) => found.push(last),
        _ if NAT64_LOCAL.contains(&address) => found.extend(local(at, prefix)),
        _ => {}
    }
    // ISATAP: an interface identifier under any prefix (RFC 5214 section 6.1).
    if matches!(segments, [_, _, _, _, 0 | 0x200, 0x5efe, ..]) {
        found.push(last);
    }
    found
}

/// What an address for local use can carry: one address where the length of the prefix is
/// known, else one at each position. Positions outside of the address hold zeros, which lead
/// nowhere; when all do, the last one stands for them.
fn local(at: impl Fn([usize; 4]) -> Ipv4Addr, prefix: Option<u8>) -> Vec<Ipv4Addr> {
    let known = POSITIONS.iter().filter(|(length, _)| prefix.is_none_or(|prefix| prefix == *length));
    let read: Vec<Ipv4Addr> = known.map(|(_, places)| at(*places)).collect();
    let leading: Vec<Ipv4Addr> = read.iter().copied().filter(|address| address.octets()[0] != 0).collect();
    if leading.is_empty() { read.into_iter().rev().take(1).collect() } else { leading }
}

/// Whether a NAT64 prefix for local use can have this length.
pub(super) fn is_prefix_length(length: u8) -> bool {
    length > NAT64_LOCAL.prefix_len() && POSITIONS.iter().any(|(known, _)| *known == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(address: &str) -> Vec<String> {
        inside(address.parse().unwrap(), None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_form_gives_the_address_that_it_carries() {
        let cases: [(&str, &[&str]); 14] = [
            ("::7f00:1", &["127.0.0.1"]),
            ("::ffff:0:a9fe:a9fe", &["169.254.169.254"]),
            ("64:ff9b::a9fe:a9fe", &["169.254.169.254"]),
            ("64:ff9b::1", &["0.0.0.1"]),
            ("64:ff9b:1::a9fe:a9fe", &["169.254.169.254"]),
            ("64:ff9b:1:a9fe:a9:fe00::", &["169.254.169.254", "254.169.254.0", "169.254.0.0"]),
            ("64:ff9b:1::1", &["0.0.0.1"]),
            ("2002:a9fe:a9fe::1", &["169.254.169.254"]),
            // The example of RFC 4380: server 65.54.227.120, client 192.0.2.45.
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", &["65.54.227.120", "192.0.2.45"]),
            ("fe80::5efe:a00:1", &["10.0.0.1"]),
            ("2606:2800::200:5efe:a00:1", &["10.0.0.1"]),
            ("2606:2800:220:1::1", &[]),
            ("::1", &[]),
            ("::", &[]),
        ];
        for (address, expected) in cases {
            assert_eq!(carried(address), expected, "{address}");
        }
    }

    #[test]
    fn a_known_prefix_length_leaves_one_position() {
        let address = "64:ff9b:1:fffe::5db8:d822".parse().unwrap();
        assert_eq!(inside(address, Some(96)), ["93.184.216.34".parse::<Ipv4Addr>().unwrap()]);
        assert!(inside(address, None).contains(&"255.254.0.0".parse().unwrap()));
    }
}
