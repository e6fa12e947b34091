//! Connections that are kept for the next request.
//!
//! The key is the whole way: the trust that the connection was made under, the scheme and
//! authority it is for, and the checked address that it leads to. A request that stands for
//! another trust or resolves to other addresses never meets it, so a changed policy or name
//! leaves old connections behind, and they are closed when nobody has used them for a while.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenterhook_model::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::http1::Http1;
use crate::http2::{Http2, Seat};

/// How long a connection is kept without use: below the minute or so after which common
/// receivers and load balancers close it themselves.
const IDLE: Duration = limits::RECEIVER_IDLE;
/// Connections that are kept without use: as many as the server has requests under way.
const KEPT: usize = limits::IN_FLIGHT;

/// The way that a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    /// Number of the trust; see [`crate::trust`].
    pub(crate) trust: u64,
    /// Whether it is TLS.
    pub(crate) https: bool,
    /// Host and port as the URL has them.
    pub(crate) authority: Box<str>,
    /// Whether it goes by the proxy for its scheme.
    pub(crate) proxied: bool,
    /// The checked address; the unspecified one when the proxy looks the name up.
    pub(crate) address: SocketAddr,
}

/// A connection to use for one exchange.
#[derive(Debug)]
pub(crate) enum Connection<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    /// For one exchange at a time.
    Http1(Box<Http1<S>>),
    /// For many; one place on it.
    Http2(Seat),
}

/// The kept connections of one deliverer.
#[derive(Debug)]
pub(crate) struct Pool<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    kept: Mutex<Kept<S>>,
    /// Rung when the pool stops being empty.
    filled: Notify,
}

#[derive(Debug)]
struct Kept<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    routes: HashMap<Route, Lot<S>>,
    count: usize,
}

