//! `+ - * / // % **` and signs.

use minijinja::{Error, State};
use num_bigint::BigInt;

use super::bits::{bounded_int, check_bits};
use super::charge::charge_digits;
use super::{divide, sequence};
use crate::raise::{error, limit, undefined};
use crate::value::{Num, Val, View, from_i128, number_of, type_name, view};

/// Bits of a whole number that is beyond the engine's own; of other values 0.
fn bits_of(value: &Val) -> u64 {
    match view(value) {
        View::Big(n) => n.bits(),
        _ => 0,
    }
}

/// The error for operands that an operator does not take.
pub(super) fn unsupported(op: &str, a: &Val, b: &Val) -> Error {
    if a.is_undefined() || b.is_undefined() {
        return undefined(format!("cannot be an operand of '{op}'"));
    }
    error(format!("unsupported operand type(s) for {op}: '{}' and '{}'", type_name(a), type_name(b)))
}

/// `a + b`
pub(crate) fn add(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<Val, Error> {
    match sequence::add(state, a, b)? {
        Some(sum) => Ok(sum),
        None => arithmetic(state, "+", a, b),
    }
}

/// `a * b`
pub(crate) fn multiply(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<Val, Error> {
    match sequence::repeat(state, a, b)? {
        Some(product) => Ok(product),
        None => arithmetic(state, "*", a, b),
    }
}

/// An operator on two numbers.
pub(crate) fn arithmetic(state: &State<'_, '_>, op: &str, a: &Val, b: &Val) -> Result<Val, Error> {
    charge_digits(state, op, [a, b].map(bits_of))?;
    let (Some(left), Some(right)) = (number_of(a), number_of(b)) else {
        return Err(unsupported(op, a, b));
    };
    match op {
        "/" => return divide::true_divide(&left, &right),
        "//" | "%" => return divide::floor_divide(op, &left, &right),
        "**" => return power(state, &left, &right),
        _ => {}
    }
    if let (Num::Int(x), Num::Int(y)) = (&left, &right) {
        let small = match op {
            "+" => x.checked_add(*y),
            "-" => x.checked_sub(*y),
            _ => x.checked_mul(*y),
        };
        if let Some(small) = small {
            return Ok(from_i128(small));
        }
    }
    if matches!((&left, &right), (Num::Float(_), _) | (_, Num::Float(_))) {
        let (x, y) = (left.to_float()?, right.to_float()?);
        return Ok(Val::from(match op {
            "+" => x + y,
            "-" => x - y,
            _ => x * y,
        }));
    }
    let (x, y) = (left.to_big(), right.to_big());
    if op == "*" {
        check_bits(x.bits() + y.bits())?;
    }
    bounded_int(match op {
        "+" => x + y,
        "-" => x - y,
        _ => x * y,
    })
}

/// `base ** exponent`
fn power(state: &State<'_, '_>, base: &Num, exponent: &Num) -> Result<Val, Error> {
    let is_float = matches!((base, exponent), (Num::Float(_), _) | (_, Num::Float(_)));
    let negative = match exponent {
        Num::Int(n) => *n < 0,
        Num::Big(n) => n.sign() == num_bigint::Sign::Minus,
        Num::Float(_) => false,
    };
    if is_float || negative {
        return float_power(base.to_float()?, exponent.to_float()?);
    }
    let base = base.to_big();
    let exponent = exponent.to_big();
    if base.magnitude().bits() <= 1 {
        // 0, 1 and -1 to any power
        let odd = exponent.bit(0);
        let zero = base.bits() == 0;
        let zeroth = exponent.bits() == 0;
        return Ok(from_i128(match (zero, zeroth) {
            (_, true) => 1,
            (true, false) => 0,
            _ if base.sign() == num_bigint::Sign::Minus && odd => -1,
            _ => 1,
        }));
    }
    let exponent = u32::try_from(&exponent).map_err(|_| limit("an integer is too large"))?;
    let bits = (base.bits() - 1).saturating_mul(u64::from(exponent));
    check_bits(bits)?;
    // The last of its multiplications costs as much as all before it together.
    charge_digits(state, "**", [bits, bits])?;
    bounded_int(base.pow(exponent))
}

fn float_power(base: f64, exponent: f64) -> Result<Val, Error> {
    if base == 0.0 && exponent < 0.0 {
        return Err(error("0.0 cannot be raised to a negative power"));
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err(error("complex numbers are not supported"));
    }
    let result = base.powf(exponent);
    if result.is_infinite() && base.is_finite() && exponent.is_finite() {
        return Err(error("(34, 'Numerical result out of range')"));
    }
    Ok(Val::from(result))
}

/// `-a`
pub(crate) fn negate(a: &Val) -> Result<Val, Error> {
    match number_of(a) {
        Some(Num::Int(n)) => match n.checked_neg() {
            Some(negated) => Ok(from_i128(negated)),
            None => bounded_int(-BigInt::from(n)),
        },
        Some(Num::Big(n)) => bounded_int(-n),
        Some(Num::Float(x)) => Ok(Val::from(-x)),
        None => Err(bad_unary("-", a)),
    }
}

/// `+a`
pub(crate) fn plus(a: &Val) -> Result<Val, Error> {
    match number_of(a) {
        Some(Num::Int(n)) => Ok(from_i128(n)),
        Some(Num::Big(n)) => bounded_int(n),
        Some(Num::Float(x)) => Ok(Val::from(x)),
        None => Err(bad_unary("+", a)),
    }
}

fn bad_unary(op: &str, a: &Val) -> Error {
    if a.is_undefined() {
        return undefined(format!("cannot be the operand of '{op}'"));
    }
    error(format!("bad operand type for unary {op}: '{}'", type_name(a)))
}
