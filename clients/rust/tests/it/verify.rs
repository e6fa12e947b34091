//! Every shared vector of signing and verifying, and what the vectors cannot say.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tenterhook_client::{InvalidSignature, Scheme, Verifier, verify};

struct Vector(Value);

impl Vector {
    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    fn headers(&self) -> HeaderMap {
        let headers = self.0["headers"].as_object().unwrap().iter();
        headers
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::from_str(value.as_str().unwrap()).unwrap())
            })
            .collect()
    }

    fn body(&self) -> Vec<u8> {
        match self.0["body_base64"].as_str() {
            Some(encoded) => STANDARD.decode(encoded).unwrap(),
            None => self.text("body").as_bytes().to_vec(),
        }
    }

    fn secrets(&self) -> Vec<&str> {
        self.0["secrets"].as_array().unwrap().iter().map(|secret| secret.as_str().unwrap()).collect()
    }

    fn verifier(&self) -> Verifier {
        let scheme = match self.text("scheme") {
            "NETBOX" => Scheme::NetBox,
            "GITHUB" => Scheme::GitHub,
            "STANDARD_WEBHOOKS" | "STANDARD_WEBHOOKS_ASYMMETRIC" => Scheme::StandardWebhooks,
            other => panic!("{other} is no scheme"),
        };
        let now = self.0["now"].as_u64().map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        Verifier { scheme, now, ..Default::default() }
    }

    fn check(&self, body: &[u8]) -> Result<(), InvalidSignature> {
        self.verifier().verify(&self.headers(), body, &self.secrets())
    }
}

fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/signatures.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| Vector(serde_json::from_str(line).unwrap())).collect()
}

#[test]
fn every_vector_is_judged_as_expected() {
    let vectors = vectors();
    assert!(vectors.len() >= 101);
    for vector in vectors {
        let verdict = vector.check(&vector.body());
        assert_eq!(verdict.is_ok(), vector.text("expected") == "valid", "{}: {verdict:?}", vector.text("id"));
    }
}

#[test]
fn a_changed_body_is_refused() {
    for vector in vectors().into_iter().filter(|vector| vector.text("category") == "sign") {
        let body = [b"x", &vector.body()[..]].concat();
        assert_eq!(vector.check(&body), Err(InvalidSignature::Mismatch), "{}", vector.text("id"));
    }
}

#[test]
fn no_secret_verifies_nothing() {
    let vector = &vectors()[0];
    let verdict = vector.verifier().verify::<&str>(&vector.headers(), &vector.body(), &[]);
    assert_eq!(verdict, Err(InvalidSignature::Secret));
}

#[test]
fn the_clock_is_read_when_no_time_is_given() {
    let vector = &vectors()[0];
    assert_eq!(verify(&vector.headers(), &vector.body(), &vector.secrets()), Err(InvalidSignature::Time));
}

#[test]
fn a_tolerance_can_be_widened() {
    let vector = &vectors()[0];
    let verifier = Verifier { now: None, tolerance: Duration::MAX, ..vector.verifier() };
    assert_eq!(verifier.verify(&vector.headers(), &vector.body(), &vector.secrets()), Ok(()));
}

#[test]
fn what_is_signed_for_a_test_is_what_the_server_signs() {
    let signed: Vec<_> = vectors()
        .into_iter()
        .filter(|vector| vector.text("category") == "sign" && vector.secrets().len() == 1)
        .collect();
    assert!(signed.len() > 5);
    for vector in signed {
        let seconds = vector.0["timestamp"].as_u64().unwrap_or_default();
        let verifier = Verifier { now: Some(UNIX_EPOCH + Duration::from_secs(seconds)), ..vector.verifier() };
        let made = verifier.sign_for_test(vector.text("id_header"), &vector.body(), vector.secrets()[0]);
        assert_eq!(made.unwrap(), vector.headers(), "{}", vector.text("id"));
    }
}

#[test]
fn a_wrong_secret_is_no_attack() {
    for wrong in [vec![], vec![""], vec!["whsec_"], vec!["whsec_ä"], vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""]]
    {
        let verdict = verify(&HeaderMap::new(), b"", &wrong).unwrap_err();
        assert!(verdict.is_misconfiguration(), "{wrong:?}: {verdict}");
    }
    assert!(
        !verify(&HeaderMap::new(), b"", &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).unwrap_err().is_misconfiguration()
    );
}
