//! At least one bad value for every field of every request, complete by the descriptor set: a
//! field that is added to the proto and not checked fails here.

use std::collections::BTreeSet;

use prost_types::field_descriptor_proto::Type;
use serde_json::{Value, json};

use super::bench::Bench;
use super::proto_json::Schema;
use super::{fields, raw, reason};
use crate::canary::mark;

/// Messages that the server writes and never reads.
const ONLY_WRITTEN: [&str; 2] = ["WebhookHealth", "SigningKey"];
/// Fields for which every value is a good one, or which are not read: `Message.field`.
const ANYTHING_GOES: [&str; 23] = [
    "BatchCancelDeliveriesRequest.validate_only",
    "BatchRetryDeliveriesRequest.validate_only",
    "CreateWebhookRequest.validate_only",
    "DeleteWebhookRequest.allow_missing",
    "Event.publish_time",
    "EventRule.disabled",
    "HeaderTemplate.sensitive",
    "ReplayEventsRequest.include_delivered",
    "ReplayEventsRequest.validate_only",
    "StreamPublishEventsRequest.event",
    "StreamPublishEventsRequest.sequence",
    "TransportPolicy.trust_system_roots",
    "UpdateWebhookRequest.validate_only",
    "Webhook.create_time",
    "Webhook.disabled",
    "Webhook.health",
    "Webhook.id",
    "Webhook.signing_keys",
    "Webhook.state",
    "Webhook.state_reason",
    "Webhook.update_time",
    "Webhook.warnings",
    "WatchDeliveriesRequest.resume_token",
];

/// A bad request: the method, the request, and the field that is refused.
type Case = (&'static str, Value, &'static str);

fn long(characters: usize) -> String {
    "x".repeat(characters)
}

fn many(count: usize) -> Value {
    Value::Object((0..count).map(|i| (format!("k{i}"), json!("v"))).collect())
}

/// A CreateWebhook whose webhook has `part` beside what it needs.
fn create(part: Value, field: &'static str) -> Case {
    let mut webhook = json!({ "display_name": "w", "request": { "url": "https://hooks.example.com/" } });
    for (key, value) in part.as_object().unwrap() {
        match (webhook[key].as_object_mut(), value.as_object()) {
            (Some(into), Some(from)) => into.extend(from.clone()),
            _ => webhook[key] = value.clone(),
        }
    }
    ("CreateWebhook", json!({ "webhook": webhook }), field)
}

/// A CreateWebhook with a custom signature that has `part` beside its header.
fn custom(part: Value, field: &'static str) -> Case {
    let mut custom = json!({ "header": "X-Signature" });
    custom.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    create(json!({ "signing": { "custom": [custom] } }), field)
}

