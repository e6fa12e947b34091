//! Numbers: a limit is a row of the table, and every other number is listed with its kind.
//!
//! A constant that takes its value from `model::limits` is no stray. The others are in
//! `tests/fixtures/inner_numbers.txt`, each with its value under the kind of number that it is, so
//! that a changed value shows in a diff and a new one is a decision. Commands bound only themselves,
//! and are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::tree;

const LIST: &str = "tests/fixtures/inner_numbers.txt";
/// Where a list that fits the sources is written, to be reviewed and copied.
const FRESH: &str = "target/inner_numbers.txt";
/// The types of numbers and times.
const TYPES: [&str; 15] =
    ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "Duration"];
/// The crates that are no part of the server.
const COMMANDS: [&str; 7] = ["bench", "cli", "demo", "fixtures", "listen", "tenterhook", "terminal"];
/// What a number bounds where it stands in the code, without a name.
const BOUNDING: [&str; 5] = ["from_secs(", "from_millis(", ".take(", ".truncate(", "channel("];
/// The kinds of numbers that are no limits of the table.
const KINDS: [&str; 5] = ["format", "text", "pause", "size", "bound"];
/// The kind of a number that is not listed yet.
const UNKNOWN: &str = "unknown: put it into the table of limits, or under one of the kinds above";

/// A constant: where it is, its name, and the text of its value.
#[derive(Debug, PartialEq)]
struct Constant {
    name: String,
    value: String,
}

/// The constants of numbers and times, in the order of the source.
fn constants(source: &tree::Source) -> Vec<Constant> {
    let lines: Vec<&str> = source.code().map(|(_, line)| line.trim()).collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some((name, rest)) = line.split_once("const ").and_then(|(_, rest)| rest.split_once(": ")) else {
            continue;
        };
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let declared = rest.split('=').next().unwrap_or_default();
        let mut words = declared.split(|c: char| !c.is_alphanumeric());
        if !is_name || declared.contains(['[', '&', '<']) || !words.any(|word| TYPES.contains(&word)) {
            continue;
        }
        let length = lines[start..].iter().position(|line| line.ends_with(';')).map_or(1, |end| end + 1);
        let text = lines[start..start + length].join(" ");
        let value = text.split_once('=').map_or("", |(_, value)| value.trim().trim_end_matches(';'));
        found.push(Constant { name: name.to_owned(), value: value.to_owned() });
    }
    found
}

/// The production sources of the server but for the table itself.
fn sources() -> Vec<tree::Source> {
    let mut sources = tree::sources("crates");
    sources.retain(|source| {
        let krate = source.path.split('/').nth(1).unwrap_or_default();
        let is_left_out = ["model/src/limits.rs", "/fuzz.rs"].iter().any(|end| source.path.ends_with(end));
        source.path.contains("/src/") && !COMMANDS.contains(&krate) && !is_left_out
    });
    sources
}

/// The constants of the server that are not rows of the table, as lines of the list.
fn inner() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in &sources() {
        let path = source.path.strip_prefix("crates/").unwrap_or(&source.path).replacen("/src/", "/", 1);
        for Constant { name, value } in constants(source) {
            if !value.contains("limits::") {
                found.insert(format!("{path} {name} = {value}"));
            }
        }
    }
    found
}

/// The lines of the list by their kinds, in its order.
fn listed(text: &str) -> Vec<(&str, BTreeSet<&str>)> {
    let mut kinds: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(kind) => kinds.push((kind, BTreeSet::new())),
            None => {
                assert!(kinds.last_mut().expect("a line follows its kind").1.insert(line), "{line} is listed twice")
            }
        }
    }
    kinds
}

