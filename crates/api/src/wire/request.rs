//! Request templates and event rules between the wire and the model.

use tenterhook_model::sensitive::is_sensitive_header;
use tenterhook_model::url_secrets::{UnmaskError, has_rendered_host, mask_url, unmask_url};
use tenterhook_model::webhook::{BodyFormat, EventRule, HeaderTemplate, HeaderValue, RequestTemplate};
use tenterhook_model::{HttpMethod, Secret, limits};
use tenterhook_proto::tenterhook::v1;

use super::header_block;
use super::json::{document, read_document};
use super::labels::{check_labels, check_patterns};
use crate::check::{Check, grouped};

/// The rules at this place.
pub(crate) fn read_rules(check: &mut Check, rules: Vec<v1::EventRule>) -> Vec<EventRule> {
    let read = |(index, rule)| check.item(index, |check| read_rule(check, rule));
    rules.into_iter().enumerate().map(read).collect()
}

fn read_rule(check: &mut Check, rule: v1::EventRule) -> EventRule {
    check.text("display_name", &rule.display_name, limits::DISPLAY_NAME_CHARS);
    check_patterns(check, "event_types", &rule.event_types, limits::PATTERNS);
    check_patterns(check, "object_types", &rule.object_types, limits::PATTERNS);
    check_labels(check, "attributes", &rule.attributes);
    let conditions = read_document(check, "conditions", rule.conditions, limits::CONDITIONS_BYTES);
    check.bytes("expression", &rule.expression, limits::TEMPLATE_BYTES);
    EventRule {
        display_name: rule.display_name,
        event_types: rule.event_types,
        object_types: rule.object_types,
        attributes: rule.attributes,
        conditions,
        expression: rule.expression,
        disabled: rule.disabled,
    }
}

/// The rule on the wire.
pub(crate) fn write_rule(rule: &EventRule) -> v1::EventRule {
    v1::EventRule {
        display_name: rule.display_name.clone(),
        event_types: rule.event_types.clone(),
        object_types: rule.object_types.clone(),
        attributes: rule.attributes.clone(),
        conditions: rule.conditions.as_ref().map(document),
        expression: rule.expression.clone(),
        disabled: rule.disabled,
    }
}

/// The request template at this place. Sensitive headers that are sent empty keep the value
/// that `stored` has for them.
pub(crate) fn read_request(
    check: &mut Check,
    request: v1::RequestTemplate,
    stored: Option<&RequestTemplate>,
) -> RequestTemplate {
    check.bytes("url", &request.url, limits::URL_BYTES);
    check_patterns(check, "allowed_hosts", &request.allowed_hosts, limits::PATTERNS);
    let method = read_method(check, request.method);
    let url = unmasked_url(check, "url", &request.url, stored.map_or("", |stored| &stored.url));
    let has_other_hosts = stored.is_some_and(|stored| stored.allowed_hosts != request.allowed_hosts);
    if url != request.url && has_other_hosts && has_rendered_host(&url) {
        check.refuse("url", "has `***` and a rendered host, which other allowed_hosts let be another; send the value");
    }
    check.bytes("content_type", &request.content_type, limits::HEADER_BYTES);
    check.bytes("additional_headers", &request.additional_headers, limits::TEMPLATE_BYTES);
    let stored_block = stored.map_or("", |stored| &stored.additional_headers);
    let additional_headers = match header_block::unmask(&request.additional_headers, stored_block) {
        Ok(block) => block,
        Err(name) => {
            let message = format!("has `***` for the header {name}, of which no value is stored; send its value");
            check.refuse("additional_headers", message);
            String::new()
        }
    };
    check.count("headers", request.headers.len(), limits::HEADERS);
    let headers = check.within("headers", |check| {
        let read = |(index, header)| check.item(index, |check| read_header(check, header, stored));
        request.headers.into_iter().enumerate().map(read).collect()
    });
    check.bytes("body", &request.body, limits::TEMPLATE_BYTES);
    let undefined = v1::UndefinedBehavior::try_from(request.undefined_behavior);
    if undefined.is_err() {
        check.refuse("undefined_behavior", "must be UNDEFINED_BEHAVIOR_LENIENT or UNDEFINED_BEHAVIOR_STRICT");
    }
    let body_format = read_body_format(check, request.body_format);
    check.bytes("cloudevents_source", &request.cloudevents_source, limits::URL_BYTES);
    RequestTemplate {
        url,
        allowed_hosts: request.allowed_hosts,
        method,
        content_type: request.content_type,
        additional_headers,
        headers,
        body: request.body,
        strict_undefined: undefined == Ok(v1::UndefinedBehavior::Strict),
        body_format,
        cloudevents_source: request.cloudevents_source,
    }
}