fn webhook_cases() -> Vec<Case> {
    vec![
        create(json!({ "namespace": "Bad" }), "webhook.namespace"),
        create(json!({ "display_name": "" }), "webhook.display_name"),
        create(json!({ "description": long(2_001) }), "webhook.description"),
        create(json!({ "rules": vec![json!({}); 65] }), "webhook.rules"),
        create(json!({ "labels": many(65) }), "webhook.labels"),
        create(json!({ "request": { "url": "" } }), "webhook.request"),
        create(json!({ "rules": [{ "display_name": long(151) }] }), "webhook.rules[0].display_name"),
        create(json!({ "rules": [{ "event_types": ["a b"] }] }), "webhook.rules[0].event_types[0]"),
        create(json!({ "rules": [{ "object_types": [""] }] }), "webhook.rules[0].object_types[0]"),
        create(json!({ "rules": [{ "attributes": many(65) }] }), "webhook.rules[0].attributes"),
        create(json!({ "rules": [{ "conditions": { "json": "{" } }] }), "webhook.rules[0].conditions.json"),
        create(json!({ "rules": [{ "conditions": { "structured": 1 } }] }), "webhook.rules[0].conditions"),
        create(json!({ "rules": [{ "expression": "a >" }] }), "webhook.rules[0].expression"),
        create(json!({ "request": { "url": "ftp://x" } }), "webhook.request.url"),
        create(json!({ "request": { "allowed_hosts": ["a b"] } }), "webhook.request.allowed_hosts[0]"),
        create(json!({ "request": { "method": 99 } }), "webhook.request.method"),
        create(json!({ "request": { "content_type": "a\nb" } }), "webhook.request.content_type"),
        create(json!({ "request": { "additional_headers": "Host: x" } }), "webhook.request.additional_headers"),
        create(json!({ "request": { "headers": vec![json!({ "name": "X" }); 65] } }), "webhook.request.headers"),
        create(json!({ "request": { "headers": [{ "name": "a b" }] } }), "webhook.request.headers[0].name"),
        create(
            json!({ "request": { "headers": [{ "name": "A", "value": "{{" }] } }),
            "webhook.request.headers[0].value",
        ),
        create(json!({ "request": { "body": "{{" } }), "webhook.request.body"),
        create(json!({ "request": { "undefined_behavior": 99 } }), "webhook.request.undefined_behavior"),
        create(json!({ "request": { "body_format": 99 } }), "webhook.request.body_format"),
        create(
            json!({ "request": { "body_format": 6, "cloudevents_source": "{{" } }),
            "webhook.request.cloudevents_source",
        ),
        create(json!({ "signing": { "schemes": [99] } }), "webhook.signing.schemes[0]"),
        create(json!({ "signing": { "custom": vec![json!({ "header": "X" }); 5] } }), "webhook.signing.custom"),
        custom(json!({ "header": "a b" }), "webhook.signing.custom[0].header"),
        custom(json!({ "algorithm": 99 }), "webhook.signing.custom[0].algorithm"),
        custom(json!({ "encoding": 99 }), "webhook.signing.custom[0].encoding"),
        custom(json!({ "key_encoding": 99 }), "webhook.signing.custom[0].key_encoding"),
        custom(json!({ "content": "{{signature}}" }), "webhook.signing.custom[0].content"),
        custom(json!({ "value": "{{body}}" }), "webhook.signing.custom[0].value"),
    ]
}

/// A CreateWebhook with OAuth2 client credentials that have `part` beside what they need.
fn oauth2(part: Value, field: &'static str) -> Case {
    let mut oauth2 = json!({
        "token_url": "https://auth.example.com/token", "client_id": "c", "client_secret": mark::hidden("secret"),
    });
    oauth2.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    create(json!({ "authentication": { "oauth2": oauth2 } }), field)
}

fn authentication_cases() -> Vec<Case> {
    let basic = |part: Value, field| create(json!({ "authentication": { "basic": part } }), field);
    vec![
        basic(json!({ "username": "a:b", "password": mark::hidden("p") }), "webhook.authentication.basic.username"),
        basic(json!({ "username": "a" }), "webhook.authentication.basic.password"),
        oauth2(json!({ "token_url": "http://10.0.0.1/" }), "webhook.authentication.oauth2.token_url"),
        oauth2(json!({ "client_id": "" }), "webhook.authentication.oauth2.client_id"),
        oauth2(json!({ "client_authentication": 99 }), "webhook.authentication.oauth2.client_authentication"),
        oauth2(json!({ "client_secret": "" }), "webhook.authentication.oauth2.client_secret"),
        oauth2(json!({ "private_key_pem": mark::hidden("k") }), "webhook.authentication.oauth2.private_key_pem"),
        oauth2(
            json!({ "client_authentication": 3, "client_secret": "", "private_key_pem": mark::hidden("k") }),
            "webhook.authentication.oauth2.private_key_pem",
        ),
        oauth2(json!({ "key_id": "k" }), "webhook.authentication.oauth2.key_id"),
        oauth2(json!({ "scopes": ["a b"] }), "webhook.authentication.oauth2.scopes[0]"),
        oauth2(json!({ "audience": "a\nb" }), "webhook.authentication.oauth2.audience"),
        oauth2(json!({ "parameters": { "scope": "a" } }), "webhook.authentication.oauth2.parameters"),
        create(
            json!({
                "request": { "url": "https://hooks.example.com/", "headers": [{ "name": "authorization", "value": mark::hidden("h") }] },
                "authentication": { "basic": { "username": "a", "password": mark::hidden("p") } },
            }),
            "webhook.request.headers[0].name",
        ),
    ]
}

