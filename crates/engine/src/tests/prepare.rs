//! The exact request of an attempt, and why there is none.

use std::sync::Arc;

use tenterhook_model::webhook::{BodyFormat, EventRule, HeaderTemplate, HeaderValue, SignatureScheme, Webhook};
use tenterhook_model::{Event, HttpMethod, JsonText, PreparedRequest, Secret, Timestamp, limits};

use super::{context, facts, header, signing_key, standard_secret, webhook};
use crate::signature::Received;
use crate::{AttemptFacts, EventContext, RenderFault, Rendered, compile, verify};

fn prepare(webhook: &Webhook, event: &EventContext) -> Result<PreparedRequest, RenderFault> {
    compile(webhook).unwrap().prepare(event, &facts())
}

fn plain(name: &str, value: &str) -> HeaderTemplate {
    HeaderTemplate { name: name.to_owned(), value: HeaderValue::Plain(value.to_owned()) }
}

#[test]
fn a_request_has_the_servers_headers_and_the_default_body() {
    let event = context("{}", None);
    let facts = AttemptFacts { trace_parent: Some("00-1-2-01".to_owned()), ..facts() };
    let request = compile(&webhook()).unwrap().prepare(&event, &facts).unwrap();
    assert_eq!(request.method, HttpMethod::Post);
    assert_eq!(request.url.as_str(), "https://hooks.example.com/in");
    assert_eq!(header(&request, "user-agent").unwrap(), concat!("Tenterhook/", env!("CARGO_PKG_VERSION")));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(header(&request, "x-tenterhook-delivery"), Some(facts.delivery_id.to_string().as_str()));
    assert_eq!(header(&request, "x-tenterhook-attempt"), Some("2"));
    assert_eq!(header(&request, "traceparent"), Some("00-1-2-01"));
    assert_eq!(request.body.as_ptr(), event.default_body(BodyFormat::Netbox32).as_ptr(), "the default body is shared");
    assert_eq!(request.headers.len(), 5);
}

