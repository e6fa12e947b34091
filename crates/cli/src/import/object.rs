//! An object as another system exports it, read alike from JSON, YAML and CSV.

use serde_json::{Map, Value};

/// One object of another system.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The file and the number of the object in it, such as `webhooks.json#2`.
    pub(super) place: String,
    members: Map<String, Value>,
}

impl Record {
    pub(super) fn new(place: String, members: Map<String, Value>) -> Self {
        Self { place, members }
    }

    /// Whether it has this member, empty or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A member as it is; null when it is not there.
    pub(super) fn value(&self, name: &str) -> &Value {
        self.members.get(name).unwrap_or(&Value::Null)
    }

    /// Whether both say the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.members == other.members
    }

    /// A text; empty when it is not there. A choice of NetBox, `{"value": …, "label": …}`, is its value.
    pub(super) fn text(&self, name: &str) -> &str {
        text(self.value(name))
    }

    /// A flag, if it is set; CSV writes it in words.
    ///
    /// # Errors
    /// When it is neither true nor false.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(other) => match text(other).trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(Some(true)),
                "false" | "0" | "no" | "off" => Ok(Some(false)),
                _ => Err("must be true or false".to_owned()),
            },
        }
    }

    /// A whole number, if it is set.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        match self.members.get(name)? {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        }
    }

    /// A list of texts; CSV joins them with commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.members.get(name) {
            Some(Value::Array(items)) => items.iter().map(|item| text(item).to_owned()).collect(),
            Some(Value::String(joined)) => {
                joined.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The slugs of its tags.
    pub(super) fn tags(&self) -> Vec<String> {
        match self.members.get("tags") {
            Some(Value::Array(tags)) => {
                tags.iter().map(|tag| tag.get("slug").map_or_else(|| text(tag), text).to_owned()).collect()
            }
            _ => self.list("tags"),
        }
    }

    /// A JSON document, if there is one; `null` and `{}` mean none, and CSV has it as text.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub(super) fn document(&self, name: &str) -> Result<Option<Value>, String> {
        let value = match self.members.get(name) {
            Some(Value::String(text)) if text.trim().is_empty() => Value::Null,
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| "is not JSON".to_owned())?,
            Some(value) => value.clone(),
            None => Value::Null,
        };
        let is_unset = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        Ok((!is_unset).then_some(value))
    }

    /// A member of a nested object.
    pub(super) fn nested(&self, name: &str, member: &str) -> &str {
        self.members.get(name).and_then(|nested| nested.get(member)).map_or("", text)
    }

    /// The names of custom fields that have a value.
    pub(super) fn custom_fields(&self) -> Vec<String> {
        let fields = self.members.get("custom_fields").and_then(Value::as_object);
        let set = fields.into_iter().flatten().filter(|(_, value)| !value.is_null());
        let in_csv = self.members.iter().filter(|(name, value)| name.starts_with("cf_") && !text(value).is_empty());
        set.map(|(name, _)| name.clone()).chain(in_csv.map(|(name, _)| name.clone())).collect()
    }
}

