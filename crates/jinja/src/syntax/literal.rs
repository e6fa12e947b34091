//! Literals of the template language: strings with Python's escapes, numbers.

use num_bigint::BigUint;
use tenterhook_model::limits;

/// Digits that Python converts between text and `int` at most
/// (`sys.int_info.default_max_str_digits`).
const INT_DIGITS_MAX: usize = limits::TEMPLATE_INTEGER_DIGITS;

/// Unescapes the inside of a string literal as Python's `unicode-escape` codec
/// does. `Err` is the message.
pub(crate) fn unescape(raw: &str) -> Result<String, String> {
    if !raw.contains('\\') {
        return Ok(raw.to_owned());
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(kind) = chars.next() else {
            return Err("a string ends in a backslash".into());
        };
        match kind {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(kind),
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            'x' => out.push(hex(&mut chars, 2)?),
            'u' => out.push(hex(&mut chars, 4)?),
            'U' => out.push(hex(&mut chars, 8)?),
            '0'..='7' => out.push(octal(kind, &mut chars)),
            'N' => return Err("character names (\\N{...}) are not supported".into()),
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Ok(out)
}

fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> Result<char, String> {
    let mut code = 0_u32;
    for _ in 0..digits {
        let digit = chars.next().and_then(|c| c.to_digit(16));
        let digit = digit.ok_or("a string has a truncated \\x, \\u or \\U escape")?;
        code = code.wrapping_mul(16).wrapping_add(digit);
    }
    char::from_u32(code).ok_or_else(|| "a string has an escape that is no character".into())
}

fn octal(first: char, chars: &mut std::str::Chars<'_>) -> char {
    let mut code = first.to_digit(8).unwrap_or_default();
    for _ in 0..2 {
        let mut ahead = chars.clone();
        let Some(digit) = ahead.next().and_then(|c| c.to_digit(8)) else {
            break;
        };
        code = code * 8 + digit;
        *chars = ahead;
    }
    char::from_u32(code).unwrap_or('\u{fffd}')
}

/// An integer literal (`10`, `1_000`, `0xff`, `0o17`, `0b1`) as decimal digits.
pub(crate) fn integer(text: &str) -> Result<String, String> {
    let cleaned = text.replace('_', "").to_ascii_lowercase();
    let (digits, radix) = match cleaned.get(..2) {
        Some("0x") => (&cleaned[2..], 16),
        Some("0o") => (&cleaned[2..], 8),
        Some("0b") => (&cleaned[2..], 2),
        _ => (cleaned.as_str(), 10),
    };
    if digits.len() > INT_DIGITS_MAX {
        return Err(format!("an integer has more than {INT_DIGITS_MAX} digits"));
    }
    if radix == 10 {
        let significant = digits.trim_start_matches('0');
        return Ok(if significant.is_empty() { "0" } else { significant }.to_owned());
    }
    BigUint::parse_bytes(digits.as_bytes(), radix)
        .map(|n| n.to_string())
        .ok_or_else(|| "an integer has no digits".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_pythons() {
        assert_eq!(unescape(r"a\n\x41\u00e9\101\d\\").unwrap(), "a\nAéA\\d\\");
        assert_eq!(unescape("a\\\nb").unwrap(), "ab");
        assert_eq!(unescape(r"\U0001F600").unwrap(), "😀");
        assert!(unescape(r"\ud800").is_err());
        assert!(unescape(r"\x4").is_err());
    }

    #[test]
    fn integers_are_exact_in_any_base() {
        assert_eq!(integer("1_000").unwrap(), "1000");
        assert_eq!(integer("0xFF").unwrap(), "255");
        assert_eq!(integer("0b101").unwrap(), "5");
        assert_eq!(integer("000").unwrap(), "0");
        assert!(integer(&"9".repeat(4_301)).is_err());
    }
}
