//! Headers that other systems sign with: what is signed and what the header says are small texts
//! with places such as `{{timestamp}}`, which are no templates: they hold no logic and read no data.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use tenterhook_model::webhook::{CustomSignature, HmacAlgorithm, KeyEncoding, SignatureEncoding};
use tenterhook_model::{Header, StandardSecret};

use super::fault::SecretFault;
use super::message::Outgoing;

/// Begins and ends a place.
const BRACES: [&str; 2] = ["{{", "}}"];

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Id,
    Timestamp,
    Method,
    Path,
    Body,
    Signature,
}

/// The places of what is signed.
const OF_CONTENT: [(&str, Place); 5] = [
    ("id", Place::Id),
    ("timestamp", Place::Timestamp),
    ("method", Place::Method),
    ("path", Place::Path),
    ("body", Place::Body),
];
/// The places of a header's value: what is short and legal in a header.
const OF_VALUE: [(&str, Place); 4] =
    [("id", Place::Id), ("timestamp", Place::Timestamp), ("method", Place::Method), ("signature", Place::Signature)];

/// A text with places.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Place(Place),
}

impl Text {
    /// Reads a text, in which only `known` places may stand.
    fn read(text: &str, known: &[(&str, Place)]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once(BRACES[0]) {
            let (name, after) = from.split_once(BRACES[1]).ok_or("has a `{{` without its `}}`")?;
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            let place = known.iter().find(|(known, _)| *known == name.trim());
            let Some((_, place)) = place else {
                let names: Vec<_> = known.iter().map(|(name, _)| format!("{{{{{name}}}}}")).collect();
                return Err(format!("has a place that it cannot have; it may have {}", names.join(", ")));
            };
            pieces.push(Piece::Place(*place));
            rest = after;
        }
        if ["{%", "{#"].iter().any(|tag| text.contains(tag)) {
            return Err("has a tag or comment of a template; only places such as {{body}} are filled in".to_owned());
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    fn has(&self, place: Place) -> bool {
        self.0.contains(&Piece::Place(place))
    }

    /// Gives the text piece by piece, with `signature` at its place.
    fn write(&self, outgoing: &Outgoing<'_>, signature: &str, mut put: impl FnMut(&[u8])) {
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => put(text.as_bytes()),
                Piece::Place(Place::Id) => put(outgoing.message.id.as_bytes()),
                Piece::Place(Place::Timestamp) => put(outgoing.message.timestamp.to_string().as_bytes()),
                Piece::Place(Place::Method) => put(outgoing.method.as_bytes()),
                Piece::Place(Place::Path) => put(outgoing.path.as_bytes()),
                Piece::Place(Place::Body) => put(outgoing.message.body),
                Piece::Place(Place::Signature) => put(signature.as_bytes()),
            }
        }
    }
}

/// A custom signature, ready to be made.
#[derive(Debug, Clone)]
pub(crate) struct Custom {
    header: String,
    algorithm: HmacAlgorithm,
    encoding: SignatureEncoding,
    key_encoding: KeyEncoding,
    content: Text,
    value: Text,
}

/// Whether `secret` holds a key for each of `customs`; those that cannot be read are passed over.
///
/// # Errors
/// Why it does not, without showing it.
pub fn check_custom_secret(customs: &[CustomSignature], secret: &str) -> Result<(), SecretFault> {
    customs.iter().filter_map(|custom| Custom::read(custom).ok()).try_for_each(|custom| custom.key(secret).map(drop))
}

/// The key of a custom signature. Printing it shows nothing of it.
#[derive(Clone)]
pub(super) struct CustomKey(hmac::Key);

impl fmt::Debug for CustomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomKey(***)")
    }
}

impl Custom {
    /// Reads a custom signature, whose header's name is checked elsewhere.
    ///
    /// # Errors
    /// The fields at fault within the custom signature, and what is wrong with each.
    pub(crate) fn read(given: &CustomSignature) -> Result<Self, Vec<(&'static str, String)>> {
        let or = |text: &'_ str, other: &'static str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
        let content = Text::read(&or(&given.content, "{{body}}"), &OF_CONTENT);
        let value = or(&given.value, "{{signature}}");
        let is_legal = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let value = match Text::read(&value, &OF_VALUE) {
            Ok(_) if !is_legal => {
                Err("has characters that a header's value may not have; use printable ASCII".to_owned())
            }
            read => read,
        };
        match (content, value) {
            (Ok(content), Ok(value)) => Ok(Self {
                header: given.header.clone(),
                algorithm: given.algorithm,
                encoding: given.encoding,
                key_encoding: given.key_encoding,
                content,
                value,
            }),
            (content, value) => {
                let faults = [content.err().map(|fault| ("content", fault)), value.err().map(|fault| ("value", fault))];
                Err(faults.into_iter().flatten().collect())
            }
        }
    }

