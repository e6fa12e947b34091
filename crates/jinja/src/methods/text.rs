//! Methods of `str`: case, padding, joining, formatting.

use minijinja::{Error, State};

use super::given::{Given, size};
use super::text_case::{capitalize, casefold, swap_case, title};
use super::{text_code, text_is, text_split};
use crate::format::{Source, brace};
use crate::markup::{escape, strip_tags, unescape};
use crate::ops::{charge_bytes, iterate};
use crate::raise::{error, limit};
use crate::value::{Val, View, text, text_like, type_name, view};

/// `value.name(args)` for a string.
pub(super) fn call(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let string = value.as_str().unwrap_or_default();
    charge_bytes(state, 3 * string.len())?;
    if let Some(answer) = text_is::call(string, given)? {
        return Ok(Val::from(answer));
    }
    if let Some(answer) = text_split::call(state, value, given)? {
        return Ok(answer);
    }
    let changed = match given.name {
        "format" => {
            let source = Source::Args(given.positional, &given.keywords);
            return brace(state, value, &source);
        }
        "format_map" => return brace(state, value, &Source::Mapping(&given.one("mapping")?)),
        "join" => return join(state, value, &given.one("iterable")?),
        "striptags" => return Ok(text(strip_tags(string))),
        "unescape" => return Ok(text(unescape(string))),
        "center" | "ljust" | "rjust" => padded(state, string, given)?,
        "zfill" => zero_filled(state, string, size(&given.one("width")?)?)?,
        "encode" => return text_code::encode(state, string, given),
        "translate" => text_code::translate(state, string, given)?,
        "expandtabs" => expand_tabs(state, string, given)?,
        _ => recased(string, given)?,
    };
    Ok(text_like(value, changed))
}

fn recased(string: &str, given: &Given<'_>) -> Result<String, Error> {
    given.none()?;
    Ok(match given.name {
        "upper" => string.to_uppercase(),
        "lower" => string.to_lowercase(),
        "casefold" => casefold(string),
        "capitalize" => capitalize(string),
        "title" => title(string),
        "swapcase" => swap_case(string),
        name => return Err(error(format!("'str' object has no method '{name}'"))),
    })
}

fn padded(state: &State<'_, '_>, string: &str, given: &Given<'_>) -> Result<String, Error> {
    let [width, fill] = given.bind(["width", "fillchar"], 1)?;
    let width = size(&width.unwrap_or_default())?;
    let fill = match &fill {
        None => ' ',
        Some(fill) => {
            let mut chars = fill.as_str().unwrap_or_default().chars();
            let first = chars.next().filter(|_| chars.next().is_none());
            first.ok_or_else(|| error("The fill character must be exactly one character long"))?
        }
    };
    let length = string.chars().count();
    let missing = width.saturating_sub(length);
    charge_bytes(state, missing.saturating_mul(fill.len_utf8()))?;
    let left = match given.name {
        "ljust" => 0,
        "rjust" => missing,
        // CPython puts the odd blank to the left when the width is odd
        _ => missing / 2 + (missing & width & 1),
    };
    let mut out = String::with_capacity(string.len() + missing * fill.len_utf8());
    out.extend(std::iter::repeat_n(fill, left));
    out.push_str(string);
    out.extend(std::iter::repeat_n(fill, missing - left));
    Ok(out)
}

fn zero_filled(state: &State<'_, '_>, string: &str, width: usize) -> Result<String, Error> {
    let missing = width.saturating_sub(string.chars().count());
    charge_bytes(state, missing)?;
    let (sign, digits) = match string.strip_prefix(['+', '-']) {
        Some(digits) => (&string[..1], digits),
        None => ("", string),
    };
    Ok(format!("{sign}{}{digits}", "0".repeat(missing)))
}

fn expand_tabs(state: &State<'_, '_>, string: &str, given: &Given<'_>) -> Result<String, Error> {
    let [width] = given.bind(["tabsize"], 0)?;
    let width = width.map_or(Ok(8), |width| size(&width))?;
    let tabs = string.matches('\t').count();
    let extra = tabs.checked_mul(width);
    charge_bytes(state, extra.ok_or_else(|| limit("a tab is too wide"))?)?;
    let mut out = String::with_capacity(string.len());
    let mut column = 0;
    for c in string.chars() {
        match c {
            '\t' if width > 0 => {
                let blanks = width - column % width;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\t' => {}
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    Ok(out)
}

fn join(state: &State<'_, '_>, separator: &Val, items: &Val) -> Result<Val, Error> {
    let between = separator.as_str().unwrap_or_default();
    let items = iterate(state, items)?;
    let safe = separator.is_safe();
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        let View::Str(part) = view(item) else {
            return Err(error(format!("sequence item {i}: expected str instance, {} found", type_name(item))));
        };
        charge_bytes(state, between.len() + part.len())?;
        if i > 0 {
            out.push_str(between);
        }
        if safe && !item.is_safe() {
            out.push_str(&escape(part));
        } else {
            out.push_str(part);
        }
    }
    Ok(text_like(separator, out))
}