/// The text of a value; a choice of NetBox is its value, an object its name.
fn text(value: &Value) -> &str {
    match value {
        Value::String(text) => text,
        Value::Object(members) => {
            let member = |name: &str| members.get(name).and_then(Value::as_str);
            member("value").or_else(|| member("name")).unwrap_or_default()
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(value: Value) -> Record {
        Record::new("x#1".into(), value.as_object().unwrap().clone())
    }

    #[test]
    fn json_and_csv_are_read_alike() {
        let json = record(json!({"enabled": true, "object_types": ["dcim.site", "dcim.region"], "timeout": 5,
            "conditions": {"and": []}, "action_type": {"value": "webhook", "label": "Webhook"},
            "tags": [{"name": "Core", "slug": "core"}]}));
        let csv = record(json!({"enabled": "True", "object_types": "dcim.site, dcim.region", "timeout": "5",
            "conditions": "{\"and\": []}", "action_type": "webhook", "tags": "core"}));
        for read in [&json, &csv] {
            assert_eq!(read.flag("enabled"), Ok(Some(true)));
            assert_eq!(read.list("object_types"), ["dcim.site", "dcim.region"]);
            assert_eq!((read.number("timeout"), read.text("action_type")), (Some(5), "webhook"));
            assert_eq!(read.document("conditions"), Ok(Some(json!({"and": []}))));
            assert_eq!(read.tags(), ["core"]);
        }
    }

    #[test]
    fn what_is_empty_is_unset() {
        let empty = record(json!({"a": null, "b": "", "c": {}, "d": []}));
        for name in ["a", "b", "c", "missing"] {
            assert_eq!(empty.document(name), Ok(None), "{name}");
        }
        assert_eq!((empty.flag("a"), empty.flag("b")), (Ok(None), Ok(None)));
        assert!(record(json!({"a": "maybe"})).flag("a").is_err() && record(json!({"a": "{"})).document("a").is_err());
    }

    #[test]
    fn flags_are_words_in_any_case() {
        for (value, flag) in [
            (json!(true), Some(true)),
            (json!("TRUE"), Some(true)),
            (json!(" yes "), Some(true)),
            (json!("On"), Some(true)),
            (json!("1"), Some(true)),
            (json!(false), Some(false)),
            (json!("False"), Some(false)),
            (json!("no"), Some(false)),
            (json!("off"), Some(false)),
            (json!("0"), Some(false)),
            (json!("  "), None),
            (json!({"value": "true", "label": "Yes"}), Some(true)),
        ] {
            assert_eq!(record(json!({"f": value})).flag("f"), Ok(flag), "{value}");
        }
        for wrong in [json!("y"), json!("2"), json!(1), json!([]), json!({})] {
            assert_eq!(record(json!({"f": wrong})).flag("f"), Err("must be true or false".to_owned()), "{wrong}");
        }
        assert_eq!(record(json!({})).flag("f"), Ok(None));
    }

    #[test]
    fn numbers_are_whole() {
        for (value, number) in [
            (json!(5), Some(5)),
            (json!(-5), Some(-5)),
            (json!(" 5 "), Some(5)),
            (json!("5.0"), None),
            (json!(5.5), None),
            (json!(""), None),
            (json!(null), None),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!(u64::MAX), None),
        ] {
            assert_eq!(record(json!({"n": value})).number("n"), number, "{value}");
        }
    }

    #[test]
    fn a_choice_is_its_value_and_an_object_its_name() {
        let read = record(
            json!({"a": {"value": "v", "label": "l"}, "b": {"name": "n", "id": 1}, "c": {"value": "v", "name": "n"},
            "d": {"label": "l"}, "e": 5, "f": null, "g": {"value": 5, "name": "n"}}),
        );
        let texts: Vec<&str> = ["a", "b", "c", "d", "e", "f", "g", "none"].map(|name| read.text(name)).into();
        assert_eq!(texts, ["v", "n", "v", "", "", "", "n", ""]);
        assert_eq!((read.nested("b", "name"), read.nested("b", "none"), read.nested("none", "x")), ("n", "", ""));
        assert!(read.has("f") && !read.has("none") && read.value("none").is_null());
    }

    #[test]
    fn lists_and_tags_are_read_in_every_form() {
        let list = |value: Value| record(json!({"l": value})).list("l");
        assert_eq!(list(json!(" a, b ,,c ")), ["a", "b", "c"]);
        assert_eq!(list(json!(["a", {"value": "b"}, 5])), ["a", "b", ""]);
        assert!(list(json!("")).is_empty() && list(json!(null)).is_empty() && list(json!({"a": 1})).is_empty());
        let tags = |value: Value| record(json!({"tags": value})).tags();
        assert_eq!(tags(json!([{"name": "Core Site", "slug": "core"}, "edge", {"name": "x"}])), ["core", "edge", "x"]);
        assert_eq!(tags(json!("a,b")), ["a", "b"]);
    }

    #[test]
    fn custom_fields_are_those_with_a_value() {
        let of = |value: Value| record(value).custom_fields();
        assert_eq!(of(json!({"custom_fields": {"a": 1, "b": null, "c": ""}})), ["a", "c"]);
        assert_eq!(of(json!({"cf_a": "x", "cf_b": "", "cfg": "x"})), ["cf_a"]);
        assert!(of(json!({"custom_fields": null})).is_empty());
    }

    #[test]
    fn two_records_are_the_same_whatever_their_places() {
        let of = |place: &str, value: Value| Record::new(place.into(), value.as_object().unwrap().clone());
        assert!(of("a#1", json!({"x": 1})).is_same(&of("b#2", json!({"x": 1}))));
        assert!(!of("a#1", json!({"x": 1})).is_same(&of("a#1", json!({"x": 1, "y": null}))));
    }
}