/// The connections of one route, oldest first. An empty one stays until unused connections
/// are closed next, since most connections come back.
#[derive(Debug)]
struct Lot<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    idle: VecDeque<(Instant, Box<Http1<S>>)>,
    shared: Vec<(Instant, Http2)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Lot<S> {
    fn new() -> Self {
        Self { idle: VecDeque::new(), shared: Vec::new() }
    }

    fn len(&self) -> usize {
        self.idle.len() + self.shared.len()
    }

    /// When each of its connections was last used.
    fn times(&self) -> impl Iterator<Item = Instant> {
        let idle = self.idle.iter().map(|(since, _)| *since);
        idle.chain(self.shared.iter().map(|(since, _)| *since))
    }

    /// Drops what was last used at or before `time`.
    fn drop_until(&mut self, time: Instant) {
        while self.idle.front().is_some_and(|(since, _)| *since <= time) {
            self.idle.pop_front();
        }
        self.shared.retain(|(since, _)| *since > time);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Lot<S> {
    /// A connection that can be used; those that cannot any more are dropped on the way.
    fn take(&mut self) -> Option<Connection<S>> {
        self.shared.retain(|(_, shared)| shared.is_open());
        for (since, shared) in &mut self.shared {
            if let Some(seat) = shared.join() {
                debug_assert!(*since <= Instant::now(), "a connection is closed when it is unused, not before");
                *since = Instant::now();
                return Some(Connection::Http2(seat));
            }
        }
        while let Some((_, mut connection)) = self.idle.pop_back() {
            if connection.is_idle() {
                return Some(Connection::Http1(connection));
            }
        }
        None
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Pool<S> {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::new(Kept { routes: HashMap::new(), count: 0 }), filled: Notify::new() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<S>> {
        // Nothing in here panics half-way; a poisoned pool is a whole one.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection on this route that can be used, the one used last first.
    pub(crate) fn take(&self, route: &Route) -> Option<Connection<S>> {
        let mut kept = self.kept();
        let kept = &mut *kept;
        let lot = kept.routes.get_mut(route)?;
        let before = lot.len();
        let found = lot.take();
        kept.count -= before - lot.len();
        kept.check();
        found
    }

    /// Keeps a connection after its exchange; those unused for longest make room.
    pub(crate) fn put(&self, route: Route, connection: Box<Http1<S>>) {
        self.add(route, |lot, now| lot.idle.push_back((now, connection)));
    }

    /// Offers a connection to everybody on this route.
    pub(crate) fn share(&self, route: Route, connection: Http2) {
        self.add(route, |lot, now| lot.shared.push((now, connection)));
    }

    fn add(&self, route: Route, add: impl FnOnce(&mut Lot<S>, Instant)) {
        let mut kept = self.kept();
        if kept.count >= KEPT {
            kept.drop_oldest();
        }
        let was_empty = kept.count == 0;
        debug_assert!(
            kept.routes.get(&route).is_none_or(|lot| lot.idle.iter().is_sorted_by_key(|(since, _)| *since)),
            "connections are closed from the front of their queue: it has the oldest first"
        );
        add(kept.routes.entry(route).or_insert_with(Lot::new), Instant::now());
        kept.count += 1;
        kept.check();
        drop(kept);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Offers a shared connection no more, since it does not answer.
    pub(crate) fn forget(&self, route: &Route, connection: &Http2) {
        let mut kept = self.kept();
        let kept = &mut *kept;
        if let Some(lot) = kept.routes.get_mut(route) {
            let before = lot.len();
            lot.shared.retain(|(_, shared)| !shared.is_same(connection));
            kept.count -= before - lot.len();
            kept.check();
        }
    }

    /// Closes all of them.
    pub(crate) fn clear(&self) {
        let mut kept = self.kept();
        kept.routes.clear();
        kept.count = 0;
        kept.check();
    }

    /// Closes each connection when it has not been used for a while; never ends by itself.
    pub(crate) async fn reap(&self) {
        loop {
            match self.close_idle(Instant::now()) {
                Some(next) => sleep_until(next).await,
                None => self.filled.notified().await,
            }
        }
    }

    /// Closes what has not been used for [`IDLE`]; answers when the next one is due.
    fn close_idle(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.kept();
        if let Some(time) = now.checked_sub(IDLE) {
            kept.drop_until(time);
        }
        let next = kept.oldest().map(|since| since + IDLE);
        assert!(
            next.is_none_or(|next| next > now),
            "what is due at {next:?} is closed by {now:?}, or nothing ever waits"
        );
        next
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Kept<S> {
    /// What holds after each change.
    fn check(&self) {
        assert!(self.count <= KEPT, "{} connections are kept of at most {KEPT}", self.count);
        debug_assert_eq!(self.count, self.routes.values().map(Lot::len).sum::<usize>(), "each one is counted once");
    }

    fn oldest(&self) -> Option<Instant> {
        self.routes.values().flat_map(Lot::times).min()
    }

    /// Makes room: for many at once, since all routes have to be looked at.
    fn drop_oldest(&mut self) {
        let mut times: Vec<Instant> = self.routes.values().flat_map(Lot::times).collect();
        assert!(times.len() > KEPT / 8, "there are {} of {KEPT} to choose from", times.len());
        let (_, time, _) = times.select_nth_unstable(KEPT / 8);
        let time = *time;
        self.drop_until(time);
        assert!(self.count < KEPT, "{} of {KEPT} are left after room was made", self.count);
    }

    fn drop_until(&mut self, time: Instant) {
        self.routes.retain(|_, lot| {
            lot.drop_until(time);
            lot.len() > 0
        });
        let before = self.count;
        self.count = self.routes.values().map(Lot::len).sum();
        assert!(self.count <= before, "closing connections leaves {} of {before}", self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::Tasks;
    use crate::wire::Wire;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    fn route(port: u16) -> Route {
        Route { trust: 0, https: false, authority: "a".into(), proxied: false, address: ([8, 8, 8, 8], port).into() }
    }

    /// A connection and its other end.
    async fn connection() -> (Box<Http1<DuplexStream>>, DuplexStream) {
        let (near, far) = duplex(1_024);
        (Box::new(Http1::open(Wire::plain(near))), far)
    }

    fn count(pool: &Pool<DuplexStream>) -> usize {
        pool.kept().count
    }

    async fn is_closed(far: &mut DuplexStream) -> bool {
        far.read(&mut [0; 1]).await.unwrap() == 0
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_used_last_is_taken_first() {
        let pool = Pool::new();
        let (first, _first_end) = connection().await;
        let (second, second_end) = connection().await;
        pool.put(route(1), first);
        pool.put(route(1), second);
        assert_eq!(count(&pool), 2);
        drop(second_end);
        // The second was closed at its other end, so the first is next.
        assert!(pool.take(&route(1)).is_some());
        assert!(pool.take(&route(1)).is_none());
        assert_eq!(count(&pool), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_route_meets_only_its_own_connections() {
        let pool = Pool::new();
        let (one, _end) = connection().await;
        pool.put(route(1), one);
        let others = [
            Route { trust: 1, ..route(1) },
            Route { https: true, ..route(1) },
            Route { proxied: true, ..route(1) },
            Route { authority: "b".into(), ..route(1) },
            route(2),
        ];
        assert!(others.iter().all(|other| pool.take(other).is_none()));
        assert!(pool.take(&route(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_pool_closes_what_was_unused_for_longest() {
        let pool = Pool::new();
        let mut ends = Vec::new();
        for port in 0..=KEPT as u16 {
            let (one, end) = connection().await;
            pool.put(route(port), one);
            ends.push(end);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let dropped = KEPT / 8 + 1;
        assert_eq!(count(&pool), KEPT + 1 - dropped);
        assert!(is_closed(&mut ends[0]).await && is_closed(&mut ends[dropped - 1]).await);
        assert!(pool.take(&route(dropped as u16)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shared_connection_is_closed_once_nobody_has_used_it_for_as_long_as_any() {
        let pool = Pool::<DuplexStream>::new();
        let (near, _far) = duplex(1_024);
        pool.share(route(1), Http2::open(Wire::plain(near), &Tasks::default()).await.unwrap());
        let due = Instant::now() + IDLE;
        assert_eq!(pool.close_idle(due - Duration::from_millis(1)), Some(due));
        assert_eq!((pool.close_idle(due), count(&pool)), (None, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_reaper_closes_each_connection_in_its_time_and_forgets_empty_routes() {
        let pool = Pool::new();
        let (first, mut first_end) = connection().await;
        let (second, mut second_end) = connection().await;
        pool.put(route(1), first);
        tokio::time::advance(Duration::from_secs(20)).await;
        pool.put(route(2), second);
        let start = Instant::now();
        let watch = async {
            assert!(is_closed(&mut first_end).await);
            let first = start.elapsed();
            assert!(is_closed(&mut second_end).await);
            (first, start.elapsed())
        };
        let times = tokio::select! {
            biased;
            () = pool.reap() => unreachable!("it never ends by itself"),
            times = watch => times,
        };
        assert!(times.0 >= Duration::from_secs(30) && times.0 < Duration::from_secs(31), "{times:?}");
        assert!(times.1 >= Duration::from_secs(50) && times.1 < Duration::from_secs(51), "{times:?}");
        assert!(pool.kept().routes.is_empty());
    }
}
