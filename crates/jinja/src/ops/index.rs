//! `value.name`, `value[key]` and `value[a:b:c]`, as Jinja2's sandbox looks
//! things up: an attribute goes before a key with a dot, after it in brackets.

use minijinja::{Error, State};

use super::{charge_bytes, charge_items};
use crate::raise::{error, undefined};
use crate::value::{BoundMethod, Key, List, Range, Tuple, Val, View, from_i128, has_method, text, type_name, view};

/// `value.name`
pub(crate) fn attribute(value: &Val, name: &str) -> Result<Val, Error> {
    if value.is_undefined() {
        return Err(undefined(format!("has no attribute '{name}'")));
    }
    if let Some(found) = own_attribute(value, name) {
        return Ok(found);
    }
    Ok(value.as_object().and_then(|object| object.get_value_by_str(name)).unwrap_or_default())
}

/// What Python's `getattr` finds, apart from what the sandbox hides.
pub(crate) fn own_attribute(value: &Val, name: &str) -> Option<Val> {
    if has_method(value, name) {
        return Some(BoundMethod::value(value, name));
    }
    match (view(value), name) {
        (View::Range(range), "start") => Some(Val::from(range.start)),
        (View::Range(range), "stop") => Some(Val::from(range.stop)),
        (View::Range(range), "step") => Some(Val::from(range.step)),
        (View::Int(_) | View::Big(_), "real" | "numerator") | (View::Float(_), "real") => Some(value.clone()),
        (View::Int(_) | View::Big(_), "imag") => Some(from_i128(0)),
        (View::Int(_) | View::Big(_), "denominator") => Some(from_i128(1)),
        (View::Float(_), "imag") => Some(Val::from(0.0)),
        (View::Bool(b), "real" | "numerator") => Some(from_i128(i128::from(b))),
        (View::Tuple(_), "grouper" | "list") | (View::Namespace(_) | View::Other, _) => {
            value.as_object()?.get_value_by_str(name)
        }
        _ => None,
    }
}

/// `value[key]`
pub(crate) fn item(state: &State<'_, '_>, value: &Val, key: &Val) -> Result<Val, Error> {
    let found = match view(value) {
        View::Undefined => return Err(undefined("has no items")),
        View::Dict(dict) => {
            if let Some(name) = key.as_str() {
                charge_bytes(state, name.len())?;
                dict.text_key(name)
            } else if super::unhashable(state, key)?.is_some() {
                None
            } else {
                dict.read().get(&Key(key.clone())).cloned()
            }
        }
        View::List(list) => position(key, list.read().len()).and_then(|at| list.read().get(at).cloned()),
        View::Tuple(tuple) => position(key, tuple.read().len()).and_then(|at| tuple.read().get(at).cloned()),
        View::Str(string) => character(state, string, key, value.is_safe())?,
        View::Range(range) => {
            let length = usize::try_from(range.len()).unwrap_or(usize::MAX);
            position(key, length).map(|at| Val::from(range.at(at as u64)))
        }
        _ => None,
    };
    if let Some(found) = found {
        return Ok(found);
    }
    match key.as_str() {
        Some(name) => Ok(own_attribute(value, name).unwrap_or_default()),
        None => Ok(Val::UNDEFINED),
    }
}

fn character(state: &State<'_, '_>, string: &str, key: &Val, safe: bool) -> Result<Option<Val>, Error> {
    let Some(wanted) = index_of(key) else {
        return Ok(None);
    };
    charge_bytes(state, string.len())?;
    let found = if wanted >= 0 {
        usize::try_from(wanted).ok().and_then(|at| string.chars().nth(at))
    } else {
        usize::try_from(-(wanted + 1)).ok().and_then(|at| string.chars().rev().nth(at))
    };
    Ok(found.map(|c| if safe { Val::from_safe_string(c.to_string()) } else { text(c.to_string()) }))
}

fn index_of(key: &Val) -> Option<i128> {
    match view(key) {
        View::Int(n) => Some(n),
        View::Bool(b) => Some(i128::from(b)),
        _ => None,
    }
}

