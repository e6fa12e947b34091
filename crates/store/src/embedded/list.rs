//! Lists of deliveries, newest first: the ranges of the lanes in question, merged by id.

use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::{Delivery, DeliveryId, DeliveryState, Lane, limits};

use super::LaneInfo;
use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::keys::Family;
use crate::kv::{Kv, Span};
use crate::lock::read;
use crate::query::{DeliveryQuery, Page};
use crate::rows::delivery::Stored;

/// Rows that one page looks at; it ends early beyond this.
const LOOKED_AT: usize = 10_000;
/// Rows of one range that are read at a time: at least, and at most.
const CHUNK: (usize, usize) = (4, 128);

/// A range of one lane that a list reads backwards.
#[derive(Debug)]
struct Source {
    family: Family,
    lane: Lane,
    info: Arc<LaneInfo>,
    from: Vec<u8>,
    to: Vec<u8>,
    chunk: usize,
    read: VecDeque<(DeliveryId, Bytes)>,
    is_at_end: bool,
}

impl Source {
    /// The id of the next row, read if it must be.
    fn next_id(&mut self, kv: &dyn Kv) -> Result<Option<DeliveryId>, StoreError> {
        if self.read.is_empty() && !self.is_at_end {
            let rows = kv.range(Span::new(&self.from, &self.to, self.chunk).reversed())?;
            self.is_at_end = rows.len() < self.chunk;
            if let Some((last, _)) = rows.last() {
                self.to = last.to_vec();
            }
            for (key, row) in rows {
                let id = match self.family {
                    Family::State => keys::state::decode(&key)?.1,
                    family => keys::delivery::decode(family, &key)?,
                };
                debug_assert!(
                    self.read.back().is_none_or(|(before, _)| *before > id),
                    "a lane is read backwards: {id} would be passed over"
                );
                self.read.push_back((id, row));
            }
            self.chunk = (self.chunk * 2).min(CHUNK.1);
        }
        Ok(self.read.front().map(|(id, _)| *id))
    }
}

/// A page in the making.
struct Maker<'a> {
    query: &'a DeliveryQuery,
    items: Vec<Delivery>,
    bytes: usize,
    looked_at: usize,
}

impl Shared {
    /// A page of deliveries.
    pub(crate) fn deliveries(&self, query: &DeliveryQuery) -> Result<Page<Delivery>, StoreError> {
        let mut maker = Maker { query, items: Vec::new(), bytes: 0, looked_at: 0 };
        let before = query.after.as_deref().and_then(|cursor| cursor.try_into().ok()).map(DeliveryId::from_bytes);
        if !query.event_ids.is_empty() {
            return self.deliveries_of_events(maker, before);
        }
        let mut sources = self.sources(query, before);
        let mut heap = BinaryHeap::with_capacity(sources.len());
        // Open ones are read before finished ones, so that one on its way is met at least once.
        for (at, source) in sources.iter_mut().enumerate() {
            heap.extend(source.next_id(&self.kv)?.map(|id| (id, at)));
        }
        let mut last = None;
        while let Some((id, at)) = heap.pop() {
            let source = &mut sources[at];
            let (front, row) = source.read.pop_front().expect("a source in the heap has a row");
            assert_eq!(front, id, "the row of one delivery would be shown as another");
            if last != Some(id) {
                if maker.is_full() {
                    let next = last.map(|last: DeliveryId| last.as_bytes().to_vec());
                    return Ok(Page { items: maker.items, next });
                }
                let delivery = match source.family {
                    Family::State => self.find_delivery(id)?,
                    _ => Some(Stored::decode(&row, id, &source.info)?.delivery),
                };
                maker.look_at(delivery.map(|delivery| self.shown(delivery)));
                last = Some(id);
            }
            heap.extend(source.next_id(&self.kv)?.map(|id| (id, at)));
        }
        Ok(Page { items: maker.items, next: None })
    }

