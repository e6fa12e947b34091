//! Filters on numbers.

use std::borrow::Cow;
use std::cmp::Ordering;

use minijinja::{Error, State};
use num_bigint::BigInt;

use super::table::Table;
use crate::format::fixed;
use crate::methods::{Given, whole};
use crate::ops::{self, arithmetic, bounded_int, negate, parse_int};
use crate::python::digit::decimal;
use crate::python::float;
use crate::raise::{error, undefined};
use crate::value::{Num, Val, View, compare_numbers, float_of_big, from_i128, number_of, text, type_name, view};

pub(super) const TABLE: Table =
    &[("abs", abs), ("filesizeformat", file_size), ("float", to_float), ("int", to_int), ("round", round)];

fn abs(_: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    match number_of(value) {
        Some(Num::Float(x)) => Ok(Val::from(x.abs())),
        Some(Num::Int(n)) if n >= 0 => Ok(from_i128(n)),
        Some(Num::Big(n)) => bounded_int(BigInt::from(n.magnitude().clone())),
        Some(Num::Int(_)) => negate(value),
        None => Err(error(format!("bad operand type for abs(): '{}'", type_name(value)))),
    }
}

fn to_int(_: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [default, base] = given.bind(["default", "base"], 0)?;
    let default = default.unwrap_or_else(|| from_i128(0));
    // with a base that is no whole number, Python goes by way of a float
    let base = base.map_or(Ok(10), |base| whole(&base)).ok();
    match view(value) {
        View::Str(spelled) => {
            let digits = &*in_ascii(spelled);
            let base = base.and_then(|base| u32::try_from(base).ok());
            if let Some(n) = base.and_then(|base| parse_int(digits, base)) {
                return Ok(n);
            }
            match float::parse(digits) {
                Some(x) if x.is_finite() => truncated(x),
                _ => Ok(default),
            }
        }
        View::Bool(_) | View::Int(_) | View::Big(_) => ops::plus(value),
        View::Float(x) if x.is_nan() => Ok(default),
        View::Float(x) if x.is_infinite() => Err(error("cannot convert float infinity to integer")),
        View::Float(x) => truncated(x),
        View::Undefined => Err(undefined("cannot be converted to an integer")),
        _ => Ok(default),
    }
}

/// Digits of any script as those of ASCII, which Python reads alike.
fn in_ascii(digits: &str) -> Cow<'_, str> {
    if digits.is_ascii() {
        return Cow::Borrowed(digits);
    }
    let mut ascii = String::with_capacity(digits.len());
    for c in digits.chars() {
        match decimal(c) {
            Some(digit) => ascii.push(digit),
            None if c.is_ascii() || c.is_whitespace() => ascii.push(c),
            // It is in no number, so what follows does not matter.
            None => return Cow::Borrowed(digits),
        }
    }
    Cow::Owned(ascii)
}

fn truncated(x: f64) -> Result<Val, Error> {
    let digits = fixed(x.trunc(), 0);
    let n: BigInt = digits.parse().map_err(|_| error("cannot convert float to integer"))?;
    bounded_int(n)
}

fn to_float(_: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [default] = given.bind(["default"], 0)?;
    let default = default.unwrap_or_else(|| Val::from(0.0));
    match view(value) {
        View::Str(digits) => Ok(float::parse(&in_ascii(digits)).map_or(default, Val::from)),
        View::Undefined => Err(undefined("cannot be converted to a float")),
        _ => match number_of(value) {
            Some(number) => number.to_float().map(Val::from),
            None => Ok(default),
        },
    }
}

fn round(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [precision, method] = given.bind(["precision", "method"], 0)?;
    let method = match &method {
        None => "common",
        Some(method) => method.as_str().unwrap_or_default(),
    };
    let to_int = precision.as_ref().is_some_and(Val::is_none) && method == "common";
    let precision = precision.filter(|_| !to_int).map_or(Ok(0), |precision| whole(&precision))?;
    match method {
        "common" if to_int => match number_of(value) {
            Some(Num::Float(x)) if !x.is_finite() => Err(error("cannot convert float infinity or NaN to integer")),
            Some(Num::Float(x)) => truncated(round_float(x, 0)),
            _ => round_common(value, 0),
        },
        "common" => round_common(value, precision),
        "ceil" | "floor" => round_towards(state, value, precision, method),
        _ => Err(error("method must be common, ceil or floor")),
    }
}

