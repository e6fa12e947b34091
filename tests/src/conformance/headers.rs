//! Headers: those that are sent, refused or cleaned.

use std::collections::BTreeMap;

use serde_json::Value;
use tenterhook_engine::{AttemptFacts, RenderFault, compile};
use tenterhook_model::webhook::{SignatureScheme, Webhook};
use tenterhook_model::{Fault, PreparedRequest};

use super::wire::{context, context_of, facts, header_templates, scheme, signing_key, text, webhook_to};
use super::{check_all, same};

/// Headers that the server adds to every request here, beside those of signatures and those that begin with `x-tenterhook-`.
const SERVERS_OWN: [&str; 2] = ["user-agent", "content-type"];
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Headers = BTreeMap<String, String>;

/// Names in lower case and trimmed values of `[[name, value], …]`.
fn expected(value: &Value) -> Headers {
    let pair =
        |pair: &Value| (pair[0].as_str().unwrap().to_ascii_lowercase(), pair[1].as_str().unwrap().trim().to_owned());
    value.as_array().unwrap().iter().map(pair).collect()
}

/// What the webhook adds to a request: all but the server's own that it did not set.
fn added(request: &PreparedRequest, expected: &Headers) -> Headers {
    let lower = |name: &str| name.to_ascii_lowercase();
    let is_own =
        |name: &str| SERVERS_OWN.contains(&name) || name.starts_with("x-tenterhook-") || SignatureScheme::sets(name);
    let own = |name: &String| is_own(name) && !expected.contains_key(name);
    let headers = request.headers.iter().map(|header| (lower(&header.name), header.value.trim().to_owned()));
    headers.filter(|(name, _)| !own(name)).collect()
}

#[test]
fn the_page_on_receivers_names_every_header_of_a_request() {
    let page = include_str!("../../../docs/RECEIVERS.md");
    let facts = AttemptFacts { trace_parent: Some("00-1-2-01".to_owned()), ..facts() };
    let event = context_of("created", &Value::Null, &Value::Null);
    let request = compile(&webhook_to("https://hooks.example.com/in")).unwrap().prepare(&event, &facts).unwrap();
    for header in &request.headers {
        let row = format!("| `{}` |", header.name);
        assert!(page.contains(&row), "docs/RECEIVERS.md has no row that begins with {row}");
    }
}

#[test]
fn additional_headers_are_those_of_jinja_and_splitlines() {
    check_all("netbox_headers", |case| {
        let mut webhook = webhook_to("https://hooks.example.com/in");
        webhook.spec.request.additional_headers = text(case, "additional_headers").to_owned();
        let compiled = compile(&webhook).map_err(|faults| format!("{faults:?}"))?;
        let request = compiled.prepare(&context(&case["event"]), &facts()).map_err(|fault| fault.to_string())?;
        let expected = expected(&case["expected_headers"]);
        same("the headers", &added(&request, &expected), &expected)
    });
}

fn webhook(case: &Value) -> Webhook {
    let mut webhook = webhook_to("https://hooks.example.com/in");
    webhook.spec.request.additional_headers = text(case, "additional_headers").to_owned();
    webhook.spec.request.headers = header_templates(&case["headers"]);
    webhook.spec.request.strict_undefined = case["undefined_behavior"] == "STRICT";
    if let Some(name) = case["signing"].as_str() {
        webhook.spec.signing = Some(vec![scheme(name)]);
        webhook.signing_keys = vec![signing_key(SECRET)];
    }
    webhook
}

enum End {
    Refused(Vec<Fault>),
    Failed(RenderFault),
    Sent(PreparedRequest),
}

fn end(case: &Value) -> End {
    let event = context_of(case["event"].as_str().unwrap_or("created"), &case["data"], &Value::Null);
    match compile(&webhook(case)) {
        Err(faults) => End::Refused(faults),
        Ok(compiled) => match compiled.prepare(&event, &facts()) {
            Err(fault) => End::Failed(fault),
            Ok(request) => End::Sent(request),
        },
    }
}

#[test]
fn headers_are_sent_refused_and_cleaned_as_the_rules_say() {
    check_all("headers", |case| match (text(case, "expect"), end(case)) {
        ("refused_at_save", End::Refused(_)) => Ok(()),
        ("refused_at_render", End::Failed(_)) => Ok(()),
        ("accepted", End::Sent(request)) => {
            let expected = expected(&case["result"]);
            same("the headers", &added(&request, &expected), &expected)
        }
        (expect, End::Refused(faults)) => Err(format!("should be {expect}, is refused at save: {faults:?}")),
        (expect, End::Failed(fault)) => Err(format!("should be {expect}, fails to render: {fault}")),
        (expect, End::Sent(request)) => Err(format!("should be {expect}, is sent: {:?}", request.headers)),
    });
}
