//! What the intake hands to the store, and what it makes of the answers.

use std::collections::BTreeSet;
use std::sync::Mutex;

use proptest::prelude::*;
use tenterhook_model::webhook::{Halt, HaltedBy};
use tenterhook_model::{EventId, JsonText};
use tenterhook_store::{NewEvent, StoreError};

use super::desk::{Desk, Shelf};
use super::*;
use crate::digest::content_digest;

fn named(id: &str) -> Event {
    Event { id: id.parse().unwrap(), ..event("created", "") }
}

/// A webhook whose rule reads the data.
fn reading(number: u8) -> Webhook {
    let conditions = JsonText::parse(r#"{"attr": "role", "value": "core"}"#).unwrap();
    webhook(number, vec![EventRule { conditions: Some(conditions), ..rule(&[], &[]) }])
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test)
}

fn with_data(data: &str) -> Event {
    Event { data: Some(JsonText::parse(data).unwrap()), ..named("e") }
}

#[tokio::test]
async fn the_store_gets_each_event_with_its_digest_and_the_webhooks_that_match() {
    let desk = Desk::over(Shelf::of(set(1, [webhook(1, vec![]), webhook(2, vec![rule(&["deleted"], &[])])])));
    let deleted = Event { event_type: "deleted".into(), ..named("b") };
    let published = desk.intake.publish(vec![named("a"), deleted.clone()]).await.unwrap();
    assert_eq!(published.iter().map(|one| one.delivery_count).collect::<Vec<_>>(), [1, 2]);
    let handed = desk.store.calls.lock().unwrap().clone();
    assert_eq!(handed.len(), 1, "one call");
    let [first, second] = &handed[0][..] else { panic!("{handed:?}") };
    assert_eq!((&*first.event, first.content), (&named("a"), content_digest(&named("a"))));
    assert_eq!((&*second.event, second.content), (&deleted, content_digest(&deleted)));
    let numbers = |new: &NewEvent| new.webhooks.iter().map(|id| id.as_bytes()[0]).collect::<Vec<_>>();
    assert_eq!((numbers(first), numbers(second)), (vec![1], vec![1, 2]));
}

#[tokio::test]
async fn a_conflict_refuses_a_batch_whole_and_stores_nothing() {
    let desk = Desk::over(Shelf { taken: ["b".parse().unwrap()].into(), ..Shelf::default() });
    let result = desk.intake.publish(vec![named("a"), named("b"), named("c")]).await;
    assert!(matches!(result, Err(StoreError::EventConflict { index: 1, .. })), "{result:?}");
    assert!(desk.store.stored_ids().is_empty());
}

