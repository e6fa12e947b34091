//! The rows of counts: written with a commit now and then, and read for windows of time.

use tenterhook_model::{Lane, Timestamp, limits};

use super::group::Group;
use super::shared::Shared;
use crate::counts::{Counts, Each, add, start_of};
use crate::error::StoreError;
use crate::keys;
use crate::keys::count::Span;
use crate::kv::{Batch, Kv, Span as KvSpan};
use crate::rows;
use crate::rows::count::OpenRow;
use crate::rows::meta::SequenceRow;
use crate::stats::Open;

impl Group<'_> {
    /// Writes the counts into the commit if it is time, or the group asks for it. Returns whether it did.
    pub(crate) fn write_counts(&mut self) -> Result<bool, StoreError> {
        let counts = self.shared.counts();
        if !(counts.is_due(self.now) || (self.flush_counts && counts.unwritten() > 0)) {
            return Ok(false);
        }
        write(&counts, &self.shared.kv, &mut self.batch)?;
        Ok(true)
    }
}

/// Writes what is counted and not on disk yet.
fn write(counts: &Counts, kv: &dyn Kv, batch: &mut Batch) -> Result<(), StoreError> {
    for ((lane, span, start), mut sum) in counts.sums() {
        let key = keys::count::encode(lane, span, start);
        if let Some(row) = kv.get(&key)? {
            add(&mut sum, &rows::decode(&row, "counts")?);
        }
        batch.put(key, rows::encode(&sum));
    }
    for (lane, Open { pending, retrying }) in counts.changed() {
        batch.put(keys::count::encode(lane, Span::Now, 0), rows::encode(&OpenRow { pending, retrying }));
    }
    batch.put(keys::meta::counted(), rows::encode(&SequenceRow { sequence: counts.counted().0 }));
    Ok(())
}

impl Shared {
    /// Shows `each` what ended in a lane from `start`, in milliseconds since 1970, to `now`, with the
    /// start of its span: whole minutes as far back as they are kept, whole hours before that.
    pub(crate) fn each_count(
        &self,
        lane: Lane,
        now: Timestamp,
        start: u64,
        each: &mut Each<'_>,
    ) -> Result<(), StoreError> {
        let start = start_of(Span::Minute, start);
        let minutes = start_of(Span::Hour, now.before(limits::MINUTES_KEPT).millis_u48()) + Span::Hour.millis();
        if start < minutes {
            self.each_row(lane, Span::Hour, (start_of(Span::Hour, start), minutes), each)?;
        }
        // What ended while the clock was ahead did not end since `start`.
        let end = start_of(Span::Minute, now.millis_u48()) + Span::Minute.millis();
        self.each_row(lane, Span::Minute, (start.max(minutes), end.max(start)), each)?;
        self.counts().each_fresh(lane, (start, end.max(start)), each)
    }

    fn each_row(&self, lane: Lane, span: Span, (from, to): (u64, u64), each: &mut Each<'_>) -> Result<(), StoreError> {
        let (from, to) = (keys::count::encode(lane, span, from), keys::count::encode(lane, span, to));
        // A month of hours and a day of minutes are some thousand rows.
        for (key, row) in self.kv.range(KvSpan::new(&from, &to, usize::MAX))? {
            each(keys::count::decode(&key)?.2, &rows::decode(&row, "counts")?)?;
        }
        Ok(())
    }

    /// When the oldest open delivery of a lane was made.
    pub(crate) fn oldest_open(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        let (from, to) = keys::delivery::of_lane(keys::Family::Open, lane);
        let Some((key, row)) = self.kv.range(KvSpan::new(&from, &to, 1))?.into_iter().next() else {
            return Ok(None);
        };
        let id = keys::delivery::decode(keys::Family::Open, &key)?;
        let stored = rows::delivery::Stored::decode(&row, id, &*self.lane(lane)?)?;
        Ok(Some(stored.delivery.create_time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryKv;
    use crate::query::Sequence;
    use crate::rows::count::CountRow;
    use crate::rows::journal::{Counted, CountedAttempt};
    use std::time::Duration;
    use tenterhook_model::{DeliveryId, DeliveryState, Outcome};

    #[test]
    fn what_was_written_and_what_was_not_add_up() {
        let (kv, time) = (MemoryKv::default(), Timestamp::from_millis(3_600_000));
        let id = DeliveryId::new(time, 0, Lane(7));
        let attempt = Some(CountedAttempt { took: Duration::from_millis(3), outcome: Outcome::Success, status: 200 });
        let mut counts = Counts::default();
        for round in 0..3u64 {
            let made = Sequence(2 * round + 1);
            let pending = DeliveryState::Pending;
            counts.count(Counted { sequence: made, time, id, previous: None, state: pending, attempt: None });
            let (sequence, state) = (Sequence(made.0 + 1), DeliveryState::Succeeded);
            counts.count(Counted { sequence, time, id, previous: Some(pending), state, attempt });
            let mut batch = Batch::default();
            write(&counts, &kv, &mut batch).unwrap();
            kv.commit(batch).unwrap();
            counts.record(&[], Some(time));
        }
        let row = kv.get(&keys::count::encode(Lane(7), Span::Hour, 3_600_000)).unwrap().unwrap();
        let row: CountRow = rows::decode(&row, "counts").unwrap();
        assert_eq!((row.succeeded, row.attempts, row.latencies.iter().sum::<u64>()), (3, 3, 3));
    }
}
