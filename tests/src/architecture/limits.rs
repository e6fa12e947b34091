//! The table of limits: its page in docs/, and that its rows are enforced where they say.

use std::fmt::Write as _;

use tenterhook_model::{Limit, Unit, limits};

use super::tree;

const PAGE: &str = "docs/LIMITS.md";
/// Where a page that differs is written, to be copied.
const FRESH: &str = "target/LIMITS.md";
const HEAD: &str = "# Limits

Every limit of the server. The page is made from the table in `crates/model/src/limits.rs`; a test keeps them the same.
`ServerService.GetServerInfo` returns the limits of a running server, in which flags may have changed some.

| limit | value | what it limits | enforced by | flag |
|---|---|---|---|---|
";

/// The page that the table makes.
fn page() -> String {
    let mut page = HEAD.to_owned();
    for limit in limits::TABLE {
        let flag = limit.flag.map(|flag| format!("`--{flag}`")).unwrap_or_default();
        let (name, about) = (limit.name.to_ascii_lowercase(), limit.about.trim());
        writeln!(page, "| `{name}` | {} | {about} | `{}` | {flag} |", value(limit), limit.enforced_by).unwrap();
    }
    page
}

/// The value of a limit in words.
fn value(limit: &Limit) -> String {
    let most = words(limit.most, limit.unit);
    if limit.least == 0 { most } else { format!("{} to {most}", words(limit.least, limit.unit)) }
}

fn words(number: u64, unit: Unit) -> String {
    const SIZES: [(u64, &str); 3] = [(1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")];
    const TIMES: [(u64, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let largest = |number: u64, names: &[(u64, &str)]| {
        let (size, name) = names.iter().find(|(size, _)| number.is_multiple_of(*size)).unwrap();
        format!("{} {name}", grouped(number / size))
    };
    match unit {
        Unit::Bytes => largest(number, &SIZES),
        Unit::Seconds => largest(number * 1_000, &TIMES),
        Unit::Milliseconds => largest(number, &TIMES),
        Unit::Items => grouped(number),
        Unit::Characters | Unit::Levels | Unit::Steps => format!("{} {}", grouped(number), unit.as_str()),
    }
}

/// The number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_page_of_limits_is_what_the_table_makes() {
    let (expected, page) = (page(), std::fs::read_to_string(tree::root().join(PAGE)).unwrap_or_default());
    if page != expected {
        std::fs::create_dir_all(tree::root().join("target")).unwrap();
        std::fs::write(tree::root().join(FRESH), expected).unwrap();
        panic!("{PAGE} is not what the table of limits makes; review it: cp {FRESH} {PAGE}");
    }
}

#[test]
fn each_limit_is_enforced_by_the_crate_that_its_row_names() {
    for limit in limits::TABLE {
        let sources = tree::sources(&format!("crates/{}/src", limit.enforced_by));
        let elsewhere = sources.iter().filter(|source| !source.path.ends_with("model/src/limits.rs"));
        let is_named = elsewhere.flat_map(|source| source.code()).any(|(_, line)| names(line, limit.name));
        assert!(is_named, "no code of crates/{} names {}", limit.enforced_by, limit.name);
    }
}

/// Whether a line of code names the constant: as a whole word.
fn names(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name)
        .any(|(at, _)| !line[..at].ends_with(is_word) && !line[at + name.len()..].starts_with(is_word))
}

#[test]
fn values_are_shown_in_their_largest_whole_unit() {
    for (number, unit, expected) in [
        (65_536, Unit::Bytes, "64 KiB"),
        (1_000, Unit::Bytes, "1,000 bytes"),
        (4 << 20, Unit::Bytes, "4 MiB"),
        (20, Unit::Milliseconds, "20 ms"),
        (90_000, Unit::Milliseconds, "90 s"),
        (7 * 86_400_000, Unit::Milliseconds, "7 d"),
        (60, Unit::Seconds, "1 min"),
        (200_000, Unit::Steps, "200,000 steps"),
        (10_000, Unit::Items, "10,000"),
    ] {
        assert_eq!(words(number, unit), expected);
    }
    assert!(names("x < limits::RULES;", "RULES") && !names("RULES_MAX", "RULES") && !names("A_RULES", "RULES"));
}
