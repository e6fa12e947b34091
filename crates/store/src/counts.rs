//! Counts of deliveries by lane: what is open now, and what ended in each minute and hour.
//!
//! They follow from the journal, so a store writes them now and then only, with the sequence up
//! to which they count; what came after that is counted again when the store is opened.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tenterhook_model::{DeliveryState, Lane, Outcome, Timestamp};

use crate::error::StoreError;
use crate::keys::count::Span;
use crate::query::Sequence;
use crate::rows::count::{CountRow, FailureRow};
use crate::rows::journal::{Counted, CountedAttempt};
use crate::rows::number::Numbered as _;
use crate::stats::{DeliveryStats, FailedAttempts, Latencies, Open};
use crate::tail::Recorded;

/// Counts are written after this time at the latest.
const FLUSH_AFTER: Duration = Duration::from_secs(10);
/// Counts are written after this many changes at the latest.
const FLUSH_CHANGES: u64 = 20_000;

/// What looks at counts: the start of their span in milliseconds since 1970, and the counts.
pub(crate) type Each<'a> = dyn FnMut(u64, &CountRow) -> Result<(), StoreError> + 'a;

/// What is counted, and how much of it is on disk.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    open: HashMap<Lane, Open>,
    /// What is not on disk yet, by lane and minute.
    fresh: HashMap<Lane, BTreeMap<u64, CountRow>>,
    /// Lanes whose open deliveries are not on disk as they are.
    changed: HashSet<Lane>,
    counted: Sequence,
    written: Sequence,
    last_write: Timestamp,
}

impl From<&Recorded> for Counted {
    fn from(recorded: &Recorded) -> Self {
        let change = &recorded.change;
        let last = change.delivery.last_attempt.as_ref().filter(|_| recorded.attempted);
        Self {
            sequence: change.sequence,
            time: change.time,
            id: change.delivery.id,
            previous: change.previous,
            state: change.delivery.state,
            attempt: last.map(|attempt| CountedAttempt::from(&**attempt)),
        }
    }
}

impl Counts {
    /// Counts as they are on disk.
    pub(crate) fn new(open: HashMap<Lane, Open>, written: Sequence, now: Timestamp) -> Self {
        Self { open, counted: written, written, last_write: now, ..Self::default() }
    }

    /// Open deliveries of a lane.
    pub(crate) fn open(&self, lane: Lane) -> Open {
        self.open.get(&lane).copied().unwrap_or_default()
    }

    /// Open deliveries of all lanes.
    pub(crate) fn all_open(&self) -> Open {
        self.open.values().fold(Open::default(), |sum, open| Open {
            pending: sum.pending + open.pending,
            retrying: sum.retrying + open.retrying,
        })
    }

    /// Whether all that is counted of a lane is on disk.
    pub(crate) fn is_written(&self, lane: Lane) -> bool {
        !self.changed.contains(&lane) && !self.fresh.contains_key(&lane)
    }

    /// Forgets a lane that was freed.
    pub(crate) fn forget(&mut self, lane: Lane) {
        let open = self.open.remove(&lane).unwrap_or_default();
        debug_assert_eq!(open.total(), 0, "the lane {} has open deliveries and was freed", lane.0);
    }

    /// The last change that is counted on disk. The journal must be kept from there on.
    pub(crate) fn written(&self) -> Sequence {
        self.written
    }

    /// Counts the changes of a commit, which wrote the counts before them at `flushed`, if it did.
    pub(crate) fn record(&mut self, changes: &[Recorded], flushed: Option<Timestamp>) {
        assert!(self.counted >= self.written, "{:?} is counted and {:?} written", self.counted, self.written);
        if let Some(time) = flushed {
            self.fresh.clear();
            self.changed.clear();
            self.written = self.counted;
            self.last_write = time;
        }
        for recorded in changes {
            self.count(Counted::from(recorded));
        }
    }

