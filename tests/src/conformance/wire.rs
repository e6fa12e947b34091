//! Events and webhooks of the test data: proto JSON, read into the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value};
use tenterhook_engine::{AttemptFacts, EventContext};
use tenterhook_model::webhook::{EventRule, HeaderTemplate, HeaderValue, SignatureScheme, SigningKey};
use tenterhook_model::{
    DeliveryId, Event, JsonText, Lane, Namespace, Secret, Snapshots, Timestamp, Webhook, WebhookId, WebhookSpec,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The time of every attempt here.
pub(super) const NOW: i64 = 1_772_809_900;

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .map(|items| items.iter().map(|item| item.as_str().unwrap().to_owned()).collect())
        .unwrap_or_default()
}

fn text_map(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().cloned().unwrap_or_default();
    members.into_iter().map(|(key, value)| (key, value.as_str().unwrap().to_owned())).collect()
}

/// A `JsonDocument`: `json`, or `structured`, in which whole numbers are integers.
pub(super) fn document(value: &Value) -> Option<JsonText> {
    match value {
        Value::Null => None,
        Value::Object(members) => Some(match members.get("structured") {
            Some(structured) => JsonText::parse(&structured.to_string()).unwrap(),
            None => JsonText::parse(members["json"].as_str().unwrap()).unwrap(),
        }),
        other => panic!("{other} is no document"),
    }
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Timestamp::new(time.unix_timestamp(), time.nanosecond())
}

/// An event.
pub(super) fn event(value: &Value) -> Event {
    let snapshots = |value: &Value| Snapshots {
        prechange: document(&value["prechange"]),
        postchange: document(&value["postchange"]),
    };
    let id = value["id"].as_str().unwrap_or("evt-0001");
    Event {
        id: id.parse().unwrap(),
        namespace: Namespace::default(),
        event_type: text(value, "type").into(),
        object_type: text(value, "object_type").to_owned(),
        occur_time: timestamp(text(value, "occur_time")),
        username: text(value, "username").to_owned(),
        request_id: text(value, "request_id").to_owned(),
        data: document(&value["data"]),
        snapshots: value.get("snapshots").map(snapshots),
        request: document(&value["request"]),
        context: document(&value["context"]),
        attributes: text_map(&value["attributes"]),
        ordering_key: text(value, "ordering_key").to_owned(),
        deliver_after: None,
        expire_time: None,
        publish_time: Timestamp::new(NOW - 1, 0).unwrap(),
        trace_parent: None,
    }
}

/// The engine's view of an event.
pub(super) fn context(value: &Value) -> Arc<EventContext> {
    Arc::new(EventContext::new(Arc::new(event(value))))
}

/// An event of the type `created` with data, and snapshots if they are not null.
pub(super) fn context_of(event_type: &str, data: &Value, snapshots: &Value) -> Arc<EventContext> {
    let mut event = event(&Value::Object(Map::new()));
    let json = |value: &Value| (!value.is_null()).then(|| JsonText::parse(&value.to_string()).unwrap());
    (event.event_type, event.object_type) = (event_type.into(), "dcim.site".to_owned());
    event.data = json(data);
    event.snapshots = snapshots.as_object().map(|members| Snapshots {
        prechange: members.get("prechange").and_then(json),
        postchange: members.get("postchange").and_then(json),
    });
    Arc::new(EventContext::new(Arc::new(event)))
}

/// A signature scheme by its name, with or without the prefix of the proto.
pub(super) fn scheme(name: &str) -> SignatureScheme {
    let name = name.trim_start_matches("SIGNATURE_SCHEME_");
    let known = SignatureScheme::ALL.into_iter().find(|scheme| scheme.as_str() == name);
    known.unwrap_or_else(|| panic!("{name} is no scheme"))
}

/// Headers of a webhook.
pub(super) fn header_templates(value: &Value) -> Vec<HeaderTemplate> {
    let header = |value: &Value| HeaderTemplate {
        name: text(value, "name").to_owned(),
        value: match value["sensitive"].as_bool() {
            Some(true) => HeaderValue::Sensitive(Secret::new(text(value, "value"))),
            _ => HeaderValue::Plain(text(value, "value").to_owned()),
        },
    };
    value.as_array().map(|items| items.iter().map(header).collect()).unwrap_or_default()
}

/// A webhook, signed if `secret` is not empty.
pub(super) fn webhook(value: &Value, secret: &str) -> Webhook {
    let request = &value["request"];
    let mut spec = WebhookSpec { display_name: text(value, "display_name").to_owned(), ..WebhookSpec::default() };
    spec.request.url = text(request, "url").to_owned();
    spec.request.allowed_hosts = texts(&request["allowed_hosts"]);
    spec.request.content_type = text(request, "content_type").to_owned();
    spec.request.additional_headers = text(request, "additional_headers").to_owned();
    spec.request.headers = header_templates(&request["headers"]);
    spec.request.body = text(request, "body").to_owned();
    if let Some(method) = request["method"].as_str() {
        spec.request.method = method.trim_start_matches("HTTP_METHOD_").parse().unwrap();
    }
    if let Some(schemes) = value["signing"]["schemes"].as_array() {
        spec.signing = Some(schemes.iter().map(|name| scheme(name.as_str().unwrap())).collect());
    }
    Webhook {
        id: WebhookId::from_bytes([1; 16]),
        lane: Lane(1),
        namespace: Namespace::default(),
        spec,
        halt: None,
        signing_keys: if secret.is_empty() { Vec::new() } else { vec![signing_key(secret)] },
        revision: 1,
        create_time: Timestamp::default(),
        update_time: Timestamp::default(),
    }
}

/// A webhook with this URL and nothing else.
pub(super) fn webhook_to(url: &str) -> Webhook {
    let mut webhook = webhook(&Value::Null, "");
    webhook.spec.request.url = url.to_owned();
    webhook
}

/// A webhook with one rule.
pub(super) fn webhook_with_rule(rule: EventRule) -> Webhook {
    let mut webhook = webhook_to("https://hooks.example.com/in");
    webhook.spec.rules = vec![rule];
    webhook
}

/// A key that does not expire.
pub(super) fn signing_key(secret: &str) -> SigningKey {
    SigningKey {
        id: "key_00000000000000000000000000".parse().unwrap(),
        secret: Secret::new(secret),
        create_time: Timestamp::default(),
        expire_time: None,
    }
}

/// The first attempt of a delivery.
pub(super) fn facts() -> AttemptFacts {
    let now = Timestamp::new(NOW, 0).unwrap();
    AttemptFacts { delivery_id: DeliveryId::new(now, 1, Lane(1)), attempt: 1, now, trace_parent: None }
}

/// A text, or `{"$repeat": [text, n]}`.
pub(super) fn repeated(value: &Value) -> String {
    match &value["$repeat"] {
        Value::Array(parts) => parts[0].as_str().unwrap().repeat(usize::try_from(parts[1].as_u64().unwrap()).unwrap()),
        _ => value.as_str().unwrap_or_default().to_owned(),
    }
}

#[test]
fn structured_numbers_are_read_as_they_are_spelt() {
    let value = serde_json::json!({"structured": {"n": Number::from(4)}});
    assert_eq!(document(&value).unwrap().as_str(), r#"{"n":4}"#);
    assert_eq!(repeated(&serde_json::json!({"$repeat": ["ab", 2]})), "abab");
}
