use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, Kind as Reflected, MapKey, ReflectMessage as _, Value as AnyValue,
};
use prost_types::value::Kind as ValueKind;
use prost_types::{Duration, ListValue, Struct, Value};
use tenterhook_proto::FILE_DESCRIPTOR_SET;
use tenterhook_proto::tenterhook::v1::{
    self, BatchPublishEventsRequest, CreateWebhookRequest, Event, EventRule, JsonDocument, ListDeliveriesRequest,
    StreamPublishEventsRequest, json_document,
};

use super::*;

const CREATE: &str = "/tenterhook.v1.WebhookService/CreateWebhook";
const UPDATE: &str = "/tenterhook.v1.WebhookService/UpdateWebhook";
const PUBLISH: &str = "/tenterhook.v1.EventService/PublishEvent";
const BATCH: &str = "/tenterhook.v1.EventService/BatchPublishEvents";
const STREAM: &str = "/tenterhook.v1.EventService/StreamPublishEvents";
const DELIVERIES: &str = "/tenterhook.v1.DeliveryService/ListDeliveries";

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap());

/// What the reader finds in a message that comes in pieces of `size`.
fn walk(path: &str, message: &[u8], size: usize) -> Result<usize, Refused> {
    let mut walk = Walk::of(path).unwrap();
    walk.begin(u32::try_from(message.len()).unwrap());
    message.chunks(size).map(|piece| walk.read(piece)).sum()
}

/// A field of a message around others.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// The same count by way of the decoder: texts, messages and elements of lists.
fn expected(message: &DynamicMessage) -> usize {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut names: Vec<String> = POOL.all_messages().map(|message| format!(".{}", message.full_name())).collect();
        names.sort();
        names
    });
    let shapes = Shapes::of_api();
    let place = |message: &prost_reflect::MessageDescriptor| {
        u16::try_from(NAMES.binary_search(&format!(".{}", message.full_name())).unwrap()).unwrap()
    };
    fn of(
        message: &DynamicMessage,
        shapes: &Shapes,
        place: &dyn Fn(&prost_reflect::MessageDescriptor) -> u16,
    ) -> usize {
        let one = |value: &AnyValue| match value {
            AnyValue::String(_) | AnyValue::Bytes(_) => TEXT_BYTES,
            AnyValue::Message(inner) => PLACE_BYTES + of(inner, shapes, place),
            _ => 0,
        };
        let mut found = 0;
        for (descriptor, value) in message.fields() {
            let shape = shapes.field(place(&message.descriptor()), descriptor.number()).unwrap();
            let element = shape.list.map_or(0, |list| list.element_bytes);
            found += match value {
                AnyValue::List(items) => items.iter().map(|item| element + one(item)).sum::<usize>(),
                AnyValue::Map(entries) => entries
                    .iter()
                    .map(|(key, value)| {
                        // What is empty is not written in an entry.
                        let key = matches!(key, MapKey::String(key) if !key.is_empty());
                        let is_empty = match value {
                            AnyValue::String(text) => text.is_empty(),
                            AnyValue::Message(inner) => inner.encoded_len() == 0,
                            _ => false,
                        };
                        let value = if is_empty { 0 } else { one(value) };
                        element + PLACE_BYTES + usize::from(key) * TEXT_BYTES + value
                    })
                    .sum(),
                value => one(value),
            };
            assert_eq!(descriptor.cardinality() == Cardinality::Repeated, shape.list.is_some());
            assert_eq!(matches!(descriptor.kind(), Reflected::Message(_)), matches!(shape.kind, Kind::Message(_)));
        }
        found
    }
    of(message, shapes, &place)
}

fn dynamic(name: &str, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(POOL.get_message_by_name(&format!("tenterhook.v1.{name}")).unwrap(), bytes).unwrap()
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{0,200}", 0..5)
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-z]{0,9}", "[a-z]{0,9}", 0..5)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(ValueKind::NullValue(0)),
        any::<f64>().prop_map(ValueKind::NumberValue),
        "[a-z]{0,20}".prop_map(ValueKind::StringValue),
        any::<bool>().prop_map(ValueKind::BoolValue),
    ]
    .prop_map(|kind| Value { kind: Some(kind) });
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| Value { kind: Some(ValueKind::ListValue(ListValue { values })) }),
            prop::collection::btree_map("[a-z]{0,5}", inner, 0..4)
                .prop_map(|fields| Value { kind: Some(ValueKind::StructValue(Struct { fields })) }),
        ]
    })
}

