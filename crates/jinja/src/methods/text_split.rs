//! Methods of `str` that search, cut and replace.

use std::collections::HashSet;

use minijinja::{Error, State};
use num_bigint::Sign;

use super::given::{Given, place, string};
use crate::markup::escape;
use crate::ops::{charge_bytes, charge_items, slice_bounds};
use crate::python::text::{is_space, split_lines};
use crate::raise::{error, limit};
use crate::value::{List, Tuple, Val, View, text_like, view};

/// The answer of the method, if it is one of these.
pub(super) fn call(state: &State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Option<Val>, Error> {
    let whole = value.as_str().unwrap_or_default();
    Ok(Some(match given.name {
        "strip" | "lstrip" | "rstrip" => text_like(value, strip(state, whole, given)?),
        "split" | "rsplit" => split(state, value, given)?,
        "splitlines" => {
            let [keep_ends] = given.bind(["keepends"], 0)?;
            let keep_ends = keep_ends.is_some_and(|keep| keep.is_true());
            let lines = split_lines(whole, keep_ends);
            charge_items(state, lines.len())?;
            List::value(lines.into_iter().map(|line| text_like(value, line.to_owned())).collect())
        }
        "partition" | "rpartition" => partition(value, given)?,
        "find" | "rfind" | "index" | "rindex" => find(whole, given)?,
        "count" => count(whole, given)?,
        "startswith" | "endswith" => affixed(state, whole, given)?,
        "removeprefix" => {
            let prefix = given.one("prefix")?;
            let prefix = string(given.name, &prefix)?;
            text_like(value, whole.strip_prefix(prefix).unwrap_or(whole).to_owned())
        }
        "removesuffix" => {
            let suffix = given.one("suffix")?;
            let suffix = string(given.name, &suffix)?;
            let rest = whole.strip_suffix(suffix).filter(|_| !suffix.is_empty());
            text_like(value, rest.unwrap_or(whole).to_owned())
        }
        "replace" => {
            let [old, new, count] = given.bind(["old", "new", "count"], 2)?;
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let (old, new) = (string(given.name, &old)?, escaped_for(value, &new, given.name)?);
            let count = count.map_or(Ok(-1), |count| place(&count))?;
            text_like(value, replace(state, whole, (old, &new), count)?)
        }
        _ => return Ok(None),
    }))
}

fn escaped_for(value: &Val, part: &Val, name: &str) -> Result<String, Error> {
    let part_text = string(name, part)?;
    Ok(if value.is_safe() && !part.is_safe() { escape(part_text) } else { part_text.to_owned() })
}

/// `whole.replace(old, new, count)`; a negative count is all.
pub(crate) fn replace(
    state: &State<'_, '_>,
    whole: &str,
    (old, new): (&str, &str),
    count: i64,
) -> Result<String, Error> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() {
        whole.chars().count() + 1
    } else {
        charge_bytes(state, whole.len())?;
        whole.matches(old).count()
    };
    let grown = found.min(most).checked_mul(new.len());
    charge_bytes(state, grown.ok_or_else(|| limit("a replaced string is too large"))?)?;
    Ok(if count < 0 { whole.replace(old, new) } else { whole.replacen(old, new, most) })
}

fn strip(state: &State<'_, '_>, whole: &str, given: &Given<'_>) -> Result<String, Error> {
    let [chars] = given.bind(["chars"], 0)?;
    let chars = chars.filter(|chars| !chars.is_none());
    if let Some(chars) = chars.as_ref().and_then(Val::as_str) {
        // Each goes into the set, and each of the whole is looked up in it.
        charge_items(state, chars.len() / 8 + whole.len() / 8)?;
    }
    let set: Option<HashSet<char>> = match &chars {
        Some(chars) => Some(string(given.name, chars)?.chars().collect()),
        None => None,
    };
    let drop = |c: char| set.as_ref().map_or_else(|| is_space(c), |set| set.contains(&c));
    let rest = match given.name {
        "lstrip" => whole.trim_start_matches(drop),
        "rstrip" => whole.trim_end_matches(drop),
        _ => whole.trim_matches(drop),
    };
    Ok(rest.to_owned())
}

fn split(state: &State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let whole = value.as_str().unwrap_or_default();
    let [separator, most] = given.bind(["sep", "maxsplit"], 0)?;
    let most = most.map_or(Ok(-1), |most| place(&most))?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let from_right = given.name == "rsplit";
    let separator = separator.filter(|separator| !separator.is_none());
    let parts: Vec<&str> = match &separator {
        Some(separator) => {
            let separator = string(given.name, separator)?;
            if separator.is_empty() {
                return Err(error("empty separator"));
            }
            charge_items(state, whole.matches(separator).count())?;
            let pieces = most.saturating_add(1);
            if from_right {
                let mut parts: Vec<&str> = whole.rsplitn(pieces, separator).collect();
                parts.reverse();
                parts
            } else {
                whole.splitn(pieces, separator).collect()
            }
        }
        None if from_right => split_blanks_from_right(whole, most),
        None => split_blanks(whole, most),
    };
    charge_items(state, parts.len())?;
    let parts = parts.into_iter().map(|part| text_like(value, part.to_owned()));
    Ok(List::value(parts.collect()))
}

