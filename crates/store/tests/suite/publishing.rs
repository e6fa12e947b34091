//! Publishing: idempotency, conflicts, fan-out, all or nothing.

use tenterhook_model::{DeliveryState, Timestamp};
use tenterhook_store::StoreError;

use crate::bench::{event, new_event, webhook};
use crate::on_every_engine;

on_every_engine! {
    async fn an_event_makes_one_delivery_for_each_webhook(bench) {
        let (one, two) = (bench.webhook(1).await, bench.webhook(2).await);
        let ids = bench.publish(event("a"), &[one.id, two.id]).await;
        assert_eq!(ids.len(), 2);
        let webhooks: Vec<_> = [bench.delivery(ids[0]).await, bench.delivery(ids[1]).await]
            .into_iter()
            .inspect(|delivery| assert_eq!((delivery.state, delivery.next_attempt_time), (DeliveryState::Pending, Some(bench.now()))))
            .map(|delivery| delivery.webhook_id)
            .collect();
        assert_eq!(webhooks, [one.id, two.id]);
        let stored = bench.store.event(&one.namespace, &"a".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((stored.publish_time, stored.username.as_str()), (bench.now(), "jo"));
    }

    async fn a_repeat_gets_the_first_answer_and_makes_nothing(bench) {
        let hook = bench.webhook(1).await;
        bench.publish(event("a"), &[hook.id]).await;
        bench.clock.advance(5_000);
        let again = bench.try_publish(vec![new_event(event("a"), &[hook.id])]).await.unwrap();
        assert!(again[0].duplicate);
        assert_eq!((again[0].publish_time, again[0].delivery_count), (Timestamp::from_millis(crate::bench::START), 1));
        assert_eq!(bench.changes().await.len(), 1);
    }

    async fn a_repeat_is_known_after_the_store_was_opened_again(bench) {
        bench.publish(event("a"), &[]).await;
        bench.reopen().await;
        assert!(bench.try_publish(vec![new_event(event("a"), &[])]).await.unwrap()[0].duplicate);
    }

    async fn another_content_under_an_id_is_a_conflict_and_nothing_is_stored(bench) {
        let hook = bench.webhook(1).await;
        bench.publish(event("a"), &[hook.id]).await;
        let mut other = event("a");
        other.username = "someone else".into();
        let slice = vec![new_event(event("b"), &[hook.id]), new_event(other, &[hook.id])];
        let error = bench.try_publish(slice).await.unwrap_err();
        assert!(matches!(error, StoreError::EventConflict { index: 1, ref id } if id.as_str() == "a"), "{error}");
        assert!(bench.store.event(&hook.namespace, &"b".parse().unwrap()).await.unwrap().is_none());
        assert_eq!(bench.changes().await.len(), 1);
    }

    async fn an_id_that_stands_twice_in_a_slice_is_one_event(bench) {
        let hook = bench.webhook(1).await;
        let slice = vec![new_event(event("a"), &[hook.id]), new_event(event("a"), &[hook.id])];
        let published = bench.try_publish(slice).await.unwrap();
        assert_eq!(published.iter().map(|p| p.duplicate).collect::<Vec<_>>(), [false, true]);
        assert_eq!(published[1].delivery_count, 1);
        let mut other = event("b");
        other.username = "x".into();
        let error = bench.try_publish(vec![new_event(event("b"), &[]), new_event(other, &[])]).await.unwrap_err();
        assert!(matches!(error, StoreError::EventConflict { index: 1, .. }));
    }

    async fn repeats_and_conflicts_are_found_within_one_group_of_publishers(bench) {
        let hook = bench.webhook(1).await;
        let mut other = event("a");
        other.username = "x".into();
        let (first, second, third) = tokio::join!(
            bench.try_publish(vec![new_event(event("a"), &[hook.id])]),
            bench.try_publish(vec![new_event(event("a"), &[hook.id])]),
            bench.try_publish(vec![new_event(other, &[hook.id])]),
        );
        assert!(!first.unwrap()[0].duplicate);
        assert!(second.unwrap()[0].duplicate);
        assert!(matches!(third, Err(StoreError::EventConflict { .. })));
        assert_eq!(bench.deliver_all(hook.id).await.len(), 1);
    }

    async fn one_id_in_two_namespaces_is_two_events(bench) {
        let mut elsewhere = event("a");
        elsewhere.namespace = "other".parse().unwrap();
        bench.publish(event("a"), &[]).await;
        assert!(!bench.try_publish(vec![new_event(elsewhere, &[])]).await.unwrap()[0].duplicate);
    }

    async fn a_webhook_that_is_gone_gets_nothing(bench) {
        let hook = bench.webhook(1).await;
        let ids = bench.publish(event("a"), &[webhook(9).id, hook.id]).await;
        assert_eq!(ids.len(), 1);
    }

    async fn ids_rise_although_the_clock_jumps_back(bench) {
        let hook = bench.webhook(1).await;
        let first = bench.publish(event("a"), &[hook.id]).await[0];
        bench.clock.advance(-60_000);
        let second = bench.publish(event("b"), &[hook.id]).await[0];
        bench.reopen().await;
        bench.clock.advance(-60_000);
        let third = bench.publish(event("c"), &[hook.id]).await[0];
        assert!(first < second && second < third, "{first} {second} {third}");
    }

    async fn times_follow_a_clock_that_was_ahead_and_order_does_not(bench) {
        let hook = bench.webhook(1).await;
        bench.clock.advance(64 * 365 * 86_400_000);
        let mut made = bench.publish(event("ahead"), &[hook.id]).await;
        bench.clock.advance(-64 * 365 * 86_400_000);
        for name in ["b", "c", "d"] {
            let now = bench.now();
            let published = bench.try_publish(vec![new_event(event(name), &[hook.id])]).await.unwrap();
            assert_eq!(published[0].publish_time, now, "{name}");
            let change = bench.changes().await.last().unwrap().clone();
            assert_eq!((change.time, change.delivery.create_time), (now, now));
            made.push(change.delivery.id);
            // What is on disk of the jump, after "c", is only what the store wrote of it itself.
            bench.crash().await;
            bench.clock.advance(1_000);
        }
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
        assert_eq!(bench.claim_ids(hook.id, 9).await, made);
        let sequences: Vec<_> = bench.changes().await.iter().map(|change| change.sequence.0).collect();
        assert_eq!(sequences, [1, 2, 3, 4]);
        for id in &made {
            bench.settle(*id, 1, tenterhook_model::Next::Succeed).await;
        }
        let finished = bench.delivery(made[0]).await.finish_time;
        assert_eq!(finished, Some(bench.now()));
    }

    async fn ids_rise_from_opening_to_opening_although_the_clock_stands(bench) {
        let hook = bench.webhook(1).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.extend(bench.publish(event(name), &[hook.id]).await);
            bench.reopen().await;
            bench.clock.advance(-1);
        }
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        bench.check().await;
    }

    async fn a_closed_store_takes_nothing_and_says_so(bench) {
        bench.store.close();
        let error = bench.try_publish(vec![new_event(event("a"), &[])]).await.unwrap_err();
        assert!(matches!(error, StoreError::Closed));
        assert!(matches!(bench.store.readiness().await, Err(StoreError::Closed)));
    }

    async fn what_waited_when_the_store_was_closed_is_stored(bench) {
        let store = bench.store.clone();
        let publish = store.publish(vec![new_event(event("a"), &[])]);
        let close = async { bench.store.close() };
        let (published, ()) = tokio::join!(biased; publish, close);
        assert!(published.is_ok());
        drop(store);
        bench.reopen().await;
        assert!(bench.try_publish(vec![new_event(event("a"), &[])]).await.unwrap()[0].duplicate);
    }
}
