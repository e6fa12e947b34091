//! Who is inside: how many connections there are, in all and from one network, and which must
//! make room.
//!
//! When all places are taken another connection goes: one on which no known caller has ever
//! called, the longest idle first, then the longest idle of the others. A listener that waits for
//! a place instead could be kept shut.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenterhook_api::Connection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cut::Cut;

/// Connections that make room at once, so that they are not looked for at each accept.
const MAKE_ROOM: usize = 64;
/// Pause after a search that found none that can make room.
const SEARCH_PAUSE: Duration = Duration::from_millis(100);
/// Bits of an IPv6 address that name one customer's network (RFC 6177 section 2).
const NETWORK_BITS: u32 = 64;

/// Bounds of the number of connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// In all.
    pub(super) connections: usize,
    /// From one network.
    pub(super) a_network: usize,
}

/// The places of a listener. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    bounds: Bounds,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    inside: HashMap<u64, Inside>,
    networks: HashMap<IpAddr, Vec<u64>>,
    /// None that can make room is looked for before this.
    search_at: Option<Instant>,
}

/// Who makes room before whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// No known caller has called, and no call is open.
    Idle,
    /// No known caller has called, but somebody has a call open.
    Unknown,
    /// A known caller has no call open.
    IdleCaller,
}

/// A connection that has a place.
#[derive(Debug)]
struct Inside {
    network: IpAddr,
    since: Instant,
    connection: Connection,
    evicted: CancellationToken,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    table: Arc<Mutex<Table>>,
    /// Number of the connection since the start.
    pub(super) id: u64,
    /// Cancelled when the connection must make room.
    pub(super) evicted: CancellationToken,
}

impl Places {
    /// Empty places.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, table: Arc::default() }
    }

    /// A place for a connection from `address`.
    ///
    /// # Errors
    /// When all places, or all of its network, are taken and no other connection can make room.
    pub(super) fn take(&self, address: IpAddr, connection: Connection) -> Result<Place, Cut> {
        let network = network(address);
        let mut table = lock(&self.table);
        let of_network = table.networks.get(&network).map_or(0, Vec::len);
        if of_network >= self.bounds.a_network && !table.make_room_in(network) {
            return Err(Cut::NetworkFull);
        }
        if table.inside.len() >= self.bounds.connections && !table.make_room() {
            return Err(Cut::Full);
        }
        let (id, evicted) = (table.next_id, CancellationToken::new());
        table.next_id += 1;
        table.networks.entry(network).or_default().push(id);
        table.inside.insert(id, Inside { network, since: Instant::now(), connection, evicted: evicted.clone() });
        table.check(self.bounds);
        Ok(Place { table: self.table.clone(), id, evicted })
    }

    /// Counts the connection of another node for the client behind it, which comes from `address` as `connection`.
    ///
    /// # Errors
    /// When all places of the client's network are taken and no other connection of it can make room.
    pub(super) fn give_to(&self, place: &Place, address: IpAddr, connection: Connection) -> Result<(), Cut> {
        let network = network(address);
        let mut table = lock(&self.table);
        let Some(before) = table.remove(place.id) else { return Err(Cut::Evicted) };
        let of_network = table.networks.get(&network).map_or(0, Vec::len);
        if of_network >= self.bounds.a_network && !table.make_room_in(network) {
            return Err(Cut::NetworkFull);
        }
        table.networks.entry(network).or_default().push(place.id);
        table.inside.insert(place.id, Inside { network, connection, ..before });
        table.check(self.bounds);
        Ok(())
    }

    /// Connections that have a place.
    pub(super) fn count(&self) -> usize {
        lock(&self.table).inside.len()
    }
}

impl Table {
    /// What holds after each change.
    fn check(&self, bounds: Bounds) {
        let inside = self.inside.len();
        assert!(inside <= bounds.connections, "{inside} connections are inside of {}", bounds.connections);
        debug_assert_eq!(
            inside,
            self.networks.values().map(Vec::len).sum::<usize>(),
            "a connection that no network counts never makes room for another of it"
        );
        debug_assert!(
            self.networks.values().all(|ids| (1..=bounds.a_network).contains(&ids.len())),
            "each network has at most {} places, and is forgotten with its last",
            bounds.a_network
        );
    }

    /// Takes their places from those whose turn it is; whether there was one.
    fn make_room(&mut self) -> bool {
        let now = Instant::now();
        if self.search_at.is_some_and(|at| now < at) {
            return false;
        }
        let mut idle: Vec<_> = self.inside.iter().filter_map(|(id, inside)| Some((inside.rank()?, *id))).collect();
        let count = idle.len().min(MAKE_ROOM);
        if count == 0 {
            self.search_at = Some(now + SEARCH_PAUSE);
            return false;
        }
        idle.select_nth_unstable(count - 1);
        idle[..count].iter().for_each(|(_, id)| self.evict(*id));
        true
    }

