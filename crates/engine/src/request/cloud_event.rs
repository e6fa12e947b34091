//! Events as CloudEvents 1.0.2: the whole event as JSON (structured mode), or its attributes as
//! headers (binary mode), as the JSON format and the HTTP binding of the specification have them.

use std::fmt::Write as _;

use tenterhook_jinja::python::text::is_space;
use tenterhook_model::{Event, Header, limits};

use super::field::RenderFault;
use super::{CloudEventPlan, RequestPlan};
use crate::event_context::EventContext;

/// The content type of structured mode (JSON format, section 3).
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json";
/// What the names of headers begin with in binary mode (HTTP binding, section 3.1.3.1).
const HEADER_PREFIX: &str = "ce-";
/// Characters of the name of an extension, at most (specification, "Naming Conventions").
const NAME_CHARS: usize = 20;
/// Attributes that are made of the event, and members of the JSON format: no extension has their name.
const OWN: [&str; 13] = [
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "subject",
    "partitionkey",
    "expirytime",
    "traceparent",
    "datacontenttype",
    "data",
    "data_base64",
    "tracestate",
];
/// The characters of a URI reference but letters and digits (RFC 3986 section 2).
const OF_URIS: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";

/// Whether `text` can be the source of an event; says why not.
pub(super) fn check_source(text: &str) -> Result<(), String> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || OF_URIS.contains(&byte);
    match text.trim_matches(is_space) {
        "" => Err("is empty; it must be a URI reference, such as /inventory/devices".to_owned()),
        text if text.len() > limits::URL_BYTES => {
            Err(format!("is {} bytes long; at most {} are allowed", text.len(), limits::URL_BYTES))
        }
        text if !text.bytes().all(is_legal) => {
            Err("has characters that a URI cannot have; use the filter `urlencode`".to_owned())
        }
        _ => Ok(()),
    }
}

impl RequestPlan {
    /// The source of the event; `None` when its template is marked in `failed`.
    pub(super) fn event_source(
        &self,
        texts: &[String],
        failed: &[bool],
        event: &Event,
    ) -> Result<Option<String>, RenderFault> {
        match self.cloud_event.as_ref().and_then(|plan| plan.source.as_ref()) {
            Some(part) if part.has_failed(failed) => Ok(None),
            Some(part) => {
                let text = part.text(texts).trim_matches(is_space);
                check_source(text).map_err(|message| RenderFault::of("request.cloudevents_source", message))?;
                Ok(Some(text.to_owned()))
            }
            None => Ok(Some(default_source(event))),
        }
    }

    /// Adds the headers of binary mode; one that is there stays.
    pub(super) fn push_cloud_event(
        &self,
        headers: &mut Vec<Header>,
        event: &Event,
        source: &str,
    ) -> Result<(), RenderFault> {
        if !matches!(self.cloud_event, Some(CloudEventPlan { is_binary: true, .. })) {
            return Ok(());
        }
        for (name, value) in attributes(event, source) {
            let name = format!("{HEADER_PREFIX}{name}");
            if !headers.iter().any(|header| header.name.eq_ignore_ascii_case(&name)) {
                headers.push(Header::new(name, percent_encoded(&value)));
            }
        }
        let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        if bytes <= limits::HEADERS_BYTES {
            return Ok(());
        }
        let message = format!(
            "makes headers of {bytes} bytes of the event's attributes; at most {} are allowed, so use \
             CLOUDEVENTS_STRUCTURED",
            limits::HEADERS_BYTES
        );
        Err(RenderFault::of("request.body_format", message))
    }
}

/// The event as a JSON object.
pub(super) fn envelope(event: &EventContext, source: &str) -> String {
    let event = event.event();
    let mut out = String::with_capacity(event.size() + 256);
    let mut separator = '{';
    for (name, value) in attributes(event, source) {
        let value = serde_json::Value::from(value);
        write!(out, "{separator}\"{name}\":{value}").expect("a text takes every write");
        separator = ',';
    }
    if let Some(data) = &event.data {
        out.push_str(",\"datacontenttype\":\"application/json\",\"data\":");
        out.push_str(data.as_str());
    }
    out.push('}');
    out
}

/// The attributes of an event but that of its data's type, in order.
fn attributes<'a>(event: &'a Event, source: &str) -> Vec<(&'a str, String)> {
    let mut found = vec![
        ("specversion", "1.0".to_owned()),
        ("id", event.id.as_str().to_owned()),
        ("source", source.to_owned()),
        ("type", event.event_type.to_string()),
        ("time", event.timestamp().rfc3339()),
    ];
    let optional = [
        ("subject", Some(event.object_type.clone())),
        ("partitionkey", Some(event.ordering_key.clone())),
        ("expirytime", event.expire_time.map(|time| time.rfc3339())),
        ("traceparent", event.trace_parent.clone()),
    ];
    let given = optional.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    found.extend(given);
    let legal = |(name, value): &(&String, &String)| is_extension(name) && !value.is_empty();
    found.extend(event.attributes.iter().filter(legal).map(|(name, value)| (name.as_str(), value.clone())));
    // Texts of CloudEvents have no control characters (specification, "Type System").
    found.retain(|(_, value)| !value.chars().any(char::is_control));
    found
}

/// Whether an attribute of this name can be an extension.
fn is_extension(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=NAME_CHARS).contains(&name.len()) && name.bytes().all(is_legal) && !OWN.contains(&name)
}

/// `/NAMESPACE/OBJECT_TYPE`, or without the latter where there is none.
fn default_source(event: &Event) -> String {
    let mut source = format!("/{}", event.namespace);
    if !event.object_type.is_empty() {
        source.push('/');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        encode(&mut source, &event.object_type, is_plain);
    }
    source
}

/// The value of a header (HTTP binding, section 3.1.3.2): blanks, quotes, percent signs and what is
/// not printable ASCII are encoded.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    encode(&mut encoded, value, |byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%'));
    encoded
}

fn encode(out: &mut String, text: &str, is_plain: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a text takes every write");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_headers_are_encoded_as_the_binding_shows() {
        // The example of the HTTP binding, section 3.1.3.2.
        assert_eq!(percent_encoded("Euro \u{20ac} \u{1f600}"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(percent_encoded("a\"b%c~!"), "a%22b%25c~!");
    }

    #[test]
    fn a_source_is_a_uri_reference() {
        for good in ["/inventory", "https://example.com/a?b=c#d", "urn:uuid:1", "a%20b", " /trimmed\n"] {
            assert_eq!(check_source(good), Ok(()), "{good}");
        }
        for bad in ["", "  ", "/a b", "/ä", "/<x>", &"/x".repeat(5_000)] {
            assert!(check_source(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn extensions_have_legal_names_that_nothing_else_has() {
        assert!(is_extension("region") && is_extension("a1") && is_extension("dataschema"));
        for bad in ["", "Region", "a-b", "a_b", "id", "data", "traceparent", "a23456789012345678901"] {
            assert!(!is_extension(bad), "{bad}");
        }
    }
}