    /// Whether its header holds the signature.
    pub(crate) fn shows_signature(&self) -> bool {
        self.value.has(Place::Signature)
    }

    /// The key that `secret` stands for.
    ///
    /// # Errors
    /// When the secret is not written as the signature has it, or holds no key.
    pub(super) fn key(&self, secret: &str) -> Result<CustomKey, SecretFault> {
        let key = match self.key_encoding {
            KeyEncoding::Text => secret.as_bytes().to_vec(),
            KeyEncoding::Base64 => StandardSecret::read(secret).ok_or(SecretFault::NotBase64)?.key.to_vec(),
            KeyEncoding::Hex => hex::decode(secret).map_err(|_| SecretFault::NotHex)?,
        };
        if key.is_empty() {
            return Err(SecretFault::Empty);
        }
        let algorithm = match self.algorithm {
            HmacAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
        };
        Ok(CustomKey(hmac::Key::new(algorithm, &key)))
    }

    /// The header for `outgoing`.
    pub(super) fn header(&self, key: &CustomKey, outgoing: &Outgoing<'_>) -> Header {
        let mut mac = hmac::Context::with_key(&key.0);
        self.content.write(outgoing, "", |part| mac.update(part));
        let tag = mac.sign();
        let signature = match self.encoding {
            SignatureEncoding::Hex => hex::encode(tag.as_ref()),
            SignatureEncoding::Base64 => BASE64.encode(tag.as_ref()),
        };
        let mut value = Vec::new();
        self.value.write(outgoing, &signature, |part| value.extend_from_slice(part));
        let value = String::from_utf8(value).expect("literals, ids, numbers, methods and encodings are ASCII");
        Header::new(self.header.clone(), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Signable;

    fn custom(content: &str, value: &str) -> CustomSignature {
        CustomSignature {
            header: "X-Signature".into(),
            algorithm: HmacAlgorithm::default(),
            encoding: SignatureEncoding::default(),
            key_encoding: KeyEncoding::default(),
            content: content.into(),
            value: value.into(),
        }
    }

    fn outgoing<'a>(timestamp: i64, body: &'a [u8]) -> Outgoing<'a> {
        Outgoing { message: Signable { id: "evt_1", timestamp, body }, method: "POST", path: "/hook?a=1" }
    }

    fn signed(given: &CustomSignature, secret: &str, outgoing: Outgoing<'_>) -> String {
        let custom = Custom::read(given).unwrap();
        custom.header(&custom.key(secret).unwrap(), &outgoing).value.to_string()
    }

