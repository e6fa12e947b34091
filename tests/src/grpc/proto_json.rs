//! Proto JSON to the bytes of a message, by the descriptor set: what grpcurl and its like do.

use std::collections::HashMap;

use base64::Engine as _;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The messages, enums and methods of the API.
pub(crate) struct Schema {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, EnumDescriptorProto>,
    /// Path and request message by the method's name.
    pub(crate) methods: HashMap<String, (String, String)>,
}

impl Schema {
    pub(crate) fn new() -> Self {
        let set = FileDescriptorSet::decode(tenterhook_proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut schema = Self { messages: HashMap::new(), enums: HashMap::new(), methods: HashMap::new() };
        for file in set.file {
            let package = format!(".{}", file.package());
            for message in &file.message_type {
                schema.add(&package, message);
            }
            for one in &file.enum_type {
                schema.enums.insert(format!("{package}.{}", one.name()), one.clone());
            }
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    schema.methods.insert(method.name().to_owned(), (path, method.input_type().to_owned()));
                }
            }
        }
        schema
    }

    fn add(&mut self, parent: &str, message: &DescriptorProto) {
        let name = format!("{parent}.{}", message.name());
        message.nested_type.iter().for_each(|nested| self.add(&name, nested));
        self.messages.insert(name, message.clone());
    }

    /// The descriptor of a message, by its full name with a leading dot.
    pub(crate) fn message(&self, name: &str) -> &DescriptorProto {
        self.messages.get(name).unwrap_or_else(|| panic!("no message {name}"))
    }

    /// The bytes of the message `name` that `json` stands for.
    pub(crate) fn encode(&self, name: &str, json: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        match name {
            ".google.protobuf.Timestamp" => {
                let time = OffsetDateTime::parse(json.as_str().unwrap(), &Rfc3339).unwrap();
                varint_field(&mut out, 1, time.unix_timestamp() as u64);
                varint_field(&mut out, 2, u64::from(time.nanosecond()));
            }
            ".google.protobuf.Duration" => {
                let seconds: f64 = json.as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap();
                varint_field(&mut out, 1, seconds.trunc() as i64 as u64);
                varint_field(&mut out, 2, (seconds.fract() * 1e9).round() as i64 as u64);
            }
            ".google.protobuf.FieldMask" => {
                let paths = json.as_str().unwrap().split(',').filter(|path| !path.is_empty());
                paths.for_each(|path| bytes_field(&mut out, 1, snake_case(path).as_bytes()));
            }
            ".google.protobuf.Value" => self.encode_value(&mut out, json),
            ".google.protobuf.Struct" => self.encode_struct(&mut out, json),
            _ => self.encode_fields(&mut out, name, json),
        }
        out
    }

    fn encode_fields(&self, out: &mut Vec<u8>, name: &str, json: &Value) {
        let message = self.message(name);
        for (key, value) in json.as_object().unwrap_or_else(|| panic!("{name} must be an object: {json}")) {
            let field = message.field.iter().find(|field| field.name() == key || field.json_name() == key);
            let field = field.unwrap_or_else(|| panic!("{name} has no field {key}"));
            let is_map = field.r#type() == Type::Message
                && self
                    .messages
                    .get(field.type_name())
                    .and_then(|entry| entry.options.as_ref())
                    .is_some_and(|o| o.map_entry());
            match value {
                Value::Object(entries) if is_map => {
                    for (key, value) in entries {
                        let entry = serde_json::json!({ "key": key, "value": value });
                        bytes_field(out, field.number() as u32, &self.encode(field.type_name(), &entry));
                    }
                }
                Value::Array(items) if field.label() == Label::Repeated => {
                    items.iter().for_each(|item| self.encode_field(out, field, item));
                }
                value => self.encode_field(out, field, value),
            }
        }
    }

    fn encode_field(&self, out: &mut Vec<u8>, field: &FieldDescriptorProto, json: &Value) {
        let number = field.number() as u32;
        match field.r#type() {
            Type::String => bytes_field(out, number, json.as_str().unwrap().as_bytes()),
            Type::Bytes => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(json.as_str().unwrap()).unwrap();
                bytes_field(out, number, &bytes);
            }
            Type::Message => bytes_field(out, number, &self.encode(field.type_name(), json)),
            Type::Bool => varint_field(out, number, u64::from(json.as_bool().unwrap())),
            Type::Enum => varint_field(out, number, self.enum_number(field.type_name(), json) as u64),
            Type::Double => double_field(out, number, json.as_f64().unwrap_or(f64::NAN)),
            Type::Int32 | Type::Int64 | Type::Uint64 => {
                let value = json.as_i64().or_else(|| json.as_str()?.parse().ok()).unwrap();
                varint_field(out, number, value as u64);
            }
            other => panic!("{other:?} is not used by the API"),
        }
    }

    fn enum_number(&self, name: &str, json: &Value) -> i64 {
        match json {
            Value::String(text) => {
                let value = self.enums[name].value.iter().find(|value| value.name() == text);
                i64::from(value.unwrap_or_else(|| panic!("{name} has no {text}")).number())
            }
            number => number.as_i64().unwrap(),
        }
    }

    fn encode_value(&self, out: &mut Vec<u8>, json: &Value) {
        match json {
            Value::Null => varint_field(out, 1, 0),
            Value::Number(number) => double_field(out, 2, number.as_f64().unwrap()),
            Value::String(text) => bytes_field(out, 3, text.as_bytes()),
            Value::Bool(value) => varint_field(out, 4, u64::from(*value)),
            Value::Object(_) => bytes_field(out, 5, &self.encode(".google.protobuf.Struct", json)),
            Value::Array(items) => {
                let mut list = Vec::new();
                for item in items {
                    bytes_field(&mut list, 1, &self.encode(".google.protobuf.Value", item));
                }
                bytes_field(out, 6, &list);
            }
        }
    }

    fn encode_struct(&self, out: &mut Vec<u8>, json: &Value) {
        for (key, value) in json.as_object().unwrap() {
            let mut entry = Vec::new();
            bytes_field(&mut entry, 1, key.as_bytes());
            bytes_field(&mut entry, 2, &self.encode(".google.protobuf.Value", value));
            bytes_field(out, 1, &entry);
        }
    }
}