fn position(key: &Val, length: usize) -> Option<usize> {
    let wanted = index_of(key)?;
    let length = i128::try_from(length).ok()?;
    let at = if wanted < 0 { wanted + length } else { wanted };
    usize::try_from(at).ok().filter(|_| at < length)
}

/// `value[start:stop:step]`
pub(crate) fn slice(state: &State<'_, '_>, value: &Val, bounds: [&Val; 3]) -> Result<Val, Error> {
    match view(value) {
        View::Str(string) => {
            charge_bytes(state, string.len())?;
            let sliced = if string.is_ascii() {
                let bytes = string.as_bytes();
                indices(bounds, bytes.len())?.map(|at| char::from(bytes[at])).collect::<String>()
            } else {
                let chars: Vec<char> = string.chars().collect();
                indices(bounds, chars.len())?.map(|at| chars[at]).collect()
            };
            Ok(if value.is_safe() { Val::from_safe_string(sliced) } else { text(sliced) })
        }
        View::List(list) => Ok(List::value(pick(state, &list.read(), bounds)?)),
        View::Tuple(tuple) => Ok(Tuple::value(pick(state, &tuple.read(), bounds)?)),
        View::Range(range) => slice_range(*range, bounds),
        View::Undefined => Err(undefined("cannot be sliced")),
        View::Dict(_) => Err(error("unhashable type: 'slice'")),
        _ => Err(error(format!("'{}' object is not subscriptable", type_name(value)))),
    }
}

/// A slice of a range is a range.
fn slice_range(range: Range, bounds: [&Val; 3]) -> Result<Val, Error> {
    let length = usize::try_from(range.len()).unwrap_or(usize::MAX);
    let (start, stop, step) = slice_bounds(bounds, length)?;
    let base = i128::from(range.start);
    let wide = i128::from(range.step);
    let narrow = |n: i128| i64::try_from(n).map_err(|_| error("a range is too big"));
    Ok(Val::from_object(Range {
        start: narrow(base + start * wide)?,
        stop: narrow(base + stop * wide)?,
        step: narrow(wide * step)?,
    }))
}

fn pick(state: &State<'_, '_>, items: &[Val], bounds: [&Val; 3]) -> Result<Vec<Val>, Error> {
    charge_items(state, items.len())?;
    Ok(indices(bounds, items.len())?.map(|at| items[at].clone()).collect())
}

fn indices(bounds: [&Val; 3], length: usize) -> Result<impl Iterator<Item = usize>, Error> {
    let (start, stop, step) = slice_bounds(bounds, length)?;
    let mut at = start;
    Ok(std::iter::from_fn(move || {
        let inside = if step > 0 { at < stop } else { at > stop };
        if !inside {
            return None;
        }
        let current = usize::try_from(at).ok()?;
        at += step;
        Some(current)
    }))
}

/// Start, stop and step as Python's `slice.indices(length)` gives them.
pub(crate) fn slice_bounds(bounds: [&Val; 3], length: usize) -> Result<(i128, i128, i128), Error> {
    let bound = |value: &Val| match view(value) {
        View::None => Ok(None),
        View::Int(n) => Ok(Some(n)),
        View::Bool(b) => Ok(Some(i128::from(b))),
        View::Big(n) => {
            Ok(Some(if n.sign() == num_bigint::Sign::Minus { i128::from(i64::MIN) } else { i128::from(i64::MAX) }))
        }
        _ => Err(error(format!("slice indices must be integers or None, not {}", type_name(value)))),
    };
    let (start, stop) = (bound(bounds[0])?, bound(bounds[1])?);
    let far = i128::from(i64::MAX);
    let step = bound(bounds[2])?.unwrap_or(1).clamp(-far, far);
    if step == 0 {
        return Err(error("slice step cannot be zero"));
    }
    let length = i128::try_from(length).unwrap_or(i128::MAX);
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: Option<i128>, default: i128| {
        let Some(n) = bound else {
            return default;
        };
        let n = n.clamp(-far, far);
        (if n < 0 { n + length } else { n }).clamp(lowest, highest)
    };
    let (first, last) = if step > 0 { (0, length) } else { (length - 1, -1) };
    Ok((clamp(start, first), clamp(stop, last), step))
}
