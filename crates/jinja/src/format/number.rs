//! Numbers as text in the notations of `%f`, `%e`, `%g`, `%x` and their like.

use num_bigint::BigInt;

/// Digits behind the point beyond which every double has only zeros.
const FRACTION_DIGITS_MAX: usize = 1_100;

/// `x` with `digits` behind the point; `inf` and `nan` as Python writes them.
pub(crate) fn fixed(x: f64, digits: usize) -> String {
    if let Some(special) = special(x) {
        return special;
    }
    let shown = digits.min(FRACTION_DIGITS_MAX);
    let mut text = format!("{x:.shown$}");
    text.extend(std::iter::repeat_n('0', digits - shown));
    text
}

/// `x` in scientific notation with `digits` behind the point.
pub(super) fn scientific(x: f64, digits: usize) -> String {
    if let Some(special) = special(x) {
        return special;
    }
    let shown = digits.min(FRACTION_DIGITS_MAX);
    let text = format!("{x:.shown$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut mantissa = mantissa.to_owned();
    mantissa.extend(std::iter::repeat_n('0', digits - shown));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// How `%g` treats zeros and where it turns to scientific notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum General {
    /// Zeros at the end are cut off.
    Short,
    /// `#`: zeros stay.
    Alternate,
    /// A float without a type but with a precision: `1.0`, not `1`.
    Float,
    /// The same with `#`.
    AlternateFloat,
}

impl General {
    /// Whether zeros at the end stay.
    fn keeps_zeros(self) -> bool {
        matches!(self, Self::Alternate | Self::AlternateFloat)
    }

    /// Whether it is that of a float without a type, which turns to scientific notation a digit sooner.
    fn is_of_float(self) -> bool {
        matches!(self, Self::Float | Self::AlternateFloat)
    }
}

/// `x` with `digits` significant digits, in the shorter notation.
pub(super) fn general(x: f64, digits: usize, form: General) -> String {
    if let Some(special) = special(x) {
        return special;
    }
    let digits = digits.max(1);
    let text = scientific(x, digits - 1);
    let (_, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let limit = i64::try_from(digits).unwrap_or(i64::MAX) - i64::from(form.is_of_float());
    if exponent < -4 || exponent >= limit {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        let mantissa = if form.keeps_zeros() { mantissa } else { without_zeros(mantissa) };
        return format!("{mantissa}e{exponent}");
    }
    let behind = i64::try_from(digits).unwrap_or(0) - 1 - exponent;
    let plain = fixed(x, usize::try_from(behind).unwrap_or(0));
    match form {
        General::Alternate | General::AlternateFloat => plain,
        General::Short => without_zeros(&plain).to_owned(),
        General::Float => {
            let short = without_zeros(&plain);
            if short.contains('.') { short.to_owned() } else { format!("{short}.0") }
        }
    }
}

/// `#`: digits have a point, also where none stand behind it; `inf` and `nan` have none.
pub(super) fn with_point(digits: String) -> String {
    if digits.contains('.') || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return digits;
    }
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    format!("{}.{}", &digits[..end], &digits[end..])
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn special(x: f64) -> Option<String> {
    if x.is_nan() {
        return Some("nan".into());
    }
    if x.is_infinite() {
        return Some(if x < 0.0 { "-inf" } else { "inf" }.into());
    }
    None
}

/// `n` in base 2, 8, 10 or 16, without prefix.
pub(super) fn in_base(n: &BigInt, base: u32) -> String {
    n.to_str_radix(base)
}

/// Puts `separator` between groups of `size` digits of the whole part.
pub(super) fn grouped(digits: &str, separator: char, size: usize) -> String {
    let end = whole_digits(digits, size);
    let mut out = String::with_capacity(digits.len() + digits.len() / size);
    for (i, c) in digits[..end].chars().enumerate() {
        if i > 0 && (end - i).is_multiple_of(size) {
            out.push(separator);
        }
        out.push(c);
    }
    out.push_str(&digits[end..]);
    out
}

/// How many of `digits` are those of the whole number, before a point or an exponent.
pub(super) fn whole_digits(digits: &str, size: usize) -> usize {
    let end = digits.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(digits.len());
    if size == 3 { digits[..end].find(['e', 'E']).unwrap_or(end) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_are_pythons() {
        assert_eq!(fixed(2.675, 2), "2.67");
        assert_eq!(fixed(0.5, 0), "0");
        assert_eq!(fixed(1.5, 1_200).len(), 1_202);
        assert_eq!(scientific(1234.5, 2), "1.23e+03");
        assert_eq!(scientific(0.0, 1), "0.0e+00");
        assert_eq!(general(100_000.0, 6, General::Short), "100000");
        assert_eq!(general(1e6, 6, General::Short), "1e+06");
        assert_eq!(general(0.0001, 6, General::Short), "0.0001");
        assert_eq!(general(1.0, 3, General::Float), "1.0");
        assert_eq!(general(1234.5, 2, General::Float), "1.2e+03");
        assert_eq!(general(1.0, 3, General::Alternate), "1.00");
    }

    #[test]
    fn digits_are_grouped_before_the_point_only() {
        assert_eq!(grouped("1234567.8912", ',', 3), "1,234,567.8912");
        assert_eq!(grouped("123", ',', 3), "123");
        assert_eq!(grouped("ffff0", '_', 4), "f_fff0");
    }

    #[test]
    fn a_point_is_put_behind_the_whole_number() {
        for (digits, pointed) in [
            ("5", "5."),
            ("5.0", "5.0"),
            ("1e+16", "1.e+16"),
            ("50%", "50.%"),
            ("1E-07", "1.E-07"),
            ("inf", "inf"),
            ("nan", "nan"),
            ("inf%", "inf%"),
        ] {
            assert_eq!(with_point(digits.to_owned()), pointed);
        }
    }

    #[test]
    fn a_general_number_turns_to_an_exponent_where_it_is_shorter() {
        for (x, digits, form, shown) in [
            (0.0, 6, General::Short, "0"),
            (0.0, 0, General::Short, "0"),
            (99_999.96, 6, General::Short, "100000"),
            (999_999.5, 6, General::Short, "1e+06"),
            (0.000_1, 1, General::Short, "0.0001"),
            (0.000_099, 2, General::Short, "9.9e-05"),
            (0.000_099_99, 2, General::Short, "0.0001"),
            (10.0, 2, General::Float, "1e+01"),
            (10.0, 3, General::Float, "10.0"),
            (10.0, 3, General::AlternateFloat, "10.0"),
            (100.0, 3, General::AlternateFloat, "1.00e+02"),
            (1.5, 3, General::Alternate, "1.50"),
            (1e10, 3, General::Alternate, "1.00e+10"),
        ] {
            assert_eq!(general(x, digits, form), shown, "{x} with {digits} as {form:?}");
        }
    }

    #[test]
    fn zeros_beyond_what_a_double_has_are_added() {
        assert_eq!(fixed(0.5, FRACTION_DIGITS_MAX + 1), format!("0.5{}", "0".repeat(FRACTION_DIGITS_MAX)));
        let long = scientific(1.0, FRACTION_DIGITS_MAX + 2);
        assert_eq!(long, format!("1.{}e+00", "0".repeat(FRACTION_DIGITS_MAX + 2)));
        assert_eq!((fixed(f64::NEG_INFINITY, 2), scientific(f64::NAN, 2)), ("-inf".into(), "nan".into()));
        assert_eq!(scientific(1e-100, 0), "1e-100");
    }

    #[test]
    fn groups_begin_at_the_end_of_the_whole_number() {
        for (digits, size, shown) in [
            ("", 3, ""),
            ("1", 3, "1"),
            ("999", 3, "999"),
            ("1000", 3, "1,000"),
            ("1000000", 3, "1,000,000"),
            ("1000.5", 3, "1,000.5"),
            ("1000e+05", 3, "1,000e+05"),
            ("1234%", 3, "1,234%"),
            ("fffff", 4, "f,ffff"),
            ("1e2f", 4, "1e2f"),
        ] {
            assert_eq!(grouped(digits, ',', size), shown, "{digits}");
        }
    }
}
