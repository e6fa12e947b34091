//! Checks that a request came from Tenterhook and was not changed: for receivers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::signature::{ED25519, ED25519_PUBLIC_KEY_LEN, UnparsedPublicKey};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// How far a Standard Webhooks timestamp may be from the receiver's clock, unless told otherwise.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(300);
/// Digits of a timestamp; more are no time.
const TIMESTAMP_DIGITS_MAX: usize = 15;

/// What a public key begins with.
const PUBLIC_PREFIX: &str = "whpk_";
/// What may stand around a secret or key.
const AROUND: [char; 4] = [' ', '\t', '\r', '\n'];

/// Base64 without padding; bits after the last byte do not count.
const BARE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// How requests are signed; what the webhook's `signing.schemes` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`; with a public key (`whpk_…`) among the
    /// secrets also what STANDARD_WEBHOOKS_ASYMMETRIC signs.
    #[default]
    StandardWebhooks,
    /// `X-Hook-Signature`: hex HMAC-SHA512 of the body. Does not protect from replays.
    NetBox,
    /// `X-Hub-Signature-256`: hex HMAC-SHA256 of the body. Does not protect from replays.
    GitHub,
}

/// Why a request must not be trusted, or, where it [is a misconfiguration](Self::is_misconfiguration),
/// what is wrong with the receiver.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSignature {
    /// A header is missing or is no text.
    #[error("the header {0} is missing")]
    Header(&'static str),
    /// A header of a custom signature is missing or is no text.
    #[error("the header {0} is missing")]
    CustomHeader(HeaderName),
    /// A header of a custom signature is not written as its `value` is described, or contradicts the request.
    #[error("the header {0} is not written as its value is described")]
    Value(HeaderName),
    /// The timestamp is no number of seconds.
    #[error("the timestamp is not a number of seconds")]
    Timestamp,
    /// The timestamp is too far from the receiver's clock.
    #[error("the timestamp is too far from the receiver's clock")]
    Time,
    /// A secret or public key is empty or not base64, or there is none.
    #[error("a secret is empty or not base64")]
    Secret,
    /// The request was not signed by any of the secrets, or was changed.
    #[error("no signature matches: the secret is another, or the body was changed")]
    Mismatch,
    /// A custom signature cannot be read, or the request cannot give what it signs.
    #[error("a custom signature is described wrongly: {0}")]
    Description(&'static str),
    /// The body is signed but is no event: the webhook has a body template.
    #[error("the body is signed but is no event: the webhook has a body template; use verify and read the body")]
    Body,
}

impl InvalidSignature {
    /// Whether the receiver itself is wrong, whoever sent the request: answer 500 and fix it, instead of 401.
    #[must_use]
    pub fn is_misconfiguration(&self) -> bool {
        matches!(self, Self::Secret | Self::Body | Self::Description(_))
    }
}

/// Checks with the defaults: [`Scheme::StandardWebhooks`], the system's clock, 300 seconds.
///
/// # Errors
/// [`InvalidSignature`] if none of `secrets` signed the request.
pub fn verify<S: AsRef<str>>(headers: &HeaderMap, body: &[u8], secrets: &[S]) -> Result<(), InvalidSignature> {
    Verifier::default().verify(headers, body, secrets)
}

/// How to check a request.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    /// The scheme to expect.
    pub scheme: Scheme,
    /// What the receiver's clock shows; `None` reads the system's.
    pub now: Option<SystemTime>,
    /// How far the timestamp may be from it.
    pub tolerance: Duration,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { scheme: Scheme::default(), now: None, tolerance: TOLERANCE }
    }
}

impl Verifier {
    /// Returns `Ok` if one of `secrets` signed the request: its headers and its body, as it
    /// arrived, before anything parses it. Compares in constant time.
    ///
    /// # Errors
    /// [`InvalidSignature`] if none did.
    pub fn verify<S: AsRef<str>>(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[S],
    ) -> Result<(), InvalidSignature> {
        if secrets.is_empty() {
            return Err(InvalidSignature::Secret);
        }
        let (publics, secrets): (Vec<_>, Vec<_>) =
            secrets.iter().map(AsRef::as_ref).partition(|secret: &&str| self.is_public(secret));
        let publics: Vec<_> = publics.into_iter().map(public_key).collect::<Result<_, _>>()?;
        let keys: Vec<_> = secrets.into_iter().map(|secret| self.key(secret)).collect::<Result<_, _>>()?;
        let (given, content) = self.read(headers, body)?;
        if is_signed_by_any(&publics, &given, &content) {
            return Ok(());
        }
        let mut matched = subtle::Choice::from(0);
        for key in &keys {
            let version = if self.scheme == Scheme::StandardWebhooks { "v1," } else { "" };
            let wanted = format!("{version}{}", self.sign(key, &content)?);
            for signature in &given {
                matched |= wanted.as_bytes().ct_eq(signature.as_bytes());
            }
        }
        if bool::from(matched) { Ok(()) } else { Err(InvalidSignature::Mismatch) }
    }

    /// The signatures of the request, and the parts that they cover.
    fn read<'a>(
        &self,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Result<(Vec<&'a str>, Vec<&'a [u8]>), InvalidSignature> {
        match self.scheme {
            Scheme::NetBox => Ok((vec![header(headers, "x-hook-signature")?], vec![body])),
            Scheme::GitHub => Ok((vec![header(headers, "x-hub-signature-256")?], vec![body])),
            Scheme::StandardWebhooks => {
                let id = header(headers, "webhook-id")?;
                let timestamp = header(headers, "webhook-timestamp")?;
                require_time(timestamp, self.now.unwrap_or_else(SystemTime::now), self.tolerance)?;
                let given = header(headers, "webhook-signature")?.split(' ').collect();
                Ok((given, vec![id.as_bytes(), b".", timestamp.as_bytes(), b".", body]))
            }
        }
    }

