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
