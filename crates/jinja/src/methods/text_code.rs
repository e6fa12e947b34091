//! Methods of `str` and `bytes` between characters and their codes.

use minijinja::{Error, State};

use super::given::{Given, string};
use crate::ops::{charge_bytes, item};
use crate::python::text::in_ascii;
use crate::raise::error;
use crate::value::{Val, View, text, type_name, view};

/// `str.encode`; only UTF-8 and ASCII.
pub(super) fn encode(state: &State<'_, '_>, whole: &str, given: &Given<'_>) -> Result<Val, Error> {
    charge_bytes(state, whole.len())?;
    let (codec, errors) = codec(given)?;
    if codec == Codec::Utf8 || whole.is_ascii() {
        return Ok(Val::from_bytes(whole.as_bytes().to_vec()));
    }
    let mut out = String::with_capacity(whole.len());
    for c in whole.chars() {
        match errors.as_str() {
            _ if c.is_ascii() => out.push(c),
            "ignore" => {}
            "replace" => out.push('?'),
            "xmlcharrefreplace" => out.push_str(&format!("&#{};", u32::from(c))),
            "backslashreplace" => out.push_str(&in_ascii(c.encode_utf8(&mut [0; 4]))),
            other => return Err(not_ascii(other)),
        }
        charge_bytes(state, 8)?;
    }
    Ok(Val::from_bytes(out.into_bytes()))
}

/// `bytes.decode`; only UTF-8 and ASCII.
pub(super) fn decode(state: &State<'_, '_>, bytes: &[u8], given: &Given<'_>) -> Result<Val, Error> {
    charge_bytes(state, bytes.len())?;
    let (codec, errors) = codec(given)?;
    if codec == Codec::Utf8 || bytes.is_ascii() {
        return Ok(text(std::str::from_utf8(bytes).map_err(|_| error("the bytes are not UTF-8"))?));
    }
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match errors.as_str() {
            _ if byte.is_ascii() => out.push(char::from(*byte)),
            "ignore" => {}
            "replace" => out.push(char::REPLACEMENT_CHARACTER),
            "backslashreplace" => out.push_str(&format!("\\x{byte:02x}")),
            other => return Err(not_ascii(other)),
        }
        charge_bytes(state, 8)?;
    }
    Ok(text(out))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Utf8,
    Ascii,
}

/// The codec of a call, and what it does with what ASCII does not have.
fn codec(given: &Given<'_>) -> Result<(Codec, String), Error> {
    let [encoding, errors] = given.bind(["encoding", "errors"], 0)?;
    let name = encoding.as_ref().map_or(Some("utf-8"), Val::as_str).unwrap_or_default();
    let codec = match name.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => Codec::Utf8,
        "ascii" | "us-ascii" => Codec::Ascii,
        _ => return Err(error("unknown encoding: only utf-8 and ascii are known")),
    };
    let errors = errors.unwrap_or_else(|| text("strict"));
    Ok((codec, string(given.name, &errors)?.to_owned()))
}

fn not_ascii(errors: &str) -> Error {
    match errors {
        "strict" => error("ordinal not in range(128)"),
        _ => error(
            "unknown error handler: only strict, ignore, replace, xmlcharrefreplace and backslashreplace are known",
        ),
    }
}

/// `str.translate`
pub(super) fn translate(state: &State<'_, '_>, whole: &str, given: &Given<'_>) -> Result<String, Error> {
    let table = given.one("table")?;
    match view(&table) {
        View::Dict(_) | View::List(_) | View::Tuple(_) | View::Str(_) | View::Range(_) | View::Undefined => {}
        _ => return Err(error(format!("'{}' object is not subscriptable", type_name(&table)))),
    }
    let mut out = String::with_capacity(whole.len());
    for c in whole.chars() {
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
