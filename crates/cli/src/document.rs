//! YAML and JSON of people as messages of the API, by one walk over the descriptors that collects every error with the
//! path of its field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value as Wire,
};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::proto_json::{descriptor, prefix};
use crate::output::times;

/// Path and description of each error.
pub(crate) type Problems = Vec<(String, String)>;

/// Reads one document of YAML or JSON; `name` says where it is from.
///
/// # Errors
/// When it is neither.
pub(crate) fn parse(name: &str, text: &str) -> Result<Value, Failure> {
    // JSON first: it keeps every digit.
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    serde_saphyr::from_str::<Value>(text).map_err(|error| refused(unreadable(name, text, error)))
}

/// Reads every document of YAML, or JSON: one, or a list of them; `name` says where it is from.
///
/// # Errors
/// When it is neither: the place and what is wrong there.
pub(crate) fn documents(name: &str, text: &str) -> Result<Vec<Value>, (String, String)> {
    match serde_json::from_str(text) {
        Ok(Value::Array(documents)) => return Ok(documents),
        Ok(document) => return Ok(vec![document]),
        Err(_) => {}
    }
    let documents = serde_saphyr::from_multiple::<Value>(text).map_err(|error| unreadable(name, text, error))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// What is wrong with a text that is neither YAML nor JSON, and where, without anything of it but the name of a field.
fn unreadable(name: &str, text: &str, error: serde_saphyr::Error) -> (String, String) {
    let place = error.location().map_or(name.to_owned(), |at| format!("{name}:{}", at.line()));
    let line = error.location().and_then(|at| text.lines().nth(usize::try_from(at.line()).ok()?.checked_sub(1)?));
    let has_tab = line.is_some_and(|line| line.trim_start_matches(' ').starts_with('\t'));
    let error = match error {
        serde_saphyr::Error::WithSnippet { error, .. } => *error,
        error => error,
    };
    let why = match error {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => format!("{key} is there already"),
        serde_saphyr::Error::DuplicateMappingKey { .. } => "a field is there already".to_owned(),
        serde_saphyr::Error::UnknownAnchor { .. } => "refers to an anchor that there is not".to_owned(),
        _ if has_tab => "is indented with a tab; YAML takes spaces".to_owned(),
        _ => "is neither YAML nor JSON from here on".to_owned(),
    };
    (place, why)
}

/// The failure of a text that cannot be read.
pub(crate) fn refused((place, why): (String, String)) -> Failure {
    Failure::usage(format!("{place}: {why}"))
}

/// The message that the proto calls `name`, of `value`.
///
/// # Errors
/// Every field that the message does not have or that has another type.
pub(crate) fn message<M: Message + Default>(name: &str, value: &Value) -> Result<M, Problems> {
    let mut reader = Reader { problems: Vec::new() };
    let read = reader.object(&descriptor(name), value, "");
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    Ok(read.transcode_to().expect("a message is decoded as what it was encoded"))
}

struct Reader {
    problems: Problems,
}

impl Reader {
    fn problem(&mut self, place: &str, what: impl Into<String>) {
        let place = if place.is_empty() { "document" } else { place };
        self.problems.push((place.to_owned(), what.into()));
    }

    fn object(&mut self, descriptor: &MessageDescriptor, value: &Value, place: &str) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        if self.well_known(&mut message, value, place) {
            return message;
        }
        let Value::Object(members) = value else {
            self.problem(place, "must be a mapping of fields");
            return message;
        };
        for (name, value) in members {
            let inside = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            let field = descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
            match field {
                None => self.problem(&inside, "is not a field"),
                // As ProtoJSON has it: null is a field that is not set.
                Some(_) if value.is_null() => {}
                Some(field) => {
                    if let Some(read) = self.field(&field, value, &inside) {
                        message.set_field(&field, read);
                    }
                }
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, value: &Value, place: &str) -> Option<Wire> {
        let kind = field.kind();
        if field.is_map() {
            let Value::Object(members) = value else {
                self.problem(place, "must be a mapping");
                return None;
            };
            let kind = kind.as_message().expect("the entries of a map are messages").map_entry_value_field().kind();
            let entries = members.iter().filter_map(|(key, value)| {
                Some((MapKey::String(key.clone()), self.single(&kind, value, &format!("{place}[{key}]"))?))
            });
            return Some(Wire::Map(entries.collect()));
        }
        if field.is_list() {
            let Value::Array(items) = value else {
                self.problem(place, "must be a list");
                return None;
            };
            let items = items.iter().enumerate();
            return Some(Wire::List(
                items.filter_map(|(i, item)| self.single(&kind, item, &format!("{place}[{i}]"))).collect(),
            ));
        }
        self.single(&kind, value, place)
    }

    fn single(&mut self, kind: &Kind, value: &Value, place: &str) -> Option<Wire> {
        let (read, wanted) = match kind {
            Kind::Bool => (value.as_bool().map(Wire::Bool), "true or false"),
            Kind::String => (value.as_str().map(|text| Wire::String(text.to_owned())), "text; put it in quotes"),
            Kind::Bytes => (bytes(value).map(|bytes| Wire::Bytes(bytes.into())), "text, or {base64: …}"),
            Kind::Double => (number(value).map(Wire::F64), "a number"),
            Kind::Float => (number(value).map(|number| Wire::F32(number as f32)), "a number"),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                (whole(value).and_then(|number| i32::try_from(number).ok()).map(Wire::I32), "a whole number")
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                (whole(value).and_then(|number| i64::try_from(number).ok()).map(Wire::I64), "a whole number")
            }
            Kind::Uint32 | Kind::Fixed32 => {
                (whole(value).and_then(|number| u32::try_from(number).ok()).map(Wire::U32), "a whole number from 0")
            }
            Kind::Uint64 | Kind::Fixed64 => {
                (whole(value).and_then(|number| u64::try_from(number).ok()).map(Wire::U64), "a whole number from 0")
            }
            Kind::Message(descriptor) => return Some(Wire::Message(self.object(descriptor, value, place))),
            Kind::Enum(descriptor) => {
                let prefix = prefix(descriptor.name());
                let name = value.as_str().map(str::to_ascii_uppercase);
                let found = name.and_then(|name| {
                    let mut values = descriptor.values();
                    values.find(|value| value.name() == name || value.name().strip_prefix(&prefix) == Some(&name))
                });
                if found.is_none() {
                    let names = descriptor.values().filter(|value| value.number() != 0);
                    let names: Vec<String> =
                        names.map(|value| value.name().trim_start_matches(&prefix).to_owned()).collect();
                    self.problem(place, format!("must be one of {}", names.join(", ")));
                }
                return found.map(|value| Wire::EnumNumber(value.number()));
            }
        };
        if read.is_none() {
            self.problem(place, format!("must be {wanted}"));
        }
        read
    }

    /// The messages that ProtoJSON writes in a form of their own; false for any other.
    fn well_known(&mut self, message: &mut DynamicMessage, value: &Value, place: &str) -> bool {
        let (parts, wanted) = match message.descriptor().full_name() {
            "google.protobuf.Timestamp" => {
                let time = value.as_str().and_then(times::rfc3339);
                (time.map(|time| (time.seconds, time.nanos)), "a time such as 2026-11-28T12:00:00Z")
            }
            "google.protobuf.Duration" => (value.as_str().and_then(duration), "a duration in seconds such as 1.5s"),
            "tenterhook.v1.JsonDocument" => {
                let text = match value {
                    Value::Object(members) if members.len() == 1 && members.contains_key("structured") => {
                        Some(members["structured"].to_string())
                    }
                    Value::Object(members) if members.len() == 1 => {
                        members.get("json").and_then(Value::as_str).map(str::to_owned)
                    }
                    _ => None,
                };
                match text {
                    Some(text) => message.set_field_by_name("json", Wire::String(text)),
                    None => self.problem(place, "must be {structured: VALUE} or {json: TEXT}"),
                }
                return true;
            }
            _ => return false,
        };
        match parts {
            Some((seconds, nanos)) => {
                message.set_field_by_name("seconds", Wire::I64(seconds));
                message.set_field_by_name("nanos", Wire::I32(nanos));
            }
            None => self.problem(place, format!("must be {wanted}")),
        }
        true
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number: &f64| number.is_finite())
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number.as_i128(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Object(members) => BASE64.decode(members.get("base64")?.as_str()?).ok(),
        _ => None,
    }
}

/// A duration of ProtoJSON: seconds with up to nine digits of a fraction, and `s`.
fn duration(text: &str) -> Option<(i64, i32)> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |number| (-1, number));
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    Some((sign * seconds.parse::<i64>().ok()?, i32::try_from(sign).ok()? * nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::proto_json::json;
    use crate::output::yaml::yaml;
    use tenterhook_client::v1;

    const WEBHOOK: &str = r#"
display_name: orders
request:
  url: https://shop.example.com/hooks
  method: POST
  headers: [{name: X-A, value: "1"}]
rules:
  - event_types: [created]
    conditions: {structured: {and: [{attr: status.value, value: 12345678901234567890}]}}
retry: {max_attempts: 4, schedule: {waits: [1s, 2.5s]}, jitter: 0.5}
labels: {team: a, "no": "yes"}
"#;

    #[test]
    fn a_document_becomes_the_message_and_back() {
        let webhook: v1::Webhook = message("Webhook", &parse("x", WEBHOOK).unwrap()).unwrap();
        assert_eq!(webhook.request.as_ref().unwrap().method, v1::HttpMethod::Post as i32);
        let again = yaml(&json("Webhook", &webhook));
        let again: v1::Webhook = message("Webhook", &parse("x", &again).unwrap()).unwrap();
        assert_eq!(again, webhook);
    }

    #[test]
    fn every_error_is_found_at_once_with_its_path() {
        let text = "nme: x\nrequest: {url: 3, method: SEND}\nretry: {max_attempts: many, max_age: 2h}\nlabels: [a]\nrules: [{conditions: 1}]\n";
        let problems = message::<v1::Webhook>("Webhook", &parse("x", text).unwrap()).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|(path, _)| path.as_str()).collect();
        let expected = [
            "nme",
            "request.url",
            "request.method",
            "retry.max_attempts",
            "retry.max_age",
            "labels",
            "rules[0].conditions",
        ];
        assert_eq!(paths, expected);
        assert!(problems[2].1.contains("GET, POST"), "{problems:?}");
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_place_and_nothing_of_it() {
        let shown = parse("hooks.yaml", "a: secret\n  b: [").unwrap_err().to_string();
        assert!(shown.starts_with("hooks.yaml:2: ") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn durations_are_those_of_protojson() {
        for (text, read) in [("3s", Some((3, 0))), ("-1.5s", Some((-1, -500_000_000))), ("0.000000001s", Some((0, 1)))]
        {
            assert_eq!(duration(text), read, "{text}");
        }
        for wrong in ["3", "s", "1.s", "1.0000000001s", "+1s", "2h", "--1s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    fn problems(text: &str) -> Vec<String> {
        let value = parse("x", text).unwrap();
        let problems = message::<v1::Webhook>("Webhook", &value).err().unwrap_or_default();
        problems.into_iter().map(|(place, what)| format!("{place}: {what}")).collect()
    }

    #[test]
    fn each_type_of_field_says_what_it_takes() {
        for (text, problem) in [
            ("[]", "document: must be a mapping of fields"),
            ("5", "document: must be a mapping of fields"),
            ("display_name: 5", "display_name: must be text; put it in quotes"),
            ("disabled: 'yes'", "disabled: must be true or false"),
            ("rules: {}", "rules: must be a list"),
            ("rules: [5]", "rules[0]: must be a mapping of fields"),
            ("rules: [{}, {event_types: [a, 5]}]", "rules[1].event_types[1]: must be text; put it in quotes"),
            ("labels: {a: 5}", "labels[a]: must be text; put it in quotes"),
            ("labels: 5", "labels: must be a mapping"),
            ("retry: {max_attempts: 1.5}", "retry.max_attempts: must be a whole number"),
            ("retry: {max_attempts: 2147483648}", "retry.max_attempts: must be a whole number"),
            ("retry: {jitter: a}", "retry.jitter: must be a number"),
            ("retry: {max_age: 5}", "retry.max_age: must be a duration in seconds such as 1.5s"),
            ("create_time: yesterday", "create_time: must be a time such as 2026-11-28T12:00:00Z"),
            (
                "rules: [{conditions: {structured: 1, json: x}}]",
                "rules[0].conditions: must be {structured: VALUE} or {json: TEXT}",
            ),
            ("rules: [{conditions: {json: 5}}]", "rules[0].conditions: must be {structured: VALUE} or {json: TEXT}"),
        ] {
            assert_eq!(problems(text), [problem], "{text}");
        }
    }

    #[test]
    fn what_is_right_in_another_spelling_is_read_alike() {
        let read = |text: &str| message::<v1::Webhook>("Webhook", &parse("x", text).unwrap()).unwrap();
        assert_eq!(read("displayName: a"), read("display_name: a"));
        assert_eq!(read("{\"display_name\": \"a\"}"), read("display_name: a"));
        assert_eq!(read("retry: {max_attempts: '4'}"), read("retry: {max_attempts: 4}"));
        assert_eq!(read("retry: {max_attempts: 2147483647}").retry.unwrap().max_attempts, i32::MAX);
        assert_eq!(read("request: {method: post}"), read("request: {method: HTTP_METHOD_POST}"));
        assert_eq!(read("display_name: null\nrules: null\nrequest: null"), v1::Webhook::default());
        assert!(read("request: {}").request.is_some(), "one that is there, though it is empty");
        let json = read(r#"{"rules": [{"conditions": {"json": "{\"a\":1}"}}]}"#);
        assert_eq!(json, read("rules: [{conditions: {structured: {a: 1}}}]"));
    }

    #[test]
    fn the_documents_of_a_text_are_a_list_or_stand_one_after_another() {
        let count = |text: &str| documents("f", text).map(|documents| documents.len());
        for (text, number) in [
            ("", 0),
            ("---\n---\n", 0),
            ("null", 1),
            ("a: 1", 1),
            ("a: 1\n---\nb: 2\n", 2),
            ("---\na: 1\n---\n# nothing\n---\nb: 2\n", 2),
            ("[{\"a\": 1}, {\"b\": 2}, {}]", 3),
            ("{\"a\": 1}", 1),
            ("[]", 0),
        ] {
            assert_eq!(count(text), Ok(number), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_where_and_why_and_shows_nothing() {
        for (text, place, why) in [
            ("request:\n\turl: secret\n", "f:2", "is indented with a tab; YAML takes spaces"),
            ("a: 1\na: secret\n", "f:2", "a is there already"),
            ("a: *secret\n", "f:1", "refers to an anchor that there is not"),
        ] {
            let (at, said) = documents("f", text).unwrap_err();
            assert_eq!((at.as_str(), said.as_str()), (place, why), "{text:?}");
        }
        let (_, said) = documents("f", "a: [secret\n").unwrap_err();
        assert_eq!(said, "is neither YAML nor JSON from here on");
    }

    #[test]
    fn bytes_are_text_or_base64() {
        assert_eq!(bytes(&serde_json::json!("é")), Some("é".as_bytes().to_vec()));
        assert_eq!(bytes(&serde_json::json!({"base64": "/wA="})), Some(vec![0xff, 0]));
        for wrong in [
            serde_json::json!({"base64": "?"}),
            serde_json::json!({"base64": 5}),
            serde_json::json!({}),
            serde_json::json!(5),
        ] {
            assert_eq!(bytes(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_duration_has_both_parts_of_one_sign() {
        for (text, read) in [
            ("0s", Some((0, 0))),
            ("-0.5s", Some((0, -500_000_000))),
            ("1.000000001s", Some((1, 1))),
            ("9223372036854775807s", Some((i64::MAX, 0))),
            ("9223372036854775808s", None),
            ("1.5", None),
            ("1,5s", None),
            (".5s", None),
            ("-s", None),
            ("1 s", None),
            ("1e3s", None),
            ("", None),
        ] {
            assert_eq!(duration(text), read, "{text}");
        }
    }
}
