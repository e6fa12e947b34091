//! `==` and `<`, strict as in Python 3: numbers with numbers, strings with
//! strings, lists and tuples item by item, and nothing else has an order.

use std::cmp::Ordering;

use minijinja::{Error, State};

use super::charge::Meter;
use crate::limits::DEPTH_MAX;
use crate::raise::{error, limit, undefined};
use crate::value::{DictView, Equality, Val, View, ViewKind, compare_numbers, number_of, type_name, view, weight};

/// `a == b`
pub(crate) fn equal(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<bool, Error> {
    let mut meter = Meter::new(state);
    Equality { spend: &mut |nodes| meter.spend(nodes), depth: 0 }.equal(a, b)
}

/// The order of two values.
///
/// # Errors
/// Python does not order them.
pub(crate) fn order(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<Ordering, Error> {
    let mut meter = Meter::new(state);
    let order = order_at(&mut meter, (a, b), 0)?;
    // `nan` is neither: sorting leaves it where it is
    Ok(order.unwrap_or(Ordering::Equal))
}

fn order_at(meter: &mut Meter<'_, '_, '_>, (a, b): (&Val, &Val), depth: u32) -> Result<Option<Ordering>, Error> {
    meter.spend(1 + weight(a).min(weight(b)))?;
    if let (Some(x), Some(y)) = (number_of(a), number_of(b)) {
        return Ok(compare_numbers(&x, &y));
    }
    match (view(a), view(b)) {
        (View::Str(x), View::Str(y)) => Ok(Some(x.cmp(y))),
        (View::List(x), View::List(y)) => order_items(meter, (&x.read(), &y.read()), depth),
        (View::Tuple(x), View::Tuple(y)) => order_items(meter, (&x.read(), &y.read()), depth),
        _ => Err(unordered("<", a, b)),
    }
}

fn order_items(meter: &mut Meter<'_, '_, '_>, (a, b): (&[Val], &[Val]), depth: u32) -> Result<Option<Ordering>, Error> {
    if depth >= DEPTH_MAX {
        return Err(limit("values are nested too deeply to compare"));
    }
    for (x, y) in a.iter().zip(b) {
        let same = Equality { spend: &mut |nodes| meter.spend(nodes), depth }.equal(x, y)?;
        if !same {
            return order_at(meter, (x, y), depth + 1);
        }
    }
    Ok(Some(a.len().cmp(&b.len())))
}

fn unordered(op: &str, a: &Val, b: &Val) -> Error {
    if a.is_undefined() || b.is_undefined() {
        return undefined(format!("cannot be an operand of '{op}'"));
    }
    error(format!("'{op}' not supported between instances of '{}' and '{}'", type_name(a), type_name(b)))
}

/// `a < b`, `a <= b`, `a > b` or `a >= b`.
pub(crate) fn less(state: &State<'_, '_>, op: &str, a: &Val, b: &Val) -> Result<bool, Error> {
    let mut meter = Meter::new(state);
    if let (View::Entries(x), View::Entries(y)) = (view(a), view(b)) {
        return subset(&mut meter, op, (x, y))?.ok_or_else(|| unordered(op, a, b));
    }
    let order = order_at(&mut meter, (a, b), 0)
        .map_err(|err| if err.kind() == minijinja::ErrorKind::OutOfFuel { err } else { unordered(op, a, b) })?;
    Ok(order.is_some_and(|order| match op {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }))
}

/// The views of dicts are sets in Python, and `<` means subset; `None` for those that are none.
fn subset(meter: &mut Meter<'_, '_, '_>, op: &str, (a, b): (&DictView, &DictView)) -> Result<Option<bool>, Error> {
    if a.kind != ViewKind::Keys || b.kind != ViewKind::Keys {
        return Ok(None);
    }
    let (small, large) = if op.starts_with('<') { (a, b) } else { (b, a) };
    let (inner, outer) = (small.dict().unwrap_or_default(), large.dict().unwrap_or_default());
    let (View::Dict(inner), View::Dict(outer)) = (view(&inner), view(&outer)) else {
        return Ok(None);
    };
    let (inner, outer) = (inner.read(), outer.read());
    for key in inner.keys() {
        meter.spend(1 + weight(&key.0))?;
        if !outer.contains_key(key) {
            return Ok(Some(false));
        }
    }
    Ok(Some(inner.len() < outer.len() || op.ends_with('=')))
}
