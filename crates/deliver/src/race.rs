//! Connecting to the first of a receiver's addresses that accepts: RFC 8305, "Happy Eyeballs".
//!
//! The addresses are dialled one after the other, each a little after the one before and while
//! that goes on; when one fails the next begins at once. The first connection wins, the others
//! are dropped. So an address that swallows every packet costs a fraction of a second.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tenterhook_model::limits;
use tokio::time::{Instant, sleep_until};

use crate::dial::{Dial, Dialled};
use crate::error::AttemptError;
use crate::progress::Progress;

/// How long after one address the next is dialled (RFC 8305 section 5, "Connection Attempt
/// Delay"), where there are few.
const DELAY: Duration = Duration::from_millis(250);
/// The time in which all of many addresses are begun. With 16 of them it makes the delay 26 ms;
/// RFC 8305 section 5 forbids less than 10 ms.
const ALL_BEGUN: Duration = Duration::from_millis(400);

/// Whether a connection to the first address, which really leads to the second, may be used.
pub(crate) type Check<'a> = &'a (dyn Fn(SocketAddr, SocketAddr) -> Result<(), AttemptError> + Sync);

/// How long after one of `count` addresses the next is dialled.
fn delay(count: usize) -> Duration {
    let gaps = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
    DELAY.min(ALL_BEGUN / gaps)
}

/// Connects to the first of `targets` that accepts, and that leads where `check` lets it.
///
/// # Errors
/// When none does within [`limits::CONNECT_TIMEOUT`].
///
/// # Cancel safety
/// Dropping the future gives up all connections that are being made.
pub(crate) async fn connect<D: Dial>(
    dialer: &D,
    check: Check<'_>,
    targets: &[SocketAddr],
    progress: &mut Progress,
) -> Result<(SocketAddr, D::Stream), AttemptError> {
    let start = Instant::now();
    let result = race(dialer, check, targets, progress).await;
    progress.timings.connect = Some(start.elapsed());
    result
}

async fn race<D: Dial>(
    dialer: &D,
    check: Check<'_>,
    targets: &[SocketAddr],
    progress: &mut Progress,
) -> Result<(SocketAddr, D::Stream), AttemptError> {
    let (count, limit) = (targets.len(), limits::CONNECT_TIMEOUT);
    assert!((1..=limits::DNS_RECORDS).contains(&count), "{count} addresses are dialled: some, and boundedly many");
    let deadline = Instant::now() + limit;
    let (mut waiting, mut going) = (targets.iter().copied(), FuturesUnordered::new());
    let (mut begin_next, mut failure) = (Instant::now(), None);
    loop {
        if going.is_empty() || Instant::now() >= begin_next {
            match waiting.next() {
                Some(address) => {
                    progress.dialling(address);
                    going.push(async move { (address, dialer.dial(address).await) });
                    begin_next = Instant::now() + delay(count);
                }
                None if going.is_empty() => return Err(failure.expect("the guard gives at least one target")),
                None => {}
            }
        }
        tokio::select! {
            // A connection that is there counts even when its time is just up.
            biased;
            Some((address, dialled)) = going.next() => {
                let checked = match dialled {
                    Ok(Dialled { stream, peer }) => check(address, peer).map(|()| stream),
                    Err(source) => Err(AttemptError::connect(count, address, source)),
                };
                match checked {
                    Ok(stream) => {
                        progress.connected(address, count - waiting.len());
                        return Ok((address, stream));
                    }
                    Err(error) => {
                        progress.not_connected(address, error.in_short());
                        failure = Some(worse(failure, error));
                        begin_next = Instant::now();
                    }
                }
            }
            () = sleep_until(begin_next), if waiting.len() > 0 => {}
            () = sleep_until(deadline) => {
                let address = progress.remote_address.unwrap_or(targets[count - 1]);
                let late = AttemptError::ConnectTimeout { count, address, limit };
                return Err(worse(failure, late));
            }
        }
    }
}

/// What to report of two failures: a connection that led where none may lead, else what this
/// machine lacked, else the later one.
fn worse(before: Option<AttemptError>, now: AttemptError) -> AttemptError {
    match before {
        Some(led_elsewhere @ AttemptError::Peer { .. }) => led_elsewhere,
        Some(local @ AttemptError::Local(_)) => local,
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dial_order::in_turn;

    fn ordered(addresses: &[&str]) -> Vec<String> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        in_turn(addresses).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn families_take_turns_and_ipv6_begins() {
        assert_eq!(
            ordered(&["1.1.1.1", "1.1.1.2", "1.1.1.3", "2001::1", "2001::2"]),
            ["2001::1", "1.1.1.1", "2001::2", "1.1.1.2", "1.1.1.3"]
        );
        assert_eq!(
            ordered(&["1.1.1.1", "2001::1", "2001::2", "2001::3"]),
            ["2001::1", "1.1.1.1", "2001::2", "2001::3"]
        );
        assert_eq!(ordered(&["1.1.1.2", "1.1.1.1"]), ["1.1.1.2", "1.1.1.1"]);
        assert_eq!(ordered(&["::ffff:1.1.1.1", "2001::1"]), ["2001::1", "::ffff:1.1.1.1"]);
        assert!(ordered(&[]).is_empty());
    }

    #[test]
    fn many_addresses_are_all_begun_within_the_time_for_it() {
        assert_eq!((delay(1), delay(2)), (DELAY, DELAY));
        for count in 1..=limits::DNS_RECORDS {
            let last = delay(count) * (count as u32 - 1);
            assert!(last <= ALL_BEGUN && delay(count) >= Duration::from_millis(10), "{count}: {last:?}");
        }
    }
}
