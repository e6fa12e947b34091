//! Methods of `str` and `bytes` between characters and their codes.

use minijinja::{Error, State};

use super::given::Given;
use crate::ops::{charge_bytes, item};
use crate::raise::error;
use crate::value::{Val, View, text, type_name, view};

/// `str.encode`; only UTF-8 and ASCII.
pub(super) fn encode(state: &State<'_, '_>, string: &str, given: &Given<'_>) -> Result<Val, Error> {
    charge_bytes(state, string.len())?;
    check_encoding(given, string.is_ascii())?;
    Ok(Val::from_bytes(string.as_bytes().to_vec()))
}

/// `bytes.decode`; only UTF-8 and ASCII.
pub(super) fn decode(state: &State<'_, '_>, bytes: &[u8], given: &Given<'_>) -> Result<Val, Error> {
    charge_bytes(state, bytes.len())?;
    check_encoding(given, bytes.is_ascii())?;
    let string = std::str::from_utf8(bytes).map_err(|_| error("the bytes are not UTF-8"))?;
    Ok(text(string))
}

fn check_encoding(given: &Given<'_>, is_ascii: bool) -> Result<(), Error> {
    let [encoding, _errors] = given.bind(["encoding", "errors"], 0)?;
    let name = encoding.as_ref().map_or(Some("utf-8"), Val::as_str).unwrap_or_default();
    match name.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => Ok(()),
        "ascii" | "us-ascii" if is_ascii => Ok(()),
        "ascii" | "us-ascii" => Err(error("ordinal not in range(128)")),
        _ => Err(error("unknown encoding: only utf-8 and ascii are known")),
    }
}

/// `str.translate`
pub(super) fn translate(state: &State<'_, '_>, string: &str, given: &Given<'_>) -> Result<String, Error> {
    let table = given.one("table")?;
    match view(&table) {
        View::Dict(_) | View::List(_) | View::Tuple(_) | View::Str(_) | View::Range(_) | View::Undefined => {}
        _ => return Err(error(format!("'{}' object is not subscriptable", type_name(&table)))),
    }
    let mut out = String::with_capacity(string.len());
    for c in string.chars() {
        state.consume_fuel(1)?;
        let with = item(state, &table, &Val::from(u32::from(c)))?;
        match view(&with) {
            View::Undefined => out.push(c),
            View::None => {}
            View::Str(part) => {
                charge_bytes(state, part.len())?;
                out.push_str(part);
            }
            View::Int(code) => {
                let code = u32::try_from(code).ok().and_then(char::from_u32);
                out.push(code.ok_or_else(|| error("character mapping must be in range(0x110000)"))?);
            }
            _ => {
                let message = format!("character mapping must return integer, None or str, not {}", type_name(&with));
                return Err(error(message));
            }
        }
    }
    Ok(out)
}
