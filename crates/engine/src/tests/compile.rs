//! What is refused when a webhook is saved, with the path of each field.

use tenterhook_model::webhook::{
    CustomSignature, EventRule, HeaderTemplate, HeaderValue, HmacAlgorithm, KeyEncoding, SignatureEncoding,
    SignatureScheme, Webhook,
};
use tenterhook_model::{Authentication, BasicCredentials, Fault, FaultKind, JsonText, Secret, limits};

use super::{signing_key, standard_secret, webhook};
use crate::compile;

fn faults(webhook: &Webhook) -> Vec<Fault> {
    compile(webhook).map(|_| ()).unwrap_err()
}

fn fields(webhook: &Webhook) -> Vec<String> {
    faults(webhook).into_iter().map(|fault| fault.field).collect()
}

fn header(name: &str, value: &str) -> HeaderTemplate {
    HeaderTemplate { name: name.to_owned(), value: HeaderValue::Plain(value.to_owned()) }
}

#[test]
fn every_fault_of_a_webhook_is_told_at_once_with_its_path() {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key("plain text")];
    webhook.spec.signing = Some(vec![SignatureScheme::StandardWebhooks]);
    webhook.spec.rules = vec![
        EventRule { conditions: Some(JsonText::parse(r#"{"not": []}"#).unwrap()), ..EventRule::default() },
        EventRule { event_types: vec!["a b".to_owned()], ..EventRule::default() },
        EventRule { expression: "data.id >".to_owned(), ..EventRule::default() },
    ];
    let request = &mut webhook.spec.request;
    request.url = "ftp://x/".to_owned();
    request.allowed_hosts = vec!["https://x".to_owned()];
    request.content_type = "text/\u{e9}".to_owned();
    request.additional_headers = "Host: x".to_owned();
    request.headers = vec![header("X-A", "1"), header("x-a", "{{"), header("X B", "Zürich")];
    request.body = "{{ 1 is nosuch }}".to_owned();
    let expected = [
        "signing_secret",
        "rules[0].conditions",
        "rules[1].event_types[0]",
        "rules[2].expression",
        "request.allowed_hosts[0]",
        "request.url",
        "request.content_type",
        "request.additional_headers",
        "request.headers[1].name",
        "request.headers[1].value",
        "request.headers[2].name",
        "request.headers[2].value",
        "request.body",
    ];
    assert_eq!(fields(&webhook), expected);
}

#[test]
fn faults_of_templates_have_a_line_and_are_told_from_faults_of_text() {
    let mut webhook = webhook();
    webhook.spec.request.body = "a\n{{ data. }}".to_owned();
    webhook.spec.request.headers = vec![header("X-A", "a\r\nb")];
    let faults = faults(&webhook);
    assert_eq!(faults[0].kind, FaultKind::InvalidField, "a line break is no fault of syntax");
    assert!(matches!(faults[1].kind, FaultKind::TemplateSyntax { line: 2, .. }), "{faults:?}");
}

#[test]
fn a_local_name_is_forbidden_and_a_broken_template_hides_the_host() {
    let mut webhook = webhook();
    webhook.spec.request.url = "http://localhost/".to_owned();
    assert_eq!(faults(&webhook)[0].kind, FaultKind::UrlForbidden { host: "localhost".to_owned() });
    webhook.spec.request.url = "https://{{ data".to_owned();
    let faults = faults(&webhook);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(matches!(faults[0].kind, FaultKind::TemplateSyntax { .. }));
}

#[test]
fn faults_of_a_secret_value_show_nothing_of_it() {
    let mut webhook = webhook();
    let secret = Secret::new("{{ hunter2 | hunter3 }} {{ hunter4");
    let value = HeaderValue::Sensitive(secret);
    webhook.spec.request.headers = vec![HeaderTemplate { name: "X-A".to_owned(), value }];
    let told = format!("{:?}", faults(&webhook));
    assert!(!told.contains("hunter"), "{told}");
}

#[test]
fn what_is_longer_than_its_limit_is_refused_with_the_limit() {
    let mut webhook = webhook();
    let request = &mut webhook.spec.request;
    request.body = "a".repeat(limits::TEMPLATE_BYTES + 1);
    request.additional_headers = "a".repeat(limits::TEMPLATE_BYTES + 1);
    request.url = format!("https://hooks.example.com/{}", "a".repeat(limits::URL_BYTES));
    request.headers = (0..=limits::HEADERS).map(|index| header(&format!("X-{index}"), "v")).collect();
    request.content_type = "a".repeat(limits::HEADER_BYTES);
    webhook.spec.rules = vec![EventRule::default(); limits::RULES + 1];
    let faults = faults(&webhook);
    assert_eq!(faults.len(), 6, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.message.contains("at most")), "{faults:?}");
}

#[test]
fn a_secret_fits_all_its_schemes_and_schemes_stand_once() {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key(&"s".repeat(256))];
    assert_eq!(fields(&webhook), ["signing_secret"]);
    webhook.signing_keys = vec![signing_key(&standard_secret(1))];
    webhook.spec.signing = Some(vec![SignatureScheme::NetBox, SignatureScheme::GitHub, SignatureScheme::NetBox]);
    assert_eq!(fields(&webhook), ["signing.schemes[2]"]);
    webhook.spec.signing = Some(Vec::new());
    assert!(compile(&webhook).is_ok());
}

