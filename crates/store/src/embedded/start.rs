//! Opening a store: who it is, its webhooks, the end of its journal and what it counts.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tenterhook_model::{Entropy, Lane, OsEntropy, Timestamp, WebhookHealth, WebhookId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::journal::find_span;
use super::notices;
use super::shared::Shared;
use super::writer::{State, Worker};
use super::{LaneInfo, StoreOptions};
use crate::counts::Counts;
use crate::error::{OpenError, StoreError};
use crate::inbox::Inbox;
use crate::keys;
use crate::keys::Family;
use crate::keys::count::Span as CountSpan;
use crate::kv::{Batch, Kv, Pair, Span, Watched};
use crate::query::{JournalSpan, Sequence};
use crate::queue::Queues;
use crate::record::{TokenSet, WebhookSet};
use crate::rows;
use crate::rows::access_token::TokenRow;
use crate::rows::count::OpenRow;
use crate::rows::journal::JournalRow;
use crate::rows::meta::{IdentityRow, SequenceRow};
use crate::rows::webhook::{HealthRow, LaneRow, WebhookRow};
use crate::seal::{Sealer, SealingKey};
use crate::stats::Open;
use crate::tail::Tail;

/// The form of keys and rows that this code reads and writes.
pub(crate) const FORMAT: u32 = 1;
/// The version of this code.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Milliseconds by which records may be ahead of the clock without a word: clocks are adjusted.
const CLOCK_SLACK_MS: u64 = 1_000;
/// Rows that are read at a time.
const CHUNK: usize = 256;

/// What the store says of itself.
pub(crate) fn identity(sealer: &Sealer, state: &State) -> IdentityRow {
    let (epoch, next_lane, version) = (state.epoch, state.next_lane, VERSION.to_owned());
    IdentityRow { format: FORMAT, epoch, next_lane, seal: sealer.probe(), version }
}

/// Opens the store in `kv`, or makes it if there is none.
pub(crate) fn open(kv: Box<dyn Kv>, options: StoreOptions) -> Result<(Arc<Shared>, Worker), OpenError> {
    let sealer = Sealer::new(&options.sealing_key, options.entropy.clone());
    let identity = identify(&*kv, &sealer, &*options.entropy)?;
    let (span, last_time) = find_span(&*kv, identity.epoch)?;
    let webhooks = read_webhooks(&*kv, &sealer)?;
    let (tokens, lanes) = (read_tokens(&*kv)?, read_lanes(&*kv)?);
    let saved_floor = last_id(&*kv)?;
    // Past everything of the lives before, even if the clock was set back since: an id that is
    // made now is in a millisecond of this life only.
    let last_millis = last_time.max(last_publication(&*kv)?).millis_u48().max(saved_floor);
    let now = options.clock.now();
    if last_millis > now.millis_u48() + CLOCK_SLACK_MS {
        let ahead = Duration::from_millis(last_millis - now.millis_u48());
        tracing::warn!(
            ?ahead,
            "the store has records of a later time than the clock's: times follow the clock, ids go on rising"
        );
    }
    let counts = read_counts(&*kv, &lanes, span, now)?;
    let removals: VecDeque<Lane> = removed_with_open(&*kv, &lanes)?;
    let mut queues = Queues::default();
    for webhook in webhooks.by_id.values() {
        queues.webhook(webhook, false, options.clock.now().millis_u48());
    }
    let names = webhooks
        .by_id
        .values()
        .map(|webhook| ((webhook.namespace.clone(), webhook.spec.display_name.clone()), webhook.id));
    let state = State {
        next_sequence: span.last.0 + 1,
        last_time: now,
        last_tick: Instant::now(),
        last_id: (last_millis + 1, 0),
        saved_floor,
        next_lane: identity.next_lane,
        epoch: identity.epoch,
        names: names.collect(),
        removals,
        expiry: Default::default(),
        replaced: 0,
        reported: notices::read(&*kv)?,
    };
    let next_expiry = first_expiry(&*kv)?;
    let (inbox, receiver) = Inbox::new();
    let shared = Arc::new(Shared {
        health: RwLock::new(read_health(&*kv)?),
        kv: Watched::new(kv),
        clock: options.clock,
        sealer,
        reads: options.reads,
        observer: options.observer,
        operational_events: options.operational_events,
        inbox,
        webhooks: RwLock::new(Arc::new(webhooks)),
        tokens: RwLock::new(Arc::new(tokens)),
        lanes: RwLock::new(lanes),
        queues: Mutex::new(queues),
        tail: Mutex::new(Tail::new(span)),
        counts: Mutex::new(counts),
        failure: Mutex::new(None),
        next_expiry: AtomicU64::new(next_expiry),
        deadline_bell: Notify::new(),
        due_bell: Notify::new(),
        journal_bell: Notify::new(),
        notice_bell: Notify::new(),
        room: Notify::new(),
    });
    shared.due_bell.notify_one();
    Ok((shared.clone(), Worker { shared, inbox: receiver, state, next: None }))
}

