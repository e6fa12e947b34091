//! How the secrets and keys of Standard Webhooks are written: one rule for the server, `listen` and
//! every client.
//!
//! The specification ("Secret serialization") says a prefix and base64: `whsec_` for secrets, `whsk_`
//! for private keys, `whpk_` for public keys. Secrets are copied out of
//! mails, files and dashboards, so blanks and line ends around them do not count, and neither does
//! missing padding. `tests/fixtures/signatures.jsonl` holds every implementation to this rule.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::limits;

/// What a Standard Webhooks secret begins with.
const PREFIX: &str = "whsec_";
/// What an Ed25519 private key begins with.
const PRIVATE_PREFIX: &str = "whsk_";
/// What an Ed25519 public key begins with.
const PUBLIC_PREFIX: &str = "whpk_";
/// What may stand around a secret: ASCII blanks and line ends.
const AROUND: [char; 4] = [' ', '\t', '\r', '\n'];
/// Padding characters at the end of base64, at most (RFC 4648 section 4).
const PADDING_MAX: usize = 2;
/// The standard alphabet without padding. Bits after the last byte do not count: the libraries of
/// the specification ignore them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A secret as Standard Webhooks reads it.
#[derive(Debug)]
pub struct StandardSecret {
    /// The key, 0 bytes or more.
    pub key: Zeroizing<Vec<u8>>,
    /// Whether the text begins with `whsec_`, which receivers may leave out.
    pub has_prefix: bool,
}

impl StandardSecret {
    /// Reads a secret; `None` if what follows the prefix is not base64.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim_matches(AROUND);
        let (encoded, has_prefix) = match text.strip_prefix(PREFIX) {
            Some(encoded) => (encoded, true),
            None => (text, false),
        };
        Some(Self { key: decode(encoded)?, has_prefix })
    }

    /// Whether a server may sign with it: it has its prefix and a key of 24 to 64 bytes.
    pub fn is_fit_to_sign(&self) -> bool {
        self.has_prefix && limits::STANDARD_WEBHOOKS_KEY_BYTES.contains(&self.key.len())
    }
}

/// Whether a text is meant as an Ed25519 private key: it begins with `whsk_`.
pub fn is_private_key(text: &str) -> bool {
    text.trim_start_matches(AROUND).starts_with(PRIVATE_PREFIX)
}

/// The bytes of a private key, with its prefix: seed and public key, or the seed alone.
pub fn read_private_key(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    decode(text.trim_matches(AROUND).strip_prefix(PRIVATE_PREFIX)?)
}

/// The bytes of a public key, with its prefix.
pub fn read_public_key(text: &str) -> Option<Vec<u8>> {
    decode(text.trim_matches(AROUND).strip_prefix(PUBLIC_PREFIX)?).map(|key| key.to_vec())
}

/// A private key as it is written, of its seed and its public key.
pub fn write_private_key(seed: &[u8; 32], public: &[u8]) -> Zeroizing<String> {
    let pair = Zeroizing::new([seed, public].concat());
    Zeroizing::new(format!("{PRIVATE_PREFIX}{}", STANDARD.encode(&*pair)))
}

/// A public key as it is written.
pub fn write_public_key(public: &[u8]) -> String {
    format!("{PUBLIC_PREFIX}{}", STANDARD.encode(public))
}

/// Reads base64 whose padding may be missing.
fn decode(encoded: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bare = encoded.trim_end_matches('=');
    if encoded.len() - bare.len() > PADDING_MAX {
        return None;
    }
    BASE64.decode(bare).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<Vec<u8>> {
        StandardSecret::read(text).map(|secret| secret.key.to_vec())
    }

    #[test]
    fn padding_may_be_missing_in_whole_or_in_part() {
        for text in ["whsec_aw==", "whsec_aw=", "whsec_aw", "aw=="] {
            assert_eq!(key(text), Some(b"k".to_vec()), "{text}");
        }
        assert_eq!(key("whsec_aw==="), None);
    }

    #[test]
    fn blanks_and_line_ends_count_inside_only() {
        for text in [" whsec_a2tr", "whsec_a2tr\r\n", "\twhsec_a2tr \n"] {
            assert_eq!(key(text), Some(b"kkk".to_vec()), "{text:?}");
        }
        for text in ["whsec_a2\ntr", "whsec_ a2tr", "whsec_a2 tr", "whsec_a2tr\u{a0}"] {
            assert_eq!(key(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_the_standard_alphabet_is_read() {
        for text in ["whsec_-_-_", "whsec_!!!!", "whsec_a", "WHSEC_a2tr", "whsec_a=aa"] {
            assert_eq!(key(text), None, "{text}");
        }
        assert_eq!(key("whsec_ax"), key("whsec_aw"), "bits after the last byte do not count");
    }

    #[test]
    fn a_server_signs_with_a_prefix_and_24_to_64_bytes() {
        let fits = |text: &str| StandardSecret::read(text).is_some_and(|secret| secret.is_fit_to_sign());
        let of = |bytes: usize| BASE64.encode(vec![7; bytes]);
        assert!([24, 64].iter().all(|&bytes| fits(&format!("whsec_{}", of(bytes)))));
        assert!(![0, 23, 65].iter().any(|&bytes| fits(&format!("whsec_{}", of(bytes)))));
        assert!(!fits(&of(32)));
    }

    #[test]
    fn keys_are_read_as_they_are_written_and_each_by_its_own_prefix() {
        let (seed, public) = ([7; 32], [9; 32]);
        let private = write_private_key(&seed, &public);
        assert_eq!(**read_private_key(&private).unwrap(), [seed, public].concat());
        assert!(is_private_key(&private) && is_private_key(&format!(" \n{}", *private)));
        let written = write_public_key(&public);
        assert!(written.starts_with("whpk_"));
        assert_eq!(read_public_key(&written).unwrap(), public);
        assert!(read_public_key(&private).is_none() && read_private_key(&written).is_none());
        assert!(!is_private_key(&written) && !is_private_key("whsec_a2tr"));
    }
}
