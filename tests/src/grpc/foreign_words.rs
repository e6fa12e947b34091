//! Errors in our own words, walked over the descriptor set: every text field of every request is
//! filled with texts that are nearly right. No answer has the words of a library or the name of a
//! Rust type, none is long, and none repeats what may be a secret.

use std::time::Duration;

use prost_types::FieldDescriptorProto;
use prost_types::field_descriptor_proto::Type;
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::bench::Bench;
use super::proto_json::{Schema, bytes_field};
use super::raw;

/// What is looked for in answers.
const CANARY: &str = "cAnArY7zQ";
/// Characters of a violation, and of the message of a status, which spells out three.
const VIOLATION_CHARS: usize = 300;
const MESSAGE_CHARS: usize = 500;
/// Messages within messages.
const DEPTH: usize = 6;

/// Fields that may hold a secret, whatever their message.
const SECRET_FIELDS: [&str; 12] = [
    "password",
    "client_secret",
    "private_key_pem",
    "signing_secret",
    "client_private_key_pem",
    "client_certificate_pem",
    "ca_certificates_pem",
    "additional_headers",
    "page_token",
    "resume_token",
    "etag",
    "headers.value",
];
/// Where a URL has its secrets: texts of [`shapes`] whose canary is in one of these places.
const SECRET_URLS: [&str; 4] = ["u:", "?q=", "scheme:", "user:"];

/// What libraries say, and how Rust writes its types.
const FOREIGN: [&str; 34] = [
    "expected value at line",
    "EOF while parsing",
    "trailing characters",
    "key must be a string",
    "invalid type:",
    "missing field",
    "recursion limit",
    "lone leading surrogate",
    "relative URL without a base",
    "empty host",
    "invalid port number",
    "invalid international domain name",
    "invalid IPv",
    "invalid digit found",
    "number too large to fit",
    "invalid utf-8",
    "Utf8Error",
    "ParseIntError",
    "InvalidCertificate(",
    "UnknownIssuer",
    "Custom {",
    "Os {",
    "(os error",
    "Error(",
    "Some(",
    "Error {",
    "failed to decode",
    "Protobuf",
    "panicked",
    "regex parse error",
    "unclosed group",
    "section end marker",
    "minijinja",
    "PrivateKey",
];

/// Texts that are nearly a PEM, URL, header, template, token, JSON, pattern or secret.
fn shapes() -> Vec<String> {
    // The canary takes the place of `¤`.
    let short = [
        "¤",
        "¤:¤",
        "wh_¤",
        "whsec_¤!",
        "whsec_¤",
        "{{ ¤",
        "{{ ¤.x | ¤ }}",
        "{% ¤ %}",
        "{{ ¤() }}{{ '¤' + }}",
        "-----BEGIN CERTIFICATE-----\n¤\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----¤!",
        "-----BEGIN PRIVATE KEY-----\n¤\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----¤",
        "https://u:¤@example.com/",
        "https://example.com:99999/?q=¤",
        "https://exa mple.com/?q=¤",
        "scheme:¤",
        "user:¤@example.com/",
        "http://[¤]/",
        "https://example.com/{{ ¤",
        "{\"¤\": 1,}",
        "[\"¤\" ¤]",
        "{'¤': 1}",
        "\"\\ud800¤\"",
        "[1e999, \"¤\"]",
        "{\"and\": [{\"attr\": \"¤\", \"op\": \"¤\", \"value\": \"¤\"}]}",
        "{\"attr\": \"a\", \"op\": \"regex\", \"value\": \"(¤\"}",
        "X ¤: ¤",
        "Host: ¤\nX-A: {{ ¤ }}",
        "\u{0}¤",
        "¤\u{2028}",
        "2023-¤",
    ];
    let mut shapes: Vec<String> = short.iter().map(|shape| shape.replace('¤', CANARY)).collect();
    shapes.push(CANARY.repeat(1_000));
    shapes.push(format!("{{{{ {} }}}}", CANARY.repeat(100)));
    shapes.push(format!("[{}", "9".repeat(400) + "e999"));
    shapes
}

/// A text field of a request: the fields that lead to it.
type Leaf = Vec<FieldDescriptorProto>;

fn leaves(schema: &Schema, message: &str, path: &mut Leaf, found: &mut Vec<Leaf>) {
    for field in &schema.message(message).field {
        path.push(field.clone());
        match field.r#type() {
            Type::String | Type::Bytes => found.push(path.clone()),
            Type::Message if field.type_name().ends_with(".FieldMask") => found.push(path.clone()),
            Type::Message if field.type_name().starts_with(".tenterhook.") && path.len() < DEPTH => {
                leaves(schema, field.type_name(), path, found);
            }
            _ => {}
        }
        path.pop();
    }
}

fn name(leaf: &Leaf) -> String {
    leaf.iter().map(FieldDescriptorProto::name).collect::<Vec<_>>().join(".")
}

/// The message in which only this field is set.
fn filled(leaf: &[FieldDescriptorProto], text: &[u8]) -> Vec<u8> {
    let (first, rest) = leaf.split_first().unwrap();
    let mut out = Vec::new();
    let inner = match rest {
        [] if first.r#type() == Type::Message => {
            let mut mask = Vec::new();
            bytes_field(&mut mask, 1, text);
            mask
        }
        [] => text.to_vec(),
        rest => filled(rest, text),
    };
    bytes_field(&mut out, first.number() as u32, &inner);
    out
}

