//! What holds whatever a webhook says and an event carries.

use proptest::prelude::*;
use serde_json::{Value, json};
use tenterhook_jinja::python::json::dumps;
use tenterhook_jinja::{Expression, Template, TemplateOptions};
use tenterhook_model::webhook::{BodyFormat, EventRule, HeaderTemplate, HeaderValue, SignatureScheme};
use tenterhook_model::{JsonText, Webhook};

use super::{context, facts, standard_secret, webhook};
use crate::signature::{Received, Signable};
use crate::{compile, sign, verify};

/// Text with everything that parsers stumble over.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-z0-9.-]{0,8}",
        r#"[\x00-\x20:/?#@\\%&={}"'<>\[\]|~\x7f]{0,4}"#,
        Just("\r\nX-Evil: 1".to_owned()),
        Just("\u{2028}Host: evil".to_owned()),
        Just("évil.example.org".to_owned()),
        Just("{{ secret }}".to_owned()),
        "\\PC{0,4}",
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn condition() -> impl Strategy<Value = Value> {
    let paths = prop_oneof!["[abc](\\.[abc]){0,2}", Just("snapshots.prechange.a".to_owned())];
    let ops = prop::sample::select(vec!["eq", "gt", "lte", "in", "contains", "regex", "changed", "unchanged"]);
    let leaf = (paths, ops, json_value(), any::<bool>()).prop_map(|(attr, op, value, negate)| match op {
        "changed" | "unchanged" => json!({"attr": attr, "op": op, "negate": negate}),
        op => json!({"attr": attr, "op": op, "value": value, "negate": negate}),
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (prop::sample::select(vec!["and", "or"]), prop::collection::vec(inner, 0..3))
            .prop_map(|(logic, members)| json!({logic: members}))
    })
}

fn with_conditions(conditions: &Value) -> Webhook {
    let mut webhook = webhook();
    let conditions = Some(JsonText::parse(&conditions.to_string()).unwrap());
    webhook.spec.rules = vec![EventRule { conditions, ..EventRule::default() }];
    webhook
}

