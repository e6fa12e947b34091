//! Python's operators over values, each charged by the size of its work.
//!
//! The engine's own operators are not used: they compare everything with
//! everything, know no big integers and do not change lists. `lower` turns each
//! operator of a template into a call of one of these.

mod arithmetic;
mod bits;
mod charge;
mod compare;
mod contain;
mod divide;
mod index;
mod iterate;
mod print;
mod sequence;

use minijinja::{Error, ErrorKind};

pub(crate) use arithmetic::{Num, add, arithmetic, multiply, negate, number_of, plus, remainder};
pub(crate) use bits::{bounded_int, exact_int, float_of_big, parse_int};
pub(crate) use charge::{charge_bytes, charge_items, charge_moves, charge_value, needs_defined};
pub(crate) use compare::{chain, equal, equal_as_ordering, less, order};
pub(crate) use contain::contains;
pub(crate) use index::{attribute, item, own_attribute, slice, slice_bounds};
pub(crate) use iterate::{hashable, iterate, length, try_iterate, unpack};
pub(crate) use print::{concat, repr_text, text_of, write_int};

/// Levels of containers inside each other at most, for any walk. An event has
/// at most 128.
pub(crate) const DEPTH_MAX: u32 = 200;

/// A fault of the template, found while rendering.
pub(crate) fn error(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// A limit was reached.
pub(crate) fn limit(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::OutOfFuel, message)
}
