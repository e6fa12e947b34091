//! Integers of any size: the engine's up to 128 bits, ours beyond.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use num_bigint::BigInt;

use super::Val;

/// An integer outside the range of `i128`.
#[derive(Debug)]
pub(crate) struct Big(pub(crate) BigInt);

impl Object for Big {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("int")
    }
}

/// An integer value, in the smallest form.
pub(crate) fn from_big(n: BigInt) -> Val {
    match i128::try_from(&n) {
        Ok(small) => from_i128(small),
        Err(_) => Val::from_object(Big(n)),
    }
}

/// An integer value, in the smallest form.
pub(crate) fn from_i128(n: i128) -> Val {
    match i64::try_from(n) {
        Ok(small) => Val::from(small),
        Err(_) => Val::from(n),
    }
}