/// Python's `round`: to even, exactly.
fn round_common(value: &Val, precision: i64) -> Result<Val, Error> {
    match number_of(value) {
        Some(Num::Float(x)) => Ok(Val::from(round_float(x, precision))),
        Some(number) if precision >= 0 => match number {
            Num::Int(n) => Ok(from_i128(n)),
            Num::Big(n) => bounded_int(n),
            Num::Float(x) => Ok(Val::from(x)),
        },
        Some(Num::Int(n)) => round_int(&BigInt::from(n), precision),
        Some(Num::Big(n)) => round_int(&n, precision),
        None if value.is_undefined() => Err(undefined("cannot be rounded")),
        None => Err(error(format!("type {} doesn't define __round__ method", type_name(value)))),
    }
}

fn round_int(n: &BigInt, precision: i64) -> Result<Val, Error> {
    let digits = u32::try_from(precision.unsigned_abs()).unwrap_or(u32::MAX);
    if u64::from(digits) * 3 > n.bits() + 4 {
        return Ok(from_i128(0));
    }
    let unit = BigInt::from(10).pow(digits);
    let half = &unit / 2;
    let rest = ((n % &unit) + &unit) % &unit;
    let down = n - &rest;
    let is_odd = (&down / &unit).bit(0);
    let up = rest > half || (rest == half && is_odd);
    bounded_int(if up { down + unit } else { down })
}

fn round_float(x: f64, precision: i64) -> f64 {
    if !x.is_finite() {
        return x;
    }
    match usize::try_from(precision) {
        // a double has no more digits than this behind the point
        Ok(digits) if digits > 323 => x,
        Ok(digits) => fixed(x, digits).parse().unwrap_or(x),
        Err(_) if precision < -308 => 0.0_f64.copysign(x),
        Err(_) => round_to_tens(x, precision.unsigned_abs()),
    }
}

fn round_to_tens(x: f64, digits: u64) -> f64 {
    // all digits of the number, exactly; the fraction only breaks ties
    let whole: BigInt = fixed(x.trunc(), 0).parse().unwrap_or_default();
    let unit = BigInt::from(10).pow(u32::try_from(digits).unwrap_or(0));
    let magnitude = BigInt::from(whole.magnitude().clone());
    let rest = &magnitude % &unit;
    let down = &magnitude - &rest;
    let double = &rest * 2;
    let is_odd = (&down / &unit).bit(0);
    let above = double > unit || (double == unit && (x.fract() != 0.0 || is_odd));
    let rounded = if above { down + unit } else { down };
    float_of_big(&rounded).copysign(x)
}

fn round_towards(state: &State<'_, '_>, value: &Val, precision: i64, method: &str) -> Result<Val, Error> {
    let scale = arithmetic(state, "**", &from_i128(10), &from_i128(i128::from(precision)))?;
    let scaled = arithmetic(state, "*", value, &scale)?;
    let towards = match number_of(&scaled) {
        Some(Num::Float(x)) if !x.is_finite() => {
            return Err(error("cannot convert float infinity to integer"));
        }
        Some(Num::Float(x)) if method == "ceil" => truncated(x.ceil())?,
        Some(Num::Float(x)) => truncated(x.floor())?,
        _ => scaled,
    };
    arithmetic(state, "/", &towards, &scale)
}

fn file_size(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [binary] = given.bind(["binary"], 0)?;
    let binary = binary.is_some_and(|binary| binary.is_true());
    let bytes = match view(value) {
        View::Str(digits) => {
            float::parse(&in_ascii(digits)).ok_or_else(|| error("could not convert string to float"))?
        }
        View::Undefined => return Err(undefined("is no size")),
        _ => match number_of(value) {
            Some(number) => number.to_float()?,
            None => {
                let shown = ops::text_of(state, value).unwrap_or_default();
                return Err(error(format!("not a size: {} characters", shown.len())));
            }
        },
    };
    let (base, units): (i128, [&str; 8]) = if binary {
        (1024, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"])
    } else {
        (1000, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    };
    if bytes == 1.0 {
        return Ok(text("1 Byte"));
    }
    // Python compares a float with an integer exactly
    let is_below = |unit: i128| compare_numbers(&Num::Float(bytes), &Num::Int(unit)).is_some_and(Ordering::is_lt);
    if is_below(base) {
        // an integer has no -0
        return Ok(text(format!("{} Bytes", fixed(bytes.trunc() + 0.0, 0))));
    }
    let mut unit = base;
    for (i, name) in units.iter().enumerate() {
        unit *= base;
        if is_below(unit) || i + 1 == units.len() {
            return Ok(text(format!("{} {name}", fixed(base as f64 * bytes / unit as f64, 1))));
        }
    }
    Ok(text(""))
}
