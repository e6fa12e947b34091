//! The keys of the store: one family a file, each with its encoding, its decoding and the
//! ranges that are read of it.
//!
//! A key is a letter for its family and then integers in big-endian order, so that bytes sort
//! as the numbers do. What belongs to the deliveries of a webhook begins with its lane.

pub(crate) mod access_token;
pub(crate) mod attempt;
pub(crate) mod count;
pub(crate) mod delivery;
pub(crate) mod due;
pub(crate) mod event;
pub(crate) mod expiry;
pub(crate) mod journal;
pub(crate) mod meta;
pub(crate) mod notice;
pub(crate) mod order;
pub(crate) mod state;
pub(crate) mod webhook;

use tenterhook_model::{DeliveryId, Lane, Namespace, Timestamp};

use crate::error::StoreError;

/// The families, each with the letter that its keys begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Family {
    /// Attempts before the last.
    Attempt = b'a',
    /// Counts of deliveries by lane and time.
    Count = b'b',
    /// Webhooks.
    Webhook = b'c',
    /// Deliveries that are not final.
    Open = b'd',
    /// Events.
    Event = b'e',
    /// The journal.
    Journal = b'f',
    /// Health of receivers.
    Health = b'h',
    /// The delivery of an ordering key whose turn it is.
    Turn = b'k',
    /// Lanes.
    Lane = b'l',
    /// What the store knows of itself.
    Meta = b'm',
    /// Notices that wait to be published.
    Notice = b'n',
    /// Deliveries that wait for their turn in an ordering key.
    Waiting = b'o',
    /// What was reported of webhooks.
    Report = b'p',
    /// Deliveries that wait for a time.
    Due = b'q',
    /// Request ids that were used.
    Request = b'r',
    /// Failed and cancelled deliveries.
    State = b's',
    /// Events by time.
    Timeline = b't',
    /// Access tokens.
    Token = b'u',
    /// Deliveries that replays made of an event.
    Replayed = b'v',
    /// Deliveries by the time at which their event expires.
    Expiry = b'x',
    /// Deliveries that are final.
    Done = b'z',
}

impl Family {
    /// Every family, in the order of its letter.
    pub(crate) const ALL: [Self; 21] = [
        Self::Attempt,
        Self::Count,
        Self::Webhook,
        Self::Open,
        Self::Event,
        Self::Journal,
        Self::Health,
        Self::Turn,
        Self::Lane,
        Self::Meta,
        Self::Notice,
        Self::Waiting,
        Self::Report,
        Self::Due,
        Self::Request,
        Self::State,
        Self::Timeline,
        Self::Token,
        Self::Replayed,
        Self::Expiry,
        Self::Done,
    ];

    /// Its letter.
    pub(crate) const fn letter(self) -> u8 {
        self as u8
    }

    /// The first key of the family and the key after its last.
    pub(crate) fn range(self) -> (Vec<u8>, Vec<u8>) {
        (vec![self.letter()], vec![self.letter() + 1])
    }
}

/// A key in the making.
#[derive(Debug)]
struct Key(Vec<u8>);

impl Key {
    fn of(family: Family) -> Self {
        let mut bytes = Vec::with_capacity(40);
        bytes.push(family.letter());
        Self(bytes)
    }

    fn lane(self, lane: Lane) -> Self {
        self.bytes(&lane.0.to_be_bytes())
    }

    /// The part of a delivery's id that tells it from the others of its lane.
    fn place(self, id: DeliveryId) -> Self {
        let place = *id.as_bytes();
        self.bytes(&place[..12])
    }

    fn millis(self, millis: u64) -> Self {
        debug_assert!(millis < 1 << 48, "{millis} would be cut to 48 bits, and sort elsewhere");
        self.bytes(&millis.to_be_bytes()[2..])
    }

