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

#[cfg(test)]
mod tests {
    use super::*;

    fn power(exponent: u32) -> BigInt {
        BigInt::from(2).pow(exponent)
    }

    #[test]
    fn a_float_is_a_whole_number_of_128_bits_or_not() {
        let end = 2.0_f64.powi(127);
        for (x, whole) in [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (1.5, None),
            (-3.0, Some(-3)),
            (-end, Some(i128::MIN)),
            (end, None),
            (end.next_down(), Some(i128::MAX - (1 << 74) + 1)),
            ((-end).next_down(), None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(exact_int(x), whole, "{x}");
        }
    }

    #[test]
    fn the_whole_part_of_a_float_has_every_digit() {
        for (x, whole) in [
            (0.9, BigInt::from(0)),
            (-0.9, BigInt::from(0)),
            (2.0_f64.powi(127), power(127)),
            (-(2.0_f64.powi(1_023)), -power(1_023)),
            (1e23, BigInt::from(99_999_999_999_999_991_611_392_u128)),
            (f64::MAX, (power(53) - 1) * power(971)),
            (f64::NAN, BigInt::from(0)),
            (f64::NEG_INFINITY, BigInt::from(0)),
        ] {
            assert_eq!(whole_part(x), whole, "{x}");
        }
    }

    #[test]
    fn integers_and_floats_have_one_exact_order() {
        let floats =
            [0.0, 0.5, 1.0, 1.5, 9_007_199_254_740_992.0, 1e38, 2.0_f64.powi(127), 2.0_f64.powi(128), 1e300, f64::MAX];
        let wholes = [0, 1, 2].map(BigInt::from).into_iter().chain([53, 126, 127, 128, 1_000, 1_024].map(power));
        for whole in wholes.flat_map(|n| [n.clone() - 1, n.clone(), n + 1]).flat_map(|n| [-n.clone(), n]) {
            let number = i128::try_from(&whole).map_or_else(|_| Num::Big(whole.clone()), Num::Int);
            for x in floats.into_iter().flat_map(|x| [-x, x]) {
                // A fraction decides only between equals.
                let fraction = if x.fract() == 0.0 { Ordering::Equal } else { x.total_cmp(&0.0) };
                let wanted = whole_part(x).cmp(&whole).then(fraction);
                assert_eq!(compare_numbers(&Num::Float(x), &number), Some(wanted), "{x} and {whole}");
                assert_eq!(compare_numbers(&number, &Num::Float(x)), Some(wanted.reverse()), "{whole} and {x}");
            }
            assert_eq!(compare_numbers(&Num::Float(f64::INFINITY), &number), Some(Ordering::Greater));
            assert_eq!(compare_numbers(&number, &Num::Float(f64::NEG_INFINITY)), Some(Ordering::Greater));
            assert_eq!(compare_numbers(&number, &Num::Float(f64::NAN)), None);
        }
    }

    #[test]
    fn an_integer_beyond_every_float_is_an_error_and_the_nearest_float_is_rounded_to_even() {
        assert!(Num::Big(power(1_024)).to_float().is_err() && Num::Big(-power(1_024)).to_float().is_err());
        assert_eq!(Num::Big(power(1_023)).to_float().unwrap(), 2.0_f64.powi(1_023));
        assert_eq!(Num::Float(f64::INFINITY).to_float().unwrap(), f64::INFINITY);
        assert_eq!((float_of_big(&power(2_000)), float_of_big(&-power(2_000))), (f64::INFINITY, f64::NEG_INFINITY));
        for (n, x) in [(1_u64, 9_007_199_254_740_992.0), (2, 9_007_199_254_740_994.0), (3, 9_007_199_254_740_996.0)] {
            assert_eq!(float_of_big(&(power(53) + n)), x, "2^53 + {n}");
        }
    }
}
