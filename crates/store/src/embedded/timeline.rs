//! Lists of events, newest first, along the timeline of their namespace.

use std::sync::Arc;

use tenterhook_model::{Event, Namespace, limits};

use super::shared::Shared;
use crate::error::StoreError;
use crate::keys;
use crate::kv::{Kv, Span};
use crate::query::{EventQuery, Page};
use crate::rows;
use crate::rows::event::TimelineRow;

/// Blocks that are read at a time.
const CHUNK: usize = 16;
/// Events that one page looks at; it ends early beyond this.
const LOOKED_AT: usize = 10_000;
/// Bytes of a block's key that tell its moment.
const MOMENT: usize = 12;

/// A page in the making.
struct Maker<'a> {
    query: &'a EventQuery,
    items: Vec<Arc<Event>>,
    bytes: usize,
    looked_at: usize,
}

impl Shared {
    /// Namespaces that hold events, from `from` on: one look for each, however many events it holds.
    pub(crate) fn namespaces(&self, from: Option<&Namespace>, limit: usize) -> Result<Vec<Namespace>, StoreError> {
        let (mut next, end) = keys::event::timelines_from(from);
        let mut found: Vec<Namespace> = Vec::new();
        while found.len() < limit {
            let blocks = self.kv.range(Span::new(&next, &end, 1))?;
            let Some((key, _)) = blocks.first() else { break };
            let (namespace, _) = keys::event::decode_timeline(key)?;
            assert_ne!(found.last(), Some(&namespace), "the range after a timeline begins with another");
            next = keys::event::timeline_of(&namespace).1;
            found.push(namespace);
        }
        Ok(found)
    }

    /// A page of events.
    pub(crate) fn events(&self, query: &EventQuery) -> Result<Page<Arc<Event>>, StoreError> {
        let mut maker = Maker { query, items: Vec::new(), bytes: 0, looked_at: 0 };
        if !query.event_ids.is_empty() {
            return self.events_by_id(maker);
        }
        let (from, mut to) = keys::event::timeline_of(&query.namespace);
        let mut before_place = u32::MAX;
        if let Some((moment, place)) = query.after.as_deref().and_then(cursor) {
            to = [from.as_slice(), moment].concat();
            to.push(0);
            before_place = place;
        }
        loop {
            let blocks = self.kv.range(Span::new(&from, &to, CHUNK).reversed())?;
            for (key, row) in &blocks {
                // An event is stored after it was published, if only by a moment.
                let (_, (stored, _)) = keys::event::decode_timeline(key)?;
                if query.start_time.is_some_and(|start| stored < start.millis_u48()) {
                    return Ok(Page { items: maker.items, next: None });
                }
                let row: TimelineRow = rows::decode(row, "a block of the timeline")?;
                for entry in row.entries.iter().rev().filter(|entry| entry.place < before_place) {
                    let event = self.find_event(&query.namespace, &entry.event_id()?)?;
                    maker.look_at(event);
                    if maker.is_full() {
                        let next = [&key[key.len() - MOMENT..], &entry.place.to_be_bytes()].concat();
                        return Ok(Page { items: maker.items, next: Some(next) });
                    }
                }
                before_place = u32::MAX;
            }
            match blocks.last() {
                Some((last, _)) if blocks.len() == CHUNK => to = last.to_vec(),
                _ => return Ok(Page { items: maker.items, next: None }),
            }
        }
    }

    /// Those of the wanted events that are there, newest first; there are few, so they are one page.
    fn events_by_id(&self, mut maker: Maker<'_>) -> Result<Page<Arc<Event>>, StoreError> {
        let query = maker.query;
        let mut ids: Vec<_> = query.event_ids.iter().collect();
        ids.sort();
        ids.dedup();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.find_event(&query.namespace, id)?);
        }
        found.sort_by(|a, b| (b.publish_time, &b.id).cmp(&(a.publish_time, &a.id)));
        let skip = query.after.as_deref().and_then(|cursor| cursor.try_into().ok()).map_or(0, u32::from_be_bytes);
        let total = found.len();
        for (at, event) in found.into_iter().enumerate().skip(skip as usize) {
            maker.look_at(Some(event));
            if maker.is_full() && at + 1 < total {
                let next = (at as u32 + 1).to_be_bytes().to_vec();
                return Ok(Page { items: maker.items, next: Some(next) });
            }
        }
        Ok(Page { items: maker.items, next: None })
    }
}

impl Maker<'_> {
    fn look_at(&mut self, event: Option<Event>) {
        self.looked_at += 1;
        let query = self.query;
        let Some(event) = event else { return };
        let has = |(key, value): (&String, &String)| event.attributes.get(key) == Some(value);
        let matches = query.start_time.is_none_or(|start| event.publish_time >= start)
            && query.end_time.is_none_or(|end| event.publish_time < end)
            && query.attributes.iter().all(has);
        if matches {
            self.bytes += event.size();
            self.items.push(Arc::new(event));
        }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.query.limit || self.bytes >= limits::PAGE_BYTES || self.looked_at >= LOOKED_AT
    }
}

/// The moment of a block and the place in it that a page ended at.
fn cursor(cursor: &[u8]) -> Option<(&[u8], u32)> {
    let (moment, place) = cursor.split_at_checked(MOMENT)?;
    Some((moment, u32::from_be_bytes(place.try_into().ok()?)))
}
