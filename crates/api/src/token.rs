//! Page and resume tokens: opaque texts that the server made, and knows again.
//!
//! A token is a payload and a tag: HMAC-SHA256 over what the token is for and the payload, cut
//! to 16 bytes (RFC 2104 section 5 allows half the hash). The key is persistent, so tokens
//! survive restarts. A page token is bound to its whole request, a resume token to its namespace.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use prost::Message;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tenterhook_model::{Namespace, limits};
use tenterhook_store::Sequence;

use crate::refusal::Refusal;

/// Bytes of a tag.
const TAG_BYTES: usize = 16;
/// Characters of the longest token that is looked at.
const TOKEN_CHARS_MAX: usize = limits::PAGE_TOKEN_CHARS;
/// Bytes of a resume token's payload: epoch and sequence.
const RESUME_BYTES: usize = 16;

/// The key that tokens are made and known with. It must stay the same across restarts.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// The key with these bytes, which only the server may know.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn tag(&self, purpose: &[u8; 32], payload: &[u8]) -> [u8; TAG_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(payload);
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&full[..TAG_BYTES]);
        tag
    }

    fn seal(&self, purpose: &[u8; 32], payload: &[u8]) -> String {
        let tag = self.tag(purpose, payload);
        let token = URL_SAFE_NO_PAD.encode([&tag, payload].concat());
        debug_assert!(
            token.len() <= TOKEN_CHARS_MAX,
            "the server knows its own tokens again: {} characters",
            token.len()
        );
        token
    }

    fn open(&self, purpose: &[u8; 32], token: &str) -> Option<Vec<u8>> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tag, payload) = bytes.split_at_checked(TAG_BYTES)?;
        bool::from(tag.ct_eq(&self.tag(purpose, payload))).then(|| payload.to_owned())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(***)")
    }
}

/// Makes and reads the page tokens of one request.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    key: &'a TokenKey,
    purpose: [u8; 32],
}

impl<'a> Pages<'a> {
    /// The pages of `request` (with its page token taken out) to the method `method`.
    pub(crate) fn of(key: &'a TokenKey, method: &'static str, request: &impl Message) -> Self {
        let purpose = purpose(&[b"page", method.as_bytes(), &request.encode_to_vec()]);
        Self { key, purpose }
    }

    /// Where the page begins that `token` asks for; `None` for the first.
    ///
    /// # Errors
    /// When the token is not one of this request.
    pub(crate) fn read(&self, token: &str) -> Result<Option<Vec<u8>>, Refusal> {
        if token.is_empty() {
            return Ok(None);
        }
        self.key.open(&self.purpose, token).map(Some).ok_or(Refusal::PageToken)
    }

    /// The token for the page that begins at `next`; empty when there is none.
    pub(crate) fn write(&self, next: Option<Vec<u8>>) -> String {
        next.map(|next| self.key.seal(&self.purpose, &next)).unwrap_or_default()
    }
}

/// Makes and reads the resume tokens of one namespace in one journal.
#[derive(Debug, Clone)]
pub(crate) struct Resume {
    key: TokenKey,
    purpose: [u8; 32],
    epoch: u64,
}

impl Resume {
    /// The tokens for `namespace` of the journal `epoch`.
    pub(crate) fn of(key: &TokenKey, namespace: &Namespace, epoch: u64) -> Self {
        let purpose = purpose(&[b"resume", namespace.as_str().as_bytes()]);
        Self { key: key.clone(), purpose, epoch }
    }

    /// The token for the point right after `sequence`.
    pub(crate) fn write(&self, sequence: Sequence) -> String {
        let mut payload = [0; RESUME_BYTES];
        payload[..8].copy_from_slice(&self.epoch.to_be_bytes());
        payload[8..].copy_from_slice(&sequence.0.to_be_bytes());
        self.key.seal(&self.purpose, &payload)
    }

    /// The sequence after which `token` resumes; `last` is the journal's last.
    ///
    /// # Errors
    /// When the token is not one of this namespace and journal.
    pub(crate) fn read(&self, token: &str, last: Sequence) -> Result<Sequence, Refusal> {
        let payload = self.key.open(&self.purpose, token).ok_or(Refusal::ResumeToken)?;
        let payload: [u8; RESUME_BYTES] = payload.try_into().map_err(|_| Refusal::ResumeToken)?;
        let number = u128::from_be_bytes(payload);
        let (epoch, sequence) = ((number >> 64) as u64, Sequence(number as u64));
        if epoch == self.epoch && sequence <= last { Ok(sequence) } else { Err(Refusal::ResumeToken) }
    }
}

/// A digest of what a token is for; lengths keep the parts apart.
fn purpose(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tenterhook_proto::tenterhook::v1::ListWebhooksRequest;

    const KEY: TokenKey = TokenKey::new([7; 32]);

    fn pages(request: &ListWebhooksRequest) -> Pages<'static> {
        Pages::of(&KEY, "ListWebhooks", request)
    }

    fn resume(namespace: &str, epoch: u64) -> Resume {
        Resume::of(&KEY, &namespace.parse().unwrap(), epoch)
    }

    proptest! {
        #[test]
        fn page_tokens_round_trip(next: Vec<u8>) {
            let pages = pages(&ListWebhooksRequest::default());
            let token = pages.write(Some(next.clone()));
            prop_assert_eq!(pages.read(&token).unwrap(), Some(next));
        }

        #[test]
        fn no_changed_token_is_taken(at in 0usize..64, bit in 0u8..8) {
            let tokens = resume("a", 1);
            let token = tokens.write(Sequence(5));
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(tokens.read(&URL_SAFE_NO_PAD.encode(bytes), Sequence(99)).is_err());
        }

        #[test]
        fn reading_never_panics(token: String) {
            prop_assert!(resume("a", 1).read(&token, Sequence(9)).is_err());
        }
    }

    #[test]
    fn the_first_page_needs_no_token_and_the_last_gives_none() {
        let pages = pages(&ListWebhooksRequest::default());
        assert_eq!(pages.read("").unwrap(), None);
        assert_eq!(pages.write(None), "");
    }

    #[test]
    fn a_page_token_is_bound_to_its_request_method_and_key() {
        let request = ListWebhooksRequest { page_size: 1, ..Default::default() };
        let token = pages(&request).write(Some(b"next".to_vec()));
        let other = ListWebhooksRequest { page_size: 2, ..Default::default() };
        assert!(pages(&other).read(&token).is_err());
        assert!(Pages::of(&KEY, "ListEvents", &request).read(&token).is_err());
        assert!(Pages::of(&TokenKey::new([8; 32]), "ListWebhooks", &request).read(&token).is_err());
        assert!(pages(&request).read(&token).is_ok());
    }

    #[test]
    fn a_resume_token_is_bound_to_its_namespace_and_journal() {
        let token = resume("a", 1).write(Sequence(5));
        assert_eq!(resume("a", 1).read(&token, Sequence(5)).unwrap(), Sequence(5));
        assert!(resume("b", 1).read(&token, Sequence(5)).is_err());
        assert!(resume("a", 2).read(&token, Sequence(5)).is_err());
        assert!(resume("a", 1).read(&token, Sequence(4)).is_err(), "a point that this journal has not reached");
    }

    #[test]
    fn a_page_token_is_no_resume_token() {
        let token = pages(&ListWebhooksRequest::default()).write(Some(vec![0; RESUME_BYTES]));
        assert!(resume("default", 0).read(&token, Sequence(9)).is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{KEY:?}"), "TokenKey(***)");
    }
}
