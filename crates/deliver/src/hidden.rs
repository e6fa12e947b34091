//! Keeps the values of sensitive headers out of what is kept of an answer.
//!
//! Receivers that people try things out with send a request back as they got it; the
//! answer is stored and shown, and a secret in it would be seen by whoever may look at
//! attempts. Called when an attempt has ended.

use std::sync::Arc;

use tenterhook_model::mask::{MASK, MASKED_BYTES_MIN, masked_bytes};
use tenterhook_model::{CapturedResponse, PreparedRequest};

use crate::token::Token;

/// The values that must not come back.
#[derive(Debug)]
pub(crate) struct Hidden<'a>(Vec<&'a str>);

impl<'a> Hidden<'a> {
    /// The sensitive values of `request` and its other secrets, the access tokens that it was sent with, and of
    /// `Bearer abc` the `abc` too; longest first, so that a value is hidden before its part.
    pub(crate) fn of(request: &'a PreparedRequest, tokens: &'a [Arc<Token>]) -> Self {
        let sensitive = request.headers.iter().filter(|header| header.sensitive).map(|header| header.value.trim());
        let with_parts = sensitive.flat_map(|value| [Some(value), value.rsplit_once(' ').map(|(_, part)| part)]);
        let values = with_parts.flatten().chain(tokens.iter().map(|token| &*token.value));
        let values = values.chain(request.masks.forms());
        let mut values: Vec<&str> = values.filter(|value| value.len() >= MASKED_BYTES_MIN).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// Puts `***` in place of every value in `answer`.
    pub(crate) fn mask(&self, answer: &mut CapturedResponse) {
        for value in &self.0 {
            for header in answer.headers.iter_mut().filter(|header| header.value.contains(value)) {
                header.value = header.value.replace(value, MASK).into();
            }
            if let Some(masked) = masked_bytes(&answer.body, value.as_bytes(), answer.body_truncated) {
                answer.body = masked.into();
            }
        }
    }
}
