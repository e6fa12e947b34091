//! Lanes that wait for slots: namespaces in turn, and within one the lane that has waited longest.

use std::collections::{BTreeMap, VecDeque};

use tenterhook_model::{Namespace, WebhookId};

use crate::pace::Pace;

/// The place of a lane among those that wait: its pace, and its number in the order of arrival.
pub(crate) type Place = (Pace, u64);

/// The lanes that wait, by namespace and pace.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    tenants: BTreeMap<Namespace, [BTreeMap<u64, WebhookId>; Pace::ALL.len()]>,
    /// Every namespace with a lane that waits, the one whose turn it is first.
    turns: VecDeque<Namespace>,
    /// How many lanes wait at each pace.
    counts: [usize; Pace::ALL.len()],
    arrivals: u64,
}

impl Waiting {
    /// Puts a lane last.
    pub(crate) fn push(&mut self, namespace: &Namespace, pace: Pace, webhook: WebhookId) -> Place {
        self.arrivals += 1;
        self.put(namespace, (pace, self.arrivals), webhook);
        (pace, self.arrivals)
    }

    /// Moves a lane to where it has to wait at another pace, by the time of its arrival.
    pub(crate) fn move_to(&mut self, namespace: &Namespace, place: Place, pace: Pace) -> Place {
        let webhook = self.remove(namespace, place).expect("a lane waits at the place that it was given");
        self.put(namespace, (pace, place.1), webhook);
        (pace, place.1)
    }

    fn put(&mut self, namespace: &Namespace, (pace, number): Place, webhook: WebhookId) {
        if !self.tenants.contains_key(namespace) {
            self.turns.push_back(namespace.clone());
        }
        let lanes = self.tenants.entry(namespace.clone()).or_default();
        let replaced = lanes[pace as usize].insert(number, webhook);
        assert_eq!(replaced, None, "each lane that waits has its own number");
        assert!(number <= self.arrivals, "the number {number} was given out, the last was {}", self.arrivals);
        self.counts[pace as usize] += 1;
        self.check();
    }

    /// Takes a lane out.
    pub(crate) fn remove(&mut self, namespace: &Namespace, (pace, number): Place) -> Option<WebhookId> {
        let lanes = self.tenants.get_mut(namespace)?;
        let webhook = lanes[pace as usize].remove(&number)?;
        assert!(self.counts[pace as usize] > 0, "a lane that waits at {pace:?} is counted there");
        self.counts[pace as usize] -= 1;
        if lanes.iter().all(BTreeMap::is_empty) {
            self.tenants.remove(namespace);
            // The one whose turn has just ended is the last.
            if self.turns.back() == Some(namespace) {
                self.turns.pop_back();
            } else {
                self.turns.retain(|turn| turn != namespace);
            }
        }
        self.check();
        Some(webhook)
    }

    /// What holds after each change: a namespace without a turn would wait for ever.
    fn check(&self) {
        let (turns, tenants) = (self.turns.len(), self.tenants.len());
        assert_eq!(turns, tenants, "each of {tenants} namespaces that wait has one turn");
    }

    /// How many lanes wait at this pace.
    pub(crate) fn count(&self, pace: Pace) -> usize {
        self.counts[pace as usize]
    }

    /// How many namespaces have a lane that waits.
    pub(crate) fn namespaces(&self) -> usize {
        self.turns.len()
    }

    /// The namespace whose turn it is.
    pub(crate) fn turn(&self) -> Option<&Namespace> {
        self.turns.front()
    }

    /// Ends the turn of the first namespace.
    pub(crate) fn next_turn(&mut self) {
        if !self.turns.is_empty() {
            self.turns.rotate_left(1);
        }
    }

    /// The lane of the namespace that has waited longest at one of the paces that `may` go.
    pub(crate) fn first(&self, namespace: &Namespace, may: impl Fn(Pace) -> bool) -> Option<(Place, WebhookId)> {
        let lanes = self.tenants.get(namespace)?;
        let firsts = Pace::ALL.into_iter().filter_map(|pace| {
            let (number, webhook) = lanes[pace as usize].first_key_value()?;
            Some(((pace, *number), *webhook))
        });
        firsts.filter(|((pace, _), _)| may(*pace)).min_by_key(|((_, number), _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> WebhookId {
        WebhookId::from_bytes([number; 16])
    }

    fn name(text: &str) -> Namespace {
        text.parse().unwrap()
    }

    #[test]
    fn namespaces_take_turns_and_lanes_go_in_the_order_of_their_arrival() {
        let (mut waiting, [a, b]) = (Waiting::default(), ["a", "b"].map(name));
        for number in 1..=3 {
            waiting.push(&a, if number == 2 { Pace::Quick } else { Pace::Slow }, id(number));
        }
        waiting.push(&b, Pace::Slow, id(9));
        let mut order = Vec::new();
        while let Some(namespace) = waiting.turn().cloned() {
            waiting.next_turn();
            let (place, webhook) = waiting.first(&namespace, |_| true).unwrap();
            waiting.remove(&namespace, place);
            order.push(webhook);
        }
        assert_eq!(order, [id(1), id(9), id(2), id(3)]);
        assert_eq!((waiting.namespaces(), waiting.count(Pace::Slow), waiting.tenants.len()), (0, 0, 0));
    }

    #[test]
    fn lanes_of_a_pace_that_may_not_go_hold_up_no_other() {
        let (mut waiting, a) = (Waiting::default(), name("a"));
        waiting.push(&a, Pace::Slow, id(1));
        waiting.push(&a, Pace::Prompt, id(2));
        assert_eq!(waiting.first(&a, |pace| pace != Pace::Slow).unwrap().1, id(2));
        assert_eq!(waiting.first(&a, |_| false), None);
    }

    #[test]
    fn a_lane_that_changes_its_pace_keeps_its_turn() {
        let (mut waiting, a) = (Waiting::default(), name("a"));
        let place = waiting.push(&a, Pace::Slow, id(1));
        waiting.push(&a, Pace::Quick, id(2));
        let place = waiting.move_to(&a, place, Pace::Quick);
        assert_eq!(waiting.first(&a, |_| true), Some((place, id(1))));
        assert_eq!((waiting.count(Pace::Slow), waiting.count(Pace::Quick)), (0, 2));
    }
}
