//! The engine's view of one event, made once and shared by all its webhooks: what it is
//! matched by, what templates see, and the default body.
//!
//! Everything is made when it is first asked for: an event that no condition looks into is
//! not parsed to be matched, the default body is written once for all webhooks that send it, and
//! what conditions have parsed is what templates see.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value};
use tenterhook_jinja::python::json;
use tenterhook_jinja::{Context, Value as TemplateValue};
use tenterhook_model::webhook::BodyFormat;
use tenterhook_model::{Event, JsonText, Timestamp};
use time::OffsetDateTime;

use crate::conditions::Subject;
use crate::default_body;

/// The names that templates and expressions see.
pub(crate) const NAMES: [&str; 12] = [
    "event",
    "object_type",
    "model",
    "timestamp",
    "username",
    "request_id",
    "data",
    "snapshots",
    "event_id",
    "attributes",
    "request",
    "context",
];
/// Those of [`NAMES`] that are not defined when the event has no value for them, as in NetBox.
/// The others are `none` then.
const UNDEFINED_WHEN_ABSENT: [&str; 2] = ["request", "context"];

/// One event, ready to be matched and rendered. Threads share it through an [`Arc`].
#[derive(Debug)]
pub struct EventContext {
    event: Arc<Event>,
    data: OnceLock<Option<Value>>,
    snapshots: OnceLock<Option<Value>>,
    request: OnceLock<Option<Value>>,
    context: OnceLock<Option<Value>>,
    template: OnceLock<Context>,
    /// One for each of [`BodyFormat::ALL`].
    default_bodies: [OnceLock<Bytes>; BodyFormat::ALL.len()],
    parses: AtomicUsize,
}

