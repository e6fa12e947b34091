//! Retention keeps pace, passes over what it must keep, and leaves nothing behind.

use std::time::Duration;

use tenterhook_model::{CapturedResponse, JsonText, Next};
use tenterhook_store::{Expired, Sequence, Settled, StatsQuery, StoreError};

use crate::bench::{Bench, Engine, event, new_event, ordered, run, settlement};
use crate::on_every_engine;

/// Steps until all that may go is gone, and what they removed.
async fn steps(bench: &Bench, limit: usize, most: usize) -> (usize, usize) {
    let mut removed = 0;
    for step in 1..=most {
        let Expired { removed: some, clear, .. } = bench.store.expire(bench.now(), limit).await.unwrap();
        removed += some;
        if clear.is_some() {
            return (step, removed);
        }
    }
    panic!("after {most} steps with {removed} records removed, retention is not done");
}

on_every_engine! {
    async fn expired_events_are_gone_after_a_bounded_number_of_steps_whatever_the_mix(bench) {
        let hooks: Vec<_> = [bench.webhook(1).await, bench.webhook(2).await, bench.webhook(3).await].map(|hook| hook.id).into();
        let failing = bench.webhook(4).await.id;
        let batches = [(1, 0), (40, 3), (1, 1), (7, 2), (64, 0), (1, 3), (100, 1)];
        for (number, (size, fan_out)) in batches.into_iter().enumerate() {
            let many = (0..size).map(|n| new_event(event(&format!("e{number}-{n}")), &hooks[..fan_out])).collect();
            bench.try_publish(many).await.unwrap();
            bench.clock.advance(3);
        }
        bench.publish(ordered("ordered", "key"), &[hooks[0]]).await;
        let id = bench.publish(event("failed"), &[failing]).await[0];
        for attempt in 1..=5 {
            bench.claim(failing, 1).await;
            let next = if attempt == 5 { Next::GiveUp } else { Next::RetryAt(bench.now()) };
            bench.settle(id, attempt, next).await;
        }
        bench.store.replay(hooks[1], vec!["e1-3".parse().unwrap()]).await.unwrap();
        for hook in &hooks {
            bench.deliver_all(*hook).await;
        }
        bench.clock.advance(10_000);
        let records = bench.store.journal().last.0 as usize + 216 + 40 * 3 + 1 + 7 * 2 + 3 + 100 + 3;
        let limit = 16;
        let (steps, removed) = steps(&bench, limit, 2 * records / limit + 4).await;
        assert_eq!(removed, records, "after {steps} steps");
        bench.check().await;
        let records = bench.records().await;
        for family in ["events", "finished deliveries", "attempts", "timeline blocks", "journal blocks", "failed or cancelled", "replays"] {
            assert_eq!(records.get(family), Some(&0), "{family}");
        }
    }

    async fn the_journal_and_the_events_both_advance_in_each_step(bench) {
        let hook = bench.webhook(1).await;
        let many = (0..400).map(|n| new_event(event(&format!("e{n}")), &[hook.id])).collect();
        bench.try_publish(many).await.unwrap();
        bench.deliver_all(hook.id).await;
        bench.clock.advance(60_000);
        let (before, kept) = (bench.store.journal().before_oldest, bench.store.event(&Default::default(), &"e0".parse().unwrap()).await.unwrap());
        assert!(kept.is_some());
        // The first step may find that the counts have to be written before the journal can go.
        for _ in 0..2 {
            bench.store.expire(bench.now(), 32).await.unwrap();
        }
        assert!(bench.store.journal().before_oldest > before, "the journal advanced");
        assert!(bench.store.event(&Default::default(), &"e0".parse().unwrap()).await.unwrap().is_none(), "events did");
    }

    async fn kept_events_at_the_front_of_a_block_do_not_stop_what_is_behind_them(bench) {
        let (open, done) = (bench.webhook(1).await, bench.webhook(2).await);
        let mut many: Vec<_> = (0..100).map(|n| new_event(event(&format!("open{n}")), &[open.id])).collect();
        many.extend((0..10).map(|n| new_event(event(&format!("done{n}")), &[done.id])));
        bench.try_publish(many).await.unwrap();
        bench.deliver_all(done.id).await;
        bench.clock.advance(10_000);
        let mut removed = 0;
        for _ in 0..20 {
            removed += bench.store.expire(bench.now(), 5).await.unwrap().removed;
        }
        let changes = bench.store.journal().before_oldest.0 as usize;
        assert_eq!(removed - changes, 20, "ten events, each with its delivery");
        bench.check().await;
    }

    async fn an_emptied_journal_continues_its_sequences_and_refuses_what_is_gone(bench) {
        let hook = bench.webhook(1).await;
        bench.publish(event("a"), &[hook.id]).await;
        bench.deliver_all(hook.id).await;
        let then = bench.now();
        bench.clock.advance(60_000);
        steps(&bench, 100, 5).await;
        for _ in 0..2 {
            let span = bench.store.journal();
            assert_eq!((span.before_oldest, span.last), (Sequence(2), Sequence(2)));
            let error = bench.store.changes(Sequence(1), 10).await.unwrap_err();
            let StoreError::Expired { oldest: Some(oldest) } = error else { panic!("{error}") };
            assert!(then < oldest && oldest < bench.now(), "a watch may begin at {oldest:?}");
            assert_eq!(bench.store.sequence_at(oldest).await.unwrap(), Sequence(2));
            let error = bench.store.sequence_at(then).await.unwrap_err();
            assert!(matches!(error, StoreError::Expired { .. }), "{error}");
            assert_eq!(bench.store.sequence_at(bench.now()).await.unwrap(), Sequence(2));
            assert!(bench.store.changes(Sequence(2), 10).await.unwrap().changes.is_empty());
            bench.reopen().await;
        }
        assert_eq!(bench.records().await.get("journal blocks"), Some(&0));
        bench.publish(event("b"), &[hook.id]).await;
        assert_eq!(bench.changes().await[0].sequence, Sequence(3));
        bench.crash().await;
        assert_eq!(bench.store.journal().last, Sequence(3));
        bench.check().await;
    }
}

