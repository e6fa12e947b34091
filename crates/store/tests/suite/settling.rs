//! Settlements: states, attempts, fencing, cancel and redrive, health and suspension.

use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::{DeliveryState, Next, Outcome, WebhookHealth, WebhookState};
use tenterhook_store::{Redrive, Settled, Settlement};

use crate::bench::{attempt, event, ordered, settlement};
use crate::on_every_engine;

fn done(redrive: &Redrive) -> DeliveryState {
    match redrive {
        Redrive::Done(delivery) => delivery.state,
        other => panic!("{other:?}"),
    }
}

on_every_engine! {
    async fn a_success_ends_the_delivery_and_keeps_its_attempt(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.clock.advance(40);
        assert_eq!(bench.settle(id, 1, Next::Succeed).await, Settled::Done);
        let delivery = bench.delivery(id).await;
        assert_eq!((delivery.state, delivery.attempt_count, delivery.finish_time), (DeliveryState::Succeeded, 1, Some(bench.now())));
        assert_eq!(delivery.last_attempt, Some(Arc::new(attempt(1, Outcome::Success))));
        assert!(bench.claim(hook.id, 1).await.is_empty());
        bench.reopen().await;
        assert_eq!(bench.delivery(id).await, delivery);
        assert!(bench.claim(hook.id, 1).await.is_empty());
    }

    async fn every_attempt_is_kept_in_order(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        for number in 1..=3 {
            bench.claim(hook.id, 1).await;
            assert_eq!(bench.settle(id, number, Next::RetryAt(bench.now())).await, Settled::Done);
        }
        bench.claim(hook.id, 1).await;
        bench.settle(id, 4, Next::GiveUp).await;
        let numbers: Vec<_> = bench.store.attempts(id).await.unwrap().iter().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(bench.delivery(id).await.state, DeliveryState::Failed);
    }

    async fn a_delivery_that_ran_out_of_time_fails_without_an_attempt(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let expired = Settlement { attempt: None, ..settlement(id, 1, Next::GiveUp) };
        assert_eq!(bench.store.settle(vec![expired]).await.unwrap(), [Settled::Done]);
        let delivery = bench.delivery(id).await;
        assert_eq!((delivery.state, delivery.attempt_count, delivery.last_attempt), (DeliveryState::Failed, 0, None));
    }

    async fn a_settlement_can_move_the_next_attempt_without_making_one(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let later = bench.now().after(Duration::from_secs(9));
        let moved = Settlement { attempt: None, ..settlement(id, 1, Next::RetryAt(later)) };
        assert_eq!(bench.store.settle(vec![moved]).await.unwrap(), [Settled::Done]);
        let delivery = bench.delivery(id).await;
        assert_eq!((delivery.state, delivery.next_attempt_time), (DeliveryState::Pending, Some(later)));
        assert!(bench.claim(hook.id, 1).await.is_empty());
        bench.clock.advance(9_000);
        assert_eq!(bench.claim_ids(hook.id, 1).await, [id]);
    }

    async fn an_attempt_that_is_settled_twice_is_fenced(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let twice = vec![settlement(id, 1, Next::Succeed), settlement(id, 1, Next::Succeed)];
        assert_eq!(bench.store.settle(twice).await.unwrap(), [Settled::Done, Settled::Fenced]);
        assert_eq!(bench.settle(id, 2, Next::Succeed).await, Settled::Fenced);
        assert_eq!(bench.store.attempts(id).await.unwrap().len(), 1);
    }

    async fn an_attempt_that_does_not_count_leaves_the_policy_alone(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let probe = Settlement { counts: false, ..settlement(id, 1, Next::RetryAt(bench.now())) };
        bench.store.settle(vec![probe]).await.unwrap();
        bench.reopen().await;
        let delivery = bench.delivery(id).await;
        assert_eq!((delivery.attempt_count, delivery.attempts_of_policy()), (1, 0));
    }

    async fn health_is_kept_and_a_suspension_stops_the_webhook_in_the_same_commit(bench) {
        let hook = bench.webhook(1).await;
        let a = bench.publish(event("a"), &[hook.id]).await[0];
        bench.publish(event("b"), &[hook.id]).await;
        bench.claim(hook.id, 1).await;
        let health = WebhookHealth { consecutive_failures: 7, ..Default::default() };
        let gone = Settlement {
            health: Some(health.clone()),
            suspend: Some("answered 410".into()),
            ..settlement(a, 1, Next::GiveUp)
        };
        bench.store.settle(vec![gone]).await.unwrap();
        for _ in 0..2 {
            assert_eq!(bench.store.health(hook.id), health);
            let set = bench.store.webhooks();
            assert_eq!((set.by_id[&hook.id].state(), set.by_id[&hook.id].revision), (WebhookState::Suspended, 2));
            assert!(bench.claim(hook.id, 9).await.is_empty());
            bench.reopen().await;
        }
        bench.pause(hook.id, false).await;
        assert_eq!(bench.claim(hook.id, 9).await.len(), 1);
    }

    async fn a_finished_delivery_can_be_made_due_and_its_policy_begins_anew(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.settle(id, 1, Next::GiveUp).await;
        bench.store.take_ready(bench.now());
        let redriven = bench.store.redrive(vec![id]).await.unwrap();
        assert_eq!(done(&redriven[0]), DeliveryState::Retrying);
        assert_eq!(bench.store.take_ready(bench.now()), [hook.id]);
        let claim = &bench.claim(hook.id, 1).await[0];
        assert_eq!((claim.delivery.id, claim.delivery.attempts_of_policy()), (id, 0));
        assert_eq!(bench.settle(id, 2, Next::Succeed).await, Settled::Done);
        assert_eq!(bench.store.attempts(id).await.unwrap().len(), 2);
    }

    async fn one_that_waits_for_its_retry_can_be_made_due_now(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.settle(id, 1, Next::RetryAt(bench.now().after(Duration::from_secs(3_600)))).await;
        bench.store.redrive(vec![id]).await.unwrap();
        assert_eq!(bench.claim_ids(hook.id, 9).await, [id]);
        bench.settle(id, 2, Next::Succeed).await;
        bench.clock.advance(7_200_000);
        assert!(bench.claim(hook.id, 9).await.is_empty(), "the old due time is forgotten");
        bench.reopen().await;
        assert!(bench.claim(hook.id, 9).await.is_empty());
    }

    async fn what_is_in_flight_or_unknown_cannot_be_made_due(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        let unknown = tenterhook_model::DeliveryId::new(bench.now(), 99, hook.lane);
        let elsewhere = tenterhook_model::DeliveryId::new(bench.now(), 99, tenterhook_model::Lane(77));
        let answers = bench.store.redrive(vec![id, unknown, elsewhere]).await.unwrap();
        assert_eq!(answers, [Redrive::Forbidden(DeliveryState::InFlight), Redrive::NotFound, Redrive::NotFound]);
    }

    async fn what_is_cancelled_is_not_sent_and_can_be_made_due_again(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        let answers = bench.store.cancel(vec![id, id]).await.unwrap();
        assert_eq!(done(&answers[0]), DeliveryState::Cancelled);
        assert_eq!(answers[1], Redrive::Forbidden(DeliveryState::Cancelled));
        assert!(bench.claim(hook.id, 9).await.is_empty());
        bench.store.redrive(vec![id]).await.unwrap();
        assert_eq!(bench.claim_ids(hook.id, 9).await, [id]);
    }

    async fn an_attempt_under_way_at_a_cancel_is_the_last_and_is_kept(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.store.cancel(vec![id]).await.unwrap();
        assert_eq!(bench.delivery(id).await.state, DeliveryState::Cancelled);
        assert_eq!(bench.store.redrive(vec![id]).await.unwrap(), [Redrive::Forbidden(DeliveryState::InFlight)]);
        assert_eq!(bench.settle(id, 1, Next::RetryAt(bench.now())).await, Settled::Fenced);
        let delivery = bench.delivery(id).await;
        assert_eq!((delivery.state, delivery.attempt_count), (DeliveryState::Cancelled, 1));
        assert_eq!(bench.store.attempts(id).await.unwrap().len(), 1);
        assert!(bench.claim(hook.id, 9).await.is_empty());
        assert_eq!(done(&bench.store.redrive(vec![id]).await.unwrap()[0]), DeliveryState::Retrying);
    }

    async fn a_redriven_delivery_of_an_ordering_key_waits_for_its_turn(bench) {
        let hook = bench.webhook(1).await;
        let first = bench.publish(ordered("a", "k"), &[hook.id]).await[0];
        let second = bench.publish(ordered("b", "k"), &[hook.id]).await[0];
        let third = bench.publish(ordered("c", "k"), &[hook.id]).await[0];
        bench.claim(hook.id, 9).await;
        bench.settle(first, 1, Next::GiveUp).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [second]);
        bench.store.redrive(vec![first]).await.unwrap();
        assert_eq!(bench.delivery(first).await.next_attempt_time, None);
        bench.settle(second, 1, Next::Succeed).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [first], "the oldest is next");
        bench.settle(first, 2, Next::Succeed).await;
        assert_eq!(bench.claim_ids(hook.id, 9).await, [third]);
        bench.settle(third, 1, Next::Succeed).await;
        bench.check().await;
    }

    async fn cancelling_one_that_waits_for_its_turn_skips_it(bench) {
        let hook = bench.webhook(1).await;
        let a = bench.publish(ordered("a", "k"), &[hook.id]).await[0];
        let b = bench.publish(ordered("b", "k"), &[hook.id]).await[0];
        let c = bench.publish(ordered("c", "k"), &[hook.id]).await[0];
        bench.store.cancel(vec![b]).await.unwrap();
        bench.store.cancel(vec![a]).await.unwrap();
        assert_eq!(bench.claim_ids(hook.id, 9).await, [c]);
        bench.check().await;
    }
}
