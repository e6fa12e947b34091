//! Filters on sequences.

use minijinja::{Error, State};

use super::table::Table;
use crate::methods::{Given, whole};
use crate::ops::{self, Getter, SortKey, charge_bytes, charge_items, hashable, iterate, sort_values};
use crate::raise::{Culprit, error, of_argument};
use crate::value::{Generator, Key, List, Num, Tuple, Val, View, number_of, type_name, view};

pub(super) const TABLE: Table = &[
    ("batch", batch),
    ("count", length),
    ("dictsort", dict_sort),
    ("first", first),
    ("items", items),
    ("last", last),
    ("length", length),
    ("list", list),
    ("max", |s, v, g| extreme(s, v, g, true)),
    ("min", |s, v, g| extreme(s, v, g, false)),
    ("random", random),
    ("reverse", reverse),
    ("slice", slice),
    ("sort", sort),
    ("sum", sum),
    ("unique", unique),
];

fn length(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    ops::length(state, value).map(Val::from)
}

fn list(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    Ok(List::value(iterate(state, value)?))
}

fn first(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    if let View::Generator(generator) = view(value) {
        return Ok(generator.next().unwrap_or_default());
    }
    Ok(iterate(state, value)?.into_iter().next().unwrap_or_default())
}

fn last(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    if matches!(view(value), View::Generator(_)) {
        return Err(error("'generator' object is not reversible"));
    }
    Ok(iterate(state, value)?.pop().unwrap_or_default())
}

/// Chosen by the length alone, so that a retry sends the same body.
fn random(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    ops::length(state, value)?;
    let items = iterate(state, value)?;
    let at = items.len().wrapping_mul(0x9e37_79b9) >> 7;
    Ok(items.get(at % items.len().max(1)).cloned().unwrap_or_default())
}

fn reverse(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    if let View::Str(string) = view(value) {
        charge_bytes(state, string.len())?;
        let reversed: String = string.chars().rev().collect();
        return Ok(super::text::hard(reversed, value.is_safe()));
    }
    let Some(mut items) = ops::try_iterate(state, value)? else {
        return Err(error("argument must be iterable"));
    };
    items.reverse();
    Ok(if matches!(view(value), View::Generator(_)) { List::value(items) } else { Generator::value(items) })
}

fn items(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    match view(value) {
        View::Undefined => Ok(Generator::value(Vec::new())),
        View::Dict(dict) => {
            let pairs = dict.read();
            charge_items(state, 3 * pairs.len())?;
            let pairs = pairs.iter().map(|(k, v)| Tuple::value(vec![k.0.clone(), v.clone()]));
            Ok(Generator::value(pairs.collect()))
        }
        _ => Err(error("Can only get item pairs from a mapping.")),
    }
}

fn batch(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [count, fill] = given.bind(["linecount", "fill_with"], 1)?;
    let count = count.unwrap_or_default();
    let fill = fill.filter(|fill| !fill.is_none());
    // a batch is full when its length equals the count; -1 never does
    let full = match number_of(&count) {
        Some(Num::Float(x)) if x.fract() == 0.0 => x as i64,
        Some(Num::Float(_)) | None => -1,
        Some(_) => whole(&count)?,
    };
    let items = iterate(state, value)?;
    if fill.is_some() && !can_fill(&count, full, items.len()) {
        let err = error(format!("a batch is filled up to a whole number, not {}", type_name(&count)));
        return Err(of_argument(err, &count));
    }
    if items.is_empty() {
        return Ok(Generator::value(Vec::new()));
    }
    // no batch is ever full when the count is not positive
    let size = usize::try_from(full).unwrap_or(0);
    if size == 0 {
        let mut batches = Vec::new();
        if full == 0 {
            batches.push(List::value(Vec::new()));
        }
        batches.push(List::value(items));
        return Ok(Generator::value(batches));
    }
    let mut batches = Vec::new();
    for chunk in items.chunks(size) {
        let mut row = chunk.to_vec();
        if let Some(fill) = &fill {
            charge_items(state, size - row.len())?;
            row.resize(size, fill.clone());
        }
        debug_assert!(
            row.len() == size || fill.is_none() && row.len() < size,
            "only a batch that is not filled up is short"
        );
        batches.push(List::value(row));
    }
    Ok(Generator::value(batches))
}

/// Whether the last batch can be filled up: it lacks nothing, or so many as a whole number says.
fn can_fill(count: &Val, full: i64, items: usize) -> bool {
    let last = usize::try_from(full).ok().filter(|full| *full > 0).map_or(items, |full| items % full);
    match number_of(count) {
        Some(Num::Float(x)) => last == 0 || last as f64 >= x,
        Some(_) => true,
        None => items == 0,
    }
}