/// The URL in the field `name`, with what is `stored` in place of its masked secrets.
pub(super) fn unmasked_url(check: &mut Check, name: &'static str, url: &str, stored: &str) -> String {
    unmask_url(url, stored).unwrap_or_else(|error| {
        let (parameter, why) = match error {
            UnmaskError::Unknown(parameter) => (parameter, "of which no value is stored"),
            UnmaskError::OtherHost(parameter) => {
                (parameter, "whose stored value is kept only for the same scheme, host and port")
            }
        };
        let of = if parameter.is_empty() { "its user".to_owned() } else { format!("the parameter {parameter}") };
        check.refuse(name, format!("has `***` for {of}, {why}; send its value"));
        url.to_owned()
    })
}

fn read_body_format(check: &mut Check, format: i32) -> BodyFormat {
    use v1::BodyFormat as Wire;
    match Wire::try_from(format) {
        Ok(Wire::Unspecified | Wire::Netbox32) => BodyFormat::Netbox32,
        Ok(Wire::Netbox44) => BodyFormat::Netbox44,
        Ok(Wire::Netbox45) => BodyFormat::Netbox45,
        Ok(Wire::Netbox46) => BodyFormat::Netbox46,
        Ok(Wire::Netbox47) => BodyFormat::Netbox47,
        Ok(Wire::CloudeventsStructured) => BodyFormat::CloudEventsStructured,
        Ok(Wire::CloudeventsBinary) => BodyFormat::CloudEventsBinary,
        Err(_) => {
            let message = "must be one of BODY_FORMAT_NETBOX_3_2, 4_4, 4_5, 4_6, 4_7, BODY_FORMAT_CLOUDEVENTS_STRUCTURED \
                           and BODY_FORMAT_CLOUDEVENTS_BINARY";
            check.refuse("body_format", message);
            BodyFormat::default()
        }
    }
}

fn write_body_format(format: BodyFormat) -> v1::BodyFormat {
    match format {
        BodyFormat::Netbox32 => v1::BodyFormat::Netbox32,
        BodyFormat::Netbox44 => v1::BodyFormat::Netbox44,
        BodyFormat::Netbox45 => v1::BodyFormat::Netbox45,
        BodyFormat::Netbox46 => v1::BodyFormat::Netbox46,
        BodyFormat::Netbox47 => v1::BodyFormat::Netbox47,
        BodyFormat::CloudEventsStructured => v1::BodyFormat::CloudeventsStructured,
        BodyFormat::CloudEventsBinary => v1::BodyFormat::CloudeventsBinary,
    }
}

fn read_method(check: &mut Check, method: i32) -> HttpMethod {
    use v1::HttpMethod as Wire;
    match Wire::try_from(method) {
        Ok(Wire::Get) => HttpMethod::Get,
        Ok(Wire::Unspecified | Wire::Post) => HttpMethod::Post,
        Ok(Wire::Put) => HttpMethod::Put,
        Ok(Wire::Patch) => HttpMethod::Patch,
        Ok(Wire::Delete) => HttpMethod::Delete,
        Err(_) => {
            check.refuse("method", "must be one of GET, POST, PUT, PATCH and DELETE");
            HttpMethod::Post
        }
    }
}

fn write_method(method: HttpMethod) -> v1::HttpMethod {
    match method {
        HttpMethod::Get => v1::HttpMethod::Get,
        HttpMethod::Post => v1::HttpMethod::Post,
        HttpMethod::Put => v1::HttpMethod::Put,
        HttpMethod::Patch => v1::HttpMethod::Patch,
        HttpMethod::Delete => v1::HttpMethod::Delete,
    }
}

