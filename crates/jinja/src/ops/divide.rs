//! `/`, `//` and `%` on numbers: floored, and exact for integers.

use minijinja::Error;
use num_bigint::{BigInt, Sign};

use super::bits::{bounded_int, divide_exactly};
use crate::raise::error;
use crate::value::{Num, Val, from_i128};

/// Integers up to here are floats exactly.
const EXACT_FLOAT_MAX: i128 = 1 << 53;

/// `a / b`
pub(super) fn true_divide(a: &Num, b: &Num) -> Result<Val, Error> {
    if let (Num::Int(x), Num::Int(y)) = (a, b) {
        if *y == 0 {
            return Err(error("division by zero"));
        }
        if x.abs_diff(0) <= EXACT_FLOAT_MAX.unsigned_abs() && y.abs_diff(0) <= EXACT_FLOAT_MAX.unsigned_abs() {
            return Ok(Val::from(*x as f64 / *y as f64));
        }
    }
    if matches!((a, b), (Num::Float(_), _) | (_, Num::Float(_))) {
        let (x, y) = (a.to_float()?, b.to_float()?);
        if y == 0.0 {
            return Err(error("float division by zero"));
        }
        return Ok(Val::from(x / y));
    }
    let quotient = divide_exactly(&a.to_big(), &b.to_big());
    if quotient.is_infinite() {
        return Err(error("integer division result too large for a float"));
    }
    Ok(Val::from(quotient))
}

/// `a // b` or `a % b`
pub(super) fn floor_divide(op: &str, a: &Num, b: &Num) -> Result<Val, Error> {
    let quotient_wanted = op == "//";
    match (a, b) {
        (Num::Int(_), Num::Int(0)) | (Num::Big(_), Num::Int(0)) => Err(error("integer modulo by zero")),
        (Num::Int(x), Num::Int(y)) if !(*x == i128::MIN && *y == -1) => {
            let (quotient, rest) = (x / y, x % y);
            let off = rest != 0 && (rest < 0) != (*y < 0);
            Ok(from_i128(match (quotient_wanted, off) {
                (true, true) => quotient - 1,
                (true, false) => quotient,
                (false, true) => rest + y,
                (false, false) => rest,
            }))
        }
        (Num::Float(_), _) | (_, Num::Float(_)) => floor_floats(quotient_wanted, a.to_float()?, b.to_float()?),
        _ => floor_bigs(quotient_wanted, &a.to_big(), &b.to_big()),
    }
}

fn floor_bigs(quotient_wanted: bool, a: &BigInt, b: &BigInt) -> Result<Val, Error> {
    let (quotient, rest) = (a / b, a % b);
    let off = rest.sign() != Sign::NoSign && rest.sign() != b.sign();
    bounded_int(match (quotient_wanted, off) {
        (true, true) => quotient - 1,
        (true, false) => quotient,
        (false, true) => rest + b,
        (false, false) => rest,
    })
}

/// CPython's `float_divmod`.
fn floor_floats(quotient_wanted: bool, a: f64, b: f64) -> Result<Val, Error> {
    if b == 0.0 {
        return Err(error(if quotient_wanted { "float floor division by zero" } else { "float modulo" }));
    }
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest == 0.0 {
        rest = 0.0_f64.copysign(b);
    } else if (b < 0.0) != (rest < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    if !quotient_wanted {
        return Ok(Val::from(rest));
    }
    if quotient == 0.0 {
        return Ok(Val::from(0.0_f64.copysign(a / b)));
    }
    let mut floored = quotient.floor();
    if quotient - floored > 0.5 {
        floored += 1.0;
    }
    Ok(Val::from(floored))
}
