//! What differs between two values of JSON, field by field.

use serde_json::Value;

/// A field that differs.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) field: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

impl Difference {
    /// The field and both values; `unset` is said where there is none.
    pub(crate) fn line(&self, unset: &str) -> String {
        format!("{}  {} -> {}", self.field, brief(&self.before, unset), brief(&self.after, unset))
    }
}

/// The fields that differ, as deep as both have them.
pub(crate) fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    differ("", before, after, &mut found);
    found
}

fn differ(place: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) if !one.is_empty() && !other.is_empty() => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let inside = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                let get = |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or(Value::Null);
                differ(&inside, &get(one), &get(other), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differ(&format!("{place}[{index}]"), one, other, found);
            }
        }
        (one, other) if one != other => {
            found.push(Difference { field: place.to_owned(), before: one.clone(), after: other.clone() });
        }
        _ => {}
    }
}

/// A value in a few words.
fn brief(value: &Value, unset: &str) -> String {
    const CHARS: usize = 60;
    let text = match value {
        Value::Null => unset.to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::output::grid::cut(&text, CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Field, before and after of each difference.
    fn found(before: &Value, after: &Value) -> Vec<(String, Value, Value)> {
        between(before, after).into_iter().map(|one| (one.field, one.before, one.after)).collect()
    }

    #[test]
    fn a_difference_is_as_deep_as_both_sides_go() {
        for (before, after, wanted) in [
            (json!({"a": 1}), json!({"a": 1}), json!([])),
            (json!({"a": 1}), json!({"a": 2}), json!([["a", 1, 2]])),
            (json!({"a": {"b": {"c": 1}}}), json!({"a": {"b": {"c": 2}}}), json!([["a.b.c", 1, 2]])),
            (json!({"a": 1}), json!({"a": "1"}), json!([["a", 1, "1"]])),
            (json!({"a": 1, "b": 2}), json!({"b": 2}), json!([["a", 1, null]])),
            (json!({"b": 2}), json!({"b": 2, "a": 1}), json!([["a", null, 1]])),
            (json!({"a": null}), json!({"b": null}), json!([])),
            (json!({"a": {}}), json!({"a": {"b": 1}}), json!([["a", {}, {"b": 1}]])),
            (json!({"a": {"b": 1}}), json!({"a": {}}), json!([["a", {"b": 1}, {}]])),
            (json!({"a": {"b": 1}}), json!({"a": [1]}), json!([["a", {"b": 1}, [1]]])),
            (json!([1, 2]), json!([1, 3]), json!([["[1]", 2, 3]])),
            (json!([1, 2]), json!([1]), json!([["", [1, 2], [1]]])),
            (json!([]), json!([]), json!([])),
            (json!({"a": [{"b": 1}, {"b": 2}]}), json!({"a": [{"b": 1}, {"b": 3}]}), json!([["a[1].b", 2, 3]])),
            (json!({"a": [[1], [2]]}), json!({"a": [[1], [3]]}), json!([["a[1][0]", 2, 3]])),
            (json!(1), json!(2), json!([["", 1, 2]])),
            (json!({"a": 1.0}), json!({"a": 1}), json!([["a", 1.0, 1]])),
        ] {
            let lines: Value = found(&before, &after).into_iter().map(|(f, b, a)| json!([f, b, a])).collect();
            assert_eq!(lines, wanted, "{before} and {after}");
        }
    }

    #[test]
    fn every_difference_is_found_and_those_of_one_side_come_last() {
        let before = json!({"gone": 1, "same": 0, "other": "x", "deep": {"x": 1, "y": 2}});
        let after = json!({"new": 1, "deep": {"y": 3, "z": 4}, "other": "y", "same": 0});
        let fields: Vec<String> = found(&before, &after).into_iter().map(|(field, ..)| field).collect();
        assert_eq!(fields, ["gone", "other", "deep.x", "deep.y", "deep.z", "new"]);
    }

    #[test]
    fn a_line_has_both_values_and_is_cut() {
        let line = |before: Value, after: Value| Difference { field: "a.b".into(), before, after }.line("default");
        assert_eq!(line(Value::Null, json!("text")), "a.b  default -> text");
        assert_eq!(line(json!(""), json!([1, {"x": "y"}])), r#"a.b   -> [1,{"x":"y"}]"#);
        assert_eq!(line(json!(true), json!(1.50)), "a.b  true -> 1.5");
        let (whole, long) = ("x".repeat(60), "x".repeat(61));
        assert_eq!(line(json!(whole), Value::Null), format!("a.b  {whole} -> default"));
        assert_eq!(line(json!(long), Value::Null), format!("a.b  {}… -> default", "x".repeat(59)));
    }
}
