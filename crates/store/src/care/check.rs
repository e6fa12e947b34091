//! The check of a store: every record decodes, and records that belong together agree.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::{Delivery, DeliveryId, DeliveryState, Lane, NoticeKind};

use crate::embedded::{FORMAT, LaneInfo, lane_info};
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::query::Sequence;
use crate::rows;
use crate::rows::access_token::TokenRow;
use crate::rows::attempt::AttemptRow;
use crate::rows::count::{CountRow, OpenRow};
use crate::rows::delivery::{Stored, Wait};
use crate::rows::event::{EventRow, TimelineRow};
use crate::rows::journal::JournalRow;
use crate::rows::meta::{IdentityRow, SequenceRow, TrimmedRow};
use crate::rows::notice::{NoticeRow, ReportRow};
use crate::rows::number::Numbered as _;
use crate::rows::webhook::{HealthRow, RequestRow, WebhookRow};

/// Problems that a report tells one by one.
const TOLD: usize = 100;
/// Records that are read at a time.
const CHUNK: usize = 512;

/// A kind of record, by its name.
pub type FamilyName = &'static str;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// How many records there are of each kind.
    pub records: BTreeMap<FamilyName, u64>,
    /// What is wrong, the first hundred of it.
    pub problems: Vec<String>,
    /// How much is wrong.
    pub problem_count: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }
}

/// A check under way.
struct Check<'a> {
    kv: &'a dyn Kv,
    lanes: HashMap<Lane, Arc<LaneInfo>>,
    /// What the journal says last of each delivery.
    journal: HashMap<DeliveryId, (DeliveryState, u32)>,
    next_sequence: Option<u64>,
    report: Report,
}

/// Checks all of a store.
pub(super) fn check(kv: &mut dyn Kv) -> Result<Report, StoreError> {
    let mut report = Report::default();
    if !kv.verify()? {
        report.problem("the engine found damage in its own file".into());
    }
    let mut check = Check { kv, lanes: HashMap::new(), journal: HashMap::new(), next_sequence: None, report };
    // Lanes and journal first, because others are checked against them.
    let rest = Family::ALL.into_iter().filter(|family| !matches!(family, Family::Lane | Family::Journal));
    for family in [Family::Lane, Family::Journal].into_iter().chain(rest) {
        check.walk(family)?;
    }
    check.strangers()?;
    if kv.get(&keys::meta::identity())?.is_none() && check.report.records.values().any(|count| *count > 0) {
        check
            .report
            .problem("nothing says whose store this is: its identity is gone, or an import was cut short".into());
    }
    Ok(check.report)
}

fn name(family: Family) -> FamilyName {
    match family {
        Family::Attempt => "attempts",
        Family::Count => "counts",
        Family::Webhook => "webhooks",
        Family::Open => "open deliveries",
        Family::Event => "events",
        Family::Journal => "journal blocks",
        Family::Health => "health",
        Family::Turn => "ordering keys",
        Family::Lane => "lanes",
        Family::Meta => "store",
        Family::Notice => "notices",
        Family::Waiting => "waiting for their turn",
        Family::Report => "reports",
        Family::Due => "due",
        Family::Request => "request ids",
        Family::State => "failed or cancelled",
        Family::Timeline => "timeline blocks",
        Family::Token => "access tokens",
        Family::Replayed => "replays",
        Family::Expiry => "expiring",
        Family::Done => "finished deliveries",
    }
}

/// What is wrong with a record, if anything is.
type Finding = Result<(), Wrong>;

/// Why a record is wrong, or that it could not be looked at.
enum Wrong {
    Record(String),
    Engine(StoreError),
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(what) => Self::Record(what),
            error => Self::Engine(error),
        }
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Finding {
    if holds { Ok(()) } else { Err(Wrong::Record(what())) }
}

