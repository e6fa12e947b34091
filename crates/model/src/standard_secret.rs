//! How a Standard Webhooks secret is written: one rule for the server, `listen` and every client.
//!
//! The specification ("Secret serialization") says `whsec_` and base64. Secrets are copied out of
//! mails, files and dashboards, so blanks and line ends around them do not count, and neither does
//! missing padding. `tests/fixtures/signatures.jsonl` holds every implementation to this rule.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::limits;

/// What a Standard Webhooks secret begins with.
const PREFIX: &str = "whsec_";
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
        let bare = encoded.trim_end_matches('=');
        if encoded.len() - bare.len() > PADDING_MAX {
            return None;
        }
        let key = BASE64.decode(bare).ok()?;
        Some(Self { key: Zeroizing::new(key), has_prefix })
    }

    /// Whether a server may sign with it: it has its prefix and a key of 24 to 64 bytes.
    pub fn is_fit_to_sign(&self) -> bool {
        self.has_prefix && limits::STANDARD_WEBHOOKS_KEY_BYTES.contains(&self.key.len())
    }
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
}
