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
mod getter;
mod index;
mod iterate;
mod print;
mod sequence;
mod sort;

pub(crate) use arithmetic::{add, arithmetic, multiply, negate, plus};
pub(crate) use bits::{bounded_int, parse_int};
pub(crate) use charge::{charge_bytes, charge_items, charge_moves, charge_value, needs_defined};
pub(crate) use compare::{equal, less, order};
pub(crate) use contain::contains;
pub(crate) use getter::Getter;
pub(crate) use index::{attribute, item, own_attribute, slice, slice_bounds};
pub(crate) use iterate::{entries_from, hashable, iterate, length, try_iterate, unhashable, unpack};
pub(crate) use print::{concat, repr_text, text_of, write_int};
pub(crate) use sort::{SortKey, sort_values};