pub(crate) fn varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

pub(crate) fn double_field(out: &mut Vec<u8>, number: u32, value: f64) {
    encode_key(number, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn bytes_field(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn snake_case(path: &str) -> String {
    path.chars()
        .flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c.to_ascii_lowercase()]))
        .collect()
}

#[test]
fn a_message_of_every_kind_of_field_is_what_prost_reads() {
    use tenterhook_proto::tenterhook::v1;
    let json = serde_json::json!({
        "webhook": {
            "displayName": "é", "labels": { "a": "b" }, "disabled": true,
            "retry": { "max_attempts": -1, "jitter": 0.5, "schedule": { "waits": ["1.5s", "-1s"] } },
            "signing": { "schemes": ["SIGNATURE_SCHEME_GITHUB", 99] },
            "rules": [{ "conditions": { "structured": { "and": [1, null, true, "x"] } } }],
        },
        "update_mask": "displayName,request.body",
    });
    let bytes = Schema::new().encode(".tenterhook.v1.UpdateWebhookRequest", &json);
    let request = v1::UpdateWebhookRequest::decode(&*bytes).unwrap();
    let webhook = request.webhook.unwrap();
    assert_eq!((&*webhook.display_name, webhook.disabled, &*webhook.labels["a"]), ("é", true, "b"));
    let retry = webhook.retry.unwrap();
    assert_eq!((retry.max_attempts, retry.jitter), (-1, Some(0.5)));
    let Some(v1::retry_policy::Backoff::Schedule(schedule)) = retry.backoff else { panic!("a schedule") };
    assert_eq!((schedule.waits[0].nanos, schedule.waits[1].seconds), (500_000_000, -1));
    assert_eq!(webhook.signing.unwrap().schemes, [3, 99]);
    assert!(webhook.rules[0].conditions.is_some());
    assert_eq!(request.update_mask.unwrap().paths, ["display_name", "request.body"]);
}
