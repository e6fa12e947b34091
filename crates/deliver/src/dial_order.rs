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
