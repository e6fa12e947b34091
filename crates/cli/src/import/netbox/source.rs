//! Files with webhooks and event rules of NetBox, whatever form they have.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::csv;
use crate::document;
use crate::failure::Failure;
use crate::import::listing::Pages;
use crate::import::object::Record;
use crate::input::read_text;

/// Everything that the sources have.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) webhooks: Vec<Record>,
    pub(super) rules: Vec<Record>,
    /// Whether one of the sources is a list without entries, which may be that of the rules.
    pub(super) has_empty: bool,
}

impl Found {
    /// Reads files.
    ///
    /// # Errors
    /// When one cannot be read, or holds something else.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self, Failure> {
        let (mut found, mut pages) = (Self::default(), Pages::default());
        for file in files {
            let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
            let text = read_text(file)?;
            found.add_text(&name, text.trim_start_matches('\u{feff}'), &mut pages)?;
        }
        pages.check()?;
        Ok(found)
    }

    fn add_text(&mut self, name: &str, text: &str, pages: &mut Pages) -> Result<(), Failure> {
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml") || text.starts_with("---");
        if text.trim_start().starts_with(['{', '[']) {
            let mut values = Vec::new();
            for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
                let wrong = |error: serde_json::Error| {
                    Failure::usage(format!("{name} is not JSON; see line {}, column {}", error.line(), error.column()))
                };
                let value = value.map_err(wrong)?;
                pages.note(name, &value);
                values.push(value);
            }
            self.add(name, values)
        } else if is_yaml {
            let values = document::documents(name, text).map_err(document::refused)?;
            self.add(name, values)
        } else {
            csv::records(name, text)?.into_iter().try_for_each(|record| self.add_record(record))
        }
    }

    /// Adds pages of the REST API, lists, or single objects.
    ///
    /// # Errors
    /// When something is neither a webhook nor an event rule.
    pub(super) fn add(&mut self, name: &str, values: Vec<Value>) -> Result<(), Failure> {
        let mut objects = Vec::new();
        for value in values {
            match value {
                Value::Array(items) => {
                    self.has_empty |= items.is_empty();
                    objects.extend(items);
                }
                Value::Object(mut page) if page.get("results").is_some_and(Value::is_array) => {
                    let Some(Value::Array(items)) = page.shift_remove("results") else { continue };
                    self.has_empty |= items.is_empty();
                    objects.extend(items);
                }
                other => objects.push(other),
            }
        }
        for (index, object) in objects.into_iter().enumerate() {
            let place = format!("{name}#{}", index + 1);
            let Value::Object(members) = object else {
                return Err(Failure::usage(format!("{place}: is not an object of NetBox")));
            };
            self.add_record(Record::new(place, members))?;
        }
        Ok(())
    }

    fn add_record(&mut self, record: Record) -> Result<(), Failure> {
        let list = match (record.has("payload_url"), is_rule(&record)) {
            (true, _) => &mut self.webhooks,
            (false, true) => &mut self.rules,
            (false, false) => {
                let message = format!("{}: is neither a webhook nor an event rule of NetBox", record.place);
                return Err(Failure::usage(message)
                    .next("give /api/extras/webhooks/ and /api/extras/event-rules/, without brief or fields"));
            }
        };
        match list.iter().find(|other| other.text("name") == record.text("name")) {
            // Pages that were fetched while something changed overlap.
            Some(other) if other.is_same(&record) => {}
            Some(other) => {
                let message = format!("{}: name: is that of {} too", record.place, other.place);
                return Err(Failure::usage(message).next("names are unique in NetBox; give one export of it"));
            }
            None => list.push(record),
        }
        Ok(())
    }
}

/// Whether it is an event rule, which exists from NetBox 3.7 on.
pub(super) fn is_rule(record: &Record) -> bool {
    ["action_type", "action_object", "action_object_id"].iter().any(|name| record.has(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: &str = r#"{"name": "a", "payload_url": "https://a.example.com"}"#;
    const RULE: &str = r#"{"name": "r", "action_type": "webhook", "action_object": "a"}"#;

    fn read(texts: &[&str]) -> Result<Found, Failure> {
        let mut found = Found::default();
        let mut pages = Pages::default();
        texts
            .iter()
            .enumerate()
            .try_for_each(|(index, text)| found.add_text(&format!("f{index}"), text, &mut pages))?;
        Ok(found)
    }

    #[test]
    fn pages_lists_and_single_objects_are_read() {
        let page = format!(r#"{{"count": 1, "next": null, "results": [{HOOK}]}}"#);
        let list = format!("[{HOOK}, {RULE}]");
        let both = format!("{page}\n{{\"results\": [{RULE}]}}");
        for texts in [
            vec![page.as_str(), RULE],
            vec![&list],
            vec![&both],
            vec!["name,payload_url\na,https://a.example.com", RULE],
        ] {
            let found = read(&texts).unwrap();
            assert_eq!((found.webhooks.len(), found.rules.len()), (1, 1), "{texts:?}");
        }
        let yaml = read(&["---\n- {name: a, payload_url: 'https://a.example.com'}\n"]).unwrap();
        assert_eq!(yaml.webhooks[0].text("payload_url"), "https://a.example.com");
        assert!(read(&[r#"{"count": 0, "results": []}"#]).unwrap().has_empty);
    }

    #[test]
    fn a_name_is_there_once_or_twice_the_same() {
        assert_eq!(read(&[HOOK, HOOK]).unwrap().webhooks.len(), 1);
        let other = HOOK.replace("a.example", "b.example");
        assert!(read(&[HOOK, &other]).unwrap_err().to_string().contains("f1#1: name: is that of f0#1 too"));
    }

    #[test]
    fn what_is_something_else_is_refused_with_its_place() {
        for (text, part) in [
            (r#"{"detail": "Invalid token"}"#, "f0#1: is neither a webhook"),
            ("[1]", "f0#1: is not an object"),
            ("{\n\"a\": }", "line 2"),
        ] {
            let error = read(&[text]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
