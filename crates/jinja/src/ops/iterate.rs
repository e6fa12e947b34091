//! Walking values: `for`, `list()`, unpacking, `len()`, and what can be a key.

use minijinja::value::ObjectRepr;
use minijinja::{Error, State};

use super::charge::{Meter, charge_bytes, charge_items, charge_value, is_strict};
use crate::limits::DEPTH_MAX;
use crate::raise::{error, limit, undefined};
use crate::value::{Entries, Key, Val, View, text, type_name, view, weight};

/// The items of `value`, as Python's `iter` gives them.
///
/// # Errors
/// It cannot be walked, or is too long.
pub(crate) fn iterate(state: &State<'_, '_>, value: &Val) -> Result<Vec<Val>, Error> {
    match try_iterate(state, value)? {
        Some(items) => Ok(items),
        None => Err(error(format!("'{}' object is not iterable", type_name(value)))),
    }
}

/// The items of `value`, or `None` when it cannot be walked.
pub(crate) fn try_iterate(state: &State<'_, '_>, value: &Val) -> Result<Option<Vec<Val>>, Error> {
    let items = match view(value) {
        View::List(list) => {
            let list = list.read();
            charge_items(state, list.len())?;
            list.clone()
        }
        View::Tuple(tuple) => {
            let tuple = tuple.read();
            charge_items(state, tuple.len())?;
            tuple.clone()
        }
        View::Dict(dict) => {
            let dict = dict.read();
            charge_items(state, dict.len())?;
            dict.keys().map(|key| key.0.clone()).collect()
        }
        View::Entries(view) => {
            charge_items(state, 3 * view.len())?;
            view.items()
        }
        View::Str(string) => {
            charge_items(state, string.len())?;
            let mut buffer = [0; 4];
            string.chars().map(|c| text(&*c.encode_utf8(&mut buffer))).collect()
        }
        View::Range(range) => {
            charge_items(state, usize::try_from(range.len()).unwrap_or(usize::MAX))?;
            range.items().collect()
        }
        View::Generator(generator) => generator.take(),
        View::Undefined if is_strict(state) => return Err(undefined("")),
        View::Undefined => Vec::new(),
        View::Other => match foreign(value) {
            Some(items) => items,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(items))
}

/// Items of the engine's own sequences, such as keyword arguments.
fn foreign(value: &Val) -> Option<Vec<Val>> {
    let object = value.as_object()?;
    let walkable = match object.repr() {
        ObjectRepr::Seq | ObjectRepr::Iterable => true,
        ObjectRepr::Map => value.is_kwargs(),
        ObjectRepr::Plain => false,
        _ => false,
    };
    if !walkable {
        return None;
    }
    Some(object.try_iter()?.collect())
}

/// `len(value)`
///
/// # Errors
/// It has no length.
pub(crate) fn length(state: &State<'_, '_>, value: &Val) -> Result<usize, Error> {
    Ok(match view(value) {
        View::Str(string) => {
            charge_bytes(state, string.len())?;
            string.chars().count()
        }
        View::Bytes(bytes) => bytes.len(),
        View::List(list) => list.read().len(),
        View::Tuple(tuple) => tuple.read().len(),
        View::Dict(dict) => dict.read().len(),
        View::Entries(view) => view.len(),
        View::Range(range) => usize::try_from(range.len()).unwrap_or(usize::MAX),
        View::Undefined if is_strict(state) => return Err(undefined("")),
        View::Undefined => 0,
        _ => {
            return Err(error(format!("object of type '{}' has no len()", type_name(value))));
        }
    })
}

/// Exactly `count` items of `value`, for assignments to several names.
pub(crate) fn unpack(state: &State<'_, '_>, value: &Val, count: usize) -> Result<Vec<Val>, Error> {
    let Some(items) = try_iterate(state, value)? else {
        return Err(error(format!("cannot unpack non-iterable {} object", type_name(value))));
    };
    if items.len() == count {
        return Ok(items);
    }
    if value.is_undefined() {
        return Err(undefined(format!("cannot be unpacked into {count} names")));
    }
    Err(error(format!("wrong number of values to unpack (expected {count}, got {})", items.len())))
}

/// Entries of a mapping or of a sequence of pairs, as `dict()` takes them.
pub(crate) fn entries_from(state: &State<'_, '_>, value: &Val) -> Result<Entries, Error> {
    if let View::Dict(dict) = view(value) {
        let entries = dict.read().clone();
        charge_items(state, 2 * entries.len())?;
        return Ok(entries);
    }
    if value.is_undefined() {
        return Err(undefined("is no mapping"));
    }
    let mut entries = Entries::default();
    for pair in iterate(state, value)? {
        let pair = unpack(state, &pair, 2)?;
        hashable(state, &pair[0])?;
        entries.insert(Key(pair[0].clone()), pair[1].clone());
    }
    Ok(entries)
}

/// Fails when Python could not hash `value`, or when that is too much work.
pub(crate) fn hashable(state: &State<'_, '_>, value: &Val) -> Result<(), Error> {
    match unhashable(state, value)? {
        Some(part) => Err(error(format!("unhashable type: '{}'", type_name(&part)))),
        None => Ok(()),
    }
}

/// The part of `value` for which Python could not hash it.
///
/// # Errors
/// Finding out is too much work.
pub(crate) fn unhashable(state: &State<'_, '_>, value: &Val) -> Result<Option<Val>, Error> {
    if value.as_object().is_none() {
        return charge_value(state, value).map(|()| None);
    }
    unhashable_at(&mut Meter::new(state), value, 0)
}

fn unhashable_at(meter: &mut Meter<'_, '_, '_>, value: &Val, depth: u32) -> Result<Option<Val>, Error> {
    meter.spend(1 + weight(value))?;
    match view(value) {
        View::List(_) | View::Dict(_) | View::Entries(_) => Ok(Some(value.clone())),
        View::Tuple(_) if depth >= DEPTH_MAX => Err(limit("a key is nested too deeply")),
        View::Tuple(tuple) => {
            let items = tuple.read();
            let mut parts = items.iter().map(|item| unhashable_at(meter, item, depth + 1));
            parts.find_map(Result::transpose).transpose()
        }
        _ => Ok(None),
    }
}
