//! Counts the elements of a list while its message comes in, before it is decoded: an empty event
//! takes two bytes on the wire and hundreds in memory, so what a message costs does not follow from
//! its length.

/// Where the reader is within a message (protobuf.dev/programming-guides/encoding).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the tag of a field, of which so much was read.
    Tag { value: u64, shift: u32 },
    /// In a number.
    Number,
    /// In the length of the content of a field.
    Length { field: u64, value: u64, shift: u32 },
    /// In what is skipped: so many bytes are left.
    Content(u64),
    /// In what is no message; the decoder refuses it.
    Lost,
}

const TAG: At = At::Tag { value: 0, shift: 0 };
/// Bits of a number that a byte carries.
const BITS: u32 = 7;
/// Bits that a number has at most.
const NUMBER_BITS: u32 = 64;

/// Counts how often one field is in a message that comes in pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements {
    field: u64,
    count: usize,
    at: At,
}

impl Elements {
    /// A counter of the field with this number, before the first byte.
    pub(super) fn of(field: u64) -> Self {
        Self { field, count: 0, at: TAG }
    }

    /// Begins with the next message.
    pub(super) fn restart(&mut self) {
        *self = Self::of(self.field);
    }

    /// Reads a piece; how many elements have begun up to its end.
    pub(super) fn read(&mut self, mut piece: &[u8]) -> usize {
        while let Some((byte, rest)) = piece.split_first() {
            if let At::Content(left) = self.at {
                let step = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
                piece = &piece[step..];
                self.at = if left == step as u64 { TAG } else { At::Content(left - step as u64) };
                continue;
            }
            self.at = self.after(*byte);
            piece = rest;
        }
        self.count
    }

    fn after(&mut self, byte: u8) -> At {
        let is_last = byte < 0x80;
        let grown = |value: u64, shift: u32| value | (u64::from(byte & 0x7f) << shift);
        match self.at {
            At::Tag { shift, .. } | At::Length { shift, .. } if shift >= NUMBER_BITS => At::Lost,
            At::Tag { value, shift } if is_last => self.field_begins(grown(value, shift)),
            At::Tag { value, shift } => At::Tag { value: grown(value, shift), shift: shift + BITS },
            At::Length { value, shift, field } if is_last => {
                self.count += usize::from(field == self.field);
                content(grown(value, shift))
            }
            At::Length { value, shift, field } => At::Length { field, value: grown(value, shift), shift: shift + BITS },
            At::Number if is_last => TAG,
            other => other,
        }
    }

    /// What follows a tag.
    fn field_begins(&self, tag: u64) -> At {
        match tag & 7 {
            0 => At::Number,
            1 => content(8),
            2 => At::Length { field: tag >> 3, value: 0, shift: 0 },
            5 => content(4),
            // Groups, which proto3 does not have, and what is nothing at all.
            _ => At::Lost,
        }
    }
}

fn content(bytes: u64) -> At {
    if bytes == 0 { TAG } else { At::Content(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message;
    use tenterhook_proto::tenterhook::v1::{BatchPublishEventsRequest, Event};

    #[test]
    fn other_fields_are_skipped() {
        // A varint, 64 bits, 32 bits and a text before and between two elements of field 1.
        let message =
            b"\x10\xff\x01\x0a\x00\x19\x0a\x00\x0a\x00\x0a\x00\x0a\x00\x25\x0a\x00\x0a\x00\x2a\x02\x0a\x00\x0a\x01x";
        assert_eq!(Elements::of(1).read(message), 2);
        assert_eq!(Elements::of(5).read(message), 1);
    }

    proptest! {
        #[test]
        fn a_batch_has_as_many_as_it_has_in_whatever_pieces_it_comes(
            types in prop::collection::vec("[a-z]{0,200}", 0..20),
            size in 1..40_usize,
        ) {
            let events = types.iter().map(|text| Event { r#type: text.clone(), ..Event::default() }).collect();
            let message = BatchPublishEventsRequest { events }.encode_to_vec();
            let mut counter = Elements::of(1);
            let counted = message.chunks(size).map(|piece| counter.read(piece)).last().unwrap_or_default();
            prop_assert_eq!(counted, types.len());
        }

        #[test]
        fn junk_is_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Elements::of(1).read(&bytes);
        }
    }
}
