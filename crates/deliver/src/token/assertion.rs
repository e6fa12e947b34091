//! The assertion of a client that authenticates by a private key (RFC 7523 section 3): a JWT whose
//! algorithm is that of the key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;
use tenterhook_model::{Entropy, Timestamp};

use crate::pem::{self, Section};

/// How long an assertion is valid, in seconds: token servers refuse long-lived ones, and clocks differ.
const LIFE: i64 = 300;
/// Bytes of chance in the identifier of an assertion.
const ID_BYTES: usize = 16;

/// What is said of a key that cannot be read; nothing of the key.
const UNREADABLE: &str = "must be one private key in PEM, PKCS #8 or PKCS #1, not encrypted; convert another one with \
                          `openssl pkcs8 -topk8 -nocrypt`";
/// What is said of a key of another kind.
const UNSUITED: &str = "is of a kind that cannot sign; use RSA with 2,048 to 4,096 bits, ECDSA on P-256 or Ed25519";

/// What an assertion says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claims<'a> {
    /// The client, as issuer and subject.
    pub(super) client_id: &'a str,
    /// The token endpoint, which it is for.
    pub(super) audience: &'a str,
    /// `kid`; empty leaves it out.
    pub(super) key_id: &'a str,
    /// When it is issued.
    pub(super) now: Timestamp,
}

/// A private key, by its algorithm.
enum Key {
    Rs256(Box<RsaKeyPair>),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// Whether `pem` is a key that can sign assertions.
///
/// # Errors
/// Says what is wrong with it, and shows nothing of it.
pub(crate) fn check(pem: &str) -> Result<(), &'static str> {
    Key::read(pem).map(drop)
}