/// Reads who the store is, or writes it into an empty one.
fn identify(kv: &dyn Kv, sealer: &Sealer, entropy: &dyn Entropy) -> Result<IdentityRow, OpenError> {
    if let Some(row) = kv.get(&keys::meta::identity())? {
        let identity: IdentityRow = rows::decode(&row, "the identity of the store")?;
        check_format(&identity)?;
        if !sealer.fits(&identity.seal) {
            return Err(OpenError::SealingKey);
        }
        return Ok(identity);
    }
    if !kv.range(Span::new(&[], &[u8::MAX], 1))?.is_empty() {
        return Err(OpenError::Foreign);
    }
    let mut epoch = [0; 8];
    entropy.fill(&mut epoch);
    let epoch = u64::from_be_bytes(epoch);
    let identity =
        IdentityRow { format: FORMAT, epoch, next_lane: 1, seal: sealer.probe(), version: VERSION.to_owned() };
    let mut batch = Batch::default();
    batch.put(keys::meta::identity(), rows::encode(&identity));
    kv.commit(batch)?;
    Ok(identity)
}

/// Whether a store that was made before is one of ours, of this format and sealed with `key`.
pub(crate) fn recognise(kv: &dyn Kv, key: Option<&SealingKey>) -> Result<(), OpenError> {
    let Some(row) = kv.get(&keys::meta::identity())? else {
        let is_empty = kv.range(Span::new(&[], &[u8::MAX], 1))?.is_empty();
        return if is_empty { Ok(()) } else { Err(OpenError::Foreign) };
    };
    let identity: IdentityRow = rows::decode(&row, "the identity of the store")?;
    check_format(&identity)?;
    let key = key.ok_or(OpenError::SealingKey)?;
    // Nothing is sealed here, so no chance is needed.
    if Sealer::new(key, Arc::new(OsEntropy)).fits(&identity.seal) { Ok(()) } else { Err(OpenError::SealingKey) }
}

/// Refuses a store of another format, before anything of it is read by the rules of this one.
pub(crate) fn check_format(identity: &IdentityRow) -> Result<(), OpenError> {
    let IdentityRow { format: found, version, .. } = identity;
    if *found == FORMAT {
        return Ok(());
    }
    Err(OpenError::Format { found: *found, known: FORMAT, version: version.clone() })
}

/// The millisecond in which the first event of an open delivery expires.
fn first_expiry(kv: &dyn Kv) -> Result<u64, StoreError> {
    let (from, to) = Family::Expiry.range();
    let first = kv.range(Span::new(&from, &to, 1))?;
    first.first().map_or(Ok(u64::MAX), |(key, _)| Ok(keys::expiry::decode(key)?.0))
}

