//! Signatures, as Python's `hmac` and the Standard Webhooks library make and judge them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tenterhook_engine::signature::{Received, Signable};
use tenterhook_engine::{sign, verify};
use tenterhook_model::Timestamp;

use super::wire::{scheme, text};
use super::{check_all, same};

fn body(case: &Value) -> Vec<u8> {
    match case["body_base64"].as_str() {
        Some(encoded) => STANDARD.decode(encoded).unwrap(),
        None => text(case, "body").as_bytes().to_vec(),
    }
}

fn headers(case: &Value) -> Vec<(&str, &str)> {
    case["headers"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

fn check_sign(case: &Value, secrets: &[&str]) -> Result<(), String> {
    let (id, body) = (text(case, "id_header"), body(case));
    let message = Signable { id, timestamp: case["timestamp"].as_i64().unwrap_or(0), body: &body };
    let signed = sign(scheme(text(case, "scheme")), secrets, message).map_err(|error| error.to_string())?;
    let mut signed: Vec<_> = signed.iter().map(|h| (h.name.to_ascii_lowercase(), h.value.to_string())).collect();
    let mut expected: Vec<_> = headers(case).iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    signed.sort();
    expected.sort();
    same("the headers", &signed, &expected)
}

fn check_verify(case: &Value, secrets: &[&str]) -> Result<(), String> {
    let (headers, body) = (headers(case), body(case));
    let now = Timestamp::new(case["now"].as_i64().unwrap_or(0), 0).unwrap();
    let verified = verify(scheme(text(case, "scheme")), secrets, Received { headers: &headers, body: &body, now });
    let judged = if verified.is_ok() { "valid" } else { "invalid" };
    same("the judgement", &judged, &text(case, "expected"))
}

#[test]
fn signatures_are_made_and_judged_as_the_libraries_do() {
    check_all("signatures", |case| {
        let secrets: Vec<&str> = case["secrets"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        match text(case, "category") {
            "sign" => check_sign(case, &secrets).and_then(|()| check_verify(case, &secrets)),
            _ => check_verify(case, &secrets),
        }
    });
}

/// Each recipe of docs/SIGNATURES.md is what verifies a signature that its vendor has published.
#[test]
fn the_recipes_of_the_page_make_the_vendors_own_signatures() {
    let page = include_str!("../../../docs/SIGNATURES.md");
    let vectors: Vec<Value> = include_str!("../../fixtures/custom_signatures.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (heading, id) in [
        ("### Stripe", "custom-stripe-published"),
        ("### Slack", "custom-slack-published"),
        ("### Shopify", "custom-shopify-published"),
        ("### A plain header", "custom-plain"),
    ] {
        let (_, section) = page.split_once(heading).expect(heading);
        let (_, recipe) = section.split_once("```json\n").unwrap();
        let recipe = recipe.split("```").next().unwrap().replace("SIGNATURE_ENCODING_", "");
        let recipe: Value = serde_json::from_str(&recipe).unwrap();
        let vector = vectors.iter().find(|vector| vector["id"] == id).expect(id);
        assert_eq!(
            (&recipe["signing"]["custom"], &vector["expected"]),
            (&vector["custom"], &"valid".into()),
            "{heading}"
        );
    }
}