/// An assertion signed with the key in `pem`.
///
/// # Errors
/// When the key cannot sign.
pub(super) fn sign(pem: &str, claims: Claims<'_>, entropy: &dyn Entropy) -> Result<String, &'static str> {
    let key = Key::read(pem)?;
    let mut header = json!({ "alg": key.algorithm(), "typ": "JWT" });
    if !claims.key_id.is_empty() {
        header["kid"] = claims.key_id.into();
    }
    let mut id = [0; ID_BYTES];
    entropy.fill(&mut id);
    let issued = claims.now.seconds();
    let payload = json!({
        "iss": claims.client_id,
        "sub": claims.client_id,
        "aud": claims.audience,
        "iat": issued,
        "exp": issued + LIFE,
        "jti": BASE64URL.encode(id),
    });
    let encode = |part: &serde_json::Value| BASE64URL.encode(part.to_string());
    let mut assertion = format!("{}.{}", encode(&header), encode(&payload));
    let signature = key.sign(assertion.as_bytes()).ok_or(UNSUITED)?;
    assertion.push('.');
    BASE64URL.encode_string(signature, &mut assertion);
    Ok(assertion)
}

impl Key {
    fn read(pem: &str) -> Result<Self, &'static str> {
        let sections = pem::sections(pem).map_err(|_| UNREADABLE)?;
        let mut keys = sections.into_iter().filter(Section::is_key);
        let (Some(key), None) = (keys.next(), keys.next()) else { return Err(UNREADABLE) };
        let bytes = key.bytes.ok_or(UNREADABLE)?;
        // Tools write one kind under the name of another, so the bytes say which it is.
        match PrivateKeyDer::try_from(bytes).map_err(|_| UNREADABLE)? {
            PrivateKeyDer::Pkcs1(key) => {
                let key = RsaKeyPair::from_der(key.secret_pkcs1_der());
                key.map(|key| Self::Rs256(Box::new(key))).map_err(|_| UNSUITED)
            }
            PrivateKeyDer::Pkcs8(key) => Self::of_pkcs8(key.secret_pkcs8_der()).ok_or(UNSUITED),
            _ => Err(UNREADABLE),
        }
    }

    fn of_pkcs8(bytes: &[u8]) -> Option<Self> {
        let es256 = || EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &SystemRandom::new());
        let rs256 = RsaKeyPair::from_pkcs8(bytes).map(|key| Self::Rs256(Box::new(key)));
        // OpenSSL writes Ed25519 keys without their public half.
        let eddsa = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes).map(Self::EdDsa);
        rs256.or_else(|_| es256().map(Self::Es256)).or_else(|_| eddsa()).ok()
    }

    /// Its name (RFC 7518 section 3.1, RFC 8037 section 3.1).
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Es256(key) => {
                key.sign(&SystemRandom::new(), message).ok().map(|signature| signature.as_ref().to_vec())
            }
            Self::EdDsa(key) => Some(key.sign(message).as_ref().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };
    use serde_json::Value;
    use tenterhook_model::OsEntropy;

    /// Keys that `openssl genpkey` made, in the two forms of RSA.
    const RSA: &str = include_str!("../tests/keys/rsa.pem");
    const RSA_PKCS1: &str = include_str!("../tests/keys/rsa-pkcs1.pem");
    const P256: &str = include_str!("../tests/keys/p256.pem");
    const ED25519_KEY: &str = include_str!("../tests/keys/ed25519.pem");
    /// What cannot be used: another curve, a short modulus, SEC 1.
    const UNUSABLE: [&str; 3] = [
        include_str!("../tests/keys/p384.pem"),
        include_str!("../tests/keys/rsa-1024.pem"),
        include_str!("../tests/keys/p256-sec1.pem"),
    ];

    fn signed(pem: &str, key_id: &str) -> (Value, Value, String, Vec<u8>) {
        let now = Timestamp::new(1_000, 0).unwrap();
        let claims = Claims { client_id: "c", audience: "https://auth.example.com/token", key_id, now };
        let assertion = sign(pem, claims, &OsEntropy).unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        let decode = |part: &str| serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap();
        (decode(header), decode(payload), signed.to_owned(), BASE64URL.decode(signature).unwrap())
    }

    fn public_key(pem: &str) -> Vec<u8> {
        match Key::read(pem).unwrap() {
            Key::Rs256(key) => key.public_key().as_ref().to_vec(),
            Key::Es256(key) => key.public_key().as_ref().to_vec(),
            Key::EdDsa(key) => key.public_key().as_ref().to_vec(),
        }
    }

    #[test]
    fn each_kind_of_key_signs_by_its_algorithm() {
        let cases: [(&str, &str, &'static dyn VerificationAlgorithm); 4] = [
            (RSA, "RS256", &RSA_PKCS1_2048_8192_SHA256),
            (RSA_PKCS1, "RS256", &RSA_PKCS1_2048_8192_SHA256),
            (P256, "ES256", &ECDSA_P256_SHA256_FIXED),
            (ED25519_KEY, "EdDSA", &ED25519),
        ];
        for (pem, algorithm, verification) in cases {
            let (header, _, message, signature) = signed(pem, "");
            assert_eq!(header, json!({ "alg": algorithm, "typ": "JWT" }));
            let key = UnparsedPublicKey::new(verification, public_key(pem));
            assert!(key.verify(message.as_bytes(), &signature).is_ok(), "{algorithm}");
        }
    }

    #[test]
    fn a_key_is_what_its_bytes_are_whatever_it_is_called() {
        let renamed = [RSA_PKCS1.replace("RSA PRIVATE", "PRIVATE"), RSA.replace("PRIVATE", "RSA PRIVATE")];
        for pem in renamed {
            assert_eq!(signed(&pem, "").0["alg"], "RS256");
        }
    }

    #[test]
    fn the_claims_are_those_of_rfc_7523_and_no_two_assertions_are_one() {
        let (header, payload, ..) = signed(ED25519_KEY, "key-1");
        assert_eq!(header["kid"], "key-1");
        assert_eq!((&payload["iss"], &payload["sub"]), (&json!("c"), &json!("c")));
        assert_eq!(payload["aud"], "https://auth.example.com/token");
        assert_eq!((&payload["iat"], &payload["exp"]), (&json!(1_000), &json!(1_300)));
        assert_ne!(payload["jti"], signed(ED25519_KEY, "key-1").1["jti"]);
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_in_words_that_show_nothing_of_it() {
        for pem in UNUSABLE {
            let words = check(pem).unwrap_err();
            assert!(words.contains("PKCS #8") || words.contains("P-256"), "{words}");
        }
        for pem in
            ["", "hunter2", &format!("{RSA}{P256}"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
        {
            assert!(!check(pem).unwrap_err().contains("hunter2"));
        }
    }
}
