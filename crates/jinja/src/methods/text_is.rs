//! Methods of `str` that answer yes or no.

use minijinja::Error;

use super::given::Given;
use crate::python::digit::{decimal, is_digit};
use crate::python::text::{is_printable, is_space};

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
        "isdecimal" => all(|c| decimal(c).is_some()),
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
