//! Bodies of fuzz targets: patterns, conditions and header blocks of any text.

use std::sync::{Arc, LazyLock};

use tenterhook_fixtures::{event, webhook};
use tenterhook_model::webhook::{EventRule, RequestTemplate};
use tenterhook_model::{DeliveryId, Event, JsonText, Lane, Timestamp, limits};
use tenterhook_pattern::{PythonRegex, RegexBudget};

use crate::{AttemptFacts, EventContext, Pattern, Rules, compile};

/// An event with values of all types.
static CONTEXT: LazyLock<EventContext> = LazyLock::new(context);

/// A pattern that compiles matches any text within its limits. The first line is the pattern, the
/// rest the text.
///
/// # Panics
/// When that does not hold; so for every body below.
pub fn patterns(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (pattern, text) = input.split_once('\n').unwrap_or((input, ""));
    if let Ok(regex) = PythonRegex::parse(pattern, &mut RegexBudget::default()) {
        assert_eq!(regex.source(), pattern);
        let first = regex.matches(text);
        assert_eq!(first, regex.matches(text), "{pattern:?} on {text:?}: a match is the same each time");
    }
    if let Ok(glob) = Pattern::parse(pattern) {
        let matches = glob.matches(text);
        assert!(pattern.contains('*') || matches == (pattern == text), "{pattern:?} stands for itself, not {text:?}");
        if let Ok(wider) = Pattern::parse(&pattern.replace("**", "*").replace('*', "**")) {
            assert!(!matches || wider.matches(text), "{pattern:?} with wider stars lacks {text:?}");
        }
    }
}

/// A condition set that is accepted ends in true, false or an error, the same each time.
pub fn conditions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(json) = JsonText::parse(text) else { return };
    let rule = EventRule { conditions: Some(json), ..EventRule::default() };
    if let Ok(rules) = Rules::compile(&[rule]) {
        assert!(text.len() <= limits::CONDITIONS_BYTES, "{} bytes are accepted", text.len());
        let first = rules.accepts(&CONTEXT);
        assert_eq!(format!("{first:?}"), format!("{:?}", rules.accepts(&CONTEXT)), "{text}");
    }
}

/// Headers of a block that is accepted can be sent: no line end in a name or value, no name that is
/// the server's own, all within the limits.
pub fn header_block(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let request = RequestTemplate {
        url: "https://hooks.example.com/in".to_owned(),
        additional_headers: text.to_owned(),
        ..RequestTemplate::default()
    };
    let mut webhook = webhook(1);
    webhook.spec.request = request;
    let Ok(compiled) = compile(&webhook) else { return };
    let id = DeliveryId::new(Timestamp::default(), 1, Lane(1));
    let facts = AttemptFacts { delivery_id: id, attempt: 1, now: Timestamp::default(), trace_parent: None };
    let Ok(request) = compiled.prepare(&CONTEXT, &facts) else { return };
    let mut bytes = 0;
    for header in &request.headers {
        let is_sendable = |text: &str| !text.contains(['\r', '\n', '\0']);
        assert!(is_sendable(&header.name) && is_sendable(&header.value), "{text:?} makes {header:?}");
        assert!(!header.name.is_empty() && !header.name.contains([':', ' ']), "{text:?} makes {header:?}");
        bytes += header.name.len() + header.value.len();
    }
    assert!(bytes <= limits::HEADERS_BYTES + limits::HEADER_BYTES, "{bytes} bytes of headers");
    let own = |name: &str| request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count();
    for name in ["content-length", "transfer-encoding", "connection"] {
        assert_eq!(own(name), 0, "{text:?} sets {name}");
    }
}

fn context() -> EventContext {
    let data = r#"{"id": 4, "name": "AMS", "tags": ["a", "b"], "n": null, "f": 1.5, "site": {"slug": "x"}}"#;
    let data = Some(JsonText::parse(data).expect("it is JSON"));
    EventContext::new(Arc::new(Event { data, ..event("e") }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_fixtures::mutate;

    #[test]
    fn patterns_of_any_text_end() {
        mutate::each("patterns", 3_000, patterns);
    }

    #[test]
    fn conditions_of_any_text_end() {
        mutate::each("conditions", 5_000, conditions);
    }

    #[test]
    fn header_blocks_of_any_text_can_be_sent() {
        mutate::each("header_block", 3_000, header_block);
    }
}