/// The millisecond of ids that was reached while the clock was behind it; 0 when it never was.
fn last_id(kv: &dyn Kv) -> Result<u64, StoreError> {
    let Some(row) = kv.get(&keys::meta::last_id())? else { return Ok(0) };
    Ok(rows::decode::<SequenceRow>(&row, "the last id")?.sequence)
}

/// When the newest event that is kept was published, in whole milliseconds.
fn last_publication(kv: &dyn Kv) -> Result<Timestamp, StoreError> {
    let (mut from, to) = Family::Timeline.range();
    let mut last = Timestamp::MIN;
    while let Some((key, _)) = kv.range(Span::new(&from, &to, 1))?.first() {
        let (start, end) = keys::event::timeline_of(&keys::event::decode_timeline(key)?.0);
        for (key, _) in kv.range(Span::new(&start, &end, 1).reversed())? {
            let (_, (millis, _)) = keys::event::decode_timeline(&key)?;
            last = last.max(Timestamp::from_millis(millis as i64));
        }
        from = end;
    }
    Ok(last)
}

/// Hands every pair of a family to `each`.
pub(crate) fn scan(
    kv: &dyn Kv,
    family: Family,
    mut each: impl FnMut(&Pair) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut from, to) = family.range();
    loop {
        let pairs = kv.range(Span::new(&from, &to, CHUNK))?;
        pairs.iter().try_for_each(&mut each)?;
        match pairs.last() {
            Some((last, _)) if pairs.len() == CHUNK => from = keys::after(last),
            _ => return Ok(()),
        }
    }
}

fn read_webhooks(kv: &dyn Kv, sealer: &Sealer) -> Result<WebhookSet, StoreError> {
    let mut set = WebhookSet::default();
    scan(kv, Family::Webhook, |(_, row)| {
        let row: WebhookRow = rows::decode(row, "a webhook")?;
        let webhook = sealer.webhook(&row)?;
        set.by_lane.insert(webhook.lane, webhook.id);
        set.by_id.insert(webhook.id, Arc::new(webhook));
        Ok(())
    })?;
    set.count_subscribers();
    Ok(set)
}

fn read_tokens(kv: &dyn Kv) -> Result<TokenSet, StoreError> {
    let mut set = TokenSet::default();
    scan(kv, Family::Token, |(key, row)| {
        let id = keys::access_token::decode(key)?;
        let token = rows::decode::<TokenRow>(row, "an access token")?.into_token(id)?;
        if set.of_hash(&token.hash).is_some() {
            return Err(StoreError::Damaged(format!("the token {id} has the secret of another")));
        }
        set.insert(Arc::new(token));
        Ok(())
    })?;
    Ok(set)
}

fn read_lanes(kv: &dyn Kv) -> Result<HashMap<Lane, Arc<LaneInfo>>, StoreError> {
    let mut lanes = HashMap::new();
    scan(kv, Family::Lane, |(key, row)| {
        lanes.insert(keys::webhook::decode_lane(key)?, Arc::new(lane_info(row)?));
        Ok(())
    })?;
    Ok(lanes)
}

/// Whose lane a row says it is.
pub(crate) fn lane_info(row: &bytes::Bytes) -> Result<LaneInfo, StoreError> {
    let damaged = || StoreError::Damaged("a lane".into());
    let row: LaneRow = rows::decode(row, "a lane")?;
    Ok(LaneInfo {
        webhook: WebhookId::from_bytes(row.webhook_id.as_ref().try_into().map_err(|_| damaged())?),
        namespace: row.namespace.parse().map_err(|_| damaged())?,
        removed: row.removed.map(rows::Time::get),
        emptied: row.emptied.map(Sequence),
    })
}

fn read_health(kv: &dyn Kv) -> Result<HashMap<WebhookId, WebhookHealth>, StoreError> {
    let mut all = HashMap::new();
    scan(kv, Family::Health, |(key, row)| {
        let row: HealthRow = rows::decode(row, "health")?;
        let health = serde_json::from_slice(&row.record).map_err(|_| StoreError::Damaged("health".into()))?;
        all.insert(keys::webhook::decode(Family::Health, key)?, health);
        Ok(())
    })?;
    Ok(all)
}

