//! A secret made ready for one scheme, and the signatures that it makes: checked, decoded, and
//! hashed as far as HMAC can go without the message, or made the key pair that it is.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use ring::signature::Ed25519KeyPair;
use sha2::{Sha256, Sha512};
use tenterhook_model::standard_secret::is_private_key;
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{StandardSecret, limits};

use super::fault::SecretFault;
use super::pair::pair;

/// Whether `secret` can sign with `scheme`.
///
/// # Errors
/// Says what is wrong with it, without showing it.
pub fn check_secret(scheme: SignatureScheme, secret: &str) -> Result<(), SecretFault> {
    if secret.is_empty() {
        return Err(SecretFault::Empty);
    }
    let chars = secret.chars().count();
    if chars > limits::SECRET_CHARS {
        return Err(SecretFault::TooLong { chars });
    }
    if scheme == SignatureScheme::StandardWebhooksAsymmetric {
        return pair(secret).map(drop);
    }
    if is_private_key(secret) {
        return Err(SecretFault::PrivateKey);
    }
    if scheme == SignatureScheme::StandardWebhooks {
        let secret = StandardSecret::read(secret).filter(|secret| secret.has_prefix);
        let bytes = secret.ok_or(SecretFault::NotStandard)?.key.len();
        if !limits::STANDARD_WEBHOOKS_KEY_BYTES.contains(&bytes) {
            return Err(SecretFault::KeyLength { bytes });
        }
    }
    Ok(())
}

/// A secret under one scheme, with its HMAC begun or its key pair made.
#[derive(Clone)]
pub(super) enum Key {
    NetBox(Hmac<Sha512>),
    StandardWebhooks(Hmac<Sha256>),
    GitHub(Hmac<Sha256>),
    Asymmetric(Arc<Ed25519KeyPair>),
}

impl Key {
    /// A key from a secret of any length; an empty one is refused, since anybody knows it.
    /// The prefix of a Standard Webhooks secret may be missing, as the libraries allow.
    pub(super) fn new(scheme: SignatureScheme, secret: &str) -> Result<Self, SecretFault> {
        if secret.is_empty() {
            return Err(SecretFault::Empty);
        }
        Ok(match scheme {
            SignatureScheme::NetBox => Self::NetBox(begin(secret.as_bytes())),
            SignatureScheme::GitHub => Self::GitHub(begin(secret.as_bytes())),
            SignatureScheme::StandardWebhooks => {
                let key = StandardSecret::read(secret).ok_or(SecretFault::NotStandard)?.key;
                if key.is_empty() {
                    return Err(SecretFault::Empty);
                }
                Self::StandardWebhooks(begin(&key))
            }
            SignatureScheme::StandardWebhooksAsymmetric => Self::Asymmetric(Arc::new(pair(secret)?)),
        })
    }

    /// The signature of `parts`, one after the other, as it stands in the scheme's header.
    pub(super) fn signature(&self, parts: &[&[u8]]) -> String {
        match self {
            Self::NetBox(mac) => {
                let mut mac = mac.clone();
                parts.iter().for_each(|part| mac.update(part));
                hexadecimal("", &mac.finalize().into_bytes())
            }
            Self::StandardWebhooks(mac) => {
                let mut text = String::from("v1,");
                BASE64.encode_string(finish(mac, parts), &mut text);
                text
            }
            Self::GitHub(mac) => hexadecimal("sha256=", &finish(mac, parts)),
            Self::Asymmetric(pair) => {
                let mut text = String::from("v1a,");
                let signature = pair.sign(&parts.concat());
                debug_assert_eq!(signature.as_ref().len(), 64, "a signature has 64 bytes (RFC 8032 section 5.1.6)");
                BASE64.encode_string(signature, &mut text);
                text
            }
        }
    }
}

fn begin<M: hmac::KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes a key of any length (RFC 2104 section 3)"))
}

/// `prefix` and the bytes in hexadecimal, made in one piece.
fn hexadecimal(prefix: &str, bytes: &[u8]) -> String {
    let mut text = vec![b'0'; prefix.len() + 2 * bytes.len()];
    text[..prefix.len()].copy_from_slice(prefix.as_bytes());
    hex::encode_to_slice(bytes, &mut text[prefix.len()..]).expect("two digits for each byte have room");
    String::from_utf8(text).expect("hexadecimal digits are ASCII")
}

fn finish(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetBox(_) => "NetBox(***)",
            Self::StandardWebhooks(_) => "StandardWebhooks(***)",
            Self::GitHub(_) => "GitHub(***)",
            Self::Asymmetric(_) => "Asymmetric(***)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SignatureScheme::{GitHub, NetBox, StandardWebhooks};

    fn standard(bytes: usize) -> String {
        format!("whsec_{}", BASE64.encode(vec![7u8; bytes]))
    }

    #[test]
    fn a_secret_of_any_text_fits_netbox_and_github_up_to_its_limit() {
        for scheme in [NetBox, GitHub] {
            assert_eq!(check_secret(scheme, "k"), Ok(()));
            assert_eq!(check_secret(scheme, &"ü".repeat(255)), Ok(()));
            assert_eq!(check_secret(scheme, &"ü".repeat(256)), Err(SecretFault::TooLong { chars: 256 }));
            assert_eq!(check_secret(scheme, ""), Err(SecretFault::Empty));
        }
    }

    #[test]
    fn a_standard_webhooks_secret_has_its_prefix_and_24_to_64_bytes() {
        let check = |secret: &str| check_secret(StandardWebhooks, secret);
        assert_eq!(check(&standard(24)), Ok(()));
        assert_eq!(check(&standard(64)), Ok(()));
        assert_eq!(check(standard(25).trim_end_matches('=')), Ok(()));
        assert_eq!(check(&standard(23)), Err(SecretFault::KeyLength { bytes: 23 }));
        assert_eq!(check(&standard(65)), Err(SecretFault::KeyLength { bytes: 65 }));
        assert_eq!(check(&standard(32)["whsec_".len()..]), Err(SecretFault::NotStandard));
        assert_eq!(check("whsec_!!!!"), Err(SecretFault::NotStandard));
    }

    #[test]
    fn a_key_shows_nothing_of_its_secret() {
        let key = Key::new(NetBox, "hunter2").unwrap();
        assert_eq!(format!("{key:?}"), "NetBox(***)");
    }

    #[test]
    fn an_empty_secret_is_no_key_in_any_scheme() {
        for (scheme, secret) in [(NetBox, ""), (GitHub, ""), (StandardWebhooks, ""), (StandardWebhooks, "whsec_")] {
            assert_eq!(Key::new(scheme, secret).unwrap_err(), SecretFault::Empty);
        }
    }
}
