//! Lists of events and retention.

use std::time::Duration;

use tenterhook_model::{Event, Next, Timestamp};
use tenterhook_store::{EventQuery, Expired, Redrive, StoreError};

use crate::bench::{Bench, event, new_event};
use crate::on_every_engine;

async fn pages(bench: &Bench, query: EventQuery) -> Vec<String> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = bench.store.list_events(EventQuery { after, limit: 3, ..query.clone() }).await.unwrap();
        all.extend(page.items.iter().map(|event| event.id.as_str().to_owned()));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn expire_all(bench: &Bench, before: Timestamp, limit: usize) -> usize {
    let mut removed = 0;
    loop {
        match bench.store.expire(before, limit).await.unwrap() {
            Expired { removed: 0, .. } => return removed,
            some => removed += some.removed,
        }
    }
}

on_every_engine! {
    async fn namespaces_with_events_are_listed_once_the_shortest_first(bench) {
        let within = |id: &str, namespace: &str| Event { namespace: namespace.parse().unwrap(), ..event(id) };
        for (id, namespace) in [("1", "zebra"), ("2", "b"), ("3", "zebra"), ("4", "aa"), ("5", "a")] {
            bench.publish(within(id, namespace), &[]).await;
        }
        let found = async |from: Option<&str>, limit| -> Vec<String> {
            let from = from.map(|name| name.parse().unwrap());
            let found = bench.store.namespaces(from.as_ref(), limit).await.unwrap();
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(found(None, 10).await, ["a", "b", "aa", "zebra"]);
        assert_eq!(found(Some("b"), 2).await, ["b", "aa"], "from there on, and no more");
        assert_eq!(found(Some("c"), 10).await, ["aa", "zebra"], "one that holds nothing may be named");
        expire_all(&bench, Timestamp::MAX, 100).await;
        assert!(found(None, 10).await.is_empty(), "what is forgotten is not listed");
    }

    async fn events_are_listed_newest_first_within_and_across_commits(bench) {
        let many = (0..7).map(|n| new_event(event(&format!("a{n}")), &[])).collect();
        bench.try_publish(many).await.unwrap();
        bench.publish(event("b"), &[]).await;
        assert_eq!(pages(&bench, EventQuery::default()).await, ["b", "a6", "a5", "a4", "a3", "a2", "a1", "a0"]);
    }

    async fn events_are_found_by_time_attribute_and_id(bench) {
        for n in 0..6 {
            bench.publish(event(&format!("e{n}")), &[]).await;
            bench.clock.advance(1_000);
        }
        let at = |n: i64| Some(Timestamp::from_millis(crate::bench::START + n * 1_000));
        let query = EventQuery { start_time: at(1), end_time: at(4), ..Default::default() };
        assert_eq!(pages(&bench, query).await, ["e3", "e2", "e1"]);
        let query = EventQuery { attributes: [("id".into(), "e4".into())].into(), ..Default::default() };
        assert_eq!(pages(&bench, query).await, ["e4"]);
        let ids = ["e1", "e5", "e1", "e0", "e2", "e3", "none"].map(|id| id.parse().unwrap()).to_vec();
        let query = EventQuery { event_ids: ids, ..Default::default() };
        assert_eq!(pages(&bench, query).await, ["e5", "e3", "e2", "e1", "e0"]);
    }

    async fn namespaces_have_timelines_of_their_own(bench) {
        bench.publish(event("mine"), &[]).await;
        let theirs = Event { namespace: "a".parse().unwrap(), ..event("theirs") };
        bench.try_publish(vec![new_event(theirs, &[])]).await.unwrap();
        assert_eq!(pages(&bench, EventQuery::default()).await, ["mine"]);
        let query = EventQuery { namespace: "a".parse().unwrap(), ..Default::default() };
        assert_eq!(pages(&bench, query).await, ["theirs"]);
    }

    async fn what_is_old_and_finished_goes_with_all_that_belongs_to_it(bench) {
        let hook = bench.webhook(1).await;
        let id = bench.publish(event("old"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        bench.settle(id, 1, Next::RetryAt(bench.now())).await;
        bench.claim(hook.id, 1).await;
        bench.settle(id, 2, Next::GiveUp).await;
        let replayed = bench.store.replay(hook.id, vec!["old".parse().unwrap()]).await.unwrap()[0];
        bench.deliver_all(hook.id).await;
        bench.clock.advance(10_000);
        let cut = bench.now();
        bench.publish(event("new"), &[hook.id]).await;
        bench.reopen().await;
        assert!(expire_all(&bench, cut, 100).await >= 3);
        for id in [id, replayed] {
            assert!(bench.store.delivery(id).await.unwrap().is_none());
            assert!(bench.store.attempts(id).await.unwrap().is_empty());
            assert_eq!(bench.store.redrive(vec![id]).await.unwrap(), [Redrive::NotFound]);
        }
        assert_eq!(pages(&bench, EventQuery::default()).await, ["new"]);
        bench.check().await;
        assert_eq!(bench.records().await.get("attempts"), Some(&0));
    }

    async fn an_event_with_an_open_or_late_delivery_stays_until_that_ends(bench) {
        let (one, two) = (bench.webhook(1).await, bench.webhook(2).await);
        bench.publish(event("open"), &[one.id, two.id]).await;
        bench.deliver_all(one.id).await;
        bench.clock.advance(10_000);
        let cut = bench.now();
        assert_eq!(expire_all(&bench, cut, 100).await, 0);
        bench.deliver_all(two.id).await;
        expire_all(&bench, cut, 100).await;
        assert_eq!(pages(&bench, EventQuery::default()).await, ["open"], "a delivery ended after the cut");
        bench.clock.advance(1);
        assert!(expire_all(&bench, bench.now(), 100).await >= 3);
        assert!(pages(&bench, EventQuery::default()).await.is_empty());
        bench.check().await;
    }

    async fn retention_goes_in_steps_of_its_limit(bench) {
        let hook = bench.webhook(1).await;
        let many = (0..40).map(|n| new_event(event(&format!("e{n}")), &[hook.id])).collect();
        bench.try_publish(many).await.unwrap();
        bench.publish(event("kept"), &[]).await;
        bench.deliver_all(hook.id).await;
        bench.clock.advance(1);
        let first = bench.store.expire(bench.now(), 10).await.unwrap().removed;
        assert!((10..=90).contains(&first), "{first}");
        expire_all(&bench, bench.now(), 10).await;
        assert!(pages(&bench, EventQuery::default()).await.is_empty());
        bench.check().await;
    }

    async fn an_id_is_free_again_when_its_event_is_gone(bench) {
        bench.publish(event("a"), &[]).await;
        bench.clock.advance(1);
        expire_all(&bench, bench.now(), 100).await;
        assert!(!bench.try_publish(vec![new_event(event("a"), &[])]).await.unwrap()[0].duplicate);
        bench.check().await;
    }

    async fn the_journal_goes_from_its_front_and_says_so(bench) {
        let hook = bench.webhook(1).await;
        for n in 0..5 {
            bench.publish(event(&format!("e{n}")), &[hook.id]).await;
        }
        bench.deliver_all(hook.id).await;
        bench.clock.advance(60_000);
        let middle = bench.now();
        bench.publish(event("late"), &[hook.id]).await;
        bench.reopen().await;
        expire_all(&bench, middle, 100).await;
        let span = bench.store.journal();
        assert_eq!((span.before_oldest.0, span.last.0), (10, 11));
        for _ in 0..2 {
            let error = bench.store.changes(tenterhook_store::Sequence(3), 10).await.unwrap_err();
            assert!(matches!(error, StoreError::Expired { oldest } if oldest == Some(middle)), "{error}");
            assert!(matches!(bench.store.sequence_at(middle.before(Duration::from_secs(1))).await, Err(StoreError::Expired { .. })));
            assert_eq!(bench.changes().await.len(), 1);
            bench.reopen().await;
            assert_eq!(bench.store.journal(), span);
        }
        bench.clock.advance(60_000);
        expire_all(&bench, bench.now(), 100).await;
        assert_eq!(bench.store.journal().last.0, 11, "sequences never begin anew");
        bench.publish(event("later"), &[hook.id]).await;
        assert_eq!(bench.changes().await.last().unwrap().sequence.0, 12);
    }
}
