//! The due queue: readiness, claims, the memory bound, pausing, ordering keys, restarts.

use std::collections::BTreeSet;

use tenterhook_model::{DeliveryState, Event, Next, WebhookHealth, limits};
use tenterhook_store::{Redrive, Settled};

use crate::bench::{Bench, event, new_event, ordered, settlement};
use crate::on_every_engine;

async fn publish_many(bench: &Bench, count: usize, webhook: tenterhook_model::WebhookId) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let events = chunk.iter().map(|n| new_event(event(&format!("e{n:05}")), &[webhook])).collect();
        bench.try_publish(events).await.unwrap();
    }
}

on_every_engine! {
    async fn what_was_published_is_ready_once_and_claimed_in_order(bench) {
        let hook = bench.webhook(1).await;
        bench.store.take_ready(bench.now());
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.extend(bench.publish(event(name), &[hook.id]).await);
        }
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        assert!(bench.store.take_ready(bench.now()).is_empty());
        assert_eq!(bench.claim_ids(hook.id, 2).await, ids[..2]);
        assert_eq!(bench.claim_ids(hook.id, 2).await, ids[2..]);
        assert!(bench.claim_ids(hook.id, 2).await.is_empty());
    }

    async fn a_claim_carries_its_event_and_shows_in_flight(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        let claim = &bench.claim(hook.id, 1).await[0];
        assert_eq!((claim.event.id.as_str(), claim.delivery.state), ("a", DeliveryState::Pending));
        assert_eq!(bench.delivery(id).await.state, DeliveryState::InFlight);
        assert_eq!(bench.changes().await.len(), 1, "a claim leaves no trace in the journal");
    }

    async fn what_is_released_is_claimed_again_in_its_place(bench) {
        let hook = bench.webhook(1).await;
        let a = bench.publish(event("a"), &[hook.id]).await[0];
        let b = bench.publish(event("b"), &[hook.id]).await[0];
        assert_eq!(bench.claim_ids(hook.id, 1).await, [a]);
        bench.store.take_ready(bench.now());
        bench.store.release(vec![a]).await.unwrap();
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        assert_eq!(bench.delivery(a).await.state, DeliveryState::Pending);
        assert_eq!(bench.claim_ids(hook.id, 5).await, [a, b]);
    }

    async fn a_retry_is_ready_at_its_time_and_not_before(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let due = bench.now().after(std::time::Duration::from_secs(5));
        assert_eq!(bench.settle(id, 1, Next::RetryAt(due)).await, Settled::Done);
        bench.store.take_ready(bench.now());
        assert_eq!(bench.store.next_due(), Some(due));
        bench.clock.advance(4_999);
        assert!(bench.store.take_ready(bench.now()).is_empty());
        assert!(bench.claim_ids(hook.id, 1).await.is_empty());
        bench.clock.advance(1);
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        assert_eq!(bench.store.next_due(), None);
        let claim = &bench.claim(hook.id, 1).await[0];
        assert_eq!((claim.delivery.id, claim.delivery.attempt_count, claim.event.id.as_str()), (id, 1, "a"));
    }

    async fn a_retry_whose_time_comes_while_something_else_is_settled_is_ready(bench) {
        let hook = bench.webhook(1).await;
        let retried = bench.publish(event("a"), &[hook.id]).await[0];
        let other = bench.publish(event("b"), &[hook.id]).await[0];
        assert_eq!(bench.claim_ids(hook.id, 9).await, [retried, other]);
        bench.settle(retried, 1, Next::RetryAt(bench.now().after(std::time::Duration::from_secs(5)))).await;
        bench.store.take_ready(bench.now());
        // Its time comes, and the writer is there before whoever waits for it.
        bench.clock.advance(5_000);
        bench.settle(other, 1, Next::Succeed).await;
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [retried]);
    }

    async fn a_retry_survives_a_clock_that_is_set_back(bench) {
        let hook = bench.webhook(1).await;
        let retried = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.clock.advance(-60_000);
        let due = bench.now().after(std::time::Duration::from_secs(5));
        bench.settle(retried, 1, Next::RetryAt(due)).await;
        // Something else of the lane is settled while the clock is behind the journal.
        let other = bench.publish(event("b"), &[hook.id]).await[0];
        assert_eq!(bench.claim_ids(hook.id, 9).await, [other]);
        bench.settle(other, 1, Next::Succeed).await;
        assert_eq!(bench.store.next_due(), Some(due));
        bench.clock.advance(5_000);
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [retried]);
    }

    async fn ids_are_new_after_every_restart_of_a_clock_that_was_set_back(bench) {
        let hook = bench.webhook(1).await;
        let mut made = bench.publish(event("a"), &[hook.id]).await;
        bench.clock.advance(-60_000);
        for id in ["b", "c", "d"] {
            bench.crash().await;
            made.extend(bench.publish(event(id), &[hook.id]).await);
        }
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
        let query = tenterhook_store::EventQuery { limit: 9, ..Default::default() };
        let listed = bench.store.list_events(query).await.unwrap().items;
        assert_eq!(listed.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["d", "c", "b", "a"]);
    }

    async fn deliver_after_holds_an_event_back(bench) {
        let hook = bench.webhook(1).await;
        let after = bench.now().after(std::time::Duration::from_secs(60));
        let late = bench.publish(Event { deliver_after: Some(after), ..event("late") }, &[hook.id]).await[0];
        let early = bench.publish(event("early"), &[hook.id]).await[0];
        assert_eq!(bench.delivery(late).await.next_attempt_time, Some(after));
        assert_eq!(bench.claim_ids(hook.id, 9).await, [early]);
        assert_eq!(bench.store.next_due(), Some(after));
        bench.clock.advance(60_000);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [late]);
    }

    async fn after_a_crash_all_that_is_unfinished_is_due_again(bench) {
        let hook = bench.webhook(1).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d"] {
            ids.extend(bench.publish(event(name), &[hook.id]).await);
        }
        bench.claim(hook.id, 3).await;
        bench.settle(ids[0], 1, Next::Succeed).await;
        bench.settle(ids[1], 1, Next::RetryAt(bench.now())).await;
        bench.crash().await;
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        let again: BTreeSet<_> = bench.claim_ids(hook.id, 9).await.into_iter().collect();
        assert_eq!(again, ids[1..].iter().copied().collect());
    }

    async fn a_backlog_beyond_the_memory_bound_comes_from_disk_once_and_in_order(bench) {
        let hook = bench.webhook(1).await;
        let count = limits::LANE_HEAD * 2 + 77;
        publish_many(&bench, count, hook.id).await;
        let mut names = Vec::new();
        let mut held = Vec::new();
        while names.len() < count {
            let claims = bench.claim(hook.id, 50).await;
            assert!(!claims.is_empty(), "{} of {count}", names.len());
            names.extend(claims.iter().map(|claim| claim.event.id.as_str().to_owned()));
            let (kept, done): (Vec<_>, Vec<_>) =
                claims.iter().map(|claim| claim.delivery.id).partition(|id| id.as_bytes()[11] % 3 == 0);
            held.extend(kept);
            let done = done.into_iter().map(|id| crate::bench::settlement(id, 1, Next::Succeed));
            bench.store.settle(done.collect()).await.unwrap();
        }
        assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(bench.claim(hook.id, 1).await.is_empty());
        bench.store.release(held.clone()).await.unwrap();
        assert_eq!(bench.claim_ids(hook.id, count).await, held);
    }

    async fn a_paused_webhook_is_not_ready_and_goes_on_when_resumed(bench) {
        let hook = bench.webhook(1).await;
        let first = bench.publish(event("a"), &[hook.id]).await[0];
        bench.pause(hook.id, true).await;
        let second = bench.publish(event("b"), &[hook.id]).await[0];
        assert!(bench.store.take_ready(bench.now()).is_empty());
        assert!(bench.claim_ids(hook.id, 9).await.is_empty());
        bench.pause(hook.id, false).await;
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [first, second]);
    }

    async fn a_resumed_webhook_begins_with_a_clean_health_also_after_a_restart(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let failing = WebhookHealth {
            consecutive_failures: 7,
            next_probe: Some(bench.now()),
            last_failure: Some(bench.now()),
            ..Default::default()
        };
        let mut failed = settlement(id, 1, Next::GiveUp);
        failed.health = Some(failing.clone());
        bench.store.settle(vec![failed]).await.unwrap();
        bench.pause(hook.id, true).await;
        assert_eq!(bench.store.health(hook.id), failing);
        bench.pause(hook.id, false).await;
        for _ in 0..2 {
            assert_eq!(bench.store.health(hook.id), failing.resumed());
            bench.reopen().await;
        }
    }

    async fn a_webhook_that_was_paused_at_a_restart_stays_paused(bench) {
        let hook = bench.webhook(1).await;
        bench.pause(hook.id, true).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.reopen().await;
        assert!(bench.store.take_ready(bench.now()).is_empty());
        bench.pause(hook.id, false).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [id]);
    }

    async fn deliveries_of_one_ordering_key_go_one_by_one_and_others_pass(bench) {
        let hook = bench.webhook(1).await;
        let a1 = bench.publish(ordered("a1", "a"), &[hook.id]).await[0];
        let a2 = bench.publish(ordered("a2", "a"), &[hook.id]).await[0];
        let a3 = bench.publish(ordered("a3", "a"), &[hook.id]).await[0];
        let b1 = bench.publish(ordered("b1", "b"), &[hook.id]).await[0];
        let free = bench.publish(event("free"), &[hook.id]).await[0];
        assert_eq!(bench.delivery(a2).await.next_attempt_time, None);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [a1, b1, free]);
        let later = bench.now().after(std::time::Duration::from_secs(1));
        bench.settle(a1, 1, Next::RetryAt(later)).await;
        assert!(bench.claim_ids(hook.id, 9).await.is_empty(), "a retry keeps its turn");
        bench.clock.advance(1_000);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [a1]);
        bench.settle(a1, 2, Next::GiveUp).await;
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [a2]);
        bench.crash().await;
        assert_eq!(bench.claim_ids(hook.id, 9).await.into_iter().collect::<BTreeSet<_>>(), [a2, b1, free].into());
        bench.settle(a2, 1, Next::Succeed).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [a3]);
    }

    async fn a_turn_is_passed_on_within_the_group_that_ends_it(bench) {
        let hook = bench.webhook(1).await;
        let first = bench.publish(ordered("a", "k"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let settle = bench.store.settle(vec![crate::bench::settlement(first, 1, Next::Succeed)]);
        let (published, settled) = tokio::join!(biased; bench.try_publish(vec![new_event(ordered("b", "k"), &[hook.id])]), settle);
        assert!(published.is_ok());
        assert_eq!(settled.unwrap(), [Settled::Done]);
        assert_eq!(bench.claim(hook.id, 9).await.len(), 1);
    }

    async fn one_that_was_cancelled_in_flight_keeps_others_of_its_key_back_until_it_ends(bench) {
        let hook = bench.webhook(1).await;
        let a = bench.publish(ordered("a", "k"), &[hook.id]).await[0];
        let b = bench.publish(ordered("b", "k"), &[hook.id]).await[0];
        assert_eq!(bench.claim_ids(hook.id, 9).await, [a]);
        assert!(matches!(&bench.store.cancel(vec![a]).await.unwrap()[0], Redrive::Done(_)));
        assert!(bench.claim_ids(hook.id, 9).await.is_empty(), "the attempt of a is under way");
        let c = bench.publish(ordered("c", "k"), &[hook.id]).await[0];
        assert_eq!(bench.settle(a, 1, Next::Succeed).await, Settled::Fenced);
        assert_eq!(bench.claim_ids(hook.id, 9).await, [b]);
        bench.settle(b, 1, Next::Succeed).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [c]);
    }

    async fn what_is_due_at_a_time_comes_before_what_was_made_later(bench) {
        let hook = bench.webhook(1).await;
        let old = bench.publish(event("old"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.settle(old, 1, Next::RetryAt(bench.now().after(std::time::Duration::from_millis(10)))).await;
        bench.clock.advance(20);
        let new = bench.publish(event("new"), &[hook.id]).await[0];
        assert_eq!(bench.claim_ids(hook.id, 9).await, [old, new]);
    }

    async fn many_retries_come_back_in_due_order_from_memory_and_disk(bench) {
        let hook = bench.webhook(1).await;
        let count = limits::LANE_HEAD + 200;
        publish_many(&bench, count, hook.id).await;
        let start = bench.now();
        let mut n = 0u64;
        loop {
            let claims = bench.claim(hook.id, 100).await;
            if claims.is_empty() {
                break;
            }
            let settlements = claims.iter().map(|claim| {
                n += 1;
                let wait = 1_000 + (n * 7_919) % 5_000;
                crate::bench::settlement(claim.delivery.id, 1, Next::RetryAt(start.after(std::time::Duration::from_millis(wait))))
            });
            bench.store.settle(settlements.collect()).await.unwrap();
        }
        assert_eq!(n as usize, count);
        let mut due = Vec::new();
        while due.len() < count {
            let next = bench.store.next_due().expect("some wait still");
            bench.clock.advance((next.millis() - bench.now().millis()).max(0));
            bench.store.take_ready(bench.now());
            for claim in bench.claim(hook.id, 64).await {
                let time = claim.delivery.next_attempt_time.unwrap();
                assert!(time <= bench.now());
                due.push(time);
            }
        }
        assert!(bench.claim(hook.id, 1).await.is_empty());
        assert_eq!(due.len(), count);
    }
}