fn slice(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [slices, fill] = given.bind(["slices", "fill_with"], 1)?;
    let slices = whole(&slices.unwrap_or_default())?;
    let fill = fill.filter(|fill| !fill.is_none());
    let items = iterate(state, value)?;
    if slices == 0 {
        return Err(error("integer division or modulo by zero"));
    }
    let count = usize::try_from(slices.max(0)).unwrap_or(usize::MAX);
    charge_items(state, count.saturating_mul(4))?;
    let mut columns = Vec::with_capacity(count);
    let (per, extra) = (items.len() / count.max(1), items.len() % count.max(1));
    let mut start = 0;
    for column in 0..count {
        let end = start + per + usize::from(column < extra);
        let mut row = items[start..end].to_vec();
        if column >= extra
            && let Some(fill) = &fill
        {
            row.push(fill.clone());
        }
        columns.push(List::value(row));
        start = end;
    }
    Ok(Generator::value(columns))
}

fn sort(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [reverse, case_sensitive, attribute] = given.bind(["reverse", "case_sensitive", "attribute"], 0)?;
    let is_set = |flag: Option<Val>| flag.is_some_and(|flag| flag.is_true());
    let getters = Getter::several(attribute.as_ref())?;
    let key = SortKey { getters, ignore_case: !is_set(case_sensitive), is_list: true };
    let mut items = iterate(state, value)?;
    sort_values(state, &mut items, &key, is_set(reverse))?;
    Ok(List::value(items))
}

fn dict_sort(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [case_sensitive, by, reverse] = given.bind(["case_sensitive", "by", "reverse"], 0)?;
    let is_set = |flag: Option<Val>| flag.is_some_and(|flag| flag.is_true());
    let position = match by.as_ref().map(|by| by.as_str().unwrap_or_default()) {
        None | Some("key") => 0,
        Some("value") => 1,
        Some(_) => {
            return Err(error(r#"You can only sort by either "key" or "value""#));
        }
    };
    let View::Dict(dict) = view(value) else {
        return Err(error(format!("'{}' object has no items", type_name(value))));
    };
    let mut pairs: Vec<Val> = dict.read().iter().map(|(k, v)| Tuple::value(vec![k.0.clone(), v.clone()])).collect();
    charge_items(state, 3 * pairs.len())?;
    let getters = vec![Getter::new(&Val::from(position), None)?];
    let key = SortKey { getters, ignore_case: !is_set(case_sensitive), is_list: false };
    sort_values(state, &mut pairs, &key, is_set(reverse))?;
    Ok(List::value(pairs))
}

fn extreme(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>, largest: bool) -> Result<Val, Error> {
    let [case_sensitive, attribute] = given.bind(["case_sensitive", "attribute"], 0)?;
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let key = SortKey {
        getters: attribute.iter().map(|a| Getter::new(a, None)).collect::<Result<_, _>>()?,
        ignore_case: !case_sensitive.is_some_and(|flag| flag.is_true()),
        is_list: false,
    };
    let mut best: Option<(Val, Val)> = None;
    for item in iterate(state, value)? {
        let rank = key.of(state, &item)?;
        let better = match &best {
            None => true,
            Some((known, _)) => {
                let op = if largest { ">" } else { "<" };
                ops::less(state, op, &rank, known).map_err(|err| key.blame(err))?
            }
        };
        if better {
            best = Some((rank, item));
        }
    }
    Ok(best.map(|(_, item)| item).unwrap_or_default())
}

fn sum(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [attribute, start] = given.bind(["attribute", "start"], 0)?;
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let getter = attribute.as_ref().map(|attribute| Getter::new(attribute, None)).transpose()?;
    let mut total = start.unwrap_or_else(|| Val::from(0));
    if total.as_str().is_some() {
        return Err(error("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    for item in iterate(state, value)? {
        let item = match &getter {
            Some(getter) => getter.get(state, &item)?,
            None => item,
        };
        state.consume_fuel(1)?;
        total = ops::add(state, &total, &item).map_err(|error| match &attribute {
            Some(attribute) if item.is_undefined() => error.with_source(Culprit::Attribute(attribute.to_string())),
            _ => error,
        })?;
    }
    Ok(total)
}

fn unique(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [case_sensitive, attribute] = given.bind(["case_sensitive", "attribute"], 0)?;
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let key = SortKey {
        getters: attribute.iter().map(|a| Getter::new(a, None)).collect::<Result<_, _>>()?,
        ignore_case: !case_sensitive.is_some_and(|flag| flag.is_true()),
        is_list: false,
    };
    let mut seen = std::collections::HashSet::new();
    let mut kept = Vec::new();
    for item in iterate(state, value)? {
        state.consume_fuel(1)?;
        let rank = key.of(state, &item)?;
        hashable(state, &rank)?;
        if seen.insert(Key(rank)) {
            kept.push(item);
        }
    }
    Ok(Generator::value(kept))
}