    /// The same within one network, and only for a connection on which no known caller has called:
    /// its clients may be many that share an address.
    fn make_room_in(&mut self, network: IpAddr) -> bool {
        let ids = self.networks.get(&network).map(Vec::as_slice).unwrap_or_default();
        let ranked = ids.iter().filter_map(|id| Some((self.inside.get(id)?.rank()?, *id)));
        let longest = ranked.filter(|((turn, _), _)| *turn < Turn::IdleCaller).min();
        if let Some((_, id)) = longest {
            self.evict(id);
        }
        longest.is_some()
    }

    fn evict(&mut self, id: u64) {
        if let Some(inside) = self.remove(id) {
            inside.evicted.cancel();
        }
    }

    fn remove(&mut self, id: u64) -> Option<Inside> {
        let inside = self.inside.remove(&id)?;
        let ids = self.networks.get_mut(&inside.network);
        assert!(ids.is_some(), "connection {id} is inside, and its network {} does not count it", inside.network);
        if let Some(ids) = ids {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.networks.remove(&inside.network);
            }
        }
        Some(inside)
    }
}

impl Inside {
    /// The order in which connections make room; `None` for one that does not.
    fn rank(&self) -> Option<(Turn, Instant)> {
        match (self.connection.was_admitted(), self.connection.idle_since()) {
            (false, Some(since)) => Some((Turn::Idle, since)),
            (false, None) => Some((Turn::Unknown, self.since)),
            (true, Some(since)) => Some((Turn::IdleCaller, since)),
            (true, None) => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.table).remove(self.id);
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The network that an address counts for: itself, or its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> (128 - NETWORK_BITS) << (128 - NETWORK_BITS);
            Ipv6Addr::from(bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_api::{Budgets, Forwarded};

    fn places(connections: usize, a_network: usize) -> Places {
        Places::new(Bounds { connections, a_network })
    }

    fn connection() -> Connection {
        Budgets::default().connection()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_place_that_is_given_back_leaves_nothing() {
        let places = places(10, 10);
        let place = places.take(address("192.0.2.1"), connection()).unwrap();
        assert_eq!(places.count(), 1);
        drop(place);
        let table = lock(&places.table);
        assert!(table.inside.is_empty() && table.networks.is_empty());
    }

    #[test]
    fn a_slash_64_counts_as_one_network_and_a_mapped_address_as_its_own() {
        assert_eq!(network(address("2001:db8:1:2:3:4:5:6")), address("2001:db8:1:2::"));
        assert_eq!(network(address("2001:db8:1:3:3:4:5:6")), address("2001:db8:1:3::"));
        assert_eq!(network(address("::ffff:192.0.2.7")), address("192.0.2.7"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_makes_room_when_all_places_are_taken() {
        let places = places(MAKE_ROOM + 2, 1_000);
        let mut inside = Vec::new();
        for _ in 0..MAKE_ROOM + 2 {
            inside.push(places.take(address("192.0.2.1"), connection()).unwrap());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let _late = places.take(address("192.0.2.2"), connection()).unwrap();
        let gone: Vec<bool> = inside.iter().map(|place| place.evicted.is_cancelled()).collect();
        assert_eq!(gone.iter().filter(|gone| **gone).count(), MAKE_ROOM);
        assert!(!gone[MAKE_ROOM] && !gone[MAKE_ROOM + 1], "the youngest stay");
        drop(inside);
        assert_eq!(places.count(), 1);
    }

    #[test]
    fn what_another_node_brings_counts_for_the_client_and_not_for_the_node() {
        let places = places(100, 2);
        let node = address("192.0.2.1");
        for client in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
            let place = places.take(node, connection()).unwrap();
            places.give_to(&place, address(client), connection()).unwrap();
            assert_eq!(lock(&places.table).networks.keys().collect::<Vec<_>>(), [&address(client)]);
            drop(place);
            assert_eq!(places.count(), 0);
        }
        let (client, mut busy) = (address("198.51.100.1"), Vec::new());
        for _ in 0..2 {
            let (place, connection) = (places.take(client, connection()).unwrap(), connection());
            places.give_to(&place, client, connection.clone()).unwrap();
            let mut call = Forwarded::begin(connection, "/v1/events");
            call.answered(&hyper::Response::new(()));
            busy.push((place, call));
        }
        let place = places.take(node, connection()).unwrap();
        assert_eq!(places.give_to(&place, client, connection()), Err(Cut::NetworkFull));
        assert_eq!(places.count(), 2);
    }

    #[test]
    fn a_network_that_is_full_makes_room_of_its_own() {
        let places = places(100, 2);
        let first = places.take(address("2001:db8::1"), connection()).unwrap();
        let other = places.take(address("192.0.2.1"), connection()).unwrap();
        let _second = places.take(address("2001:db8::2"), connection()).unwrap();
        let _third = places.take(address("2001:db8::3"), connection()).unwrap();
        assert!(first.evicted.is_cancelled() && !other.evicted.is_cancelled());
    }
}