    /// Counts one change.
    pub(crate) fn count(&mut self, change: Counted) {
        debug_assert_eq!(change.sequence.0, self.counted.0 + 1, "every change is counted once, in order");
        self.counted = change.sequence;
        let lane = change.id.lane();
        let open = self.open.entry(lane).or_default();
        if change.previous != Some(change.state) {
            if let Some(count) = change.previous.and_then(|state| open.of(state)) {
                debug_assert!(*count > 0, "{} leaves a state that nobody was counted in", change.id);
                *count = count.saturating_sub(1);
            }
            if let Some(count) = open.of(change.state) {
                *count += 1;
            }
            self.changed.insert(lane);
        }
        let ended = change.previous != Some(change.state);
        let succeeded = ended && change.state == DeliveryState::Succeeded;
        let failed = ended && change.state == DeliveryState::Failed;
        if !succeeded && !failed && change.attempt.is_none() {
            return;
        }
        let minute = start_of(Span::Minute, change.time.millis_u48());
        let row = self.fresh.entry(lane).or_default().entry(minute).or_default();
        row.succeeded += u64::from(succeeded);
        row.failed += u64::from(failed);
        if let Some(attempt) = change.attempt {
            row.attempts += 1;
            if attempt.outcome != Outcome::Success {
                let (outcome, status) = (attempt.outcome.number(), u32::from(attempt.status));
                add_failures(&mut row.failures, &[FailureRow { outcome, status, count: 1 }]);
            }
            let bucket = Latencies::bucket(attempt.took);
            if row.latencies.len() <= bucket {
                row.latencies.resize(bucket + 1, 0);
            }
            row.latencies[bucket] += 1;
            debug_assert_eq!(
                row.attempts,
                row.latencies.iter().sum::<u64>(),
                "each attempt of a minute took some time"
            );
            debug_assert!(
                row.failures.iter().map(|failure| failure.count).sum::<u64>() <= row.attempts,
                "{:?} of {} attempts failed",
                row.failures,
                row.attempts
            );
        }
    }

    /// Whether it is time to write what is counted and not on disk yet, of which there is some.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let changes = self.unwritten();
        // A clock that went back says nothing of how long ago the last write was.
        let is_time = now < self.last_write || now.since(self.last_write) >= FLUSH_AFTER;
        changes > 0 && (is_time || changes >= FLUSH_CHANGES)
    }

    /// Changes that are counted and not on disk yet.
    pub(crate) fn unwritten(&self) -> u64 {
        self.counted.0 - self.written.0
    }

    /// The last change that is counted.
    pub(crate) fn counted(&self) -> Sequence {
        self.counted
    }

    /// What has to be added to the rows of lanes, by lane, span and the start of the span.
    pub(crate) fn sums(&self) -> BTreeMap<(Lane, Span, u64), CountRow> {
        let mut sums = BTreeMap::new();
        for (lane, minutes) in &self.fresh {
            for (minute, counted) in minutes {
                for span in [Span::Minute, Span::Hour] {
                    add(sums.entry((*lane, span, start_of(span, *minute))).or_default(), counted);
                }
            }
        }
        sums
    }

    /// The lanes whose open deliveries are not on disk as they are, and what is open in them.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (Lane, Open)> {
        self.changed.iter().map(|lane| (*lane, self.open(*lane)))
    }

    /// Shows `each` what is not on disk yet of a lane, from the first of these times up to the second.
    pub(crate) fn each_fresh(
        &self,
        lane: Lane,
        (start, end): (u64, u64),
        each: &mut Each<'_>,
    ) -> Result<(), StoreError> {
        let mut minutes = self.fresh.get(&lane).into_iter().flat_map(|minutes| minutes.range(start..end));
        minutes.try_for_each(|(minute, counted)| each(*minute, counted))
    }
}

/// The start of the span that `millis` is in.
pub(crate) fn start_of(span: Span, millis: u64) -> u64 {
    let start = millis - millis % span.millis().max(1);
    debug_assert!(
        start <= millis && millis - start <= span.millis(),
        "{millis} lies in the span that begins at {start}"
    );
    start
}

fn add_counts(sum: &mut Vec<u64>, counts: &[u64]) {
    if sum.len() < counts.len() {
        sum.resize(counts.len(), 0);
    }
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += count;
    }
}

/// Adds the counts of one row to another.
pub(crate) fn add(sum: &mut CountRow, counted: &CountRow) {
    sum.succeeded += counted.succeeded;
    sum.failed += counted.failed;
    sum.attempts += counted.attempts;
    add_counts(&mut sum.latencies, &counted.latencies);
    add_failures(&mut sum.failures, &counted.failures);
}

