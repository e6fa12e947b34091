//! Serialises the first TLS handshake to a receiver until it is known whether it speaks HTTP/2.
//!
//! When many attempts to one receiver begin at once, each would open a connection, and with
//! HTTP/2 all but one of them would have been for nothing. So the first one goes ahead; if
//! its connection can be shared the others find it in the pool, and if not, or if there is
//! no connection at all, all of them go on at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::pool::Route;

/// Routes with a handshake in progress.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight {
    gates: Mutex<HashMap<Route, Arc<Semaphore>>>,
}

/// The right to connect. While somebody else holds one for the same way, nobody gets one;
/// dropping it lets the next one through, or everybody when nothing was shared.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    flights: &'a SingleFlight,
    route: Route,
    gate: Arc<Semaphore>,
    /// `None` when the gate stands open.
    permit: Option<OwnedSemaphorePermit>,
    shared: bool,
}

impl SingleFlight {
    /// Waits for the right to connect on this way. Look into the pool afterwards: whoever had it
    /// before may have left a connection there.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the queue up.
    pub(crate) async fn take(&self, route: &Route) -> Turn<'_> {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(gates.entry(route.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        let mut turn = Turn { flights: self, route: route.clone(), gate, permit: None, shared: false };
        turn.permit = Arc::clone(&turn.gate).acquire_owned().await.ok();
        debug_assert!(
            turn.permit.is_some() || turn.gate.is_closed(),
            "one connects at a time, until the gate stands open"
        );
        turn
    }
}

impl Turn<'_> {
    /// There is a connection in the pool that the others can share.
    pub(crate) fn was_shared(mut self) {
        self.shared = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut gates = self.flights.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if self.permit.take().is_some() && !self.shared {
            self.gate.close();
        }
        // The map's and this one: nobody else waits or connects.
        if Arc::strong_count(&self.gate) == 2 {
            let gate = gates.remove(&self.route);
            debug_assert!(
                gate.is_none_or(|gate| Arc::ptr_eq(&gate, &self.gate)),
                "a gate that others wait at is not forgotten"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn route() -> Route {
        Route { trust: 0, https: true, authority: "a".into(), proxied: false, address: ([8, 8, 8, 8], 443).into() }
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn gates(flights: &SingleFlight) -> usize {
        flights.gates.lock().unwrap().len()
    }

    #[test]
    fn one_goes_ahead_and_the_others_follow_one_by_one_while_it_is_shared() {
        let (flights, route) = (SingleFlight::default(), route());
        let Poll::Ready(first) = poll(pin!(flights.take(&route))) else { panic!("nobody is ahead") };
        let (mut second, mut third) = (pin!(flights.take(&route)), pin!(flights.take(&route)));
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
        first.was_shared();
        let Poll::Ready(second) = poll(second.as_mut()) else { panic!("the first is through") };
        assert!(poll(third.as_mut()).is_pending());
        second.was_shared();
        let Poll::Ready(third) = poll(third.as_mut()) else { panic!("the second is through") };
        third.was_shared();
        assert_eq!(gates(&flights), 0);
    }

    #[test]
    fn all_go_on_at_once_when_nothing_is_shared() {
        let (flights, route) = (SingleFlight::default(), route());
        let Poll::Ready(first) = poll(pin!(flights.take(&route))) else { panic!("nobody is ahead") };
        let (mut second, mut third) = (pin!(flights.take(&route)), pin!(flights.take(&route)));
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
        drop(first);
        let (Poll::Ready(second), Poll::Ready(third)) = (poll(second.as_mut()), poll(third.as_mut())) else {
            panic!("the gate stands open")
        };
        drop((second, third));
        assert_eq!(gates(&flights), 0);
    }

    #[test]
    fn one_that_waits_no_longer_holds_nobody_up() {
        let (flights, route) = (SingleFlight::default(), route());
        let Poll::Ready(first) = poll(pin!(flights.take(&route))) else { panic!("nobody is ahead") };
        {
            let mut second = pin!(flights.take(&route));
            assert!(poll(second.as_mut()).is_pending());
        }
        first.was_shared();
        assert_eq!(gates(&flights), 0);
    }

    #[test]
    fn ways_do_not_wait_for_each_other() {
        let flights = SingleFlight::default();
        let other = Route { trust: 1, ..route() };
        let one = poll(pin!(flights.take(&route())));
        assert!(one.is_ready() && poll(pin!(flights.take(&other))).is_ready());
    }
}
