//! Checks the signatures of a received request.

use std::fmt;

use tenterhook_engine::signature::{self, SignatureFault};
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{Secret, Timestamp};

use crate::receiver::Received;

/// The result of checking one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The scheme, as the API names it; `None` when the request carries no signature at all.
    pub scheme: Option<&'static str>,
    /// What is wrong with it; `None` when it is good.
    pub fault: Option<String>,
}

impl Verdict {
    /// Whether the signature is good.
    pub fn is_good(&self) -> bool {
        self.fault.is_none()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{scheme} ")?;
        }
        match &self.fault {
            None => f.write_str("verified"),
            Some(fault) => write!(f, "NOT verified: {fault}"),
        }
    }
}

/// Checks each signature that `request` carries; nothing without secrets. A request that
/// carries none, although a secret is known, gets a bad verdict.
pub fn verify(request: &Received, secrets: &[Secret], now: Timestamp) -> Vec<Verdict> {
    if secrets.is_empty() {
        return Vec::new();
    }
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect();
    let received = signature::Received { headers: &headers, body: &request.body, now };
    let is_carried = |scheme: &SignatureScheme| {
        let Some(signature) = request.headers.get(scheme.signature_header()) else { return false };
        let signatures = signature.to_str().unwrap_or_default();
        let has = |kind: &str| signatures.split(' ').any(|one| one.starts_with(kind));
        match scheme {
            // The two kinds share a header; that of key pairs counts for who has a public key.
            SignatureScheme::StandardWebhooks => !has("v1a,") || has("v1,"),
            SignatureScheme::StandardWebhooksAsymmetric => {
                has("v1a,") && (!has("v1,") || secrets.iter().any(|secret| secret.expose().starts_with("whpk_")))
            }
            _ => true,
        }
    };
    let carried = SignatureScheme::ALL.into_iter().filter(is_carried);
    let verdicts: Vec<Verdict> = carried.map(|scheme| verdict(scheme, secrets, received)).collect();
    if verdicts.is_empty() {
        let fault = Some("the request carries no signature header".to_owned());
        return vec![Verdict { scheme: None, fault }];
    }
    verdicts
}

