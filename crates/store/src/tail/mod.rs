//! [`Tail`]: the end of the journal in memory, for those who watch it. The store appends to it
//! what a commit has appended to the journal; it knows no engine.

mod feeds;
mod recorder;

use std::collections::VecDeque;
use std::sync::Arc;

use tenterhook_model::Attempt;
use tokio::sync::Notify;

pub(crate) use recorder::{Recorded, Recorder};

use crate::query::{Change, ChangePage, JournalSpan, Sequence, Topic};
use feeds::Feeds;

/// Changes that are kept in memory for those who watch.
const TAIL_CHANGES: usize = 4_096;
/// Bytes of the bodies and texts of these changes, roughly.
const TAIL_BYTES: usize = 4 * 1024 * 1024;
/// Pages that are kept for readers at the same place.
const PAGES: usize = 8;
/// Bytes of such a page, at most.
const PAGE_BYTES: usize = 1024 * 1024;

/// The end of the journal, in memory.
#[derive(Debug)]
pub(crate) struct Tail {
    span: JournalSpan,
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    feeds: Feeds,
    /// Pages that were read last, newest first, for others at the same place.
    pages: VecDeque<SharedPage>,
}

/// A page of changes as one reader got it.
#[derive(Debug)]
struct SharedPage {
    after: Sequence,
    limit: usize,
    changes: Arc<[Arc<Change>]>,
}

impl Tail {
    /// The end of a journal that is on disk.
    pub(crate) fn new(span: JournalSpan) -> Self {
        Self { span, changes: VecDeque::new(), bytes: 0, feeds: Feeds::default(), pages: VecDeque::new() }
    }

    /// What is kept of the journal.
    pub(crate) fn span(&self) -> JournalSpan {
        self.span
    }

    /// The bell of a topic, which rings after each commit that changed something on it.
    pub(crate) fn bell_of(&mut self, topic: &Topic) -> Arc<Notify> {
        self.feeds.bell_of(topic, self.span.last)
    }

    /// The end of the journal, if nothing happened on the topic after `after`. Only known
    /// of a topic whose bell somebody holds.
    pub(crate) fn quiet_until(&self, topic: &Topic, after: Sequence) -> Option<Sequence> {
        self.feeds.last_of(topic).filter(|last| *last <= after).map(|_| self.span.last.max(after))
    }

    /// Appends the changes of a commit, which removed those up to `trimmed`. Returns the bells
    /// to ring, and whether there were any changes.
    pub(crate) fn append(&mut self, changes: Vec<Recorded>, trimmed: Option<Sequence>) -> (Vec<Arc<Notify>>, bool) {
        if let Some(trimmed) = trimmed {
            assert!(
                self.span.before_oldest <= trimmed && trimmed <= self.span.last,
                "the journal goes from its front: {trimmed:?} of {:?}",
                self.span
            );
            self.span.before_oldest = trimmed;
            self.pages.retain(|page| page.after >= trimmed);
        }
        let appended = !changes.is_empty();
        let bells = self.feeds.append(changes.iter().map(|recorded| &*recorded.change));
        for Recorded { change, .. } in changes {
            assert_eq!(change.sequence.0, self.span.last.0 + 1, "the journal has no gaps");
            self.span.last = change.sequence;
            self.bytes += bytes_of(&change);
            self.changes.push_back(change);
        }
        while self.changes.len() > TAIL_CHANGES || self.bytes > TAIL_BYTES {
            let Some(oldest) = self.changes.pop_front() else { break };
            self.bytes -= bytes_of(&oldest);
        }
        assert!(
            self.changes.back().is_none_or(|newest| newest.sequence == self.span.last),
            "memory ends where the journal does: {:?}",
            self.span
        );
        assert!(!self.changes.is_empty() || self.bytes == 0, "{} bytes are counted of no change", self.bytes);
        (bells, appended)
    }

    /// Changes after `after`, at most `limit`, when they are all in memory or there are none.
    pub(crate) fn page(&mut self, after: Sequence, limit: usize) -> Option<ChangePage> {
        if after < self.span.before_oldest {
            return None;
        }
        if after >= self.span.last {
            return Some(ChangePage { changes: Arc::default(), next: self.span.last });
        }
        let changes = match self.shared_page(after, limit) {
            Some(changes) => changes,
            None => {
                let changes = self.after(after, limit)?;
                self.share_page(after, limit, &changes);
                changes
            }
        };
        let next = changes.last().map_or(after, |change| change.sequence);
        assert!(changes.len() <= limit, "a page of {limit} has {} changes", changes.len());
        assert!(
            (after..=self.span.last).contains(&next),
            "a page after {after:?} goes on at {next:?}, within {:?}",
            self.span
        );
        Some(ChangePage { changes, next })
    }

    /// The page that another reader got at this place, if it is still what this one would get.
    fn shared_page(&self, after: Sequence, limit: usize) -> Option<Arc<[Arc<Change>]>> {
        let page = self.pages.iter().find(|page| page.after == after && page.limit == limit)?;
        let is_whole = page.changes.len() == limit || page.changes.last()?.sequence == self.span.last;
        is_whole.then(|| page.changes.clone())
    }

