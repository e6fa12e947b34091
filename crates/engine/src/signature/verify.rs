//! What a receiver does with a signature: compares it, over its full length and in constant
//! time, and refuses messages that are too old.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq as _;
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{Timestamp, limits};
use thiserror::Error;

use super::fault::SecretFault;
use super::key::Key;
use super::pair::{is_signed, read_either};
use super::{STANDARD_ID, STANDARD_SIGNATURE, STANDARD_TIMESTAMP};

/// How far `webhook-timestamp` may be from the receiver's clock, either way (the value of
/// the Standard Webhooks libraries).
pub const TOLERANCE: Duration = limits::SIGNATURE_TOLERANCE;

/// Digits of a timestamp, at most; every client library reads as many.
const TIMESTAMP_DIGITS_MAX: usize = 15;

/// A request as a receiver sees it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Its headers; names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The bytes of its body.
    pub body: &'a [u8],
    /// The receiver's clock.
    pub now: Timestamp,
}

impl<'a> Received<'a> {
    fn header(&self, name: &'static str) -> Result<&'a str, SignatureFault> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
            .filter(|value| !value.is_empty())
            .ok_or(SignatureFault::Missing(name))
    }
}

/// Why a request is not taken for genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// A header is missing or empty.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// The timestamp is no whole number of seconds.
    #[error("webhook-timestamp is not a number of seconds")]
    Timestamp,
    /// The timestamp is more than [`TOLERANCE`] from the clock.
    #[error("webhook-timestamp is more than {} seconds away", TOLERANCE.as_secs())]
    TooOld,
    /// No signature matches.
    #[error("no signature matches")]
    Mismatch,
    /// A secret cannot be used with the scheme.
    #[error("the secret {0}")]
    Secret(#[from] SecretFault),
}

/// Whether `request` was signed by `scheme` with any of `secrets`: for the asymmetric one, public
/// keys, or private keys whose public keys count.
///
/// # Errors
/// Says why it is not taken for genuine.
pub fn verify(scheme: SignatureScheme, secrets: &[&str], request: Received<'_>) -> Result<(), SignatureFault> {
    if scheme == SignatureScheme::StandardWebhooksAsymmetric {
        return verify_asymmetric(secrets, request);
    }
    let keys = secrets.iter().map(|secret| Key::new(scheme, secret)).collect::<Result<Vec<_>, _>>()?;
    if scheme == SignatureScheme::StandardWebhooks {
        return verify_standard(&keys, request);
    }
    let given = request.header(scheme.signature_header())?;
    let matches = keys.iter().any(|key| same(&key.signature(&[request.body]), given));
    if matches { Ok(()) } else { Err(SignatureFault::Mismatch) }
}

fn verify_standard(keys: &[Key], request: Received<'_>) -> Result<(), SignatureFault> {
    let (parts, given) = standard(&request)?;
    let expected: Vec<String> = keys.iter().map(|key| key.signature(&parts)).collect();
    let matches = given.split(' ').any(|one| expected.iter().any(|expected| same(expected, one)));
    if matches { Ok(()) } else { Err(SignatureFault::Mismatch) }
}

fn verify_asymmetric(keys: &[&str], request: Received<'_>) -> Result<(), SignatureFault> {
    let keys = keys.iter().map(|key| read_either(key)).collect::<Result<Vec<_>, _>>()?;
    let (parts, given) = standard(&request)?;
    let message = parts.concat();
    let mut signatures = given.split(' ').filter_map(|one| BASE64.decode(one.strip_prefix("v1a,")?).ok());
    let matches = |signature: Vec<u8>| keys.iter().any(|key| is_signed(key, &message, &signature));
    if signatures.any(matches) { Ok(()) } else { Err(SignatureFault::Mismatch) }
}

/// What Standard Webhooks signs of a request, part by part, and the signatures that it carries.
fn standard<'a>(request: &Received<'a>) -> Result<([&'a [u8]; 5], &'a str), SignatureFault> {
    let (id, timestamp) = (request.header(STANDARD_ID)?, request.header(STANDARD_TIMESTAMP)?);
    let given = request.header(STANDARD_SIGNATURE)?;
    if seconds(timestamp)?.abs_diff(request.now.seconds()) > TOLERANCE.as_secs() {
        return Err(SignatureFault::TooOld);
    }
    Ok(([id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body], given))
}

/// A number of digits alone: what `+5`, ` 5`, `5.0` and many leading zeros mean differs from library to library.
fn seconds(text: &str) -> Result<i64, SignatureFault> {
    if text.len() > TIMESTAMP_DIGITS_MAX || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SignatureFault::Timestamp);
    }
    text.parse().map_err(|_| SignatureFault::Timestamp)
}

