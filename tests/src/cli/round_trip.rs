//! What `export` writes, `apply` takes back without a change: webhooks at random, with every field set in some.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use prost_types::FieldDescriptorProto;
use serde_json::{Map, Value, json};
use tenterhook_model::webhook::SignatureScheme;

use super::Desk;
use crate::grpc::proto_json::Schema;
use crate::sim::chance::Dice;

/// The fewest webhooks of one run, and the most: a field of a field of a field is rarely set.
const WEBHOOKS: RangeInclusive<usize> = 48..=400;
/// The messages of a webhook that people write.
const WRITTEN: [&str; 15] = [
    "Webhook",
    "EventRule",
    "RequestTemplate",
    "HeaderTemplate",
    "SigningPolicy",
    "CustomSignature",
    "RetryPolicy",
    "ExponentialBackoff",
    "BackoffSchedule",
    "CircuitBreaker",
    "RateLimit",
    "TransportPolicy",
    "Authentication",
    "BasicAuthentication",
    "OAuth2ClientCredentials",
];
/// Their fields that only the server writes, or that are set in every file.
const NOT_WRITTEN: [&str; 9] =
    ["id", "state", "state_reason", "signing_keys", "health", "etag", "create_time", "update_time", "warnings"];
/// Texts that look like something else in YAML, or need quotes there.
const TEXTS: [&str; 14] = [
    "yes",
    "1e3",
    "0x1F",
    "~",
    " x ",
    "a: b",
    "- a",
    "# no",
    "\"q\" 'p' \\n",
    "ünï→😀",
    "line\n  two\n\n",
    "null",
    "{a}",
    "2026-01-01",
];

/// A text that looks like something else.
fn text(dice: &mut Dice) -> Value {
    json!(dice.pick(&TEXTS))
}

/// Those of the fields that this message has: about half.
fn some(dice: &mut Dice, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("an object") };
    Value::Object(fields.into_iter().filter(|_| dice.percent(50)).collect::<Map<_, _>>())
}

/// A certificate that is its own authority, and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["shop.example.com".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn rule(dice: &mut Dice) -> Value {
    let fields = json!({
        "display_name": text(dice), "event_types": ["created", "job_*"], "object_types": ["dcim.*"],
        "attributes": {"region": text(dice), "yes": "no"}, "expression": "data.id > 3", "disabled": true,
        "conditions": {"structured": {"and": [{"attr": "status.value", "value": text(dice)}]}},
    });
    some(dice, fields)
}

fn request(dice: &mut Dice) -> Value {
    let value = json!(dice.pick(&["{{ data.name }}", "yes", "1e3", "a: b", "# no", "'q'"]));
    let mut header =
        if dice.percent(50) { json!({"value": value, "sensitive": true}) } else { json!({"value": value}) };
    header["name"] = json!("X-A");
    let fields = json!({
        "allowed_hosts": ["*.example.com", "shop.example.com:8443"], "method": dice.pick(&["GET", "PUT", "PATCH", "DELETE"]),
        "content_type": "text/plain; charset=utf-8", "additional_headers": "X-B: {{ event }}\nX-C: 1", "headers": [header],
        "body": format!("{}{{{{ data.id }}}}", text(dice).as_str().unwrap().replace('{', "(")),
        "undefined_behavior": dice.pick(&["LENIENT", "STRICT"]), "cloudevents_source": "/{{ object_type }}",
        "body_format": dice.pick(&["NETBOX_3_2", "NETBOX_4_7", "CLOUDEVENTS_STRUCTURED", "CLOUDEVENTS_BINARY"]),
    });
    let mut request = some(dice, fields);
    request["url"] = json!("https://shop.example.com/{{ data.id }}");
    request
}

fn signing(dice: &mut Dice) -> Value {
    let custom = json!({
        "algorithm": dice.pick(&["HMAC_SHA1", "HMAC_SHA256", "HMAC_SHA512"]), "encoding": dice.pick(&["HEX", "BASE64"]),
        "key_encoding": "TEXT", "content": "v0:{{timestamp}}:{{body}}", "value": "v0={{signature}}",
    });
    let mut custom = some(dice, custom);
    custom["header"] = json!("X-Signature");
    let first = dice.pick(&SignatureScheme::ALL);
    let schemes = SignatureScheme::ALL.into_iter().filter(|scheme| *scheme == first || dice.percent(20));
    let schemes: Vec<_> = schemes.map(SignatureScheme::as_str).collect();
    some(dice, json!({"schemes": schemes, "custom": [custom]}))
}

fn retry(dice: &mut Dice) -> Value {
    let backoff = if dice.percent(50) { "exponential" } else { "schedule" };
    let waits = match backoff {
        "exponential" => {
            let mut exponential = some(dice, json!({"max": "60s", "multiplier": 2.5}));
            exponential["initial"] = json!("1.5s");
            exponential
        }
        _ => json!({"waits": ["1s", "0.250s", "3600s"]}),
    };
    let fields = json!({
        "max_attempts": 7, "max_age": "86400s", backoff: waits, "jitter": dice.pick(&[0.0, 0.5]),
        "permanent_statuses": [404, 410],
    });
    some(dice, fields)
}

fn transport(dice: &mut Dice, (certificate, key): &(String, String)) -> Value {
    let fields = json!({
        "attempt_timeout": "20s", "ca_certificates_pem": certificate, "insecure_skip_verify": true,
        "trust_system_roots": true, "proxy": "DIRECT",
    });
    let mut transport = some(dice, fields);
    if dice.percent(50) {
        transport["client_certificate_pem"] = json!(certificate);
        transport["client_private_key_pem"] = json!(key);
    }
    transport
}

