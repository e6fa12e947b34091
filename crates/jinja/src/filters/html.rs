//! Filters for markup and URLs: `escape`, `safe`, `striptags`, `xmlattr`,
//! `urlencode`.

use minijinja::{Error, State};

use super::table::Table;
use crate::markup::{escape, strip_tags};
use crate::methods::Given;
use crate::ops::{self, charge_bytes, text_of};
use crate::python::text::is_space;
use crate::raise::error;
use crate::value::{Val, View, text, type_name, view};

pub(super) const TABLE: Table = &[
    ("e", escape_filter),
    ("escape", escape_filter),
    ("forceescape", force_escape),
    ("header_safe", header_safe),
    ("safe", safe),
    ("striptags", strip_tags_filter),
    ("urlencode", url_encode),
    ("xmlattr", xml_attributes),
];

fn escape_filter(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    if value.is_safe() {
        return Ok(value.clone());
    }
    force(state, value)
}

fn force_escape(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    force(state, value)
}

fn force(state: &State<'_, '_>, value: &Val) -> Result<Val, Error> {
    let shown = text_of(state, value)?;
    charge_bytes(state, 8 * shown.len())?;
    let escaped = escape(&shown);
    Ok(Val::from_safe_string(escaped))
}

fn safe(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    Ok(Val::from_safe_string(text_of(state, value)?))
}

/// NetBox's filter for values in headers: no line ends.
fn header_safe(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    let mut shown = text_of(state, value)?;
    shown.retain(|c| !matches!(c, '\r' | '\n'));
    Ok(text(shown))
}

fn strip_tags_filter(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    let shown = text_of(state, value)?;
    charge_bytes(state, 4 * shown.len())?;
    Ok(text(strip_tags(&shown)))
}

fn xml_attributes(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [autospace] = given.bind(["autospace"], 0)?;
    let View::Dict(dict) = view(value) else {
        return Err(error(format!("'{}' object has no items", type_name(value))));
    };
    let mut parts = Vec::new();
    for (key, value) in dict.read().iter() {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let key = key.0.as_str().ok_or_else(|| error("the name of an attribute is a string"))?;
        if key.contains(|c: char| is_space(c) || matches!(c, '/' | '>' | '=')) {
            return Err(error("invalid character in attribute name"));
        }
        let shown = text_of(state, value)?;
        let shown = if value.is_safe() { shown } else { escape(&shown) };
        charge_bytes(state, key.len() + shown.len())?;
        parts.push(format!("{}=\"{shown}\"", escape(key)));
    }
    let mut out = parts.join(" ");
    let autospace = autospace.is_none_or(|autospace| autospace.is_true());
    if autospace && !out.is_empty() {
        out.insert(0, ' ');
    }
    Ok(if matches!(state.auto_escape(), minijinja::AutoEscape::None) { text(out) } else { Val::from_safe_string(out) })
}

fn url_encode(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    let pairs = match view(value) {
        View::Str(_) => None,
        View::Dict(dict) => {
            let pairs = dict.read().iter().map(|(k, v)| (k.0.clone(), v.clone())).collect();
            Some(pairs)
        }
        _ => match ops::try_iterate(state, value)? {
            Some(items) => {
                let mut pairs: Vec<(Val, Val)> = Vec::new();
                for item in items {
                    let [key, value] = <[Val; 2]>::try_from(ops::unpack(state, &item, 2)?)
                        .map_err(|_| error("a pair has two items"))?;
                    pairs.push((key, value));
                }
                Some(pairs)
            }
            None => None,
        },
    };
    let mut out = String::new();
    match pairs {
        None => quote(state, &mut out, value, false)?,
        Some(pairs) => {
            for (i, (key, value)) in pairs.iter().enumerate() {
                if i > 0 {
                    out.push('&');
                }
                quote(state, &mut out, key, true)?;
                out.push('=');
                quote(state, &mut out, value, true)?;
            }
        }
    }
    Ok(text(out))
}

/// Jinja2's `url_quote`; in a query a blank is `+` and `/` is escaped.
fn quote(state: &State<'_, '_>, out: &mut String, value: &Val, in_query: bool) -> Result<(), Error> {
    let shown = text_of(state, value)?;
    charge_bytes(state, 3 * shown.len())?;
    for byte in shown.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte));
            }
            b'/' if !in_query => out.push('/'),
            b' ' if in_query => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(())
}
