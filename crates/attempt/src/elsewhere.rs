//! Attempts that other nodes make for this one.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use tenterhook_model::{Clock, Exchange, Outcome};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::draft::Draft;
use crate::job::Job;
use crate::make::Made;

/// Attempts under way at one place, of as many as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Those under way.
    pub taken: usize,
    /// As many as it takes.
    pub room: usize,
}

impl Load {
    /// Whether another attempt fits.
    pub fn has_room(self) -> bool {
        self.taken < self.room
    }

    /// Whether less of the room is taken than of the other's.
    pub fn is_lighter_than(self, other: Self) -> bool {
        self.taken as u128 * (other.room as u128) < other.taken as u128 * (self.room as u128)
    }
}

/// The nodes that make attempts for this one.
pub trait Elsewhere: Debug + Send + Sync {
    /// How many attempts they take at once, together, at each change.
    fn room(&self) -> watch::Receiver<usize>;

    /// A place for one attempt, on a node that is less loaded than this one, which has the load `here`.
    fn place(&self, here: Load) -> Option<Box<dyn Place>>;
}

/// A place for one attempt on another node. Dropped, it is free again.
pub trait Place: Debug + Send + Sync {
    /// Makes the attempt there; `cut` interrupts it. `None` when the node is lost, once it is sure that it
    /// sends no more.
    fn make<'a>(&'a self, job: Job<'a>, cut: &'a CancellationToken) -> BoxFuture<'a, Option<Made>>;
}

/// Makes the attempt on another node.
///
/// # Cancel safety
/// As [`make`](crate::make()).
pub async fn make_at(place: &dyn Place, job: Job<'_>, clock: &dyn Clock, cut: &CancellationToken) -> Made {
    let draft = Draft::begin(clock.now(), None);
    let made = place.make(job, cut).await;
    made.unwrap_or_else(|| {
        let lost = Exchange::failed(Outcome::Interrupted, "the node that made the attempt was lost");
        Made { attempt: draft.finish(&job, lost), excuse: None, panicked: false }
    })
}

/// No other node makes attempts.
#[derive(Debug)]
pub struct Nowhere(watch::Sender<usize>);

impl Default for Nowhere {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Elsewhere for Nowhere {
    fn room(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }

    fn place(&self, _here: Load) -> Option<Box<dyn Place>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_lighter_place_is_the_one_with_less_of_its_room_taken() {
        let load = |taken, room| Load { taken, room };
        assert!(load(1, 4).is_lighter_than(load(1, 2)));
        assert!(!load(1, 2).is_lighter_than(load(2, 4)), "equally loaded, an attempt stays here");
        assert!(load(0, 1).is_lighter_than(load(1, usize::MAX)));
        assert!(!load(0, 8).is_lighter_than(load(0, 1)), "nothing is lighter than an idle node");
        assert!(load(1, 2).has_room() && !load(2, 2).has_room() && !load(0, 0).has_room());
    }

    proptest! {
        #[test]
        fn of_two_places_at_most_one_is_lighter(taken in any::<[usize; 2]>(), room in any::<[usize; 2]>()) {
            let [one, other] = [0, 1].map(|at| Load { taken: taken[at], room: room[at] });
            prop_assert!(!(one.is_lighter_than(other) && other.is_lighter_than(one)));
            prop_assert!(!one.is_lighter_than(one));
            let crowded = Load { taken: one.taken.saturating_add(1), ..one };
            prop_assert!(!crowded.is_lighter_than(one), "one more never makes a place lighter");
        }
    }
}
