//! Who holds the slots of the dispatcher, and how many more each lane may take.
//!
//! A slot is one attempt in flight, or one that a claim may bring. Receivers that hang hold
//! their slots until the attempt times out, so slots are kept free for those that do not:
//!
//! - Slow lanes together hold at most half of the slots. Of `n` namespaces that hold such
//!   slots, each may hold an `n`-th of what it leaves free of that half, and always one. A lane
//!   that has not been tried yet counts as slow, but gets one slot as a quick one does.
//! - A quick lane's namespace may hold three times what it leaves free: three quarters while it
//!   is alone, and equal parts when several are busy.
//! - Lanes that have not just proved to be up together hold at most three quarters; one of a
//!   namespace that holds nothing may bring that to seven eighths.
//! - Of the `n` lanes of a namespace that hold slots, each may hold an `n`-th of what it leaves free.
//!
//! Where all webhooks are in one namespace, the bounds by namespace do not apply: there is
//! nobody to keep slots for.

use std::collections::BTreeMap;

use tenterhook_model::Namespace;

use crate::pace::Pace;

/// The part of the slots that slow lanes may hold together: one of this many.
const PART_OF_SLOW: usize = 2;
/// The part of the slots that only lanes may hold that have just proved to be up: one of this many.
const PART_OF_RESERVE: usize = 4;
/// How many times what it leaves free the quick lanes of a namespace may bring it to.
const TIMES_FREE: usize = 3;

/// What a namespace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tenant {
    held: usize,
    /// Those of them that slow lanes hold.
    slow: usize,
    /// Lanes that hold them.
    busy: usize,
}

/// A lane that asks for slots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    /// The namespace of its webhook.
    pub(crate) namespace: &'a Namespace,
    /// How fast its attempts end.
    pub(crate) pace: Pace,
    /// Slots that it holds.
    pub(crate) held: usize,
}

/// The slots of the dispatcher.
#[derive(Debug)]
pub(crate) struct Slots {
    total: usize,
    /// How many there are to be: fewer than `total` while lanes hold more.
    wanted: usize,
    free: usize,
    /// Slots that slow lanes hold.
    slow: usize,
    /// Slots that lanes hold that are quick, but have not just proved to be up.
    quick: usize,
    /// Namespaces whose slow lanes hold slots.
    slow_tenants: usize,
    /// Whether webhooks are in more than one namespace.
    is_shared: bool,
    tenants: BTreeMap<Namespace, Tenant>,
}

impl Slots {
    /// So many free slots, at least 1.
    pub(crate) fn new(total: usize) -> Self {
        assert!(total > 0, "a dispatcher may have at least one attempt in flight");
        Self {
            total,
            wanted: total,
            free: total,
            slow: 0,
            quick: 0,
            slow_tenants: 0,
            is_shared: false,
            tenants: BTreeMap::new(),
        }
    }

    /// Sets how many slots there are, at least 1. Those that are held stay held, and go when they are given back.
    pub(crate) fn set_total(&mut self, wanted: usize) {
        assert!(wanted > 0, "a dispatcher may have at least one attempt in flight");
        let held = self.total - self.free;
        self.wanted = wanted;
        self.total = wanted.max(held);
        self.free = self.total - held;
        self.check();
    }

    /// Notes whether webhooks are in more than one namespace.
    pub(crate) fn set_shared(&mut self, is_shared: bool) {
        self.is_shared = is_shared;
    }

    /// Slots that a lane of this pace could take if its namespace held nothing.
    pub(crate) fn open_to(&self, pace: Pace) -> usize {
        self.room(pace, Tenant::default())
    }

    /// Slots that the lanes of this pace may still take in the namespace.
    pub(crate) fn room_of(&self, namespace: &Namespace, pace: Pace) -> usize {
        self.room(pace, self.tenant(namespace))
    }

    /// Slots that the lane may take.
    pub(crate) fn part_of(&self, asking: Asking<'_>) -> usize {
        let busy = self.tenant(asking.namespace).busy + usize::from(asking.held == 0);
        let room = self.room_of(asking.namespace, asking.pace);
        // Slow lanes leave some of their own part to those that have not been tried yet.
        let whole = if asking.pace == Pace::Slow { room } else { self.free };
        let part = part(whole, busy, asking.held).min(room);
        assert!(part <= self.free, "a part of {part} slots is offered of {} that are free", self.free);
        part
    }