proptest! {
    #[test]
    fn of_a_stream_only_what_conflicts_is_left_out(
        names in prop::collection::vec("[a-f]", 0..12), taken in prop::collection::btree_set("[a-f]", 0..6),
    ) {
        let taken: BTreeSet<EventId> = taken.iter().map(|name| name.parse().unwrap()).collect();
        let desk = Desk::over(Shelf { taken: taken.clone(), ..Shelf::default() });
        let events: Vec<Event> = names.iter().map(|name| named(name)).collect();
        let results = run(desk.intake.publish_each(events.clone()));
        prop_assert_eq!(results.len(), events.len());
        for (event, result) in events.iter().zip(results) {
            match result {
                Ok(published) => {
                    prop_assert_eq!(&published.event_id, &event.id);
                    prop_assert!(!taken.contains(&event.id));
                }
                Err(StoreError::EventConflict { id, .. }) => {
                    prop_assert_eq!(&id, &event.id);
                    prop_assert!(taken.contains(&id));
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }
        let stored = names.iter().map(|name| name.parse().unwrap()).filter(|id: &EventId| !taken.contains(id));
        prop_assert_eq!(desk.store.stored_ids(), stored.collect::<Vec<_>>(), "in their order");
    }
}

#[tokio::test]
async fn what_the_store_cannot_take_now_is_refused_with_the_events_after_it() {
    let full = Mutex::new(1..usize::MAX);
    let desk = Desk::over(Shelf { taken: ["a".parse().unwrap()].into(), full, ..Shelf::default() });
    let results = desk.intake.publish_each(vec![named("a"), named("b"), named("c")]).await;
    let [first, second, third] = &results[..] else { panic!("{results:?}") };
    assert!(matches!(first, Err(StoreError::EventConflict { .. })), "{first:?}");
    assert!(matches!((second, third), (Err(StoreError::Full), Err(StoreError::Full))), "{second:?} {third:?}");
    assert_eq!(desk.store.calls.lock().unwrap().len(), 2, "it is not asked again for what it refused");
}

#[tokio::test]
async fn what_a_rule_has_parsed_is_kept_for_the_attempt_and_nothing_else() {
    let desk = Desk::over(Shelf::of(set(1, [reading(1)])));
    let mut routed = desk.intake.route(vec![with_data(r#"{"role": "core"}"#), with_data(r#"{"role": "leaf"}"#)]).await;
    let (leaf, core) = (routed.pop().unwrap(), routed.pop().unwrap());
    assert_eq!((core.webhooks.len(), leaf.webhooks.len()), (1, 0));
    assert_eq!(desk.contexts.of(&core.event).parses(), 1, "the dispatcher finds it parsed");
    assert_eq!(desk.contexts.of(&leaf.event).parses(), 0, "nobody asks for an event that nobody gets");

    let plain = Desk::over(Shelf::of(set(1, [webhook(1, vec![])])));
    let routed = plain.intake.route(vec![with_data(r#"{"role": "core"}"#)]).await;
    assert_eq!(routed[0].webhooks.len(), 1);
    assert_eq!(Arc::strong_count(&routed[0].event), 1, "no context is kept, which would hold the event");
}

#[tokio::test]
async fn warming_up_compiles_all_rules_and_the_requests_of_those_that_send() {
    let halted = Webhook { halt: Some(Halt { by: HaltedBy::Operator, reason: String::new() }), ..webhook(3, vec![]) };
    let desk = Desk::over(Shelf::of(set(1, [webhook(1, vec![]), reading(2), halted])));
    assert!(!desk.intake.is_ready());
    desk.intake.warm_up().await;
    assert!(desk.intake.is_ready());
    assert_eq!(desk.compiled(), (2, 3));
    desk.intake.publish(vec![named("a")]).await.unwrap();
    assert_eq!(desk.compiled(), (2, 3), "the event compiled nothing");
}

#[tokio::test]
async fn warming_up_stops_where_the_cache_is_full_and_passes_over_what_does_not_compile() {
    let full = Desk::with(Shelf::of(set(1, [webhook(1, vec![])])), Compilations::with_budget(0));
    full.intake.warm_up().await;
    assert_eq!((full.compiled(), full.intake.is_ready()), ((0, 1), true));

    let mut broken = webhook(1, vec![]);
    broken.spec.request.body = "{{".to_owned();
    let desk = Desk::over(Shelf::of(set(1, [broken, webhook(2, vec![])])));
    desk.intake.warm_up().await;
    assert_eq!((desk.compiled(), desk.intake.is_ready()), ((2, 2), true));
}

#[tokio::test]
async fn refreshing_leaves_nothing_to_compile_to_the_next_event() {
    let desk = Desk::over(Shelf::of(set(1, [reading(1)])));
    desk.intake.refresh().await;
    assert_eq!(desk.compiled(), (0, 1));
    desk.intake.publish(vec![named("a")]).await.unwrap();
    assert_eq!(desk.compiled(), (0, 1));
}

#[tokio::test]
async fn the_failures_of_a_rule_are_those_since_the_webhook_was_changed() {
    let desk = Desk::over(Shelf::of(set(1, [reading(1)])));
    desk.intake.publish(vec![with_data("{}")]).await.unwrap();
    assert_eq!(desk.meter.0.load(Ordering::Relaxed), 1);
    let of =
        |webhook: Webhook| desk.intake.rule_failures(&webhook).iter().map(|failure| failure.rule).collect::<Vec<_>>();
    assert_eq!(of(reading(1)), [0]);
    let changed = Timestamp::from_millis(1_001);
    assert!(of(Webhook { update_time: changed, ..reading(1) }).is_empty(), "it failed before the change");
    assert!(of(webhook(1, vec![])).is_empty(), "it has no rule any more");
    assert!(of(reading(2)).is_empty());
}

#[tokio::test]
async fn one_context_serves_all_webhooks_of_an_event() {
    let desk = Desk::over(Shelf::of(set(1, (1..=9).map(reading))));
    let routed = desk.intake.route(vec![with_data(r#"{"role": "core"}"#)]).await;
    assert_eq!(routed[0].webhooks.len(), 9);
    assert_eq!(desk.contexts.of(&routed[0].event).parses(), 1, "nine rules have read the data");
}