fn split_blanks(whole: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = whole.trim_start_matches(is_space);
    while !rest.is_empty() {
        if parts.len() >= most {
            // the blanks at the end of the rest stay
            parts.push(rest);
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    parts
}

fn split_blanks_from_right(whole: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = whole.trim_end_matches(is_space);
    while !rest.is_empty() {
        if parts.len() >= most {
            parts.push(rest);
            break;
        }
        let start = rest.char_indices().rev().find(|(_, c)| is_space(*c)).map_or(0, |(at, c)| at + c.len_utf8());
        parts.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(is_space);
    }
    parts.reverse();
    parts
}

fn partition(value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let whole = value.as_str().unwrap_or_default();
    let separator = given.one("sep")?;
    let separator = string(given.name, &separator)?;
    if separator.is_empty() {
        return Err(error("empty separator"));
    }
    let from_right = given.name == "rpartition";
    let cut = if from_right { whole.rsplit_once(separator) } else { whole.split_once(separator) };
    let parts = match cut {
        Some((before, after)) => [before, separator, after],
        None if from_right => ["", "", whole],
        None => [whole, "", ""],
    };
    Ok(Tuple::value(parts.map(|part| text_like(value, part.to_owned())).to_vec()))
}

/// The part of `whole` between the optional arguments start and end, and where
/// it begins in characters.
fn window(whole: &str, start: Option<Val>, end: Option<Val>) -> Result<Option<(&str, usize)>, Error> {
    let length = whole.chars().count();
    let none = Val::from(());
    let bounds = [&start.unwrap_or_else(|| none.clone()), &end.unwrap_or_else(|| none.clone()), &none];
    // one that begins behind the end is not even empty, and is found nowhere
    let is_behind =
        matches!(view(bounds[0]), View::Int(first) if first > length as i128 || first > i128::from(i64::MAX));
    let is_behind = is_behind || matches!(view(bounds[0]), View::Big(first) if first.sign() == Sign::Plus);
    let (start, stop, _) = slice_bounds(bounds, length)?;
    if is_behind || start > stop {
        return Ok(None);
    }
    let offset = |chars: i128| {
        let chars = usize::try_from(chars).unwrap_or(usize::MAX);
        whole.char_indices().nth(chars).map_or(whole.len(), |(at, _)| at)
    };
    let first = usize::try_from(start).unwrap_or(usize::MAX);
    Ok(Some((&whole[offset(start)..offset(stop)], first)))
}

fn find(whole: &str, given: &Given<'_>) -> Result<Val, Error> {
    let [part, start, end] = given.bind(["sub", "start", "end"], 1)?;
    let part = part.unwrap_or_default();
    let part = string(given.name, &part)?;
    let found = window(whole, start, end)?.and_then(|(inside, first)| {
        let at = if given.name.starts_with('r') { inside.rfind(part) } else { inside.find(part) };
        at.map(|at| first + inside[..at].chars().count())
    });
    match found {
        Some(at) => Ok(Val::from(at)),
        None if given.name.ends_with("index") => Err(error("substring not found")),
        None => Ok(Val::from(-1)),
    }
}

fn count(whole: &str, given: &Given<'_>) -> Result<Val, Error> {
    let [part, start, end] = given.bind(["sub", "start", "end"], 1)?;
    let part = part.unwrap_or_default();
    let part = string(given.name, &part)?;
    let counted = window(whole, start, end)?.map_or(0, |(inside, _)| {
        if part.is_empty() { inside.chars().count() + 1 } else { inside.matches(part).count() }
    });
    Ok(Val::from(counted))
}

fn affixed(state: &State<'_, '_>, whole: &str, given: &Given<'_>) -> Result<Val, Error> {
    let [affix, start, end] = given.bind(["prefix", "start", "end"], 1)?;
    let affix = affix.unwrap_or_default();
    let inside = window(whole, start, end)?.map(|(inside, _)| inside);
    let fits = |affix: &Val| -> Result<bool, Error> {
        let affix = string(given.name, affix)?;
        charge_bytes(state, affix.len())?;
        Ok(inside.is_some_and(|inside| match given.name {
            "startswith" => inside.starts_with(affix),
            _ => inside.ends_with(affix),
        }))
    };
    let View::Tuple(affixes) = view(&affix) else {
        return fits(&affix).map(Val::from);
    };
    for affix in affixes.read().iter() {
        if fits(affix)? {
            return Ok(Val::from(true));
        }
    }
    Ok(Val::from(false))
}
