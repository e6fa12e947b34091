//! Methods of `str` that answer yes or no.

use minijinja::Error;

use super::given::Given;
use crate::python::text::{is_printable, is_space};

/// First digits of the decimal digits of Unicode (category Nd), ten each.
const DECIMALS: [u32; 41] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x11066, 0x110f0, 0x11136,
];

/// The answer of the method, if it is one of these.
pub(super) fn call(string: &str, given: &Given<'_>) -> Result<Option<bool>, Error> {
    if !given.name.starts_with("is") {
        return Ok(None);
    }
    given.none()?;
    let all = |test: fn(char) -> bool| !string.is_empty() && string.chars().all(test);
    Ok(Some(match given.name {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(|c| c.is_alphabetic() && !is_mark(c)),
        "isascii" => string.is_ascii(),
        "isdecimal" => all(is_decimal),
        "isdigit" => all(is_digit),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(is_space),
        "isprintable" => string.chars().all(is_printable),
        "isidentifier" => is_identifier(string),
        "islower" => one_case(string, char::is_lowercase),
        "isupper" => one_case(string, char::is_uppercase),
        "istitle" => is_title(string),
        _ => return Ok(None),
    }))
}

/// Combining vowel signs and the like, which Rust counts as alphabetic.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36f | 0x900..=0x903 | 0x93e..=0x94c)
}

/// Whether `c` has a case.
pub(super) fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// The value of a decimal digit of any script.
pub(crate) fn digit_value(c: char) -> Option<u32> {
    let code = u32::from(c);
    if (0x1d7ce..=0x1d7ff).contains(&code) {
        return Some((code - 0x1d7ce) % 10);
    }
    let first = DECIMALS.iter().find(|first| (**first..**first + 10).contains(&code))?;
    Some(code - first)
}

fn is_decimal(c: char) -> bool {
    digit_value(c).is_some()
}

fn is_digit(c: char) -> bool {
    is_decimal(c) || matches!(c, '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' | '₀'..='₉' | '①'..='⑨' | '⑴'..='⑼' | '⒈'..='⒐')
}

fn is_identifier(string: &str) -> bool {
    let mut chars = string.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic()) && chars.all(|c| c == '_' || c.is_alphanumeric())
}

fn one_case(string: &str, test: fn(char) -> bool) -> bool {
    let mut cased = string.chars().filter(|c| is_cased(*c)).peekable();
    cased.peek().is_some() && cased.all(test)
}

fn is_title(string: &str) -> bool {
    let mut after_cased = false;
    let mut any = false;
    for c in string.chars() {
        if c.is_uppercase() {
            if after_cased {
                return false;
            }
            any = true;
        } else if c.is_lowercase() && !after_cased {
            return false;
        }
        after_cased = is_cased(c);
    }
    any
}
