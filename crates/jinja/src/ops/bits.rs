//! Exact steps between integers of any size and floats.

use minijinja::Error;
use num_bigint::{BigInt, Sign};
use tenterhook_model::limits;

use crate::raise::{error, limit};
use crate::value::{Val, from_big};

/// Bits of an integer at most; Python prints 4,300 digits, about 14,300 bits.
const INT_BITS_MAX: u64 = limits::TEMPLATE_INTEGER_BITS;
/// Digits that Python reads and prints at most.
const INT_DIGITS_MAX: usize = limits::TEMPLATE_INTEGER_DIGITS;

/// An integer value, unless it is too large.
pub(crate) fn bounded_int(n: BigInt) -> Result<Val, Error> {
    if n.bits() > INT_BITS_MAX {
        return Err(limit("an integer is too large"));
    }
    Ok(from_big(n))
}

/// Whether a result of `bits` bits is allowed, before it is worked out.
pub(super) fn check_bits(bits: u64) -> Result<(), Error> {
    if bits > INT_BITS_MAX {
        return Err(limit("an integer is too large"));
    }
    Ok(())
}

/// `a / b` correctly rounded, for `b` that is not 0.
pub(super) fn divide_exactly(a: &BigInt, b: &BigInt) -> f64 {
    let negative = (a.sign() == Sign::Minus) != (b.sign() == Sign::Minus);
    let (a, b) = (a.magnitude(), b.magnitude());
    // a quotient of 66 bits at least, and whether anything was cut off
    let shift = b.bits() as i64 - a.bits() as i64 + 66;
    let (scaled_a, scaled_b) =
        if shift >= 0 { (a << shift.unsigned_abs(), b.clone()) } else { (a.clone(), b << shift.unsigned_abs()) };
    let quotient = &scaled_a / &scaled_b;
    let sticky = &quotient * &scaled_b != scaled_a;
    let mut bits = u128::try_from(&quotient).unwrap_or(u128::MAX);
    bits |= u128::from(sticky);
    let magnitude = scale(bits as f64, -shift);
    if negative { -magnitude } else { magnitude }
}

/// `x` × 2^`exponent`, in steps that do not overflow on the way.
fn scale(mut x: f64, mut exponent: i64) -> f64 {
    while exponent > 1000 {
        x *= 2_f64.powi(1000);
        exponent -= 1000;
    }
    while exponent < -1000 {
        x *= 2_f64.powi(-1000);
        exponent += 1000;
    }
    x * 2_f64.powi(i32::try_from(exponent).unwrap_or(0))
}

/// What `int(text, base)` gives, or `None` where Python raises `ValueError`.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<Val> {
    let text = text.trim_matches(crate::python::text::is_space);
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let (base, digits) = strip_base(base, digits)?;
    let digits = crate::python::float::without_underscores(digits)?;
    let counted = base.is_power_of_two() || digits.len() <= INT_DIGITS_MAX;
    if digits.is_empty() || !counted || digits.starts_with(['+', '-']) {
        return None;
    }
    let n = BigInt::parse_bytes(digits.as_bytes(), base)?;
    Some(from_big(if negative { -n } else { n }))
}

fn strip_base(base: u32, digits: &str) -> Option<(u32, &str)> {
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let named = match prefix.as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 0,
    };
    let body = if named != 0 && (base == 0 || base == named) {
        let body = &digits[2..];
        body.strip_prefix('_').unwrap_or(body)
    } else {
        digits
    };
    let base = match (base, named) {
        (0, 0) => 10,
        (0, named) => named,
        (base, _) => base,
    };
    (2..=36).contains(&base).then_some((base, body))
}

/// The digits of an integer, unless Python refuses to print that many.
pub(super) fn digits_of(n: &BigInt) -> Result<String, Error> {
    // a digit is at least 3.3 bits, so this cannot be short
    if n.bits() > 14_290 {
        return Err(error("an integer has more digits than Python prints (4300)"));
    }
    Ok(n.to_string())
}
