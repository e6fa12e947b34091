//! The names of the metrics, what they begin with, and what the operations page says of them.

use tenterhook_api::Meter as _;
use tenterhook_dispatch::Meter as _;
use tenterhook_intake::Meter as _;
use tenterhook_model::Timings;
use tenterhook_store::CommitObserver as _;

use super::snapshot::Named;
use super::*;

#[derive(Debug)]
struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0)
    }
}

pub(crate) fn metrics() -> (Telemetry, Metrics) {
    let telemetry = Telemetry::quiet().unwrap();
    let metrics = Metrics::new(&telemetry, Arc::new(At(60_000)));
    (telemetry, metrics)
}

pub(crate) fn attempt(outcome: Outcome) -> Attempt {
    Attempt {
        number: 1,
        start_time: Timestamp::from_millis(0),
        duration: Duration::from_secs(15),
        outcome,
        error: String::new(),
        request: None,
        response: None,
        timings: Timings { render: Some(Duration::from_micros(40)), ..Timings::default() },
        remote_address: None,
        tried_addresses: Vec::new(),
        proxy: String::new(),
        trace_id: String::new(),
    }
}

fn webhook(number: u8) -> Named {
    Named {
        id: WebhookId::from_bytes([number; 16]),
        namespace: "default".into(),
        name: format!("hook {number}"),
        state: 2,
        breaker_open: false,
        waiting: 7,
    }
}

fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

/// Makes something happen to every metric.
pub(in crate::telemetry) fn exercise(metrics: &Metrics) {
    metrics.sampled(Snapshot { named: vec![webhook(1)], ..Snapshot::default() });
    metrics.published(Duration::from_millis(2), 3);
    metrics.committed(3, Duration::from_millis(1));
    metrics.delivered(Duration::from_millis(3));
    metrics.excused(Excuse::Local);
    metrics.excused(Excuse::Proxy);
    metrics.breaker_changed(true);
    metrics.watchers(1);
    metrics.refused(Refused::NotGrpc);
    metrics.connections(3);
    metrics.attempts(1_024, watch::Sender::new(512).subscribe());
    metrics.connection_cut(Cut::Late);
    metrics.rule_failed();
    metrics.attempt_ended(webhook(1).id, &attempt(Outcome::Timeout));
    metrics.finished(webhook(1).id, DeliveryState::Failed);
    metrics.sampled(Snapshot {
        webhooks: [5, 1, 2, 0],
        breakers_open: 2,
        open: [0, 0, 4],
        waiting: [1, 2, 0, 0, 0, 3, 0, 0],
        oldest_due: Some(Timestamp::from_millis(50_000)),
        oldest_open: Some(Timestamp::from_millis(18_000)),
        size_bytes: 4_096,
        is_full: true,
        named: vec![webhook(1)],
    });
    metrics.retained(Timestamp::from_millis(48_000), Duration::from_secs(5));
    metrics.watched(Watched::Keys, Some("line 3".to_owned()), None);
    metrics.watched(Watched::ServerCertificate, None, Some(Timestamp::from_millis(99_000)));
}

