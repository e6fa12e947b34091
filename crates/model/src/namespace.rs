//! The tenant that events and webhooks belong to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits;

/// The name of a tenant: 1 to 63 characters of `a-z`, `0-9`, `_`, `.` and `-`, the first a
/// letter or digit. The empty text on the wire means [`Namespace::default`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(Arc<str>);

/// Why a text is no namespace.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be 1 to 63 characters of a-z, 0-9, `_`, `.` and `-`, the first a letter or digit")]
pub struct NamespaceError;

impl Namespace {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for Namespace {
    type Err = NamespaceError;

    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'.' | b'-');
        let first_is_legal = text.as_bytes()[0].is_ascii_alphanumeric();
        if text.len() > limits::NAMESPACE_CHARS || !first_is_legal || !text.bytes().all(inner) {
            return Err(NamespaceError);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Namespace {
    type Error = NamespaceError;

    fn try_from(text: String) -> Result<Self, NamespaceError> {
        text.parse()
    }
}

impl From<Namespace> for String {
    fn from(namespace: Namespace) -> Self {
        namespace.as_str().to_owned()
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_the_default_namespace() {
        assert_eq!("".parse::<Namespace>().unwrap().as_str(), "default");
    }

    #[test]
    fn other_characters_and_lengths_are_refused() {
        for bad in ["A", "-a", "a b", "ä", ".a", &"a".repeat(64)] {
            assert_eq!(bad.parse::<Namespace>(), Err(NamespaceError), "{bad:?}");
        }
        for good in ["a", "0", "team-1.eu_west", &"a".repeat(63)] {
            assert_eq!(good.parse::<Namespace>().unwrap().as_str(), good);
        }
    }
}
