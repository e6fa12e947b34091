//! Python's `float`: `repr`, and the numbers that `float()` accepts.
//!
//! Python prints the shortest digits that read back as the same number, with an
//! exponent below 1e-4 and from 1e16 on (CPython `float_repr_style = 'short'`).

/// Decimal exponent from which Python switches to scientific notation.
const SCIENTIFIC_FROM: i32 = 16;
/// Decimal exponent below which Python switches to scientific notation.
const SCIENTIFIC_BELOW: i32 = -4;

/// The text of `repr(x)`: `1.0`, `1e+16`, `1e-05`, `inf`, `nan`.
#[must_use]
pub fn repr(x: f64) -> String {
    let mut out = String::with_capacity(24);
    write_repr(&mut out, x);
    out
}

/// Appends `repr(x)` to `out`.
pub fn write_repr(out: &mut String, x: f64) {
    if x.is_nan() {
        out.push_str("nan");
        return;
    }
    if x.is_infinite() {
        out.push_str(if x < 0.0 { "-inf" } else { "inf" });
        return;
    }
    if x.is_sign_negative() {
        out.push('-');
    }
    let (digits, exponent) = shortest_digits(x.abs());
    debug_assert!(!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()), "{digits} are digits");
    if (SCIENTIFIC_BELOW..SCIENTIFIC_FROM).contains(&exponent) {
        write_plain(out, &digits, exponent);
    } else {
        write_scientific(out, &digits, exponent);
    }
}

/// The shortest digits of a finite number that is not negative, without a
/// point, and the decimal exponent of the first of them.
#[must_use]
pub fn shortest_digits(x: f64) -> (String, i32) {
    let text = format!("{x:e}");
    let (mantissa, exponent) = text.split_once('e').expect("LowerExp always writes an exponent");
    let exponent = exponent.parse().expect("LowerExp writes a decimal exponent");
    let digits = mantissa.chars().filter(|c| *c != '.').collect();
    (digits, exponent)
}

fn write_plain(out: &mut String, digits: &str, exponent: i32) {
    if exponent < 0 {
        out.push_str("0.");
        for _ in 0..(-exponent - 1) {
            out.push('0');
        }
        out.push_str(digits);
        return;
    }
    let whole = usize::try_from(exponent).expect("the exponent is not negative") + 1;
    if digits.len() <= whole {
        out.push_str(digits);
        for _ in digits.len()..whole {
            out.push('0');
        }
        out.push_str(".0");
    } else {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    }
}

fn write_scientific(out: &mut String, digits: &str, exponent: i32) {
    out.push_str(&digits[..1]);
    if digits.len() > 1 {
        out.push('.');
        out.push_str(&digits[1..]);
    }
    out.push_str(if exponent < 0 { "e-" } else { "e+" });
    if exponent.abs() < 10 {
        out.push('0');
    }
    out.push_str(&exponent.abs().to_string());
}

/// What `float(text)` gives, or `None` where Python raises `ValueError`.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim_matches(super::text::is_space);
    let cleaned = without_underscores(text)?;
    let unsigned = cleaned.strip_prefix(['+', '-']).unwrap_or(&cleaned);
    let named = unsigned.to_ascii_lowercase();
    if matches!(named.as_str(), "inf" | "infinity" | "nan") {
        return cleaned.parse().ok();
    }
    let plausible = unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if plausible { cleaned.parse().ok() } else { None }
}

/// Removes underscores that stand between two digits; any other one makes the
/// number invalid (PEP 515).
pub(crate) fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let between = |i: usize| {
        i > 0 && bytes[i - 1].is_ascii_alphanumeric() && bytes.get(i + 1).is_some_and(u8::is_ascii_alphanumeric)
    };
    let legal = (0..bytes.len()).all(|i| bytes[i] != b'_' || between(i));
    legal.then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_python_prints_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100_000.0, "100000.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (0.1, "0.1"),
            (123.456, "123.456"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (x, expected) in cases {
            assert_eq!(repr(x), expected);
        }
    }

    #[test]
    fn float_text_is_read_as_python_reads_it() {
        assert_eq!(parse(" 1_000.5 "), Some(1000.5));
        assert_eq!(parse("1e3"), Some(1000.0));
        assert_eq!(parse("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(parse("NaN").is_some_and(f64::is_nan));
        for bad in ["", "1__0", "_1", "1_", "0x10", "abc", "1 2"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn underscores_stand_between_digits_alone() {
        for (text, cleaned) in [
            ("", Some("")),
            ("1", Some("1")),
            ("1_0", Some("10")),
            ("1_0_0", Some("100")),
            ("_1", None),
            ("1_", None),
            ("1__0", None),
            ("1_.5", None),
            ("_", None),
        ] {
            assert_eq!(without_underscores(text).as_deref(), cleaned, "{text}");
        }
    }

    #[test]
    fn every_float_is_read_as_it_is_printed() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let x = f64::from_bits(bits);
            if x.is_nan() {
                continue;
            }
            let shown = repr(x);
            assert_eq!(parse(&shown).map(f64::to_bits), Some(x.to_bits()), "{shown}");
            let is_float = shown.contains(['.', 'e']) || shown.ends_with("inf");
            assert!(is_float, "{shown} would be read as an integer");
        }
    }

    #[test]
    fn the_notation_changes_exactly_where_pythons_does() {
        for (x, shown) in [
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (10_000_000_000_000_002.0, "1.0000000000000002e+16"),
            (0.000_100_000_000_000_000_02, "0.00010000000000000002"),
            (0.000_099_999_999_999_999_99, "9.999999999999999e-05"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (-1e100, "-1e+100"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(repr(x), shown);
        }
    }
}
