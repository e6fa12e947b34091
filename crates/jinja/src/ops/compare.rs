//! `==` and `<`, strict as in Python 3: numbers with numbers, strings with
//! strings, lists and tuples item by item, and nothing else has an order.

use std::cmp::Ordering;

use minijinja::{Error, State};

use super::arithmetic::Num;
use super::charge::{Meter, weight};
use super::{DEPTH_MAX, arithmetic, error, exact_int, limit};
use crate::value::{Dict, DictView, Val, View, ViewKind, is_same, type_name, view};

/// Nodes that a comparison without a render to charge visits at most.
const UNCHARGED_NODES_MAX: u32 = 20_000;

/// `a == b`
pub(crate) fn equal(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<bool, Error> {
    let mut meter = Meter::new(state);
    Equality { spend: &mut |nodes| meter.spend(nodes), depth: 0 }.equal(a, b)
}

/// Equality where no render can be charged; what is too large is unequal.
pub(crate) fn equal_as_ordering(a: &Val, b: &Val) -> Ordering {
    let mut left = UNCHARGED_NODES_MAX;
    let mut spend = |_| {
        left = left.checked_sub(1).ok_or_else(|| limit("too large"))?;
        Ok(())
    };
    let mut equality = Equality { spend: &mut spend, depth: 0 };
    if equality.equal(a, b).unwrap_or(false) { Ordering::Equal } else { Ordering::Less }
}

struct Equality<'m> {
    spend: &'m mut dyn FnMut(u64) -> Result<(), Error>,
    depth: u32,
}

impl Equality<'_> {
    fn equal(&mut self, a: &Val, b: &Val) -> Result<bool, Error> {
        (self.spend)(1 + weight(a).min(weight(b)))?;
        if let (Some(x), Some(y)) = (arithmetic::number_of(a), arithmetic::number_of(b)) {
            return Ok(compare_numbers(&x, &y) == Some(Ordering::Equal));
        }
        match (view(a), view(b)) {
            (View::Str(x), View::Str(y)) => Ok(x == y),
            (View::Bytes(x), View::Bytes(y)) => Ok(x == y),
            (View::None, View::None) | (View::Undefined, View::Undefined) => Ok(true),
            (View::List(x), View::List(y)) => {
                if std::ptr::eq(x, y) {
                    return Ok(true);
                }
                self.items(&x.read(), &y.read())
            }
            (View::Tuple(x), View::Tuple(y)) => {
                if std::ptr::eq(x, y) {
                    return Ok(true);
                }
                self.items(&x.read(), &y.read())
            }
            (View::Dict(x), View::Dict(y)) => self.dicts(x, y),
            (View::Range(x), View::Range(y)) => {
                let same =
                    x.len() == y.len() && (x.len() == 0 || (x.start == y.start && (x.len() == 1 || x.step == y.step)));
                Ok(same)
            }
            (View::Entries(x), View::Entries(y)) => self.views(x, y),
            _ => Ok(is_same(a, b)),
        }
    }

    fn items(&mut self, a: &[Val], b: &[Val]) -> Result<bool, Error> {
        if a.len() != b.len() {
            return Ok(false);
        }
        self.deeper(|this| {
            for (x, y) in a.iter().zip(b) {
                if !is_same(x, y) && !this.equal(x, y)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn dicts(&mut self, a: &Dict, b: &Dict) -> Result<bool, Error> {
        if std::ptr::eq(a, b) {
            return Ok(true);
        }
        let (a, b) = (a.read(), b.read());
        if a.len() != b.len() {
            return Ok(false);
        }
        self.deeper(|this| {
            for (key, x) in &*a {
                (this.spend)(weight(&key.0))?;
                match b.get(key) {
                    Some(y) if this.equal(x, y)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        })
    }

    fn views(&mut self, a: &DictView, b: &DictView) -> Result<bool, Error> {
        if a.kind == ViewKind::Values || b.kind == ViewKind::Values {
            return Ok(std::ptr::eq(a, b));
        }
        let (left, right) = (a.dict().unwrap_or_default(), b.dict().unwrap_or_default());
        let (View::Dict(x), View::Dict(y)) = (view(&left), view(&right)) else {
            return Ok(false);
        };
        if a.kind == ViewKind::Items && b.kind == ViewKind::Items {
            return self.dicts(x, y);
        }
        let (x, y) = (x.read(), y.read());
        if a.kind != ViewKind::Keys || b.kind != ViewKind::Keys || x.len() != y.len() {
            return Ok(false);
        }
        for key in x.keys() {
            (self.spend)(1 + weight(&key.0))?;
            if !y.contains_key(key) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Result<bool, Error>) -> Result<bool, Error> {
        if self.depth >= DEPTH_MAX {
            return Err(limit("values are nested too deeply to compare"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

/// The order of two numbers; `None` when one is not a number (`nan`).
pub(super) fn compare_numbers(a: &Num, b: &Num) -> Option<Ordering> {
    match (a, b) {
        (Num::Int(x), Num::Int(y)) => Some(x.cmp(y)),
        (Num::Float(x), Num::Float(y)) => x.partial_cmp(y),
        (Num::Float(x), whole) => compare_float(*x, whole),
        (whole, Num::Float(x)) => compare_float(*x, whole).map(Ordering::reverse),
        _ => Some(a.to_big().cmp(&b.to_big())),
    }
}

/// The order of a float and an integer, exactly.
fn compare_float(x: f64, whole: &Num) -> Option<Ordering> {
    if x.is_nan() {
        return None;
    }
    if let (Some(floor), Num::Int(n)) = (exact_int(x.floor()), whole) {
        let order = floor.cmp(n);
        return Some(match order {
            Ordering::Equal if x.fract() != 0.0 => Ordering::Greater,
            order => order,
        });
    }
    // one of them is beyond 128 bits, where no float has a fraction
    match whole {
        Num::Big(n) => x.partial_cmp(&super::float_of_big(n)),
        _ => x.partial_cmp(&0.0),
    }
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
    if let (Some(x), Some(y)) = (arithmetic::number_of(a), arithmetic::number_of(b)) {
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
        return error(format!("an operand of '{op}' is undefined"));
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

/// `a < b <= c …`: operators and operands in turn.
pub(crate) fn chain(state: &State<'_, '_>, first: &Val, rest: &[Val]) -> Result<Val, Error> {
    let mut left = first.clone();
    for link in rest.chunks(2) {
        let [op, right] = link else {
            return Err(error("a comparison lacks an operand"));
        };
        let holds = match op.as_str().unwrap_or_default() {
            "==" => equal(state, &left, right)?,
            "!=" => !equal(state, &left, right)?,
            "in" => super::contains(state, right, &left)?,
            "not in" => !super::contains(state, right, &left)?,
            op => less(state, op, &left, right)?,
        };
        if !holds {
            return Ok(Val::from(false));
        }
        left = right.clone();
    }
    Ok(Val::from(true))
}