fn policy_cases() -> Vec<Case> {
    let exponential = |part: Value| json!({ "retry": { "exponential": part } });
    vec![
        create(json!({ "retry": { "max_attempts": 101 } }), "webhook.retry.max_attempts"),
        create(json!({ "retry": { "max_age": "0s" } }), "webhook.retry.max_age"),
        create(json!({ "retry": { "jitter": 1.5 } }), "webhook.retry.jitter"),
        create(json!({ "retry": { "permanent_statuses": [200] } }), "webhook.retry.permanent_statuses[0]"),
        create(exponential(json!({})), "webhook.retry.exponential.initial"),
        create(exponential(json!({ "initial": "5s", "max": "4s" })), "webhook.retry.exponential.max"),
        create(exponential(json!({ "initial": "5s", "multiplier": 11 })), "webhook.retry.exponential.multiplier"),
        create(json!({ "retry": { "schedule": {} } }), "webhook.retry.schedule.waits"),
        create(json!({ "circuit_breaker": { "failures_to_open": -1 } }), "webhook.circuit_breaker.failures_to_open"),
        create(json!({ "circuit_breaker": { "initial_open": "0s" } }), "webhook.circuit_breaker.initial_open"),
        create(json!({ "circuit_breaker": { "max_open": "-1s" } }), "webhook.circuit_breaker.max_open"),
        create(json!({ "circuit_breaker": { "suspend_after": "-1s" } }), "webhook.circuit_breaker.suspend_after"),
        create(json!({ "rate_limit": { "requests_per_second": -1 } }), "webhook.rate_limit.requests_per_second"),
        create(json!({ "rate_limit": { "burst": -1 } }), "webhook.rate_limit.burst"),
        create(json!({ "rate_limit": { "max_in_flight": -1 } }), "webhook.rate_limit.max_in_flight"),
        create(json!({ "transport": { "attempt_timeout": "61s" } }), "webhook.transport.attempt_timeout"),
        create(json!({ "transport": { "ca_certificates_pem": "x" } }), "webhook.transport.ca_certificates_pem"),
        create(json!({ "transport": { "proxy": 99 } }), "webhook.transport.proxy"),
        create(json!({ "transport": { "insecure_skip_verify": true } }), "webhook.transport.insecure_skip_verify"),
        create(
            json!({ "transport": { "client_private_key_pem": mark::hidden("key") } }),
            "webhook.transport.client_certificate_pem",
        ),
        create(json!({ "transport": { "client_certificate_pem": "x" } }), "webhook.transport.client_private_key_pem"),
    ]
}