proptest! {
    #[test]
    fn the_default_body_is_ascii_json_of_the_same_data(data in json_value()) {
        let body = context(&data.to_string(), None).default_body(BodyFormat::Netbox32);
        prop_assert!(body.is_ascii());
        let read: Value = serde_json::from_slice(&body).unwrap();
        let again = context(&read["data"].to_string(), None).default_body(BodyFormat::Netbox32);
        prop_assert_eq!(&body, &again, "what was written reads back as the same");
        prop_assert_eq!(std::mem::discriminant(&read["data"]), std::mem::discriminant(&data));
        prop_assert_eq!(read.as_object().unwrap().len(), 7);
    }

    #[test]
    fn no_value_moves_a_literal_host(value in hostile()) {
        let mut webhook = webhook();
        webhook.spec.request.url = "https://hooks.example.com/in/{{ data.v }}?q={{ data.v }}".to_owned();
        let event = context(&json!({"v": value}).to_string(), None);
        if let Ok(request) = compile(&webhook).unwrap().prepare(&event, &facts()) {
            prop_assert_eq!(request.url.authority(), "hooks.example.com");
            prop_assert!(request.url.is_https());
            prop_assert!(request.url.path_and_query().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn a_rendered_host_is_one_that_is_allowed_and_keeps_the_literal_path(value in hostile()) {
        let mut webhook = webhook();
        webhook.spec.request.url = "https://{{ data.v }}.hooks.example.com/in".to_owned();
        webhook.spec.request.allowed_hosts = vec!["*.hooks.example.com".to_owned()];
        let event = context(&json!({"v": value}).to_string(), None);
        if let Ok(request) = compile(&webhook).unwrap().prepare(&event, &facts()) {
            let host = request.url.host().to_string();
            prop_assert_eq!(request.url.port(), 443);
            let tenant = host.strip_suffix(".hooks.example.com");
            prop_assert!(tenant.is_some_and(|tenant| !tenant.contains('.')), "{}", host);
            prop_assert_eq!(request.url.path_and_query(), "/in");
        }
    }

    #[test]
    fn no_value_begins_a_header(value in hostile()) {
        let mut webhook = webhook();
        webhook.spec.request.additional_headers = "X-A: {{ data.v }}\nX-B: {{ data.v }} end".to_owned();
        let template = HeaderValue::Plain("{{ data.v }}".to_owned());
        webhook.spec.request.headers = vec![HeaderTemplate { name: "X-C".to_owned(), value: template }];
        let event = context(&json!({"v": value}).to_string(), None);
        if let Ok(request) = compile(&webhook).unwrap().prepare(&event, &facts()) {
            let names = request.headers.iter().map(|header| &*header.name);
            let names: Vec<_> = names.filter(|name| !name.starts_with("X-Tenterhook-")).collect();
            prop_assert_eq!(names, ["User-Agent", "Content-Type", "X-A", "X-B", "X-C"]);
            for header in &request.headers {
                prop_assert!(header.value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{:?}", header);
            }
        }
    }

    #[test]
    fn whatever_is_saved_ends_in_faults_or_a_webhook(
        url in hostile(), name in hostile(), value in hostile(), body in "[{}%# a-z.|()'+-]{0,24}", host in hostile(),
    ) {
        let mut webhook = webhook();
        let request = &mut webhook.spec.request;
        request.url = format!("https://{url}");
        request.allowed_hosts = vec![host];
        request.content_type = value.clone();
        request.additional_headers = format!("{name}: {value}\n{body}");
        request.headers = vec![HeaderTemplate { name, value: HeaderValue::Plain(value) }];
        request.body = body;
        match compile(&webhook) {
            Ok(compiled) => drop(compiled.prepare(&context("{}", None), &facts())),
            Err(faults) => prop_assert!(faults.iter().all(|fault| fault.field.starts_with("request."))),
        }
    }

    #[test]
    fn a_set_ends_the_same_way_explained_or_not_and_negation_turns_it(
        conditions in condition(), data in json_value(), before in json_value(), after in json_value(),
    ) {
        let Ok(compiled) = compile(&with_conditions(&conditions)) else { return Ok(()) };
        let event = context(&data.to_string(), Some((&before.to_string(), &after.to_string())));
        let (quick, explained) = (compiled.accepts(&event), compiled.matches(&event));
        prop_assert_eq!(quick.matched, explained.matched);
        prop_assert_eq!(quick.errors.len(), usize::from(explained.rules[0].failed));
        prop_assert_eq!(explained.rules[0].reason.is_empty(), explained.matched);
        if let (Some(negate), true, 0) = (conditions.get("negate"), data.is_object(), quick.errors.len()) {
            let mut turned = conditions.clone();
            turned["negate"] = json!(negate != true);
            let turned = compile(&with_conditions(&turned)).unwrap().accepts(&event);
            prop_assert_eq!(turned.matched, !quick.matched);
        }
    }

    #[test]
    fn conditions_and_templates_compare_alike(a in json_value(), b in json_value()) {
        let event = context(&json!({"a": a, "b": b}).to_string(), None);
        for (op, expression) in [("eq", "data.a == data.b"), ("gt", "data.a > data.b"), ("lte", "data.a <= data.b")] {
            let Ok(compiled) = compile(&with_conditions(&json!({"attr": "a", "op": op, "value": b}))) else { continue };
            let by_condition = compiled.accepts(&event);
            if by_condition.errors.is_empty() {
                let by_template = Expression::compile(expression, None).unwrap().holds(event.template());
                prop_assert_eq!(by_template, Ok(by_condition.matched), "{} {} {}", &a, op, &b);
            }
        }
    }

    #[test]
    fn tojson_and_the_default_body_write_alike(data in json_value()) {
        let mut expected = dumps(&data);
        for (c, escaped) in [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\'', "\\u0027")] {
            expected = expected.replace(c, escaped);
        }
        let template = Template::compile("{{ data | tojson }}", &TemplateOptions::default()).unwrap();
        let written = template.render(context(&data.to_string(), None).template());
        prop_assert_eq!(written, Ok(expected));
    }

    #[test]
    fn any_pattern_is_refused_or_matches_within_its_limits(
        pattern in r"([abc.*+?()|^$\[\]{}0-9,\\wdsbBAZ-]|\(\?[:=!<>Pi#]){0,16}", text in "[abc\n0]{0,12}",
    ) {
        let conditions = json!({"attr": "x", "op": "regex", "value": pattern});
        if let Ok(compiled) = compile(&with_conditions(&conditions)) {
            compiled.accepts(&context(&json!({"x": text}).to_string(), None));
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed(
        body in prop::collection::vec(any::<u8>(), 1..64), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        for scheme in [SignatureScheme::NetBox, SignatureScheme::StandardWebhooks, SignatureScheme::GitHub] {
            let secret = standard_secret(3);
            let signed = sign(scheme, &[&secret], Signable { id: "evt_1", timestamp: 0, body: &body }).unwrap();
            let headers: Vec<_> = signed.iter().map(|h| (&*h.name, &*h.value)).collect();
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            let now = tenterhook_model::Timestamp::default();
            let genuine = verify(scheme, &[&secret], Received { headers: &headers, body: &body, now });
            let forged = verify(scheme, &[&secret], Received { headers: &headers, body: &changed, now });
            prop_assert!(genuine.is_ok() && forged.is_err());
        }
    }
}