    fn tenant(&self, namespace: &Namespace) -> Tenant {
        self.tenants.get(namespace).copied().unwrap_or_default()
    }

    fn room(&self, pace: Pace, tenant: Tenant) -> usize {
        self.free.min(self.bound_of_unproven(pace, tenant)).min(self.bound_of_namespace(pace, tenant))
    }

    fn bound_of_unproven(&self, pace: Pace, tenant: Tenant) -> usize {
        let reserve = self.total / PART_OF_RESERVE;
        let most = match pace {
            Pace::Prompt => return self.free,
            Pace::Quick if tenant.held == 0 => self.total - reserve / 2,
            Pace::Quick | Pace::Slow => self.total - reserve,
        };
        most.saturating_sub(self.slow + self.quick)
    }

    fn bound_of_namespace(&self, pace: Pace, tenant: Tenant) -> usize {
        match pace {
            Pace::Slow => {
                let left = (self.total / PART_OF_SLOW).max(1).saturating_sub(self.slow);
                if !self.is_shared {
                    return left;
                }
                let tenants = self.slow_tenants + usize::from(tenant.slow == 0);
                part(left, tenants, tenant.slow).min(left.max(usize::from(tenant.slow == 0)))
            }
            Pace::Prompt | Pace::Quick if self.is_shared => {
                // After taking x of f free slots: held + x <= TIMES_FREE * (f - x).
                let part = (TIMES_FREE * self.free).saturating_sub(tenant.held) / (TIMES_FREE + 1);
                part.max(usize::from(tenant.held == 0))
            }
            Pace::Prompt | Pace::Quick => self.free,
        }
    }

    /// Hands `count` slots to a lane.
    pub(crate) fn take(&mut self, lane: Asking<'_>, count: usize) {
        assert!(count <= self.free, "{count} slots are taken of {} that are free", self.free);
        self.free -= count;
        self.quick += if lane.pace == Pace::Quick { count } else { 0 };
        self.change(lane.namespace, |tenant| {
            tenant.busy += usize::from(lane.held == 0 && count > 0);
            tenant.held += count;
            tenant.slow += if lane.pace == Pace::Slow { count } else { 0 };
        });
        self.check();
    }

    /// Takes `count` slots back from a lane; its `held` is what it held before.
    pub(crate) fn give_back(&mut self, lane: Asking<'_>, count: usize) {
        assert!(count <= lane.held, "a lane gives back {count} slots of {}", lane.held);
        self.free += count;
        assert!(self.free <= self.total, "{} slots are free of {}", self.free, self.total);
        let surplus = (self.total - self.wanted).min(self.free);
        self.free -= surplus;
        self.total -= surplus;
        self.quick -= if lane.pace == Pace::Quick { count } else { 0 };
        self.change(lane.namespace, |tenant| {
            assert!(tenant.held >= count, "a namespace gives back {count} slots of {}", tenant.held);
            tenant.busy -= usize::from(lane.held == count && count > 0);
            tenant.held -= count;
            tenant.slow -= if lane.pace == Pace::Slow { count } else { 0 };
        });
        self.check();
    }

    /// Counts what a lane holds at the pace `to` from now on; `lane` says at which it was.
    pub(crate) fn turn(&mut self, lane: Asking<'_>, to: Pace) {
        let at = |pace: Pace, wanted: Pace| if pace == wanted { lane.held } else { 0 };
        self.quick = self.quick + at(to, Pace::Quick) - at(lane.pace, Pace::Quick);
        self.change(lane.namespace, |tenant| {
            tenant.slow = tenant.slow + at(to, Pace::Slow) - at(lane.pace, Pace::Slow);
        });
        self.check();
    }

    /// What holds after each change.
    fn check(&self) {
        let held = self.total - self.free;
        assert!(self.total == self.wanted.max(held), "{} slots, {held} held and {} wanted", self.total, self.wanted);
        assert!(
            self.slow + self.quick <= held,
            "lanes hold {held} slots, of which {} count as slow and {} as quick",
            self.slow,
            self.quick
        );
        assert!(self.slow_tenants <= self.slow, "{} namespaces hold {} slow slots", self.slow_tenants, self.slow);
        assert_eq!(self.tenants.is_empty(), held == 0, "{held} slots are held by {} namespaces", self.tenants.len());
    }

