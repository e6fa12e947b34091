//! Python's `==`: numbers by what they are worth, containers item by item, and most other
//! things only to themselves. Keys of dicts are found by it, so it is here and not in `ops`.

use std::cmp::Ordering;

use minijinja::Error;

use super::number::{compare_numbers, number_of};
use super::{Dict, DictView, Val, View, ViewKind, is_same, view};
use crate::limits::{BYTES_PER_FUEL, DEPTH_MAX};
use crate::raise::limit;

/// Nodes that a comparison without a render to charge visits at most.
const UNCHARGED_NODES_MAX: u32 = 20_000;

/// What looking at all of a value costs beside itself: its text, its digits.
pub(crate) fn weight(value: &Val) -> u64 {
    match view(value) {
        View::Str(text) => text.len() as u64 / BYTES_PER_FUEL,
        View::Bytes(bytes) => bytes.len() as u64 / BYTES_PER_FUEL,
        View::Big(n) => n.bits() / (8 * BYTES_PER_FUEL),
        _ => 0,
    }
}

/// Equality where no render can be charged; what is too large is unequal.
pub(crate) fn equal_uncharged(a: &Val, b: &Val) -> bool {
    let mut left = UNCHARGED_NODES_MAX;
    let mut spend = |_| {
        left = left.checked_sub(1).ok_or_else(|| limit("too large"))?;
        Ok(())
    };
    let mut equality = Equality { spend: &mut spend, depth: 0 };
    equality.equal(a, b).unwrap_or(false)
}

/// A comparison of two values, with what it costs.
pub(crate) struct Equality<'m> {
    /// Pays for so many nodes, or fails.
    pub(crate) spend: &'m mut dyn FnMut(u64) -> Result<(), Error>,
    /// Containers around what is compared.
    pub(crate) depth: u32,
}

impl Equality<'_> {
    pub(crate) fn equal(&mut self, a: &Val, b: &Val) -> Result<bool, Error> {
        (self.spend)(1 + weight(a).min(weight(b)))?;
        if let (Some(x), Some(y)) = (number_of(a), number_of(b)) {
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
        let depth = self.depth;
        let result = inner(self);
        debug_assert_eq!(self.depth, depth, "each level is left once, or the limit is met too early or never");
        self.depth -= 1;
        result
    }
}
