//! The values of the store: protobuf messages of its own in a frame with a version and a
//! checksum. They change only by adding fields, so that a newer server reads an older store.
//!
//! Nothing here is on the wire; the API has messages of its own.

pub(crate) mod access_token;
pub(crate) mod attempt;
pub(crate) mod count;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod journal;
pub(crate) mod lane;
pub(crate) mod meta;
pub(crate) mod notice;
pub(crate) mod number;
pub(crate) mod webhook;
mod wire;

use bytes::Bytes;
use prost::Message;
use tenterhook_model::Timestamp;

use crate::error::StoreError;
pub(crate) use wire::Wire;

/// The form of rows that this code writes, and the only one there has been.
const VERSION: u8 = 1;
/// Bytes before the message: the version and a CRC-32 of the message.
const FRAME: usize = 5;

/// A row as it is stored.
pub(crate) fn encode(message: &impl Message) -> Vec<u8> {
    let mut row = Vec::with_capacity(FRAME + message.encoded_len());
    row.push(VERSION);
    row.extend_from_slice(&[0; 4]);
    message.encode_raw(&mut row);
    debug_assert_eq!(row.len(), FRAME + message.encoded_len(), "a message is as long as it said");
    seal(row)
}

/// Writes the checksum of a row into its frame.
fn seal(mut row: Vec<u8>) -> Vec<u8> {
    debug_assert!(row.len() >= FRAME && row[0] == VERSION, "a row begins with its frame");
    let sum = crc32fast::hash(&row[FRAME..]);
    row[1..FRAME].copy_from_slice(&sum.to_be_bytes());
    row
}

/// The bytes of a message in the frame of a row.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    seal([&[VERSION, 0, 0, 0, 0], message].concat())
}

/// The message of a stored row; `what` names it in the error.
pub(crate) fn decode<M: Message + Default>(row: &Bytes, what: &str) -> Result<M, StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("{what}: {why}"));
    let Some((&[version, a, b, c, d], message)) = row.split_first_chunk::<FRAME>() else {
        return Err(damaged("it is cut short"));
    };
    if version != VERSION {
        return Err(damaged("it was written by a newer version"));
    }
    if crc32fast::hash(message) != u32::from_be_bytes([a, b, c, d]) {
        return Err(damaged("its checksum is wrong"));
    }
    M::decode(row.slice(FRAME..)).map_err(|_| damaged("it does not decode"))
}

/// Whether a stored row is as it was written.
pub(crate) fn is_intact(row: &[u8]) -> bool {
    match row.split_first_chunk::<FRAME>() {
        Some((&[version, a, b, c, d], message)) => {
            version == VERSION && crc32fast::hash(message) == u32::from_be_bytes([a, b, c, d])
        }
        None => false,
    }
}

/// A point in time.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Time {
    #[prost(sint64, tag = "1")]
    seconds: i64,
    #[prost(uint32, tag = "2")]
    nanos: u32,
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.seconds(), nanos: time.subsec_nanos() }
    }
}

impl Time {
    /// The point in time; the nearest one when the row is from elsewhere and out of range.
    pub fn get(self) -> Timestamp {
        let nearest = if self.seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::new(self.seconds, self.nanos).unwrap_or(nearest)
    }
}

/// A time that must be there.
fn required(time: Option<Time>) -> Timestamp {
    time.unwrap_or_default().get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_round_trip(seconds in -62_135_596_800i64..253_402_300_800, nanos in 0u32..1_000_000_000) {
            let time = Timestamp::new(seconds, nanos).unwrap();
            let row = Bytes::from(encode(&Time::from(time)));
            prop_assert_eq!(decode::<Time>(&row, "a time").unwrap().get(), time);
        }

        #[test]
        fn a_flipped_bit_is_found(at in 0usize..64, bit in 0u8..8) {
            let mut row = encode(&Time::from(Timestamp::MAX));
            let at = at % row.len();
            row[at] ^= 1 << bit;
            prop_assert!(matches!(decode::<Time>(&row.into(), "a time"), Err(StoreError::Damaged(_))));
        }

        #[test]
        fn rows_of_any_bytes_are_refused_without_panic(row: Vec<u8>) {
            prop_assert!(decode::<Time>(&row.into(), "a time").is_err());
        }
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_with_its_name() {
        let row = encode(&Time::from(Timestamp::MAX));
        let (mut newer, mut flipped) = (row.clone(), row.clone());
        newer[0] += 1;
        *flipped.last_mut().unwrap() ^= 1;
        let cases: [(&[u8], &str); 5] = [
            (&[], "a time: it is cut short"),
            (&row[..FRAME - 1], "a time: it is cut short"),
            (&newer, "a time: it was written by a newer version"),
            (&flipped, "a time: its checksum is wrong"),
            (&framed(&[0xff]), "a time: it does not decode"),
        ];
        for (row, expected) in cases {
            let Err(StoreError::Damaged(why)) = decode::<Time>(&Bytes::copy_from_slice(row), "a time") else {
                panic!("{row:?} is read")
            };
            assert_eq!(why, expected);
        }
        assert!(is_intact(&row) && is_intact(&framed(&[])), "an empty message is whole");
        assert!(!is_intact(&[]) && !is_intact(&row[..FRAME - 1]) && !is_intact(&newer) && !is_intact(&flipped));
    }

    #[test]
    fn a_time_out_of_range_is_the_nearest_one() {
        let times = [(i64::MIN, 0), (i64::MAX, 0), (-1, 1_000_000_000), (0, u32::MAX)];
        let read = times.map(|(seconds, nanos)| Time { seconds, nanos }.get());
        assert_eq!(read, [Timestamp::MIN, Timestamp::MAX, Timestamp::MIN, Timestamp::MAX]);
        assert_eq!(required(None), Timestamp::default());
    }
}