fn webhook_request_cases() -> Vec<Case> {
    let id = json!("wh_00000000000000000000000000");
    vec![
        ("CreateWebhook", json!({}), "webhook"),
        ("CreateWebhook", json!({ "webhook": {}, "signing_secret": long(256) }), "signing_secret"),
        ("CreateWebhook", json!({ "webhook": {}, "request_id": "x" }), "request_id"),
        ("GetWebhook", json!({ "webhook_id": "x" }), "webhook_id"),
        ("ListWebhooks", json!({ "namespace": "Bad" }), "namespace"),
        ("ListWebhooks", json!({ "page_size": -1 }), "page_size"),
        ("ListWebhooks", json!({ "page_token": "x" }), "page_token"),
        ("ListWebhooks", json!({ "labels": many(65) }), "labels"),
        ("ListWebhooks", json!({ "states": [99] }), "states[0]"),
        ("UpdateWebhook", json!({}), "webhook"),
        ("UpdateWebhook", json!({ "webhook": { "id": "$webhook" }, "update_mask": "nosuch" }), "update_mask"),
        ("DeleteWebhook", json!({ "webhook_id": "x" }), "webhook_id"),
        ("GetWebhook", json!({}), "webhook_id"),
        ("GetWebhook", json!({ "display_name": "w", "namespace": "Bad" }), "namespace"),
        ("GetWebhook", json!({ "display_name": long(151) }), "display_name"),
        ("GetWebhook", json!({ "webhook_id": "$webhook", "display_name": "w" }), "display_name"),
        ("GetWebhook", json!({ "webhook_id": "$webhook", "namespace": "other" }), "namespace"),
        ("PauseWebhook", json!({ "webhook_id": "x" }), "webhook_id"),
        ("PauseWebhook", json!({ "display_name": "w", "namespace": "Bad" }), "namespace"),
        ("PauseWebhook", json!({ "display_name": long(151) }), "display_name"),
        ("ResumeWebhook", json!({ "display_name": "w", "namespace": "Bad" }), "namespace"),
        ("ResumeWebhook", json!({ "display_name": long(151) }), "display_name"),
        ("RotateSigningKey", json!({ "display_name": "w", "namespace": "Bad" }), "namespace"),
        ("RotateSigningKey", json!({ "display_name": long(151) }), "display_name"),
        ("RevokeSigningKey", json!({ "display_name": "w", "namespace": "Bad" }), "namespace"),
        ("RevokeSigningKey", json!({ "display_name": long(151) }), "display_name"),
        ("TestWebhook", json!({ "display_name": "w", "namespace": "Bad" }), "namespace"),
        ("TestWebhook", json!({ "display_name": long(151) }), "display_name"),
        ("TestWebhook", json!({ "webhook_id": "$webhook", "event_id": "a b" }), "event_id"),
        ("PauseWebhook", json!({ "webhook_id": id, "reason": long(2_001) }), "reason"),
        ("ResumeWebhook", json!({ "webhook_id": "x" }), "webhook_id"),
        ("RotateSigningKey", json!({ "webhook_id": "x" }), "webhook_id"),
        ("RotateSigningKey", json!({ "webhook_id": id, "signing_secret": long(256) }), "signing_secret"),
        ("RotateSigningKey", json!({ "webhook_id": id, "grace_period": "2592001s" }), "grace_period"),
        ("RotateSigningKey", json!({ "webhook_id": id, "request_id": "x" }), "request_id"),
        ("RotateSigningKey", json!({ "webhook_id": id, "algorithm": 99 }), "algorithm"),
        ("RevokeSigningKey", json!({ "webhook_id": "x" }), "webhook_id"),
        ("RevokeSigningKey", json!({ "webhook_id": id, "key_id": "x" }), "key_id"),
        ("RenderPreview", json!({ "webhook_id": "x" }), "webhook_id"),
        ("RenderPreview", json!({ "webhook": { "namespace": "Bad" } }), "webhook.namespace"),
        ("RenderPreview", json!({ "webhook": {}, "event_id": "a b" }), "event_id"),
        ("RenderPreview", json!({ "webhook": {}, "event": {} }), "event.type"),
        ("TestWebhook", json!({ "webhook_id": "x" }), "webhook_id"),
        ("TestWebhook", json!({ "webhook_id": "$webhook", "event": {} }), "event.type"),
    ]
}

/// A PublishEvent whose event has `part` beside what it needs.
fn publish(part: Value, field: &'static str) -> Case {
    let mut event = json!({ "type": "created" });
    event.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    ("PublishEvent", json!({ "event": event }), field)
}

