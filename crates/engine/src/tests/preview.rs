//! Trying a webhook out.

use std::collections::BTreeMap;

use tenterhook_model::webhook::{
    CustomSignature, EventRule, HeaderTemplate, HeaderValue, HmacAlgorithm, KeyEncoding, SignatureEncoding,
    SignatureScheme,
};
use tenterhook_model::{
    Authentication, BasicCredentials, ClientCredentials, ClientProof, Header, Secret, SentRequest, Webhook, WebhookSpec,
};

use super::{context, facts, header, signing_key, standard_secret, webhook};
use crate::{Draft, RenderFault, preview};

/// The value of a header of a draft.
fn shown<'a>(draft: &'a Draft, name: &str) -> Option<&'a str> {
    let named = |header: &&Header| header.name.eq_ignore_ascii_case(name);
    draft.headers.iter().find(named).map(|header| &*header.value)
}

fn fields(errors: &[RenderFault]) -> Vec<&str> {
    errors.iter().map(|fault| fault.field.as_str()).collect()
}

#[test]
fn a_preview_shows_no_secret_and_no_real_signature() {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key(&standard_secret(7))];
    let value = HeaderValue::Sensitive(Secret::new("Token hunter2"));
    webhook.spec.request.headers = vec![HeaderTemplate { name: "Authorization".to_owned(), value }];
    let event = context("{}", None);
    let draft = preview(&webhook, &event, &facts()).unwrap().request.unwrap();
    assert_eq!(shown(&draft, "authorization"), Some("***"));
    let real = crate::compile(&webhook).unwrap().prepare(&event, &facts()).unwrap();
    for name in ["x-hook-signature", "webhook-signature"] {
        let signature = shown(&draft, name).unwrap();
        assert!(signature.ends_with(" (sample key)"), "{signature}");
        assert_ne!(signature.trim_end_matches(" (sample key)"), header(&real, name).unwrap());
    }
    assert_eq!(shown(&draft, "webhook-id"), Some("evt-1"));
}

#[test]
fn authentication_is_shown_by_its_scheme_and_sent_as_it_is() {
    let basic = BasicCredentials { username: "user".into(), password: Secret::new("hunter2") };
    let oauth2 = ClientCredentials {
        token_url: "https://auth.example.com/token".into(),
        client_id: "c".into(),
        proof: ClientProof::Post(Secret::new("hunter2")),
        scopes: Vec::new(),
        audience: String::new(),
        parameters: BTreeMap::new(),
    };
    let event = context("{}", None);
    for (authentication, scheme) in
        [(Authentication::Basic(basic), "Basic"), (Authentication::OAuth2(oauth2), "Bearer")]
    {
        let webhook = webhook();
        let spec = WebhookSpec { authentication: Some(authentication), ..webhook.spec.clone() };
        let webhook = Webhook { spec, ..webhook };
        let draft = preview(&webhook, &event, &facts()).unwrap().request.unwrap();
        assert_eq!(shown(&draft, "authorization"), Some(format!("{scheme} ***").as_str()));
        let request = crate::compile(&webhook).unwrap().prepare(&event, &facts()).unwrap();
        let sent = request.headers.iter().find(|header| header.name == "Authorization").map(|header| &*header.value);
        let is_basic = scheme == "Basic";
        assert_eq!(sent, is_basic.then_some("Basic dXNlcjpodW50ZXIy"), "a token is the sender's to fetch");
        assert_eq!(request.credentials.is_none(), is_basic);
        let kept = SentRequest::from(&request);
        let kept = kept.headers.iter().find(|header| header.name == "Authorization").unwrap();
        assert_eq!(kept.shown_value(), format!("{scheme} ***"));
    }
}

