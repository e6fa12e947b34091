//! Keeps the values of sensitive headers out of what is kept of an answer.
//!
//! Receivers that people try things out with send a request back as they got it; the
//! answer is stored and shown, and a secret in it would be seen by whoever may look at
//! attempts. Called when an attempt has ended.

use std::borrow::Cow;
use std::sync::Arc;

use tenterhook_model::mask::{MASK, MASKED_BYTES_MIN, masked_bytes};
use tenterhook_model::url_secrets::{mask_url, secrets_of_url};
use tenterhook_model::{CapturedResponse, PreparedRequest};

use crate::token::Token;

/// The values that must not come back.
#[derive(Debug)]
pub(crate) struct Hidden<'a>(Vec<Cow<'a, str>>);

impl<'a> Hidden<'a> {
    /// The sensitive values of `request` and its other secrets, the access tokens that it was sent with, and of
    /// `Bearer abc` the `abc` too, the secrets of its URL; longest first, so that a value is hidden before its part.
    pub(crate) fn of(request: &'a PreparedRequest, tokens: &'a [Arc<Token>]) -> Self {
        let sensitive = request.headers.iter().filter(|header| header.sensitive).map(|header| header.value.trim());
        let with_parts = sensitive.flat_map(|value| [Some(value), value.rsplit_once(' ').map(|(_, part)| part)]);
        let values = with_parts.flatten().chain(tokens.iter().map(|token| &*token.value));
        let values = values.chain(request.masks.forms()).map(Cow::Borrowed).chain(secrets_of_url(request.url.as_str()));
        let mut values: Vec<Cow<'a, str>> = values.filter(|value| value.len() >= MASKED_BYTES_MIN).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// Puts `***` in place of every value in `answer`.
    pub(crate) fn mask(&self, answer: &mut CapturedResponse) {
        for value in &self.0 {
            for header in answer.headers.iter_mut().filter(|header| header.value.contains(&**value)) {
                header.value = header.value.replace(&**value, MASK).into();
            }
            if let Some(masked) = masked_bytes(&answer.body, value.as_bytes(), answer.body_truncated) {
                answer.body = masked.into();
            }
        }
        for header in answer.headers.iter_mut().filter(|header| is_url(&header.name)) {
            if let Cow::Owned(masked) = mask_url(&header.value) {
                header.value = masked.into();
            }
        }
    }
}

/// Whether the value of this header is a URL (RFC 9110 sections 8.7 and 10.2.2).
fn is_url(name: &str) -> bool {
    ["location", "content-location"].iter().any(|other| name.eq_ignore_ascii_case(other))
}
