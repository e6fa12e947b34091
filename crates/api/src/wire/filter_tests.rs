use super::*;
use crate::refusal::Refusal;
use tenterhook_fixtures::{event, webhook};
use tenterhook_model::{Event, Lane, Timestamp, WebhookId};

fn faults(check: Check) -> Vec<String> {
    match check.finish() {
        Err(Refusal::Faults(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
        _ => Vec::new(),
    }
}

fn deliveries(filter: v1::DeliveryFilter) -> (DeliveryFilter, Vec<String>) {
    let mut check = Check::new();
    let read = check.within("filter", |check| DeliveryFilter::read(check, &filter));
    (read, faults(check))
}

fn events(filter: v1::EventFilter) -> Vec<String> {
    let mut check = Check::new();
    check.within("filter", |check| EventFilter::read(check, &filter));
    faults(check)
}

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_part_of_a_delivery_filter_at_fault_is_named() {
    let bad = v1::DeliveryFilter {
        webhook_ids: texts(&["nope"]),
        event_ids: texts(&["fine", "a b"]),
        event_types: texts(&["", "a b"]),
        states: vec![1, 0],
        last_outcomes: vec![99],
        start_time: at(i64::MAX),
        end_time: at(i64::MIN),
        ..Default::default()
    };
    let expected = [
        "filter.webhook_ids[0]",
        "filter.event_ids[1]",
        "filter.states[1]",
        "filter.last_outcomes[0]",
        "filter.start_time",
        "filter.end_time",
        "filter.event_types[0]",
        "filter.event_types[1]",
    ];
    assert_eq!(deliveries(bad).1, expected);
}

#[test]
fn every_part_of_an_event_filter_at_fault_is_named() {
    let bad = v1::EventFilter {
        event_ids: texts(&["a/b"]),
        event_types: texts(&["***"]),
        object_types: texts(&[""]),
        attributes: [(String::new(), String::new())].into(),
        start_time: at(5),
        end_time: at(5),
    };
    let expected = [
        "filter.event_ids[0]",
        "filter.event_types[0]",
        "filter.object_types[0]",
        "filter.attributes",
        "filter.end_time",
    ];
    assert_eq!(events(bad), expected);
}

#[test]
fn lists_are_limited_at_their_value() {
    let of = |count: usize| v1::DeliveryFilter {
        event_ids: vec!["e".into(); count],
        event_types: vec!["t".into(); count],
        states: vec![1; count],
        ..Default::default()
    };
    assert!(deliveries(of(limits::FILTER_ITEMS)).1.is_empty());
    let over = deliveries(of(limits::FILTER_ITEMS + 1)).1;
    assert_eq!(over, ["filter.event_ids", "filter.states", "filter.event_types"]);
}

#[test]
fn a_filter_that_ends_before_it_begins_is_refused() {
    let span = |start, end| {
        deliveries(v1::DeliveryFilter { start_time: at(start), end_time: at(end), ..Default::default() }).1
    };
    assert!(span(1, 2).is_empty());
    assert_eq!(span(2, 2), ["filter.end_time"]);
}

#[test]
fn an_empty_filter_is_told_from_one_that_names_something() {
    assert!(DeliveryFilter::is_empty(&v1::DeliveryFilter::default()));
    assert!(!DeliveryFilter::is_empty(&v1::DeliveryFilter { start_time: at(0), ..Default::default() }));
    assert!(EventFilter::is_empty(&v1::EventFilter::default()));
    assert!(!EventFilter::is_empty(&v1::EventFilter { event_types: texts(&["a"]), ..Default::default() }));
}

fn delivery() -> Delivery {
    let event = Event { event_type: "job_started".into(), publish_time: Timestamp::from_millis(1), ..event("e") };
    Delivery { next_attempt_time: None, ..tenterhook_fixtures::delivery(&webhook(1), &event, 1) }
}

#[test]
fn a_delivery_passes_when_every_part_matches() {
    let passes = |filter| deliveries(filter).0.passes(&delivery(), &WebhookSet::default());
    let webhook = |byte| v1::DeliveryFilter {
        webhook_ids: vec![WebhookId::from_bytes([byte; 16]).to_string()],
        ..Default::default()
    };
    assert!(passes(v1::DeliveryFilter::default()));
    assert!(passes(webhook(1)) && !passes(webhook(2)));
    let event = |id: &str| v1::DeliveryFilter { event_ids: texts(&["x", id]), ..Default::default() };
    assert!(passes(event("e")) && !passes(event("f")));
    let kind = |pattern: &str| v1::DeliveryFilter { event_types: texts(&["x", pattern]), ..Default::default() };
    assert!(passes(kind("job_*")) && !passes(kind("job")));
    let state = |state: v1::DeliveryState| v1::DeliveryFilter { states: vec![state.into()], ..Default::default() };
    assert!(passes(state(v1::DeliveryState::Pending)) && !passes(state(v1::DeliveryState::Failed)));
    let outcome = v1::DeliveryFilter { last_outcomes: vec![1], ..Default::default() };
    assert!(!passes(outcome), "it has no attempt yet");
    let both = v1::DeliveryFilter { states: vec![1], ..webhook(2) };
    assert!(!passes(both));
    let status = v1::DeliveryFilter { response_statuses: vec![500], ..Default::default() };
    assert!(!passes(status), "it has no response yet");
    let tried = |min_attempts| v1::DeliveryFilter { min_attempts, ..Default::default() };
    assert!(passes(tried(0)) && !passes(tried(1)));
}

#[test]
fn statuses_and_attempts_that_cannot_be_are_refused() {
    let filter =
        v1::DeliveryFilter { response_statuses: vec![500, 99, 600, -1], min_attempts: -1, ..Default::default() };
    let expected = ["[1]", "[2]", "[3]"].map(|place| format!("filter.response_statuses{place}"));
    assert_eq!(deliveries(filter).1, [&expected[..], &["filter.min_attempts".to_owned()]].concat());
}

#[test]
fn labels_choose_webhooks_as_they_are_now() {
    let labelled = |byte: u8, team: &str| {
        let spec = tenterhook_model::WebhookSpec {
            labels: [("team".to_owned(), team.to_owned())].into(),
            ..Default::default()
        };
        std::sync::Arc::new(Webhook {
            id: WebhookId::from_bytes([byte; 16]),
            lane: Lane(byte.into()),
            namespace: Namespace::default(),
            spec,
            halt: None,
            signing_keys: Vec::new(),
            revision: 1,
            create_time: Timestamp::default(),
            update_time: Timestamp::default(),
        })
    };
    let webhooks = [labelled(1, "a"), labelled(2, "b"), labelled(3, "a")];
    let set = WebhookSet { by_id: webhooks.map(|one| (one.id, one)).into(), ..WebhookSet::default() };
    let filter = |team: &str, ids: &[u8]| {
        let filter = v1::DeliveryFilter {
            webhook_labels: [("team".to_owned(), team.to_owned())].into(),
            webhook_ids: ids.iter().map(|id| WebhookId::from_bytes([*id; 16]).to_string()).collect(),
            ..Default::default()
        };
        deliveries(filter).0
    };
    let ids = |filter: DeliveryFilter, namespace: &Namespace| {
        filter.in_namespace(namespace, &set).map(|query| query.webhook_ids.iter().map(|id| id.as_bytes()[0]).collect())
    };
    let here = Namespace::default();
    assert_eq!(ids(filter("a", &[]), &here), Some(vec![1, 3]));
    assert_eq!(ids(filter("a", &[2, 3]), &here), Some(vec![3]));
    assert_eq!(ids(filter("c", &[]), &here), None, "none, and not all");
    assert_eq!(ids(filter("a", &[2]), &here), None);
    assert_eq!(ids(filter("a", &[]), &"other".parse().unwrap()), None);
    assert!(filter("a", &[]).passes(&delivery(), &set) && !filter("b", &[]).passes(&delivery(), &set));
    assert!(!filter("a", &[]).passes(&delivery(), &WebhookSet::default()), "a webhook that is gone has no labels");
}

#[test]
fn views_and_page_sizes_are_read_or_refused() {
    let view = |view, unset| {
        let mut check = Check::new();
        (read_view(&mut check, view, unset), faults(check))
    };
    assert_eq!(view(0, View::Full), (View::Full, vec![]));
    assert_eq!(view(1, View::Full), (View::Basic, vec![]));
    assert_eq!(view(2, View::Basic), (View::Full, vec![]));
    assert_eq!(view(3, View::Basic).1, ["view"]);
    let size = |size| {
        let mut check = Check::new();
        (read_page_size(&mut check, size), faults(check))
    };
    assert_eq!([size(0).0, size(1).0, size(1_000).0, size(1_001).0, size(i32::MAX).0], [50, 1, 1_000, 1_000, 1_000]);
    assert_eq!(size(-1).1, ["page_size"]);
}