#[test]
fn custom_and_asymmetric_signatures_are_shown_with_sample_keys() {
    let mut webhook = webhook();
    let custom = |header: &str, value: &str, key_encoding| CustomSignature {
        header: header.into(),
        algorithm: HmacAlgorithm::Sha256,
        encoding: SignatureEncoding::Hex,
        key_encoding,
        content: "{{timestamp}}.{{path}}.{{body}}".into(),
        value: value.into(),
    };
    webhook.spec.signing = Some(vec![SignatureScheme::StandardWebhooksAsymmetric]);
    for key_encoding in [KeyEncoding::Hex, KeyEncoding::Base64, KeyEncoding::Text] {
        webhook.spec.custom_signatures =
            vec![custom("X-Time", "{{timestamp}}", key_encoding), custom("X-Sign", "v1={{signature}}", key_encoding)];
        let draft = preview(&webhook, &context("{}", None), &facts()).unwrap().request.unwrap();
        assert_eq!(shown(&draft, "x-time"), Some("1772809900"));
        for (name, start) in [("x-sign", "v1="), ("webhook-signature", "v1a,")] {
            let signature = shown(&draft, name).unwrap();
            assert!(signature.starts_with(start) && signature.ends_with(" (sample key)"), "{signature}");
        }
    }
}

#[test]
fn a_draft_that_will_be_signed_is_shown_signed() {
    let mut webhook = webhook();
    webhook.spec.signing = Some(vec![SignatureScheme::GitHub]);
    let draft = preview(&webhook, &context("{}", None), &facts()).unwrap().request.unwrap();
    assert!(shown(&draft, "x-hub-signature-256").unwrap().starts_with("sha256="));
    webhook.spec.signing = None;
    webhook.spec.request.additional_headers = "X-Hook-Signature: mine".to_owned();
    let draft = preview(&webhook, &context("{}", None), &facts()).unwrap().request.unwrap();
    assert_eq!(shown(&draft, "x-hook-signature"), Some("mine"));
}