fn authentication(dice: &mut Dice, key: &str) -> Value {
    if dice.percent(50) {
        return json!({"basic": {"username": dice.pick(&["yes", "1e3", "# no"]), "password": "hunter2"}});
    }
    let fields = json!({
        "scopes": ["orders:write", "yes"], "audience": "https://api.example.com", "parameters": {"resource": text(dice)},
    });
    let mut oauth2 = some(dice, fields);
    oauth2["token_url"] = json!("https://auth.example.com/token");
    oauth2["client_id"] = json!("client");
    if dice.percent(50) {
        oauth2["client_authentication"] = json!("PRIVATE_KEY_JWT");
        (oauth2["private_key_pem"], oauth2["key_id"]) = (json!(key), json!("1e3"));
    } else {
        oauth2["client_authentication"] = json!(dice.pick(&["BASIC", "POST"]));
        oauth2["client_secret"] = json!("hunter2");
    }
    json!({"oauth2": oauth2})
}

fn webhook(dice: &mut Dice, number: usize, pem: &(String, String)) -> Value {
    let breaker = json!({"failures_to_open": 3, "initial_open": "10s", "max_open": "600s", "suspend_after": "86400s"});
    let limit = json!({"requests_per_second": 2.5, "burst": 3, "max_in_flight": 4});
    let fields = json!({
        "namespace": "acme", "description": text(dice), "disabled": true, "rules": [rule(dice), rule(dice)],
        "signing": signing(dice), "retry": retry(dice), "circuit_breaker": some(dice, breaker),
        "rate_limit": some(dice, limit), "transport": transport(dice, pem),
        "authentication": authentication(dice, &pem.1), "labels": {"team": "a", "yes": "1e3"},
    });
    let mut webhook = some(dice, fields);
    webhook["display_name"] = json!(format!("{number} {}", dice.pick(&["yes", "a: b", "ünï", "#1", "'q'"])));
    webhook["request"] = request(dice);
    webhook
}

/// Takes the fields that are set in `value`, a message of type `name`, from those that are unset.
fn take_set(schema: &Schema, name: &str, value: &Value, unset: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().unwrap() {
        unset.remove(&format!("{name}.{key}"));
        let field = schema.message(&format!(".tenterhook.v1.{name}")).field.iter().find(|field| field.name() == key);
        let of = field.unwrap_or_else(|| panic!("{name} has no field {key}")).type_name();
        let of = of.rsplit('.').next().unwrap();
        if WRITTEN.contains(&of) {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            values.iter().for_each(|value| take_set(schema, of, value, unset));
        }
    }
}

/// Webhooks at random, each of its own name: as many as it takes to set every field in some.
fn webhooks(seed: u64, pem: &(String, String)) -> Vec<Value> {
    let (schema, mut dice) = (Schema::new(), Dice::new(seed));
    let fields = WRITTEN.iter().flat_map(|name| {
        let fields = schema.message(&format!(".tenterhook.v1.{name}")).field.iter().map(FieldDescriptorProto::name);
        fields.filter(|field| !NOT_WRITTEN.contains(field)).map(move |field| format!("{name}.{field}"))
    });
    let (mut unset, mut made) = (fields.collect::<BTreeSet<_>>(), Vec::new());
    while made.len() < *WEBHOOKS.start() || !unset.is_empty() {
        assert!(made.len() < *WEBHOOKS.end(), "seed {seed}: no webhook of {} has {unset:?}", made.len());
        let webhook = webhook(&mut dice, made.len(), pem);
        take_set(&schema, "Webhook", &webhook, &mut unset);
        made.push(webhook);
    }
    made
}

#[test]
fn every_seed_sets_every_field() {
    let pem = certificate();
    (0..100).for_each(|seed| drop(webhooks(seed, &pem)));
}

#[test]
fn an_export_of_random_webhooks_applied_changes_nothing() {
    let pem = certificate();
    let webhooks = webhooks(20_261_128, &pem);
    let desk = Desk::with(&["--dev", "--allow-insecure-tls"]);
    let documents: Vec<String> = webhooks.iter().map(|webhook| format!("---\n{webhook}\n")).collect();
    let file = desk.file("hooks.yaml", &documents.concat());
    let made = desk.run(&["apply", "-f", &file]).code(0).json();
    assert_eq!(made["changes"].as_array().unwrap().len(), webhooks.len());
    let folder = desk.path().join("hooks");
    std::fs::create_dir(&folder).unwrap();
    for namespace in ["default", "acme"] {
        let exported = desk.run(&["export", "--namespace", namespace]).code(0).out;
        let key = pem.1.lines().nth(1).unwrap();
        assert!(!exported.contains(key) && !exported.contains("hunter2"), "a secret is in the export");
        std::fs::write(folder.join(format!("{namespace}.yaml")), exported).unwrap();
    }
    for (files, has_secrets) in [(file.as_str(), true), (folder.to_str().unwrap(), false)] {
        let shown = desk.run(&["diff", "-f", files, "-o", "table"]);
        assert_eq!(shown.code, 0, "{files}: {shown:#?}");
        let (first, rest) = shown.out.split_once('\n').unwrap();
        assert_eq!(first, "0 changes. Nothing was changed.", "{files}: {shown:#?}");
        // What is written out cannot be compared with what is hidden; what an export has left out need not be.
        assert!(if has_secrets { rest.starts_with("Secrets of ") } else { rest.is_empty() }, "{files}: {shown:#?}");
    }
    assert_eq!(desk.run(&["apply", "-f", folder.to_str().unwrap(), "-o", "table"]).code(0).out, "0 changes.\n");
}
