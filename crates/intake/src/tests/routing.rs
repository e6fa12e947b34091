//! Which webhooks an event goes to.

use super::*;
use tenterhook_model::JsonText;

#[tokio::test]
async fn webhooks_that_were_there_at_the_start_are_matched() {
    let set = set(0, [webhook(1, vec![])]);
    assert_eq!(Bench::default().routed(&set, &context("created", "")).await, [1]);
}

#[tokio::test]
async fn each_webhook_is_asked_once_whatever_index_it_is_under() {
    let set = set(
        1,
        [
            webhook(5, vec![]),
            webhook(4, vec![rule(&["created", "updated"], &[])]),
            webhook(3, vec![rule(&["created"], &[]), rule(&["created"], &["dcim.site"])]),
            webhook(2, vec![rule(&["job_*"], &["dcim.site"]), rule(&[], &["ipam.prefix"])]),
            webhook(1, vec![rule(&["c*"], &["dcim.*"])]),
        ],
    );
    let bench = Bench::default();
    assert_eq!(bench.routed(&set, &context("created", "dcim.site")).await, [1, 3, 4, 5]);
    assert_eq!(bench.routed(&set, &context("updated", "")).await, [4, 5]);
    assert_eq!(bench.routed(&set, &context("job_started", "dcim.site")).await, [2, 5]);
    assert_eq!(bench.routed(&set, &context("deleted", "ipam.prefix")).await, [2, 5]);
}

#[tokio::test]
async fn a_disabled_webhook_and_one_with_only_disabled_rules_get_nothing() {
    let mut off = webhook(1, vec![]);
    off.spec.disabled = true;
    let disabled_rule = EventRule { disabled: true, ..rule(&[], &[]) };
    let set = set(1, [off, webhook(2, vec![disabled_rule])]);
    assert!(Bench::default().routed(&set, &context("created", "")).await.is_empty());
}

#[tokio::test]
async fn events_stay_in_their_namespace() {
    let other = Webhook { namespace: "other".parse().unwrap(), ..webhook(1, vec![]) };
    assert!(Bench::default().routed(&set(1, [other]), &context("created", "")).await.is_empty());
}

#[tokio::test]
async fn the_snapshot_follows_the_set_and_never_goes_back() {
    let bench = Bench::default();
    let (old, new) = (set(1, [webhook(1, vec![])]), set(2, [webhook(2, vec![])]));
    assert_eq!(bench.routed(&old, &context("created", "")).await, [1]);
    assert_eq!(bench.routed(&new, &context("created", "")).await, [2]);
    assert_eq!(bench.routed(&old, &context("created", "")).await, [2], "newer than it had to be");
}

#[tokio::test]
async fn a_stored_webhook_whose_rules_do_not_compile_gets_every_event() {
    let broken = webhook(1, vec![EventRule { expression: "data.".into(), ..rule(&[], &[]) }]);
    assert_eq!(Bench::default().routed(&set(1, [broken]), &context("created", "")).await, [1]);
}

#[tokio::test]
async fn a_rule_that_fails_is_counted_for_each_event_and_matches_none() {
    let conditions = JsonText::parse(r#"{"attr": "role", "value": "core"}"#).unwrap();
    let failing = EventRule { conditions: Some(conditions), ..rule(&[], &[]) };
    let set = set(1, [webhook(1, vec![failing])]);
    let bench = Bench::default();
    let lacking = Event { data: Some(JsonText::parse("{}").unwrap()), ..event("created", "") };
    let lacking = Arc::new(EventContext::new(Arc::new(lacking)));
    for _ in 0..100 {
        assert!(bench.routed(&set, &lacking).await.is_empty());
    }
    assert_eq!(bench.meter.0.load(Ordering::Relaxed), 100);
    let quiet = bench.failures.note((WebhookId::from_bytes([1; 16]), 0), Timestamp::from_millis(61_000), "why");
    assert_eq!(quiet, Some(100), "one line was logged for the first; this one reports the other 99");
}

#[tokio::test]
async fn an_operational_event_goes_only_to_webhooks_that_name_it() {
    let broken = EventRule { expression: "data.".into(), ..rule(&["tenterhook.**"], &[]) };
    let set = set(
        1,
        [
            webhook(1, vec![]),
            webhook(2, vec![rule(&["**"], &[])]),
            webhook(3, vec![broken]),
            webhook(4, vec![rule(&["tenterhook.**"], &[])]),
            webhook(5, vec![rule(&["tenterhook.webhook.failing"], &[])]),
        ],
    );
    let bench = Bench::default();
    assert_eq!(bench.routed(&set, &context("tenterhook.webhook.failing", "")).await, [4, 5]);
    assert_eq!(bench.routed(&set, &context("created", "")).await, [1, 2, 3]);
}
