//! How long matching and preparing take; run with `--release --ignored --nocapture`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use tenterhook_model::JsonText;
use tenterhook_model::webhook::{EventRule, HeaderTemplate, HeaderValue, SignatureScheme, Webhook};

use super::{event, facts, signing_key, standard_secret, webhook};
use crate::{EventContext, compile};

#[expect(clippy::disallowed_methods, reason = "a measurement reads the machine's own time")]
fn measure(what: &str, mut work: impl FnMut()) {
    (0..200).for_each(|_| work());
    // Short rounds, so that the fastest ran without being interrupted on a busy machine.
    let fastest = (0..500)
        .map(|_| {
            let start = std::time::Instant::now();
            (0..20).for_each(|_| work());
            start.elapsed() / 20
        })
        .min()
        .unwrap_or(Duration::ZERO);
    println!("{what:<58} {:>8.2} µs", fastest.as_secs_f64() * 1e6);
}

/// An event of a network device, of about 1 KiB.
fn device() -> EventContext {
    let interfaces: Vec<String> = (0..8)
        .map(|n| format!(r#"{{"id":{n},"name":"eth{n}","enabled":true,"mtu":9000,"mac":"aa:bb:cc:00:00:0{n}"}}"#))
        .collect();
    let data = format!(
        r#"{{"id":9,"name":"sw-ams-01","status":{{"value":"active","label":"Active"}},"site":{{"slug":"ams","region":null}},"tags":[{{"slug":"core"}},{{"slug":"prod"}}],"custom_fields":{{"owner":"net-ops","rack":"R 12","cost":12.5}},"comments":"moved from Zürich","interfaces":[{}]}}"#,
        interfaces.join(",")
    );
    let mut event = event();
    event.data = Some(JsonText::parse(&data).unwrap());
    EventContext::new(Arc::new(event))
}

fn full() -> Webhook {
    let mut webhook = webhook();
    webhook.signing_keys = vec![signing_key(&standard_secret(7))];
    webhook.spec.signing = Some(vec![SignatureScheme::NetBox]);
    let request = &mut webhook.spec.request;
    request.url = "https://hooks.example.com/{{ model }}/{{ data.id }}".to_owned();
    request.additional_headers = "X-Site: {{ data.site.slug }}\nX-Event: {{ event }}".to_owned();
    request.headers =
        vec![HeaderTemplate { name: "Authorization".to_owned(), value: HeaderValue::Plain("Token abc".to_owned()) }];
    request.body = r#"{"text": "{{ data.name }} is {{ data.status.label }}", "interfaces": [{% for i in data.interfaces %}"{{ i.name }}"{{ "," if not loop.last }}{% endfor %}], "data": {{ data | tojson }}}"#.to_owned();
    webhook
}

#[test]
#[ignore = "a measurement, for a release build"]
fn microseconds_of_the_hot_path() {
    let (event, facts) = (device(), facts());
    println!("data: {} bytes", event.event().size());
    let plain = compile(&webhook()).unwrap();
    measure("prepare: default body, unsigned", || drop(black_box(plain.prepare(&event, &facts).unwrap())));
    let mut signed = webhook();
    signed.signing_keys = vec![signing_key(&standard_secret(7))];
    let signed = compile(&signed).unwrap();
    measure("prepare: default body, NETBOX and STANDARD_WEBHOOKS", || {
        drop(black_box(signed.prepare(&event, &facts).unwrap()));
    });
    let everything = compile(&full()).unwrap();
    assert!(everything.is_plain());
    measure("prepare: url, headers, loop and tojson, NETBOX", || {
        drop(black_box(everything.prepare(&event, &facts).unwrap()));
    });
    measure("event: view, parse and default body", || drop(black_box(device_again(&event).default_body())));
    measure("event: view, parse and template context", || {
        drop(black_box(everything.render(&device_again(&event)).unwrap()));
    });
    let mut matching = webhook();
    let conditions = r#"{"and": [{"attr": "status.value", "value": "active"}, {"attr": "tags.slug", "op": "contains", "value": "prod"}, {"attr": "name", "op": "regex", "value": "^sw-(ams|fra)-\\d+$"}]}"#;
    matching.spec.rules = vec![EventRule {
        event_types: vec!["crea*".to_owned()],
        object_types: vec!["dcim.*".to_owned()],
        conditions: Some(JsonText::parse(conditions).unwrap()),
        ..EventRule::default()
    }];
    let rule = compile(&matching).unwrap();
    measure("accepts: patterns and three conditions, one a regex", || {
        assert!(black_box(rule.accepts(&event)).matched);
    });
    matching.spec.rules[0].event_types = vec!["deleted".to_owned()];
    let other = compile(&matching).unwrap();
    measure("accepts: another event type", || assert!(!black_box(other.accepts(&event)).matched));
    matching.spec.rules =
        vec![EventRule { expression: "data.status.value == 'active'".to_owned(), ..EventRule::default() }];
    let expression = compile(&matching).unwrap();
    measure("accepts: an expression", || assert!(black_box(expression.accepts(&event)).matched));
    measure("compile: url, headers, loop and tojson", || drop(black_box(compile(&full()).unwrap())));
}

fn device_again(event: &EventContext) -> EventContext {
    EventContext::new(Arc::clone(event.event()))
}
