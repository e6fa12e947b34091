//! Following a dotted path through JSON, lists included.

use serde_json::{Map, Value};

/// What a path leads to.
#[derive(Debug, Clone)]
pub(super) enum Found<'a> {
    /// A value of the document.
    One(&'a Value),
    /// A value of each item of a list on the way.
    Each(Vec<&'a Value>),
    /// A null that stands for a snapshot which the event does not have.
    Absent,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// A key is missing, or null stands before it.
    Missing,
    /// A key would have to be looked up in a value that has none.
    NoKeys {
        /// The key.
        key: String,
        /// The type of the value, as JSON calls it.
        within: &'static str,
    },
}

/// What an empty list on the way means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmptyList {
    /// A list of no values.
    IsEmpty,
    /// Nothing: it is no evidence that the path describes the data.
    IsMissing,
}

/// Follows `keys` from `root`.
pub(super) fn walk<'a>(root: &'a Value, keys: &[String], empty: EmptyList) -> Result<Found<'a>, Lost> {
    let mut found = Found::One(root);
    for key in keys {
        found = match found {
            Found::One(Value::Null) | Found::Absent => return Err(Lost::Missing),
            Found::One(Value::Object(members)) => Found::One(members.get(key).ok_or(Lost::Missing)?),
            Found::One(Value::Array(items)) => step_each(items.iter(), key, empty)?,
            Found::Each(items) => step_each(items.into_iter(), key, empty)?,
            Found::One(scalar) => return Err(Lost::NoKeys { key: key.clone(), within: type_name(scalar) }),
        };
    }
    Ok(found)
}

fn step_each<'a>(
    items: impl ExactSizeIterator<Item = &'a Value>,
    key: &str,
    empty: EmptyList,
) -> Result<Found<'a>, Lost> {
    debug_assert!(!key.contains('.'), "a path is parted at its dots, and {key} is one key");
    if items.len() == 0 && empty == EmptyList::IsMissing {
        return Err(Lost::Missing);
    }
    let member = |item: &'a Value| match item {
        Value::Null => Err(Lost::Missing),
        Value::Object(members) => members.get(key).ok_or(Lost::Missing),
        other => Err(Lost::NoKeys { key: key.to_owned(), within: type_name(other) }),
    };
    items.map(member).collect::<Result<_, _>>().map(Found::Each)
}

/// Follows `keys` from the members of an object.
pub(super) fn walk_members<'a>(
    members: &'a Map<String, Value>,
    keys: &[String],
    empty: EmptyList,
) -> Result<Found<'a>, Lost> {
    let (first, rest) = keys.split_first().expect("splitting a text at its dots gives at least one key");
    walk(members.get(first).ok_or(Lost::Missing)?, rest, empty)
}

/// The type of a value, as JSON calls it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(path: &str) -> Vec<String> {
        path.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn a_list_on_the_way_gives_the_value_of_each_item() {
        let data = json!({"tags": [{"slug": "a", "of": {"id": 1}}, {"slug": "b", "of": {"id": 2}}], "none": []});
        let Ok(Found::Each(slugs)) = walk(&data, &keys("tags.slug"), EmptyList::IsEmpty) else { panic!("no list") };
        assert_eq!(slugs, [&json!("a"), &json!("b")]);
        let Ok(Found::Each(ids)) = walk(&data, &keys("tags.of.id"), EmptyList::IsEmpty) else { panic!("no list") };
        assert_eq!(ids, [&json!(1), &json!(2)]);
        assert!(matches!(walk(&data, &keys("none.x"), EmptyList::IsEmpty), Ok(Found::Each(items)) if items.is_empty()));
        assert_eq!(walk(&data, &keys("none.x"), EmptyList::IsMissing).unwrap_err(), Lost::Missing);
    }

    #[test]
    fn a_path_that_leads_nowhere_says_why() {
        let data = json!({"a": null, "s": "text", "l": [1], "m": [null], "o": [{}]});
        let lost = |path: &str| walk(&data, &keys(path), EmptyList::IsEmpty).unwrap_err();
        assert_eq!(lost("x"), Lost::Missing);
        assert_eq!(lost("a.b"), Lost::Missing);
        assert_eq!(lost("m.b"), Lost::Missing);
        assert_eq!(lost("o.b"), Lost::Missing);
        assert_eq!(lost("s.b"), Lost::NoKeys { key: "b".into(), within: "a text" });
        assert_eq!(lost("l.b"), Lost::NoKeys { key: "b".into(), within: "a number" });
    }
}