impl EventContext {
    /// The view of an event.
    pub fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            data: OnceLock::new(),
            snapshots: OnceLock::new(),
            request: OnceLock::new(),
            context: OnceLock::new(),
            template: OnceLock::new(),
            default_bodies: Default::default(),
            parses: AtomicUsize::new(0),
        }
    }

    /// The event.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// How many JSON documents of the event (its data, each snapshot) were parsed so far.
    pub fn parses(&self) -> usize {
        self.parses.load(Ordering::Relaxed)
    }

    /// The event as JSON text, with the members that `format` has, byte for byte as NetBox's
    /// `json.dumps` writes them. With CloudEvents the data as it was published; empty without any.
    pub fn default_body(&self, format: BodyFormat) -> Bytes {
        let body = &self.default_bodies[format as usize];
        body.get_or_init(|| Bytes::from(self.write_default_body(format))).clone()
    }

    /// What templates see as one JSON object, for a renderer in another process.
    pub fn template_json(&self) -> Value {
        let member = |name: &str| Some((name.to_owned(), self.member(name)?));
        Value::Object(NAMES.into_iter().filter_map(member).collect())
    }

    /// What templates see.
    pub(crate) fn template(&self) -> &Context {
        self.template.get_or_init(|| {
            Context::new(NAMES.into_iter().filter_map(|name| {
                let value = match name {
                    "data" => self.template_data(),
                    "snapshots" => self.template_snapshots(),
                    "request" => of_parsed(self.request()?),
                    "context" => of_parsed(self.plugin_context()?),
                    "attributes" => TemplateValue::dict(
                        self.event.attributes.iter().map(|(key, value)| (key, TemplateValue::text(value))),
                    ),
                    name => self.text(name).map_or_else(TemplateValue::none, |text| TemplateValue::text(&text)),
                };
                Some((name, value))
            }))
        })
    }

    fn template_data(&self) -> TemplateValue {
        match (self.data.get(), &self.event.data) {
            (_, None) => TemplateValue::none(),
            (Some(Some(parsed)), _) => of_parsed(parsed),
            (_, Some(text)) => self.parse_for_templates(text),
        }
    }

    fn template_snapshots(&self) -> TemplateValue {
        match (self.snapshots.get(), &self.event.snapshots) {
            (_, None) => TemplateValue::none(),
            (Some(Some(parsed)), _) => of_parsed(parsed),
            (_, Some(snapshots)) => {
                let sides = [("prechange", &snapshots.prechange), ("postchange", &snapshots.postchange)];
                let read = |text: &Option<JsonText>| {
                    text.as_ref().map_or_else(TemplateValue::none, |text| self.parse_for_templates(text))
                };
                TemplateValue::dict(sides.map(|(name, side)| (name, read(side))))
            }
        }
    }

    /// Parses without a [`Value`] in between, which templates do not need.
    fn parse_for_templates(&self, text: &JsonText) -> TemplateValue {
        self.parses.fetch_add(1, Ordering::Relaxed);
        TemplateValue::from_json(text.as_str()).expect("the JSON of an event was checked when it came in")
    }

    fn parse(&self, text: &JsonText) -> Value {
        self.parses.fetch_add(1, Ordering::Relaxed);
        text.value()
    }

    /// What conditions are evaluated over.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { data: self.data(), snapshots: self.snapshots() }
    }

    fn data(&self) -> Option<&Value> {
        self.data.get_or_init(|| self.event.data.as_ref().map(|text| self.parse(text))).as_ref()
    }

    fn snapshots(&self) -> Option<&Value> {
        let parse = || {
            let side = |text: &Option<JsonText>| text.as_ref().map_or(Value::Null, |text| self.parse(text));
            let snapshots = self.event.snapshots.as_ref()?;
            let mut members = Map::with_capacity(2);
            members.insert("prechange".to_owned(), side(&snapshots.prechange));
            members.insert("postchange".to_owned(), side(&snapshots.postchange));
            Some(Value::Object(members))
        };
        self.snapshots.get_or_init(parse).as_ref()
    }

    /// The request that caused the event: the one that was published, else what `username` and
    /// `request_id` say of it.
    fn request(&self) -> Option<&Value> {
        let make = || match &self.event.request {
            Some(text) => Some(self.parse(text)),
            None if self.event.request_id.is_empty() && self.event.username.is_empty() => None,
            None => {
                let text = |name| self.text(name).map_or(Value::Null, Value::from);
                let members = [("id", "request_id"), ("user", "username")];
                Some(members.into_iter().map(|(member, name)| (member.to_owned(), text(name))).collect())
            }
        };
        self.request.get_or_init(make).as_ref()
    }

    /// What plugins of NetBox have added.
    fn plugin_context(&self) -> Option<&Value> {
        self.context.get_or_init(|| self.event.context.as_ref().map(|text| self.parse(text))).as_ref()
    }

    /// The value of one of [`NAMES`]; `None` where it is not defined, null where it is absent or empty.
    fn member(&self, name: &str) -> Option<Value> {
        match (name, self.content(name)) {
            ("attributes", _) => {
                let attributes = self.event.attributes.iter();
                Some(attributes.map(|(key, value)| (key.clone(), Value::from(&**value))).collect())
            }
            (_, Some(Content::Text(text))) => Some(Value::from(text)),
            (_, Some(Content::Json(value))) => Some(value.clone()),
            (name, None) => (!UNDEFINED_WHEN_ABSENT.contains(&name)).then_some(Value::Null),
        }
    }

    /// The value of one of [`NAMES`] but `attributes`; `None` where it is absent or empty.
    fn content(&self, name: &str) -> Option<Content<'_>> {
        match name {
            "data" => self.data().map(Content::Json),
            "snapshots" => self.snapshots().map(Content::Json),
            "request" => self.request().map(Content::Json),
            "context" => self.plugin_context().map(Content::Json),
            "attributes" => None,
            name => self.text(name).map(Content::Text),
        }
    }

    /// The value of one of [`NAMES`] that is a text; `None` when it is empty.
    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let event = &self.event;
        let text = match name {
            "event" => Cow::from(&*event.event_type),
            "object_type" => Cow::from(&event.object_type),
            "model" => Cow::from(event.model()),
            "timestamp" => Cow::from(isoformat(event.timestamp())),
            "username" => Cow::from(&event.username),
            "request_id" => Cow::from(&event.request_id),
            "event_id" => Cow::from(event.id.as_str()),
            _ => unreachable!("{name} is not one of the texts of the context"),
        };
        if text.is_empty() { None } else { Some(text) }
    }

    fn write_default_body(&self, format: BodyFormat) -> String {
        if matches!(format, BodyFormat::CloudEventsStructured | BodyFormat::CloudEventsBinary) {
            return self.event.data.as_ref().map_or_else(String::new, |data| data.as_str().to_owned());
        }
        let mut out = String::with_capacity(self.event.size() + self.event.size() / 8 + 160);
        let mut separator = "{";
        for member in default_body::members(format) {
            let content = self.content(member.name);
            if member.optional && content.is_none() {
                continue;
            }
            out.push_str(separator);
            separator = ", ";
            json::write_text(&mut out, member.name);
            out.push_str(": ");
            match content {
                Some(Content::Text(text)) => json::write_text(&mut out, &text),
                Some(Content::Json(value)) => json::write_value(&mut out, value),
                None => out.push_str("null"),
            }
        }
        out.push('}');
        out
    }
}

