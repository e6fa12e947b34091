//! Every case of `bad_requests.jsonl`: the code, the reason, the fields and the metadata.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tenterhook_api::access::KeyRing;
use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::bench::{Bench, webhook};
use super::proto_json::Schema;
use super::{fields, raw, reason};
use crate::canary::mark;

/// What was made before the cases, by the name that the cases call it.
pub(crate) struct Fixtures {
    values: BTreeMap<String, String>,
    next_unique: u32,
}

impl Fixtures {
    pub(crate) async fn make(bench: &Bench) -> Self {
        let mut values = BTreeMap::new();
        let mut set = |name: &str, value: String| values.insert(format!("${name}"), value);
        let webhook_id = bench.webhook("existing").await;
        set("existing_name", "existing".into());
        bench.webhook("other existing").await;
        set("other_existing_name", "other existing".into());
        let signed = |name: &str, schemes: Vec<i32>, secret: &str| v1::CreateWebhookRequest {
            webhook: Some(v1::Webhook {
                signing: Some(v1::SigningPolicy { schemes, ..Default::default() }),
                disabled: true,
                ..webhook(name)
            }),
            signing_secret: secret.into(),
            request_id: "17af32f0-852a-46ca-a7d4-33ecd0c13de6".into(),
            ..Default::default()
        };
        let netbox = bench.create(signed("signed", vec![1], &mark::signing("secret"))).await.webhook.unwrap();
        set("signed_webhook_id", netbox.id);
        set("current_key_id", netbox.signing_keys[0].id.clone());
        set("used_request_id", "17af32f0-852a-46ca-a7d4-33ecd0c13de6".into());
        let standard = v1::CreateWebhookRequest { request_id: String::new(), ..signed("standard", vec![2], "") };
        set("sw_webhook_id", bench.create(standard).await.webhook.unwrap().id);
        set("event_id", bench.publish("created").await);
        let finished = bench.attempt(&webhook_id, Next::Succeed).await;
        set("delivery_id", finished[0].to_string());
        bench.publish("created").await;
        let claimed = bench.claim(&webhook_id).await;
        set("in_flight_delivery_id", claimed[0].delivery.id.to_string());
        set("webhook_id", webhook_id);
        let first_page = v1::ListWebhooksRequest { page_size: 1, ..Default::default() };
        let page = bench.webhooks().list_webhooks(first_page).await.unwrap().into_inner();
        set("page_token_of_list_webhooks", page.next_page_token);
        Self { values, next_unique: 0 }
    }

    /// The value with its fixtures and short forms written out.
    pub(crate) fn expand(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) if text == "$unique" => {
                self.next_unique += 1;
                json!(format!("unique {}", self.next_unique))
            }
            Value::String(text) if text.starts_with('$') => {
                json!(self.values.get(text).unwrap_or_else(|| panic!("no fixture {text}")))
            }
            Value::Array(items) => items.iter().map(|item| self.expand(item)).collect(),
            Value::Object(members) => match members.iter().next() {
                Some((form, arguments)) if form.starts_with('$') && members.len() == 1 => {
                    self.short_form(form, arguments)
                }
                _ => Value::Object(members.iter().map(|(key, value)| (key.clone(), self.expand(value))).collect()),
            },
            other => other.clone(),
        }
    }

    fn short_form(&mut self, form: &str, arguments: &Value) -> Value {
        let count = || arguments[1].as_u64().unwrap() as usize;
        match form {
            "$repeat" => json!(arguments[0].as_str().unwrap().repeat(count())),
            "$concat" => {
                let parts = arguments.as_array().unwrap().iter().map(|part| self.expand(part));
                json!(parts.map(|part| part.as_str().unwrap().to_owned()).collect::<String>())
            }
            "$list" => (0..count()).map(|i| numbered(&arguments[0], i)).map(|item| self.expand(&item)).collect(),
            "$map" => {
                let key = |i: usize| arguments[0].as_str().unwrap().replace("$i", &i.to_string());
                Value::Object((0..count()).map(|i| (key(i), json!("v"))).collect::<Map<_, _>>())
            }
            other => panic!("the short form {other} is not known"),
        }
    }
}

/// The value with `$i` replaced by a number in its texts.
fn numbered(value: &Value, number: usize) -> Value {
    match value {
        Value::String(text) => json!(text.replace("$i", &number.to_string())),
        Value::Array(items) => items.iter().map(|item| numbered(item, number)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), numbered(value, number))).collect())
        }
        other => other.clone(),
    }
}

