//! CloudEvents 1.0: one or several in JSON, or one in the headers of a request around its data.
//!
//! | CloudEvents | event |
//! |---|---|
//! | `id` and `source` | `id`: together they name an event (CloudEvents 1.0, "id"), so the id ends in a digest of the source |
//! | `source` | `attributes.source` |
//! | `type`, `time`, `subject` | `type`, `occur_time`, `object_type` |
//! | `partitionkey`, `expirytime` | `ordering_key`, `expire_time` |
//! | `data`, `data_base64` | `data` |
//! | `datacontenttype`, `dataschema` and extensions | `attributes` |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tenterhook_model::{Fault, limits};
use tenterhook_proto::tenterhook::v1::{self, json_document};

use super::fields::{Faults, items, parse, short};

/// What headers of attributes begin with (HTTP binding, "Metadata Headers").
const HEADER: &str = "ce-";
/// Hex digits of the digest of a source: 64 bits keep the sources of one server apart.
const SOURCE_DIGITS: usize = 16;
/// What an id begins with that is a digest, and its hex digits.
const DIGEST: (&str, usize) = ("ce_", 32);

/// Whether a request carries its event in its headers.
pub(super) fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key("ce-specversion")
}

/// The event of a request in structured mode.
///
/// # Errors
/// Everything that is not as CloudEvents has it.
pub(super) fn read_one(bytes: &[u8]) -> Result<v1::Event, Vec<Fault>> {
    let mut faults = Faults::default();
    let event = structured(&mut faults, "event", parse("event", bytes)?);
    faults.finish(event)
}

/// The events of a batch.
///
/// # Errors
/// Everything that is not as CloudEvents has it.
pub(super) fn read_batch(bytes: &[u8]) -> Result<Vec<v1::Event>, Vec<Fault>> {
    let events = items("events", parse("events", bytes)?)?;
    let mut faults = Faults::default();
    let events = events.iter().enumerate();
    let events = events.map(|(index, item)| structured(&mut faults, &format!("events[{index}]"), item)).collect();
    faults.finish(events)
}

/// The event of a request in binary mode: attributes in `headers`, data in `bytes`.
///
/// # Errors
/// Everything that is not as CloudEvents has it.
pub(super) fn read_binary(headers: &HeaderMap, bytes: &[u8]) -> Result<v1::Event, Vec<Fault>> {
    let mut faults = Faults::default();
    let mut cloud = Cloud::default();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(HEADER) else { continue };
        match percent_decode(value.as_bytes()).decode_utf8() {
            Ok(value) => cloud.set(&mut faults, "event", name, value.into_owned()),
            Err(_) => faults.refuse("event", format!("has a header `{HEADER}{}` that is not UTF-8", short(name))),
        }
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    cloud.content_type = content_type.unwrap_or_default().to_owned();
    if !bytes.is_empty() {
        cloud.data = cloud.content(&mut faults, "event", bytes);
    }
    let event = cloud.event(&mut faults, "event");
    faults.finish(event)
}

fn structured(faults: &mut Faults, place: &str, value: &RawValue) -> v1::Event {
    let mut cloud = Cloud::default();
    let mut encoded = None;
    for (name, value) in faults.members(place, value) {
        match name.as_str() {
            "data" => cloud.data = Some(value.get().to_owned()),
            "data_base64" => encoded = Some(faults.text(&format!("{place}.data_base64"), value)),
            "datacontenttype" => cloud.content_type = faults.text(&format!("{place}.datacontenttype"), value),
            name => match scalar(value) {
                Some(value) => cloud.set(faults, place, name, value),
                None => faults.refuse(
                    place,
                    format!("has the attribute `{}`, which is no text, number or truth value", short(name)),
                ),
            },
        }
    }
    if let Some(encoded) = encoded {
        if cloud.data.is_some() {
            faults.refuse(place, "has both `data` and `data_base64`");
        }
        match STANDARD.decode(encoded) {
            Ok(bytes) => cloud.data = cloud.content(faults, place, &bytes),
            Err(_) => faults.refuse(format!("{place}.data_base64"), "is not base64"),
        }
    }
    cloud.event(faults, place)
}