fn event_cases() -> Vec<Case> {
    let webhook = "wh_00000000000000000000000000";
    vec![
        publish(json!({ "id": "a b" }), "event.id"),
        publish(json!({ "namespace": "Bad" }), "event.namespace"),
        publish(json!({ "type": "" }), "event.type"),
        publish(json!({ "object_type": long(256) }), "event.object_type"),
        publish(
            json!({ "deliver_after": "2023-11-15T00:00:00Z", "expire_time": "2023-11-14T00:00:00Z" }),
            "event.expire_time",
        ),
        publish(json!({ "username": long(256) }), "event.username"),
        publish(json!({ "request_id": long(256) }), "event.request_id"),
        publish(json!({ "data": { "json": "{" } }), "event.data.json"),
        publish(json!({ "data": {} }), "event.data"),
        publish(json!({ "snapshots": { "prechange": { "json": "{" } } }), "event.snapshots.prechange.json"),
        publish(json!({ "snapshots": { "postchange": { "json": "{" } } }), "event.snapshots.postchange.json"),
        publish(json!({ "request": { "json": "{" } }), "event.request.json"),
        publish(json!({ "context": { "json": "{" } }), "event.context.json"),
        publish(json!({ "attributes": many(65) }), "event.attributes"),
        publish(json!({ "ordering_key": long(256) }), "event.ordering_key"),
        ("PublishEvent", json!({}), "event"),
        ("BatchPublishEvents", json!({}), "events"),
        ("GetEvent", json!({ "event_id": "e", "namespace": "Bad" }), "namespace"),
        ("GetEvent", json!({ "event_id": "" }), "event_id"),
        ("ListEvents", json!({ "namespace": "Bad" }), "namespace"),
        ("ListEvents", json!({ "page_size": -1 }), "page_size"),
        ("ListEvents", json!({ "page_token": "x" }), "page_token"),
        ("ListEvents", json!({ "filter": { "event_ids": ["a b"] } }), "filter.event_ids[0]"),
        ("ListEvents", json!({ "filter": { "event_types": [""] } }), "filter.event_types[0]"),
        ("ListEvents", json!({ "filter": { "object_types": ["***"] } }), "filter.object_types[0]"),
        ("ListEvents", json!({ "filter": { "attributes": many(65) } }), "filter.attributes"),
        ("ExplainEvent", json!({ "event_id": "e", "namespace": "Bad" }), "namespace"),
        ("ExplainEvent", json!({}), "event_id"),
        ("ExplainEvent", json!({ "event_id": "a b" }), "event_id"),
        ("ExplainEvent", json!({ "event": {} }), "event.type"),
        ("ExplainEvent", json!({ "event": { "type": "t" }, "page_size": -1 }), "page_size"),
        ("ExplainEvent", json!({ "event": { "type": "t" }, "page_token": "x" }), "page_token"),
        ("ReplayEvents", json!({ "webhook_id": webhook, "namespace": "Bad" }), "namespace"),
        ("ReplayEvents", json!({ "webhook_id": "x" }), "webhook_id"),
        ("ReplayEvents", json!({ "webhook_id": webhook }), "filter"),
        ("ReplayEvents", json!({ "webhook_id": webhook, "request_id": "x" }), "request_id"),
    ]
}

