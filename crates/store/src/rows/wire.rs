//! Writes protobuf from borrowed values. The rows that are written for every delivery are
//! encoded with this, because building a message first would copy each text of it; they are
//! read with the messages beside, and tests hold the two together.

use super::{FRAME, VERSION};
use tenterhook_model::Timestamp;

/// Wire type of a varint (protobuf encoding, "Message Structure").
const VARINT: u64 = 0;
/// Wire type of what has its length before it.
const LENGTH: u64 = 2;
/// Bytes of the length of a message within a message: a varint that is padded so that the
/// length can be written after the message. Good for 2 MiB.
const PADDED: usize = 3;

/// A row in the making.
#[derive(Debug)]
pub(crate) struct Wire(Vec<u8>);

impl Wire {
    /// A row of about `bytes` bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let mut row = Vec::with_capacity(FRAME + bytes);
        row.push(VERSION);
        row.extend_from_slice(&[0; 4]);
        Self(row)
    }

    /// The row as it is stored.
    pub(crate) fn finish(self) -> Vec<u8> {
        super::seal(self.0)
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, tag: u64, wire_type: u64) {
        self.varint(tag << 3 | wire_type);
    }

    /// A number; left out when it is 0.
    pub(crate) fn number(&mut self, tag: u64, value: u64) {
        if value != 0 {
            self.key(tag, VARINT);
            self.varint(value);
        }
    }

    /// A flag; left out when it is not set.
    pub(crate) fn flag(&mut self, tag: u64, value: bool) {
        self.number(tag, u64::from(value));
    }

    /// Bytes or a text; left out when there are none.
    pub(crate) fn bytes(&mut self, tag: u64, value: &[u8]) {
        if !value.is_empty() {
            self.some_bytes(tag, value);
        }
    }

    /// Bytes or a text that are there though there may be none.
    pub(crate) fn some_bytes(&mut self, tag: u64, value: &[u8]) {
        self.key(tag, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// Numbers, packed.
    pub(crate) fn numbers(&mut self, tag: u64, values: &[u64]) {
        self.message(tag, |wire| values.iter().for_each(|value| wire.varint(*value)));
    }

    /// A point in time.
    pub(crate) fn time(&mut self, tag: u64, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        self.message(tag, |wire| {
            let seconds = time.seconds();
            // Zigzag, as sint64 is encoded.
            wire.number(1, ((seconds << 1) ^ (seconds >> 63)) as u64);
            wire.number(2, u64::from(time.subsec_nanos()));
        });
    }

    /// A message within the message.
    pub(crate) fn message(&mut self, tag: u64, write: impl FnOnce(&mut Self)) {
        self.key(tag, LENGTH);
        let start = self.0.len();
        self.0.extend_from_slice(&[0; PADDED]);
        write(self);
        let length = self.0.len() - start - PADDED;
        assert!(length < 1 << (7 * PADDED), "a message of {length} bytes within a row is over 2 MiB");
        self.0[start] = length as u8 | 0x80;
        self.0[start + 1] = (length >> 7) as u8 | 0x80;
        self.0[start + 2] = (length >> 14) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Sample {
        #[prost(uint64, tag = "1")]
        number: u64,
        #[prost(string, tag = "2")]
        text: String,
        #[prost(message, optional, tag = "3")]
        time: Option<super::super::Time>,
        #[prost(message, repeated, tag = "400")]
        inner: Vec<Sample>,
        #[prost(uint64, repeated, tag = "5")]
        numbers: Vec<u64>,
        #[prost(bool, tag = "6")]
        flag: bool,
        #[prost(string, optional, tag = "7")]
        maybe: Option<String>,
    }

    #[test]
    fn a_message_within_a_row_may_be_as_long_as_its_length_can_say() {
        let bytes = vec![7; (2 << 20) - 1];
        let mut wire = Wire::new(0);
        wire.message(2, |wire| wire.0.extend_from_slice(&bytes));
        wire.number(1, 9);
        let read: Sample = super::super::decode(&wire.finish().into(), "a sample").unwrap();
        assert_eq!((read.text.len(), read.number), (bytes.len(), 9));
    }

    #[test]
    #[should_panic(expected = "over 2 MiB")]
    fn a_longer_message_is_not_written_with_a_wrong_length() {
        let bytes = vec![7; 2 << 20];
        Wire::new(0).message(2, |wire| wire.0.extend_from_slice(&bytes));
    }

    #[test]
    fn what_is_nothing_takes_no_bytes_unless_it_is_there() {
        let mut wire = Wire::new(0);
        let bare = wire.len();
        wire.number(1, 0);
        wire.bytes(2, b"");
        wire.time(3, None);
        wire.flag(6, false);
        assert_eq!(wire.len(), bare);
        wire.some_bytes(7, b"");
        assert_eq!(wire.len(), bare + 2);
        let read: Sample = super::super::decode(&wire.finish().into(), "a sample").unwrap();
        assert_eq!(read, Sample { maybe: Some(String::new()), ..Sample::default() });
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_prost_reads(number: u64, text in ".{0,200}", seconds in -62_135_596_800i64..253_402_300_800, numbers: Vec<u64>, flag: bool, maybe: Option<String>) {
            let time = Timestamp::new(seconds, 5);
            let mut wire = Wire::new(10);
            wire.number(1, number);
            wire.bytes(2, text.as_bytes());
            wire.time(3, time);
            wire.message(400, |wire| wire.bytes(2, text.as_bytes()));
            wire.message(400, |_| {});
            wire.numbers(5, &numbers);
            wire.flag(6, flag);
            if let Some(maybe) = &maybe {
                wire.some_bytes(7, maybe.as_bytes());
            }
            let read: Sample = super::super::decode(&wire.finish().into(), "a sample").unwrap();
            let inner = vec![Sample { text: text.clone(), ..Default::default() }, Sample::default()];
            prop_assert_eq!(read, Sample { number, text, time: time.map(super::super::Time::from), inner, numbers, flag, maybe });
        }
    }
}
