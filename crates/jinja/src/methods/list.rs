//! Methods of `list`, `tuple` and `range`.

use minijinja::{Error, State};
use tenterhook_model::limits;

use super::given::{Given, place};
use crate::ops::{SortKey, charge_items, charge_moves, equal, iterate, slice_bounds, sort_values};
use crate::raise::{error, limit};
use crate::value::{List, Val, View, is_same, note_change, view};

/// Items of a list that a template made, at most.
const ITEMS_MAX: usize = limits::TEMPLATE_LIST_ITEMS;

/// `value.name(args)` for a sequence.
pub(super) fn call(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    match given.name {
        "count" => return count(state, value, &given.one("value")?),
        "index" => return index(state, value, given),
        _ => {}
    }
    let View::List(list) = view(value) else {
        return Err(error("a tuple cannot be changed"));
    };
    let nothing = Val::from(());
    match given.name {
        "append" => push(state, value, list, given.one("object")?)?,
        "extend" => {
            let more = iterate(state, &given.one("iterable")?)?;
            room(list, more.len())?;
            note_change(value);
            list.write().extend(more);
        }
        "insert" => insert(state, value, list, given)?,
        "pop" => return pop(state, list, given),
        "remove" => remove(state, list, &given.one("value")?)?,
        "clear" => list.write().clear(),
        "reverse" => {
            charge_moves(state, list.read().len())?;
            list.write().reverse();
        }
        "copy" => {
            let items = list.read().clone();
            charge_items(state, items.len())?;
            return Ok(List::value(items));
        }
        "sort" => {
            let reverse = given.keywords.get::<Option<Val>>("reverse")?;
            if !given.positional.is_empty() {
                return Err(error("sort() takes no positional arguments"));
            }
            let mut items = list.read().clone();
            let reverse = reverse.is_some_and(|reverse| reverse.is_true());
            sort_values(state, &mut items, &SortKey::whole(), reverse)?;
            *list.write() = items;
        }
        name => return Err(error(format!("'list' object has no method '{name}'"))),
    }
    Ok(nothing)
}

fn room(list: &List, more: usize) -> Result<(), Error> {
    if list.read().len().saturating_add(more) > ITEMS_MAX {
        return Err(limit("a list is too long"));
    }
    Ok(())
}

fn push(state: &State<'_, '_>, value: &Val, list: &List, item: Val) -> Result<(), Error> {
    room(list, 1)?;
    charge_items(state, 1)?;
    if item.as_object().is_some() {
        note_change(value);
    }
    list.write().push(item);
    Ok(())
}

fn insert(state: &State<'_, '_>, value: &Val, list: &List, given: &Given<'_>) -> Result<(), Error> {
    let [at, item] = given.bind(["index", "object"], 2)?;
    room(list, 1)?;
    let length = list.read().len();
    charge_items(state, length)?;
    note_change(value);
    let at = place(&at.unwrap_or_default())?;
    let from_end = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    let at = if at < 0 { length.saturating_sub(from_end) } else { from_end.min(length) };
    list.write().insert(at, item.unwrap_or_default());
    Ok(())
}

fn pop(state: &State<'_, '_>, list: &List, given: &Given<'_>) -> Result<Val, Error> {
    let [at] = given.bind(["index"], 0)?;
    let at = at.map_or(Ok(-1), |at| place(&at))?;
    let mut items = list.write();
    if items.is_empty() {
        return Err(error("pop from empty list"));
    }
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let at = if at < 0 { at.saturating_add(length) } else { at };
    match usize::try_from(at).ok().filter(|_| at < length) {
        Some(at) => {
            charge_moves(state, items.len() - at)?;
            Ok(items.remove(at))
        }
        None => Err(error("pop index out of range")),
    }
}

fn remove(state: &State<'_, '_>, list: &List, wanted: &Val) -> Result<(), Error> {
    let items = list.read().clone();
    match position(state, &items, wanted)? {
        Some(at) => {
            list.write().remove(at);
            Ok(())
        }
        None => Err(error("list.remove(x): x not in list")),
    }
}

fn position(state: &State<'_, '_>, items: &[Val], wanted: &Val) -> Result<Option<usize>, Error> {
    charge_items(state, items.len())?;
    for (at, item) in items.iter().enumerate() {
        if is_same(item, wanted) || equal(state, item, wanted)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn count(state: &State<'_, '_>, value: &Val, wanted: &Val) -> Result<Val, Error> {
    let mut counted = 0;
    for item in iterate(state, value)? {
        counted += i64::from(is_same(&item, wanted) || equal(state, &item, wanted)?);
    }
    Ok(Val::from(counted))
}

fn index(state: &State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [wanted, start, stop] = given.bind(["value", "start", "stop"], 1)?;
    let items = iterate(state, value)?;
    let none = Val::from(());
    let bounds = [&start.unwrap_or_else(|| none.clone()), &stop.unwrap_or_else(|| none.clone()), &none];
    let (start, stop, _) = slice_bounds(bounds, items.len())?;
    let at = |n: i128| usize::try_from(n).unwrap_or(0);
    let inside = items.get(at(start)..at(stop)).unwrap_or_default();
    match position(state, inside, &wanted.unwrap_or_default())? {
        Some(found) => Ok(Val::from(at(start) + found)),
        None => Err(error("the value is not in the list")),
    }
}
