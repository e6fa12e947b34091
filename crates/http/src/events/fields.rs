//! Reads JSON objects whose values stay text, and collects everything that is wrong with them.

use std::fmt;

use prost_types::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tenterhook_model::{Fault, limits};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Members of one object that are read: an event has fewer, and each takes more memory than its text.
const MEMBERS_MAX: usize = 2 * limits::LABELS;
/// What is wrong with a longer list, as the API says it.
const TOO_MANY_EVENTS: &str = "must have at most 1,000 events; send more batches";
/// Faults that are kept of one body: more are not told, and cost memory.
const FAULTS_MAX: usize = 1_000;

/// The members of a JSON object in their order, each value as it is spelt.
pub(super) struct Members<'a> {
    /// The first of them.
    pub(super) first: Vec<(String, &'a RawValue)>,
    /// Whether there are more than are read.
    pub(super) has_more: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;
        impl<'de> Visitor<'de> for OfMap {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut first = Vec::new();
                while first.len() < MEMBERS_MAX
                    && let Some(member) = map.next_entry()?
                {
                    first.push(member);
                }
                let mut has_more = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    has_more = true;
                }
                Ok(Members { first, has_more })
            }
        }
        deserializer.deserialize_map(OfMap)
    }
}

/// The items of a JSON list, each as it is spelt: no more than a batch may have, and one.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfList;
        impl<'de> Visitor<'de> for OfList {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
                let mut items = Vec::new();
                while items.len() <= limits::BATCH_EVENTS
                    && let Some(item) = list.next_element()?
                {
                    items.push(item);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(items)
            }
        }
        deserializer.deserialize_seq(OfList).map(Self)
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
        if self.0.len() < FAULTS_MAX {
            self.0.push(Fault::invalid(place, message));
        }
    }

    /// The members of the object at `place`, each name once. Members that are null are unset (ProtoJSON
    /// and CloudEvents agree in this).
    pub(super) fn members<'a>(&mut self, place: &str, value: &'a RawValue) -> Vec<(String, &'a RawValue)> {
        let Ok(Members { first: mut members, has_more }) = serde_json::from_str(value.get()) else {
            self.refuse(place, "must be a JSON object");
            return Vec::new();
        };
        if has_more {
            self.refuse(place, format!("must have at most {MEMBERS_MAX} members"));
        }
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

/// The items of the list at `place`, which is a batch.
///
/// # Errors
/// When it is not a list, or has more events than a batch.
pub(super) fn items<'a>(place: &str, value: &'a RawValue) -> Result<Vec<&'a RawValue>, Vec<Fault>> {
    let refuse = |message: &str| vec![Fault::invalid(place, message)];
    let Items(items) = serde_json::from_str(value.get()).map_err(|_| refuse("must be a JSON list of events"))?;
    if items.len() > limits::BATCH_EVENTS { Err(refuse(TOO_MANY_EVENTS)) } else { Ok(items) }
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
    fn objects_and_lists_of_very_many_are_refused_without_keeping_them() {
        let object = format!("{{{}}}", vec!["\"\":1"; 1_000_000].join(","));
        let Members { first, has_more } = serde_json::from_str(&object).unwrap();
        assert_eq!((first.len(), has_more), (MEMBERS_MAX, true));
        let mut faults = Faults::default();
        faults.members("event", parse("event", object.as_bytes()).unwrap());
        assert_eq!(faults.finish(()).unwrap_err()[0].message, "must have at most 128 members");
        let list = format!("[{}]", vec!["1"; 1_000_000].join(","));
        assert_eq!(serde_json::from_str::<Items>(&list).unwrap().0.len(), limits::BATCH_EVENTS + 1);
        assert_eq!(items("events", parse("events", list.as_bytes()).unwrap()).unwrap_err()[0].message, TOO_MANY_EVENTS);
        let batch = format!("[{}]", vec!["1"; limits::BATCH_EVENTS].join(","));
        assert_eq!(items("events", parse("events", batch.as_bytes()).unwrap()).unwrap().len(), limits::BATCH_EVENTS);
    }

    #[test]
    fn faults_are_kept_up_to_a_bound() {
        let mut faults = Faults::default();
        (0..1_000_000).for_each(|_| faults.refuse("event", "is odd"));
        assert_eq!(faults.finish(()).unwrap_err().len(), FAULTS_MAX);
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