fn add_failures(sum: &mut Vec<FailureRow>, counted: &[FailureRow]) {
    for more in counted {
        match sum.iter_mut().find(|known| (known.outcome, known.status) == (more.outcome, more.status)) {
            Some(known) => known.count += more.count,
            None => sum.push(*more),
        }
    }
}

/// Adds a row to the counts that are shown.
pub(crate) fn add_to(stats: &mut DeliveryStats, row: &CountRow) -> Result<(), StoreError> {
    for failure in &row.failures {
        let outcome = Outcome::of(failure.outcome, "a row of counts")?;
        let status = u16::try_from(failure.status).unwrap_or_default();
        stats.add_failures(FailedAttempts { outcome, status, count: failure.count });
    }
    stats.succeeded += row.succeeded;
    stats.failed += row.failed;
    stats.attempts += row.attempts;
    for (bucket, count) in row.latencies.iter().enumerate().filter(|(_, count)| **count > 0) {
        stats.latencies.record_in(bucket, *count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tenterhook_model::DeliveryId;

    fn change(sequence: u64, previous: Option<DeliveryState>, state: DeliveryState) -> Counted {
        let time = Timestamp::from_millis(3_600_000 + sequence as i64 * 1_000);
        let took = Duration::from_millis(3);
        let attempt = CountedAttempt { took, outcome: Outcome::Success, status: 200 };
        let attempt = (state == DeliveryState::Succeeded).then_some(attempt);
        let id = DeliveryId::new(time, 0, Lane(7));
        Counted { sequence: Sequence(sequence), time, id, previous, state, attempt }
    }

    #[test]
    fn open_deliveries_are_counted_in_and_out() {
        let mut counts = Counts::default();
        counts.count(change(1, None, DeliveryState::Pending));
        counts.count(change(2, None, DeliveryState::Pending));
        counts.count(change(3, Some(DeliveryState::Pending), DeliveryState::Retrying));
        assert_eq!(counts.open(Lane(7)), Open { pending: 1, retrying: 1 });
        counts.count(change(4, Some(DeliveryState::Retrying), DeliveryState::Succeeded));
        assert_eq!(counts.all_open(), Open { pending: 1, retrying: 0 });
    }

    #[test]
    fn what_is_summed_is_added_to_its_minute_and_its_hour() {
        let mut counts = Counts::default();
        counts.count(change(1, None, DeliveryState::Pending));
        counts.count(change(2, Some(DeliveryState::Pending), DeliveryState::Succeeded));
        let sums = counts.sums();
        let starts: Vec<_> = sums.keys().copied().collect();
        assert_eq!(starts, [(Lane(7), Span::Minute, 3_600_000), (Lane(7), Span::Hour, 3_600_000)]);
        assert!(sums.values().all(|row| (row.succeeded, row.attempts, row.failed) == (1, 1, 0)));
        assert_eq!(counts.changed().collect::<Vec<_>>(), [(Lane(7), Open::default())]);
        assert!(!counts.is_written(Lane(7)) && counts.unwritten() == 2);
        counts.record(&[], Some(Timestamp::default()));
        assert!(counts.is_written(Lane(7)) && counts.unwritten() == 0 && counts.sums().is_empty());
    }

    #[test]
    fn counts_are_due_after_their_time_and_not_before() {
        let mut counts = Counts::new(HashMap::new(), Sequence(0), Timestamp::from_millis(0));
        assert!(!counts.is_due(Timestamp::from_millis(10_000)), "there is nothing to write");
        counts.count(change(1, None, DeliveryState::Pending));
        assert!(!counts.is_due(Timestamp::from_millis(9_999)));
        assert!(counts.is_due(Timestamp::from_millis(10_000)));
    }

    #[test]
    fn counts_are_due_when_the_clock_has_gone_back() {
        let mut counts = Counts::new(HashMap::new(), Sequence(0), Timestamp::from_millis(86_400_000));
        counts.count(change(1, None, DeliveryState::Pending));
        assert!(counts.is_due(Timestamp::from_millis(5_000)));
    }

    /// What may happen to one of a few deliveries.
    #[derive(Debug, Clone)]
    enum Step {
        Make(u32),
        Attempt { nth: usize, outcome: Outcome, ends: bool },
        Cancel(usize),
        Flush,
    }

    fn steps() -> impl Strategy<Value = Step> {
        let outcome = || prop::sample::select(&Outcome::ALL[..]);
        prop_oneof![
            3 => (0u32..3).prop_map(Step::Make),
            4 => (0usize..6, outcome(), any::<bool>()).prop_map(|(nth, outcome, ends)| Step::Attempt { nth, outcome, ends }),
            1 => (0usize..6).prop_map(Step::Cancel),
            1 => Just(Step::Flush),
        ]
    }

    proptest! {
        /// The rows on disk and what is not there yet are together what has happened, whenever it was written.
        #[test]
        fn counts_are_those_of_the_journal_whenever_they_are_written(steps in prop::collection::vec(steps(), 0..120)) {
            let mut counts = Counts::default();
            let mut open: Vec<(DeliveryId, DeliveryState)> = Vec::new();
            let mut disk: BTreeMap<(Lane, Span, u64), CountRow> = BTreeMap::new();
            let (mut sequence, mut attempts, mut succeeded, mut failed) = (0, 0, 0, 0);
            for step in steps {
                let time = Timestamp::from_millis(sequence * 20_000);
                let (id, previous, state, attempt) = match step {
                    Step::Make(lane) => {
                        let id = DeliveryId::new(time, sequence as u64, Lane(lane));
                        open.push((id, DeliveryState::Pending));
                        (id, None, DeliveryState::Pending, None)
                    }
                    Step::Attempt { nth, outcome, ends } if !open.is_empty() => {
                        let nth = nth % open.len();
                        let (id, before) = open[nth];
                        let state = match (outcome, ends) {
                            (Outcome::Success, _) => DeliveryState::Succeeded,
                            (_, true) => DeliveryState::Failed,
                            (_, false) => DeliveryState::Retrying,
                        };
                        open[nth].1 = state;
                        open.retain(|(_, state)| !state.is_final());
                        attempts += 1;
                        succeeded += u64::from(state == DeliveryState::Succeeded);
                        failed += u64::from(state == DeliveryState::Failed);
                        let attempt = CountedAttempt { took: Duration::from_millis(sequence as u64), outcome, status: 500 };
                        (id, Some(before), state, Some(attempt))
                    }
                    Step::Cancel(nth) if !open.is_empty() => {
                        let (id, before) = open.remove(nth % open.len());
                        (id, Some(before), DeliveryState::Cancelled, None)
                    }
                    Step::Flush => {
                        for (key, sum) in counts.sums() {
                            add(disk.entry(key).or_default(), &sum);
                        }
                        counts.record(&[], Some(time));
                        prop_assert!(counts.sums().is_empty() && counts.unwritten() == 0);
                        continue;
                    }
                    Step::Attempt { .. } | Step::Cancel(_) => continue,
                };
                sequence += 1;
                counts.count(Counted { sequence: Sequence(sequence as u64), time, id, previous, state, attempt });
            }
            for lane in (0..3).map(Lane) {
                let in_lane = |state| open.iter().filter(|(id, now)| id.lane() == lane && *now == state).count() as u64;
                let wanted = Open { pending: in_lane(DeliveryState::Pending), retrying: in_lane(DeliveryState::Retrying) };
                prop_assert_eq!(counts.open(lane), wanted);
            }
            prop_assert_eq!(counts.all_open().total(), open.len() as u64);
            for (key, sum) in counts.sums() {
                add(disk.entry(key).or_default(), &sum);
            }
            for span in [Span::Minute, Span::Hour] {
                let rows = disk.iter().filter(|((_, of, start), _)| *of == span && start % span.millis() == 0);
                let mut all = CountRow::default();
                rows.for_each(|(_, row)| add(&mut all, row));
                prop_assert_eq!((all.attempts, all.succeeded, all.failed), (attempts, succeeded, failed));
                let failures: u64 = all.failures.iter().map(|failure| failure.count).sum();
                prop_assert_eq!(failures, attempts - succeeded, "an attempt that did not succeed failed somehow");
                prop_assert_eq!(all.latencies.iter().sum::<u64>(), attempts);
            }
        }
    }
}
