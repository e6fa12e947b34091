//! Messages as JSON, by one walk over the descriptors: ProtoJSON with the names of the proto, defaults written out,
//! enums without their prefix, and bodies as text where they are UTF-8.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _,
    Value as Wire,
};
use serde_json::{Map, Value, json};
use tenterhook_client::DESCRIPTORS;
use tenterhook_model::Timestamp;

/// Numbers that every JSON reader keeps exactly: up to 2^53 (RFC 8259, section 6).
const EXACT_MAX: u64 = 1 << 53;

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("the generator wrote a descriptor set"));

/// The descriptor of a message of the API, such as `Webhook`.
pub(crate) fn descriptor(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(&format!("tenterhook.v1.{name}")).expect("the name is one of the proto")
}

/// `message`, which the proto calls `name`, as JSON.
pub(crate) fn json(name: &str, message: &impl Message) -> Value {
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor(name), bytes.as_slice());
    object(&message.expect("a message is decoded as what it was encoded"))
}

fn object(message: &DynamicMessage) -> Value {
    if let Some(value) = well_known(message) {
        return value;
    }
    let mut members = Map::new();
    for field in message.descriptor().fields() {
        // It repeats `body`, which is text here wherever it can be.
        if field.name() == "body_text" || (!message.has_field(&field) && field.supports_presence()) {
            continue;
        }
        members.insert(field.name().to_owned(), field_value(&field, &message.get_field(&field)));
    }
    Value::Object(members)
}

fn field_value(field: &FieldDescriptor, value: &Wire) -> Value {
    match value {
        Wire::List(items) => items.iter().map(|item| single(&field.kind(), item)).collect(),
        Wire::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (map_key(key), value)).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            let kind = field.kind();
            let kind = kind.as_message().expect("the entries of a map are messages").map_entry_value_field().kind();
            Value::Object(entries.into_iter().map(|(key, value)| (key, single(&kind, value))).collect())
        }
        one => single(&field.kind(), one),
    }
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn single(kind: &Kind, value: &Wire) -> Value {
    match value {
        Wire::Bool(value) => json!(value),
        Wire::I32(value) => json!(value),
        Wire::U32(value) => json!(value),
        // As text where a reader would round it.
        Wire::I64(value) if value.unsigned_abs() > EXACT_MAX => json!(value.to_string()),
        Wire::I64(value) => json!(value),
        Wire::U64(value) if *value > EXACT_MAX => json!(value.to_string()),
        Wire::U64(value) => json!(value),
        Wire::F32(value) => json!(value),
        Wire::F64(value) => json!(value),
        Wire::String(value) => json!(value),
        Wire::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!({ "base64": BASE64.encode(bytes) }),
        },
        Wire::EnumNumber(number) => enum_name(kind, *number),
        Wire::Message(message) => object(message),
        Wire::List(_) | Wire::Map(_) => unreachable!("a field holds lists and maps, never an item"),
    }
}

/// The name without the prefix that all values of its enum have; the number if this command is older than the value.
fn enum_name(kind: &Kind, number: i32) -> Value {
    let descriptor = kind.as_enum().expect("only enums have numbers of values");
    match descriptor.get_value(number) {
        Some(value) => json!(value.name().strip_prefix(&prefix(descriptor.name())).unwrap_or(value.name())),
        None => json!(number),
    }
}

/// `DELIVERY_STATE_` for `DeliveryState`.
pub(crate) fn prefix(name: &str) -> String {
    let mut prefix = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(c.to_ascii_uppercase());
    }
    prefix + "_"
}

/// The messages that ProtoJSON writes in a form of their own.
fn well_known(message: &DynamicMessage) -> Option<Value> {
    let descriptor = message.descriptor();
    let number = |name: &str| message.get_field_by_name(name).and_then(|value| value.as_i64());
    let nanos = || message.get_field_by_name("nanos").and_then(|value| value.as_i32()).unwrap_or_default();
    Some(match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            let time = Timestamp::new(number("seconds")?, u32::try_from(nanos()).unwrap_or_default());
            time.map_or(Value::Null, |time| json!(time.rfc3339()))
        }
        "google.protobuf.Duration" => json!(seconds(number("seconds")?, nanos())),
        "google.protobuf.Value" | "google.protobuf.Struct" | "google.protobuf.ListValue" => structured(message),
        "tenterhook.v1.JsonDocument" => {
            let text = message.get_field_by_name("json");
            let text = text.as_ref().and_then(|text| text.as_str()).filter(|text| !text.is_empty());
            match text.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
                Some(value) => json!({ "structured": value }),
                None => return None,
            }
        }
        _ => return None,
    })
}

/// A duration as ProtoJSON has it: seconds with the digits that are needed, and `s`.
fn seconds(seconds: i64, nanos: i32) -> String {
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let fraction = format!("{:09}", nanos.unsigned_abs());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}s", seconds.unsigned_abs())
}

