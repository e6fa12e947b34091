//! JSON to values: exact integers, Python's floats, keys in their order. Values are made as the
//! text is read, without a document in between.

use std::fmt;

use num_bigint::BigInt;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use tenterhook_model::NUMBER_KEY;

use super::dict::{Entries, Key};
use super::{Dict, List, Val, from_big, text};

/// The value of a JSON text.
///
/// # Errors
/// It is no JSON, or a number is beyond a double.
pub(crate) fn from_json(json: &str) -> serde_json::Result<Val> {
    let mut parser = serde_json::Deserializer::from_str(json);
    parser.disable_recursion_limit();
    let value = Reader.deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// The value of a JSON value that was parsed before.
///
/// # Errors
/// A number is beyond a double.
pub(crate) fn from_parsed(value: &serde_json::Value) -> serde_json::Result<Val> {
    Reader.deserialize(value)
}

/// Members that a dict has room for at once: most objects have as many or more.
const FEW: usize = 4;

/// Reads one value.
struct Reader;

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(Val::from(()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Val, E> {
        Ok(Val::from(value))
    }

    // Integers that are short come as they are, all other numbers by their spelling.
    fn visit_i64<E>(self, value: i64) -> Result<Val, E> {
        Ok(Val::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Val, E> {
        Ok(i64::try_from(value).map_or_else(|_| from_big(value.into()), Val::from))
    }

    // Integers and doubles of a value that was parsed before; text gives them by their spelling.
    fn visit_i128<E>(self, value: i128) -> Result<Val, E> {
        Ok(from_big(value.into()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Val, E> {
        Ok(from_big(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Val, E> {
        Ok(Val::from(value))
    }

    fn visit_str<E>(self, string: &str) -> Result<Val, E> {
        Ok(text(string))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Val, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(List::value(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Val, A::Error> {
        let mut entries = Entries::default();
        while let Some(key) = map.next_key_seed(KeyReader)? {
            // With arbitrary precision the parser hands numbers over as a map of this key.
            if entries.is_empty() && key.as_str() == Some(NUMBER_KEY) {
                let spelled: String = map.next_value()?;
                return number(&spelled).ok_or_else(|| Error::custom(format!("number {spelled} is out of range")));
            }
            if entries.is_empty() {
                entries.reserve(FEW);
            }
            entries.insert(Key(key), map.next_value_seed(Self)?);
        }
        Ok(Dict::value(entries))
    }
}

/// Reads the key of a member.
struct KeyReader;

impl<'de> DeserializeSeed<'de> for KeyReader {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        deserializer.deserialize_str(Reader)
    }
}

/// The value of a number; `None` when it is beyond a double.
fn number(spelled: &str) -> Option<Val> {
    if let Ok(small) = spelled.parse::<i64>() {
        return Some(Val::from(small));
    }
    if spelled.contains(['.', 'e', 'E']) {
        let float: f64 = spelled.parse().ok()?;
        return float.is_finite().then(|| Val::from(float));
    }
    spelled.parse::<BigInt>().ok().map(from_big)
}
