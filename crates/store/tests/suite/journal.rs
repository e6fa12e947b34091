//! The journal: dense, in order, complete, readable from anywhere.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tenterhook_model::{CapturedResponse, DeliveryState, Header, Next, Timestamp, WebhookId};
use tenterhook_store::{Sequence, Settlement, Topic};

use crate::bench::{event, new_event, settlement};
use crate::on_every_engine;

on_every_engine! {
    async fn every_change_is_there_in_order_without_a_gap(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.settle(id, 1, Next::RetryAt(bench.now())).await;
        bench.claim(hook.id, 1).await;
        bench.settle(id, 2, Next::GiveUp).await;
        bench.store.redrive(vec![id]).await.unwrap();
        bench.store.cancel(vec![id]).await.unwrap();
        use DeliveryState as S;
        let expected = [
            (None, S::Pending),
            (Some(S::Pending), S::Retrying),
            (Some(S::Retrying), S::Failed),
            (Some(S::Failed), S::Retrying),
            (Some(S::Retrying), S::Cancelled),
        ];
        for _ in 0..2 {
            let changes = bench.changes().await;
            assert_eq!(changes.iter().map(|c| (c.previous, c.delivery.state)).collect::<Vec<_>>(), expected);
            assert_eq!(changes.iter().map(|c| c.sequence.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
            assert_eq!(changes[2].delivery.attempt_count, 2);
            bench.reopen().await;
        }
    }

    async fn a_page_begins_after_any_sequence_in_memory_and_on_disk(bench) {
        let hook = bench.webhook(1).await;
        for round in 0..3 {
            let many = (0..100).map(|n| new_event(event(&format!("e{round}-{n}")), &[hook.id])).collect();
            bench.try_publish(many).await.unwrap();
        }
        for _ in 0..2 {
            for after in [0, 1, 63, 64, 65, 99, 100, 250, 299] {
                let page = bench.store.changes(Sequence(after), 7).await.unwrap();
                let expected: Vec<_> = (after + 1..=300).take(7).collect();
                assert_eq!(page.changes.iter().map(|c| c.sequence.0).collect::<Vec<_>>(), expected, "after {after}");
                assert_eq!(page.next.0, *expected.last().unwrap());
            }
            let end = bench.store.changes(Sequence(300), 7).await.unwrap();
            assert_eq!((end.changes.len(), end.next), (0, Sequence(300)));
            bench.reopen().await;
        }
    }

    async fn a_change_carries_what_was_sent_and_came_back(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("a"), &[hook.id]).await[0];
        for (number, next) in [(1, Next::RetryAt(bench.now())), (2, Next::Succeed)] {
            bench.claim(hook.id, 1).await;
            let mut settlement = settlement(id, number, next);
            let response = CapturedResponse {
                status: 500 + number as u16,
                headers: vec![Header::new("server", "test")],
                body: format!("answer {number}").into(),
                body_truncated: false, note: String::new(),
            };
            Arc::make_mut(settlement.attempt.as_mut().unwrap()).response = Some(response);
            bench.store.settle(vec![settlement]).await.unwrap();
        }
        let fresh = bench.changes().await;
        bench.reopen().await;
        let stored = bench.changes().await;
        assert_eq!(fresh, stored);
        let bodies: Vec<_> = stored[1..]
            .iter()
            .map(|change| change.delivery.last_attempt.as_ref().unwrap().response.as_ref().unwrap().body.clone())
            .collect();
        assert_eq!(bodies, ["answer 1", "answer 2"]);
    }

    async fn the_journal_explains_every_state(bench) {
        let (one, two) = (bench.webhook(1).await, bench.webhook(2).await);
        for n in 0..20 {
            bench.publish(event(&format!("e{n}")), &[one.id, two.id]).await;
        }
        for claim in bench.claim(one.id, 15).await {
            let next = match claim.delivery.id.as_bytes()[11] % 3 {
                0 => Next::Succeed,
                1 => Next::GiveUp,
                _ => Next::RetryAt(bench.now()),
            };
            bench.settle(claim.delivery.id, 1, next).await;
        }
        bench.crash().await;
        let mut states = HashMap::new();
        for change in bench.changes().await {
            let before = states.insert(change.delivery.id, change.delivery.clone());
            assert_eq!(change.previous, before.map(|delivery| delivery.state), "{:?}", change.sequence);
        }
        assert_eq!(states.len(), 40);
        for (id, told) in states {
            assert_eq!(bench.delivery(id).await, told);
        }
    }

    async fn a_time_leads_to_the_change_before_it(bench) {
        let hook = bench.webhook(1).await;
        for n in 0..200 {
            let many = (0..3).map(|m| new_event(event(&format!("e{n}-{m}")), &[hook.id])).collect();
            if n % 20 == 0 {
                bench.try_publish(many).await.unwrap();
            }
            bench.clock.advance(1_000);
        }
        let at = |n: i64| Timestamp::from_millis(crate::bench::START + n);
        for _ in 0..2 {
            for (time, sequence) in [(-5, 0), (0, 0), (1, 3), (20_000, 3), (20_001, 6), (179_999, 27), (180_000, 27), (180_001, 30), (999_000, 30)] {
                assert_eq!(bench.store.sequence_at(at(time)).await.unwrap(), Sequence(sequence), "{time}");
            }
            bench.reopen().await;
        }
    }

    async fn an_empty_journal_has_a_beginning_and_an_epoch(bench) {
        let span = bench.store.journal();
        assert_eq!((span.before_oldest, span.last), (Sequence(0), Sequence(0)));
        assert_eq!(bench.store.changes(Sequence(0), 10).await.unwrap().changes.len(), 0);
        assert_eq!(bench.store.sequence_at(bench.now()).await.unwrap(), Sequence(0));
        bench.reopen().await;
        assert_eq!(bench.store.journal(), span);
    }

    async fn the_bell_rings_for_those_who_wait(bench) {
        let hook = bench.webhook(1).await;
        let waits = bench.store.journal_bell().notified();
        tokio::pin!(waits);
        waits.as_mut().enable();
        bench.publish(event("a"), &[hook.id]).await;
        waits.await;
        bench.store.due_bell().notified().await;
    }

    async fn a_commit_wakes_the_watchers_of_its_namespace_and_no_other(bench) {
        let hook = bench.webhook(1).await;
        let topic = |name: &str| Topic::Namespace(name.parse().unwrap());
        let bell = |name: &str| bench.store.bell_of(&topic(name));
        let others: Vec<_> = (0..1_000).map(|n| bell(&format!("other{n}"))).collect();
        let own = bell("default");
        let mut waiting: Vec<_> = others.iter().map(|bell| Box::pin(bell.notified())).collect();
        for waits in &mut waiting {
            waits.as_mut().enable();
        }
        for n in 0..20 {
            let mut waits = std::pin::pin!(own.notified());
            waits.as_mut().enable();
            bench.publish(event(&format!("e{n}")), &[hook.id]).await;
            assert!(waits.now_or_never().is_some(), "event {n}");
        }
        let woken = waiting.iter_mut().filter_map(|waits| waits.as_mut().now_or_never()).count();
        assert_eq!(woken, 0, "of a thousand watches in which nothing happened");
        let (other, mine) = (topic("other7"), topic("default"));
        assert_eq!(bench.store.quiet_until(&other, Sequence(0)), Some(Sequence(20)), "and they skip it unread");
        assert_eq!(bench.store.quiet_until(&mine, Sequence(19)), None);
        assert_eq!(bench.store.quiet_until(&mine, Sequence(20)), Some(Sequence(20)));
        assert_eq!(bench.store.quiet_until(&topic("unwatched"), Sequence(0)), None);
    }

    async fn a_commit_wakes_the_watchers_of_its_webhooks_and_of_no_other(bench) {
        let (first, second) = (bench.webhook(1).await, bench.webhook(2).await);
        let topics = [Topic::Webhook(first.id), Topic::Webhook(second.id)];
        let bells = topics.clone().map(|topic| bench.store.bell_of(&topic));
        let woken = async |event_id: &str, webhooks: &[WebhookId]| {
            let mut waiting: Vec<_> = bells.iter().map(|bell| Box::pin(bell.notified())).collect();
            for waits in &mut waiting {
                waits.as_mut().enable();
            }
            bench.publish(event(event_id), webhooks).await;
            waiting.iter_mut().map(|waits| waits.as_mut().now_or_never().is_some()).collect::<Vec<_>>()
        };
        assert_eq!(woken("a", &[first.id]).await, [true, false]);
        assert_eq!(woken("b", &[second.id]).await, [false, true]);
        assert_eq!(woken("c", &[first.id, second.id]).await, [true, true]);
        assert_eq!(woken("d", &[second.id]).await, [false, true]);
        let quiet = |topic: usize, after| bench.store.quiet_until(&topics[topic], Sequence(after));
        assert_eq!([quiet(0, 2), quiet(0, 4)], [None, Some(Sequence(5))], "its last is the third or the fourth");
        assert_eq!([quiet(1, 4), quiet(1, 5)], [None, Some(Sequence(5))]);
    }

    async fn readers_at_the_same_place_share_a_page_in_memory_and_on_disk(bench) {
        let hook = bench.webhook(1).await;
        let many = (0..100).map(|n| new_event(event(&format!("e{n}")), &[hook.id])).collect();
        bench.try_publish(many).await.unwrap();
        for count in [10, 11] {
            let read = async |after, limit| bench.store.changes(Sequence(after), limit).await.unwrap().changes;
            let page = read(10, 20).await;
            assert!(Arc::ptr_eq(&page, &read(10, 20).await));
            assert_eq!(read(10, 21).await.len(), 21);
            assert_eq!(read(90, 20).await.len(), count);
            bench.publish(event(&format!("more{count}")), &[hook.id]).await;
            assert_eq!(read(90, 20).await.len(), count + 1, "a page that the end has cut short is read again");
            bench.reopen().await;
        }
    }

    async fn an_event_without_webhooks_changes_no_delivery(bench) {
        bench.publish(event("a"), &[]).await;
        assert_eq!(bench.store.journal().last, Sequence(0));
        let empty: Vec<Settlement> = Vec::new();
        assert!(bench.store.settle(empty).await.unwrap().is_empty());
    }
}