fn event() -> impl Strategy<Value = Event> {
    (texts(), map(), prop::option::of(value()), prop::option::of("[a-z]{0,300}")).prop_map(
        |(texts, attributes, structured, json)| {
            let text = |index: usize| texts.get(index).cloned().unwrap_or_default();
            let document = |value| Some(JsonDocument { value: Some(value) });
            Event {
                id: text(0),
                r#type: text(1),
                username: text(2),
                attributes,
                data: structured.and_then(|value| document(json_document::Value::Structured(value))),
                request: json.and_then(|text| document(json_document::Value::Json(text))),
                ..Event::default()
            }
        },
    )
}

fn webhook() -> impl Strategy<Value = v1::Webhook> {
    (texts(), map(), prop::collection::vec(-5..1_000, 0..5), prop::collection::vec(0..5_i32, 0..9)).prop_map(
        |(texts, labels, statuses, schemes)| v1::Webhook {
            display_name: texts.first().cloned().unwrap_or_default(),
            rules: texts
                .iter()
                .map(|text| EventRule {
                    display_name: text.clone(),
                    event_types: texts.clone(),
                    attributes: labels.clone(),
                    ..EventRule::default()
                })
                .collect(),
            signing: Some(v1::SigningPolicy { schemes, ..v1::SigningPolicy::default() }),
            retry: Some(v1::RetryPolicy {
                permanent_statuses: statuses,
                backoff: Some(v1::retry_policy::Backoff::Schedule(v1::BackoffSchedule {
                    waits: vec![Duration { seconds: 1, nanos: 0 }; texts.len()],
                })),
                ..v1::RetryPolicy::default()
            }),
            labels,
            ..v1::Webhook::default()
        },
    )
}

proptest! {
    #[test]
    fn what_is_found_is_what_the_decoder_makes_in_whatever_pieces_it_comes(
        events in prop::collection::vec(event(), 0..4), webhook in webhook(), size in 1..60_usize,
    ) {
        let batch = BatchPublishEventsRequest { events }.encode_to_vec();
        prop_assert_eq!(walk(BATCH, &batch, size), Ok(expected(&dynamic("BatchPublishEventsRequest", &batch))));
        let create = CreateWebhookRequest { webhook: Some(webhook), ..CreateWebhookRequest::default() }.encode_to_vec();
        prop_assert_eq!(walk(CREATE, &create, size), Ok(expected(&dynamic("CreateWebhookRequest", &create))));
    }

    #[test]
    fn the_reader_takes_what_the_decoder_takes_and_finds_no_less(
        event in event(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), size in 1..60_usize,
    ) {
        let mut bytes = StreamPublishEventsRequest { sequence: 7, event: Some(event) }.encode_to_vec();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let Ok(decoded) = StreamPublishEventsRequest::decode(&*bytes) else { return Ok(()) };
        let again = decoded.encode_to_vec();
        let found = walk(STREAM, &bytes, size);
        if found == Err(Refused::NotAMessage) {
            // Only groups, which the decoder skips, are refused although it takes them.
            prop_assert!(bytes.iter().any(|byte| matches!(byte & 7, 3 | 4)));
        } else {
            prop_assert!(found.unwrap() >= expected(&dynamic("StreamPublishEventsRequest", &again)));
        }
    }

    #[test]
    fn junk_is_read_without_a_panic_and_alike_in_all_pieces(bytes: Vec<u8>, size in 1..9_usize) {
        for path in [CREATE, BATCH, DELIVERIES] {
            prop_assert_eq!(walk(path, &bytes, size).is_ok(), walk(path, &bytes, usize::MAX).is_ok());
        }
    }
}

/// Lists of every kind: the path, what is repeated, and the place that the refusal names.
fn kinds() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let many = |element: &[u8]| element.repeat(LIST_ITEMS + 1);
    let rule = |content: &[u8]| field(1, &[field(8, b""), field(8, content)].concat());
    vec![
        (BATCH, many(b"\x0a\x00"), "events"),
        (BATCH, [field(1, b""), field(1, &many(b"\x52\x00"))].concat(), "events[1].attributes"),
        (PUBLISH, field(1, &many(b"\x52\x00")), "event.attributes"),
        (STREAM, field(2, &many(b"\x52\x00")), "event.attributes"),
        (CREATE, field(1, &many(b"\x42\x00")), "webhook.rules"),
        (CREATE, field(1, &many(b"\x7a\x00")), "webhook.labels"),
        (CREATE, rule(&many(b"\x12\x00")), "webhook.rules[1].event_types"),
        (CREATE, rule(&many(b"\x22\x00")), "webhook.rules[1].attributes"),
        (CREATE, field(1, &field(9, &many(b"\x32\x00"))), "webhook.request.headers"),
        // One by one, and together.
        (CREATE, field(1, &field(10, &many(b"\x08\x01"))), "webhook.signing.schemes"),
        (CREATE, field(1, &field(10, &field(1, &many(b"\x01")))), "webhook.signing.schemes"),
        (CREATE, field(1, &field(10, &many(b"\x12\x00"))), "webhook.signing.custom"),
        (UPDATE, field(2, &many(b"\x0a\x00")), "update_mask.paths"),
        (DELIVERIES, field(4, &many(b"\x0a\x00")), "filter.webhook_ids"),
        (DELIVERIES, field(4, &field(8, &many(b"\x01"))), "filter.response_statuses"),
        (DELIVERIES, field(4, &many(b"\x52\x00")), "filter.webhook_labels"),
    ]
}