#[test]
fn every_metric_of_the_contract_is_in_the_prometheus_text() {
    let (telemetry, metrics) = metrics();
    exercise(&metrics);
    let text = telemetry.prometheus_text();
    let counted = [
        "tenterhook_publish_duration_seconds_count 1",
        "tenterhook_events_published_total 3",
        "tenterhook_store_commit_duration_seconds_count 1",
        "tenterhook_delivery_latency_seconds_bucket{le=\"0.005\"} 1",
        "tenterhook_attempts_total{outcome=\"timeout\"} 1",
        "tenterhook_attempts_excused_total{cause=\"local\"} 1",
        "tenterhook_attempts_excused_total{cause=\"proxy\"} 1",
        "tenterhook_attempt_duration_seconds_count{phase=\"total\"} 1",
        "tenterhook_attempt_duration_seconds_count{phase=\"render\"} 1",
        "tenterhook_deliveries_finished_total{state=\"failed\"} 1",
        "tenterhook_breaker_changes_total{to=\"open\"} 1",
        "tenterhook_refusals_total{status=\"not_grpc\"} 1",
        "tenterhook_connections_cut_total{reason=\"late\"} 1",
        "tenterhook_rule_errors_total 1",
    ];
    let sampled = [
        "tenterhook_webhooks{state=\"suspended\"} 2",
        "tenterhook_breaker_open 2",
        "tenterhook_deliveries_open{state=\"retrying\"} 4",
        "tenterhook_deliveries_waiting{reason=\"circuit_breaker\"} 3",
        "tenterhook_deliveries_oldest_due_age_seconds 10",
        "tenterhook_oldest_pending_age_seconds 42",
        "tenterhook_retention_lag_seconds 7",
        "tenterhook_attempts_limit 1536",
        "tenterhook_watchers 1",
        "tenterhook_connections 3",
        "tenterhook_store_size_bytes 4096",
        "tenterhook_store_full 1",
        "tenterhook_keys_valid 0",
        "tenterhook_tls_certificate_valid{certificate=\"server\"} 1",
        "tenterhook_tls_certificate_expiry_seconds{certificate=\"server\"} 99",
        "process_start_time_seconds 60",
    ];
    let of_one_webhook = [
        "tenterhook_webhook_attempts_total{namespace=\"default\",result=\"failure\",webhook=\"hook 1\"} 1",
        "tenterhook_webhook_deliveries_finished_total{namespace=\"default\",state=\"failed\",webhook=\"hook 1\"} 1",
        "tenterhook_webhook_deliveries_waiting{namespace=\"default\",webhook=\"hook 1\"} 7",
        "tenterhook_webhook_state{namespace=\"default\",state=\"suspended\",webhook=\"hook 1\"} 1",
        "tenterhook_webhook_breaker_open{namespace=\"default\",webhook=\"hook 1\"} 0",
    ];
    [&counted[..], &sampled, &of_one_webhook].into_iter().for_each(|lines| assert_has(&text, lines));
    for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds"] {
        assert!(text.contains(&format!("\nprocess_{name} ")), "{name} in\n{text}");
    }
    assert!(!text.contains("phase=\"dns\""), "a phase that was not reached is not counted");
}

#[test]
fn the_operations_page_lists_every_metric() {
    let (telemetry, metrics) = metrics();
    exercise(&metrics);
    let page = include_str!("../../../../../docs/OPERATIONS.md");
    for line in telemetry.prometheus_text().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap_or_default();
        let is_ours = name.starts_with("tenterhook_") || name.starts_with("process_");
        assert!(!is_ours || page.contains(&format!("`{name}`")), "{name} is not in the operations page");
    }
}

#[test]
fn counters_begin_at_zero() {
    let (telemetry, _metrics) = metrics();
    let text = telemetry.prometheus_text();
    assert_has(
        &text,
        &[
            "tenterhook_panics_total{in=\"attempt\"} 0",
            "tenterhook_panics_total{in=\"/tenterhook.v1.EventService/PublishEvent\"} 0",
            "tenterhook_attempts_total{outcome=\"success\"} 0",
            "tenterhook_deliveries_finished_total{state=\"cancelled\"} 0",
            "tenterhook_connections_cut_total{reason=\"flood\"} 0",
            "tenterhook_refusals_total{status=\"unauthenticated\"} 0",
            "tenterhook_events_published_total 0",
            "tenterhook_webhooks{state=\"suspended\"} 0",
            "tenterhook_deliveries_waiting{reason=\"capacity\"} 0",
            "tenterhook_store_full 0",
        ],
    );
}

#[test]
fn every_gauge_and_counter_has_a_unit_or_is_a_flag() {
    let source = [include_str!("now.rs"), include_str!("counted.rs"), include_str!("webhooks.rs")].concat();
    for flag in source.split("\"tenterhook.").skip(1).filter(|rest| {
        let unit = rest.split('"').nth(2).unwrap_or_default();
        unit.is_empty()
    }) {
        let name = flag.split('"').next().unwrap_or_default();
        assert!(
            ["store.full", "keys.valid", "tls.certificate.valid", "webhook.state", "webhook.breaker.open"]
                .contains(&name),
            "{name} has no unit"
        );
    }
}

#[test]
fn the_series_of_a_webhook_end_with_it() {
    let (telemetry, metrics) = metrics();
    metrics.sampled(Snapshot { named: vec![webhook(1), webhook(2)], ..Snapshot::default() });
    metrics.attempt_ended(webhook(2).id, &attempt(Outcome::Success));
    metrics.attempt_ended(webhook(9).id, &attempt(Outcome::Success));
    assert!(telemetry.prometheus_text().contains("webhook=\"hook 1\""));
    metrics.sampled(Snapshot { named: vec![webhook(2)], ..Snapshot::default() });
    let text = telemetry.prometheus_text();
    assert!(!text.contains("hook 1") && !text.contains("hook 9"), "{text}");
    assert!(text.contains("result=\"success\",webhook=\"hook 2\"} 1"), "its counts go on: {text}");
}