    /// Slack documentation, "Verifying requests from Slack".
    #[test]
    fn the_recipe_for_slack_gives_the_published_signature() {
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                     &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                     &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                     &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let slack = custom("v0:{{timestamp}}:{{body}}", "v0={{ signature }}");
        assert_eq!(
            signed(&slack, "8f742231b10e8888abcd99yyyzzz85a5", outgoing(1_531_420_618, body)),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
        let time = custom("", "{{timestamp}}");
        assert_eq!(signed(&time, "k", outgoing(1_531_420_618, body)), "1531420618");
        assert!(!Custom::read(&time).unwrap().shows_signature() && Custom::read(&slack).unwrap().shows_signature());
    }

    /// GitHub documentation, "Validating webhook deliveries", "Testing the webhook payload validation".
    #[test]
    fn a_plain_signature_of_the_body_is_the_published_one() {
        let plain = custom("", "sha256={{signature}}");
        assert_eq!(
            signed(&plain, "It's a Secret to Everybody", outgoing(0, b"Hello, World!")),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    /// The clients' tests hold that they verify what these vectors have; this one, that it is what is sent.
    #[test]
    fn the_headers_are_those_that_the_clients_verify() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/custom_signatures.jsonl");
        let text = std::fs::read_to_string(path).unwrap();
        let vectors = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut seen = 0;
        for vector in vectors.filter(|vector| vector["expected"] == "valid") {
            let secret = vector["secrets"].as_array().unwrap().last().unwrap().as_str().unwrap();
            let body = vector["body"].as_str().unwrap().as_bytes();
            let sent = Outgoing {
                message: Signable {
                    id: vector["event_id"].as_str().unwrap_or("evt_1"),
                    timestamp: vector["timestamp"].as_i64().unwrap_or(1_700_000_000),
                    body,
                },
                method: vector["method"].as_str().unwrap_or("POST"),
                path: vector["path"].as_str().unwrap_or("/hooks"),
            };
            for fields in vector["custom"].as_array().unwrap() {
                let given = described(fields);
                let headers = vector["headers"].as_object().unwrap();
                let (_, expected) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(&given.header)).unwrap();
                assert_eq!(signed(&given, secret, sent), expected.as_str().unwrap(), "{}", vector["id"]);
                seen += 1;
            }
        }
        assert!(seen >= 22, "{seen}");
    }

    fn described(fields: &serde_json::Value) -> CustomSignature {
        let text = |name: &str| fields[name].as_str().unwrap_or_default();
        CustomSignature {
            header: text("header").to_owned(),
            algorithm: match text("algorithm") {
                "HMAC_SHA1" => HmacAlgorithm::Sha1,
                "HMAC_SHA512" => HmacAlgorithm::Sha512,
                _ => HmacAlgorithm::Sha256,
            },
            encoding: match text("encoding") {
                "BASE64" => SignatureEncoding::Base64,
                _ => SignatureEncoding::Hex,
            },
            key_encoding: match text("key_encoding") {
                "BASE64" => KeyEncoding::Base64,
                "HEX" => KeyEncoding::Hex,
                _ => KeyEncoding::Text,
            },
            ..custom(text("content"), text("value"))
        }
    }

    /// RFC 2202 section 3 (SHA-1) and RFC 4231 section 4.3, test case 2 of each.
    #[test]
    fn every_algorithm_and_encoding_gives_the_published_digest() {
        let body = b"what do ya want for nothing?";
        let sha1 = CustomSignature { algorithm: HmacAlgorithm::Sha1, ..custom("", "") };
        assert_eq!(signed(&sha1, "Jefe", outgoing(0, body)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let sha256 = CustomSignature { encoding: SignatureEncoding::Base64, ..custom("{{body}}", "{{signature}}") };
        let expected = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
        assert_eq!(signed(&sha256, "Jefe", outgoing(0, body)), expected);
        for (key_encoding, secret) in
            [(KeyEncoding::Hex, "4a656665"), (KeyEncoding::Base64, "SmVmZQ=="), (KeyEncoding::Base64, "whsec_SmVmZQ")]
        {
            let custom = CustomSignature { key_encoding, ..sha256.clone() };
            assert_eq!(signed(&custom, secret, outgoing(0, body)), expected, "{secret}");
        }
        let sha512 = CustomSignature { algorithm: HmacAlgorithm::Sha512, ..custom("", "") };
        assert!(signed(&sha512, "Jefe", outgoing(0, body)).starts_with("164b7a7bfcf819e2e395fbe73b56e0a387bd6422"));
    }

    #[test]
    fn every_place_is_filled_in() {
        let all = custom("{{id}}.{{timestamp}}.{{method}}.{{path}}.{{body}}", "t={{timestamp}},i={{id}},m={{method}}");
        let parts = outgoing(7, b"{}");
        assert_eq!(signed(&all, "k", parts), "t=7,i=evt_1,m=POST");
        let one = CustomSignature { value: String::new(), ..all };
        let flat = custom("evt_1.7.POST./hook?a=1.{}", "");
        assert_eq!(signed(&one, "k", parts), signed(&flat, "k", parts));
    }

    #[test]
    fn what_is_no_text_with_places_is_refused_by_its_field() {
        for (content, value, field) in [
            ("{{bodies}}", "", "content"),
            ("{{signature}}", "", "content"),
            ("{{body", "", "content"),
            ("{% if x %}", "", "content"),
            ("", "{{body}}", "value"),
            ("", "{{path}}", "value"),
            ("", "ü{{signature}}", "value"),
            ("", "a\n{{signature}}", "value"),
        ] {
            let faults = Custom::read(&custom(content, value)).unwrap_err();
            assert_eq!(faults.iter().map(|(field, _)| *field).collect::<Vec<_>>(), [field], "{content} {value}");
        }
        assert_eq!(Custom::read(&custom("{{x}}", "{{y}}")).unwrap_err().len(), 2);
    }

    #[test]
    fn a_secret_must_be_written_as_the_signature_has_it() {
        let key = |key_encoding, secret: &str| {
            Custom::read(&CustomSignature { key_encoding, ..custom("", "") }).unwrap().key(secret).map(drop)
        };
        assert_eq!(key(KeyEncoding::Hex, "xyz"), Err(SecretFault::NotHex));
        assert_eq!(key(KeyEncoding::Base64, "!!"), Err(SecretFault::NotBase64));
        assert_eq!(key(KeyEncoding::Base64, "whsec_"), Err(SecretFault::Empty));
        assert_eq!(key(KeyEncoding::Text, "whsec_!!"), Ok(()));
    }
}
