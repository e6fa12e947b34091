//! Reads a message while it comes in, before it is decoded, for what it will take in memory: an
//! empty element of a list takes two bytes on the wire and hundreds once decoded, so the length of
//! a message says little about it. What the decoder would refuse is refused here already, so that
//! it never sees more than was counted.

use super::shapes::{Field, Kind, LISTS_MAX, PLACE_BYTES, Shapes, TEXT_BYTES};
use tenterhook_model::limits::LIST_ITEMS;

/// Messages within messages: as deep as the decoder goes (prost's limit of recursion), and the outermost.
const DEPTH_MAX: usize = 101;
/// Bits of a number that a byte carries, and that a number has at most
/// (protobuf.dev/programming-guides/encoding, "Base 128 Varints").
const BITS: u32 = 7;
const NUMBER_BITS: u32 = 64;

/// Why a message is not read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is no message of its method.
    NotAMessage,
    /// The list at this place has more elements than a list may have.
    TooMany(String),
}

/// Where the reader is within a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the tag of a field.
    Tag(Number),
    /// In a number that is skipped, of which so many bytes were read.
    Skipped(u32),
    /// In the length of what the field with this number holds.
    Length(u32, Number),
    /// In what is skipped: so many bytes are left.
    Content(usize),
    /// In the numbers of the field with this number that come without a tag each, with so many bytes left.
    Packed(u32, usize),
}

/// A number of which some bytes were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Number {
    value: u64,
    shift: u32,
}

impl Number {
    /// Takes a byte; whether it was the last.
    fn take(&mut self, byte: u8) -> Result<bool, Refused> {
        if self.shift >= NUMBER_BITS {
            return Err(Refused::NotAMessage);
        }
        self.value |= u64::from(byte & 0x7f) << self.shift;
        self.shift += BITS;
        Ok(byte < 0x80)
    }
}

const TAG: At = At::Tag(Number { value: 0, shift: 0 });

/// A message that the reader is in.
#[derive(Debug, Clone, Copy)]
struct Place {
    shape: u16,
    /// The number of the field that holds it.
    field: u16,
    /// Where it ends, in bytes after the beginning of the outermost.
    end: u32,
    /// Elements of its lists so far.
    counts: [u16; LISTS_MAX],
}

/// Reads messages of one kind, one after the other.
#[derive(Debug)]
pub(super) struct Walk {
    shapes: &'static Shapes,
    shape: u16,
    /// Those that the reader is in, the outermost first; empty when the message is not read.
    places: Vec<Place>,
    at: At,
    /// Bytes of the message that were read.
    position: usize,
    /// Bytes in memory that were found and not reported yet.
    found: usize,
}

impl Walk {
    /// A reader of the messages that the method at `path` takes; `None` for methods of other APIs.
    pub(super) fn of(path: &str) -> Option<Self> {
        let shapes = Shapes::of_api();
        let shape = shapes.of_method(path)?;
        Some(Self { shapes, shape, places: Vec::new(), at: TAG, position: 0, found: 0 })
    }

    /// Begins with a message of `size` bytes.
    pub(super) fn begin(&mut self, size: u32) {
        self.skip();
        self.places.push(Place { shape: self.shape, field: 0, end: size, counts: [0; LISTS_MAX] });
    }

    /// Begins with a message that is not read, because it is not decoded either.
    pub(super) fn skip(&mut self) {
        self.places.clear();
        (self.at, self.position, self.found) = (TAG, 0, 0);
    }

    /// Reads a piece of the message; bytes that what it holds will take in memory, besides as many
    /// as it has itself.
    ///
    /// # Errors
    /// When the decoder would refuse the message too, or must not see it.
    pub(super) fn read(&mut self, mut piece: &[u8]) -> Result<usize, Refused> {
        if self.places.is_empty() {
            return Ok(0);
        }
        while let Some((byte, rest)) = piece.split_first() {
            let step = match self.at {
                At::Content(left) => {
                    let step = left.min(piece.len());
                    self.at = if step == left { TAG } else { At::Content(left - step) };
                    step
                }
                At::Packed(number, left) => {
                    let step = left.min(piece.len());
                    self.packed(number, &piece[..step])?;
                    self.at = if step == left { TAG } else { At::Packed(number, left - step) };
                    step
                }
                at => {
                    if at == TAG {
                        self.leave();
                    }
                    self.position += 1;
                    piece = rest;
                    self.at = self.after(at, *byte)?;
                    continue;
                }
            };
            self.position += step;
            piece = &piece[step..];
        }
        Ok(std::mem::take(&mut self.found))
    }

    /// Leaves the messages that end here.
    fn leave(&mut self) {
        while self.places.len() > 1 && self.left() == 0 {
            self.places.pop();
        }
    }

    fn place(&mut self) -> &mut Place {
        self.places.last_mut().expect("the outermost message is left by the next that begins")
    }

    /// Bytes that are left of the innermost message.
    fn left(&mut self) -> usize {
        (self.place().end as usize).saturating_sub(self.position)
    }

