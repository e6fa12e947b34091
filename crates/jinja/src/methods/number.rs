//! Methods of `int`, `bool` and `float`.

use minijinja::{Error, State};

use super::given::Given;
use crate::ops::charge_value;
use crate::raise::error;
use crate::value::{Num, Tuple, Val, from_big, from_i128, number_of, type_name};

/// `value.name()` for a number.
pub(super) fn call(state: &State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    charge_value(state, value)?;
    let Some(number) = number_of(value) else {
        return Err(error(format!("'{}' object has no method '{}'", type_name(value), given.name)));
    };
    match (given.name, &number) {
        ("is_integer", Num::Float(x)) => Ok(Val::from(x.is_finite() && x.fract() == 0.0)),
        ("is_integer", _) => Ok(Val::from(true)),
        ("conjugate", Num::Int(n)) => Ok(from_i128(*n)),
        ("conjugate", _) => Ok(value.clone()),
        ("bit_length", _) => Ok(Val::from(big(&number).bits())),
        ("bit_count", _) => {
            let ones: u32 = big(&number).magnitude().iter_u32_digits().map(u32::count_ones).sum();
            Ok(Val::from(ones))
        }
        ("as_integer_ratio", Num::Float(x)) => ratio(*x),
        ("as_integer_ratio", _) => Ok(Tuple::value(vec![from_big(big(&number)), from_i128(1)])),
        (name, _) => Err(error(format!("a number has no method '{name}'"))),
    }
}

fn big(number: &Num) -> num_bigint::BigInt {
    match number {
        Num::Int(n) => (*n).into(),
        Num::Big(n) => n.clone(),
        Num::Float(_) => num_bigint::BigInt::default(),
    }
}

fn ratio(x: f64) -> Result<Val, Error> {
    if !x.is_finite() {
        return Err(error("cannot convert Infinity or NaN to integer ratio"));
    }
    let bits = x.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let fraction = bits & ((1 << 52) - 1);
    let (mut mantissa, mut power) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
    while mantissa != 0 && mantissa & 1 == 0 && power < 0 {
        mantissa >>= 1;
        power += 1;
    }
    if mantissa == 0 {
        power = 0;
    }
    let one = num_bigint::BigInt::from(1);
    let shift = power.unsigned_abs();
    let mut top = num_bigint::BigInt::from(mantissa);
    let mut bottom = one;
    if power > 0 {
        top <<= shift;
    } else {
        bottom <<= shift;
    }
    if x < 0.0 {
        top = -top;
    }
    Ok(Tuple::value(vec![from_big(top), from_big(bottom)]))
}