fn delivery_cases() -> Vec<Case> {
    let filtered = |part: Value, field| ("ListDeliveries", json!({ "filter": part }), field);
    vec![
        ("GetDelivery", json!({ "delivery_id": "x" }), "delivery_id"),
        ("GetDelivery", json!({ "delivery_id": "dlv_00000000000000000000000000", "view": 9 }), "view"),
        ("ListDeliveries", json!({ "namespace": "Bad" }), "namespace"),
        ("ListDeliveries", json!({ "page_size": -1 }), "page_size"),
        ("ListDeliveries", json!({ "page_token": "x" }), "page_token"),
        ("ListDeliveries", json!({ "view": 9 }), "view"),
        filtered(json!({ "webhook_ids": ["x"] }), "filter.webhook_ids[0]"),
        filtered(json!({ "event_ids": ["a b"] }), "filter.event_ids[0]"),
        filtered(json!({ "event_types": [""] }), "filter.event_types[0]"),
        filtered(json!({ "states": [99] }), "filter.states[0]"),
        filtered(json!({ "last_outcomes": [99] }), "filter.last_outcomes[0]"),
        filtered(json!({ "response_statuses": [99] }), "filter.response_statuses[0]"),
        filtered(json!({ "min_attempts": -1 }), "filter.min_attempts"),
        filtered(json!({ "webhook_labels": many(65) }), "filter.webhook_labels"),
        ("WatchDeliveries", json!({ "namespace": "Bad" }), "namespace"),
        ("WatchDeliveries", json!({ "filter": { "start_time": "2026-01-01T00:00:00Z" } }), "filter.start_time"),
        ("WatchDeliveries", json!({ "filter": { "end_time": "2026-01-01T00:00:00Z" } }), "filter.end_time"),
        ("WatchDeliveries", json!({ "view": 9 }), "view"),
        ("WatchDeliveries", json!({ "position": 9 }), "position"),
        ("WatchDeliveries", json!({ "bookmark_interval": "0s" }), "bookmark_interval"),
        ("RetryDelivery", json!({ "delivery_id": "x" }), "delivery_id"),
        ("BatchRetryDeliveries", json!({ "namespace": "Bad" }), "namespace"),
        ("BatchRetryDeliveries", json!({}), "filter"),
        ("CancelDelivery", json!({ "delivery_id": "x" }), "delivery_id"),
        ("BatchCancelDeliveries", json!({ "namespace": "Bad" }), "namespace"),
        ("BatchCancelDeliveries", json!({}), "filter"),
        ("GetDeliveryStats", json!({ "namespace": "Bad" }), "namespace"),
        ("GetDeliveryStats", json!({ "webhook_id": "x" }), "webhook_id"),
        ("GetDeliveryStats", json!({ "window": "59s" }), "window"),
        ("GetDeliveryStats", json!({ "bucket_width": "59s" }), "bucket_width"),
        ("GetDeliveryStats", json!({ "bucket_width": "90s" }), "bucket_width"),
        ("GetDeliveryStats", json!({ "window": "2592000s", "bucket_width": "60s" }), "bucket_width"),
        ("GetDeliveryStats", json!({ "window": "86400s", "bucket_width": "60s" }), "bucket_width"),
    ]
}

fn server_cases() -> Vec<Case> {
    vec![
        ("ListNamespaces", json!({ "page_size": -1 }), "page_size"),
        ("ListNamespaces", json!({ "page_token": "x" }), "page_token"),
    ]
}

fn access_cases() -> Vec<Case> {
    let create = |part: Value, field| {
        let mut request = json!({ "role": "viewer", "display_name": "t" });
        request.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        ("CreateToken", request, field)
    };
    vec![
        create(json!({ "namespace": "Bad" }), "namespace"),
        create(json!({ "role": "king" }), "role"),
        create(json!({ "display_name": "" }), "display_name"),
        create(json!({ "display_name": long(151) }), "display_name"),
        create(json!({ "lifetime": "59s" }), "lifetime"),
        create(json!({ "lifetime": "2592001s" }), "lifetime"),
        create(json!({ "webhook_id": "x" }), "webhook_id"),
        create(json!({ "role": "admin", "webhook_id": "$webhook" }), "webhook_id"),
        ("ListTokens", json!({ "namespace": "Bad" }), "namespace"),
        ("ListTokens", json!({ "page_size": -1 }), "page_size"),
        ("ListTokens", json!({ "page_token": "x" }), "page_token"),
        ("RevokeToken", json!({ "token_id": "x" }), "token_id"),
    ]
}