    fn after(&mut self, at: At, byte: u8) -> Result<At, Refused> {
        let end = self.place().end as usize;
        let is_whole = match at {
            At::Tag(mut number) => {
                if number.take(byte)? {
                    return self.field_begins(number.value);
                }
                At::Tag(number)
            }
            At::Length(field, mut number) => {
                if number.take(byte)? {
                    return self.content_begins(field, number.value);
                }
                At::Length(field, number)
            }
            At::Skipped(_) if byte < 0x80 => TAG,
            At::Skipped(read) if (read + 1) * BITS >= NUMBER_BITS => return Err(Refused::NotAMessage),
            At::Skipped(read) => At::Skipped(read + 1),
            At::Content(_) | At::Packed(..) => at,
        };
        // What goes on must have room for it.
        if is_whole != TAG && self.position >= end {
            return Err(Refused::NotAMessage);
        }
        Ok(is_whole)
    }

    /// What follows a tag.
    fn field_begins(&mut self, tag: u64) -> Result<At, Refused> {
        let (number, wire) = (u32::try_from(tag).map_err(|_| Refused::NotAMessage)? >> 3, (tag & 7) as u8);
        if number == 0 {
            return Err(Refused::NotAMessage);
        }
        if let Some(field) = self.field(number) {
            let is_packed = field.list.is_some() && field.kind == Kind::Number && wire == 2;
            if field.wire != wire && !is_packed {
                return Err(Refused::NotAMessage);
            }
            if field.kind == Kind::Number && !is_packed {
                self.count(number, 1)?;
            }
        }
        let left = self.left();
        let next = match wire {
            0 => At::Skipped(0),
            1 => At::Content(8),
            2 => At::Length(number, Number::default()),
            5 => At::Content(4),
            // Groups, which proto3 does not have, and what is nothing at all.
            _ => return Err(Refused::NotAMessage),
        };
        let least = if let At::Content(bytes) = next { bytes } else { 1 };
        if left < least { Err(Refused::NotAMessage) } else { Ok(next) }
    }

    /// What follows a length.
    fn content_begins(&mut self, number: u32, length: u64) -> Result<At, Refused> {
        let length = usize::try_from(length).map_err(|_| Refused::NotAMessage)?;
        if length > self.left() {
            return Err(Refused::NotAMessage);
        }
        let content = if length == 0 { TAG } else { At::Content(length) };
        let Some(field) = self.field(number) else { return Ok(content) };
        match field.kind {
            Kind::Number if length == 0 => Ok(TAG),
            Kind::Number => Ok(At::Packed(number, length)),
            Kind::Text => {
                self.found += TEXT_BYTES;
                self.count(number, 1)?;
                Ok(content)
            }
            Kind::Message(shape) => {
                self.found += PLACE_BYTES;
                self.count(number, 1)?;
                if self.places.len() >= DEPTH_MAX {
                    return Err(Refused::NotAMessage);
                }
                let field = u16::try_from(number).expect("fields have small numbers, and this one is known");
                let end = u32::try_from(self.position + length).expect("it ends within a message of 32 bits");
                debug_assert!(
                    self.places.last().is_none_or(|outer| end <= outer.end),
                    "a message that ends at {end} lies within the one around it"
                );
                self.places.push(Place { shape, field, end, counts: [0; LISTS_MAX] });
                Ok(TAG)
            }
        }
    }

    /// Counts the numbers that end in a piece of a list of numbers.
    fn packed(&mut self, number: u32, piece: &[u8]) -> Result<(), Refused> {
        let wire = self.field(number).map_or(0, |field| field.wire);
        let elements = match wire {
            1 => piece.len().div_ceil(8),
            5 => piece.len().div_ceil(4),
            _ => piece.iter().filter(|byte| **byte < 0x80).count(),
        };
        self.count(number, elements)
    }

    /// Counts elements of the field, if it is a list.
    fn count(&mut self, number: u32, elements: usize) -> Result<(), Refused> {
        let Some(list) = self.field(number).and_then(|field| field.list) else { return Ok(()) };
        self.found += elements * list.element_bytes;
        let count = &mut self.place().counts[list.slot];
        *count = count.saturating_add(u16::try_from(elements).unwrap_or(u16::MAX));
        if list.is_bounded && usize::from(*count) > LIST_ITEMS {
            Err(Refused::TooMany(self.path(number)))
        } else {
            Ok(())
        }
    }

    fn field(&mut self, number: u32) -> Option<&'static Field> {
        let shape = self.place().shape;
        self.shapes.field(shape, number)
    }

    /// The path of the field with this number of the innermost message, as errors name it.
    fn path(&self, number: u32) -> String {
        let mut path = String::new();
        let inner = self.places[1..].iter().map(|place| u32::from(place.field)).chain([number]);
        for (place, number) in self.places.iter().zip(inner) {
            let Some(field) = self.shapes.field(place.shape, number) else { continue };
            let dot = if path.is_empty() { "" } else { "." };
            path.push_str(dot);
            path.push_str(&field.name);
            if let Some(list) = field.list
                && !std::ptr::eq(place, &self.places[self.places.len() - 1])
            {
                path.push_str(&format!("[{}]", place.counts[list.slot].saturating_sub(1)));
            }
        }
        path
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
