//! The names of the methods and attributes that Python's values have.

use super::{Val, View, ViewKind, view};

const TEXT: [&str; 46] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const MARKUP: [&str; 2] = ["striptags", "unescape"];
const LIST: [&str; 11] =
    ["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const DICT: [&str; 10] = ["clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
const SEQUENCE: [&str; 2] = ["count", "index"];
const INT: [&str; 5] = ["bit_length", "bit_count", "conjugate", "is_integer", "as_integer_ratio"];
const FLOAT: [&str; 3] = ["conjugate", "is_integer", "as_integer_ratio"];
const KEYS: [&str; 1] = ["isdisjoint"];
const BYTES: [&str; 1] = ["decode"];
/// Methods that change their list or dict.
const CHANGING: [&str; 11] =
    ["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update"];

/// The methods of each type.
const GROUPS: [&[&str]; 9] = [&TEXT, &MARKUP, &LIST, &DICT, &SEQUENCE, &INT, &FLOAT, &KEYS, &BYTES];

/// The names of all methods.
#[cfg(test)]
pub(crate) fn method_names() -> impl Iterator<Item = &'static str> {
    let all: std::collections::BTreeSet<&str> = GROUPS.iter().flat_map(|names| names.iter().copied()).collect();
    all.into_iter()
}

/// Whether any value has a method or attribute `name`.
pub(crate) fn is_member(name: &str) -> bool {
    let attribute = matches!(name, "real" | "imag" | "numerator" | "denominator" | "start" | "stop" | "step");
    attribute || GROUPS.iter().any(|names| names.contains(&name))
}

/// Whether a method `name` changes its list or dict.
pub(crate) fn is_changing(name: &str) -> bool {
    CHANGING.contains(&name)
}

/// Whether `value` has a method `name`.
pub(crate) fn has_method(value: &Val, name: &str) -> bool {
    let names: &[&str] = match view(value) {
        View::Str(_) if value.is_safe() && MARKUP.contains(&name) => return true,
        View::Str(_) => &TEXT,
        View::Bytes(_) => &BYTES,
        View::List(_) => &LIST,
        View::Dict(_) => &DICT,
        View::Tuple(_) | View::Range(_) => &SEQUENCE,
        View::Bool(_) | View::Int(_) | View::Big(_) => &INT,
        View::Float(_) => &FLOAT,
        View::Entries(view) if view.kind != ViewKind::Values => &KEYS,
        _ => &[],
    };
    names.contains(&name)
}