/// The counts on disk, and what the journal says since.
fn read_counts(
    kv: &dyn Kv,
    lanes: &HashMap<Lane, Arc<LaneInfo>>,
    span: JournalSpan,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let mut open = HashMap::with_capacity(lanes.len());
    let all: Vec<Lane> = lanes.keys().copied().collect();
    for some in all.chunks(CHUNK) {
        let rows =
            kv.get_many(&some.iter().map(|lane| keys::count::encode(*lane, CountSpan::Now, 0)).collect::<Vec<_>>())?;
        for (lane, row) in some.iter().zip(rows).filter_map(|(lane, row)| Some((lane, row?))) {
            let OpenRow { pending, retrying } = rows::decode(&row, "counts")?;
            open.insert(*lane, Open { pending, retrying });
        }
    }
    let written = match kv.get(&keys::meta::counted())? {
        Some(row) => Sequence(rows::decode::<SequenceRow>(&row, "the end of the counts")?.sequence),
        None => Sequence(0),
    };
    let mut counts = Counts::new(open, written, now);
    let mut next = written.0 + 1;
    while next <= span.last.0 {
        next = count_block(kv, &mut counts, next)?;
    }
    Ok(counts)
}

/// Counts the rest of the block of the journal that holds the change `next`; answers the next one.
fn count_block(kv: &dyn Kv, counts: &mut Counts, next: u64) -> Result<u64, StoreError> {
    let (from, _) = Family::Journal.range();
    let to = keys::after(&keys::journal::encode(Sequence(next)));
    let found = kv.range(Span::new(&from, &to, 1).reversed())?;
    let gap = || StoreError::Damaged(format!("the journal has no change {next}"));
    let (key, row) = found.first().ok_or_else(gap)?;
    let first = keys::journal::decode(key)?.0;
    let row: JournalRow = rows::decode(row, "a block of the journal")?;
    let end = first + row.changes.len() as u64;
    if end <= next {
        return Err(gap());
    }
    for (sequence, change) in (first..).zip(row.changes).skip_while(|(sequence, _)| *sequence < next) {
        counts.count(change.counted(Sequence(sequence))?);
    }
    Ok(end)
}

/// Lanes of removed webhooks that still have open deliveries.
fn removed_with_open(kv: &dyn Kv, lanes: &HashMap<Lane, Arc<LaneInfo>>) -> Result<VecDeque<Lane>, StoreError> {
    let mut found = VecDeque::new();
    for (lane, _) in lanes.iter().filter(|(_, info)| info.removed.is_some()) {
        let (from, to) = keys::delivery::of_lane(Family::Open, *lane);
        if !kv.range(Span::new(&from, &to, 1))?.is_empty() {
            found.push_back(*lane);
        }
    }
    found.make_contiguous().sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryKv;
    use crate::seal::SealingKey;

    /// Chance that has none.
    #[derive(Debug)]
    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn a_store_of_a_later_version_is_refused_with_that_version_and_left_as_it_is() {
        let (kv, sealer) = (MemoryKv::default(), Sealer::new(&SealingKey::new([1; 32]), Arc::new(Zeros)));
        let identity = identify(&kv, &sealer, &Zeros).unwrap();
        assert_eq!(identity.version, VERSION);
        let later = IdentityRow { format: FORMAT + 1, version: "7.1.0".to_owned(), ..identity };
        let mut batch = Batch::default();
        batch.put(keys::meta::identity(), rows::encode(&later));
        kv.commit(batch).unwrap();
        let error = identify(&kv, &sealer, &Zeros).unwrap_err().to_string();
        assert!(error.contains("use version 7.1.0 or a later one"), "{error}");
        let row = kv.get(&keys::meta::identity()).unwrap().unwrap();
        assert_eq!(rows::decode::<IdentityRow>(&row, "the identity").unwrap(), later);
    }
}
