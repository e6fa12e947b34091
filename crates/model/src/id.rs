//! Identifiers: 128 bits that sort by time, written as a prefix and 26 characters.
//!
//! The text form is Crockford's base 32 in lower case (26 characters hold 130 bits; the
//! first carries three). A delivery id also names its webhook's lane, so that one key
//! finds the record and one range lists a webhook's deliveries.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chance::Entropy;
use crate::limits;
use crate::time::Timestamp;

/// Crockford's base 32 without I, L, O and U (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of 128 bits in base 32.
const TEXT_LEN: usize = 26;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// It does not have the form of this kind of identifier.
    #[error("must be `{prefix}` and 26 characters of 0-9a-z without i, l, o and u")]
    Malformed {
        /// The prefix that this kind of identifier begins with.
        prefix: &'static str,
    },
    /// An event id of the publisher's with a length or character that is not allowed.
    #[error("must be 1 to 128 characters of A-Z, a-z, 0-9, `_`, `:` and `-`")]
    EventId,
}

fn encode(bits: [u8; 16]) -> String {
    let value = u128::from_be_bytes(bits);
    (0..TEXT_LEN).rev().map(|place| char::from(ALPHABET[((value >> (5 * place)) & 31) as usize])).collect()
}

fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() != TEXT_LEN {
        return None;
    }
    let mut value: u128 = 0;
    for (place, character) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|&c| c == character)? as u128;
        if place == 0 && digit > 7 {
            return None;
        }
        value = (value << 5) | digit;
    }
    Some(value.to_be_bytes())
}

/// 48 bits of milliseconds and 80 bits of chance.
fn time_ordered(now: Timestamp, entropy: &dyn Entropy) -> [u8; 16] {
    let mut bits = [0; 16];
    entropy.fill(&mut bits);
    bits[..6].copy_from_slice(&now.millis_u48().to_be_bytes()[2..]);
    bits
}

macro_rules! binary_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What the text form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier with these 128 bits.
            pub const fn from_bytes(bits: [u8; 16]) -> Self {
                Self(bits)
            }

            /// Its 128 bits, which sort as the text form does.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .map(Self)
                    .ok_or(IdError::Malformed { prefix: $prefix })
            }
        }
    };
}

binary_id!(
    /// Identifies a webhook, server-wide: `wh_` and 26 characters.
    WebhookId,
    "wh_"
);
binary_id!(
    /// Identifies a signing key: `key_` and 26 characters.
    SigningKeyId,
    "key_"
);
binary_id!(
    /// Identifies an access token: `tok_` and 26 characters. It is no secret.
    TokenId,
    "tok_"
);
binary_id!(
    /// Identifies a delivery: `dlv_` and 26 characters; it sorts by time of creation.
    DeliveryId,
    "dlv_"
);

impl WebhookId {
    /// A new identifier made at `now`.
    pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self(time_ordered(now, entropy))
    }
}

impl SigningKeyId {
    /// A new identifier made at `now`.
    pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self(time_ordered(now, entropy))
    }
}

impl TokenId {
    /// A new identifier made at `now`.
    pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self(time_ordered(now, entropy))
    }
}

/// The number of a webhook in its store, given once at its creation and never again; it
/// keys all that belongs to the webhook's deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane(pub u32);

impl DeliveryId {
    /// The identifier of the delivery that the store made as its `sequence`-th (48 bits,
    /// rising within a millisecond) for the webhook of `lane`.
    pub fn new(now: Timestamp, sequence: u64, lane: Lane) -> Self {
        assert!(sequence < 1 << 48, "delivery sequence {sequence} is over 48 bits");
        let mut bits = [0; 16];
        bits[..6].copy_from_slice(&now.millis_u48().to_be_bytes()[2..]);
        bits[6..12].copy_from_slice(&sequence.to_be_bytes()[2..]);
        bits[12..].copy_from_slice(&lane.0.to_be_bytes());
        Self(bits)
    }

    /// The lane of the webhook that it goes to.
    pub fn lane(&self) -> Lane {
        let [.., a, b, c, d] = self.0;
        Lane(u32::from_be_bytes([a, b, c, d]))
    }

    /// Milliseconds since 1970 when it was made.
    pub fn create_millis(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

/// Identifies an event within its namespace: the publisher's own text, or `evt_` and 26
/// characters of the server's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Arc<str>);

impl EventId {
    /// What the server's own identifiers begin with.
    pub const PREFIX: &'static str = "evt_";

    /// A new identifier of the server's made at `now`.
    pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self(format!("{}{}", Self::PREFIX, encode(time_ordered(now, entropy))).into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b':' | b'-');
        if text.is_empty() || text.len() > limits::EVENT_ID_CHARS || !text.bytes().all(legal) {
            return Err(IdError::EventId);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_round_trip_and_sort_as_their_text(a: [u8; 16], b: [u8; 16]) {
            let (a, b) = (WebhookId::from_bytes(a), WebhookId::from_bytes(b));
            prop_assert_eq!(a.to_string().parse::<WebhookId>(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn a_delivery_id_names_its_lane_and_time(millis in 0i64..1 << 47, sequence in 0u64..1 << 48, lane: u32) {
            let id = DeliveryId::new(Timestamp::from_millis(millis), sequence, Lane(lane));
            prop_assert_eq!(id.lane(), Lane(lane));
            prop_assert_eq!(id.create_millis() as i64, millis);
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _ = text.parse::<DeliveryId>();
            let _ = text.parse::<EventId>();
        }
    }

    #[test]
    fn another_prefix_length_or_letter_is_refused() {
        let good = WebhookId::from_bytes([7; 16]).to_string();
        assert!(good.parse::<SigningKeyId>().is_err());
        assert!(good[..good.len() - 1].parse::<WebhookId>().is_err());
        assert!(good.to_uppercase().parse::<WebhookId>().is_err());
        assert!("wh_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<WebhookId>().is_err());
    }

    #[test]
    fn event_ids_take_the_publishers_characters_and_no_dot() {
        assert!("order:2026-01_A".parse::<EventId>().is_ok());
        for bad in ["", "a.b", "a b", "ä", &"x".repeat(129)] {
            assert_eq!(bad.parse::<EventId>(), Err(IdError::EventId), "{bad:?}");
        }
    }
}