/// `google.protobuf.Value` and what it is made of.
fn structured(message: &DynamicMessage) -> Value {
    let Some((field, value)) = message.fields().next() else {
        return match message.descriptor().name() {
            "Struct" => json!({}),
            "ListValue" => json!([]),
            _ => Value::Null,
        };
    };
    if field.name() == "null_value" { Value::Null } else { field_value(&field, value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_client::v1;

    #[test]
    fn defaults_are_written_out_and_enums_have_no_prefix() {
        let shown = json("Webhook", &v1::Webhook { state: 2, ..Default::default() });
        assert_eq!(shown["state"], "PAUSED");
        assert_eq!((&shown["disabled"], &shown["rules"], &shown["labels"]), (&json!(false), &json!([]), &json!({})));
        assert!(shown.get("request").is_none() && shown.get("create_time").is_none(), "{shown}");
        assert_eq!(json("Webhook", &v1::Webhook { state: 99, ..Default::default() })["state"], 99);
    }

    #[test]
    fn bodies_are_text_where_they_can_be() {
        let response = |body: &[u8]| v1::HttpResponse { body: body.to_vec().into(), ..Default::default() };
        assert_eq!(json("HttpResponse", &response(b"caf\xc3\xa9"))["body"], "caf\u{e9}");
        for (bytes, text) in [(&b"\xff"[..], "/w=="), (b"\xff\x00", "/wA="), (b"\xff\x00\xfe", "/wD+")] {
            assert_eq!(json("HttpResponse", &response(bytes))["body"]["base64"], text);
        }
    }

    #[test]
    fn times_durations_and_large_numbers_are_exact() {
        let time = prost_types::Timestamp { seconds: 1, nanos: 500_000_000 };
        let shown = json("Event", &v1::Event { publish_time: Some(time), ..Default::default() });
        assert_eq!(shown["publish_time"], "1970-01-01T00:00:01.500Z");
        assert_eq!(
            (seconds(3, 100_000_000), seconds(0, 0), seconds(-1, -5)),
            ("3.1s".into(), "0s".into(), "-1.000000005s".into())
        );
        let health = |waiting| v1::WebhookHealth { waiting, ..Default::default() };
        assert_eq!(json("WebhookHealth", &health(412))["waiting"], 412);
        assert_eq!(json("WebhookHealth", &health(i64::MAX))["waiting"], "9223372036854775807");
    }

    #[test]
    fn documents_keep_every_digit() {
        let text = r#"{"b":123456789012345678901234567890,"a":[1.10,null]}"#;
        let data = v1::JsonDocument { value: Some(v1::json_document::Value::Json(text.to_owned())) };
        let shown = json("Event", &v1::Event { data: Some(data), ..Default::default() });
        assert_eq!(shown["data"]["structured"].to_string(), text);
    }

    #[test]
    fn numbers_are_text_only_beyond_what_every_reader_keeps() {
        let waiting =
            |waiting| json("WebhookHealth", &v1::WebhookHealth { waiting, ..Default::default() })["waiting"].clone();
        let exact = 1_i64 << 53;
        for number in [0, -1, exact - 1, exact, -exact] {
            assert_eq!(waiting(number), json!(number));
        }
        for number in [exact + 1, -exact - 1, i64::MIN] {
            assert_eq!(waiting(number), json!(number.to_string()));
        }
    }

    #[test]
    fn durations_have_the_digits_that_they_need() {
        for (whole, nanos, text) in [
            (0, 1, "0.000000001s"),
            (0, 500_000_000, "0.5s"),
            (0, -500_000_000, "-0.5s"),
            (90, 0, "90s"),
            (-90, 0, "-90s"),
            (1, 999_999_999, "1.999999999s"),
            (i64::MIN, 0, "-9223372036854775808s"),
        ] {
            assert_eq!(seconds(whole, nanos), text);
        }
    }

    #[test]
    fn the_prefix_of_an_enum_is_its_name_in_capitals() {
        for (name, wanted) in
            [("DeliveryState", "DELIVERY_STATE_"), ("State", "STATE_"), ("HttpMethod", "HTTP_METHOD_")]
        {
            assert_eq!(prefix(name), wanted);
        }
    }

    #[test]
    fn maps_are_in_the_order_of_their_keys_and_messages_in_that_of_the_proto() {
        let labels = [("b", "2"), ("a", "1"), ("c", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let webhook =
            v1::Webhook { labels: labels.into(), request: Some(v1::RequestTemplate::default()), ..Default::default() };
        let shown = json("Webhook", &webhook);
        assert_eq!(shown["labels"].to_string(), r#"{"a":"1","b":"2","c":""}"#);
        assert!(shown["request"].is_object(), "one that is there, though it is empty: {shown}");
        let names: Vec<&String> = shown.as_object().unwrap().keys().collect();
        let place = |name: &str| names.iter().position(|other| *other == name);
        assert!(place("id") < place("labels") && place("display_name").is_some());
    }

    #[test]
    fn a_time_out_of_range_is_null_and_a_document_that_is_no_json_is_its_text() {
        let time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
        assert_eq!(json("Event", &v1::Event { publish_time: time, ..Default::default() })["publish_time"], Value::Null);
        let data = |text: &str| {
            let value = Some(v1::json_document::Value::Json(text.to_owned()));
            json("Event", &v1::Event { data: Some(v1::JsonDocument { value }), ..Default::default() })["data"].clone()
        };
        assert_eq!(data("{broken"), json!({"json": "{broken"}));
        assert_eq!(data("null"), json!({"structured": null}));
    }
}
