//! A JSON text that is known to be well formed and is kept byte for byte.

mod diagnose;

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

use crate::limits;
use diagnose::diagnose;

/// Characters of a number that an error shows.
const NUMBER_CHARS: usize = 40;

/// A JSON document as its author spelt it: no number rounded, no key moved.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Arc<str>);

/// Why a text is no JSON that events may carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It does not parse.
    #[error("is not valid JSON at line {line}, column {column}: {reason}")]
    Syntax {
        /// Line from 1.
        line: u32,
        /// Column from 1, in characters.
        column: u32,
        /// What is wrong; quotes nothing of the text.
        reason: &'static str,
    },
    /// An object has the key [`NUMBER_KEY`], with something other than a number.
    #[error("has an object with a key that the server keeps to itself")]
    Key,
    /// It nests deeper than [`limits::JSON_DEPTH`].
    #[error("nests deeper than {} levels", limits::JSON_DEPTH)]
    Depth,
    /// It has a fraction or exponent beyond the range of a double.
    #[error("has the number {}, which is beyond the range of a double", Shortened(.0))]
    Number(String),
}

impl JsonError {
    /// Why `text`, which a parser has refused, is not JSON.
    pub fn of(text: &str) -> Self {
        // Two levels more than an event has: the context of a template wraps it.
        if nests_deeper(text, limits::JSON_DEPTH + 2) {
            return Self::Depth;
        }
        match diagnose(text) {
            Some(flaw) => Self::Syntax { line: flaw.line, column: flaw.column, reason: flaw.reason },
            None => number_beyond(text).map_or(Self::Key, Self::Number),
        }
    }
}

/// A number in an error: its beginning, when it is long.
struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(NUMBER_CHARS) {
            None => f.write_str(self.0),
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
        }
    }
}

impl JsonText {
    /// Takes `text` if it is JSON within the limits. Of a key that stands twice the last
    /// wins; lone surrogates are refused.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        if nests_deeper(text, limits::JSON_DEPTH) {
            return Err(JsonError::Depth);
        }
        // Read without keeping anything: this is on the hot path, and most events are looked
        // into only when they are rendered, if ever.
        let mut beyond = None;
        scan(text, &mut beyond).map_err(|_| JsonError::of(text))?;
        beyond.map_or_else(|| Ok(Self(text.into())), |number| Err(JsonError::Number(number)))
    }

    /// A text that was checked when it was stored.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        debug_assert!(!nests_deeper(&text, limits::JSON_DEPTH), "what was stored is as deep as may be at most");
        Self(text)
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

/// Parses without serde_json's own depth limit, which is one level short of ours. Whoever calls it
/// has asked [`nests_deeper`].
///
/// # Errors
/// It is no JSON.
pub fn read(text: &str) -> serde_json::Result<Value> {
    let mut parser = serde_json::Deserializer::from_str(text);
    parser.disable_recursion_limit();
    let value = Value::deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Reads a document and keeps of it only the first number that is beyond the range of a double.
fn scan(text: &str, beyond: &mut Option<String>) -> serde_json::Result<()> {
    let mut parser = serde_json::Deserializer::from_str(text);
    parser.disable_recursion_limit();
    Reader(beyond).deserialize(&mut parser)?;
    parser.end()
}

/// The first number of a document that is beyond the range of a double.
fn number_beyond(text: &str) -> Option<String> {
    let mut beyond = None;
    scan(text, &mut beyond).ok()?;
    beyond
}

/// Whether brackets outside of strings nest deeper than `levels`: asked before a recursive parser
/// meets a text.
pub fn nests_deeper(text: &str, levels: usize) -> bool {
    // To count is much faster than to follow, and most texts have few brackets.
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= levels {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > levels {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// `serde_json` hands a number over, with its `arbitrary_precision`, as a map of this key.
pub const NUMBER_KEY: &str = "$serde_json::private::Number";

/// Reads a document and keeps of it only the first number that is beyond the range of a double.
struct Reader<'a>(&'a mut Option<String>);

impl Reader<'_> {
    /// Looks at a number. What stands under the key of one and is none is refused, as a
    /// [`Value`] refuses it.
    fn number<E: Error>(&mut self, text: &str) -> Result<(), E> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_integer = digits.bytes().all(|c| c.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        if is_integer && !digits.is_empty() {
            return Ok(());
        }
        text.parse::<Number>().map_err(E::custom)?;
        if !text.parse::<f64>().is_ok_and(f64::is_finite) {
            self.0.get_or_insert_with(|| text.to_owned());
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Reader(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        match members.next_key_seed(Key)? {
            None => return Ok(()),
            Some(true) => {
                let text: String = members.next_value()?;
                return self.number(&text);
            }
            Some(false) => members.next_value_seed(Reader(self.0))?,
        }
        while members.next_key_seed(Key)?.is_some() {
            members.next_value_seed(Reader(self.0))?;
        }
        Ok(())
    }
}

/// Reads a key and tells whether it is that of a number.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == NUMBER_KEY)
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
    fn what_is_taken_is_just_what_can_be_read_again() {
        let texts = [
            "null",
            "true",
            "-0",
            "0.5e-3",
            "\"a\\u00e9\\n\"",
            "[]",
            "{}",
            r#"{"a":[1,{"b":"c"}],"a":2}"#,
            "[1,2",
            "{\"a\"}",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "\"\\x\"",
            "\"\t\"",
            "tru",
            "[1] ]",
            r#"{"$serde_json::private::Number":[1]}"#,
            r#"{"$serde_json::private::Number":"-"}"#,
            r#"{"$serde_json::private::Number":""}"#,
            r#"{"$serde_json::private::Number":"1-1"}"#,
            r#"{"$serde_json::private::Number":"01"}"#,
            r#"{"$serde_json::private::Number":"1","b":2}"#,
            r#"{"b":2,"$serde_json::private::Number":"x"}"#,
            r#"{"$serde_json::private::Number":"1"}"#,
            "\"\\udc00\"",
            "{1:2}",
            " [ ] ",
        ];
        for text in texts {
            assert_eq!(JsonText::parse(text).is_ok(), read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_error_says_where_and_what_to_do_in_few_words() {
        let words = |text: &str| JsonText::parse(text).unwrap_err().to_string();
        assert_eq!(
            words("{\n  'secret': 1}"),
            "is not valid JSON at line 2, column 3: single quotes are not JSON; texts and keys take double quotes"
        );
        let long = format!("[{}e400]", "9".repeat(10_000));
        assert!(words(&long).len() < 200, "{}", words(&long));
        assert!(words(r#"{"$serde_json::private::Number":"x"}"#).contains("keeps to itself"));
    }

    #[test]
    fn what_python_could_not_carry_is_refused() {
        assert!(matches!(JsonText::parse(r#""\ud800""#), Err(JsonError::Syntax { .. })));
        assert!(matches!(JsonText::parse("[1E400]"), Err(JsonError::Number(_))));
        for bad in ["", "{", "nul", "[1,]", "1 2", "{'a':1}", "NaN"] {
            assert!(matches!(JsonText::parse(bad), Err(JsonError::Syntax { .. })), "{bad}");
        }
    }
}
