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
use tenterhook_model::{Event, JsonText, Timestamp};
use time::OffsetDateTime;

use crate::conditions::Subject;

/// The names that templates and expressions see.
pub(crate) const NAMES: [&str; 10] = [
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
];

/// One event, ready to be matched and rendered. Threads share it through an [`Arc`].
#[derive(Debug)]
pub struct EventContext {
    event: Arc<Event>,
    data: OnceLock<Option<Value>>,
    snapshots: OnceLock<Option<Value>>,
    template: OnceLock<Context>,
    default_body: OnceLock<Bytes>,
    parses: AtomicUsize,
}

impl EventContext {
    /// The view of an event.
    pub fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            data: OnceLock::new(),
            snapshots: OnceLock::new(),
            template: OnceLock::new(),
            default_body: OnceLock::new(),
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

    /// The event as JSON text: exactly `event, timestamp, model, username, request_id,
    /// data, snapshots`, byte for byte as NetBox's `json.dumps` writes them.
    pub fn default_body(&self) -> Bytes {
        self.default_body.get_or_init(|| Bytes::from(self.write_default_body())).clone()
    }

    /// What templates see as one JSON object, for a renderer in another process.
    pub fn template_json(&self) -> Value {
        let member = |name: &str| (name.to_owned(), self.member(name));
        Value::Object(NAMES.into_iter().map(member).collect())
    }

    /// What templates see.
    pub(crate) fn template(&self) -> &Context {
        self.template.get_or_init(|| {
            Context::new(NAMES.into_iter().map(|name| {
                let value = match name {
                    "data" => self.template_data(),
                    "snapshots" => self.template_snapshots(),
                    "attributes" => TemplateValue::dict(
                        self.event.attributes.iter().map(|(key, value)| (key, TemplateValue::text(value))),
                    ),
                    name => self.text(name).map_or_else(TemplateValue::none, |text| TemplateValue::text(&text)),
                };
                (name, value)
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

    /// The value of one of [`NAMES`]: null where it is absent or empty.
    fn member(&self, name: &str) -> Value {
        match name {
            "data" => self.data().cloned().unwrap_or_default(),
            "snapshots" => self.snapshots().cloned().unwrap_or_default(),
            "attributes" => {
                let attributes = self.event.attributes.iter();
                attributes.map(|(key, value)| (key.clone(), Value::from(&**value))).collect()
            }
            name => self.text(name).map_or(Value::Null, Value::from),
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

    fn write_default_body(&self) -> String {
        let event = &self.event;
        let mut out = String::with_capacity(event.size() + event.size() / 8 + 160);
        let text = |out: &mut String, text: &str| match text {
            "" => out.push_str("null"),
            text => json::write_text(out, text),
        };
        let value = |out: &mut String, value: Option<&Value>| match value {
            Some(value) => json::write_value(out, value),
            None => out.push_str("null"),
        };
        out.push_str("{\"event\": ");
        text(&mut out, &event.event_type);
        out.push_str(", \"timestamp\": ");
        text(&mut out, &isoformat(event.timestamp()));
        out.push_str(", \"model\": ");
        text(&mut out, event.model());
        out.push_str(", \"username\": ");
        text(&mut out, &event.username);
        out.push_str(", \"request_id\": ");
        text(&mut out, &event.request_id);
        out.push_str(", \"data\": ");
        value(&mut out, self.data());
        out.push_str(", \"snapshots\": ");
        value(&mut out, self.snapshots());
        out.push('}');
        out
    }
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

    fn body(event: Event) -> String {
        String::from_utf8(EventContext::new(Arc::new(event)).default_body().to_vec()).unwrap()
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
    fn the_default_body_is_written_once() {
        let context = testing::context("{}", None);
        assert_eq!(context.default_body().as_ptr(), context.default_body().as_ptr());
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
        parsed.default_body();
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
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), NAMES);
        assert_eq!(json["data"]["a"].to_string(), "1.50");
        assert_eq!(json["attributes"]["tier"], "1");
        assert_eq!(json["request_id"], Value::Null);
    }
}
