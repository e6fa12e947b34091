//! Files with what a REST API lists, as Svix and Convoy write it: pages, lists and single objects of JSON.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::object::Record;
use crate::failure::Failure;
use crate::input::read_text;

/// Every object of the files.
///
/// # Errors
/// When one cannot be read, is not JSON or holds nothing, or pages are missing.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Record>, Failure> {
    let (mut records, mut pages) = (Vec::new(), Pages::default());
    for file in files {
        let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        add_text(&name, &read_text(file)?, &mut records, &mut pages)?;
    }
    pages.check()?;
    Ok(records)
}

/// What pages say of those that follow, for each kind of listing: that of what has a URL, and the other one.
#[derive(Debug, Default)]
pub(super) struct Pages([Listing; 2]);

#[derive(Debug, Default)]
struct Listing {
    /// A page that others follow.
    followed: Option<String>,
    has_last: bool,
}

impl Pages {
    /// Takes note of a page, which is in the file `name`.
    pub(super) fn note(&mut self, name: &str, page: &Value) {
        let Some(is_followed) = is_followed(page) else { return };
        let listed = page.get("results").cloned().map_or_else(|| objects(page.clone()), objects);
        let has_url = |one: &Value| ["url", "target_url", "payload_url"].iter().any(|name| one.get(name).is_some());
        let listing = &mut self.0[usize::from(listed.first().is_some_and(has_url))];
        if is_followed {
            listing.followed.get_or_insert_with(|| name.to_owned());
        } else {
            listing.has_last = true;
        }
    }

    /// # Errors
    /// When a page is followed by others, and the last one is not among them.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let cut = self.0.iter().filter(|listing| !listing.has_last).find_map(|listing| listing.followed.as_ref());
        match cut {
            Some(name) => {
                Err(Failure::usage(format!("{name}: is a page that others follow, and the last one is missing"))
                    .next("give every page of the listing, each in a file or one after another"))
            }
            None => Ok(()),
        }
    }
}

/// Whether a page says that others follow, in `done` (Svix), `pagination` (Convoy) or `next` (NetBox).
fn is_followed(page: &Value) -> Option<bool> {
    let convoy = |page: &Value| page["pagination"]["has_next_page"].as_bool();
    let netbox = || page.get("results").and(page.get("next")).map(|next| !next.is_null());
    let svix = page["done"].as_bool().map(|done| !done);
    svix.or_else(|| convoy(&page["data"])).or_else(|| convoy(page)).or_else(netbox)
}

fn add_text(name: &str, text: &str, records: &mut Vec<Record>, pages: &mut Pages) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{name} is empty")));
    }
    let first = records.len();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| {
            Failure::usage(format!("{name} is not JSON; see line {}, column {}", error.line(), error.column()))
        })?;
        pages.note(name, &value);
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_without_its_last_page_is_refused() {
        let svix = |done: bool| json!({"data": [{"id": 1, "url": "u"}], "done": done});
        let convoy = |more: bool| json!({"data": {"content": [{"uid": 1}], "pagination": {"has_next_page": more}}});
        let netbox = |next: Value| json!({"count": 2, "next": next, "results": [{"payload_url": "u"}]});
        for (pages, is_whole) in [
            (vec![svix(true)], true),
            (vec![svix(false), svix(true)], true),
            (vec![svix(false), svix(false)], false),
            (vec![convoy(false)], true),
            // The last page of the other listing ends nothing here.
            (vec![convoy(true), svix(true)], false),
            (vec![netbox(json!("https://netbox/?offset=50")), netbox(Value::Null)], true),
            (vec![netbox(json!("https://netbox/?offset=50"))], false),
            (vec![json!([{"url": "u"}])], true),
        ] {
            let mut noted = Pages::default();
            pages.iter().for_each(|page| noted.note("f", page));
            assert_eq!(noted.check().is_ok(), is_whole, "{pages:?}");
        }
    }

    #[test]
    fn pages_lists_and_single_objects_are_read() {
        for text in [
            r#"{"data": [{"id": 1}, {"id": 2}], "iterator": null, "done": true}"#,
            r#"{"status": true, "data": {"content": [{"id": 1}, {"id": 2}], "pagination": {}}}"#,
            r#"[{"id": 1}, {"id": 2}]"#,
            r#"{"id": 1} {"data": {"id": 2}}"#,
        ] {
            let mut records = Vec::new();
            add_text("f", text, &mut records, &mut Pages::default()).unwrap();
            let found: Vec<_> = records.iter().map(|record| (record.number("id"), &*record.place)).collect();
            assert_eq!(found, [(Some(1), "f#1"), (Some(2), "f#2")], "{text}");
        }
        for (text, part) in [("[1]", "f#1: is not an object"), ("{", "line 1"), (" \n", "f is empty")] {
            let error = add_text("f", text, &mut Vec::new(), &mut Pages::default()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_a_page_holds_is_found_in_every_form() {
        for (page, count) in [
            (json!([]), 0),
            (json!([1, 2]), 2),
            (json!({"data": []}), 0),
            (json!({"data": [1]}), 1),
            (json!({"data": {"content": [1, 2]}}), 2),
            (json!({"content": [1]}), 1),
            (json!({"data": {"id": 1}}), 1),
            (json!({"data": "text", "id": 1}), 1),
            (json!({"id": 1}), 1),
            (json!(5), 1),
        ] {
            assert_eq!(objects(page.clone()).len(), count, "{page}");
        }
    }

    #[test]
    fn only_a_page_says_whether_others_follow() {
        for (page, follows) in [
            (json!({"done": false}), Some(true)),
            (json!({"done": true}), Some(false)),
            (json!({"done": "no"}), None),
            (json!({"pagination": {"has_next_page": true}}), Some(true)),
            (json!({"data": {"pagination": {"has_next_page": false}}}), Some(false)),
            (json!({"results": [], "next": null}), Some(false)),
            (json!({"results": [], "next": "https://netbox/?offset=50"}), Some(true)),
            (json!({"results": []}), None),
            (json!({"next": "x"}), None),
            (json!([1]), None),
        ] {
            assert_eq!(is_followed(&page), follows, "{page}");
        }
    }

    #[test]
    fn places_are_counted_for_each_file_by_itself() {
        let mut records = Vec::new();
        for (name, text) in [("a", r#"[{"id": 1}, {"id": 2}]"#), ("b", r#"{"id": 3} [{"id": 4}]"#)] {
            add_text(name, text, &mut records, &mut Pages::default()).unwrap();
        }
        let places: Vec<&str> = records.iter().map(|record| record.place.as_str()).collect();
        assert_eq!(places, ["a#1", "a#2", "b#1", "b#2"]);
    }

    #[test]
    fn the_page_that_is_cut_is_named_with_the_way_out() {
        let mut pages = Pages::default();
        pages.note("first.json", &json!({"data": [{"url": "u"}], "done": false}));
        pages.note("second.json", &json!({"data": [{"url": "u"}], "done": false}));
        let error = pages.check().unwrap_err();
        assert!(error.to_string().starts_with("first.json: is a page that others follow"), "{error}");
        assert_eq!((error.code, error.next_step().is_some()), (crate::failure::USAGE, true));
    }
}