/// The list with what the sources no longer have taken out, and what it lacks at its end.
fn fresh(text: &str, inner: &BTreeSet<String>) -> String {
    let mut missing: BTreeSet<&str> = inner.iter().map(String::as_str).collect();
    let mut page: String =
        text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    for (kind, lines) in listed(text) {
        page += &format!("\n[{kind}]\n");
        page.extend(lines.into_iter().filter(|line| missing.remove(line)).map(|line| format!("{line}\n")));
    }
    if !missing.is_empty() {
        page += &format!("\n[{UNKNOWN}]\n");
        page.extend(missing.into_iter().map(|line| format!("{line}\n")));
    }
    page
}

#[test]
fn every_number_is_a_limit_of_the_table_or_listed_with_its_value() {
    let (inner, text) = (inner(), tree::read(LIST));
    let kinds: Vec<&str> = listed(&text).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, KINDS, "each number is under its kind");
    let expected = fresh(&text, &inner);
    if text != expected {
        std::fs::create_dir_all(tree::root().join("target")).unwrap();
        std::fs::write(tree::root().join(FRESH), &expected).unwrap();
        let known: BTreeSet<&str> = listed(&text).into_iter().flat_map(|(_, lines)| lines).collect();
        let stray: Vec<_> = inner.iter().filter(|line| !known.contains(line.as_str())).collect();
        panic!(
            "not in {LIST}, or with another value: {stray:#?}\nA number that a caller, a receiver or an operator can \
             meet belongs into crates/model/src/limits.rs. The others: sort them into their kinds, cp {FRESH} {LIST}"
        );
    }
}

#[test]
fn no_number_bounds_anything_without_a_name() {
    let mut found = Vec::new();
    for source in &sources() {
        let mut is_constant = false;
        for (number, line) in source.code() {
            is_constant |= (line.contains("const ") && !line.contains("const fn")) || line.contains("static ");
            if !is_constant && bounds_by_literal(line) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
            is_constant &= !line.ends_with(';');
        }
    }
    assert!(found.is_empty(), "give these numbers names: {found:#?}");
}

/// Whether a number of ten or more, or a time that is not zero, stands where it bounds something.
fn bounds_by_literal(line: &str) -> bool {
    BOUNDING.iter().any(|word| {
        line.split(word).skip(1).any(|rest| {
            let digits = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '_');
            let number = digits.filter(|c| *c != '_').collect::<String>().parse::<u64>().unwrap_or(0);
            number >= if word.starts_with("from_") { 1 } else { 10 }
        })
    })
}

#[test]
fn strays_are_found_by_their_values() {
    let text = "/// Most.\nconst MOST: usize =\n    16 * 1024;\npub(crate) const WAIT: Duration = limits::WAIT;\n\
                const NAME: &str = \"a\";\nconst fn f() {}\nconst PAIR: (usize, Duration) = (1, Duration::ZERO);\n";
    let source = tree::Source { path: "crates/x/src/lib.rs".into(), text: text.into() };
    let found: BTreeMap<String, String> = constants(&source).into_iter().map(|c| (c.name, c.value)).collect();
    let expected = [("MOST", "16 * 1024"), ("WAIT", "limits::WAIT"), ("PAIR", "(1, Duration::ZERO)")];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());

    let list = "# Head.\n\n[size]\na A = 1\nb B = 2\n";
    assert_eq!(fresh(list, &["a A = 1".to_owned(), "b B = 2".to_owned()].into()), list);
    let changed = fresh(list, &["a A = 1".to_owned(), "b B = 3".to_owned()].into());
    assert_eq!(changed, format!("# Head.\n\n[size]\na A = 1\n\n[{UNKNOWN}]\nb B = 3\n"));

    for line in ["x.take(100)", "Duration::from_secs(5)", "mpsc::channel(16)"] {
        assert!(bounds_by_literal(line), "{line}");
    }
    for line in [
        "x.take(MOST)",
        "x.take(2)",
        "Timestamp::from_millis(0)",
        "Duration::from_secs(seconds)",
        "Duration::from_nanos(1)",
    ] {
        assert!(!bounds_by_literal(line), "{line}");
    }
}
