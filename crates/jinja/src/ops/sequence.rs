//! `+` and `*` on strings, lists and tuples.

use minijinja::{Error, State};

use super::charge::{charge_bytes, charge_items};
use crate::markup::escape;
use crate::raise::limit;
use crate::value::{List, Tuple, Val, View, text, view};

/// `a + b` when both are sequences of one kind.
pub(super) fn add(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<Option<Val>, Error> {
    Ok(Some(match (view(a), view(b)) {
        (View::Str(x), View::Str(y)) => {
            charge_bytes(state, x.len() + y.len())?;
            match (a.is_safe(), b.is_safe()) {
                (false, false) => text(format!("{x}{y}")),
                (true, true) => Val::from_safe_string(format!("{x}{y}")),
                (true, false) => Val::from_safe_string(format!("{x}{}", escape(y))),
                (false, true) => Val::from_safe_string(format!("{}{y}", escape(x))),
            }
        }
        (View::List(x), View::List(y)) => {
            let (mut items, more) = (x.read().clone(), y.read().clone());
            charge_items(state, items.len() + more.len())?;
            items.extend(more);
            List::value(items)
        }
        (View::Tuple(x), View::Tuple(y)) => {
            let (mut items, more) = (x.read().clone(), y.read().clone());
            charge_items(state, items.len() + more.len())?;
            items.extend(more);
            Tuple::value(items)
        }
        _ => return Ok(None),
    }))
}

/// `a * b` when one is a sequence and the other a whole number.
pub(super) fn repeat(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<Option<Val>, Error> {
    let (sequence, times) = match (view(a), view(b)) {
        (_, View::Int(n)) => (a, n),
        (View::Int(n), _) => (b, n),
        (_, View::Bool(n)) => (a, i128::from(n)),
        (View::Bool(n), _) => (b, i128::from(n)),
        _ => return Ok(None),
    };
    let is_sequence = matches!(view(sequence), View::Str(_) | View::List(_) | View::Tuple(_));
    if is_sequence && i64::try_from(times).is_err() {
        return Err(limit("a repeated sequence is too large"));
    }
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    let too_large = || limit("a repeated sequence is too large");
    Ok(Some(match view(sequence) {
        View::Str(part) => {
            let size = part.len().checked_mul(times).ok_or_else(too_large)?;
            charge_bytes(state, size)?;
            let repeated = if size == 0 { String::new() } else { part.repeat(times) };
            if sequence.is_safe() { Val::from_safe_string(repeated) } else { text(repeated) }
        }
        View::List(list) => List::value(repeat_items(state, &list.read(), times)?),
        View::Tuple(tuple) => Tuple::value(repeat_items(state, &tuple.read(), times)?),
        _ => return Ok(None),
    }))
}

fn repeat_items(state: &State<'_, '_>, items: &[Val], times: usize) -> Result<Vec<Val>, Error> {
    let size = items.len().checked_mul(times).ok_or_else(|| limit("a repeated sequence is too large"))?;
    charge_items(state, size)?;
    let mut repeated = Vec::with_capacity(size);
    if size > 0 {
        for _ in 0..times {
            repeated.extend_from_slice(items);
        }
    }
    Ok(repeated)
}