fn verdict(scheme: SignatureScheme, secrets: &[Secret], received: signature::Received<'_>) -> Verdict {
    // One by one: a secret that does not fit this scheme may belong to another.
    let mut fault = None;
    for secret in secrets {
        match signature::verify(scheme, &[secret.expose()], received) {
            Ok(()) => return Verdict { scheme: Some(scheme.as_str()), fault: None },
            // What a secret of another scheme lacks is no news while one that fits does not match.
            Err(SignatureFault::Secret(_)) if fault.is_some() => {}
            Err(error) => fault = Some(error),
        }
    }
    let fault = fault.map(|fault| match fault {
        SignatureFault::Secret(_) => format!("no --secret is one of {}", scheme.as_str()),
        other => other.to_string(),
    });
    Verdict { scheme: Some(scheme.as_str()), fault }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::header::HeaderName;
    use hyper::{HeaderMap, Method};
    use tenterhook_engine::signature::{Signable, sign};

    const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn signed(schemes: &[(SignatureScheme, &str)], body: &'static [u8]) -> Received {
        let mut headers = HeaderMap::new();
        for (scheme, secret) in schemes {
            for header in sign(*scheme, &[secret], Signable { id: "evt_1", timestamp: 1_000, body }).unwrap() {
                headers.insert(HeaderName::try_from(&*header.name).unwrap(), header.value.parse().unwrap());
            }
        }
        let peer = "127.0.0.1:4000".parse().unwrap();
        let (path, spelling) = ("/".to_owned(), Default::default());
        Received { peer, method: Method::POST, path, headers, spelling, body: Bytes::from_static(body) }
    }

    fn now() -> Timestamp {
        Timestamp::new(1_010, 0).unwrap()
    }

    #[test]
    fn each_signature_is_judged_by_the_secret_that_fits() {
        let request =
            signed(&[(SignatureScheme::NetBox, "old"), (SignatureScheme::StandardWebhooks, STANDARD_SECRET)], b"{}");
        let secrets = ["new", STANDARD_SECRET, "old"].map(Secret::new);
        let verdicts = verify(&request, &secrets, now());
        assert_eq!(verdicts.len(), 2);
        assert!(verdicts.iter().all(Verdict::is_good), "{verdicts:?}");
    }

    #[test]
    fn a_changed_body_and_a_wrong_secret_are_found() {
        let mut request = signed(&[(SignatureScheme::GitHub, "s3cret")], b"{}");
        assert!(!verify(&request, &[Secret::new("other")], now())[0].is_good());
        request.body = Bytes::from_static(b"{ }");
        let verdict = &verify(&request, &[Secret::new("s3cret")], now())[0];
        assert_eq!(verdict.to_string(), "GITHUB NOT verified: no signature matches");
    }

    #[test]
    fn an_unsigned_request_is_fine_only_for_those_who_know_no_secret() {
        let request = signed(&[], b"{}");
        assert!(verify(&request, &[], now()).is_empty());
        let verdict = &verify(&request, &[Secret::new("s3cret")], now())[0];
        assert_eq!(verdict.to_string(), "NOT verified: the request carries no signature header");
    }

    #[test]
    fn a_secret_of_another_scheme_is_said_to_be_one() {
        let request = signed(&[(SignatureScheme::StandardWebhooks, STANDARD_SECRET)], b"{}");
        let verdict = |secrets: &[&str]| {
            let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
            verify(&request, &secrets, now())[0].to_string()
        };
        assert_eq!(verdict(&["s3cret!"]), "STANDARD_WEBHOOKS NOT verified: no --secret is one of STANDARD_WEBHOOKS");
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        for secrets in [[other, "s3cret!"], ["s3cret!", other]] {
            assert_eq!(verdict(&secrets), "STANDARD_WEBHOOKS NOT verified: no signature matches");
        }
    }

    #[test]
    fn a_public_key_verifies_what_a_key_pair_signed() {
        let private = signature::private_key(&[7; 32]);
        let public = signature::public_key(private.expose()).unwrap();
        let request = signed(&[(SignatureScheme::StandardWebhooksAsymmetric, private.expose())], b"{}");
        let verdicts = |key: &str| verify(&request, &[Secret::new(key)], Timestamp::new(1_000, 0).unwrap());
        let good = verdicts(&public);
        assert_eq!((good.len(), good[0].scheme), (1, Some("STANDARD_WEBHOOKS_ASYMMETRIC")));
        assert!(good[0].is_good(), "{}", good[0]);
        let other = signature::public_key(signature::private_key(&[8; 32]).expose()).unwrap();
        assert!(!verdicts(&other)[0].is_good());
        assert_eq!(
            verdicts(STANDARD_SECRET)[0].fault.as_deref(),
            Some("no --secret is one of STANDARD_WEBHOOKS_ASYMMETRIC")
        );
    }

    #[test]
    fn what_a_verdict_says() {
        let shown = |scheme, fault: Option<&str>| Verdict { scheme, fault: fault.map(str::to_owned) }.to_string();
        assert_eq!(shown(Some("GITHUB"), None), "GITHUB verified");
        assert_eq!(shown(Some("GITHUB"), Some("x")), "GITHUB NOT verified: x");
        assert_eq!((shown(None, Some("x")), shown(None, None)), ("NOT verified: x".to_owned(), "verified".to_owned()));
    }

    #[test]
    fn every_scheme_that_a_request_carries_has_its_verdict_in_one_order() {
        let request = signed(
            &[
                (SignatureScheme::GitHub, "s3cret"),
                (SignatureScheme::StandardWebhooks, STANDARD_SECRET),
                (SignatureScheme::NetBox, "s3cret"),
            ],
            b"{}",
        );
        let of = |secret: &str| -> Vec<(Option<&str>, bool)> {
            verify(&request, &[Secret::new(secret)], now()).iter().map(|one| (one.scheme, one.is_good())).collect()
        };
        let names = ["NETBOX", "STANDARD_WEBHOOKS", "GITHUB"].map(Some);
        assert_eq!(of("s3cret"), [(names[0], true), (names[1], false), (names[2], true)]);
        assert_eq!(of(STANDARD_SECRET), [(names[0], false), (names[1], true), (names[2], false)]);
    }

    #[test]
    fn a_timestamp_too_old_or_too_new_is_no_good_signature() {
        let request = signed(&[(SignatureScheme::StandardWebhooks, STANDARD_SECRET)], b"{}");
        let good = |seconds| {
            verify(&request, &[Secret::new(STANDARD_SECRET)], Timestamp::new(seconds, 0).unwrap())[0].is_good()
        };
        // Five minutes to both sides (Standard Webhooks, "Verifying signatures").
        assert_eq!([700, 1_000, 1_300].map(good), [true; 3]);
        assert_eq!([699, 1_301, 0, 100_000].map(good), [false; 4]);
    }

    #[test]
    fn a_signature_header_that_is_no_text_is_a_bad_signature() {
        let mut request = signed(&[(SignatureScheme::GitHub, "s3cret")], b"{}");
        request
            .headers
            .insert(signature::GITHUB_SIGNATURE, hyper::header::HeaderValue::from_bytes(b"sha256=\xff").unwrap());
        let verdicts = verify(&request, &[Secret::new("s3cret")], now());
        assert_eq!((verdicts.len(), verdicts[0].scheme, verdicts[0].is_good()), (1, Some("GITHUB"), false));
    }
}
