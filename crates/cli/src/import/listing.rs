//! Files with what a REST API lists, as Svix and Convoy write it: pages, lists and single objects of JSON.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::object::Record;
use crate::failure::Failure;
use crate::input::read_text;

/// Every object of the files.
///
/// # Errors
/// When one cannot be read, or is not JSON.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Record>, Failure> {
    let mut records = Vec::new();
    for file in files {
        let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        add_text(&name, &read_text(file)?, &mut records)?;
    }
    Ok(records)
}

fn add_text(name: &str, text: &str, records: &mut Vec<Record>) -> Result<(), Failure> {
    let first = records.len();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| {
            Failure::usage(format!("{name} is not JSON; see line {}, column {}", error.line(), error.column()))
        })?;
        for object in objects(value) {
            let place = format!("{name}#{}", records.len() - first + 1);
            let Value::Object(members) = object else {
                return Err(Failure::usage(format!("{place}: is not an object")));
            };
            records.push(Record::new(place, members));
        }
    }
    Ok(())
}

/// What a response has: `data` of it, which is a list, a page with its `content`, or one object.
pub(super) fn objects(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Object(mut members) if members.get("data").is_some_and(|data| data.is_array() || data.is_object()) => {
            members.shift_remove("data").map(objects).unwrap_or_default()
        }
        Value::Object(mut members) if members.get("content").is_some_and(Value::is_array) => {
            members.shift_remove("content").map(objects).unwrap_or_default()
        }
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lists_and_single_objects_are_read() {
        for text in [
            r#"{"data": [{"id": 1}, {"id": 2}], "iterator": null, "done": true}"#,
            r#"{"status": true, "data": {"content": [{"id": 1}, {"id": 2}], "pagination": {}}}"#,
            r#"[{"id": 1}, {"id": 2}]"#,
            r#"{"id": 1} {"data": {"id": 2}}"#,
        ] {
            let mut records = Vec::new();
            add_text("f", text, &mut records).unwrap();
            let found: Vec<_> = records.iter().map(|record| (record.number("id"), &*record.place)).collect();
            assert_eq!(found, [(Some(1), "f#1"), (Some(2), "f#2")], "{text}");
        }
        assert!(add_text("f", "[1]", &mut Vec::new()).unwrap_err().to_string().contains("f#1: is not an object"));
        assert!(add_text("f", "{", &mut Vec::new()).unwrap_err().to_string().contains("line 1"));
    }
}