/// The `authorization` header of a case.
pub(crate) fn authorization(bench: &Bench, auth: &str) -> Option<String> {
    let admin = &bench.keys["admin"];
    match auth {
        "none" => None,
        "basic" => Some("Basic dXNlcjpwYXNz".into()),
        "bearer:unknown" => Some(format!("Bearer th_{}", "0".repeat(64))),
        "bearer:revoked" => Some("Bearer th_revoked".into()),
        "bearer:empty" => Some("Bearer ".into()),
        "bearer:truncated" => Some(format!("Bearer {}", &admin[..admin.len() - 1])),
        role => Some(format!("Bearer {}", bench.keys[role])),
    }
}

fn code(name: &str) -> Code {
    match name {
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "NOT_FOUND" => Code::NotFound,
        "ALREADY_EXISTS" => Code::AlreadyExists,
        "ABORTED" => Code::Aborted,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "UNAUTHENTICATED" => Code::Unauthenticated,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "OUT_OF_RANGE" => Code::OutOfRange,
        "UNIMPLEMENTED" => Code::Unimplemented,
        other => panic!("the code {other} is not known"),
    }
}

/// What of a case's expectation the status does not meet.
fn complaint(expect: &Value, status: &Status) -> Option<String> {
    let also = expect["code_also"].as_array().into_iter().flatten();
    let codes: Vec<Code> =
        std::iter::once(&expect["code"]).chain(also).map(|name| code(name.as_str().unwrap())).collect();
    if !codes.contains(&status.code()) {
        return Some(format!("{:?} is none of {codes:?}", status.code()));
    }
    if let Some(wanted) = expect["reason"].as_str().filter(|wanted| *wanted != reason(status)) {
        return Some(format!("the reason is {}, not {wanted}", reason(status)));
    }
    let told = fields(status);
    let wanted = expect["fields"].as_array().into_iter().flatten().chain(expect.get("field"));
    for field in wanted.map(|field| field.as_str().unwrap()) {
        let begins = |told: &String| {
            told.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if !told.iter().any(begins) {
            return Some(format!("{field} is not among {told:?}"));
        }
    }
    let keys = expect["metadata"].as_array().into_iter().flatten().map(|key| key.as_str().unwrap());
    let missing: Vec<&str> = keys.filter(|key| super::metadata(status, key).is_empty()).collect();
    (!missing.is_empty()).then(|| format!("the metadata lacks {missing:?}"))
}

#[tokio::test]
async fn every_bad_request_is_refused_as_the_contract_says() {
    let bench = Bench::new().await;
    let mut fixtures = Fixtures::make(&bench).await;
    let schema = Schema::new();
    let cases = include_str!("../../fixtures/bad_requests.jsonl");
    let mut complaints = Vec::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let rpc = case["rpc"].as_str().unwrap();
        let (path, message) = match schema.methods.get(rpc) {
            Some((path, input)) => (path.clone(), schema.encode(input, &fixtures.expand(&case["request"]))),
            None => (format!("/{rpc}"), Vec::new()),
        };
        let header = authorization(&bench, case["auth"].as_str().unwrap());
        let started = Instant::now();
        let status = raw::call(&bench.routes, &path, header.as_deref(), &message).await;
        let took = started.elapsed();
        if let Some(complaint) = complaint(&case["expect"], &status) {
            complaints.push(format!("{}: {complaint} ({})", case["id"], status.message()));
        }
        // Twice the bound of the contract, for builds without optimisation.
        if took > Duration::from_millis(400) {
            complaints.push(format!("{}: took {took:?}", case["id"]));
        }
    }
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.lines().count(), complaints.join("\n"));
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_its_next_call() {
    let bench = Bench::new().await;
    assert!(bench.webhooks_as("viewer").list_webhooks(v1::ListWebhooksRequest::default()).await.is_ok());
    let without: String =
        bench.ring.lines().filter(|line| !line.contains(" viewer ")).map(|line| format!("{line}\n")).collect();
    bench.access.replace(KeyRing::parse(&without).unwrap());
    let refused = bench.webhooks_as("viewer").list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, "KEY_INVALID"));
}

/// What it repeats, its answer would be searched for.
#[tokio::test]
async fn a_refusal_of_secrets_names_their_fields() {
    let bench = Bench::new().await;
    let schema = Schema::new();
    let admin = authorization(&bench, "admin");
    let bad = json!({
        "webhook": {
            "request": {
                "url": "ftp://x", "headers": [{ "name": "a b", "value": mark::hidden("{{"), "sensitive": true }]
            },
            "transport": { "client_private_key_pem": mark::hidden("key"), "client_certificate_pem": "junk" },
            "signing": { "schemes": ["SIGNATURE_SCHEME_STANDARD_WEBHOOKS"] }
        },
        "signing_secret": mark::hidden("refused"),
    });
    let (path, input) = &schema.methods["CreateWebhook"];
    let status = raw::call(&bench.routes, path, admin.as_deref(), &schema.encode(input, &bad)).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(fields(&status).len() >= 5, "{:?}", fields(&status));
}
