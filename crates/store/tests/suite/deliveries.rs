//! Lists of deliveries, replays, counts and gauges.

use std::collections::BTreeSet;
use std::time::Duration;

use tenterhook_model::{CapturedResponse, DeliveryId, DeliveryState, EventId, Next, Outcome};
use tenterhook_store::{DeliveryQuery, FailedAttempts, StatsQuery};

use crate::bench::{Bench, event, new_event, settlement};
use crate::on_every_engine;

/// A response without headers and body.
fn response(status: u16) -> CapturedResponse {
    CapturedResponse {
        status,
        headers: Vec::new(),
        body: Default::default(),
        body_truncated: false,
        note: String::new(),
    }
}

/// All pages of a query, a few items at a time.
async fn pages(bench: &Bench, query: DeliveryQuery) -> Vec<DeliveryId> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = bench.store.list_deliveries(DeliveryQuery { after, limit: 3, ..query.clone() }).await.unwrap();
        all.extend(page.items.iter().map(|delivery| delivery.id));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Ten events to two webhooks: of the first the first three deliveries succeed, the next two
/// fail, one is cancelled, one retries and one is in flight.
async fn mixture(bench: &Bench) -> (Vec<DeliveryId>, Vec<DeliveryId>) {
    let (one, two) = (bench.webhook(1).await, bench.webhook(2).await);
    let (mut of_one, mut of_two) = (Vec::new(), Vec::new());
    for n in 0..10 {
        let ids = bench.publish(event(&format!("e{n}")), &[one.id, two.id]).await;
        of_one.push(ids[0]);
        of_two.push(ids[1]);
        bench.clock.advance(10);
    }
    bench.claim(one.id, 6).await;
    let mut settlements: Vec<_> = of_one[..3].iter().map(|id| settlement(*id, 1, Next::Succeed)).collect();
    settlements.extend(of_one[3..5].iter().map(|id| settlement(*id, 1, Next::GiveUp)));
    settlements.push(settlement(of_one[5], 1, Next::RetryAt(bench.now().after(Duration::from_secs(9)))));
    bench.store.settle(settlements).await.unwrap();
    bench.store.cancel(vec![of_one[6]]).await.unwrap();
    assert_eq!(bench.claim_ids(one.id, 1).await, [of_one[7]]);
    (of_one, of_two)
}

fn newest_first(mut ids: Vec<DeliveryId>) -> Vec<DeliveryId> {
    ids.sort_by(|a, b| b.cmp(a));
    ids
}

