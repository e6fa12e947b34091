use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{Outcome, Webhook, limits};
use tenterhook_policy::Trial;
use tenterhook_store::Webhooks;

use super::*;
use crate::lane::Start;
use crate::tests::store::Scripted;
use crate::tests::webhook;

const SLOTS: usize = limits::IN_FLIGHT;

/// Lanes whose store has the webhooks that a test puts there, at a time that it sets.
struct World {
    lanes: Lanes,
    store: Scripted,
    instant: Instant,
}

fn hook(number: u16, namespace: &str) -> Webhook {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    Webhook { id: WebhookId::from_bytes(id), namespace: namespace.parse().unwrap(), ..webhook(1) }
}

impl World {
    fn new(slots: usize, webhooks: impl IntoIterator<Item = Webhook>) -> Self {
        let store = Scripted::default();
        let mut set = WebhookSet { revision: 1, ..WebhookSet::default() };
        set.by_id.extend(webhooks.into_iter().map(|webhook| (webhook.id, Arc::new(webhook))));
        store.held().webhooks = Arc::new(set);
        let mut world = Self { lanes: Lanes::new(slots), store, instant: Instant::now() };
        world.lanes.refresh(&world.store.webhooks(), world.instant);
        world
    }

    fn pass(&mut self, millis: u64) {
        self.instant += Duration::from_millis(millis);
    }

    fn due(&mut self, webhook: &Webhook) {
        self.lanes.due(vec![webhook.id], &self.store, self.instant);
    }

    /// The next order, all of which becomes attempts if there is enough work, else as many as `most`.
    fn begin(&mut self, most: usize) -> Option<(WebhookId, Vec<Instant>)> {
        let order = self.lanes.next_order(Timestamp::default(), self.instant)?;
        let begun = order.limit.min(most);
        self.lanes.claim_ended(order, begun == order.limit);
        for _ in 0..begun {
            let lane = self.lanes.lane(order.webhook).unwrap();
            assert_eq!(lane.admit(Timestamp::default(), self.instant), Start::Go { probe: false });
        }
        self.lanes.return_unused(order, begun);
        self.lanes.enqueue(order.webhook, self.instant);
        self.check();
        Some((order.webhook, vec![self.instant; begun]))
    }

    /// Begins one attempt a lane until nothing more may begin; returns how many.
    fn flood(&mut self) -> usize {
        std::iter::from_fn(|| self.begin(1)).count()
    }

    fn end(&mut self, webhook: WebhookId, begun: Instant) {
        let (start, end) = (Timestamp::default(), Timestamp::default());
        let trial = Trial { outcome: Outcome::Success, start, end, asked: None };
        self.lanes.lane(webhook).unwrap().ended(trial, begun, self.instant);
        self.lanes.attempt_ended(webhook, self.instant);
        self.lanes.enqueue(webhook, self.instant);
        self.check();
    }

    /// One attempt of the lane, which ends at once.
    fn prove(&mut self, webhook: &Webhook) {
        self.due(webhook);
        let (id, begun) = self.begin(1).expect("there is a slot");
        assert_eq!(id, webhook.id);
        self.end(id, begun[0]);
        // It looks for more once and finds nothing.
        self.begin(0);
    }

    /// The sums are those of the lanes.
    fn check(&self) {
        let lanes = || self.lanes.lanes.values();
        let held: usize = lanes().map(Lane::held).sum();
        assert_eq!(held + self.lanes.slots.free(), self.lanes.slots.total());
        let at = |pace| lanes().filter(|lane| lane.counted() == pace).map(Lane::held).sum::<usize>();
        assert_eq!((at(Pace::Slow), at(Pace::Quick)), self.lanes.slots.unproven());
        let waiting: usize = Pace::ALL.iter().map(|pace| self.lanes.waiting.count(*pace)).sum();
        assert_eq!(waiting, lanes().filter(|lane| lane.place().is_some()).count());
    }
}

#[test]
fn one_tenants_hanging_receivers_leave_every_other_namespace_its_slots() {
    let hanging: Vec<Webhook> = (0..2_000).map(|number| hook(number, "hanging")).collect();
    let others: Vec<Webhook> = (0..20).map(|number| hook(3_000 + number, &format!("other-{number}"))).collect();
    let mut world = World::new(SLOTS, hanging.iter().chain(&others).cloned());
    for webhook in &hanging {
        world.due(webhook);
    }
    assert_eq!(world.flood(), SLOTS / 4 * 3);
    for seconds in 0..5 {
        world.pass(seconds * 1_000);
        for webhook in &others {
            world.due(webhook);
            let (id, begun) = world.begin(8).expect("another namespace has its slots");
            // One to prove itself, and then as many as it likes.
            let expected = if seconds == 0 { 1 } else { 8 };
            assert_eq!((id, begun.len()), (webhook.id, expected), "after {seconds} s");
            world.pass(50);
            for begun in begun {
                world.end(id, begun);
            }
            world.begin(0);
        }
    }
}

