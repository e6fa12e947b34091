//! `f` sequence → a block of changes, named by the sequence of its first. Changes of one
//! commit share a row, so that the journal costs a fraction of a row a change.

use super::{Family, Key, Parts};
use crate::error::StoreError;
use crate::query::Sequence;

/// The key of the block whose first change is `first`.
pub(crate) fn encode(first: Sequence) -> Vec<u8> {
    Key::of(Family::Journal).bytes(&first.0.to_be_bytes()).done()
}

/// The sequence of the first change of a block.
pub(crate) fn decode(key: &[u8]) -> Result<Sequence, StoreError> {
    let mut parts = Parts::of(key, Family::Journal)?;
    let first = u64::from_be_bytes(parts.take()?);
    parts.end()?;
    Ok(Sequence(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip_in_order(a: u64, b: u64) {
            prop_assert_eq!(decode(&encode(Sequence(a))).unwrap(), Sequence(a));
            prop_assert_eq!(encode(Sequence(a)).cmp(&encode(Sequence(b))), a.cmp(&b));
        }
    }
}