/// The value of an attribute as text, as binary mode would write it (CloudEvents 1.0, "Type System").
fn scalar(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'{' | b'[' => None,
        _ => Some(value.get().to_owned()),
    }
}

/// A CloudEvent.
#[derive(Debug, Default)]
struct Cloud {
    version: String,
    id: String,
    source: String,
    content_type: String,
    /// The text of the data, which is JSON.
    data: Option<String>,
    /// What has its place already.
    event: v1::Event,
}

impl Cloud {
    fn set(&mut self, faults: &mut Faults, place: &str, name: &str, value: String) {
        match name {
            "specversion" => self.version = value,
            "id" => self.id = value,
            "source" => self.source = value,
            "type" => self.event.r#type = value,
            "subject" => self.event.object_type = value,
            "time" => self.event.occur_time = faults.time(&format!("{place}.time"), &value),
            "partitionkey" => self.event.ordering_key = value,
            "expirytime" => self.event.expire_time = faults.time(&format!("{place}.expirytime"), &value),
            // The names of extensions are lower-case letters and digits (CloudEvents 1.0, "Naming Conventions").
            name if name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) => {
                self.event.attributes.insert(name.to_owned(), value);
            }
            name => faults.refuse(place, format!("has the attribute `{}`; names have only a-z and 0-9", short(name))),
        }
    }

    /// The data in `bytes` as JSON: what is JSON by its content type as it is, other text as a text.
    fn content(&self, faults: &mut Faults, place: &str, bytes: &[u8]) -> Option<String> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            faults.refuse(format!("{place}.data"), "must be JSON or other text in UTF-8");
            return None;
        };
        if self.is_json() {
            return Some(text.to_owned());
        }
        Some(serde_json::Value::from(text).to_string())
    }

    /// Whether the data is JSON: without a content type it is (JSON format, "Handling of data").
    fn is_json(&self) -> bool {
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        media_type.is_empty() || media_type == "application/json" || media_type.ends_with("+json")
    }

    fn event(mut self, faults: &mut Faults, place: &str) -> v1::Event {
        if self.version != "1.0" {
            faults.refuse(format!("{place}.specversion"), "must be 1.0");
        }
        for (name, value) in [("id", &self.id), ("source", &self.source), ("type", &self.event.r#type)] {
            if value.is_empty() {
                faults.refuse(format!("{place}.{name}"), "must be set; CloudEvents requires it");
            }
        }
        if !self.is_json() {
            self.event.attributes.insert("datacontenttype".to_owned(), self.content_type);
        }
        let (id, is_digest) = event_id(&self.source, &self.id);
        if is_digest {
            self.event.attributes.insert("ce_id".to_owned(), self.id);
        }
        self.event.id = id;
        self.event.attributes.insert("source".to_owned(), self.source);
        let data = self.data.map(|text| v1::JsonDocument { value: Some(json_document::Value::Json(text)) });
        v1::Event { data, ..self.event }
    }
}