#[test]
fn receivers_that_were_quick_and_hang_all_at_once_leave_every_other_namespace_its_slots() {
    let hanging: Vec<Webhook> = (0..2_000).map(|number| hook(number, "hanging")).collect();
    let other = hook(3_000, "other");
    let mut world = World::new(SLOTS, hanging.iter().cloned().chain([other.clone()]));
    for webhook in &hanging {
        world.prove(webhook);
    }
    for webhook in &hanging {
        world.due(webhook);
    }
    assert_eq!(world.flood(), SLOTS / 4 * 3);
    world.due(&other);
    assert_eq!(world.begin(1).expect("another namespace has its slots").0, other.id);
}

#[test]
fn a_cloud_of_many_namespaces_that_fails_leaves_slots_to_those_that_answer() {
    let cloud: Vec<Webhook> = (0..3_000).map(|number| hook(number, &format!("cloud-{number}"))).collect();
    let healthy = hook(5_000, "healthy");
    let mut world = World::new(SLOTS, cloud.iter().cloned().chain([healthy.clone()]));
    for webhook in &cloud {
        world.prove(webhook);
    }
    world.pass(10_000);
    // The cloud fails: 150 of its receivers are sent something each second.
    for (number, webhook) in cloud.iter().enumerate() {
        world.due(webhook);
        world.flood();
        if number % 15 == 0 {
            world.pass(100);
            world.prove(&healthy);
        }
    }
    assert!(world.lanes.slots.free() >= SLOTS / 8, "{} slots are free", world.lanes.slots.free());
    world.prove(&healthy);
}

#[test]
fn a_lane_that_has_not_been_tried_goes_before_those_that_hang() {
    let cloud: Vec<Webhook> = (0..2_000).map(|number| hook(number, "only")).collect();
    let healthy = hook(5_000, "only");
    let mut world = World::new(SLOTS, cloud.iter().cloned().chain([healthy.clone()]));
    for webhook in &cloud {
        world.due(webhook);
    }
    assert_eq!(world.flood(), SLOTS / 4 * 3);
    world.pass(20_000);
    world.due(&healthy);
    assert_eq!(world.begin(1), None);
    let (id, begun) = (cloud[0].id, world.lanes.oldest_of(cloud[0].id));
    world.end(id, begun);
    // Others of the cloud have waited longer: each has one attempt to prove itself.
    assert!(world.begin(1).is_some());
}

#[test]
fn healthy_lanes_of_one_namespace_hold_as_many_slots_as_ever() {
    let hooks: Vec<Webhook> = (0..1_500).map(|number| hook(number, "only")).collect();
    let mut world = World::new(SLOTS, hooks.iter().cloned());
    for webhook in &hooks {
        world.prove(webhook);
    }
    for webhook in &hooks {
        world.due(webhook);
    }
    assert_eq!(world.flood(), SLOTS);
    let mut alone = World::new(SLOTS, [hook(1, "only")]);
    alone.due(&hook(1, "only"));
    assert_eq!(alone.begin(1_000).unwrap().1.len(), limits::IN_FLIGHT_PER_WEBHOOK);
}

#[test]
fn a_lane_for_which_there_is_no_slot_goes_on_waiting() {
    let hooks: Vec<Webhook> = (0..3).map(|number| hook(number, "only")).collect();
    let mut world = World::new(1, hooks.iter().cloned());
    for webhook in &hooks {
        world.due(webhook);
    }
    let (first, begun) = world.begin(1).unwrap();
    assert_eq!(world.begin(1), None);
    world.end(first, begun[0]);
    let second = world.begin(1).unwrap().0;
    assert_ne!(first, second);
}

#[test]
fn a_removed_webhook_waits_no_longer_and_leaves_nothing_behind() {
    let mut world = World::new(1, [hook(1, "a"), hook(2, "b")]);
    world.due(&hook(1, "a"));
    world.due(&hook(2, "b"));
    let (first, begun) = world.begin(1).unwrap();
    world.lanes.refresh(&WebhookSet { revision: 2, ..WebhookSet::default() }, world.instant);
    world.check();
    world.end(first, begun[0]);
    world.lanes.settle_down(first);
    assert_eq!((world.lanes.lanes.len(), world.lanes.waiting.namespaces()), (0, 0));
    assert_eq!((world.lanes.oldest.len(), world.lanes.slots.free()), (0, 1));
}

#[test]
fn whatever_happens_the_sums_are_those_of_the_lanes() {
    let hooks: Vec<Webhook> = (0..40).map(|number| hook(number, &format!("tenant-{}", number % 7))).collect();
    let mut world = World::new(24, hooks.iter().cloned());
    let (mut state, mut flying, mut due) = (1_u64, Vec::new(), BTreeSet::new());
    for _ in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = (state >> 33) as usize;
        let (kind, number) = (number % 5, number / 5);
        match kind {
            0 => {
                let at = number % hooks.len();
                world.due(&hooks[at]);
                due.insert(at);
            }
            1 | 2 => flying.extend(
                world
                    .begin(number % 4)
                    .map(|(id, begun)| begun.into_iter().map(move |at| (id, at)))
                    .into_iter()
                    .flatten(),
            ),
            3 if !flying.is_empty() => {
                let (id, begun) = flying.swap_remove(number % flying.len());
                world.end(id, begun);
            }
            _ => world.pass(number as u64 % 300),
        }
    }
    for (id, begun) in flying {
        world.end(id, begun);
    }
    assert_eq!((world.lanes.slots.free(), due.len()), (24, hooks.len()));
}