    /// A text of at most 65,535 bytes that other parts follow.
    fn text(self, text: &str) -> Self {
        let length = u16::try_from(text.len()).expect("texts in keys have limits far below 64 KiB");
        self.bytes(&length.to_be_bytes()).bytes(text.as_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn done(self) -> Vec<u8> {
        self.0
    }
}

/// A key that is taken apart, from its front.
#[derive(Debug)]
struct Parts<'a> {
    key: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(key: &'a [u8], family: Family) -> Result<Self, StoreError> {
        match key.split_first() {
            Some((&letter, rest)) if letter == family.letter() => Ok(Self { key, rest }),
            _ => Err(damaged(key)),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| damaged(self.key))?;
        self.rest = rest;
        Ok(*head)
    }

    fn lane(&mut self) -> Result<Lane, StoreError> {
        Ok(Lane(u32::from_be_bytes(self.take()?)))
    }

    fn millis(&mut self) -> Result<u64, StoreError> {
        let [a, b, c, d, e, f] = self.take()?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    fn delivery(&mut self, lane: Lane) -> Result<DeliveryId, StoreError> {
        let place: [u8; 12] = self.take()?;
        let mut bits = [0; 16];
        bits[..12].copy_from_slice(&place);
        bits[12..].copy_from_slice(&lane.0.to_be_bytes());
        Ok(DeliveryId::from_bytes(bits))
    }

    fn text(&mut self) -> Result<&'a str, StoreError> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        let (text, rest) = self.rest.split_at_checked(length).ok_or_else(|| damaged(self.key))?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| damaged(self.key))
    }

    /// A namespace. None is stored without a name, although an empty text stands for the default.
    fn namespace(&mut self) -> Result<Namespace, StoreError> {
        let text = self.text()?;
        let named = Some(text).filter(|text| !text.is_empty()).and_then(|text| text.parse().ok());
        named.ok_or_else(|| damaged(self.key))
    }

    /// All that is left, which must be text.
    fn last_text(self) -> Result<&'a str, StoreError> {
        std::str::from_utf8(self.rest).map_err(|_| damaged(self.key))
    }

    /// Nothing must be left.
    fn end(self) -> Result<(), StoreError> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged(self.key)) }
    }
}

/// The error for a key that cannot be taken apart.
fn damaged(key: &[u8]) -> StoreError {
    StoreError::Damaged(format!("the key {}", key.escape_ascii()))
}

/// The key right after `key`.
pub(crate) fn after(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

/// The key after all that begin with `prefix`, which is not all 0xff.
fn after_prefix(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return prefix;
        }
    }
    unreachable!("a key begins with the letter of its family")
}

/// All keys that begin with `prefix`.
fn under(prefix: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = (prefix.clone(), after_prefix(prefix));
    debug_assert!(from < to, "a range holds what begins with {}", from.escape_ascii());
    (from, to)
}

/// The millisecond in which a delivery that is due at `time` may be taken: none too early.
pub(crate) fn due_millis(time: Timestamp) -> u64 {
    let floor = time.millis_u48();
    let whole = Timestamp::from_millis(floor as i64);
    let millis = if whole < time { (floor + 1).min((1 << 48) - 1) } else { floor };
    debug_assert!(
        Timestamp::from_millis(millis as i64) >= time || millis == (1 << 48) - 1,
        "what is due at {time:?} would be taken too early, in millisecond {millis}"
    );
    millis
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_delivery_is_never_due_before_its_time(seconds in 0i64..4_000_000_000, nanos in 0u32..1_000_000_000) {
            let time = Timestamp::new(seconds, nanos).unwrap();
            let due = due_millis(time);
            prop_assert!(Timestamp::from_millis(due as i64) >= time);
            prop_assert!(due - time.millis_u48() <= 1);
        }

        #[test]
        fn the_key_after_a_prefix_is_after_all_under_it(prefix in prop::collection::vec(0u8..=254, 1..8), tail: Vec<u8>) {
            let (from, to) = under(prefix.clone());
            let mut key = prefix;
            key.extend(tail);
            prop_assert!(from <= key && key < to);
        }
    }

    #[test]
    fn families_are_in_the_order_of_their_letters() {
        assert!(Family::ALL.is_sorted_by_key(|family| family.letter()));
        assert!(Family::ALL.windows(2).all(|pair| pair[0].letter() < pair[1].letter()));
    }

    #[test]
    fn a_key_of_another_family_or_length_is_damaged() {
        assert!(matches!(Parts::of(b"e123", Family::Open), Err(StoreError::Damaged(_))));
        let mut parts = Parts::of(b"d12", Family::Open).unwrap();
        assert!(matches!(parts.lane(), Err(StoreError::Damaged(_))));
    }
}
