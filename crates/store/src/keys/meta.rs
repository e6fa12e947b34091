//! `m` number → what the store knows of itself.

use super::{Family, Key};

/// The key of format, epoch and the next lane.
pub(crate) fn identity() -> Vec<u8> {
    Key::of(Family::Meta).bytes(&[1]).done()
}

/// The key of the sequence up to which the counts are written.
pub(crate) fn counted() -> Vec<u8> {
    Key::of(Family::Meta).bytes(&[2]).done()
}

/// The key of the last change that retention removed from the journal.
pub(crate) fn trimmed() -> Vec<u8> {
    Key::of(Family::Meta).bytes(&[3]).done()
}

/// The key of the millisecond that the newest id has, when the clock was behind it.
pub(crate) fn last_id() -> Vec<u8> {
    Key::of(Family::Meta).bytes(&[4]).done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_have_keys_of_their_own() {
        assert!(identity() < counted() && counted() < trimmed() && trimmed() < last_id());
    }
}
