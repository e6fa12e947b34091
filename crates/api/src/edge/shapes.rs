//! The shape of every message that a method takes, as far as its memory depends on it: which of its
//! fields are lists, texts and messages, and what an element of each takes once it is decoded.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use tenterhook_proto::FILE_DESCRIPTOR_SET;

/// Bytes of a text or of bytes in memory, besides what they hold: what an allocation takes at least.
pub(super) const TEXT_BYTES: usize = 32;
/// Bytes of the reader's own place in a message.
pub(super) const PLACE_BYTES: usize = 32;
/// Lists that one message has at most; the reader counts each.
pub(super) const LISTS_MAX: usize = 8;
/// Messages whose lists hold the data of an event: its size limits them, not a number of elements.
const DATA: [&str; 2] = [".google.protobuf.Struct", ".google.protobuf.ListValue"];
/// Bytes of a `String`, `Vec`, `Bytes` or map, rounded up to the largest.
const HANDLE_BYTES: usize = 32;
/// Bytes of a number, a truth value or the mark of what is set.
const WORD_BYTES: usize = 8;

/// The shapes, and where the message of each method is among them.
#[derive(Debug)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    methods: HashMap<String, u16>,
}

/// One message.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its fields by their number.
    fields: Vec<Option<Field>>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// The wire type of one value (protobuf.dev/programming-guides/encoding).
    pub(super) wire: u8,
    pub(super) kind: Kind,
    pub(super) list: Option<List>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number of any kind.
    Number,
    /// A text or bytes.
    Text,
    /// The message at this place among the shapes.
    Message(u16),
}

/// A field that may be there many times.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    /// Its place among the lists of its message.
    pub(super) slot: usize,
    /// Bytes of one element in memory, besides what its texts and lists hold.
    pub(super) element_bytes: usize,
    /// Whether the number of its elements has a limit of its own.
    pub(super) is_bounded: bool,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(FILE_DESCRIPTOR_SET));

impl Shapes {
    /// Those of the API.
    pub(super) fn of_api() -> &'static Self {
        &SHAPES
    }

    /// The place of the message that the method at `path` takes; `None` for methods of other APIs.
    pub(super) fn of_method(&self, path: &str) -> Option<u16> {
        self.methods.get(path).copied()
    }

    /// The field with this number of the message at a place.
    pub(super) fn field(&self, shape: u16, number: u32) -> Option<&Field> {
        let number = usize::try_from(number).ok()?;
        self.shapes[usize::from(shape)].fields.get(number)?.as_ref()
    }

    fn of(descriptors: &[u8]) -> Self {
        let set =
            FileDescriptorSet::decode(descriptors).expect("the generator wrote a descriptor set, and a test reads it");
        let mut messages = Messages::default();
        for file in &set.file {
            let package = format!(".{}", file.package());
            file.message_type.iter().for_each(|message| messages.add(&package, message));
        }
        let shapes = messages.known.iter().map(|(name, message)| messages.shape(name, message)).collect();
        let services = set.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
        let methods = services.flat_map(|(file, service)| {
            let path = format!("/{}.{}", file.package(), service.name());
            service.method.iter().map(move |method| (format!("{path}/{}", method.name()), method.input_type()))
        });
        Self { shapes, methods: methods.map(|(path, input)| (path, messages.place(input))).collect() }
    }
}

/// Every message by its full name.
#[derive(Default)]
struct Messages<'a> {
    known: BTreeMap<String, &'a DescriptorProto>,
}

impl<'a> Messages<'a> {
    fn add(&mut self, parent: &str, message: &'a DescriptorProto) {
        let name = format!("{parent}.{}", message.name());
        message.nested_type.iter().for_each(|nested| self.add(&name, nested));
        self.known.insert(name, message);
    }

    fn place(&self, name: &str) -> u16 {
        let before = self.known.keys().take_while(|known| known.as_str() < name).count();
        u16::try_from(before).expect("an API has fewer messages than 65,536")
    }