fn read_header(check: &mut Check, header: v1::HeaderTemplate, stored: Option<&RequestTemplate>) -> HeaderTemplate {
    if header.name.len() + header.value.len() > limits::HEADER_BYTES {
        let limit = grouped(limits::HEADER_BYTES);
        check.refuse("value", format!("must have at most {limit} bytes, its name included"));
    }
    let is_sensitive = header.sensitive || is_sensitive_header(&header.name);
    let value = match (is_sensitive, header.value.is_empty()) {
        (false, _) => HeaderValue::Plain(header.value),
        (true, false) => HeaderValue::Sensitive(Secret::new(header.value)),
        (true, true) => stored.and_then(|stored| stored_secret(stored, &header.name)).unwrap_or_else(|| {
            check.refuse("value", "must not be empty: there is no stored value of this header to keep");
            HeaderValue::Sensitive(Secret::default())
        }),
    };
    HeaderTemplate { name: header.name, value }
}

/// The secret value that is stored for the header `name`.
fn stored_secret(stored: &RequestTemplate, name: &str) -> Option<HeaderValue> {
    let known = stored.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    known.is_sensitive().then(|| HeaderValue::Sensitive(Secret::new(known.value.expose())))
}

/// The request template on the wire, without the values of its sensitive headers.
pub(crate) fn write_request(request: &RequestTemplate) -> v1::RequestTemplate {
    let header = |header: &HeaderTemplate| v1::HeaderTemplate {
        name: header.name.clone(),
        value: if header.is_sensitive() { String::new() } else { header.value.expose().to_owned() },
        sensitive: header.is_sensitive(),
    };
    let undefined =
        if request.strict_undefined { v1::UndefinedBehavior::Strict } else { v1::UndefinedBehavior::Lenient };
    v1::RequestTemplate {
        url: mask_url(&request.url).into_owned(),
        allowed_hosts: request.allowed_hosts.clone(),
        method: write_method(request.method).into(),
        content_type: request.content_type.clone(),
        additional_headers: header_block::mask(&request.additional_headers),
        headers: request.headers.iter().map(header).collect(),
        body: request.body.clone(),
        undefined_behavior: undefined.into(),
        body_format: write_body_format(request.body_format).into(),
        cloudevents_source: request.cloudevents_source.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    fn faults(check: Check) -> Vec<String> {
        match check.finish() {
            Err(Refusal::Faults(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
            _ => Vec::new(),
        }
    }

    fn read(request: v1::RequestTemplate, stored: Option<&RequestTemplate>) -> (RequestTemplate, Vec<String>) {
        let mut check = Check::new();
        let request = check.within("request", |check| read_request(check, request, stored));
        (request, faults(check))
    }

    fn sensitive(name: &str, value: &str) -> v1::HeaderTemplate {
        v1::HeaderTemplate { name: name.into(), value: value.into(), sensitive: true }
    }

    fn with_headers(headers: Vec<v1::HeaderTemplate>) -> v1::RequestTemplate {
        v1::RequestTemplate { url: "https://example.com".into(), headers, ..Default::default() }
    }

    #[test]
    fn every_method_and_behaviour_comes_back() {
        for method in 1..=5 {
            let (request, faults) =
                read(v1::RequestTemplate { method, undefined_behavior: 2, ..Default::default() }, None);
            assert!(faults.is_empty());
            let written = write_request(&request);
            assert_eq!((written.method, written.undefined_behavior), (method, 2));
        }
    }

    #[test]
    fn every_body_format_comes_back() {
        for body_format in 1..=5 {
            let (request, faults) = read(v1::RequestTemplate { body_format, ..Default::default() }, None);
            assert!(faults.is_empty());
            assert_eq!(write_request(&request).body_format, body_format);
        }
    }

    #[test]
    fn unset_enums_take_their_defaults_and_unknown_ones_are_refused() {
        let written = write_request(&read(v1::RequestTemplate::default(), None).0);
        assert_eq!(written.method(), v1::HttpMethod::Post);
        assert_eq!(written.undefined_behavior(), v1::UndefinedBehavior::Lenient);
        assert_eq!(written.body_format(), v1::BodyFormat::Netbox32);
        let unknown = v1::RequestTemplate { method: 99, undefined_behavior: -1, body_format: 99, ..Default::default() };
        let (_, faults) = read(unknown, None);
        assert_eq!(faults, ["request.method", "request.undefined_behavior", "request.body_format"]);
    }

    #[test]
    fn a_sensitive_value_is_never_written_and_is_kept_when_it_comes_back_empty() {
        let (stored, faults) = read(with_headers(vec![sensitive("X-Key", "hunter2")]), None);
        assert!(faults.is_empty());
        let written = write_request(&stored);
        assert_eq!(written.headers, [sensitive("X-Key", "")]);
        let (kept, faults) = read(with_headers(vec![sensitive("x-key", "")]), Some(&stored));
        assert!(faults.is_empty());
        assert_eq!(kept.headers[0].value.expose(), "hunter2");
        let (changed, _) = read(with_headers(vec![sensitive("X-Key", "other")]), Some(&stored));
        assert_eq!(changed.headers[0].value.expose(), "other");
    }

    #[test]
    fn an_empty_sensitive_value_with_nothing_to_keep_is_refused() {
        let (_, faults) = read(with_headers(vec![sensitive("X-New", "")]), None);
        assert_eq!(faults, ["request.headers[0].value"]);
        let plain = v1::HeaderTemplate { name: "X-Site".into(), value: "shown".into(), sensitive: false };
        let (stored, _) = read(with_headers(vec![plain]), None);
        let (_, faults) = read(with_headers(vec![sensitive("X-Site", "")]), Some(&stored));
        assert_eq!(faults, ["request.headers[0].value"], "a plain value is not taken for a secret one");
    }

    #[test]
    fn a_secret_in_the_url_is_never_written_and_is_kept_when_its_mask_comes_back() {
        let with_url = |url: &str| v1::RequestTemplate { url: url.into(), ..Default::default() };
        let (stored, faults) = read(with_url("https://a.example.com/?site=ams&token=hunter2"), None);
        assert!(faults.is_empty());
        let written = write_request(&stored);
        assert_eq!(written.url, "https://a.example.com/?site=ams&token=***");
        assert_eq!(read(written.clone(), Some(&stored)), (stored.clone(), vec![]));
        assert_eq!(read(written, None).1, ["request.url"]);
        let (changed, _) = read(with_url("https://b.example.com/?token=other"), Some(&stored));
        assert_eq!(changed.url, "https://b.example.com/?token=other");
    }

    #[test]
    fn a_mask_in_the_url_of_another_host_is_refused_and_the_secret_stays_where_it_was() {
        let with = |url: &str, hosts: &[&str]| v1::RequestTemplate {
            url: url.into(),
            allowed_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            ..Default::default()
        };
        let (stored, _) = read(with("https://a.example.com/?token=hunter2", &[]), None);
        let (kept, faults) = read(with("https://a.example.com/b?token=***", &["*.example.com"]), Some(&stored));
        assert_eq!((kept.url.as_str(), faults), ("https://a.example.com/b?token=hunter2", vec![]));
        for url in ["https://b.example.com/?token=***", "http://a.example.com/?token=***"] {
            let (sent, faults) = read(with(url, &[]), Some(&stored));
            assert_eq!((sent.url.as_str(), faults), (url, vec!["request.url".to_owned()]));
        }
        let rendered = "https://{{ data.host }}/?token=";
        let (stored, _) = read(with(&format!("{rendered}hunter2"), &["*.a.example"]), None);
        let masked = format!("{rendered}***");
        assert_eq!(read(with(&masked, &["*.a.example"]), Some(&stored)), (stored.clone(), vec![]));
        assert_eq!(read(with(&masked, &["*.b.example"]), Some(&stored)).1, ["request.url"]);
    }

    #[test]
    fn a_header_with_the_name_of_a_secret_is_sensitive_although_nobody_says_so() {
        let header =
            |value: &str| v1::HeaderTemplate { name: "authorization".into(), value: value.into(), sensitive: false };
        let (stored, _) = read(with_headers(vec![header("Token hunter2")]), None);
        assert_eq!(write_request(&stored).headers, [sensitive("authorization", "")]);
        assert!(!format!("{stored:?}").contains("hunter2"));
        let (kept, faults) = read(with_headers(vec![header("")]), Some(&stored));
        assert!(faults.is_empty());
        assert_eq!(kept.headers[0].value.expose(), "Token hunter2");
        let older = RequestTemplate {
            headers: vec![HeaderTemplate {
                name: "Authorization".into(),
                value: HeaderValue::Plain("Token hunter2".into()),
            }],
            ..stored
        };
        assert_eq!(write_request(&older).headers, [sensitive("Authorization", "")]);
        assert_eq!(read(write_request(&older), Some(&older)).0.headers[0].value.expose(), "Token hunter2");
    }

    #[test]
    fn secrets_of_the_header_block_stay_in_the_server() {
        let block = |text: &str| v1::RequestTemplate { additional_headers: text.into(), ..with_headers(vec![]) };
        let (stored, _) = read(block("X-Site: ams\nAuthorization: Token hunter2"), None);
        let written = write_request(&stored);
        assert_eq!(written.additional_headers, "X-Site: ams\nAuthorization: ***");
        let (kept, faults) = read(written.clone(), Some(&stored));
        assert!(faults.is_empty());
        assert_eq!(kept.additional_headers, stored.additional_headers);
        assert_eq!(read(written, None).1, ["request.additional_headers"]);
    }

    #[test]
    fn a_plain_header_may_be_empty() {
        let plain = v1::HeaderTemplate { name: "X-Empty".into(), ..Default::default() };
        assert!(read(with_headers(vec![plain]), None).1.is_empty());
    }

    #[test]
    fn sizes_are_limited_at_their_values() {
        let check = |request: v1::RequestTemplate| read(request, None).1;
        let of = |bytes: usize| "a".repeat(bytes);
        type Build = fn(String) -> v1::RequestTemplate;
        let cases: [(usize, &str, Build); 4] = [
            (limits::URL_BYTES, "request.url", |url| v1::RequestTemplate { url, ..Default::default() }),
            (limits::TEMPLATE_BYTES, "request.body", |body| v1::RequestTemplate { body, ..Default::default() }),
            (limits::TEMPLATE_BYTES, "request.additional_headers", |additional_headers| v1::RequestTemplate {
                additional_headers,
                ..Default::default()
            }),
            (limits::HEADER_BYTES, "request.content_type", |content_type| v1::RequestTemplate {
                content_type,
                ..Default::default()
            }),
        ];
        for (limit, field, build) in cases {
            assert!(check(build(of(limit - 1))).is_empty(), "{field}");
            assert!(check(build(of(limit))).is_empty(), "{field}");
            assert_eq!(check(build(of(limit + 1))), [field]);
        }
    }

    #[test]
    fn headers_are_limited_in_number_and_size() {
        let header =
            |value: usize| v1::HeaderTemplate { name: "X-A".into(), value: "a".repeat(value), sensitive: false };
        let fits = limits::HEADER_BYTES - 3;
        assert!(read(with_headers(vec![header(fits)]), None).1.is_empty());
        assert_eq!(read(with_headers(vec![header(fits + 1)]), None).1, ["request.headers[0].value"]);
        assert!(read(with_headers(vec![header(1); limits::HEADERS]), None).1.is_empty());
        assert_eq!(read(with_headers(vec![header(1); limits::HEADERS + 1]), None).1, ["request.headers"]);
    }

    #[test]
    fn a_rule_comes_back_as_it_was_sent_and_its_faults_are_named() {
        let conditions = v1::JsonDocument { value: Some(v1::json_document::Value::Json("{\"and\": []}".into())) };
        let rule = v1::EventRule {
            display_name: "r".into(),
            event_types: vec!["created".into()],
            object_types: vec!["dcim.*".into()],
            attributes: [("a".to_owned(), "b".to_owned())].into(),
            conditions: Some(conditions),
            expression: "data.x".into(),
            disabled: true,
        };
        let mut check = Check::new();
        let read = read_rules(&mut check, vec![rule.clone()]);
        assert!(check.finish().is_ok());
        assert_eq!(write_rule(&read[0]), rule);
        let bad = v1::EventRule {
            display_name: "x".repeat(151),
            event_types: vec![String::new()],
            object_types: vec!["x".repeat(256)],
            attributes: [(String::new(), String::new())].into(),
            conditions: Some(v1::JsonDocument { value: Some(v1::json_document::Value::Json("{".into())) }),
            expression: "x".repeat(limits::TEMPLATE_BYTES + 1),
            disabled: false,
        };
        let mut check = Check::new();
        check.within("rules", |check| read_rules(check, vec![rule, bad]));
        let expected = [
            "rules[1].display_name",
            "rules[1].event_types[0]",
            "rules[1].object_types[0]",
            "rules[1].attributes",
            "rules[1].conditions.json",
            "rules[1].expression",
        ];
        assert_eq!(faults(check), expected);
    }
}
