//! JSON to values: exact integers, Python's floats, keys in their order.

use num_bigint::BigInt;
use serde_json::Value as Json;

use super::dict::entries_of;
use super::{Dict, List, Val, from_big, text};

/// A number of an event is beyond what a double holds (`1E400`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("number {0} is out of range")]
pub struct NumberOutOfRange(pub String);

/// The value of `json`.
///
/// # Errors
/// A number is beyond a double.
pub(crate) fn from_json(json: &Json) -> Result<Val, NumberOutOfRange> {
    Ok(match json {
        Json::Null => Val::from(()),
        Json::Bool(b) => Val::from(*b),
        Json::Number(number) => from_number(number.as_str())?,
        Json::String(string) => text(string.as_str()),
        Json::Array(items) => List::value(items.iter().map(from_json).collect::<Result<_, _>>()?),
        Json::Object(members) => {
            let mut pairs = Vec::with_capacity(members.len());
            for (key, member) in members {
                pairs.push((key.as_str(), from_json(member)?));
            }
            Dict::value(entries_of(pairs))
        }
    })
}

fn from_number(spelled: &str) -> Result<Val, NumberOutOfRange> {
    if let Ok(small) = spelled.parse::<i64>() {
        return Ok(Val::from(small));
    }
    let out_of_range = || NumberOutOfRange(spelled.to_owned());
    if spelled.contains(['.', 'e', 'E']) {
        let float: f64 = spelled.parse().map_err(|_| out_of_range())?;
        return if float.is_finite() { Ok(Val::from(float)) } else { Err(out_of_range()) };
    }
    let big: BigInt = spelled.parse().map_err(|_| out_of_range())?;
    Ok(from_big(big))
}
