//! Every shared vector of custom signatures.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tenterhook_client::{
    Algorithm, CustomSignature, CustomVerifier, Encoding, InvalidSignature, KeyEncoding, Received,
};

fn described(fields: &Value) -> CustomSignature {
    let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let algorithm = match fields["algorithm"].as_str() {
        Some("HMAC_SHA1") => Algorithm::HmacSha1,
        Some("HMAC_SHA512") => Algorithm::HmacSha512,
        _ => Algorithm::HmacSha256,
    };
    let encoding = if text("encoding") == "BASE64" { Encoding::Base64 } else { Encoding::Hex };
    let key_encoding = match fields["key_encoding"].as_str() {
        Some("HEX") => KeyEncoding::Hex,
        Some("BASE64") => KeyEncoding::Base64,
        _ => KeyEncoding::Text,
    };
    let (content, value) = (text("content"), text("value"));
    CustomSignature { algorithm, encoding, key_encoding, content, value, ..CustomSignature::new(text("header")) }
}

fn check(vector: &Value) -> Result<(), InvalidSignature> {
    let signatures: Vec<_> = vector["custom"].as_array().unwrap().iter().map(described).collect();
    let headers: HeaderMap = vector["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value.as_str().unwrap()).unwrap())
        })
        .collect();
    let secrets: Vec<_> = vector["secrets"].as_array().unwrap().iter().map(|secret| secret.as_str().unwrap()).collect();
    let mut verifier = CustomVerifier::new(&signatures)?;
    verifier.now = Some(UNIX_EPOCH + Duration::from_secs(vector["now"].as_u64().unwrap()));
    let received = Received {
        method: vector["method"].as_str().unwrap_or("POST"),
        path: vector["path"].as_str(),
        ..Received::post(&headers, vector["body"].as_str().unwrap().as_bytes())
    };
    verifier.verify(received, &secrets)
}

#[test]
fn every_custom_vector_is_judged_as_expected() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/custom_signatures.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.lines().count() >= 56);
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let verdict = match check(&vector) {
            Ok(()) => "valid",
            Err(refusal) if refusal.is_misconfiguration() => "misconfigured",
            Err(_) => "invalid",
        };
        assert_eq!(verdict, vector["expected"], "{}", vector["id"]);
    }
}
