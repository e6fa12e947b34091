//! Templates that read the server's environment.

use tenterhook_model::webhook::{EventRule, HeaderTemplate, HeaderValue, Webhook};
use tenterhook_model::{Header, Secret, SentRequest, TemplateVariables};

use super::{context, facts, header, webhook};
use crate::{Draft, PreviewOf, compile, compile_with, preview_in};

const TOKEN: &str = "s3cr3t/of<the>environment";

fn variables() -> TemplateVariables {
    [("HOOK_TOKEN", TOKEN), ("HOOK_HOST", "Hidden.example.com")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect()
}

/// A webhook that puts variables wherever a template may stand.
fn reading() -> Webhook {
    let mut webhook = webhook();
    let request = &mut webhook.spec.request;
    request.url = "https://hooks.example.com/{{ 'HOOK_TOKEN' | env | urlencode }}".to_owned();
    request.additional_headers = "X-Line: t={{ 'HOOK_TOKEN' | env }}\nX-Other: {{ event }}".to_owned();
    let value = HeaderValue::Plain("{{ 'HOOK_TOKEN' | env | upper }}".to_owned());
    request.headers = vec![HeaderTemplate { name: "X-Upper".to_owned(), value }];
    request.body = "{{ ['HOOK_TOKEN'] | map('env') | first | tojson }} and {{ event }}".to_owned();
    webhook
}

#[test]
fn a_variable_is_sent_and_kept_as_stars() {
    let request = compile_with(&reading(), &variables()).unwrap().prepare(&context("{}", None), &facts()).unwrap();
    assert_eq!(request.url.as_str(), "https://hooks.example.com/s3cr3t/of%3Cthe%3Eenvironment");
    assert_eq!(header(&request, "x-line"), Some("t=s3cr3t/of<the>environment"));
    assert_eq!(header(&request, "x-upper"), Some("S3CR3T/OF<THE>ENVIRONMENT"));
    assert_eq!(&*request.body, br#""s3cr3t/of\u003cthe\u003eenvironment" and created"#);

    let kept = SentRequest::from(&request);
    assert_eq!(kept.url, "https://hooks.example.com/***");
    let shown = |name: &str| kept.headers.iter().find(|header| header.name == name).map(|header| &*header.value);
    assert_eq!((shown("X-Line"), shown("X-Upper"), shown("X-Other")), (Some("***"), Some("***"), Some("created")));
    assert_eq!(&*kept.body, br#""***" and created"#);
    assert!(!format!("{request:?}").contains("s3cr3t/of<the>"), "{request:?}");
}

#[test]
fn a_preview_shows_what_an_attempt_keeps() {
    let (webhook, event, facts, variables) = (reading(), context("{}", None), facts(), variables());
    let trial = PreviewOf { webhook: &webhook, event: &event, facts: &facts, variables: &variables };
    let Draft { url, headers, body, .. } = preview_in(trial).unwrap().request.unwrap();
    let shown = |name: &str| {
        let found: Option<&Header> = headers.iter().find(|header| header.name == name);
        found.map(|header| &*header.value)
    };
    assert_eq!(url, "https://hooks.example.com/***");
    assert_eq!((shown("X-Line"), shown("X-Upper"), shown("X-Other")), (Some("***"), Some("***"), Some("created")));
    assert_eq!(&*body, br#""***" and created"#);
}

#[test]
fn errors_name_the_variable_and_show_no_value() {
    let fault = |body: &str| {
        let mut webhook = webhook();
        webhook.spec.request.body = body.to_owned();
        let compiled = compile_with(&webhook, &variables()).unwrap();
        compiled.prepare(&context("{}", None), &facts()).unwrap_err()
    };
    let unknown = fault("a\n{{ 'HOME' | env }}");
    assert_eq!((unknown.field.as_str(), unknown.line), ("request.body", 2));
    assert_eq!(
        unknown.message,
        "the environment variable 'HOME' is not set, or no pattern of --template-env allows it"
    );
    let late = fault("{{ [event] | map(['e', 'nv'] | join) | list }}");
    assert_eq!(late.message, "the environment variable cannot be read here", "no value of the event is shown");
    for body in ["{{ data.name | env }}", "{{ 7 | env }}", "{{ 'HOOK_TOKEN' | env('x') }}"] {
        let message = fault(body).message;
        assert!(message.contains("variable") || message.contains("argument"), "{message}");
    }
    assert!(!fault("{{ ('HOOK_TOKEN' | env)[100] ~ ('HOOK_TOKEN' | env).x() }}").message.contains(TOKEN));

    let mut webhook = webhook();
    let value = HeaderValue::Sensitive(Secret::new("Bearer {{ 'HOOK_NONE' | env }}"));
    webhook.spec.request.headers = vec![HeaderTemplate { name: "Authorization".to_owned(), value }];
    let of_secret = compile_with(&webhook, &variables()).unwrap().prepare(&context("{}", None), &facts()).unwrap_err();
    assert!(of_secret.message.contains("'HOOK_NONE' is not set") && of_secret.excerpt.is_empty(), "{of_secret:?}");
    webhook.spec.request.headers.clear();
    webhook.spec.request.url = "https://{{ 'HOOK_HOST' | env }}/".to_owned();
    webhook.spec.request.allowed_hosts = vec!["*.example.org".to_owned()];
    let compiled = compile_with(&webhook, &variables()).unwrap();
    let refused = compiled.prepare(&context("{}", None), &facts()).unwrap_err().message;
    assert!(!refused.to_lowercase().contains("hidden.example.com"), "{refused}");
}

#[test]
fn without_variables_and_in_rules_nothing_of_the_environment_is_read() {
    let fault = compile(&reading()).unwrap().prepare(&context("{}", None), &facts()).unwrap_err();
    assert!(fault.message.contains("--template-env"), "{}", fault.message);
    let mut webhook = webhook();
    webhook.spec.request.body = "{{ __th_env }}".to_owned();
    assert!(compile_with(&webhook, &variables()).unwrap_err()[0].message.contains("reserved"));
    webhook.spec.request.body = String::new();
    webhook.spec.rules = vec![EventRule { expression: "'HOOK_TOKEN' | env".to_owned(), ..EventRule::default() }];
    let faults = compile_with(&webhook, &variables()).unwrap_err();
    assert_eq!(faults[0].field, "rules[0].expression");
    assert_eq!(faults[0].message, "the filter 'env' is for requests; rules cannot read the server's environment");
}