/// Compares whole texts; only their lengths can be told from the time it takes.
fn same(expected: &str, given: &str) -> bool {
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Signable, private_key, public_key, sign};

    fn check(scheme: SignatureScheme, headers: &[(&str, &str)], now: i64) -> Result<(), SignatureFault> {
        let now = Timestamp::new(now, 0).unwrap();
        let secret = if scheme == SignatureScheme::StandardWebhooks {
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        } else {
            "secret"
        };
        verify(scheme, &[secret], Received { headers, body: b"{}", now })
    }

    #[test]
    fn what_was_signed_verifies_in_every_scheme() {
        for scheme in [SignatureScheme::NetBox, SignatureScheme::StandardWebhooks, SignatureScheme::GitHub] {
            let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
            let message = Signable { id: "evt_1", timestamp: 1_000, body: b"body" };
            let signed = sign(scheme, &["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", secret], message).unwrap();
            let headers: Vec<_> = signed.iter().map(|h| (&*h.name, &*h.value)).collect();
            let received = Received { headers: &headers, body: b"body", now: Timestamp::new(1_300, 0).unwrap() };
            let newest = verify(scheme, &["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"], received);
            assert_eq!(newest, Ok(()), "{scheme:?}");
            let changed = Received { body: b"bodx", ..received };
            assert_eq!(verify(scheme, &[secret], changed), Err(SignatureFault::Mismatch), "{scheme:?}");
            assert_eq!(verify(scheme, &[], received), Err(SignatureFault::Mismatch), "{scheme:?}");
        }
    }

    #[test]
    fn the_public_key_alone_verifies_what_the_private_key_signed() {
        let private = private_key(&[7; 32]);
        let public = public_key(private.expose()).unwrap();
        let message = Signable { id: "evt_1", timestamp: 1_000, body: b"body" };
        let signed = sign(SignatureScheme::StandardWebhooksAsymmetric, &[private.expose()], message).unwrap();
        let mut headers: Vec<_> = signed.iter().map(|h| (&*h.name, &*h.value)).collect();
        let other = public_key(private_key(&[8; 32]).expose()).unwrap();
        let verify = |headers: &[(&str, &str)], keys: &[&str], body: &[u8]| {
            let received = Received { headers, body, now: Timestamp::new(1_000, 0).unwrap() };
            super::verify(SignatureScheme::StandardWebhooksAsymmetric, keys, received)
        };
        assert_eq!(verify(&headers, &[&other, &public], b"body"), Ok(()));
        assert_eq!(verify(&headers, &[private.expose()], b"body"), Ok(()));
        assert_eq!(verify(&headers, &[&other], b"body"), Err(SignatureFault::Mismatch));
        assert_eq!(verify(&headers, &[&public], b"bodx"), Err(SignatureFault::Mismatch));
        assert_eq!(verify(&headers, &["whsec_AAAA"], b"body"), Err(SecretFault::NotPublicKey.into()));
        for given in ["v1a,", "v1a", "v1a,AAAA", &signed[2].value[4..], &signed[2].value.replace("v1a", "v1")] {
            headers[2].1 = given;
            assert_eq!(verify(&headers, &[&public], b"body"), Err(SignatureFault::Mismatch), "{given}");
        }
    }

    #[test]
    fn truncated_signatures_are_refused() {
        for given in ["v1", "v1,", "v1,Uw==", "sha256=", "sha256=9", "3"] {
            assert_eq!(
                check(SignatureScheme::NetBox, &[("x-hook-signature", given)], 0),
                Err(SignatureFault::Mismatch)
            );
            assert_eq!(
                check(SignatureScheme::GitHub, &[("x-hub-signature-256", given)], 0),
                Err(SignatureFault::Mismatch)
            );
            let headers = [("webhook-id", "a"), ("webhook-timestamp", "1"), ("webhook-signature", given)];
            assert_eq!(check(SignatureScheme::StandardWebhooks, &headers, 1), Err(SignatureFault::Mismatch));
        }
    }

    #[test]
    fn a_timestamp_is_digits_and_near_the_clock() {
        let at = |timestamp, now| {
            let headers = [("webhook-id", "a"), ("webhook-timestamp", timestamp), ("webhook-signature", "v1,x")];
            check(SignatureScheme::StandardWebhooks, &headers, now).unwrap_err()
        };
        for bad in ["hello", "-5", "+5", "5.0", " 5", "0000000000000005", "99999999999999999999"] {
            assert_eq!(at(bad, 5), SignatureFault::Timestamp, "{bad}");
        }
        assert_eq!(at("1000", 1_301), SignatureFault::TooOld);
        assert_eq!(at("1000", 699), SignatureFault::TooOld);
        assert_eq!(at("1000", 1_300), SignatureFault::Mismatch);
    }

    #[test]
    fn a_missing_or_empty_header_is_named() {
        for headers in [&[][..], &[("x-hook-signature", "")]] {
            assert_eq!(check(SignatureScheme::NetBox, headers, 0), Err(SignatureFault::Missing("X-Hook-Signature")));
        }
        let headers = [("webhook-id", "a"), ("webhook-signature", "v1,x")];
        assert_eq!(
            check(SignatureScheme::StandardWebhooks, &headers, 0),
            Err(SignatureFault::Missing(STANDARD_TIMESTAMP))
        );
    }
}