#[test]
fn every_template_that_fails_is_told_with_its_place() {
    let mut webhook = webhook();
    webhook.spec.request.body = "ok\n{{ data.a.b }}".to_owned();
    webhook.spec.request.additional_headers = "X-A: {{ data.a.b }}".to_owned();
    let tried = preview(&webhook, &context("{}", None), &facts()).unwrap();
    assert_eq!(tried.request.unwrap().url, "https://hooks.example.com/in", "what rendered stays");
    let places: Vec<_> = tried.errors.iter().map(|fault| (fault.field.as_str(), fault.line)).collect();
    assert_eq!(places, [("request.additional_headers", 1), ("request.body", 2)]);
    assert!(tried.errors[1].excerpt.starts_with("{{ data.a.b }}\n"), "{}", tried.errors[1].excerpt);
    webhook.spec.request.additional_headers = "{{ data.n }}: 1".to_owned();
    webhook.spec.request.body.clear();
    let tried = preview(&webhook, &context(r#"{"n": "Host"}"#, None), &facts()).unwrap();
    assert_eq!(tried.errors.len(), 1, "what was put together is wrong");
}

#[test]
fn a_url_with_a_secret_is_quoted_in_no_error() {
    let mut webhook = webhook();
    let event = context("{}", None);
    for source in ["{{ data.a.b }}", "{{ data. }}", "{{ 'hunter2' + 1 }}"] {
        webhook.spec.request.url = format!("https://hooks.example.com/?token=hunter2&x={source}");
        let errors = preview(&webhook, &event, &facts()).unwrap().errors;
        assert_eq!((fields(&errors), errors[0].line), (vec!["request.url"], 1));
        assert!(errors[0].column > 40 && !errors[0].explained().contains("hunter2"), "{}", errors[0].explained());
        let faults = crate::compile(&webhook).err().unwrap_or_default();
        assert!(!format!("{faults:?}").contains("hunter2"), "{faults:?}");
    }
    webhook.spec.request.url = "https://hooks.example.com/?site={{ data.a.b }}".to_owned();
    assert!(preview(&webhook, &event, &facts()).unwrap().errors[0].excerpt.contains("?site={{ data.a.b }}"));
}

#[test]
fn what_rendered_stays_when_another_part_fails() {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key(&standard_secret(7))];
    let request = &mut webhook.spec.request;
    request.url = "https://example.com/{{ data.id }}".to_owned();
    request.body = "{{ data.id }}".to_owned();
    let header =
        |name: &str, text: &str| HeaderTemplate { name: name.to_owned(), value: HeaderValue::Plain(text.to_owned()) };
    request.headers = vec![header("X-Bad", "{{ 1 // data.zero }}"), header("X-Good", "{{ data.id }}")];
    request.additional_headers = "X-Fine: 1\n{{ data.name }}: 2".to_owned();
    let event = context(r#"{"id": 7, "zero": 0, "name": "Host"}"#, None);
    let tried = preview(&webhook, &event, &facts()).unwrap();
    assert_eq!(fields(&tried.errors), ["request.headers[0].value", "request.additional_headers"]);
    let draft = tried.request.unwrap();
    assert_eq!((&*draft.url, &draft.body[..]), ("https://example.com/7", &b"7"[..]));
    let told = ["X-Bad", "X-Good", "X-Fine", "Host"].map(|name| shown(&draft, name));
    assert_eq!(told, [None, Some("7"), Some("1"), None]);
    assert!(shown(&draft, "webhook-signature").is_some(), "the body is signed");
}

#[test]
fn without_a_url_or_body_the_other_parts_are_shown() {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key(&standard_secret(7))];
    webhook.spec.request.url = "https://example.com/{{ 1 // 0 }}".to_owned();
    let draft = preview(&webhook, &context("{}", None), &facts()).unwrap().request.unwrap();
    assert!(draft.url.is_empty() && !draft.body.is_empty());
    webhook.spec.request.url = "https://example.com/hook".to_owned();
    webhook.spec.request.body = "{{ 1 // 0 }}".to_owned();
    let draft = preview(&webhook, &context("{}", None), &facts()).unwrap().request.unwrap();
    assert_eq!((&*draft.url, draft.body.len()), ("https://example.com/hook", 0));
    assert_eq!(shown(&draft, "webhook-signature"), None, "what is not there is not signed");
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
fn templates_that_do_not_compile_are_told_with_line_and_caret() {
    let mut webhook = webhook();
    webhook.spec.request.body = "a\n{{ data. }}".to_owned();
    let header = |value| HeaderTemplate { name: "X-A".to_owned(), value };
    webhook.spec.request.headers = vec![header(HeaderValue::Plain("{{ event|nosuch }}".to_owned()))];
    webhook.spec.rules = vec![EventRule { event_types: vec!["deleted".to_owned()], ..EventRule::default() }];
    let tried = preview(&webhook, &context("{}", None), &facts()).unwrap();
    let told: Vec<_> = tried.errors.iter().map(|fault| (fault.field.as_str(), fault.excerpt.as_str())).collect();
    assert_eq!(told[0].0, "request.headers[0].value");
    assert!(told[0].1.starts_with("{{ event|nosuch }}\n   "), "{told:?}");
    assert_eq!(told[1], ("request.body", "{{ data. }}\n         ^"));
    assert!(tried.matching.rules[0].reason.contains("fits no pattern"), "the rules are tried all the same");
    webhook.spec.request.headers = vec![header(HeaderValue::Sensitive(Secret::new("{{ hunter2|nosuch }}")))];
    webhook.spec.rules[0].expression = "1 +".to_owned();
    let tried = format!("{:?}", preview(&webhook, &context("{}", None), &facts()).unwrap());
    assert!(!tried.contains("hunter2") && tried.contains("1 +\\n"), "{tried}");
}

#[test]
fn a_webhook_that_does_not_compile_for_another_reason_has_faults_and_no_preview() {
    let mut webhook = webhook();
    webhook.spec.request.body = "{{".to_owned();
    webhook.spec.request.url = "ftp://x/".to_owned();
    let faults = preview(&webhook, &context("{}", None), &facts()).unwrap_err();
    assert_eq!(faults.len(), 2);
}
