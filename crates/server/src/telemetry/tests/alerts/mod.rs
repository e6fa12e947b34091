//! The alert rules and the dashboard of `deploy/`, against the metrics as the server writes them.

mod promql;
mod scrape;

use std::collections::BTreeSet;
use std::time::Duration;

use tenterhook_api::Meter as _;
use tenterhook_model::{DeliveryState, Timestamp, WebhookId};
use tenterhook_store::CommitObserver as _;

use crate::telemetry::metrics::tests::{exercise, metrics};
use crate::telemetry::metrics::{Metrics, Snapshot, Watched};
use scrape::History;

const RULES: &str = include_str!("../../../../../../deploy/prometheus/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../../../../deploy/grafana/tenterhook.json");
const DAY: i64 = 86_400;
/// When the server is scraped, in seconds since 1970, and how often.
const FIRST_SCRAPE: i64 = 100_000;
const SCRAPES: i64 = 4;
const INTERVAL: i64 = 60;

/// The alerts, each with its expression, as they are in the file: one line each.
fn rules() -> Vec<(&'static str, &'static str)> {
    let lines = RULES.lines().map(str::trim);
    let names = lines.clone().filter_map(|line| line.strip_prefix("- alert: "));
    let expressions = lines.filter_map(|line| line.strip_prefix("expr: "));
    let rules: Vec<_> = names.zip(expressions).collect();
    assert_eq!(rules.len(), RULES.matches("alert: ").count(), "each alert has an expression on one line");
    rules
}

/// A server on which all is well.
fn be_well(metrics: &Metrics) {
    metrics.sampled(Snapshot { webhooks: [3, 1, 0, 0], ..Snapshot::default() });
    metrics.watched(Watched::Keys, None, None);
    metrics.watched(Watched::ServerCertificate, None, Some(Timestamp::from_millis((FIRST_SCRAPE + 90 * DAY) * 1_000)));
    metrics.committed(1, Duration::from_millis(2));
    metrics.finished(WebhookId::from_bytes([1; 16]), DeliveryState::Succeeded);
}

/// What goes wrong at every scrape but the first; `None` is a server that is down.
type Trouble = Option<fn(&Metrics)>;

/// What goes wrong for each alert.
fn troubles() -> Vec<(&'static str, Trouble)> {
    vec![
        ("TenterhookTargetDown", None),
        ("TenterhookWebhookSuspended", Some(|m| m.sampled(Snapshot { webhooks: [3, 0, 1, 0], ..Snapshot::default() }))),
        ("TenterhookGivingUp", Some(|m| m.finished(WebhookId::from_bytes([1; 16]), DeliveryState::Failed))),
        (
            "TenterhookDueTooOld",
            Some(|m| m.sampled(Snapshot { oldest_due: Some(Timestamp::from_millis(-700_000)), ..Snapshot::default() })),
        ),
        ("TenterhookBreakerOpen", Some(|m| m.sampled(Snapshot { breakers_open: 1, ..Snapshot::default() }))),
        ("TenterhookCommitSlow", Some(|m| m.committed(1, Duration::from_millis(400)))),
        ("TenterhookDiskFull", Some(|m| m.sampled(Snapshot { is_full: true, ..Snapshot::default() }))),
        ("TenterhookKeysInvalid", Some(|m| m.watched(Watched::Keys, Some("line 3".to_owned()), None))),
        (
            "TenterhookCertificateExpires",
            Some(|m| {
                let soon = Timestamp::from_millis((FIRST_SCRAPE + 13 * DAY) * 1_000);
                m.watched(Watched::ServerCertificate, None, Some(soon));
            }),
        ),
        ("TenterhookCertificateInvalid", Some(|m| m.watched(Watched::ClientCa, Some("damaged".to_owned()), None))),
        ("TenterhookPanics", Some(|m| m.panicked("/tenterhook.v1.EventService/PublishEvent"))),
    ]
}

/// Scrapes of a server on which all is well but for the trouble.
fn scrapes(trouble: Option<Trouble>) -> History {
    let (telemetry, metrics) = metrics();
    let mut history = History::default();
    for scrape in 0..SCRAPES {
        be_well(&metrics);
        if let (Some(Some(trouble)), true) = (trouble, scrape > 0) {
            trouble(&metrics);
        }
        let is_down = scrape > 0 && matches!(trouble, Some(None));
        history.add(FIRST_SCRAPE + scrape * INTERVAL, (!is_down).then(|| telemetry.prometheus_text()).as_deref());
    }
    history
}

fn firing(history: &History) -> Vec<&'static str> {
    rules().into_iter().filter(|(_, rule)| promql::fires(rule, history)).map(|(name, _)| name).collect()
}

#[test]
fn no_alert_fires_while_all_is_well() {
    assert_eq!(firing(&scrapes(None)), [""; 0]);
}

#[test]
fn each_alert_fires_at_its_trouble_and_no_other_does() {
    for (name, trouble) in troubles() {
        assert_eq!(firing(&scrapes(Some(trouble))), [name]);
    }
}

#[test]
fn every_alert_has_its_trouble() {
    let tested: Vec<_> = troubles().into_iter().map(|(name, _)| name).collect();
    let rules: Vec<_> = rules().into_iter().map(|(name, _)| name).collect();
    assert_eq!(tested, rules);
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("tenterhook_") || word.starts_with("process_")).collect()
}

#[test]
fn rules_and_dashboard_name_metrics_that_exist() {
    let (telemetry, metrics) = metrics();
    exercise(&metrics);
    let text = telemetry.prometheus_text();
    let known = names(&text);
    for name in names(RULES).union(&names(DASHBOARD)) {
        assert!(known.contains(name), "{name} is no metric");
    }
}

#[test]
fn the_dashboard_is_json_whose_panels_have_expressions_and_units() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
    assert!(panels.len() >= 12, "{}", panels.len());
    for panel in panels {
        let title = &panel["title"];
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        let targets = panel["targets"].as_array().expect("a panel has targets");
        assert!(targets.iter().all(|target| target["expr"].as_str().is_some_and(|text| !text.is_empty())), "{title}");
    }
}
