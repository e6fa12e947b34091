//! Methods of `dict` and its views.

use minijinja::{Error, State};
use tenterhook_model::limits;

use super::given::Given;
use crate::ops::{charge_items, contains, entries_from, hashable, iterate};
use crate::raise::{error, limit};
use crate::value::{Dict, DictView, Entries, Key, Tuple, Val, View, ViewKind, note_change, text, view};

/// Entries of a dict that a template made, at most.
const ENTRIES_MAX: usize = limits::TEMPLATE_DICT_ENTRIES;

/// `value.name(args)` for a dict.
pub(super) fn call(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let View::Dict(dict) = view(value) else {
        return disjoint(state, value, given);
    };
    match given.name {
        "keys" | "values" | "items" => {
            given.none()?;
            let kind = match given.name {
                "keys" => ViewKind::Keys,
                "values" => ViewKind::Values,
                _ => ViewKind::Items,
            };
            Ok(DictView::value(value, kind))
        }
        "get" => {
            let [key, default] = given.bind(["key", "default"], 1)?;
            let key = key.unwrap_or_default();
            hashable(state, &key)?;
            let found = dict.read().get(&Key(key)).cloned();
            Ok(found.or(default).unwrap_or_else(|| Val::from(())))
        }
        "copy" => {
            let entries = dict.read().clone();
            charge_items(state, 2 * entries.len())?;
            Ok(Dict::value(entries))
        }
        "clear" => {
            dict.write().clear();
            Ok(Val::from(()))
        }
        "update" => update(state, value, dict, given),
        "setdefault" => {
            let [key, default] = given.bind(["key", "default"], 1)?;
            let key = key.unwrap_or_default();
            hashable(state, &key)?;
            room(dict, 1)?;
            note_change(value);
            let default = default.unwrap_or_else(|| Val::from(()));
            Ok(dict.write().entry(Key(key)).or_insert(default).clone())
        }
        "pop" => {
            let [key, default] = given.bind(["key", "default"], 1)?;
            let key = key.unwrap_or_default();
            hashable(state, &key)?;
            charge_items(state, dict.read().len())?;
            let popped = dict.write().shift_remove(&Key(key));
            popped.or(default).ok_or_else(|| error("pop(): no such key"))
        }
        "popitem" => {
            given.none()?;
            let popped = dict.write().pop();
            match popped {
                Some((key, value)) => Ok(Tuple::value(vec![key.0, value])),
                None => Err(error("popitem(): dictionary is empty")),
            }
        }
        name => Err(error(format!("'dict' object has no method '{name}'"))),
    }
}

fn room(dict: &Dict, more: usize) -> Result<(), Error> {
    if dict.read().len().saturating_add(more) > ENTRIES_MAX {
        return Err(limit("a dict is too large"));
    }
    Ok(())
}

fn update(state: &State<'_, '_>, value: &Val, dict: &Dict, given: &Given<'_>) -> Result<Val, Error> {
    let mut more = match given.positional {
        [] => Entries::default(),
        [from] => entries_from(state, from)?,
        _ => return Err(error("update expected at most 1 argument")),
    };
    for name in given.keywords.args() {
        more.insert(Key(text(name)), given.keywords.get(name)?);
    }
    room(dict, more.len())?;
    note_change(value);
    dict.write().extend(more);
    Ok(Val::from(()))
}

fn disjoint(state: &State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let View::Entries(keys) = view(value) else {
        return Err(error("not a dict"));
    };
    let other = iterate(state, &given.one("other")?)?;
    if keys.kind == ViewKind::Items {
        for item in other {
            if contains(state, value, &item)? {
                return Ok(Val::from(false));
            }
        }
        return Ok(Val::from(true));
    }
    let dict = keys.dict().unwrap_or_default();
    let View::Dict(dict) = view(&dict) else {
        return Ok(Val::from(true));
    };
    for item in other {
        hashable(state, &item)?;
        if dict.read().contains_key(&Key(item)) {
            return Ok(Val::from(false));
        }
    }
    Ok(Val::from(true))
}
