//! Deliveries that run out of time while nobody claims them.

use std::time::Duration;

use tenterhook_model::{DeliveryState, Event, Next, Timestamp};
use tenterhook_store::Settled;

use crate::bench::{Bench, event, ordered};
use crate::on_every_engine;

fn expiring(bench: &Bench, event: Event, seconds: u64) -> Event {
    Event { expire_time: Some(bench.now().after(Duration::from_secs(seconds))), ..event }
}

async fn states(bench: &Bench, ids: &[tenterhook_model::DeliveryId]) -> Vec<DeliveryState> {
    let mut states = Vec::new();
    for id in ids {
        states.push(bench.delivery(*id).await.state);
    }
    states
}

const PENDING: DeliveryState = DeliveryState::Pending;
const FAILED: DeliveryState = DeliveryState::Failed;

on_every_engine! {
    async fn what_expires_behind_a_pause_ends_at_its_time_and_is_told(bench) {
        let hook = bench.webhook(1).await;
        bench.pause(hook.id, true).await;
        let soon = bench.publish(expiring(&bench, event("soon"), 10), &[hook.id]).await[0];
        let late = bench.publish(expiring(&bench, event("late"), 20), &[hook.id]).await[0];
        let never = bench.publish(event("never"), &[hook.id]).await[0];
        assert_eq!(bench.store.next_expiry(), Some(bench.now().after(Duration::from_secs(10))));
        bench.clock.advance(9_999);
        assert_eq!(bench.store.give_up_expired(100).await.unwrap(), 0);
        bench.reopen().await;
        bench.clock.advance(1);
        assert_eq!(bench.store.give_up_expired(100).await.unwrap(), 1);
        assert_eq!(states(&bench, &[soon, late, never]).await, [FAILED, PENDING, PENDING]);
        let delivery = bench.delivery(soon).await;
        assert_eq!((delivery.finish_time, delivery.attempt_count), (Some(bench.now()), 0));
        let last = bench.changes().await.pop().unwrap();
        assert_eq!((last.previous, last.delivery.id, last.delivery.state), (Some(PENDING), soon, FAILED));
        bench.pause(hook.id, false).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [late, never]);
        bench.check().await;
    }

    async fn what_expires_is_ended_in_steps(bench) {
        let hook = bench.webhook(1).await;
        bench.pause(hook.id, true).await;
        for number in 0..7 {
            bench.publish(expiring(&bench, event(&format!("e{number}")), 1), &[hook.id]).await;
        }
        bench.clock.advance(5_000);
        let mut steps = Vec::new();
        while bench.store.next_expiry().is_some() {
            steps.push(bench.store.give_up_expired(3).await.unwrap());
        }
        assert_eq!(steps, [3, 3, 1]);
        assert_eq!(bench.store.gauges().await.unwrap().pending, 0);
        bench.check().await;
    }

    async fn one_that_expires_while_it_waits_for_its_turn_lets_the_next_go_on(bench) {
        let hook = bench.webhook(1).await;
        let first = bench.publish(expiring(&bench, ordered("a", "k"), 5), &[hook.id]).await[0];
        let second = bench.publish(expiring(&bench, ordered("b", "k"), 5), &[hook.id]).await[0];
        let third = bench.publish(ordered("c", "k"), &[hook.id]).await[0];
        bench.clock.advance(5_000);
        assert_eq!(bench.store.give_up_expired(100).await.unwrap(), 2);
        assert_eq!(states(&bench, &[first, second]).await, [FAILED, FAILED]);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [third]);
        bench.check().await;
    }

    async fn one_under_way_is_looked_at_again_and_ends_if_it_was_put_back(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(expiring(&bench, event("a"), 5), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.clock.advance(5_000);
        assert_eq!(bench.store.give_up_expired(100).await.unwrap(), 1);
        assert_eq!(bench.delivery(id).await.state, DeliveryState::InFlight);
        bench.store.release(vec![id]).await.unwrap();
        assert_eq!(bench.store.next_expiry(), Some(bench.now().after(Duration::from_secs(1))));
        bench.clock.advance(1_000);
        bench.store.give_up_expired(100).await.unwrap();
        assert_eq!(bench.delivery(id).await.state, FAILED);
        assert_eq!(bench.store.next_expiry(), None);
    }

    async fn one_that_is_retried_after_its_event_expired_ends_again(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(expiring(&bench, event("a"), 5), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.settle(id, 1, Next::GiveUp).await;
        bench.clock.advance(6_000);
        bench.store.give_up_expired(100).await.unwrap();
        bench.pause(hook.id, true).await;
        bench.store.redrive(vec![id]).await.unwrap();
        assert!(bench.store.next_expiry().is_some_and(|time| time <= bench.now()));
        bench.store.give_up_expired(100).await.unwrap();
        assert_eq!(bench.delivery(id).await.state, FAILED);
    }

    async fn old_ones_are_read_in_order_and_given_up_as_they_were_seen(bench) {
        let hook = bench.webhook(1).await;
        let mut ids = Vec::new();
        for number in 0..3 {
            ids.push(bench.publish(event(&format!("e{number}")), &[hook.id]).await[0]);
            bench.clock.advance(1_000);
        }
        let open = bench.store.open_deliveries(hook.id, None, 2).await.unwrap();
        assert_eq!(open.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), ids[..2]);
        let rest = bench.store.open_deliveries(hook.id, Some(ids[1]), 2).await.unwrap();
        assert_eq!(rest[0].id, ids[2]);
        assert_eq!(bench.claim_ids(hook.id, 1).await, ids[..1]);
        bench.store.redrive(vec![ids[1]]).await.unwrap();
        let seen = [open, rest].concat();
        assert_eq!(bench.store.give_up(seen).await.unwrap(), 1, "one is claimed and one has changed");
        assert_eq!(states(&bench, &ids).await, [DeliveryState::InFlight, PENDING, FAILED]);
        bench.check().await;
    }

    async fn an_attempt_that_began_just_before_the_end_is_kept_with_it(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(expiring(&bench, event("a"), 5), &[hook.id]).await[0];
        bench.clock.advance(5_000);
        bench.store.give_up_expired(100).await.unwrap();
        assert_eq!(bench.settle(id, 1, Next::Succeed).await, Settled::Fenced);
        let delivery = bench.delivery(id).await;
        assert_eq!((delivery.state, delivery.attempt_count), (FAILED, 1));
        bench.check().await;
    }

    async fn retention_takes_along_when_an_event_expires(bench) {
        let hook = bench.webhook(1).await;
        bench.publish(expiring(&bench, event("a"), 1_000_000), &[hook.id]).await;
        bench.deliver_all(hook.id).await;
        bench.clock.advance(100_000);
        while bench.store.expire(bench.now(), 100).await.unwrap().removed > 0 {}
        assert_eq!(bench.records().await["expiring"], 0);
        assert_eq!(bench.store.next_expiry(), None::<Timestamp>);
    }
}