    /// Keeps a page for other readers at the same place, unless it is large.
    pub(crate) fn share_page(&mut self, after: Sequence, limit: usize, changes: &Arc<[Arc<Change>]>) {
        debug_assert!(changes.len() <= limit, "a page of {limit} has {} changes", changes.len());
        debug_assert!(
            changes.iter().is_sorted_by(|before, next| before.sequence < next.sequence),
            "a page after {after:?} is in the order of the journal"
        );
        self.pages.retain(|page| page.after != after || page.limit != limit);
        let bytes: usize = changes.iter().map(|change| bytes_of(change)).sum();
        if !changes.is_empty() && bytes <= PAGE_BYTES && after >= self.span.before_oldest {
            self.pages.push_front(SharedPage { after, limit, changes: changes.clone() });
            self.pages.truncate(PAGES);
        }
    }

    /// Changes after `after`, when they are all in memory.
    fn after(&self, after: Sequence, limit: usize) -> Option<Arc<[Arc<Change>]>> {
        let first = self.changes.front()?.sequence;
        let skip = (after.0 + 1).checked_sub(first.0)?;
        let changes: Arc<[_]> = self.changes.iter().skip(skip as usize).take(limit).cloned().collect();
        let first = changes.first().map(|change| change.sequence.0);
        assert!(first.is_none_or(|first| first == after.0 + 1), "a page after {after:?} begins with {first:?}");
        Some(changes)
    }
}

/// Bytes that a change takes in memory, roughly.
fn bytes_of(change: &Change) -> usize {
    let attempt = |attempt: &Attempt| {
        let request = attempt.request.as_ref().map_or(0, |request| request.url.len() + request.body.len());
        let response = attempt.response.as_ref().map_or(0, |response| response.body.len());
        request + response + 1_024
    };
    size_of::<Change>() + change.delivery.last_attempt.as_deref().map_or(0, attempt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Entry;
    use crate::rows::delivery::{Stored, Wait};
    use crate::tests as fixtures;
    use proptest::prelude::*;
    use tenterhook_model::Timestamp;

    /// Appends so many changes in one commit.
    fn append(tail: &mut Tail, count: u64) {
        let mut recorder = Recorder::new(tail.span().last.0 + 1, Timestamp::from_millis(1));
        for _ in 0..count {
            let (_, delivery) = fixtures::lane_and_delivery();
            let stored = Stored { delivery, wait: Wait::Fresh, not_before: None };
            recorder.record(Entry { stored, previous: None, attempted: false });
        }
        tail.append(recorder.into_changes(), None);
    }

    fn sequences(page: &ChangePage) -> Vec<u64> {
        page.changes.iter().map(|change| change.sequence.0).collect()
    }

    #[test]
    fn a_page_goes_on_after_the_place_that_was_asked_for() {
        let mut tail = Tail::new(JournalSpan::default());
        append(&mut tail, 5);
        let page = tail.page(Sequence(1), 3).unwrap();
        assert_eq!((sequences(&page), page.next), (vec![2, 3, 4], Sequence(4)));
        let end = tail.page(page.next, 3).unwrap();
        assert_eq!((sequences(&end), end.next), (vec![5], Sequence(5)));
        let none = tail.page(Sequence(5), 3).unwrap();
        assert_eq!((sequences(&none), none.next), (vec![], Sequence(5)));
    }

    #[test]
    fn readers_at_one_place_share_a_page_until_it_would_be_longer() {
        let mut tail = Tail::new(JournalSpan::default());
        append(&mut tail, 2);
        let (one, two) = (tail.page(Sequence(0), 3).unwrap(), tail.page(Sequence(0), 3).unwrap());
        assert!(Arc::ptr_eq(&one.changes, &two.changes));
        append(&mut tail, 1);
        assert_eq!(sequences(&tail.page(Sequence(0), 3).unwrap()), [1, 2, 3]);
    }

    #[test]
    fn what_is_no_longer_in_memory_or_kept_must_be_read() {
        let mut tail = Tail::new(JournalSpan::default());
        append(&mut tail, TAIL_CHANGES as u64 + 2);
        assert!(tail.page(Sequence(1), 3).is_none(), "the second change has left memory");
        assert_eq!(sequences(&tail.page(Sequence(2), 2).unwrap()), [3, 4]);
        tail.append(Vec::new(), Some(Sequence(10)));
        assert!(tail.page(Sequence(9), 3).is_none(), "retention has taken what comes after it");
        assert_eq!(tail.span().before_oldest, Sequence(10));
    }

    proptest! {
        #[test]
        fn a_page_is_a_part_of_the_journal_whatever_came_before(
            commits in prop::collection::vec((0u64..40, prop::option::of(0u64..60)), 1..12),
            reads in prop::collection::vec((0u64..300, 1usize..30), 1..20),
        ) {
            let (mut tail, mut oldest) = (Tail::new(JournalSpan::default()), 0);
            for (count, trims) in commits {
                append(&mut tail, count);
                let last = tail.span().last.0;
                if let Some(trimmed) = trims.filter(|trimmed| (oldest..=last).contains(trimmed)) {
                    tail.append(Vec::new(), Some(Sequence(trimmed)));
                    oldest = trimmed;
                }
                for (after, limit) in &reads {
                    let page = tail.page(Sequence(*after), *limit);
                    if *after < oldest {
                        prop_assert!(page.is_none(), "what is no longer kept is not shown");
                        continue;
                    }
                    let page = page.expect("so few changes are all in memory");
                    let end = last.min(after + *limit as u64);
                    prop_assert_eq!(sequences(&page), (after + 1..=end).collect::<Vec<_>>());
                    prop_assert_eq!(page.next, Sequence(if *after >= last { last } else { end }));
                }
            }
        }
    }
}