    /// Changes what a namespace holds, and the sums over all of them.
    fn change(&mut self, namespace: &Namespace, change: impl FnOnce(&mut Tenant)) {
        let before = self.tenant(namespace);
        let mut after = before;
        change(&mut after);
        assert!(after.slow <= after.held, "slow lanes hold {} of the {} slots of {namespace}", after.slow, after.held);
        assert!(after.busy <= after.held, "{} lanes of {namespace} share {} slots", after.busy, after.held);
        self.slow = self.slow + after.slow - before.slow;
        self.slow_tenants = self.slow_tenants + usize::from(after.slow > 0) - usize::from(before.slow > 0);
        if after == Tenant::default() {
            self.tenants.remove(namespace);
        } else if before == Tenant::default() {
            self.tenants.insert(namespace.clone(), after);
        } else if let Some(tenant) = self.tenants.get_mut(namespace) {
            *tenant = after;
        }
    }
}

#[cfg(test)]
impl Slots {
    /// All slots.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Slots that nobody holds.
    pub(crate) fn free(&self) -> usize {
        self.free
    }

    /// Slots that lanes hold that are slow, and that are quick but have not just proved to be up.
    pub(crate) fn unproven(&self) -> (usize, usize) {
        (self.slow, self.quick)
    }
}

/// How many of `free` slots one of `busy` holders (itself included) may take that holds `held`:
/// as many as leave it an equal part of what it leaves free, and one if it holds none.
fn part(free: usize, busy: usize, held: usize) -> usize {
    let part = free.saturating_sub(busy * held) / (busy + 1);
    part.max(usize::from(held == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Pace::{Prompt, Quick, Slow};

    fn name(number: usize) -> Namespace {
        format!("tenant-{number}").parse().unwrap()
    }

    fn shared(total: usize) -> Slots {
        let mut slots = Slots::new(total);
        slots.set_shared(true);
        slots
    }

    fn asking(namespace: &Namespace, pace: Pace, held: usize) -> Asking<'_> {
        Asking { namespace, pace, held }
    }

    /// New lanes of the namespace take one slot each while they may; answers how many.
    fn flood(slots: &mut Slots, namespace: &Namespace, pace: Pace) -> usize {
        let mut taken = 0;
        while slots.part_of(asking(namespace, pace, 0)) > 0 {
            slots.take(asking(namespace, pace, 0), 1);
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_lane_alone_may_take_half_of_the_slots_and_many_leave_some_free() {
        let (namespace, mut slots) = (name(0), Slots::new(1_024));
        assert_eq!(slots.part_of(asking(&namespace, Prompt, 0)), 512);
        for _ in 0..100 {
            let taken = slots.part_of(asking(&namespace, Prompt, 0)).min(64);
            assert!(taken > 0, "a hundred lanes that never give back leave room for the next");
            slots.take(asking(&namespace, Prompt, 0), taken);
        }
    }

    #[test]
    fn slow_lanes_hold_at_most_half_of_the_slots() {
        let mut slots = Slots::new(1_024);
        assert_eq!(flood(&mut slots, &name(0), Slow), 512);
        assert_eq!(slots.part_of(asking(&name(0), Quick, 0)), 1);
    }

    #[test]
    fn the_hanging_lanes_of_one_namespace_leave_the_others_their_slots() {
        let mut slots = shared(1_024);
        assert_eq!(flood(&mut slots, &name(0), Slow), 256, "half of the half");
        let next = flood(&mut slots, &name(1), Slow);
        assert!(next >= 85, "a third of what the first has left: {next}");
        for pace in Pace::ALL {
            assert!(slots.part_of(asking(&name(2), pace, 0)) > 0, "{pace:?}");
        }
    }

    #[test]
    fn many_hanging_namespaces_leave_a_quarter_of_the_slots_to_quick_lanes() {
        let mut slots = shared(1_024);
        let held: usize = (0..2_000).map(|number| flood(&mut slots, &name(number), Slow)).sum();
        assert_eq!((held, slots.free()), (768, 256));
        assert!(slots.part_of(asking(&name(5_000), Quick, 0)) > 0);
    }

    #[test]
    fn the_quick_lanes_of_one_namespace_leave_a_quarter() {
        let mut slots = shared(1_024);
        assert_eq!(flood(&mut slots, &name(0), Prompt), 768);
        assert!(slots.part_of(asking(&name(1), Prompt, 0)) > 0);
        assert!(slots.part_of(asking(&name(1), Slow, 0)) > 0);
    }

    #[test]
    fn a_namespace_without_another_takes_all_with_quick_lanes() {
        assert_eq!(flood(&mut Slots::new(1_024), &name(0), Prompt), 1_024);
    }

    #[test]
    fn the_last_slots_are_for_lanes_that_have_just_proved_to_be_up() {
        let mut slots = shared(1_024);
        // A cloud fails at once: the lanes of many namespaces were quick until now.
        for number in 0..2_000 {
            flood(&mut slots, &name(number), Quick);
        }
        assert_eq!(slots.free(), 128);
        assert!(slots.part_of(asking(&name(5_000), Prompt, 0)) > 0);
        assert_eq!(slots.part_of(asking(&name(5_000), Quick, 0)), 0);
    }

    #[test]
    fn lanes_that_answer_do_not_keep_the_untried_from_their_turn() {
        let (namespace, mut slots) = (name(0), Slots::new(1_024));
        slots.take(asking(&namespace, Prompt, 0), 1_023);
        assert_eq!(slots.part_of(asking(&namespace, Slow, 0)), 1, "it may take the last slot");
    }

    #[test]
    fn a_lane_that_turns_slow_moves_all_that_it_holds() {
        let (namespace, mut slots) = (name(0), shared(100));
        slots.take(asking(&namespace, Quick, 0), 30);
        slots.turn(asking(&namespace, Quick, 30), Slow);
        assert_eq!((slots.slow, slots.quick, slots.slow_tenants, slots.open_to(Slow)), (30, 0, 1, 6));
        slots.give_back(asking(&namespace, Slow, 30), 10);
        slots.turn(asking(&namespace, Slow, 20), Quick);
        assert_eq!((slots.slow, slots.quick, slots.slow_tenants, slots.free), (0, 20, 0, 80));
        slots.give_back(asking(&namespace, Quick, 20), 20);
        assert_eq!((slots.free, slots.tenants.len()), (100, 0));
    }

    #[test]
    fn a_single_slot_goes_to_whoever_asks_first() {
        for pace in Pace::ALL {
            assert_eq!(shared(1).part_of(asking(&name(0), pace, 0)), 1, "{pace:?}");
            let mut slots = shared(1);
            slots.take(asking(&name(0), pace, 0), 1);
            assert_eq!(slots.part_of(asking(&name(1), pace, 0)), 0, "{pace:?}");
        }
    }

    #[test]
    fn slots_that_are_no_longer_wanted_go_when_they_are_given_back() {
        let (namespace, mut slots) = (name(0), Slots::new(4));
        slots.set_total(10);
        slots.take(asking(&namespace, Prompt, 0), 9);
        slots.set_total(4);
        assert_eq!((slots.total(), slots.free()), (9, 0), "what is held stays held");
        slots.give_back(asking(&namespace, Prompt, 9), 5);
        assert_eq!((slots.total(), slots.free()), (4, 0));
        slots.set_total(6);
        assert_eq!(slots.free(), 2);
        slots.give_back(asking(&namespace, Prompt, 4), 4);
        assert_eq!((slots.total(), slots.free()), (6, 6));
    }

    #[test]
    #[should_panic(expected = "slots are taken of")]
    fn more_slots_than_there_are_is_a_broken_invariant() {
        shared(3).take(asking(&name(0), Slow, 0), 4);
    }

    #[test]
    #[should_panic(expected = "gives back")]
    fn a_slot_given_back_twice_is_a_broken_invariant() {
        let mut slots = shared(3);
        slots.take(asking(&name(0), Slow, 0), 1);
        slots.give_back(asking(&name(0), Slow, 1), 2);
    }
}