fn cases() -> Vec<Case> {
    let services = [webhook_request_cases(), event_cases(), delivery_cases(), server_cases(), access_cases()].concat();
    [webhook_cases(), authentication_cases(), policy_cases(), services].concat()
}

/// Fields that are refused for another reason than their form, or only with times that JSON cannot
/// spell; tests elsewhere hold a bad value of each: `Message.field`.
const ELSEWHERE: [&str; 11] = [
    // webhooks.rs: a stale etag.
    "Webhook.etag",
    "DeleteWebhookRequest.etag",
    // The unit tests of wire::event and wire::filter: seconds beyond the year 9999.
    "Event.occur_time",
    "Event.deliver_after",
    "EventFilter.start_time",
    "EventFilter.end_time",
    "WatchDeliveriesRequest.start_time",
    // wire::json: a value without a kind, a number that is none.
    "JsonDocument.structured",
    // bad_requests.rs and the cases of the parts.
    "Snapshots.prechange",
    "Snapshots.postchange",
    "BackoffSchedule.waits",
];

#[tokio::test]
async fn every_case_is_refused_by_the_name_of_its_field() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("stored").await;
    let schema = Schema::new();
    let header = format!("Bearer {}", bench.keys["admin"]);
    let mut complaints = Vec::new();
    for (rpc, request, field) in cases() {
        let request: Value = serde_json::from_str(&request.to_string().replace("$webhook", &webhook)).unwrap();
        let (path, input) = &schema.methods[rpc];
        let status = raw::call(&bench.routes, path, Some(&header), &schema.encode(input, &request)).await;
        let told = fields(&status);
        let named = told
            .iter()
            .any(|told| told.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])));
        if status.code() != tonic::Code::InvalidArgument || reason(&status).is_empty() || !named {
            complaints.push(format!("{rpc} {field}: {:?} {told:?} {}", status.code(), status.message()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The fields that a case's path goes through, as `Message.field`.
fn covered(schema: &Schema, rpc: &str, path: &str) -> Vec<String> {
    let mut message = schema.methods[rpc].1.clone();
    let mut names = Vec::new();
    for step in path.split('.') {
        let step = step.split('[').next().unwrap();
        let short = message.rsplit('.').next().unwrap().to_owned();
        names.push(format!("{short}.{step}"));
        let field = schema.message(&message).field.iter().find(|field| field.name() == step).unwrap();
        message = field.type_name().to_owned();
    }
    names
}

/// Every field of a message and of the messages in it, as `Message.field`.
fn all_fields(schema: &Schema, message: &str, found: &mut BTreeSet<String>) {
    let short = message.rsplit('.').next().unwrap();
    for field in &schema.message(message).field {
        let is_new = found.insert(format!("{short}.{}", field.name()));
        let of_ours = field.r#type() == Type::Message && field.type_name().starts_with(".tenterhook.");
        let is_map = field.type_name().ends_with("Entry");
        if is_new && of_ours && !is_map && !ONLY_WRITTEN.iter().any(|name| field.type_name().ends_with(name)) {
            all_fields(schema, field.type_name(), found);
        }
    }
}

#[test]
fn every_field_of_every_request_has_its_case() {
    let schema = Schema::new();
    let mut all = BTreeSet::new();
    schema.methods.values().for_each(|(_, input)| all_fields(&schema, input, &mut all));
    let mut known: BTreeSet<String> = cases().iter().flat_map(|(rpc, _, path)| covered(&schema, rpc, path)).collect();
    known.extend(ANYTHING_GOES.iter().chain(&ELSEWHERE).map(|name| (*name).to_owned()));
    let missing: Vec<_> = all.difference(&known).collect();
    assert!(missing.is_empty(), "no bad value for {missing:?}");
    let stale: Vec<_> = known.difference(&all).collect();
    assert!(stale.is_empty(), "no such field: {stale:?}");
}
