//! The order in which the addresses of a receiver are dialled.

use std::collections::VecDeque;
use std::net::IpAddr;

/// The order in which to dial: IPv6 first, then the families in turn (RFC 8305 section 4); within
/// a family as the name server has them.
pub(crate) fn in_turn(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let count = addresses.len();
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.to_canonical().is_ipv6());
    let mut ordered = Vec::with_capacity(count);
    while let Some(next) = first.pop_front() {
        ordered.push(next);
        // A family that is used up leaves the turn to the other.
        if !second.is_empty() {
            std::mem::swap(&mut first, &mut second);
        }
    }
    ordered.extend(second);
    assert_eq!(ordered.len(), count, "each address has its turn");
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses() -> impl Strategy<Value = Vec<IpAddr>> {
        let v4 = any::<[u8; 4]>().prop_map(IpAddr::from);
        let v6 = any::<[u8; 14]>().prop_map(|rest| {
            let mut bytes = [0x20; 16];
            bytes[2..].copy_from_slice(&rest);
            IpAddr::from(bytes)
        });
        prop::collection::vec(prop_oneof![v4, v6], 0..12)
    }

    proptest! {
        #[test]
        fn the_families_take_turns_and_keep_their_own_order(addresses in addresses()) {
            let ordered = in_turn(addresses.clone());
            for is_v6 in [true, false] {
                let of = |all: &[IpAddr]| -> Vec<IpAddr> {
                    all.iter().filter(|address| address.is_ipv6() == is_v6).copied().collect()
                };
                prop_assert_eq!(of(&ordered), of(&addresses));
            }
            let fewer = ordered.iter().filter(|one| one.is_ipv6()).count().min(
                ordered.iter().filter(|one| one.is_ipv4()).count(),
            );
            for (place, address) in ordered.iter().take(2 * fewer).enumerate() {
                prop_assert_eq!(address.is_ipv6(), place % 2 == 0, "{:?}", ordered);
            }
        }
    }

    #[test]
    fn a_mapped_address_is_one_of_ipv4() {
        let [mapped, v6] = ["::ffff:192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap());
        assert_eq!(in_turn(vec![mapped, v6]), [v6, mapped]);
    }
}
