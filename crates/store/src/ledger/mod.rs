//! The rules by which deliveries change: what is made of an event, what an attempt leads to, whose turn
//! it is in an ordering key, and what is retried, cancelled or given up. It knows no engine: the
//! store that uses it supplies the rows ([`Rows`]) and carries out the writes ([`Write`]).
//!
//! A rule reads, and then adds writes to a [`Draft`]; it changes nothing itself. A store carries out the
//! writes of a rule in their order, and only if the rule has ended. So a rule that stops at a row that cannot be
//! read leaves nothing behind, and can be started again when the row is there.
//!
//! A rule does not see its own writes. Where one change follows from another, as when two deliveries
//! of an ordering key end in one commit, each has a draft, and the second reads what the first wrote.

mod cancel;
mod forward;
mod give_up;
mod make;
mod order;
mod removal;
mod rows;
mod settle;
#[cfg(test)]
mod tests;

use tenterhook_model::Timestamp;

pub(crate) use make::Make;
use rows::Before;
pub(crate) use rows::{Entry, Rows, Write};

use crate::rows::delivery::Wait;

/// The writes of one rule in the making.
#[derive(Debug)]
pub(crate) struct Draft<'a, R> {
    rows: &'a R,
    now: Timestamp,
    writes: Vec<Write>,
}

impl<'a, R: Rows> Draft<'a, R> {
    /// A draft at `now`. `writes` is an empty list, whose memory it uses.
    pub(crate) fn new(rows: &'a R, now: Timestamp, writes: Vec<Write>) -> Self {
        assert!(writes.is_empty(), "a draft begins with no writes, not with {} of another", writes.len());
        Self { rows, now, writes }
    }

    /// The writes, in the order in which they are to be carried out.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Takes a delivery out of wherever it waits.
    fn unqueue(&mut self, before: &Before) {
        self.write(Write::Unqueue { id: before.id, wait: before.wait, time: before.next_attempt_time });
    }

    /// Stores an open delivery, which waits where it says.
    fn put_open(&mut self, entry: Entry) {
        entry.assert_open();
        self.write(Write::Open(entry));
    }

    /// Moves a delivery that has become final from the open to the finished ones.
    fn put_done(&mut self, mut entry: Entry) {
        (entry.stored.wait, entry.stored.not_before) = (Wait::Nothing, None);
        entry.assert_done();
        let (id, previous) = (entry.stored.delivery.id, entry.previous);
        assert!(previous.is_some_and(|state| !state.is_final()), "{id} was {previous:?} and becomes final");
        self.write(Write::Done(entry));
    }
}
