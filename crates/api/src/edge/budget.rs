//! A budget that all connections share, and the rule by which they share it.
//!
//! A connection may hold as much as is left free for the others, a quarter of the budget apart:
//! the more is held, the less a connection may add (the rule is known from packet switches as
//! "dynamic thresholds", Choudhury and Hahne 1998). The quarter is for connections that hold
//! little, so that ordinary calls find room however many others hold all they can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What may be held at once over all connections.
#[derive(Debug)]
pub(super) struct Budget {
    total: usize,
    /// What a connection may hold even of the last quarter.
    little: usize,
    held: AtomicUsize,
}

impl Budget {
    /// A budget of `total`, of which each connection may hold a `little` as long as there is any.
    pub(super) fn new(total: usize, little: usize) -> Arc<Self> {
        assert!(little <= total / 4, "the last quarter of {total} has room for at least one that holds {little}");
        Arc::new(Self { total, little, held: AtomicUsize::new(0) })
    }

    /// Whether a connection may hold `own` when `all` hold so much, `own` included.
    fn allows(&self, own: usize, all: usize) -> bool {
        let for_all = self.total - self.total / 4;
        all.saturating_add(own) <= for_all || (own <= self.little && all <= self.total)
    }

    /// The part of a new connection, which holds nothing yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), held: AtomicUsize::new(0) }
    }
}

/// What one connection holds of a budget.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    held: AtomicUsize,
}

impl Share {
    /// Takes `amount` if the connection then holds no more than it may.
    #[must_use]
    pub(super) fn take(&self, amount: usize) -> bool {
        let (own, all) = self.add(amount);
        let fits = self.budget.allows(own, all);
        if !fits {
            self.give(amount);
        }
        fits
    }

    /// Takes `amount` even if it does not fit: what exists already must be counted.
    pub(super) fn take_anyway(&self, amount: usize) {
        self.add(amount);
    }

    /// Gives `amount` back.
    pub(super) fn give(&self, amount: usize) {
        let own = self.held.fetch_sub(amount, Ordering::Relaxed);
        let all = self.budget.held.fetch_sub(amount, Ordering::Relaxed);
        assert!(own >= amount && all >= amount, "gave back {amount} of {own} held, {all} in all");
    }

    /// Adds `amount`; what the connection and all connections hold with it.
    fn add(&self, amount: usize) -> (usize, usize) {
        let own = self.held.fetch_add(amount, Ordering::Relaxed) + amount;
        let all = self.budget.held.fetch_add(amount, Ordering::Relaxed) + amount;
        (own, all)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_gets_half_of_what_is_for_all_and_gives_it_back() {
        let budget = Budget::new(80, 1);
        let share = budget.share();
        assert!(share.take(30));
        assert!(!share.take(1));
        share.give(30);
        assert!(share.take(30), "what was refused is not held");
    }

    #[test]
    fn however_many_take_all_they_can_a_new_one_finds_room() {
        let budget = Budget::new(1_000_000, 1_000);
        let greedy: Vec<Share> = (0..256).map(|_| budget.share()).collect();
        for share in &greedy {
            while share.take(640) {}
        }
        let held: usize = greedy.iter().map(Share::held).sum();
        assert!(held <= 1_000_000, "{held}");
        assert!(budget.share().take(1_000));
    }

    #[test]
    fn what_is_counted_anyway_leaves_no_room_for_more() {
        let budget = Budget::new(100, 10);
        let share = budget.share();
        share.take_anyway(200);
        assert!(!share.take(0) && !budget.share().take(1));
        share.give(200);
        assert!(share.take(1));
    }
}