    /// The headers that a delivery of `body` has, for tests of a receiver. `id` is its `webhook-id`; its time
    /// is that of [`Verifier::now`].
    ///
    /// # Errors
    /// When the secret is empty or not base64, or the id cannot be a header.
    pub fn sign_for_test(&self, id: &str, body: &[u8], secret: &str) -> Result<HeaderMap, InvalidSignature> {
        if self.is_public(secret) {
            return Err(InvalidSignature::Secret);
        }
        let key = self.key(secret)?;
        let now = self.now.unwrap_or_else(SystemTime::now);
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let pairs = match self.scheme {
            Scheme::NetBox => vec![("x-hook-signature", self.sign(&key, &[body])?)],
            Scheme::GitHub => vec![("x-hub-signature-256", self.sign(&key, &[body])?)],
            Scheme::StandardWebhooks => {
                let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
                let signature = format!("v1,{}", self.sign(&key, &content)?);
                vec![
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", timestamp.clone()),
                    ("webhook-signature", signature),
                ]
            }
        };
        let headers = pairs.into_iter().map(|(name, value)| {
            let value = HeaderValue::try_from(value).map_err(|_| InvalidSignature::Header(name))?;
            Ok((HeaderName::from_static(name), value))
        });
        headers.collect()
    }

    /// The key of a secret: that of Standard Webhooks is base64, any other is taken as it is.
    fn key(&self, secret: &str) -> Result<Vec<u8>, InvalidSignature> {
        let key = match self.scheme {
            Scheme::StandardWebhooks => standard_key(secret)?,
            Scheme::NetBox | Scheme::GitHub => secret.as_bytes().to_vec(),
        };
        if key.is_empty() { Err(InvalidSignature::Secret) } else { Ok(key) }
    }

    fn is_public(&self, secret: &str) -> bool {
        self.scheme == Scheme::StandardWebhooks && secret.trim_start_matches(AROUND).starts_with(PUBLIC_PREFIX)
    }

    fn sign(&self, key: &[u8], content: &[&[u8]]) -> Result<String, InvalidSignature> {
        Ok(match self.scheme {
            Scheme::NetBox => hex::encode(sha512(key, content)?),
            Scheme::GitHub => format!("sha256={}", hex::encode(sha256(key, content)?)),
            Scheme::StandardWebhooks => STANDARD.encode(sha256(key, content)?),
        })
    }
}

/// Refuses a time that is none, or too far from `now`.
pub(crate) fn require_time(timestamp: &str, now: SystemTime, tolerance: Duration) -> Result<(), InvalidSignature> {
    let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || timestamp.len() > TIMESTAMP_DIGITS_MAX {
        return Err(InvalidSignature::Timestamp);
    }
    let seconds = timestamp.parse().map_err(|_| InvalidSignature::Timestamp)?;
    let sent = UNIX_EPOCH + Duration::from_secs(seconds);
    let apart = now.duration_since(sent).unwrap_or_else(|ahead| ahead.duration());
    if apart > tolerance { Err(InvalidSignature::Time) } else { Ok(()) }
}

/// Reads a Standard Webhooks secret: blanks and line ends around it do not count, the prefix and
/// the padding may be missing.
pub(crate) fn standard_key(secret: &str) -> Result<Vec<u8>, InvalidSignature> {
    let secret = secret.trim_matches(AROUND);
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    bytes_of(encoded)
}

/// Reads base64 whose padding may be missing.
fn bytes_of(encoded: &str) -> Result<Vec<u8>, InvalidSignature> {
    let bare = encoded.trim_end_matches('=');
    if encoded.len() - bare.len() > 2 {
        return Err(InvalidSignature::Secret);
    }
    BARE.decode(bare).map_err(|_| InvalidSignature::Secret)
}

/// Reads a public key of Standard Webhooks.
fn public_key(text: &str) -> Result<Vec<u8>, InvalidSignature> {
    let text = text.trim_matches(AROUND);
    let key = bytes_of(text.strip_prefix(PUBLIC_PREFIX).unwrap_or(text))?;
    if key.len() == ED25519_PUBLIC_KEY_LEN { Ok(key) } else { Err(InvalidSignature::Secret) }
}

/// Whether one of the signatures is by the owner of one of the key pairs.
fn is_signed_by_any(publics: &[Vec<u8>], given: &[&str], content: &[&[u8]]) -> bool {
    let content = content.concat();
    let mut signatures = given.iter().filter_map(|one| STANDARD.decode(one.strip_prefix("v1a,")?).ok());
    signatures.any(|signature| {
        let verifies = |key: &Vec<u8>| UnparsedPublicKey::new(&ED25519, key).verify(&content, &signature).is_ok();
        publics.iter().any(verifies)
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, InvalidSignature> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.filter(|value| !value.is_empty()).ok_or(InvalidSignature::Header(name))
}

fn sha256(key: &[u8], content: &[&[u8]]) -> Result<Vec<u8>, InvalidSignature> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| InvalidSignature::Secret)?;
    content.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().to_vec())
}

fn sha512(key: &[u8], content: &[&[u8]]) -> Result<Vec<u8>, InvalidSignature> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).map_err(|_| InvalidSignature::Secret)?;
    content.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().to_vec())
}