on_every_engine! {
    async fn a_namespace_lists_newest_first_over_all_webhooks_and_states(bench) {
        let (one, two) = mixture(&bench).await;
        assert_eq!(pages(&bench, DeliveryQuery::default()).await, newest_first([one, two].concat()));
    }

    async fn a_list_by_webhook_or_event_holds_only_those(bench) {
        let (one, two) = mixture(&bench).await;
        let hooks: Vec<_> = bench.store.webhooks().by_id.keys().copied().collect();
        let query = DeliveryQuery { webhook_ids: vec![hooks[1]], ..Default::default() };
        assert_eq!(pages(&bench, query).await, newest_first(two.clone()));
        let query = DeliveryQuery { event_ids: vec!["e4".parse().unwrap(), "e5".parse().unwrap()], ..Default::default() };
        assert_eq!(pages(&bench, query).await, newest_first(vec![one[4], one[5], two[4], two[5]]));
    }

    async fn a_list_by_state_holds_each_state(bench) {
        let (one, two) = mixture(&bench).await;
        let expected = [
            (DeliveryState::Succeeded, one[..3].to_vec()),
            (DeliveryState::Failed, one[3..5].to_vec()),
            (DeliveryState::Retrying, vec![one[5]]),
            (DeliveryState::Cancelled, vec![one[6]]),
            (DeliveryState::InFlight, vec![one[7]]),
            (DeliveryState::Pending, [&one[8..], &two[..]].concat()),
        ];
        for (state, ids) in expected {
            let query = DeliveryQuery { states: vec![state], ..Default::default() };
            assert_eq!(pages(&bench, query).await, newest_first(ids), "{state:?}");
        }
        let query = DeliveryQuery { states: vec![DeliveryState::Failed, DeliveryState::Cancelled], ..Default::default() };
        assert_eq!(pages(&bench, query).await, newest_first(one[3..7].iter().copied().filter(|id| *id != one[5]).collect()));
    }

    async fn lists_by_outcome_and_time_hold_what_matches(bench) {
        let (one, _) = mixture(&bench).await;
        let query = DeliveryQuery { last_outcomes: vec![Outcome::HttpStatus], ..Default::default() };
        assert_eq!(pages(&bench, query).await, newest_first(one[3..6].to_vec()));
        let hooks: Vec<_> = bench.store.webhooks().by_id.keys().copied().collect();
        let at = |id: &DeliveryId| Some(tenterhook_model::Timestamp::from_millis(id.create_millis() as i64));
        let query = DeliveryQuery { start_time: at(&one[2]), end_time: at(&one[8]), webhook_ids: vec![hooks[0]], ..Default::default() };
        assert_eq!(pages(&bench, query).await, newest_first(one[2..8].to_vec()));
    }

    async fn another_namespace_sees_nothing(bench) {
        mixture(&bench).await;
        let query = DeliveryQuery { namespace: "other".parse().unwrap(), ..Default::default() };
        assert!(pages(&bench, query.clone()).await.is_empty());
        let by_event = DeliveryQuery { event_ids: vec!["e1".parse().unwrap()], ..query };
        assert!(pages(&bench, by_event).await.is_empty());
    }

    async fn a_page_goes_on_although_deliveries_move_meanwhile(bench) {
        let hook = bench.webhook(1).await;
        let mut ids = Vec::new();
        for n in 0..9 {
            ids.extend(bench.publish(event(&format!("e{n}")), &[hook.id]).await);
        }
        let query = DeliveryQuery { limit: 4, ..Default::default() };
        let first = bench.store.list_deliveries(query.clone()).await.unwrap();
        bench.deliver_all(hook.id).await;
        let rest = bench.store.list_deliveries(DeliveryQuery { after: first.next, limit: 100, ..query }).await.unwrap();
        let all: Vec<_> = first.items.iter().chain(&rest.items).map(|delivery| delivery.id).collect();
        assert_eq!(all, newest_first(ids));
    }

    async fn a_replay_makes_new_deliveries_of_events_that_are_kept(bench) {
        let (one, two) = (bench.webhook(1).await, bench.webhook(2).await);
        let first = bench.publish(event("a"), &[one.id]).await[0];
        bench.deliver_all(one.id).await;
        let events: Vec<EventId> = vec!["a".parse().unwrap(), "unknown".parse().unwrap()];
        let made = bench.store.replay(two.id, events).await.unwrap();
        assert_eq!(made.len(), 1);
        let claim = &bench.claim(two.id, 9).await[0];
        assert_eq!((claim.delivery.id, claim.event.id.as_str()), (made[0], "a"));
        let query = DeliveryQuery { event_ids: vec!["a".parse().unwrap()], ..Default::default() };
        assert_eq!(pages(&bench, query).await, [made[0], first]);
        bench.check().await;
    }

    async fn counts_tell_what_ended_in_the_window_and_what_is_open(bench) {
        let (one, _) = mixture(&bench).await;
        for reopened in [false, true] {
            if reopened {
                bench.reopen().await;
            }
            let query = StatsQuery { namespace: Default::default(), webhook_id: None, window: Duration::from_secs(3_600) };
            let stats = bench.store.stats(query.clone()).await.unwrap();
            let of_one = &stats.iter().find(|(id, _)| id.as_bytes()[0] == 1).unwrap().1;
            assert_eq!((of_one.succeeded, of_one.failed, of_one.attempts, of_one.open), (3, 2, 6, 4));
            assert_eq!(of_one.oldest_open, Some(bench.delivery(one[5]).await.create_time));
            assert!(of_one.latencies.quantile(0.5).unwrap() >= Duration::from_millis(5));
            assert_eq!(stats.len(), 2);
        }
        bench.clock.advance(2 * 3_600_000);
        let query = StatsQuery { namespace: Default::default(), webhook_id: None, window: Duration::from_secs(60) };
        let stats = bench.store.stats(query).await.unwrap();
        assert!(stats.iter().all(|(_, stats)| stats.attempts == 0 && stats.open > 0));
    }

    async fn counts_of_days_ago_are_in_hours(bench) {
        let hook = bench.webhook(1).await;
        for day in 0..3 {
            bench.publish(event(&format!("d{day}")), &[hook.id]).await;
            bench.deliver_all(hook.id).await;
            bench.clock.advance(24 * 3_600_000);
        }
        let window = |days: u64| StatsQuery { namespace: Default::default(), webhook_id: Some(hook.id), window: Duration::from_secs(days * 24 * 3_600) };
        for (days, succeeded) in [(1, 1), (2, 2), (3, 3), (30, 3)] {
            let stats = bench.store.stats(window(days)).await.unwrap();
            assert_eq!(stats[0].1.succeeded, succeeded, "{days} days");
        }
    }

    async fn failed_attempts_are_counted_by_outcome_and_status_also_after_a_crash(bench) {
        let hook = bench.webhook(1).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.extend(bench.publish(event(name), &[hook.id]).await);
        }
        bench.claim(hook.id, 9).await;
        let mut failed: Vec<_> = ids.iter().map(|id| settlement(*id, 1, Next::RetryAt(bench.now()))).collect();
        let answers = [(Outcome::HttpStatus, 503), (Outcome::HttpStatus, 503), (Outcome::Timeout, 0)];
        for (settlement, (outcome, status)) in failed.iter_mut().zip(answers) {
            let attempt = std::sync::Arc::make_mut(settlement.attempt.as_mut().unwrap());
            attempt.outcome = outcome;
            attempt.response = (status > 0).then(|| response(status));
        }
        bench.store.settle(failed).await.unwrap();
        bench.deliver_all(hook.id).await;
        let query = StatsQuery { namespace: Default::default(), webhook_id: None, window: Duration::from_secs(3_600) };
        let failures = |outcome, status, count| FailedAttempts { outcome, status, count };
        let expected = [failures(Outcome::HttpStatus, 503, 2), failures(Outcome::Timeout, 0, 1)];
        for is_last in [false, true] {
            let stats = bench.store.stats(query.clone()).await.unwrap().remove(0).1;
            assert_eq!((stats.failures.as_slice(), stats.failed_attempts(), stats.attempts), (&expected[..], 3, 6));
            assert_eq!((stats.failed, stats.succeeded), (0, 3));
            if !is_last {
                bench.crash().await;
            }
        }
        bench.reopen().await;
        let stats = bench.store.stats(query).await.unwrap().remove(0).1;
        assert_eq!(stats.failures, expected, "they are on disk, too");
    }

    async fn buckets_hold_what_ended_in_them_and_add_up(bench) {
        let (one, other) = (bench.webhook(1).await, bench.webhook(2).await);
        for round in 0..6 {
            for hook in [&one, &other] {
                bench.publish(event(&format!("e{round}-{}", hook.id)), &[hook.id]).await;
                bench.deliver_all(hook.id).await;
            }
            bench.clock.advance(3 * 60_000);
        }
        let query = |webhook_id| StatsQuery { namespace: Default::default(), webhook_id, window: Duration::from_secs(3_600) };
        let width = Duration::from_secs(300);
        for (webhook_id, total) in [(None, 12), (Some(one.id), 6)] {
            let buckets = bench.store.stats_buckets(query(webhook_id), width).await.unwrap();
            let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.stats.succeeded).collect();
            assert_eq!(counts.iter().sum::<u64>(), total);
            assert!(counts.iter().filter(|count| **count > 0).count() >= 3, "{counts:?}");
            assert!(buckets.windows(2).all(|two| two[1].start.since(two[0].start) == width));
            assert!(buckets.iter().all(|bucket| bucket.start.millis() % 300_000 == 0));
            let last = buckets.last().unwrap().start;
            assert!(last <= bench.now() && bench.now().since(last) < width);
        }
    }

    async fn deliveries_are_found_by_status_and_attempts(bench) {
        let hook = bench.webhook(1).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.extend(bench.publish(event(name), &[hook.id]).await);
        }
        bench.claim(hook.id, 2).await;
        for (id, status) in [(ids[0], 500), (ids[1], 404)] {
            let mut failed = settlement(id, 1, Next::RetryAt(bench.now()));
            std::sync::Arc::make_mut(failed.attempt.as_mut().unwrap()).response = Some(response(status));
            bench.store.settle(vec![failed]).await.unwrap();
        }
        let found = |response_statuses: Vec<u16>, min_attempts| {
            let query = DeliveryQuery { response_statuses, min_attempts, limit: 10, ..Default::default() };
            let store = bench.store.clone();
            async move { store.list_deliveries(query).await.unwrap().items.iter().map(|one| one.id).collect::<Vec<_>>() }
        };
        assert_eq!(found(vec![500, 503], 0).await, [ids[0]]);
        assert_eq!(found(vec![404, 500], 0).await, [ids[1], ids[0]]);
        assert_eq!(found(vec![], 1).await, [ids[1], ids[0]]);
        assert_eq!(found(vec![404], 2).await, []);
    }

    async fn gauges_follow_the_states(bench) {
        mixture(&bench).await;
        let gauges = bench.store.gauges().await.unwrap();
        assert_eq!((gauges.pending, gauges.in_flight, gauges.retrying), (12, 1, 1));
        assert!(gauges.size_bytes > 0 && gauges.oldest_open.is_some());
        bench.crash().await;
        let gauges = bench.store.gauges().await.unwrap();
        assert_eq!((gauges.pending, gauges.in_flight, gauges.retrying), (13, 0, 1));
    }

    async fn a_thousand_events_in_one_slice_make_a_thousand_deliveries(bench) {
        let hook = bench.webhook(1).await;
        let events = (0..1_000).map(|n| new_event(event(&format!("e{n}")), &[hook.id])).collect();
        let published = bench.try_publish(events).await.unwrap();
        assert_eq!(published.len(), 1_000);
        let ids: BTreeSet<_> = bench.changes().await.iter().map(|change| change.delivery.id).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
