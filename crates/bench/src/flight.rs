//! Events on their way: begun by a publisher, ended by the receiver when the last of their
//! requests has arrived.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use hyper::StatusCode;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::histogram::Histogram;
use tenterhook_listen::receiver::{Answer, Answers, Received};

/// Events that can be under way at once.
const SLOTS: usize = 1 << 16;
/// What every event id begins with; the rest is its number.
const PREFIX: &str = "bench-";

/// The events under way and what has been measured of them.
#[derive(Debug)]
pub(super) struct Flights {
    slots: Vec<Slot>,
    next: AtomicU64,
    /// Whether events that begin now are measured; false while the server warms up.
    pub(super) measuring: AtomicBool,
    /// From the call of PublishEvent to its answer.
    pub(super) publish: Histogram,
    /// From the call of PublishEvent to each request that came of it.
    pub(super) arrival: Histogram,
    /// Requests that belong to no event under way: repeats.
    pub(super) strays: AtomicU64,
    /// Requests without a number that arrived while it was measured: of a queue that drains.
    pub(super) drained: AtomicU64,
    /// How long the receiver takes for each request.
    delay: Duration,
}

#[derive(Debug, Default)]
struct Slot {
    flight: Mutex<Option<Flight>>,
    landed: Notify,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    began: Instant,
    to_come: usize,
    measured: bool,
}