/// A value of the context.
enum Content<'a> {
    Text(Cow<'a, str>),
    Json(&'a Value),
}

fn of_parsed(value: &Value) -> TemplateValue {
    TemplateValue::from_parsed(value).expect("numbers beyond a double were refused when the event came in")
}

/// Python's `datetime.isoformat()` in UTC: no fraction when it is zero, else six digits.
fn isoformat(time: Timestamp) -> String {
    let date = OffsetDateTime::from_unix_timestamp(time.seconds())
        .expect("timestamps are in the years 1 to 9999, which fit a date");
    let micros = time.subsec_nanos() / 1_000;
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}+00:00",
        date.year(),
        u8::from(date.month()),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as testing;
    use tenterhook_model::Snapshots;

    fn body_of(event: Event, format: BodyFormat) -> String {
        String::from_utf8(EventContext::new(Arc::new(event)).default_body(format).to_vec()).unwrap()
    }

    fn body(event: Event) -> String {
        body_of(event, BodyFormat::Netbox32)
    }

    #[test]
    fn the_default_body_has_seven_members_as_python_writes_them() {
        assert_eq!(
            body(testing::event()),
            r#"{"event": "created", "timestamp": "2026-03-06T15:11:23.503186+00:00", "model": "site", "username": "admin", "request_id": null, "data": {"name": "AMS-1", "id": 4}, "snapshots": null}"#
        );
    }

    #[test]
    fn what_is_absent_or_empty_is_null_and_empty_snapshots_are_two_nulls() {
        let mut event = testing::event();
        (event.object_type, event.username) = (String::new(), String::new());
        (event.data, event.snapshots) = (None, Some(Snapshots::default()));
        event.occur_time = None;
        assert_eq!(
            body(event),
            r#"{"event": "created", "timestamp": "1970-01-01T00:00:00+00:00", "model": null, "username": null, "request_id": null, "data": null, "snapshots": {"prechange": null, "postchange": null}}"#
        );
    }

    #[test]
    fn every_version_of_netbox_has_its_members_in_its_order() {
        let json = |text: &str| Some(JsonText::parse(text).unwrap());
        let start = r#"{"event": "created", "timestamp": "2026-03-06T15:11:23.503186+00:00""#;
        let data = r#""data": {"name": "AMS-1", "id": 4}"#;
        let snapshots = r#""snapshots": {"prechange": null, "postchange": {"a": 1}}"#;
        let request = r#""request": {"id": "r-1", "method": "PUT", "path": "/\u00e9", "user": "admin"}"#;
        let context = r#""context": {"plugin": 1.0}"#;
        let event = Event {
            request_id: "r-1".to_owned(),
            request: json(r#"{"id":"r-1","method":"PUT","path":"/é","user":"admin"}"#),
            context: json(r#"{"plugin":1.0}"#),
            snapshots: Some(Snapshots { prechange: None, postchange: json(r#"{"a":1}"#) }),
            ..testing::event()
        };
        let (object, model) = (r#""object_type": "dcim.site""#, r#""model": "site""#);
        let who = r#""username": "admin", "request_id": "r-1""#;
        let expected = [
            (BodyFormat::Netbox32, format!("{start}, {model}, {who}, {data}, {snapshots}}}")),
            (BodyFormat::Netbox44, format!("{start}, {object}, {model}, {who}, {data}, {snapshots}, {context}}}")),
            (BodyFormat::Netbox45, format!("{start}, {object}, {who}, {data}, {snapshots}, {context}}}")),
            (BodyFormat::Netbox46, format!("{start}, {object}, {who}, {data}, {request}, {snapshots}, {context}}}")),
            (BodyFormat::Netbox47, format!("{start}, {object}, {request}, {data}, {snapshots}, {context}}}")),
        ];
        for (format, body) in expected {
            assert_eq!(body_of(event.clone(), format), body, "{format:?}");
        }
    }

    #[test]
    fn members_that_a_version_may_lack_are_left_out_when_absent() {
        let bare = || Event { username: String::new(), ..testing::event() };
        let start =
            r#"{"event": "created", "timestamp": "2026-03-06T15:11:23.503186+00:00", "object_type": "dcim.site""#;
        let (who, data) = (r#""username": null, "request_id": null"#, r#""data": {"name": "AMS-1", "id": 4}"#);
        let expected = [
            (BodyFormat::Netbox44, format!(r#"{start}, "model": "site", {who}, {data}}}"#)),
            (BodyFormat::Netbox45, format!("{start}, {who}, {data}}}")),
            (BodyFormat::Netbox46, format!(r#"{start}, {who}, {data}, "request": null}}"#)),
            (BodyFormat::Netbox47, format!("{start}, {data}}}")),
        ];
        for (format, body) in expected {
            assert_eq!(body_of(bare(), format), body, "{format:?}");
        }
    }

    #[test]
    fn an_event_without_request_has_one_of_its_user_and_request_id() {
        let event =
            |user: &str, id: &str| Event { username: user.to_owned(), request_id: id.to_owned(), ..testing::event() };
        let cases = [
            (event("admin", "r-1"), r#""request": {"id": "r-1", "user": "admin"}"#),
            (event("admin", ""), r#""request": {"id": null, "user": "admin"}"#),
            (event("", "r-1"), r#""request": {"id": "r-1", "user": null}"#),
        ];
        for (event, expected) in cases {
            let body = body_of(event, BodyFormat::Netbox47);
            assert!(body.contains(expected), "{body}");
        }
    }

    #[test]
    fn templates_see_request_and_context_of_every_version() {
        let render = |event: Event| {
            let mut webhook = testing::webhook();
            webhook.spec.request.body = "{{ request is defined }} {{ request.user }} {{ context.plugin }} \
                {{ context is defined }}"
                .to_owned();
            let context = Arc::new(EventContext::new(Arc::new(event)));
            let request = crate::compile(&webhook).unwrap().prepare(&context, &testing::facts()).unwrap();
            String::from_utf8(request.body.to_vec()).unwrap()
        };
        let json = |text: &str| Some(JsonText::parse(text).unwrap());
        let full = Event { request: json(r#"{"user": "sue"}"#), context: json(r#"{"plugin": 7}"#), ..testing::event() };
        assert_eq!(render(full), "True sue 7 True");
        let from_username = Event { context: json("{}"), ..testing::event() };
        assert_eq!(render(from_username), "True admin  True");
    }

    #[test]
    fn the_default_body_is_written_once() {
        let context = testing::context("{}", None);
        for format in BodyFormat::ALL {
            assert_eq!(context.default_body(format).as_ptr(), context.default_body(format).as_ptr());
        }
    }

    #[test]
    fn templates_see_what_conditions_have_parsed() {
        let numbers = r#"[0, -7, 1.50, 1e5, 123456789012345678901234567890, -170141183460469231731687303715884105729, 9223372036854775808]"#;
        let fresh = || {
            testing::context(
                &format!(r#"{{"n": {numbers}, "t": [true, null, "x"], "o": {{"b": 1, "a": 2}}}}"#),
                Some(("1", "[2.0]")),
            )
        };
        let source = "{{ data }}|{{ snapshots }}|{{ data.n[4] + 1 }}|{{ data.n[2] + 1 }}";
        let mut webhook = testing::webhook();
        webhook.spec.request.body = source.to_owned();
        let compiled = crate::compile(&webhook).unwrap();
        let (direct, parsed) = (fresh(), fresh());
        parsed.subject();
        assert_eq!(parsed.parses(), 3);
        assert_eq!(compiled.render(&direct).unwrap(), compiled.render(&parsed).unwrap());
        parsed.default_body(BodyFormat::Netbox32);
        assert_eq!((direct.parses(), parsed.parses()), (3, 3), "each document is parsed once");
    }

    #[test]
    fn timestamps_print_as_isoformat_cut_to_microseconds() {
        let cases = [
            (0, 0, "1970-01-01T00:00:00+00:00"),
            (0, 999, "1970-01-01T00:00:00+00:00"),
            (0, 123_456_789, "1970-01-01T00:00:00.123456+00:00"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00+00:00"),
            (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999+00:00"),
            (951_782_400, 1_000, "2000-02-29T00:00:00.000001+00:00"),
        ];
        for (seconds, nanos, expected) in cases {
            assert_eq!(isoformat(Timestamp::new(seconds, nanos).unwrap()), expected);
        }
    }

    #[test]
    fn the_context_as_json_has_every_name() {
        let context = testing::context(r#"{"a": 1.50}"#, None);
        let json = context.template_json();
        let expected: Vec<_> = NAMES.into_iter().filter(|name| *name != "context").collect();
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), expected);
        assert_eq!(json["data"]["a"].to_string(), "1.50");
        assert_eq!(json["attributes"]["tier"], "1");
        assert_eq!(json["request_id"], Value::Null);
    }
}
