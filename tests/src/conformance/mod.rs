//! The engine against test data whose expected values come from Python, Jinja2 and NetBox,
//! and the deliverer against the rules of where requests may go.
//!
//! Each file of `tests/fixtures` holds one case a line; a test runs them all and tells every
//! case that differs.

mod compatibility;
mod conditions;
mod default_body;
mod differential;
mod headers;
mod jinja;
mod netbox_body;
mod network;
mod requests;
mod signatures;
mod ssrf;
pub(crate) mod template_bombs;
mod urls;
mod wire;

use serde_json::Value;

/// The cases of a fixture.
fn cases(fixture: &str) -> Vec<Value> {
    let path = format!("{}/fixtures/{fixture}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs every case of a fixture; `check` tells how a case differs.
fn check_all(fixture: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let cases = cases(fixture);
    assert!(cases.len() > 10, "{fixture} has {} cases", cases.len());
    let differ: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|error| format!("{}: {error}", case["id"].as_str().unwrap())))
        .collect();
    assert!(differ.is_empty(), "{} of {} cases of {fixture} differ:\n{}", differ.len(), cases.len(), differ.join("\n"));
}

/// `Ok` when both are equal.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what} is {got:?}, not {expected:?}")) }
}
