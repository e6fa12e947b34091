//! What `export` writes, `apply` takes back without a change: webhooks at random, with every field set in some.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Desk;
use crate::grpc::proto_json::Schema;

/// Webhooks of one run, each of its own name; with so many every field is set and unset several times.
const WEBHOOKS: usize = 48;
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

/// Numbers that look random and are the same in every run (Numerical Recipes' generator).
struct Dice(u32);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % end
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn text(&mut self) -> Value {
        json!(self.one(&TEXTS))
    }

    /// Those of the fields that this webhook has: about half.
    fn some(&mut self, fields: Value) -> Value {
        let Value::Object(fields) = fields else { panic!("an object") };
        Value::Object(fields.into_iter().filter(|_| self.below(2) == 0).collect::<Map<_, _>>())
    }
}

/// A certificate that is its own authority, and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["shop.example.com".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn rule(dice: &mut Dice) -> Value {
    let fields = json!({
        "display_name": dice.text(), "event_types": ["created", "job_*"], "object_types": ["dcim.*"],
        "attributes": {"region": dice.text(), "yes": "no"}, "expression": "data.id > 3", "disabled": true,
        "conditions": {"structured": {"and": [{"attr": "status.value", "value": dice.text()}]}},
    });
    dice.some(fields)
}

fn request(dice: &mut Dice) -> Value {
    let value = json!(dice.one(&["{{ data.name }}", "yes", "1e3", "a: b", "# no", "'q'"]));
    let mut header =
        if dice.below(2) == 0 { json!({"value": value, "sensitive": true}) } else { json!({"value": value}) };
    header["name"] = json!("X-A");
    let fields = json!({
        "allowed_hosts": ["*.example.com", "shop.example.com:8443"], "method": dice.one(&["GET", "PUT", "PATCH", "DELETE"]),
        "content_type": "text/plain; charset=utf-8", "additional_headers": "X-B: {{ event }}\nX-C: 1", "headers": [header],
        "body": format!("{}{{{{ data.id }}}}", dice.text().as_str().unwrap().replace('{', "(")),
        "undefined_behavior": dice.one(&["LENIENT", "STRICT"]), "cloudevents_source": "/{{ object_type }}",
        "body_format": dice.one(&["NETBOX_3_2", "NETBOX_4_7", "CLOUDEVENTS_STRUCTURED", "CLOUDEVENTS_BINARY"]),
    });
    let mut request = dice.some(fields);
    request["url"] = json!("https://shop.example.com/{{ data.id }}");
    request
}

fn signing(dice: &mut Dice) -> Value {
    let custom = json!({
        "algorithm": dice.one(&["HMAC_SHA1", "HMAC_SHA256", "HMAC_SHA512"]), "encoding": dice.one(&["HEX", "BASE64"]),
        "key_encoding": "TEXT", "content": "v0:{{timestamp}}:{{body}}", "value": "v0={{signature}}",
    });
    let mut custom = dice.some(custom);
    custom["header"] = json!("X-Signature");
    let schemes =
        dice.one(&[json!(["NETBOX", "STANDARD_WEBHOOKS"]), json!(["GITHUB"]), json!(["STANDARD_WEBHOOKS_ASYMMETRIC"])]);
    dice.some(json!({"schemes": schemes, "custom": [custom]}))
}

fn retry(dice: &mut Dice) -> Value {
    let backoff = if dice.below(2) == 0 { "exponential" } else { "schedule" };
    let waits = match backoff {
        "exponential" => {
            let mut exponential = dice.some(json!({"max": "60s", "multiplier": 2.5}));
            exponential["initial"] = json!("1.5s");
            exponential
        }
        _ => json!({"waits": ["1s", "0.250s", "3600s"]}),
    };
    let fields = json!({
        "max_attempts": 7, "max_age": "86400s", backoff: waits, "jitter": dice.one(&[0.0, 0.5]),
        "permanent_statuses": [404, 410],
    });
    dice.some(fields)
}