/// What a request has besides the field that is wrong: messages on the wire are merged.
fn base(rpc: &str, webhook: &str) -> Value {
    let draft = json!({ "display_name": "walked", "request": { "url": "https://hooks.example.com/" } });
    match rpc {
        "CreateWebhook" => json!({ "webhook": draft, "validate_only": true }),
        "UpdateWebhook" => json!({ "webhook": { "id": webhook }, "validate_only": true }),
        "RenderPreview" => json!({ "webhook": draft, "event": { "type": "created" } }),
        "TestWebhook" => json!({ "webhook_id": webhook, "event": { "type": "created" } }),
        "RotateSigningKey" | "RevokeSigningKey" | "ReplayEvents" => json!({ "webhook_id": webhook }),
        "PublishEvent" | "StreamPublishEvents" => json!({ "event": { "type": "created" } }),
        _ => json!({}),
    }
}

/// Every text of a status.
fn texts(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let mut texts = vec![status.message().to_owned()];
    let violations = details.bad_request().map(|bad| &*bad.field_violations).unwrap_or_default();
    texts.extend(violations.iter().flat_map(|violation| [violation.field.clone(), violation.description.clone()]));
    texts.extend(details.error_info().into_iter().flat_map(|info| info.metadata.values().cloned()));
    let quotas = details.quota_failure().map(|quota| &*quota.violations).unwrap_or_default();
    texts.extend(quotas.iter().map(|quota| quota.description.clone()));
    texts
}

/// What is wrong with the texts of an answer to a request in which `leaf` was `shape`.
fn complaint(leaf: &str, shape: &str, texts: &[String]) -> Option<String> {
    let field = leaf.rsplit('.').next().unwrap();
    // The words of a template's code are named where they are wrong; its literal text is a value.
    let is_code = leaf.contains("header") && shape.starts_with("{%") || shape.starts_with("{{ cAnArY7zQ.x");
    let is_secret = SECRET_FIELDS.iter().any(|secret| leaf.ends_with(secret)) && !is_code
        || (field == "url" && SECRET_URLS.iter().any(|place| shape.contains(place)));
    for (index, text) in texts.iter().enumerate() {
        let longest = if index == 0 { MESSAGE_CHARS } else { VIOLATION_CHARS };
        let canary = CANARY.to_lowercase();
        if let Some(words) = FOREIGN.iter().find(|words| text.contains(**words)) {
            return Some(format!("`{words}` in {text}"));
        }
        if text.chars().count() > longest {
            return Some(format!("{} characters: {text}", text.chars().count()));
        }
        if is_secret && text.to_lowercase().contains(&canary) {
            return Some(format!("repeats what may be a secret: {text}"));
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn every_error_is_in_our_own_words_short_and_without_secrets() {
    let bench = Bench::new().await;
    let webhook = bench.webhook("stored").await;
    let schema = Schema::new();
    let header = format!("Bearer {}", bench.keys["admin"]);
    let mut methods: Vec<_> = schema.methods.iter().collect();
    methods.sort();
    let (mut complaints, mut refused, shapes) = (Vec::new(), 0, shapes());
    for (rpc, (path, input)) in methods {
        let base = schema.encode(input, &base(rpc, &webhook));
        let mut found = Vec::new();
        leaves(&schema, input, &mut Vec::new(), &mut found);
        for leaf in &found {
            let broken = shapes.iter().map(|shape| (shape.as_str(), filled(leaf, shape.as_bytes())));
            let not_text = [("bytes that are no text", filled(leaf, b"cAnArY7zQ\xff\xfe"))];
            for (shape, part) in broken.chain(not_text) {
                let message = [base.clone(), part].concat();
                // A watch that is let in goes on for ever; all else has its answer by then.
                let call = timeout(Duration::from_secs(5), raw::call(&bench.routes, path, Some(&header), &message));
                let Ok(status) = call.await else { continue };
                refused += usize::from(status.code() != tonic::Code::Ok);
                let complaint = complaint(&name(leaf), shape, &texts(&status));
                complaints.extend(complaint.map(|what| format!("{rpc} {} = {shape:.60?}: {what}", name(leaf))));
            }
        }
    }
    assert!(refused > 2_000, "{refused} refused: too few to tell anything");
    complaints.dedup();
    assert!(complaints.is_empty(), "{}:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_walk_would_see_what_it_looks_for() {
    let bad = [
        ("webhook.request.url", "https://u:C", "has the user `canary7zq`".to_owned()),
        ("signing_secret", "C", format!("`{CANARY}` is not base64")),
        ("event.data.json", "{", "expected value at line 1 column 2".to_owned()),
        ("event.type", "x", "x".repeat(301)),
    ];
    for (leaf, shape, text) in bad {
        assert!(complaint(leaf, shape, &["fine".to_owned(), text.clone()]).is_some(), "{leaf}: {text}");
    }
    assert_eq!(complaint("event.type", "C", &[format!("`{CANARY}` is not a type")]), None);
}
