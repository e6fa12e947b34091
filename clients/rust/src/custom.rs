//! Verifies the headers that `signing.custom` of a webhook describes: for receivers that keep another system's header.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::verify::{InvalidSignature, TOLERANCE, require_time, standard_key};

/// The places of what is signed.
const IN_CONTENT: &[&str] = &["id", "timestamp", "method", "path", "body"];
/// The places of what a header says.
const IN_VALUE: &[&str] = &["id", "timestamp", "method", "signature"];

/// A header, described by the same fields as in `signing.custom` of the webhook. Describe also a header that holds
/// only the time or the id, when another one signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomSignature {
    /// The header's name.
    pub header: String,
    /// The digest of the HMAC.
    pub algorithm: Algorithm,
    /// How the header writes the signature.
    pub encoding: Encoding,
    /// How a secret holds the key.
    pub key_encoding: KeyEncoding,
    /// What is signed, with `{{id}}`, `{{timestamp}}`, `{{method}}`, `{{path}}` and `{{body}}`.
    pub content: String,
    /// What the header says, with `{{id}}`, `{{timestamp}}`, `{{method}}` and `{{signature}}`; two of them need
    /// something between them.
    pub value: String,
}

impl CustomSignature {
    /// The hexadecimal HMAC-SHA256 of the body in that header.
    #[must_use]
    pub fn new(header: impl Into<String>) -> Self {
        Self {
            header: header.into(),
            algorithm: Algorithm::default(),
            encoding: Encoding::default(),
            key_encoding: KeyEncoding::default(),
            content: "{{body}}".to_owned(),
            value: "{{signature}}".to_owned(),
        }
    }
}

/// The digest of a signature's HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    HmacSha1,
    #[default]
    HmacSha256,
    HmacSha512,
}

/// How a header writes a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Encoding {
    #[default]
    Hex,
    Base64,
}

/// How a secret holds the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum KeyEncoding {
    /// The secret is the key.
    #[default]
    Text,
    Hex,
    Base64,
}

/// What is verified of a request.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body as it arrived, before anything parses it.
    pub body: &'a [u8],
    /// Its method.
    pub method: &'a str,
    /// Its path with the query; only `{{path}}` needs it.
    pub path: Option<&'a str>,
}

impl<'a> Received<'a> {
    /// A POST request.
    #[must_use]
    pub fn post(headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self { headers, body, method: "POST", path: None }
    }
}

/// Verifies custom signatures.
#[derive(Clone, Debug)]
pub struct CustomVerifier {
    /// What the receiver's clock shows; `None` reads the system's.
    pub now: Option<SystemTime>,
    /// How far a time in a header may be from it.
    pub tolerance: Duration,
    checks: Vec<Check>,
}

impl CustomVerifier {
    /// Reads the descriptions; with 300 seconds and the system's clock.
    ///
    /// # Errors
    /// [`InvalidSignature::Description`] when one cannot be read, when what it signs is given by no header, or when none
    /// has a signature.
    pub fn new(signatures: &[CustomSignature]) -> Result<Self, InvalidSignature> {
        let checks: Vec<_> = signatures.iter().map(Check::read).collect::<Result<_, _>>()?;
        let is_read = |place: &str| checks.iter().any(|check| check.value.has(place));
        let is_missing = |check: &Check, place: &str| check.signs() && check.content.has(place) && !is_read(place);
        if checks.iter().any(|check| is_missing(check, "id") || is_missing(check, "timestamp")) {
            return Err(InvalidSignature::Description("the header that holds the id or time is not described"));
        }
        if !is_read("signature") {
            return Err(InvalidSignature::Description("no value has {{signature}}"));
        }
        Ok(Self { now: None, tolerance: TOLERANCE, checks })
    }

    /// Returns `Ok` if every described header is right, each signature by one of `secrets`. Compares in constant time.
    ///
    /// # Errors
    /// [`InvalidSignature`] if one is not.
    pub fn verify<S: AsRef<str>>(&self, received: Received<'_>, secrets: &[S]) -> Result<(), InvalidSignature> {
        if secrets.is_empty() {
            return Err(InvalidSignature::Secret);
        }
        let keys = |check: &Check| secrets.iter().map(|secret| check.key(secret.as_ref())).collect();
        let keys: Vec<Vec<_>> = self.checks.iter().map(keys).collect::<Result<_, _>>()?;
        let needs_path = |check: &Check| check.signs() && check.content.has("path");
        if received.path.is_none() && self.checks.iter().any(needs_path) {
            return Err(InvalidSignature::Description("{{path}} is signed, and the request's path is not given"));
        }
        let mut parts = HashMap::from([("method", received.method)]);
        let mut given = Vec::with_capacity(self.checks.len());
        for check in &self.checks {
            given.push(check.read_header(received.headers, &mut parts)?);
        }
        if let Some(timestamp) = parts.get("timestamp") {
            require_time(timestamp, self.now.unwrap_or_else(SystemTime::now), self.tolerance)?;
        }
        parts.extend(received.path.map(|path| ("path", path)));
        let mut matched = subtle::Choice::from(1);
        for ((check, given), keys) in self.checks.iter().zip(given).zip(&keys) {
            matched &= check.matches(given, keys, &parts, received.body);
        }
        if bool::from(matched) { Ok(()) } else { Err(InvalidSignature::Mismatch) }
    }
}

