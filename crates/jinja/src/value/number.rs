//! Numbers as Python's operators see them: integers of any size and floats, compared exactly.

use std::cmp::Ordering;

use minijinja::Error;
use num_bigint::{BigInt, Sign};

use super::{Val, View, view};
use crate::raise::error;

/// Bits of the largest whole number that is a float.
const FLOAT_BITS_MAX: u64 = f64::MAX_EXP as u64;

/// A number as Python's operators see it.
#[derive(Debug, Clone)]
pub(crate) enum Num {
    Int(i128),
    Big(BigInt),
    Float(f64),
}

impl Num {
    pub(crate) fn to_big(&self) -> BigInt {
        match self {
            Self::Int(n) => BigInt::from(*n),
            Self::Big(n) => n.clone(),
            Self::Float(x) => whole_part(*x),
        }
    }

    /// As a float.
    ///
    /// # Errors
    /// The integer is beyond a float.
    pub(crate) fn to_float(&self) -> Result<f64, Error> {
        let float = match self {
            Self::Int(n) => *n as f64,
            Self::Big(n) => float_of_big(n),
            Self::Float(x) => return Ok(*x),
        };
        if float.is_infinite() {
            return Err(error("int too large to convert to float"));
        }
        Ok(float)
    }
}

/// `value` as a number, if it is one (booleans are).
pub(crate) fn number_of(value: &Val) -> Option<Num> {
    match view(value) {
        View::Bool(b) => Some(Num::Int(i128::from(b))),
        View::Int(n) => Some(Num::Int(n)),
        View::Big(n) => Some(Num::Big(n.clone())),
        View::Float(x) => Some(Num::Float(x)),
        _ => None,
    }
}

/// The whole number that `x` is exactly, if it is one within `i128`.
pub(crate) fn exact_int(x: f64) -> Option<i128> {
    const LIMIT: f64 = (1_u128 << 127) as f64;
    if x.fract() == 0.0 && (-LIMIT..LIMIT).contains(&x) {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within range")]
        return Some(x as i128);
    }
    None
}

/// The whole number before the point of `x`, exactly; 0 for what is not finite.
pub(crate) fn whole_part(x: f64) -> BigInt {
    if !x.is_finite() {
        return BigInt::default();
    }
    match exact_int(x.trunc()) {
        Some(whole) => BigInt::from(whole),
        // the digits are all written
        None => format!("{:.0}", x.trunc()).parse().unwrap_or_default(),
    }
}

/// The nearest float; infinite when `n` is beyond.
pub(crate) fn float_of_big(n: &BigInt) -> f64 {
    if n.bits() > FLOAT_BITS_MAX {
        return if n.sign() == Sign::Minus { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // the decimal text is read with correct rounding
    n.to_string().parse().unwrap_or(f64::NAN)
}

/// The order of two numbers; `None` when one is not a number (`nan`).
pub(crate) fn compare_numbers(a: &Num, b: &Num) -> Option<Ordering> {
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
    // one of them is beyond 128 bits, so that a fraction changes nothing
    match whole {
        Num::Big(n) if x.is_finite() => Some(whole_part(x).cmp(n)),
        _ => x.partial_cmp(&0.0),
    }
}