    fn deliveries_of_events(
        &self,
        mut maker: Maker<'_>,
        before: Option<DeliveryId>,
    ) -> Result<Page<Delivery>, StoreError> {
        let query = maker.query;
        let mut ids = Vec::new();
        for event in &query.event_ids {
            ids.extend(self.fan_out(&query.namespace, event)?);
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        ids.retain(|id| before.is_none_or(|before| *id < before));
        let mut last: Option<DeliveryId> = None;
        for some in ids.chunks(CHUNK.1) {
            let found = self.find_deliveries(some)?;
            assert_eq!(found.len(), some.len(), "each delivery that is asked for has its answer, or shows another");
            for (id, delivery) in some.iter().zip(found) {
                if maker.is_full() {
                    return Ok(Page { items: maker.items, next: last.map(|last| last.as_bytes().to_vec()) });
                }
                maker.look_at(delivery.map(|delivery| self.shown(delivery)));
                last = Some(*id);
            }
        }
        Ok(Page { items: maker.items, next: None })
    }

    /// The ranges that hold what the query asks for.
    fn sources(&self, query: &DeliveryQuery, before: Option<DeliveryId>) -> Vec<Source> {
        let lanes: Vec<(Lane, Arc<LaneInfo>)> = {
            let lanes = read(&self.lanes);
            let wanted = |info: &LaneInfo| {
                info.namespace == query.namespace
                    && (query.webhook_ids.is_empty() || query.webhook_ids.contains(&info.webhook))
            };
            lanes.iter().filter(|(_, info)| wanted(info)).map(|(lane, info)| (*lane, info.clone())).collect()
        };
        let chunk = (query.limit / lanes.len().max(1) + 1).clamp(CHUNK.0, CHUNK.1);
        let mut sources = Vec::new();
        for (family, state) in families(&query.states) {
            for (lane, info) in &lanes {
                let (from, to) = bounds(query, before, *lane, family, state);
                if from < to {
                    let (info, read) = (info.clone(), VecDeque::new());
                    sources.push(Source { family, lane: *lane, info, from, to, chunk, read, is_at_end: false });
                }
            }
        }
        sources.sort_by_key(|source| (source.family != Family::Open, source.lane));
        sources
    }
}

/// The families to read for some states, each with the state if it has an index.
fn families(states: &[DeliveryState]) -> Vec<(Family, Option<DeliveryState>)> {
    let wants = |state| states.is_empty() || states.contains(&state);
    let mut families = Vec::new();
    if [DeliveryState::Pending, DeliveryState::InFlight, DeliveryState::Retrying].into_iter().any(wants) {
        families.push((Family::Open, None));
    }
    if wants(DeliveryState::Succeeded) {
        families.push((Family::Done, None));
    } else {
        let indexed = keys::state::INDEXED.into_iter().filter(|state| wants(*state));
        families.extend(indexed.map(|state| (Family::State, Some(state))));
    }
    families
}

/// The part of a range that the query's times and its cursor leave.
fn bounds(
    query: &DeliveryQuery,
    before: Option<DeliveryId>,
    lane: Lane,
    family: Family,
    state: Option<DeliveryState>,
) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = match state {
        Some(state) => keys::state::of_lane(state, lane).expect("only states with an index come with their state"),
        None => keys::delivery::of_lane(family, lane),
    };
    // The milliseconds of an id are those of the delivery's time, cut or later by a little.
    let start = query.start_time.map_or(0, |time| time.millis_u48());
    let place = |millis: u64, rest: &[u8]| [&from, &millis.to_be_bytes()[2..], rest].concat();
    let first = place(start, &[]);
    // Whole ids compare across lanes: those of higher lanes at the same place come after the cursor.
    let last = before.map(|id| {
        let mut key = [&from, &id.as_bytes()[..12]].concat();
        if lane < id.lane() {
            key.push(0);
        }
        key
    });
    (first, last.map_or(to.clone(), |last| last.min(to)))
}

impl Maker<'_> {
    fn look_at(&mut self, delivery: Option<Delivery>) {
        self.looked_at += 1;
        let query = self.query;
        let Some(delivery) = delivery else { return };
        let matches = delivery.namespace == query.namespace
            && query.passes(&delivery)
            && query.start_time.is_none_or(|start| delivery.create_time >= start)
            && query.end_time.is_none_or(|end| delivery.create_time < end);
        if matches {
            debug_assert!(
                self.items.last().is_none_or(|last| last.id > delivery.id),
                "a page is newest first, and shows {} once",
                delivery.id
            );
            self.bytes += size_of(&delivery);
            self.items.push(delivery);
        }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.query.limit || self.bytes >= limits::PAGE_BYTES || self.looked_at >= LOOKED_AT
    }
}

/// Bytes of a delivery on a page, roughly.
fn size_of(delivery: &Delivery) -> usize {
    let attempt = delivery.last_attempt.as_ref().map_or(0, |attempt| {
        let header = |header: &tenterhook_model::Header| header.name.len() + header.value.len();
        let request = attempt.request.as_ref().map_or(0, |request| {
            request.url.len() + request.body.len() + request.headers.iter().map(header).sum::<usize>()
        });
        let response = attempt
            .response
            .as_ref()
            .map_or(0, |response| response.body.len() + response.headers.iter().map(header).sum::<usize>());
        request + response + attempt.error.len()
    });
    256 + delivery.event_type.len() + delivery.ordering_key.len() + attempt
}
