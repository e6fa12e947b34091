//! Forgets request ids and counts after their time.

use std::time::Duration;

use tenterhook_model::{Lane, Timestamp, limits};

use super::super::group::Group;
use super::super::save::is_remembered;
use super::Progress;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::keys::count::Span as CountSpan;
use crate::kv::{Kv, Span};
use crate::rows;
use crate::rows::webhook::RequestRow;

/// Request ids that one step looks at.
const REQUESTS: usize = 256;
/// Rows of counts that are read at a time.
const COUNTS: usize = 16;
/// Reads of counts that one step makes.
const READS: usize = 64;

impl Group<'_> {
    /// Forgets request ids after their time.
    pub(super) fn forget_requests(&mut self, progress: &mut Progress) -> Result<(), StoreError> {
        let (start, to) = Family::Request.range();
        let from = progress.requests.take().unwrap_or(start);
        let found = self.shared.kv.range(Span::new(&from, &to, REQUESTS))?;
        progress.requests = found.last().filter(|_| found.len() == REQUESTS).map(|(key, _)| keys::after(key));
        for (key, row) in found {
            let row: RequestRow = rows::decode(&row, "a remembered request")?;
            if !is_remembered(&row, self.now) {
                self.batch.delete(key.to_vec());
                self.forgot_request = true;
            }
        }
        Ok(())
    }

    /// Forgets counts after their time. The old ones of a lane and span come first, so the
    /// rest is skipped without being read.
    pub(super) fn forget_counts(&mut self, progress: &mut Progress) -> Result<(), StoreError> {
        let (start, to) = Family::Count.range();
        let mut from = progress.counts.take().unwrap_or(start);
        for _ in 0..READS {
            let found = self.shared.kv.range(Span::new(&from, &to, COUNTS))?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            from = keys::after(last);
            for (key, _) in &found {
                let (lane, span, millis) = keys::count::decode(key)?;
                if self.now.since(Timestamp::from_millis(millis as i64)) <= kept(span) {
                    let Some(next) = next_span(lane, span) else { return Ok(()) };
                    from = next;
                    break;
                }
                self.batch.delete(key.to_vec());
            }
        }
        progress.counts = Some(from);
        Ok(())
    }
}

/// How long counts over a span are kept.
fn kept(span: CountSpan) -> Duration {
    match span {
        CountSpan::Now => Duration::MAX,
        CountSpan::Minute => limits::MINUTES_KEPT,
        CountSpan::Hour => limits::HOURS_KEPT,
    }
}

/// The first key after the counts of a lane over a span; `None` after the last lane.
fn next_span(lane: Lane, span: CountSpan) -> Option<Vec<u8>> {
    Some(match span {
        CountSpan::Now => keys::count::encode(lane, CountSpan::Minute, 0),
        CountSpan::Minute => keys::count::encode(lane, CountSpan::Hour, 0),
        CountSpan::Hour => keys::count::encode(Lane(lane.0.checked_add(1)?), CountSpan::Now, 0),
    })
}