#[test]
fn the_literal_part_of_a_url_is_there_to_be_checked() {
    let mut webhook = webhook();
    let target = |webhook: &Webhook| compile(webhook).unwrap().literal_target().map(ToString::to_string);
    assert_eq!(target(&webhook).as_deref(), Some("https://hooks.example.com/in"));
    webhook.spec.request.url = "http://10.0.0.1:81/{{ event }}".to_owned();
    assert_eq!(target(&webhook).as_deref(), Some("http://10.0.0.1:81/"));
    webhook.spec.request.url = "https://{{ data.host }}/in".to_owned();
    webhook.spec.request.allowed_hosts = vec!["*.Example.com".to_owned()];
    assert_eq!(target(&webhook), None);
}

#[test]
fn headers_that_stand_in_the_text_are_counted_together() {
    let mut webhook = webhook();
    let block = |count: usize, value: &str| -> String { (0..count).map(|n| format!("X-{n}: {value}\n")).collect() };
    webhook.spec.request.additional_headers = block(64, "v");
    webhook.spec.request.headers = vec![header("x-0", "again")];
    assert!(compile(&webhook).is_ok());
    webhook.spec.request.headers = vec![header("X-More", "v")];
    assert_eq!(fields(&webhook), ["request.additional_headers"]);
    webhook.spec.request.additional_headers = block(5, &"v".repeat(7_000));
    assert_eq!(fields(&webhook), ["request.headers"]);
}

#[test]
fn authentication_has_the_header_authorization_for_itself() {
    let mut webhook = webhook();
    let basic = BasicCredentials { username: "u".into(), password: Secret::new("p") };
    webhook.spec.authentication = Some(Authentication::Basic(basic));
    assert!(compile(&webhook).is_ok());
    webhook.spec.request.headers = vec![header("AUTHORIZATION", "x")];
    webhook.spec.request.additional_headers = "Authorization: x".to_owned();
    webhook.spec.signing = Some(Vec::new());
    webhook.spec.custom_signatures = vec![CustomSignature {
        header: "authorization".into(),
        algorithm: HmacAlgorithm::default(),
        encoding: SignatureEncoding::default(),
        key_encoding: KeyEncoding::default(),
        content: String::new(),
        value: String::new(),
    }];
    assert_eq!(fields(&webhook), ["signing.custom[0].header", "request.additional_headers", "request.headers[0].name"]);
    assert!(faults(&webhook).iter().all(|fault| fault.message.contains("`authentication`")));
}

#[test]
fn printing_what_was_compiled_shows_no_secret() {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key("hunter2")];
    let sensitive = |name: &str, value: &str| HeaderTemplate {
        name: name.to_owned(),
        value: HeaderValue::Sensitive(Secret::new(value)),
    };
    webhook.spec.request.headers = vec![sensitive("X-A", "hunter3"), sensitive("X-B", "hunter4 {{ event }}")];
    let compiled = compile(&webhook).unwrap();
    let event = super::context("{}", None);
    let rendered = compiled.render(&event).unwrap();
    let request = compiled.prepare(&event, &super::facts()).unwrap();
    let printed = format!("{compiled:?} {:?} {rendered:?} {request:?}", compiled.templates());
    assert!(!printed.contains("hunter"), "{printed}");
}

#[test]
fn headers_of_custom_signatures_are_free_and_nobody_elses() {
    let custom = |header: &str, content: &str| CustomSignature {
        header: header.into(),
        algorithm: HmacAlgorithm::default(),
        encoding: SignatureEncoding::default(),
        key_encoding: KeyEncoding::Hex,
        content: content.into(),
        value: String::new(),
    };
    let mut webhook = webhook();
    webhook.spec.signing = Some(vec![SignatureScheme::GitHub]);
    webhook.spec.custom_signatures = vec![
        custom("X-A", "{{body}}"),
        custom("x-a", ""),
        custom("X-Hub-Signature-256", ""),
        custom("Host", "{{nothing}}"),
    ];
    webhook.spec.request.additional_headers = "x-A: 1".to_owned();
    webhook.signing_keys = vec![signing_key("not hex")];
    let expected = [
        "signing.custom[1].header",
        "signing.custom[2].header",
        "signing.custom[3].header",
        "signing.custom[3].content",
        "signing_secret",
        "request.additional_headers",
    ];
    assert_eq!(fields(&webhook), expected);
}

#[test]
fn a_private_key_signs_by_its_own_scheme_alone() {
    let private = crate::signature::private_key(&[1; 32]).expose().to_owned();
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key(&private)];
    for signing in [None, Some(vec![]), Some(vec![SignatureScheme::NetBox])] {
        webhook.spec.signing = signing;
        assert_eq!(fields(&webhook), ["signing_secret"], "{:?}", webhook.spec.signing);
    }
    webhook.spec.signing = Some(vec![SignatureScheme::StandardWebhooksAsymmetric]);
    assert!(compile(&webhook).is_ok());
    webhook.signing_keys = vec![signing_key(&standard_secret(1))];
    assert_eq!(fields(&webhook), ["signing_secret"]);
}
