//! What was acknowledged, what arrived and what the watches told, and whether the three agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use tenterhook_listen::receiver::{Answer, Answers, Received};
use tokio::sync::Notify;

/// A change as a watch told it: the delivery, its state and its attempts.
pub(super) type Change = (String, i32, i32);

/// What happened so far.
#[derive(Debug, Default)]
struct Happened {
    acknowledged: BTreeSet<String>,
    /// The events that arrived, in their order; one that came again is there again.
    arrived: Vec<String>,
    /// Publishers without an answer from a node that serves.
    waiting: BTreeSet<usize>,
    /// What each watch told, in its order.
    changes: BTreeMap<usize, Vec<Change>>,
    succeeded: BTreeMap<usize, BTreeSet<String>>,
}

/// Counts it. It is the receiver, too.
#[derive(Debug, Default)]
pub(super) struct Tally {
    happened: Mutex<Happened>,
    more: Notify,
}

/// How far everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// Events that a node has answered for.
    pub(super) acknowledged: usize,
    /// Events that arrived.
    pub(super) accepted: usize,
    /// Publishers that wait for a node.
    pub(super) waiting: usize,
}

/// Whether everything is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) acknowledged: usize,
    /// Events that were acknowledged and did not arrive.
    pub(super) lost: usize,
    /// Events that first arrived after a later one of their key.
    pub(super) out_of_order: usize,
    /// Requests beyond the first of each event.
    pub(super) twice: usize,
    pub(super) watches_agree: bool,
    /// Changes that a watch told.
    pub(super) changes: usize,
}

impl Tally {
    fn happened(&self) -> MutexGuard<'_, Happened> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event was acknowledged to the publisher on this node.
    pub(super) fn acknowledged(&self, publisher: usize, event: String) {
        let mut happened = self.happened();
        happened.waiting.remove(&publisher);
        happened.acknowledged.insert(event);
    }

    /// A publisher was told to come back, or nothing at all.
    pub(super) fn waits(&self, publisher: usize) {
        self.happened().waiting.insert(publisher);
    }

    /// A watch told a change.
    pub(super) fn changed(&self, watch: usize, change: Change, has_succeeded: bool) {
        let mut happened = self.happened();
        if has_succeeded {
            happened.succeeded.entry(watch).or_default().insert(change.0.clone());
        }
        happened.changes.entry(watch).or_default().push(change);
        drop(happened);
        self.more.notify_waiters();
    }

    /// How far everything is.
    pub(super) fn told(&self) -> Told {
        let happened = self.happened();
        let accepted = happened.arrived.iter().collect::<BTreeSet<_>>().len();
        Told { acknowledged: happened.acknowledged.len(), accepted, waiting: happened.waiting.len() }
    }

    /// Waits until every watch has told the end of every delivery that was acknowledged.
    pub(super) async fn until_all_is_seen(&self) {
        loop {
            let more = self.more.notified();
            {
                let happened = self.happened();
                let all = happened.acknowledged.len();
                let is_whole = !happened.changes.is_empty()
                    && happened
                        .changes
                        .keys()
                        .all(|watch| happened.succeeded.get(watch).map_or(0, BTreeSet::len) >= all);
                if is_whole {
                    return;
                }
            }
            more.await;
        }
    }

    /// Whether everything is as it should be.
    pub(super) fn verdict(&self) -> Verdict {
        let happened = self.happened();
        let (mut seen, mut latest, mut out_of_order) = (BTreeSet::new(), BTreeMap::new(), 0);
        for event in &happened.arrived {
            // Ids are a key and a number of so many digits, so that they sort as they were published.
            let key = event.rsplit_once('-').map_or("", |(key, _)| key);
            if seen.insert(event) && latest.insert(key, event).is_some_and(|before| before > event) {
                out_of_order += 1;
            }
        }
        let mut told = happened.changes.values();
        let first = told.next().cloned().unwrap_or_default();
        Verdict {
            acknowledged: happened.acknowledged.len(),
            lost: happened.acknowledged.iter().filter(|event| !seen.contains(event)).count(),
            out_of_order,
            twice: happened.arrived.len() - seen.len(),
            watches_agree: told.all(|other| *other == first),
            changes: first.len(),
        }
    }
}

