//! A JSON text that is known to be well formed and is kept byte for byte.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::limits;

/// A JSON document as its author spelt it: no number rounded, no key moved.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Arc<str>);

/// Why a text is no JSON that events may carry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// It does not parse; the parser says where and why.
    #[error("is not valid JSON: {0}")]
    Syntax(String),
    /// It nests deeper than [`limits::JSON_DEPTH`].
    #[error("nests deeper than {} levels", limits::JSON_DEPTH)]
    Depth,
    /// It has a fraction or exponent beyond the range of a double.
    #[error("has the number {0}, which is beyond the range of a double")]
    Number(String),
}

impl JsonText {
    /// Takes `text` if it is JSON within the limits. Of a key that stands twice the last
    /// wins; lone surrogates are refused.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        Self::parse_with_value(text).map(|(text, _)| text)
    }

    /// As [`JsonText::parse`], and gives the parsed value too.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse_with_value(text: &str) -> Result<(Self, Value), JsonError> {
        if nests_too_deep(text) {
            return Err(JsonError::Depth);
        }
        let value: Value = read(text).map_err(|error| JsonError::Syntax(error.to_string()))?;
        check_numbers(&value)?;
        Ok((Self(text.into()), value))
    }

    /// A text that was checked when it was stored.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, as its author spelt it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parsed value, with numbers as they were spelt and keys in their order.
    pub fn value(&self) -> Value {
        read(&self.0).expect("the text was parsed before it became a JsonText")
    }
}

/// Parses without serde_json's own depth limit, which is one level short of ours.
fn read(text: &str) -> serde_json::Result<Value> {
    let mut parser = serde_json::Deserializer::from_str(text);
    parser.disable_recursion_limit();
    let value = Value::deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Whether brackets outside of strings nest too deep for a recursive parser.
fn nests_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > limits::JSON_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn check_numbers(value: &Value) -> Result<(), JsonError> {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let is_integer = text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
            let is_finite = || text.parse::<f64>().is_ok_and(f64::is_finite);
            if is_integer || is_finite() { Ok(()) } else { Err(JsonError::Number(text)) }
        }
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(members) => members.values().try_for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_key_order_survive() {
        let text = "{ \"b\": 1E5, \"a\": 123456789012345678901234567890 }";
        let json = JsonText::parse(text).unwrap();
        assert_eq!(json.as_str(), text);
        assert_eq!(json.value()["a"].to_string(), "123456789012345678901234567890");
        assert_eq!(json.value().as_object().unwrap().keys().collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_wins() {
        assert_eq!(JsonText::parse(r#"{"a":1,"a":2}"#).unwrap().value()["a"], 2);
    }

    #[test]
    fn depth_is_counted_outside_of_strings_up_to_its_limit() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(JsonText::parse(&nested(128)).is_ok());
        assert_eq!(JsonText::parse(&nested(129)), Err(JsonError::Depth));
        assert_eq!(JsonText::parse(&"[".repeat(200_000)), Err(JsonError::Depth));
        assert!(JsonText::parse(&format!("{:?}", "[".repeat(500))).is_ok());
    }

    #[test]
    fn what_python_could_not_carry_is_refused() {
        assert!(matches!(JsonText::parse(r#""\ud800""#), Err(JsonError::Syntax(_))));
        assert!(matches!(JsonText::parse("[1E400]"), Err(JsonError::Number(_))));
        for bad in ["", "{", "nul", "[1,]", "1 2", "{'a':1}", "NaN"] {
            assert!(matches!(JsonText::parse(bad), Err(JsonError::Syntax(_))), "{bad}");
        }
    }
}