fn transport(dice: &mut Dice, (certificate, key): &(String, String)) -> Value {
    let fields = json!({
        "attempt_timeout": "20s", "ca_certificates_pem": certificate, "insecure_skip_verify": true,
        "trust_system_roots": true, "proxy": "DIRECT",
    });
    let mut transport = dice.some(fields);
    if dice.below(2) == 0 {
        transport["client_certificate_pem"] = json!(certificate);
        transport["client_private_key_pem"] = json!(key);
    }
    transport
}

fn authentication(dice: &mut Dice, key: &str) -> Value {
    if dice.below(2) == 0 {
        return json!({"basic": {"username": dice.one(&["yes", "1e3", "# no"]), "password": "hunter2"}});
    }
    let fields = json!({
        "scopes": ["orders:write", "yes"], "audience": "https://api.example.com", "parameters": {"resource": dice.text()},
    });
    let mut oauth2 = dice.some(fields);
    oauth2["token_url"] = json!("https://auth.example.com/token");
    oauth2["client_id"] = json!("client");
    if dice.below(2) == 0 {
        oauth2["client_authentication"] = json!("PRIVATE_KEY_JWT");
        (oauth2["private_key_pem"], oauth2["key_id"]) = (json!(key), json!("1e3"));
    } else {
        oauth2["client_authentication"] = json!(dice.one(&["BASIC", "POST"]));
        oauth2["client_secret"] = json!("hunter2");
    }
    json!({"oauth2": oauth2})
}

fn webhook(dice: &mut Dice, number: usize, pem: &(String, String)) -> Value {
    let breaker = json!({"failures_to_open": 3, "initial_open": "10s", "max_open": "600s", "suspend_after": "86400s"});
    let limit = json!({"requests_per_second": 2.5, "burst": 3, "max_in_flight": 4});
    let fields = json!({
        "namespace": "acme", "description": dice.text(), "disabled": true, "rules": [rule(dice), rule(dice)],
        "signing": signing(dice), "retry": retry(dice), "circuit_breaker": dice.some(breaker),
        "rate_limit": dice.some(limit), "transport": transport(dice, pem),
        "authentication": authentication(dice, &pem.1), "labels": {"team": "a", "yes": "1e3"},
    });
    let mut webhook = dice.some(fields);
    webhook["display_name"] = json!(format!("{number} {}", dice.one(&["yes", "a: b", "ünï", "#1", "'q'"])));
    webhook["request"] = request(dice);
    webhook
}

/// The fields of these messages that are set in `value`, a message of type `name`.
fn set(schema: &Schema, name: &str, value: &Value, into: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().unwrap() {
        into.insert(format!("{name}.{key}"));
        let field = schema.message(&format!(".tenterhook.v1.{name}")).field.iter().find(|field| field.name() == key);
        let of = field.unwrap_or_else(|| panic!("{name} has no field {key}")).type_name();
        let of = of.rsplit('.').next().unwrap();
        if WRITTEN.contains(&of) {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            values.iter().for_each(|value| set(schema, of, value, into));
        }
    }
}

#[test]
fn an_export_of_random_webhooks_applied_changes_nothing() {
    let (mut dice, pem) = (Dice(20_261_128), certificate());
    let webhooks: Vec<Value> = (0..WEBHOOKS).map(|number| webhook(&mut dice, number, &pem)).collect();
    let (schema, mut fields) = (Schema::new(), BTreeSet::new());
    webhooks.iter().for_each(|webhook| set(&schema, "Webhook", webhook, &mut fields));
    let all = WRITTEN.iter().flat_map(|name| {
        let message = schema.message(&format!(".tenterhook.v1.{name}"));
        message
            .field
            .iter()
            .filter(|field| !NOT_WRITTEN.contains(&field.name()))
            .map(move |f| format!("{name}.{}", f.name()))
    });
    let unset: Vec<String> = all.filter(|field| !fields.contains(field)).collect();
    assert!(unset.is_empty(), "no webhook of the test has {unset:?}");

    let desk = Desk::with(&["--dev", "--allow-insecure-tls"]);
    let documents: Vec<String> = webhooks.iter().map(|webhook| format!("---\n{webhook}\n")).collect();
    let file = desk.file("hooks.yaml", &documents.concat());
    let made = desk.run(&["apply", "-f", &file]).code(0).json();
    assert_eq!(made["changes"].as_array().unwrap().len(), WEBHOOKS);
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