impl Answers for Tally {
    async fn answer(&self, request: Received) -> Answer {
        self.happened().arrived.push(request.header("webhook-id").to_owned());
        Answer::status(StatusCode::OK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(acknowledged: &[&str], arrived: &[&str]) -> Verdict {
        let tally = Tally::default();
        acknowledged.iter().for_each(|event| tally.acknowledged(0, (*event).to_owned()));
        tally.happened().arrived.extend(arrived.iter().map(|event| (*event).to_owned()));
        tally.verdict()
    }

    #[test]
    fn what_did_not_arrive_is_lost_and_what_came_again_is_not_out_of_order() {
        let verdict = tally(&["a-01", "a-02", "b-01"], &["a-01", "a-02", "a-01"]);
        assert_eq!((verdict.lost, verdict.out_of_order, verdict.twice), (1, 0, 1));
    }

    #[test]
    fn an_event_that_overtook_another_of_its_key_is_found() {
        assert_eq!(tally(&[], &["a-02", "b-01", "a-01"]).out_of_order, 1);
        assert_eq!(tally(&[], &["a-01", "b-02", "a-02", "b-03"]).out_of_order, 0);
    }

    #[test]
    fn watches_that_told_something_else_do_not_agree() {
        let tally = Tally::default();
        let change = |attempts| ("dlv_1".to_owned(), 1, attempts);
        tally.changed(0, change(1), false);
        tally.changed(1, change(1), false);
        assert!(tally.verdict().watches_agree);
        tally.changed(1, change(1), false);
        assert!(!tally.verdict().watches_agree, "one told it twice");
    }

    #[tokio::test]
    async fn the_end_comes_when_every_watch_has_told_it() {
        let tally = Tally::default();
        tally.acknowledged(0, "a-01".to_owned());
        tally.changed(0, ("dlv_1".to_owned(), 3, 1), true);
        tally.changed(1, ("dlv_1".to_owned(), 1, 0), false);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(1), tally.until_all_is_seen());
        assert!(waits.await.is_err());
        tally.changed(1, ("dlv_1".to_owned(), 3, 1), true);
        tally.until_all_is_seen().await;
    }

    #[test]
    fn nothing_is_lost_where_nothing_was_acknowledged() {
        let verdict = tally(&[], &[]);
        let nothing = Verdict { acknowledged: 0, lost: 0, out_of_order: 0, twice: 0, watches_agree: true, changes: 0 };
        assert_eq!(verdict, nothing);
        let verdict = tally(&[], &["a-01"]);
        assert_eq!((verdict.lost, verdict.twice), (0, 0), "what was not acknowledged may arrive");
    }

    #[test]
    fn an_event_is_compared_with_those_of_its_own_key_when_it_first_comes() {
        for (arrived, out_of_order, twice) in [
            (&["a-01", "a-02", "a-03"][..], 0, 0),
            (&["a-03", "a-02", "a-01"], 2, 0),
            (&["a-01", "a-03", "a-02"], 1, 0),
            (&["a-01", "a-02", "a-01", "a-02"], 0, 2),
            (&["a-b-02", "a-c-01"], 0, 0),
            (&["a-b-02", "a-b-01"], 1, 0),
            (&["2", "1"], 1, 0),
        ] {
            let verdict = tally(&[], arrived);
            assert_eq!((verdict.out_of_order, verdict.twice), (out_of_order, twice), "{arrived:?}");
        }
    }

    #[test]
    fn a_publisher_waits_until_it_is_answered() {
        let tally = Tally::default();
        tally.waits(0);
        tally.waits(1);
        tally.waits(0);
        assert_eq!(tally.told(), Told { acknowledged: 0, accepted: 0, waiting: 2 });
        tally.acknowledged(0, "a-01".to_owned());
        tally.acknowledged(0, "a-01".to_owned());
        assert_eq!(tally.told(), Told { acknowledged: 1, accepted: 0, waiting: 1 });
        tally.happened().arrived.extend(["a-01", "a-01", "a-02"].map(str::to_owned));
        assert_eq!(tally.told().accepted, 2, "each once");
    }
}