#[test]
fn signatures_are_made_over_the_bytes_that_are_sent() {
    let mut webhook = webhook();
    webhook.spec.request.body = "{{ data.name }} ü".to_owned();
    webhook.signing_keys = vec![signing_key(&standard_secret(7))];
    let schemes = [SignatureScheme::NetBox, SignatureScheme::StandardWebhooks, SignatureScheme::GitHub];
    webhook.spec.signing = Some(schemes.to_vec());
    let request = prepare(&webhook, &context(r#"{"name": "Zürich"}"#, None)).unwrap();
    assert_eq!(header(&request, "webhook-id"), Some("evt-1"));
    assert_eq!(header(&request, "webhook-timestamp"), Some("1772809900"));
    let headers: Vec<_> = request.headers.iter().map(|h| (&*h.name, &*h.value)).collect();
    let received = Received { headers: &headers, body: &request.body, now: Timestamp::new(1_772_809_900, 0).unwrap() };
    for scheme in schemes {
        assert_eq!(verify(scheme, &[&standard_secret(7)], received), Ok(()), "{scheme:?}");
    }
}

/// An event with all that CloudEvents show, and with attributes that they do not.
fn rich_event() -> EventContext {
    let attributes = [("region", "eu west"), ("Upper", "x"), ("id", "other"), ("bad", "a\nb"), ("empty", "")];
    EventContext::new(Arc::new(Event {
        data: Some(JsonText::parse(r#"{"n": 1.50,  "name": "Zürich"}"#).unwrap()),
        ordering_key: "key \"1\"".to_owned(),
        expire_time: Timestamp::new(1_772_810_000, 0),
        trace_parent: Some("00-1-2-01".to_owned()),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..super::event()
    }))
}

#[test]
fn a_structured_cloud_event_is_the_whole_event_with_its_data_as_published() {
    let mut webhook = webhook();
    webhook.spec.request.body_format = BodyFormat::CloudEventsStructured;
    let request = prepare(&webhook, &rich_event()).unwrap();
    assert_eq!(header(&request, "content-type"), Some("application/cloudevents+json"));
    assert_eq!(header(&request, "ce-id"), None);
    let body = std::str::from_utf8(&request.body).unwrap();
    assert_eq!(
        body,
        "{\"specversion\":\"1.0\",\"id\":\"evt-1\",\"source\":\"/default/dcim.site\",\"type\":\"created\",\
         \"time\":\"2026-03-06T15:11:23.503186Z\",\"subject\":\"dcim.site\",\"partitionkey\":\"key \\\"1\\\"\",\
         \"expirytime\":\"2026-03-06T15:13:20Z\",\"traceparent\":\"00-1-2-01\",\"region\":\"eu west\",\
         \"datacontenttype\":\"application/json\",\"data\":{\"n\": 1.50,  \"name\": \"Zürich\"}}"
    );
    let without = EventContext::new(Arc::new(Event { data: None, object_type: String::new(), ..super::event() }));
    let body = prepare(&webhook, &without).unwrap().body;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["source"], body.get("data"), body.get("subject")), (&"/default".into(), None, None));
    webhook.spec.request.body = "mine".to_owned();
    let request = prepare(&webhook, &rich_event()).unwrap();
    assert_eq!((&*request.body, header(&request, "content-type")), (&b"mine"[..], Some("application/json")));
}

#[test]
fn a_binary_cloud_event_has_its_attributes_in_headers_and_its_data_as_body() {
    let mut webhook = webhook();
    webhook.spec.request.body_format = BodyFormat::CloudEventsBinary;
    webhook.spec.request.cloudevents_source = "https://netbox.example/{{ model }}".to_owned();
    webhook.spec.request.headers = vec![plain("CE-Region", "mine")];
    let request = prepare(&webhook, &rich_event()).unwrap();
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "evt-1"),
        ("ce-source", "https://netbox.example/site"),
        ("ce-type", "created"),
        ("ce-time", "2026-03-06T15:11:23.503186Z"),
        ("ce-subject", "dcim.site"),
        ("ce-partitionkey", "key%20%221%22"),
        ("ce-expirytime", "2026-03-06T15:13:20Z"),
        ("ce-region", "mine"),
    ] {
        assert_eq!(header(&request, name), Some(value), "{name}");
    }
    let ours = request.headers.iter().filter(|header| header.name.to_ascii_lowercase().starts_with("ce-"));
    assert_eq!(ours.count(), 10, "traceparent is the tenth");
    assert_eq!(&*request.body, r#"{"n": 1.50,  "name": "Zürich"}"#.as_bytes());
    webhook.spec.request.body = "{{ data.name }}".to_owned();
    let request = prepare(&webhook, &rich_event()).unwrap();
    assert_eq!((&*request.body, header(&request, "ce-id")), ("Zürich".as_bytes(), Some("evt-1")));
}

#[test]
fn what_is_no_cloud_event_is_a_fault_of_its_field() {
    let mut webhook = webhook();
    webhook.spec.request.body_format = BodyFormat::CloudEventsBinary;
    webhook.spec.request.cloudevents_source = "{{ data.name }}/ä".to_owned();
    let field = |webhook: &Webhook, event: &EventContext| prepare(webhook, event).unwrap_err().field;
    assert_eq!(field(&webhook, &rich_event()), "request.cloudevents_source");
    webhook.spec.request.cloudevents_source = String::new();
    let attributes = (0..64).map(|number| (format!("a{number}"), "ü".repeat(500))).collect();
    let large = EventContext::new(Arc::new(Event { attributes, ..super::event() }));
    assert_eq!(field(&webhook, &large), "request.body_format");
    for source in ["{{", "a b", "ä"] {
        webhook.spec.request.cloudevents_source = source.to_owned();
        let faults = compile(&webhook).unwrap_err();
        assert_eq!(faults[0].field, "request.cloudevents_source", "{source}");
    }
}

#[test]
fn headers_override_each_other_in_their_order() {
    let mut webhook = webhook();
    webhook.spec.request.additional_headers = "X-A: 1\nX-B: 2\nuser-agent: {{ event }}\nx-a: 3".to_owned();
    webhook.spec.request.headers = vec![plain("X-b", "{{ data.id }}"), plain("Content-Type", "text/plain")];
    let request = prepare(&webhook, &context(r#"{"id": 4}"#, None)).unwrap();
    assert_eq!(header(&request, "x-a"), Some("3"));
    assert_eq!(header(&request, "x-b"), Some("4"));
    assert_eq!(header(&request, "user-agent"), Some("created"));
    assert_eq!(header(&request, "content-type"), Some("text/plain"));
    assert_eq!(request.headers.len(), 6);
}

#[test]
fn a_sensitive_value_is_sent_and_marked() {
    let mut webhook = webhook();
    let value = HeaderValue::Sensitive(Secret::new("Token {{ event }}"));
    webhook.spec.request.headers = vec![HeaderTemplate { name: "Authorization".to_owned(), value }];
    let request = prepare(&webhook, &context("{}", None)).unwrap();
    let sent = request.headers.iter().find(|header| header.name == "Authorization").unwrap();
    assert_eq!((&*sent.value, sent.shown_value()), ("Token created", "***"));
}

#[test]
fn what_cannot_be_sent_names_its_field() {
    let event = context(
        r#"{"city": "Zürich", "n": "X Bad", "long": "LONG"}"#.replace("LONG", &"a".repeat(9_000)).as_str(),
        None,
    );
    let field = |change: &dyn Fn(&mut Webhook)| {
        let mut webhook = webhook();
        change(&mut webhook);
        prepare(&webhook, &event).unwrap_err().field
    };
    let url = |text: &'static str| move |webhook: &mut Webhook| webhook.spec.request.url = text.to_owned();
    let block =
        |text: &'static str| move |webhook: &mut Webhook| webhook.spec.request.additional_headers = text.to_owned();
    let value = |text: &'static str| {
        move |webhook: &mut Webhook| webhook.spec.request.headers = vec![plain("X-0", "v"), plain("X-A", text)]
    };
    assert_eq!(field(&url("https://h.example.com/{{ data.long }}")), "request.url");
    assert_eq!(field(&url("https://h.example.com/{{ 1 / 0 }}")), "request.url");
    assert_eq!(field(&block("{{ data.n }}: 1")), "request.additional_headers");
    assert_eq!(field(&block("X-A: {{ data.city }}")), "request.additional_headers");
    assert_eq!(field(&block("X-A: {{ data.long }}")), "request.additional_headers");
    assert_eq!(field(&value("{{ data.city }}")), "request.headers[1].value");
    assert_eq!(field(&value("{{ data.long }}")), "request.headers[1].value");
    assert_eq!(field(&|webhook| webhook.spec.request.body = "{{ data.x.y }}".to_owned()), "request.body");
}

#[test]
fn a_render_fault_says_where_it_is_and_what_is_undefined() {
    let mut webhook = webhook();
    webhook.spec.request.body = "{\n  \"slug\": {{ data.site.slug.lower() }}\n}".to_owned();
    let fault = prepare(&webhook, &context(r#"{"site": {}}"#, None)).unwrap_err();
    assert_eq!(
        fault.explained(),
        "request.body, line 2, column 14: `data.site.slug` is undefined and has no method 'lower'\n  \"slug\": {{ data.site.slug.lower() }}\n             ^"
    );
    let fault = RenderFault { line: 0, column: 0, excerpt: String::new(), ..fault };
    assert!(fault.explained().starts_with("request.body: "), "{fault}");
}

#[test]
fn a_render_fault_of_a_sensitive_header_shows_nothing_of_its_template() {
    let mut webhook = webhook();
    let value = HeaderValue::Sensitive(Secret::new("hunter2 {{ data.hunter3.x }}"));
    webhook.spec.request.headers = vec![HeaderTemplate { name: "X-A".to_owned(), value }];
    let explained = prepare(&webhook, &context("{}", None)).unwrap_err().explained();
    assert!(explained.starts_with("request.headers[0].value") && !explained.contains("hunter"), "{explained}");
}

#[test]
fn headers_have_a_limit_together() {
    let mut webhook = webhook();
    webhook.spec.request.headers = (0..5).map(|index| plain(&format!("X-{index}"), "{{ 'a' * 8000 }}")).collect();
    let fault = prepare(&webhook, &context("{}", None)).unwrap_err();
    assert!(fault.message.contains(&limits::HEADERS_BYTES.to_string()), "{fault}");
    webhook.spec.request.headers.clear();
    webhook.spec.request.additional_headers = "{% for i in range(65) %}X-{{ i }}: 1\n{% endfor %}".to_owned();
    let fault = prepare(&webhook, &context("{}", None)).unwrap_err();
    assert_eq!(fault.message, "has 65 headers; at most 64 are allowed");
}

#[test]
fn texts_of_another_renderer_are_finished_the_same_way() {
    let mut webhook = webhook();
    webhook.spec.request.body = "{{ event }}".to_owned();
    let compiled = compile(&webhook).unwrap();
    let event = context("{}", None);
    assert_eq!(compiled.render(&event).unwrap(), Rendered(vec!["created".to_owned()]));
    let request = compiled.finish(Rendered(vec!["elsewhere".to_owned()]), &event, &facts()).unwrap();
    assert_eq!(&request.body[..], b"elsewhere");
    let fault = compiled.finish(Rendered(Vec::new()), &event, &facts()).unwrap_err();
    assert_eq!(fault.message, "the renderer gave 0 texts for 1 templates");
}

#[test]
fn an_error_in_one_rule_stops_no_other() {
    let condition = |json: &str| EventRule { conditions: Some(JsonText::parse(json).unwrap()), ..EventRule::default() };
    let mut webhook = webhook();
    webhook.spec.rules = vec![
        condition(r#"{"attr": "nope", "value": 1}"#),
        condition(r#"{"attr": "id", "value": 5}"#),
        condition(r#"{"attr": "id", "value": 4}"#),
        condition(r#"{"attr": "nope", "value": 1}"#),
    ];
    let compiled = compile(&webhook).unwrap();
    let event = context(r#"{"id": 4}"#, None);
    let accepted = compiled.accepts(&event);
    assert!(accepted.matched);
    assert_eq!(
        accepted.errors,
        [(0, "conditions: `nope` is not in the data".to_owned())],
        "the last rule is not asked"
    );
    let matching = compiled.matches(&event);
    assert_eq!(matching.rules.iter().map(|rule| rule.matched).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(matching.rules.iter().filter(|rule| rule.failed).count(), 2);
}

#[test]
fn a_webhook_without_rules_takes_every_event_and_one_with_none_that_match_takes_none() {
    let mut webhook = webhook();
    let event = context("{}", None);
    assert!(compile(&webhook).unwrap().accepts(&event).matched);
    webhook.spec.rules = vec![EventRule { disabled: true, ..EventRule::default() }];
    let compiled = compile(&webhook).unwrap();
    assert!(!compiled.accepts(&event).matched);
    assert_eq!(compiled.matches(&event).rules[0].reason, "the rule is disabled");
}

#[test]
fn threads_share_one_view_of_an_event() {
    let compiled = Arc::new(compile(&webhook()).unwrap());
    let event = context(r#"{"id": 4}"#, None);
    let bodies: Vec<_> = (0..4)
        .map(|_| {
            let (compiled, event) = (Arc::clone(&compiled), Arc::clone(&event));
            std::thread::spawn(move || compiled.prepare(&event, &facts()).unwrap().body)
        })
        .map(|thread| thread.join().unwrap())
        .collect();
    assert!(bodies.iter().all(|body| body.as_ptr() == bodies[0].as_ptr()));
}
