//! Whether an answer contains what a scenario expects; clients/conformance/README.md has the rules.

use regex::Regex;
use serde_json::Value;

/// What of `wanted` is not in `actual`.
pub(crate) fn contains(actual: &Value, wanted: &Value, place: &str) -> Result<(), String> {
    match wanted {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            let inside = actual.get(name).unwrap_or(&Value::Null);
            contains(inside, value, &format!("{place}.{name}"))
        }),
        Value::Array(wanted) => {
            let items = actual.as_array().map(Vec::as_slice).unwrap_or_default();
            if items.len() != wanted.len() {
                return Err(format!("{place}: {} items, not {}: {actual}", items.len(), wanted.len()));
            }
            (0..wanted.len()).try_for_each(|i| contains(&items[i], &wanted[i], &format!("{place}[{i}]")))
        }
        _ => contains_text(actual, &text(wanted), place),
    }
}

fn contains_text(actual: &Value, wanted: &str, place: &str) -> Result<(), String> {
    let got = text(actual);
    let fits = match wanted.strip_prefix('~') {
        Some(pattern) => Regex::new(pattern).unwrap().is_match(&got),
        None if wanted == "*" => !is_empty(actual),
        None => got == wanted || (is_empty(actual) && matches!(wanted, "" | "0" | "false")),
    };
    if fits { Ok(()) } else { Err(format!("{place}: {actual} is not {wanted:?}")) }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => matches!(text(value).as_str(), "" | "0" | "false"),
    }
}

/// Texts, numbers and truth values as text; nothing as the empty text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value at a path such as `deliveries.0.id`.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, part| match part.parse::<usize>() {
        Ok(index) => value.get(index).unwrap_or(&Value::Null),
        Err(_) => value.get(part).unwrap_or(&Value::Null),
    })
}

#[test]
fn what_is_missing_is_seen() {
    let actual = serde_json::json!({"a": "text", "n": 3, "list": [{"b": true}]});
    for wanted in [
        serde_json::json!({"a": "text", "n": "3", "list": [{"b": true}]}),
        serde_json::json!({"a": "*", "none": "", "other": false}),
        serde_json::json!({"a": "~^te"}),
    ] {
        assert_eq!(contains(&actual, &wanted, ""), Ok(()));
    }
    for wanted in [
        serde_json::json!({"a": "other"}),
        serde_json::json!({"none": "*"}),
        serde_json::json!({"a": "~^x"}),
        serde_json::json!({"a": ""}),
        serde_json::json!({"list": []}),
        serde_json::json!({"list": [{"b": false}]}),
    ] {
        assert!(contains(&actual, &wanted, "").is_err(), "{wanted}");
    }
}