#[test]
fn lists_of_very_many_are_refused_by_their_place() {
    for (path, message, place) in kinds() {
        assert_eq!(walk(path, &message, 700), Err(Refused::TooMany(place.to_owned())), "{place}");
    }
}

#[test]
fn an_entry_without_a_value_has_no_place_for_one() {
    // `{"a": }`: the decoder makes an empty value of it, and writes none when it encodes it again.
    let entry = field(1, b"\x0a\x01a");
    let data = field(8, &field(2, &field(5, &entry)));
    let message = field(2, &data);
    let decoded = StreamPublishEventsRequest::decode(&*message).unwrap();
    assert_eq!(decoded.encode_to_vec(), message);
    assert_eq!(walk(STREAM, &message, 700), Ok(expected(&dynamic("StreamPublishEventsRequest", &message))));
}

#[test]
fn a_list_of_as_many_as_may_be_is_taken() {
    let event =
        Event { attributes: (0..LIST_ITEMS).map(|key| (key.to_string(), String::new())).collect(), ..Event::default() };
    let request = StreamPublishEventsRequest { sequence: 1, event: Some(event) }.encode_to_vec();
    assert!(walk(STREAM, &request, 700).is_ok());
    let request = ListDeliveriesRequest::default().encode_to_vec();
    assert_eq!(walk(DELIVERIES, &request, 1), Ok(0));
}

#[test]
fn the_data_of_an_event_is_charged_by_its_elements_and_has_no_number_of_them() {
    let value = field(6, &b"\x0a\x00".repeat(100_000));
    let message = field(1, &field(8, &field(2, &value)));
    let found = walk(PUBLISH, &message, 700).unwrap();
    assert!(found >= 100_000 * 2 * size_of::<Value>(), "{found}");
}

#[test]
fn a_field_that_is_skipped_hides_nothing() {
    let events = b"\x0a\x00".repeat(LIST_ITEMS + 1);
    // A number, 64 bits, a text and 32 bits of fields that nobody knows.
    let unknown = b"\x98\x06\xff\x01\x99\x060123456\x0a\x9a\x06\x02\x0a\x00\x9d\x06\x0a\x00\x0a\x00";
    assert_eq!(walk(BATCH, unknown, 1), Ok(0));
    assert_eq!(walk(BATCH, &[unknown.as_slice(), &events].concat(), 3), Err(Refused::TooMany("events".to_owned())));
    // The decoder skips a group. The reader has no use for one.
    let group = b"\x9b\x06\x0a\x00\x9c\x06";
    assert!(BatchPublishEventsRequest::decode(group.as_slice()).is_ok());
    assert_eq!(walk(BATCH, &[group.as_slice(), &events].concat(), 700), Err(Refused::NotAMessage));
}

#[test]
fn what_reaches_beyond_its_message_is_refused() {
    for odd in [
        &b"\x0a\x05\x0a"[..],
        b"\x0a\x01\x0a",
        b"\x0a\x02\x0a\x05",
        b"\x0a\x01\x52\x01x",
        b"\x0a\x02\x09\x00",
        b"\x00\x00",
        b"\x07",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x08\x01",
    ] {
        assert!(BatchPublishEventsRequest::decode(odd).is_err(), "{odd:?}");
        assert_eq!(walk(BATCH, odd, 1), Err(Refused::NotAMessage), "{odd:?}");
    }
}

#[test]
fn the_reader_goes_as_deep_as_the_decoder() {
    let nested = |depth: usize| (0..depth).fold(b"\x20\x01".to_vec(), |inner, _| field(6, &field(1, &inner)));
    let message = |depth| field(1, &field(8, &field(2, &nested(depth))));
    let decodes = |depth| v1::PublishEventRequest::decode(&*message(depth)).is_ok();
    let deepest = (1..100).rev().find(|depth| decodes(*depth)).unwrap();
    assert!(walk(PUBLISH, &message(deepest), 700).is_ok());
    assert_eq!(walk(PUBLISH, &message(deepest + 1), 700), Err(Refused::NotAMessage));
}