/// A clock that is wrong by this much makes records of 2087.
const AHEAD_MS: i64 = 64 * 365 * 86_400_000;

on_every_engine! {
    async fn a_clock_that_was_ahead_keeps_only_what_was_made_meanwhile(bench) {
        let hook = bench.webhook(1).await.id;
        let publish = async |bench: &Bench, id: &str| {
            bench.publish(event(id), &[hook]).await;
            bench.deliver_all(hook).await;
            bench.clock.advance(1_000);
        };
        publish(&bench, "before").await;
        bench.clock.advance(AHEAD_MS);
        publish(&bench, "ahead-1").await;
        publish(&bench, "ahead-2").await;
        bench.clock.advance(-AHEAD_MS);
        let old = ["a", "b", "c"];
        for id in old {
            publish(&bench, id).await;
        }
        bench.reopen().await;
        bench.clock.advance(3_600_000);
        let (before, last_old) = (bench.now(), bench.store.journal().last);
        publish(&bench, "young-1").await;
        publish(&bench, "young-2").await;
        for step in 1.. {
            assert!(step < 50, "retention does not end");
            if bench.store.expire(before, 4).await.unwrap().clear.is_some() {
                break;
            }
        }
        for (id, is_kept) in [("before", false), ("ahead-1", true), ("a", false), ("b", false), ("c", false), ("young-1", true)] {
            let event = bench.store.event(&Default::default(), &id.parse().unwrap()).await.unwrap();
            assert_eq!(event.is_some(), is_kept, "{id}");
        }
        assert_eq!(bench.store.journal().before_oldest, last_old, "the journal goes up to its first young change");
        bench.check().await;
    }

    async fn what_ended_while_the_clock_was_ahead_is_not_counted_as_recent(bench) {
        let hook = bench.webhook(1).await.id;
        bench.clock.advance(AHEAD_MS);
        bench.publish(event("ahead"), &[hook]).await;
        bench.deliver_all(hook).await;
        bench.clock.advance(-AHEAD_MS);
        bench.publish(event("now"), &[hook]).await;
        bench.deliver_all(hook).await;
        for _ in 0..2 {
            let query = StatsQuery { namespace: Default::default(), webhook_id: Some(hook), window: Duration::from_secs(3_600) };
            let stats = bench.store.stats(query).await.unwrap();
            assert_eq!(stats[0].1.succeeded, 1);
            bench.reopen().await;
        }
    }
}

/// Text that stands in everything that a publisher and a receiver send.
const MARKER: &str = "CANARYDATA";

async fn publish_marked(bench: &Bench, hook: tenterhook_model::WebhookId) {
    for number in 0..20 {
        let mut event = ordered(&format!("{MARKER}-{number}"), MARKER);
        event.data = Some(JsonText::parse(&format!("\"{MARKER}\"")).unwrap());
        event.attributes.insert("marker".into(), MARKER.into());
        bench.publish(event, &[hook]).await;
        for claim in bench.claim(hook, 1).await {
            let mut settlement = settlement(claim.delivery.id, 1, Next::Succeed);
            let attempt = std::sync::Arc::make_mut(settlement.attempt.as_mut().unwrap());
            attempt.response = Some(CapturedResponse {
                status: 200,
                headers: vec![tenterhook_model::Header::new("x-marker", MARKER)],
                body: MARKER.into(),
                body_truncated: false,
                note: String::new(),
            });
            assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [Settled::Done]);
        }
    }
}

#[test]
fn what_was_removed_is_erased_from_the_files_of_an_open_store() {
    run(async {
        let mut bench = Bench::new(Engine::Redb(tempfile::tempdir().unwrap()));
        let hook = bench.webhook(1).await.id;
        publish_marked(&bench, hook).await;
        // Into the redb file, and removed from there.
        bench.reopen().await;
        publish_marked_again(&bench, hook).await;
        bench.clock.advance(60_000);
        steps(&bench, 1_000, 8).await;
        assert!(bench.disk_contains(MARKER.as_bytes()), "what was removed is still in log and pages");
        assert!(bench.store.erase().await.unwrap());
        assert!(!bench.disk_contains(MARKER.as_bytes()), "without a restart and without another write");
        bench.publish(event("after"), &[hook]).await;
        assert_eq!(bench.deliver_all(hook).await.len(), 1);
        bench.crash().await;
        assert!(bench.store.event(&Default::default(), &"after".parse().unwrap()).await.unwrap().is_some());
        bench.check().await;
        assert!(!bench.disk_contains(MARKER.as_bytes()));
    });
}

async fn publish_marked_again(bench: &Bench, hook: tenterhook_model::WebhookId) {
    let mut event = event("again");
    event.data = Some(JsonText::parse(&format!("\"{MARKER}\"")).unwrap());
    bench.publish(event, &[hook]).await;
    bench.deliver_all(hook).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[test]
fn a_closed_store_erases_nothing() {
    run(async {
        let bench = Bench::new(Engine::Redb(tempfile::tempdir().unwrap()));
        let data = JsonText::parse(&format!("\"{}\"", "x".repeat(900_000))).unwrap();
        for number in 0..6 {
            let mut event = event(&format!("e{number}"));
            event.data = Some(data.clone());
            bench.publish(event, &[]).await;
        }
        bench.store.close();
        assert!(!bench.store.erase().await.unwrap(), "a server that stops does not wait for a copy of its store");
    });
}
