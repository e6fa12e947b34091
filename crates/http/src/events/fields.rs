//! Reads JSON objects whose values stay text, and collects everything that is wrong with them.

use std::fmt;

use prost_types::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tenterhook_model::Fault;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The members of a JSON object in their order, each value as it is spelt.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;
        impl<'de> Visitor<'de> for OfMap {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(OfMap).map(Self)
    }
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// `value`, unless something was wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Vec<Fault>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }

    /// Whether something is wrong at `place`.
    pub(super) fn has(&self, place: &str) -> bool {
        self.0.iter().any(|fault| fault.field == place)
    }

    /// Refuses the field at `place`.
    pub(super) fn refuse(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.0.push(Fault::invalid(place, message));
    }

    /// The members of the object at `place`, each name once. Members that are null are unset (ProtoJSON
    /// and CloudEvents agree in this).
    pub(super) fn members<'a>(&mut self, place: &str, value: &'a RawValue) -> Vec<(String, &'a RawValue)> {
        let Ok(Members(mut members)) = serde_json::from_str(value.get()) else {
            self.refuse(place, "must be a JSON object");
            return Vec::new();
        };
        let mut names: Vec<&String> = members.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("lists the member `{}` twice", short(twice[0]));
            self.refuse(place, message);
        }
        members.retain(|(_, value)| value.get() != "null");
        members
    }

    /// The text at `place`.
    pub(super) fn text(&mut self, place: &str, value: &RawValue) -> String {
        serde_json::from_str(value.get()).unwrap_or_else(|_| {
            self.refuse(place, "must be a text");
            String::new()
        })
    }

    /// The time at `place`.
    pub(super) fn time(&mut self, place: &str, text: &str) -> Option<Timestamp> {
        let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) else {
            self.refuse(place, "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z");
            return None;
        };
        let nanos = i32::try_from(time.nanosecond()).expect("a second has fewer nanoseconds than an i32 holds");
        Some(Timestamp { seconds: time.unix_timestamp(), nanos })
    }
}

/// A document of JSON.
///
/// # Errors
/// Where it stops being one.
pub(super) fn parse<'a>(place: &str, bytes: &'a [u8]) -> Result<&'a RawValue, Vec<Fault>> {
    serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("is not JSON: line {}, column {}", error.line(), error.column());
        vec![Fault::invalid(place, message)]
    })
}

/// The items of the list at `place`.
///
/// # Errors
/// When it is not a list.
pub(super) fn items<'a>(place: &str, value: &'a RawValue) -> Result<Vec<&'a RawValue>, Vec<Fault>> {
    serde_json::from_str(value.get()).map_err(|_| vec![Fault::invalid(place, "must be a JSON list of events")])
}

/// A name as an error may repeat it.
pub(super) fn short(name: &str) -> String {
    const CHARS: usize = 40;
    let mut characters = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut short: String = characters.by_ref().take(CHARS).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_spelling() {
        let text = r#"{"b": 1E5, "a": {"x":  1}, "n": null}"#;
        let mut faults = Faults::default();
        let members = faults.members("event", parse("event", text.as_bytes()).unwrap());
        let spelt: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(spelt, [("b", "1E5"), ("a", r#"{"x":  1}"#)]);
        assert!(faults.finish(()).is_ok());
    }

    #[test]
    fn a_member_that_is_listed_twice_is_refused() {
        let mut faults = Faults::default();
        faults.members("event", parse("event", br#"{"id": "a", "\u0069d": "b"}"#).unwrap());
        assert_eq!(faults.finish(()).unwrap_err()[0].message, "lists the member `id` twice");
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let faults = parse("event", b"{\n  \"a\": }").unwrap_err();
        assert_eq!((&*faults[0].field, &*faults[0].message), ("event", "is not JSON: line 2, column 8"));
        assert!(parse("event", b"{} {}").is_err());
        assert!(parse("event", b"\"\xff\"").is_err());
        assert!(parse("event", b"").is_err());
    }

    #[test]
    fn times_are_read_to_the_nanosecond_and_in_every_offset() {
        let mut faults = Faults::default();
        let time = faults.time("t", "1970-01-01T02:00:01.000000005+02:00");
        assert_eq!(time, Some(Timestamp { seconds: 1, nanos: 5 }));
        let before = faults.time("t", "1969-12-31T23:59:59.5Z");
        assert_eq!(before, Some(Timestamp { seconds: -1, nanos: 500_000_000 }));
        for bad in ["", "yesterday", "2026-02-30T00:00:00Z", "2026-01-01", "10000-01-01T00:00:00Z"] {
            assert_eq!(faults.time("t", bad), None, "{bad}");
        }
    }
}