impl Flights {
    /// Nothing is under way.
    pub(super) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            next: AtomicU64::new(0),
            measuring: AtomicBool::new(false),
            publish: Histogram::new(),
            arrival: Histogram::new(),
            strays: AtomicU64::new(0),
            drained: AtomicU64::new(0),
            delay: Duration::ZERO,
        }
    }

    /// The same for a receiver that takes `delay` for each request.
    pub(super) fn answering_after(delay: Duration) -> Self {
        Self { delay, ..Self::new() }
    }

    /// Begins an event that `requests` requests will come of; answers its number.
    ///
    /// # Errors
    /// When the event that had its place is still in flight: more is published than is delivered.
    pub(super) fn begin(&self, began: Instant, requests: usize) -> Result<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut flight = self.slot(number).flight.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(
            flight.is_none(),
            "{SLOTS} events are in flight: this machine delivers fewer than are published; publish fewer a second"
        );
        let measured = self.measuring.load(Ordering::Relaxed);
        *flight = Some(Flight { number, began, to_come: requests, measured });
        Ok(number)
    }

    /// Counts the answer to PublishEvent of an event that began at `began`.
    pub(super) fn published(&self, began: Instant) {
        if self.measuring.load(Ordering::Relaxed) {
            self.publish.record(began.elapsed());
        }
    }

    /// The id of the event with this number.
    pub(super) fn id(number: u64) -> String {
        format!("{PREFIX}{number}")
    }

    /// Waits until the last request of the event has arrived.
    pub(super) async fn landed(&self, number: u64) {
        let slot = self.slot(number);
        loop {
            let landed = slot.landed.notified();
            let under_way = slot.flight.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if !under_way {
                return;
            }
            landed.await;
        }
    }

    fn slot(&self, number: u64) -> &Slot {
        &self.slots[(number as usize) % SLOTS]
    }

    fn arrived(&self, number: u64) {
        let slot = self.slot(number);
        let mut flight = slot.flight.lock().unwrap_or_else(PoisonError::into_inner);
        match flight.as_mut().filter(|flight| flight.number == number) {
            Some(under_way) => {
                if under_way.measured {
                    self.arrival.record(under_way.began.elapsed());
                }
                under_way.to_come -= 1;
                if under_way.to_come == 0 {
                    *flight = None;
                    slot.landed.notify_one();
                }
            }
            None => {
                self.strays.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The number of the event that a request was made of: its id stands first in the body.
fn number(body: &[u8]) -> Option<u64> {
    let start = body.windows(PREFIX.len()).take(32).position(|window| window == PREFIX.as_bytes())? + PREFIX.len();
    let digits = body[start..].iter().take_while(|byte| byte.is_ascii_digit());
    let mut value = None;
    for digit in digits {
        value = Some(value.unwrap_or(0) * 10 + u64::from(digit - b'0'));
    }
    value
}

impl Answers for Flights {
    async fn answer(&self, request: Received) -> Answer {
        match number(&request.body) {
            Some(number) => self.arrived(number),
            None => {
                self.drained.fetch_add(u64::from(self.measuring.load(Ordering::Relaxed)), Ordering::Relaxed);
            }
        }
        Answer { delay: self.delay, ..Answer::status(StatusCode::OK) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_first_in_the_body() {
        assert_eq!(number(br#"{"id": "bench-4711", "x": 1}"#), Some(4_711));
        for none in [&b"bench-"[..], b"{}", b"", b"bench-x"] {
            assert_eq!(number(none), None);
        }
    }

    fn measuring() -> Flights {
        Flights { measuring: AtomicBool::new(true), ..Flights::new() }
    }

    #[tokio::test]
    async fn an_event_has_landed_when_its_last_request_arrives() {
        let flights = measuring();
        let event = flights.begin(Instant::now(), 2).unwrap();
        flights.arrived(event);
        assert!(futures_now(flights.landed(event)).await.is_none());
        flights.arrived(event);
        assert!(futures_now(flights.landed(event)).await.is_some());
        assert_eq!(flights.arrival.count(), 2);
    }

    #[tokio::test]
    async fn repeats_are_counted_apart() {
        let flights = measuring();
        let event = flights.begin(Instant::now(), 1).unwrap();
        flights.arrived(event);
        flights.arrived(event);
        assert_eq!((flights.arrival.count(), flights.strays.load(Ordering::Relaxed)), (1, 1));
    }

    /// What the future gives at once, if anything.
    async fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::select! { biased;
            value = future => Some(value),
            () = std::future::ready(()) => None,
        }
    }

    #[test]
    fn only_the_beginning_of_a_body_is_looked_at() {
        for (body, found) in [
            (&b"bench-7"[..], Some(7)),
            (b"bench-007", Some(7)),
            (b"bench-7bench-8", Some(7)),
            (b"xbench-0\"", Some(0)),
            (b"Bench-7", None),
            (b"bench7", None),
        ] {
            assert_eq!(number(body), found, "{}", String::from_utf8_lossy(body));
        }
        let behind = |blanks: usize| number(format!("{}bench-7", " ".repeat(blanks)).as_bytes());
        assert_eq!((behind(31), behind(32)), (Some(7), None));
        assert_eq!(number(Flights::id(4_711).as_bytes()), Some(4_711));
    }

    #[tokio::test]
    async fn nothing_is_measured_while_the_server_warms_up() {
        let flights = Flights::new();
        let event = flights.begin(Instant::now(), 1).unwrap();
        flights.published(Instant::now());
        flights.measuring.store(true, Ordering::Relaxed);
        flights.arrived(event);
        assert_eq!((flights.arrival.count(), flights.publish.count()), (0, 0), "it began before");
        flights.published(Instant::now());
        assert_eq!(flights.publish.count(), 1);
    }

    #[test]
    fn events_are_numbered_in_turn_and_take_the_place_of_those_that_landed() {
        let flights = Flights::new();
        for number in 0..3 {
            assert_eq!(flights.begin(Instant::now(), 1).unwrap(), number);
        }
        (0..3).for_each(|number| flights.arrived(number));
        flights.next.store(SLOTS as u64, Ordering::Relaxed);
        assert_eq!(flights.begin(Instant::now(), 1).unwrap(), SLOTS as u64);
        flights.arrived(0);
        assert_eq!(flights.strays.load(Ordering::Relaxed), 1, "a late repeat of the event before it in its place");
    }

    #[test]
    fn no_event_takes_the_place_of_one_in_flight() {
        let flights = Flights::new();
        flights.begin(Instant::now(), 1).unwrap();
        flights.next.store(SLOTS as u64, Ordering::Relaxed);
        let error = flights.begin(Instant::now(), 1).unwrap_err().to_string();
        assert!(error.contains("65536 events are in flight") && error.contains("publish fewer a second"), "{error}");
        flights.arrived(0);
        assert_eq!(flights.strays.load(Ordering::Relaxed), 0, "the one in flight kept its place");
    }

    #[tokio::test]
    async fn requests_of_others_are_counted_only_while_it_is_measured() {
        let request = || Received {
            peer: "127.0.0.1:4000".parse().unwrap(),
            method: hyper::Method::POST,
            path: "/".to_owned(),
            headers: hyper::HeaderMap::new(),
            spelling: Default::default(),
            body: bytes::Bytes::from_static(b"{}"),
        };
        let flights = Flights::answering_after(Duration::from_millis(7));
        let answer = flights.answer(request()).await;
        assert_eq!((answer.status, answer.delay), (StatusCode::OK, Duration::from_millis(7)));
        assert_eq!(flights.drained.load(Ordering::Relaxed), 0);
        flights.measuring.store(true, Ordering::Relaxed);
        flights.answer(request()).await;
        assert_eq!((flights.drained.load(Ordering::Relaxed), flights.strays.load(Ordering::Relaxed)), (1, 0));
    }
}