impl Check<'_> {
    fn walk(&mut self, family: Family) -> Result<(), StoreError> {
        let (mut from, to) = family.range();
        loop {
            let pairs = self.kv.range(Span::new(&from, &to, CHUNK))?;
            *self.report.records.entry(name(family)).or_default() += pairs.len() as u64;
            for (key, row) in &pairs {
                match self.record(family, key, row) {
                    Ok(()) => {}
                    Err(Wrong::Record(what)) => self.report.problem(format!("{}: {what}", name(family))),
                    Err(Wrong::Engine(error)) => return Err(error),
                }
            }
            match pairs.last() {
                Some((last, _)) if pairs.len() == CHUNK => from = keys::after(last),
                _ => return Ok(()),
            }
        }
    }

    /// Records of no family.
    fn strangers(&mut self) -> Result<(), StoreError> {
        let mut from = Vec::new();
        for family in Family::ALL {
            let (start, end) = family.range();
            if !self.kv.range(Span::new(&from, &start, 1))?.is_empty() {
                self.report.problem(format!("there are records of no kind before `{}`", char::from(family.letter())));
            }
            from = end;
        }
        if !self.kv.range(Span::new(&from, &[u8::MAX, u8::MAX], 1))?.is_empty() {
            self.report.problem("there are records of no kind at the end".into());
        }
        Ok(())
    }

    fn record(&mut self, family: Family, key: &[u8], row: &Bytes) -> Finding {
        match family {
            Family::Attempt => self.attempt(key, row),
            Family::Count => Self::count(key, row),
            Family::Webhook => self.webhook(key, row),
            Family::Open => self.open(key, row),
            Family::Event => self.event(key, row),
            Family::Journal => self.journal_block(key, row),
            Family::Health => {
                keys::webhook::decode(family, key)?;
                rows::decode::<HealthRow>(row, "health")?;
                Ok(())
            }
            Family::Turn => self.turn(key, row),
            Family::Lane => {
                self.lanes.insert(keys::webhook::decode_lane(key)?, Arc::new(lane_info(row)?));
                Ok(())
            }
            Family::Meta => self.meta(key, row),
            Family::Notice => {
                keys::notice::decode(key)?;
                let row: NoticeRow = rows::decode(row, "a notice")?;
                NoticeKind::of(row.kind, "a notice")?;
                Ok(())
            }
            Family::Report => {
                keys::notice::decode_report(key)?;
                rows::decode::<ReportRow>(row, "what was reported of a webhook")?;
                Ok(())
            }
            Family::Waiting => self.waiting(key),
            Family::Due => self.due(key),
            Family::Request => {
                rows::decode::<RequestRow>(row, "a remembered request")?;
                Ok(())
            }
            Family::State => self.state(key),
            Family::Timeline => self.timeline(key, row),
            Family::Token => {
                let id = keys::access_token::decode(key)?;
                rows::decode::<TokenRow>(row, "an access token")?.into_token(id)?;
                Ok(())
            }
            Family::Replayed => {
                let (_, _, id) = keys::event::decode_replayed(key)?;
                self.delivery(id)?.map(|_| ()).ok_or_else(|| Wrong::Record(format!("{id} is not there")))
            }
            Family::Expiry => {
                let (_, id) = keys::expiry::decode(key)?;
                self.delivery(id)?.map(|_| ()).ok_or_else(|| Wrong::Record(format!("{id} is not there")))
            }
            Family::Done => self.done(key, row),
        }
    }

    fn lane(&self, lane: Lane) -> Result<&LaneInfo, Wrong> {
        self.lanes.get(&lane).map(|info| &**info).ok_or_else(|| Wrong::Record(format!("nobody knows lane {}", lane.0)))
    }

    fn stored(&self, key: &[u8], id: DeliveryId) -> Result<Option<Stored>, Wrong> {
        let Some(row) = self.kv.get(key)? else { return Ok(None) };
        Ok(Some(Stored::decode(&row, id, self.lane(id.lane())?)?))
    }

    fn open_delivery(&self, id: DeliveryId) -> Result<Stored, Wrong> {
        let stored = self.stored(&keys::delivery::open(id), id)?;
        stored.ok_or_else(|| Wrong::Record(format!("{id} is not open")))
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<Stored>, Wrong> {
        match self.stored(&keys::delivery::open(id), id)? {
            None => self.stored(&keys::delivery::done(id), id),
            open => Ok(open),
        }
    }

    fn has(&self, key: &[u8]) -> Result<bool, Wrong> {
        Ok(self.kv.get(key)?.is_some())
    }

    fn meta(&self, key: &[u8], row: &Bytes) -> Finding {
        if key == keys::meta::identity() {
            let identity: IdentityRow = rows::decode(row, "the identity")?;
            ensure(identity.format == FORMAT, || format!("the format is {} and not {FORMAT}", identity.format))?;
            let highest = self.lanes.keys().map(|lane| lane.0).max().unwrap_or(0);
            return ensure(identity.next_lane > highest, || {
                format!("lane {} would be given again", identity.next_lane)
            });
        }
        if key == keys::meta::trimmed() {
            return Ok(rows::decode::<TrimmedRow>(row, "the beginning of the journal").map(|_| ())?);
        }
        if key == keys::meta::last_id() {
            rows::decode::<SequenceRow>(row, "the last id")?;
            return Ok(());
        }
        ensure(key == keys::meta::counted(), || format!("the key {} is unknown", key.escape_ascii()))?;
        let counted: SequenceRow = rows::decode(row, "the end of the counts")?;
        // Of a journal that retention has emptied, its beginning says where it ended.
        let trimmed = self.kv.get(&keys::meta::trimmed())?;
        let trimmed =
            trimmed.map(|row| rows::decode::<TrimmedRow>(&row, "the beginning of the journal")).transpose()?;
        let next = self.next_sequence.unwrap_or(trimmed.map_or(1, |trimmed| trimmed.sequence + 1));
        ensure(counted.sequence < next, || format!("counts go to {} and the journal to {}", counted.sequence, next - 1))
    }

    fn webhook(&self, key: &[u8], row: &Bytes) -> Finding {
        let id = keys::webhook::decode(Family::Webhook, key)?;
        let row: WebhookRow = rows::decode(row, "a webhook")?;
        let mut webhook: tenterhook_model::Webhook = serde_json::from_slice(&row.record)
            .map_err(|_| Wrong::Record(format!("{id}: its record cannot be read")))?;
        ensure(webhook.id == id, || format!("{id} is stored as {}", webhook.id))?;
        ensure(webhook.secrets_mut().len() == row.sealed.len(), || format!("{id} has not as many secrets as places"))?;
        let lane = self.lane(webhook.lane)?;
        ensure(lane.webhook == id && lane.removed.is_none(), || format!("{id} does not own lane {}", webhook.lane.0))
    }

    fn count(key: &[u8], row: &Bytes) -> Finding {
        match keys::count::decode(key)? {
            (_, keys::count::Span::Now, _) => rows::decode::<OpenRow>(row, "counts").map(|_| ())?,
            _ => rows::decode::<CountRow>(row, "counts").map(|_| ())?,
        }
        Ok(())
    }

    fn event(&self, key: &[u8], row: &Bytes) -> Finding {
        let (_, id) = keys::event::decode(key)?;
        let row: EventRow = rows::decode(row, "an event")?;
        for delivery in row.deliveries() {
            let stored = self.delivery(delivery)?;
            ensure(stored.is_some_and(|stored| stored.delivery.event_id == id), || format!("{id} lacks {delivery}"))?;
        }
        Ok(())
    }

    fn timeline(&self, key: &[u8], row: &Bytes) -> Finding {
        let (namespace, _) = keys::event::decode_timeline(key)?;
        let row: TimelineRow = rows::decode(row, "a block of the timeline")?;
        ensure(row.entries.is_sorted_by_key(|entry| entry.place), || {
            format!("a block of {namespace} is out of order")
        })?;
        for entry in row.entries {
            let id = entry.event_id()?;
            ensure(self.has(&keys::event::encode(&namespace, &id))?, || format!("{id} is not there"))?;
        }
        Ok(())
    }

    fn journal_block(&mut self, key: &[u8], row: &Bytes) -> Finding {
        let first = keys::journal::decode(key)?;
        let row: JournalRow = rows::decode(row, "a block of the journal")?;
        let expected = self.next_sequence.replace(first.0 + row.changes.len() as u64);
        ensure(!row.changes.is_empty(), || format!("the block {} is empty", first.0))?;
        let last = first.0 + row.changes.len() as u64 - 1;
        for (sequence, change) in (first.0..=last).zip(row.changes) {
            let lanes = |lane| match self.lanes.get(&lane) {
                Some(info) => Ok(info.clone()),
                None => Err(StoreError::Damaged(format!("nobody knows lane {}", lane.0))),
            };
            let change = change.into_change(Sequence(sequence), lanes)?;
            let delivery = change.delivery;
            self.journal.insert(delivery.id, (delivery.state, delivery.attempt_count));
        }
        ensure(expected.is_none_or(|expected| expected == first.0), || {
            format!("changes before {} are missing", first.0)
        })
    }

    fn attempt(&self, key: &[u8], row: &Bytes) -> Finding {
        let (id, number) = keys::attempt::decode(key)?;
        let attempt = rows::decode::<AttemptRow>(row, "an attempt")?.into_attempt()?;
        ensure(attempt.number == number, || format!("attempt {number} of {id} says it is {}", attempt.number))?;
        let stored = self.delivery(id)?;
        ensure(stored.is_some_and(|stored| number < stored.delivery.attempt_count), || {
            format!("attempt {number} of {id} has no delivery that goes beyond it")
        })
    }

    fn due(&self, key: &[u8]) -> Finding {
        let (millis, id) = keys::due::decode(key)?;
        let stored = self.open_delivery(id)?;
        let due = stored.delivery.next_attempt_time.map(keys::due_millis);
        ensure(stored.wait == Wait::Due && due == Some(millis), || format!("{id} is not due at {millis}"))
    }

    fn state(&self, key: &[u8]) -> Finding {
        let (state, id) = keys::state::decode(key)?;
        let stored = self.stored(&keys::delivery::done(id), id)?;
        ensure(stored.is_some_and(|stored| stored.delivery.state == state), || {
            format!("{id} is not {}", state.as_str())
        })
    }

    fn turn(&self, key: &[u8], row: &Bytes) -> Finding {
        let (_, ordering_key) = keys::order::decode_turn(key)?;
        let bits = row.as_ref().try_into().map_err(|_| Wrong::Record(format!("the turn of {ordering_key:?}")))?;
        let id = DeliveryId::from_bytes(bits);
        let stored = self.open_delivery(id)?;
        ensure(stored.wait != Wait::Turn && stored.delivery.ordering_key == ordering_key, || {
            format!("{id} has the turn of {ordering_key:?} and does not go by it")
        })
    }

    fn waiting(&self, key: &[u8]) -> Finding {
        let (ordering_key, id) = keys::order::decode_waiting(key)?;
        let stored = self.open_delivery(id)?;
        ensure(stored.wait == Wait::Turn && stored.delivery.ordering_key == ordering_key, || {
            format!("{id} does not wait for {ordering_key:?}")
        })?;
        ensure(self.has(&keys::order::turn(id.lane(), ordering_key))?, || format!("{id} waits and nobody has the turn"))
    }

    fn open(&self, key: &[u8], row: &Bytes) -> Finding {
        let id = keys::delivery::decode(Family::Open, key)?;
        let stored = Stored::decode(row, id, self.lane(id.lane())?)?;
        let delivery = &stored.delivery;
        ensure(!delivery.state.is_final(), || format!("{id} is {}", delivery.state.as_str()))?;
        let due = delivery.next_attempt_time.map(|time| (keys::due_millis(time), id));
        let waits = match (stored.wait, due) {
            (Wait::Fresh, Some(_)) => true,
            (Wait::Due, Some(place)) => self.has(&keys::due::encode(place))?,
            (Wait::Turn, None) => self.has(&keys::order::waiting(&delivery.ordering_key, id))?,
            _ => false,
        };
        ensure(waits, || format!("{id} waits nowhere"))?;
        let ordered = delivery.ordering_key.is_empty()
            || stored.wait == Wait::Turn
            || self.kv.get(&keys::order::turn(id.lane(), &delivery.ordering_key))?.as_deref() == Some(id.as_bytes());
        ensure(ordered, || format!("{id} is due and has not the turn of its ordering key"))?;
        ensure(!self.has(&keys::delivery::done(id))?, || format!("{id} is open and finished"))?;
        self.belongs(delivery)
    }

    fn done(&self, key: &[u8], row: &Bytes) -> Finding {
        let id = keys::delivery::decode(Family::Done, key)?;
        let stored = Stored::decode(row, id, self.lane(id.lane())?)?;
        let state = stored.delivery.state;
        ensure(state.is_final() && stored.wait == Wait::Nothing, || format!("{id} is {}", state.as_str()))?;
        if let Some(key) = keys::state::encode(state, id) {
            ensure(self.has(&key)?, || format!("{id} is not in the index of what is {}", state.as_str()))?;
        }
        self.belongs(&stored.delivery)
    }

    /// What must be there beside a delivery.
    fn belongs(&self, delivery: &Delivery) -> Finding {
        let id = delivery.id;
        let event = keys::event::encode(&delivery.namespace, &delivery.event_id);
        ensure(self.has(&event)?, || format!("{id} lacks its event {}", delivery.event_id))?;
        let last = delivery.last_attempt.as_ref().map_or(0, |attempt| attempt.number);
        ensure(last == delivery.attempt_count, || format!("{id} lacks its last attempt"))?;
        for number in 1..delivery.attempt_count {
            ensure(self.has(&keys::attempt::encode(id, number))?, || format!("{id} lacks its attempt {number}"))?;
        }
        let told = self.journal.get(&id).copied();
        let is = (delivery.state, delivery.attempt_count);
        ensure(told.is_none_or(|told| told == is), || format!("{id} is not as the journal says"))
    }
}