/// The id of the event that `source` calls `id`, and whether only a digest is left of that.
fn event_id(source: &str, id: &str) -> (String, bool) {
    let is_legal = id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b':' | b'-'));
    if is_legal && id.len() + 1 + SOURCE_DIGITS <= limits::EVENT_ID_CHARS {
        let digest = hex::encode(Sha256::digest(source));
        return (format!("{id}:{}", &digest[..SOURCE_DIGITS]), false);
    }
    // The length keeps apart where the source ends.
    let both = format!("{} {source}{id}", source.len());
    let (prefix, digits) = DIGEST;
    (format!("{prefix}{}", &hex::encode(Sha256::digest(both))[..digits]), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"specversion": "1.0", "id": "A234-1", "source": "https://github.com/cloudevents",
        "type": "com.github.pull.create", "subject": "123", "time": "2018-04-05T17:31:00Z", "partitionkey": "p",
        "expirytime": "2018-04-06T17:31:00Z", "traceparent": "00-x", "number": 5, "flag": true,
        "data": { "much":  1E5 }}"#;

    fn data(event: &v1::Event) -> &str {
        match event.data.as_ref().and_then(|data| data.value.as_ref()) {
            Some(json_document::Value::Json(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_attribute_has_its_place() {
        let event = read_one(WHOLE.as_bytes()).unwrap();
        assert!(event.id.starts_with("A234-1:") && event.id.len() == 7 + SOURCE_DIGITS, "{}", event.id);
        assert_eq!((&*event.r#type, &*event.object_type, &*event.ordering_key), ("com.github.pull.create", "123", "p"));
        assert_eq!(event.occur_time.unwrap().seconds, 1_522_949_460);
        assert_eq!(event.expire_time.unwrap().seconds, 1_523_035_860);
        assert_eq!(data(&event), r#"{ "much":  1E5 }"#);
        let attributes: Vec<_> = event.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        let source = ("source", "https://github.com/cloudevents");
        assert_eq!(attributes, [("flag", "true"), ("number", "5"), source, ("traceparent", "00-x")]);
    }

    #[test]
    fn binary_mode_says_the_same_as_structured_mode() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "A234-1"),
            ("ce-source", "https://github.com/cloudevents"),
            ("ce-type", "com.github.pull.create"),
            ("ce-subject", "123"),
            ("ce-time", "2018-04-05T17:31:00Z"),
            ("ce-partitionkey", "p"),
            ("ce-expirytime", "2018-04-06T17:31:00Z"),
            ("ce-traceparent", "00-x"),
            ("ce-number", "5"),
            ("ce-flag", "true"),
            ("x-other", "is not looked at"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        assert!(is_binary(&headers));
        assert_eq!(read_binary(&headers, br#"{ "much":  1E5 }"#), read_one(WHOLE.as_bytes()));
        headers.insert("ce-subject", "Euro%20%E2%82%AC".parse().unwrap());
        assert_eq!(read_binary(&headers, b"").unwrap().object_type, "Euro €");
    }

    #[test]
    fn an_id_names_an_event_together_with_its_source() {
        let (id, _) = event_id("/a", "1");
        assert_eq!(event_id("/a", "1").0, id);
        assert_ne!(event_id("/b", "1").0, id);
        for (source, odd) in [("/a", "a.b"), ("/a", "é"), ("/a.", "b"), ("/a", &"x".repeat(112))] {
            let (id, is_digest) = event_id(source, odd);
            assert_eq!((is_digest, id.len()), (odd != "b", if odd == "b" { 18 } else { 35 }), "{odd}");
        }
        assert_ne!(event_id("/a.", "b.").0, event_id("/a", ".b.").0);
        let odd = WHOLE.replace("A234-1", "a/b");
        assert_eq!(read_one(odd.as_bytes()).unwrap().attributes["ce_id"], "a/b");
    }

    #[test]
    fn data_that_is_no_json_becomes_a_text() {
        let event = |members: &str| {
            read_one(
                format!(r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "t", {members}}}"#).as_bytes(),
            )
        };
        let xml = event(r#""datacontenttype": "text/xml", "data_base64": "PGEvPg==""#).unwrap();
        assert_eq!((data(&xml), &*xml.attributes["datacontenttype"]), (r#""<a/>""#, "text/xml"));
        let json = event(r#""data_base64": "eyJhIjogMX0=""#).unwrap();
        assert_eq!(data(&json), r#"{"a": 1}"#);
        let plus = event(r#""datacontenttype": "application/x+json; a=b", "data": 7"#).unwrap();
        assert_eq!((data(&plus), plus.attributes.contains_key("datacontenttype")), ("7", false));
        assert!(event(r#""data_base64": "/w==""#).is_err());
        assert!(event(r#""data_base64": "?""#).is_err());
        assert!(event(r#""data": 1, "data_base64": "MQ==""#).is_err());
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let fields = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>();
        let bad = r#"{"specversion": "0.3", "time": "now", "Upper": "x", "list": []}"#;
        let expected = ["event.time", "event", "event", "event.specversion", "event.id", "event.source", "event.type"];
        assert_eq!(fields(read_one(bad.as_bytes()).unwrap_err()), expected);
        let batch = fields(read_batch(format!("[{WHOLE}, {{}}]").as_bytes()).unwrap_err());
        assert_eq!(batch[0], "events[1].specversion");
        assert_eq!(fields(read_batch(b"{}").unwrap_err()), ["events"]);
    }
}
