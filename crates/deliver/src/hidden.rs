//! Keeps the values of sensitive headers out of what is kept of an answer.
//!
//! Receivers that people try things out with send a request back as they got it; the
//! answer is stored and shown, and a secret in it would be seen by whoever may look at
//! attempts. Called when an attempt has ended.

use std::sync::Arc;

use tenterhook_model::{CapturedResponse, PreparedRequest};

use crate::token::Token;

/// Bytes below which a value is no secret but would be found everywhere.
const SHORTEST: usize = 6;
/// What stands in place of a value.
const MASK: &[u8] = b"***";

/// The values that must not come back.
#[derive(Debug)]
pub(crate) struct Hidden<'a>(Vec<&'a str>);

impl<'a> Hidden<'a> {
    /// The sensitive values of `request`, the access tokens that it was sent with, and of `Bearer abc` the `abc` too; longest first, so
    /// that a value is hidden before its part.
    pub(crate) fn of(request: &'a PreparedRequest, tokens: &'a [Arc<Token>]) -> Self {
        let sensitive = request.headers.iter().filter(|header| header.sensitive).map(|header| header.value.trim());
        let with_parts = sensitive.flat_map(|value| [Some(value), value.rsplit_once(' ').map(|(_, part)| part)]);
        let values = with_parts.flatten().chain(tokens.iter().map(|token| &*token.value));
        let mut values: Vec<&str> = values.filter(|value| value.len() >= SHORTEST).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// Puts `***` in place of every value in `answer`.
    pub(crate) fn mask(&self, answer: &mut CapturedResponse) {
        for value in &self.0 {
            for header in answer.headers.iter_mut().filter(|header| header.value.contains(value)) {
                header.value = header.value.replace(value, "***").into();
            }
            if let Some(masked) = masked(&answer.body, value.as_bytes(), answer.body_truncated) {
                answer.body = masked.into();
            }
        }
    }
}

/// `body` without `value`, if it is in there; of a body that was cut, also without the part
/// of the value at its end.
fn masked(body: &[u8], value: &[u8], is_cut: bool) -> Option<Vec<u8>> {
    let mut rest = body;
    let mut kept = Vec::new();
    while let Some(at) = rest.windows(value.len()).position(|window| window == value) {
        kept.extend_from_slice(&rest[..at]);
        kept.extend_from_slice(MASK);
        rest = &rest[at + value.len()..];
    }
    let part = (SHORTEST..value.len()).rev().find(|length| is_cut && rest.ends_with(&value[..*length]));
    if let Some(length) = part {
        kept.extend_from_slice(&rest[..rest.len() - length]);
        kept.extend_from_slice(MASK);
        return Some(kept);
    }
    if rest.len() == body.len() {
        return None;
    }
    kept.extend_from_slice(rest);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(body: &str, value: &str, is_cut: bool) -> Option<String> {
        masked(body.as_bytes(), value.as_bytes(), is_cut).map(|masked| String::from_utf8(masked).unwrap())
    }

    #[test]
    fn every_occurrence_is_masked() {
        assert_eq!(mask("hunter22 and hunter22!", "hunter22", false).as_deref(), Some("*** and ***!"));
        assert_eq!(mask("hunter22", "hunter22", false).as_deref(), Some("***"));
        assert_eq!(mask("hunter2", "hunter22", false), None);
        assert_eq!(mask("", "hunter22", false), None);
    }

    #[test]
    fn the_beginning_of_a_value_is_masked_where_the_body_was_cut() {
        assert_eq!(mask("echo: hunter2", "hunter22", true).as_deref(), Some("echo: ***"));
        assert_eq!(mask("hunter22 hunter", "hunter22", true).as_deref(), Some("*** ***"));
        assert_eq!(mask("echo: hunt", "hunter22", true), None, "too short to say anything");
        assert_eq!(mask("echo: hunter2", "hunter22", false), None);
    }
}
