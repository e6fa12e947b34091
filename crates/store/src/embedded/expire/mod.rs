//! Retention: old events go with all their deliveries once those are final, the journal goes
//! from its front, and what is remembered for a limited time is forgotten.
//!
//! The server's retention task calls [`Group::expire`] again and again; each call is one
//! bounded step. Both the journal and the events advance in every step, so neither can starve
//! the other. Only the few fields that decide are decoded of each row.

mod events;
mod journal;
mod lanes;
mod leftovers;

use tenterhook_model::{Lane, Timestamp};
use tokio::time::Instant;

use super::group::Group;
use crate::error::StoreError;
use crate::record::Expired;

/// Events that a step looks at for each record that it may remove: old events that are kept
/// for an open or late delivery are passed over.
const LOOKS: usize = 4;

/// Where the next step continues.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    walk: Option<Walk>,
    requests: Option<Vec<u8>>,
    counts: Option<Vec<u8>>,
    lanes: Option<Lane>,
}

/// A walk along the timelines of all namespaces, oldest block of each first.
#[derive(Debug)]
struct Walk {
    /// When it ends, every event from before this time that may go is gone.
    since: Timestamp,
    /// The block to look at next.
    from: Vec<u8>,
    /// The first place in that block that it has not looked at.
    place: u32,
}

/// How far one part of a step has got.
#[derive(Debug)]
struct Step {
    before: Timestamp,
    removed: usize,
    /// The part ends when so many records are removed.
    goal: usize,
    /// Events that the part may still look at.
    looks: usize,
    /// Whether any event was replayed: if none was, none is looked for.
    has_replays: bool,
}

impl Step {
    fn is_over(&self) -> bool {
        self.removed >= self.goal || self.looks == 0
    }

    fn look(&mut self) {
        self.looks = self.looks.saturating_sub(1);
    }
}

impl Group<'_> {
    /// Removes about `limit` records from before `before`: half of them changes of the journal
    /// if there are as many, the rest events with their deliveries.
    pub(crate) fn expire(&mut self, before: Timestamp, limit: usize) -> Result<Expired, StoreError> {
        let start = Instant::now();
        let limit = limit.max(1);
        // What is taken out here is put back by the commit; a step that fails begins from the front.
        let mut progress = std::mem::take(&mut self.state.expiry);
        let half = limit.div_ceil(2);
        let looks = limit.saturating_mul(LOOKS);
        let mut step = Step { before, removed: 0, goal: half, looks, has_replays: false };
        let journal_is_clear = self.expire_journal(&mut step)?;
        step.goal = limit.max(step.removed + half);
        let walked = self.expire_events(&mut step, &mut progress)?;
        if walked.is_some() {
            self.forget_requests(&mut progress)?;
            self.forget_tokens();
            self.forget_counts(&mut progress)?;
            self.free_lanes(&mut progress)?;
        }
        self.expiry = Some(progress);
        let (clear, took) = (walked.filter(|_| journal_is_clear), start.elapsed());
        Ok(Expired { removed: step.removed, replaced: self.state.replaced, clear, took })
    }
}