/// A description, read.
#[derive(Clone, Debug)]
struct Check {
    header: HeaderName,
    given: CustomSignature,
    content: Text,
    value: Text,
}

impl Check {
    fn read(given: &CustomSignature) -> Result<Self, InvalidSignature> {
        let header = HeaderName::from_bytes(given.header.as_bytes())
            .map_err(|_| InvalidSignature::Description("the name of a header is empty or cannot be one"))?;
        let value = Text::read(or(&given.value, "{{signature}}"), IN_VALUE)?;
        let between = value.literals.get(1..value.places.len()).unwrap_or_default();
        if between.iter().any(String::is_empty) {
            return Err(InvalidSignature::Description("two places of a value have nothing between them"));
        }
        let content = Text::read(or(&given.content, "{{body}}"), IN_CONTENT)?;
        Ok(Self { header, given: given.clone(), content, value })
    }

    fn signs(&self) -> bool {
        self.value.has("signature")
    }

    fn key(&self, secret: &str) -> Result<hmac::Key, InvalidSignature> {
        let key = match self.given.key_encoding {
            KeyEncoding::Text => secret.as_bytes().to_vec(),
            KeyEncoding::Base64 => standard_key(secret)?,
            KeyEncoding::Hex => hex::decode(secret).map_err(|_| InvalidSignature::Secret)?,
        };
        let algorithm = match self.given.algorithm {
            Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
        };
        if key.is_empty() { Err(InvalidSignature::Secret) } else { Ok(hmac::Key::new(algorithm, &key)) }
    }

    /// Adds what the header says to `parts`, and gives its signature.
    fn read_header<'a>(
        &'a self,
        headers: &'a HeaderMap,
        parts: &mut HashMap<&'a str, &'a str>,
    ) -> Result<&'a str, InvalidSignature> {
        let text = headers.get(&self.header).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| InvalidSignature::CustomHeader(self.header.clone()))?;
        let said = self.value.split(text).ok_or_else(|| InvalidSignature::Value(self.header.clone()))?;
        let mut signature = "";
        for (place, said) in self.value.places.iter().zip(said) {
            let before = match place.as_str() {
                "signature" if signature.is_empty() => {
                    signature = said;
                    said
                }
                "signature" => signature,
                other => *parts.entry(other).or_insert(said),
            };
            if before != said {
                return Err(InvalidSignature::Value(self.header.clone()));
            }
        }
        Ok(signature)
    }

    fn matches(&self, given: &str, keys: &[hmac::Key], parts: &HashMap<&str, &str>, body: &[u8]) -> subtle::Choice {
        let mut matched = subtle::Choice::from(u8::from(!self.signs()));
        for key in keys {
            let mut mac = hmac::Context::with_key(key);
            for (index, literal) in self.content.literals.iter().enumerate() {
                mac.update(literal.as_bytes());
                match self.content.places.get(index).map(String::as_str) {
                    Some("body") => mac.update(body),
                    Some(place) => mac.update(parts.get(place).copied().unwrap_or_default().as_bytes()),
                    None => {}
                }
            }
            let tag = mac.sign();
            let wanted = match self.given.encoding {
                Encoding::Hex => hex::encode(tag.as_ref()),
                Encoding::Base64 => STANDARD.encode(tag.as_ref()),
            };
            matched |= wanted.as_bytes().ct_eq(given.as_bytes());
        }
        matched
    }
}

/// A text with a place between each two of its literals.
#[derive(Clone, Debug)]
struct Text {
    literals: Vec<String>,
    places: Vec<String>,
}

impl Text {
    fn read(text: &str, known: &[&str]) -> Result<Self, InvalidSignature> {
        let unknown = InvalidSignature::Description("a place of a text is unknown or does not end");
        let (mut literals, mut places, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((before, from)) = rest.split_once("{{") {
            let (name, after) = from.split_once("}}").ok_or_else(|| unknown.clone())?;
            if !known.contains(&name.trim()) {
                return Err(unknown);
            }
            literals.push(before.to_owned());
            places.push(name.trim().to_owned());
            rest = after;
        }
        literals.push(rest.to_owned());
        Ok(Self { literals, places })
    }

    fn has(&self, place: &str) -> bool {
        self.places.iter().any(|one| one == place)
    }

    /// What stands at the places: each ends where the literal after it first stands, the last one at the end. It takes
    /// time in proportion to what is given, whoever wrote it.
    fn split<'a>(&self, given: &'a str) -> Option<Vec<&'a str>> {
        let (first, literals) = self.literals.split_first()?;
        let mut rest = given.strip_prefix(first.as_str())?;
        let Some((last, between)) = literals.split_last() else {
            return rest.is_empty().then(Vec::new);
        };
        let mut said = Vec::with_capacity(self.places.len());
        for literal in between {
            let (before, after) = rest.split_once(literal.as_str())?;
            said.push(before);
            rest = after;
        }
        said.push(rest.strip_suffix(last.as_str())?);
        Some(said)
    }
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}