    fn shape(&self, name: &str, message: &DescriptorProto) -> Shape {
        let mut fields = Vec::new();
        let mut lists = 0;
        for field in &message.field {
            let number = usize::try_from(field.number()).expect("the numbers of fields are not negative");
            if fields.len() <= number {
                fields.resize_with(number + 1, || None);
            }
            let list = (field.label() == Label::Repeated).then(|| {
                lists += 1;
                List { slot: lists - 1, element_bytes: self.element_bytes(field), is_bounded: !DATA.contains(&name) }
            });
            let (wire, kind) = match field.r#type() {
                Type::Double | Type::Fixed64 | Type::Sfixed64 => (1, Kind::Number),
                Type::Float | Type::Fixed32 | Type::Sfixed32 => (5, Kind::Number),
                Type::String | Type::Bytes => (2, Kind::Text),
                Type::Message => (2, Kind::Message(self.place(field.type_name()))),
                // Groups are not in proto3: what has one is refused.
                _ => (0, Kind::Number),
            };
            fields[number] = Some(Field { name: field.name().to_owned(), wire, kind, list });
        }
        assert!(lists <= LISTS_MAX, "{name} has {lists} lists");
        Shape { fields }
    }

    /// Bytes of an element of a list: while the list grows, there is room for twice as many.
    fn element_bytes(&self, field: &FieldDescriptorProto) -> usize {
        2 * self.value_bytes(field, &mut Vec::new())
    }

    fn value_bytes<'b>(&'b self, field: &'b FieldDescriptorProto, within: &mut Vec<&'b str>) -> usize {
        match field.r#type() {
            Type::String | Type::Bytes => HANDLE_BYTES,
            Type::Message => self.message_bytes(field.type_name(), within),
            _ => WORD_BYTES,
        }
    }

    /// Bytes of a message besides what lies behind its handles.
    fn message_bytes<'b>(&'b self, name: &'b str, within: &mut Vec<&'b str>) -> usize {
        // A message within itself is behind a handle.
        if within.contains(&name) {
            return HANDLE_BYTES;
        }
        within.push(name);
        let message = self.known[name];
        let mut variants = vec![0; message.oneof_decl.len()];
        let mut bytes = 0;
        for field in &message.field {
            let value = match field.label() {
                Label::Repeated => HANDLE_BYTES,
                _ => self.value_bytes(field, within) + WORD_BYTES,
            };
            match field.oneof_index.and_then(|index| variants.get_mut(usize::try_from(index).ok()?)) {
                Some(largest) => *largest = value.max(*largest),
                None => bytes += value,
            }
        }
        within.pop();
        bytes + variants.iter().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use tenterhook_proto::tenterhook::v1;

    /// The messages that are elements of lists in what methods take.
    fn elements() -> BTreeMap<String, usize> {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut messages = Messages::default();
        for file in &set.file {
            file.message_type.iter().for_each(|message| messages.add(&format!(".{}", file.package()), message));
        }
        let inputs = set.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
        let mut open: Vec<&str> = inputs.map(|method| method.input_type()).collect();
        let mut seen = BTreeSet::new();
        let mut found = BTreeMap::new();
        while let Some(name) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            for field in messages.known[name].field.iter().filter(|field| field.r#type() == Type::Message) {
                open.push(field.type_name());
                if field.label() == Label::Repeated {
                    found.insert(field.type_name().to_owned(), messages.element_bytes(field));
                }
            }
        }
        found
    }

    #[test]
    fn an_element_is_charged_for_twice_its_size_or_more() {
        let mut elements = elements();
        let mut check = |name: &str, size: usize| {
            let bytes = elements.remove(name).unwrap_or_else(|| panic!("{name} is in no list"));
            assert!(bytes >= 2 * size, "{name} takes {size} bytes and is charged {bytes}");
        };
        check(".tenterhook.v1.Event", size_of::<v1::Event>());
        check(".tenterhook.v1.EventRule", size_of::<v1::EventRule>());
        check(".tenterhook.v1.HeaderTemplate", size_of::<v1::HeaderTemplate>());
        check(".tenterhook.v1.CustomSignature", size_of::<v1::CustomSignature>());
        check(".tenterhook.v1.SigningKey", size_of::<v1::SigningKey>());
        check(".google.protobuf.Duration", size_of::<prost_types::Duration>());
        check(".google.protobuf.Value", size_of::<prost_types::Value>());
        check(".google.protobuf.Struct.FieldsEntry", size_of::<(String, prost_types::Value)>());
        elements.retain(|name, bytes| !name.ends_with("Entry") || *bytes < 2 * size_of::<(String, String)>());
        assert_eq!(elements, BTreeMap::new(), "a list of these is new: check its size");
    }

    #[test]
    fn every_method_of_the_api_has_its_message() {
        for method in crate::access::METHODS {
            let is_ours = method.path.starts_with("/tenterhook.");
            assert_eq!(Shapes::of_api().of_method(method.path).is_some(), is_ours, "{}", method.path);
        }
    }
}
