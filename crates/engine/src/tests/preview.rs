//! Trying a webhook out.

use tenterhook_model::Secret;
use tenterhook_model::webhook::{EventRule, HeaderTemplate, HeaderValue, SignatureScheme};

use super::{context, facts, header, signing_key, standard_secret, webhook};
use crate::preview;

#[test]
fn a_preview_shows_no_secret_and_no_real_signature() {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key(&standard_secret(7))];
    let value = HeaderValue::Sensitive(Secret::new("Token hunter2"));
    webhook.spec.request.headers = vec![HeaderTemplate { name: "Authorization".to_owned(), value }];
    let event = context("{}", None);
    let shown = preview(&webhook, &event, &facts()).unwrap().request.unwrap();
    assert_eq!(header(&shown, "authorization"), Some("***"));
    let real = crate::compile(&webhook).unwrap().prepare(&event, &facts()).unwrap();
    for name in ["x-hook-signature", "webhook-signature"] {
        let signature = header(&shown, name).unwrap();
        assert!(signature.ends_with(" (sample key)"), "{signature}");
        assert_ne!(signature.trim_end_matches(" (sample key)"), header(&real, name).unwrap());
    }
    assert_eq!(header(&shown, "webhook-id"), Some("evt-1"));
}

#[test]
fn a_draft_that_will_be_signed_is_shown_signed() {
    let mut webhook = webhook();
    webhook.spec.signing = Some(vec![SignatureScheme::GitHub]);
    let shown = preview(&webhook, &context("{}", None), &facts()).unwrap().request.unwrap();
    assert!(header(&shown, "x-hub-signature-256").unwrap().starts_with("sha256="));
    webhook.spec.signing = None;
    webhook.spec.request.additional_headers = "X-Hook-Signature: mine".to_owned();
    let shown = preview(&webhook, &context("{}", None), &facts()).unwrap().request.unwrap();
    assert_eq!(header(&shown, "x-hook-signature"), Some("mine"));
}

#[test]
fn every_template_that_fails_is_told_with_its_place() {
    let mut webhook = webhook();
    webhook.spec.request.body = "ok\n{{ data.a.b }}".to_owned();
    webhook.spec.request.additional_headers = "X-A: {{ data.a.b }}".to_owned();
    let tried = preview(&webhook, &context("{}", None), &facts()).unwrap();
    assert!(tried.request.is_none());
    let places: Vec<_> = tried.errors.iter().map(|fault| (fault.field.as_str(), fault.line)).collect();
    assert_eq!(places, [("request.additional_headers", 1), ("request.body", 2)]);
    assert!(tried.errors[1].excerpt.starts_with("{{ data.a.b }}\n"), "{}", tried.errors[1].excerpt);
    webhook.spec.request.additional_headers = "{{ data.n }}: 1".to_owned();
    webhook.spec.request.body.clear();
    let tried = preview(&webhook, &context(r#"{"n": "Host"}"#, None), &facts()).unwrap();
    assert_eq!(tried.errors.len(), 1, "what was put together is wrong");
}

#[test]
fn a_preview_tells_how_each_rule_does_and_that_a_disabled_webhook_gets_nothing() {
    let mut webhook = webhook();
    let types = |text: &str| EventRule { event_types: vec![text.to_owned()], ..EventRule::default() };
    webhook.spec.rules = vec![types("deleted"), types("created")];
    let tried = preview(&webhook, &context("{}", None), &facts()).unwrap();
    assert!(tried.matching.matched);
    assert!(tried.matching.rules[0].reason.contains("fits no pattern"));
    webhook.spec.disabled = true;
    let tried = preview(&webhook, &context("{}", None), &facts()).unwrap();
    assert!(!tried.matching.matched && tried.matching.rules[1].matched && tried.request.is_some());
}

#[test]
fn a_webhook_that_does_not_compile_has_faults_and_no_preview() {
    let mut webhook = webhook();
    webhook.spec.request.body = "{{".to_owned();
    let faults = preview(&webhook, &context("{}", None), &facts()).unwrap_err();
    assert_eq!(faults[0].field, "request.body");
}
