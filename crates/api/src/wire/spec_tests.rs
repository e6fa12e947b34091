use super::*;
use crate::refusal::Refusal;
use crate::wire::webhook::write_spec;
use tenterhook_model::Secret;

fn faults(check: Check) -> Vec<String> {
    match check.finish() {
        Err(Refusal::Faults(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
        _ => Vec::new(),
    }
}

fn read(webhook: v1::Webhook, setting: Setting<'_>) -> (WebhookSpec, Vec<String>) {
    let mut check = Check::new();
    let spec = check.within("webhook", |check| read_spec(check, webhook, setting));
    (spec, faults(check))
}

fn small() -> v1::Webhook {
    let request = v1::RequestTemplate { url: "https://example.com/".into(), ..Default::default() };
    v1::Webhook { display_name: "w".into(), request: Some(request), ..Default::default() }
}

fn schemes(schemes: Vec<i32>) -> v1::Webhook {
    v1::Webhook { signing: Some(v1::SigningPolicy { schemes, ..Default::default() }), ..small() }
}

#[test]
fn a_name_is_needed_and_limited() {
    let of = |display_name: String| read(v1::Webhook { display_name, ..small() }, Setting::default()).1;
    assert!(of("é".repeat(150)).is_empty());
    for bad in [String::new(), "  ".to_owned(), "é".repeat(151)] {
        assert_eq!(of(bad), ["webhook.display_name"]);
    }
}

#[test]
fn description_and_rules_are_limited_at_their_values() {
    let description = |chars| read(v1::Webhook { description: "é".repeat(chars), ..small() }, Setting::default()).1;
    assert!(description(2_000).is_empty());
    assert_eq!(description(2_001), ["webhook.description"]);
    let rules =
        |count| read(v1::Webhook { rules: vec![v1::EventRule::default(); count], ..small() }, Setting::default()).1;
    assert!(rules(limits::RULES).is_empty());
    assert_eq!(rules(limits::RULES + 1), ["webhook.rules"]);
}

#[test]
fn every_scheme_comes_back_and_others_are_refused() {
    let (spec, none) = read(schemes(vec![1, 2, 3]), Setting::default());
    assert!(none.is_empty());
    assert_eq!(write_spec(&spec).signing.unwrap().schemes, [1, 2, 3]);
    let refused = read(schemes(vec![1, 0, 99, 1]), Setting::default()).1;
    assert_eq!(refused, ["webhook.signing.schemes[1]", "webhook.signing.schemes[2]", "webhook.signing.schemes[3]"]);
}

#[test]
fn signing_that_is_set_and_empty_is_not_signing_that_is_unset() {
    assert_eq!(read(schemes(vec![]), Setting::default()).0.signing, Some(vec![]));
    assert_eq!(read(small(), Setting::default()).0.signing, None);
}

#[test]
fn faults_of_every_part_are_told_at_once() {
    let webhook = v1::Webhook {
        display_name: String::new(),
        request: Some(v1::RequestTemplate { method: 99, ..Default::default() }),
        retry: Some(v1::RetryPolicy { max_attempts: 101, ..Default::default() }),
        circuit_breaker: Some(v1::CircuitBreaker { failures_to_open: -1, ..Default::default() }),
        rate_limit: Some(v1::RateLimit { burst: -1, ..Default::default() }),
        transport: Some(v1::TransportPolicy { insecure_skip_verify: true, ..Default::default() }),
        labels: (0..65).map(|i| (format!("k{i}"), String::new())).collect(),
        ..Default::default()
    };
    let expected = [
        "webhook.display_name",
        "webhook.request.method",
        "webhook.retry.max_attempts",
        "webhook.circuit_breaker.failures_to_open",
        "webhook.rate_limit.burst",
        "webhook.transport.insecure_skip_verify",
        "webhook.labels",
    ];
    assert_eq!(read(webhook, Setting::default()).1, expected);
}

fn with_certificate(certificate: &str, key: &str) -> v1::Webhook {
    let transport = v1::TransportPolicy {
        client_certificate_pem: certificate.into(),
        client_private_key_pem: key.into(),
        ..Default::default()
    };
    v1::Webhook { transport: Some(transport), ..small() }
}

#[test]
fn a_private_key_is_kept_with_its_certificate_and_goes_with_it() {
    let stored = read(with_certificate("cert", "CANARY"), Setting::default()).0;
    let setting = Setting { stored: Some(&stored), may_skip_verify: false };
    let key = |webhook| read(webhook, setting).0.transport.client_private_key_pem;
    assert_eq!(key(with_certificate("cert", "")), Secret::new("CANARY"));
    assert_eq!(key(with_certificate("other", "new")), Secret::new("new"));
    assert_eq!(key(with_certificate("", "")), Secret::default(), "without a certificate there is nothing to keep");
}

#[test]
fn what_is_written_reads_back_as_the_same_configuration() {
    let webhook = v1::Webhook {
        description: "d".into(),
        disabled: true,
        rules: vec![v1::EventRule { event_types: vec!["created".into()], ..Default::default() }],
        retry: Some(v1::RetryPolicy { max_attempts: 3, ..Default::default() }),
        labels: [("a".to_owned(), "b".to_owned())].into(),
        ..schemes(vec![3])
    };
    let spec = read(webhook, Setting::default()).0;
    assert_eq!(read(write_spec(&spec), Setting::default()), (spec, vec![]));
}
