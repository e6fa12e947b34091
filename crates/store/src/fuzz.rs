//! Bodies of fuzz targets: keys, rows and logs of any bytes. Nothing on a disk may make the store
//! panic: it reads what it wrote, and reports the rest as damaged.

use bytes::Bytes;
use tenterhook_model::{DeliveryId, Lane, Namespace, TokenId, WebhookId};

use crate::keys::{self, Family};
use crate::kv;
use crate::query::Sequence;
use crate::rows;
use crate::rows::access_token::TokenRow;
use crate::rows::attempt::AttemptRow;
use crate::rows::count::{CountRow, OpenRow};
use crate::rows::delivery::Stored;
use crate::rows::event::{EventRow, TimelineRow};
use crate::rows::journal::JournalRow;
use crate::rows::lane::LaneInfo;
use crate::rows::meta::{IdentityRow, SequenceRow, TrimmedRow};
use crate::rows::notice::{NoticeRow, ReportRow};
use crate::rows::webhook::{HealthRow, LaneRow, RequestRow, WebhookRow};

/// Reads a log of any bytes; the first is the number of the last commit that the file has.
///
/// # Panics
/// When a log that is read does not hold what its format promises.
pub fn log_records(data: &[u8]) {
    kv::fuzz_log(data);
}

/// Reads a key and a row of any bytes. A key that is read is written again as it was.
///
/// # Panics
/// When a key changes.
pub fn keys_and_rows(data: &[u8]) {
    for (key, again) in read_keys(data) {
        assert_eq!(again, data, "a key of {key}");
    }
    let _unreadable = read_rows(&Bytes::copy_from_slice(data));
    // Nearly no row of chance has the right checksum, so the rest is tried with it.
    let _unreadable = read_rows(&rows::framed(data).into());
}

/// The families of which `key` is one, each with the key as it is written again.
fn read_keys(key: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let id = |family| keys::delivery::decode(family, key);
    let found = [
        ("an attempt", keys::attempt::decode(key).ok().map(|(id, number)| keys::attempt::encode(id, number))),
        ("counts", keys::count::decode(key).ok().map(|(lane, span, start)| keys::count::encode(lane, span, start))),
        ("an open delivery", id(Family::Open).ok().map(keys::delivery::open)),
        ("a finished delivery", id(Family::Done).ok().map(keys::delivery::done)),
        ("a due delivery", keys::due::decode(key).ok().map(keys::due::encode)),
        ("an event", keys::event::decode(key).ok().map(|(namespace, id)| keys::event::encode(&namespace, &id))),
        (
            "a timeline",
            keys::event::decode_timeline(key).ok().map(|(name, moment)| keys::event::timeline(&name, moment)),
        ),
        (
            "a replay",
            keys::event::decode_replayed(key).ok().map(|(name, id, to)| keys::event::replayed(&name, &id, to)),
        ),
        ("an expiry", keys::expiry::decode(key).ok().map(keys::expiry::encode)),
        ("the journal", keys::journal::decode(key).ok().map(keys::journal::encode)),
        ("a turn", keys::order::decode_turn(key).ok().map(|(lane, text)| keys::order::turn(lane, text))),
        ("one that waits", keys::order::decode_waiting(key).ok().map(|(text, id)| keys::order::waiting(text, id))),
        ("a state", keys::state::decode(key).ok().and_then(|(state, id)| keys::state::encode(state, id))),
        ("a webhook", keys::webhook::decode(Family::Webhook, key).ok().map(keys::webhook::encode)),
        ("health", keys::webhook::decode(Family::Health, key).ok().map(keys::webhook::health)),
        ("an access token", keys::access_token::decode(key).ok().map(keys::access_token::encode)),
        ("a notice", keys::notice::decode(key).ok().map(keys::notice::encode)),
        ("a report", keys::notice::decode_report(key).ok().map(keys::notice::report)),
        ("a lane", keys::webhook::decode_lane(key).ok().map(keys::webhook::lane)),
    ];
    found.into_iter().filter_map(|(name, again)| Some((name, again?))).collect()
}

/// Reads the row as every kind of row that there is. The result says nothing: only a panic counts.
fn read_rows(row: &Bytes) -> usize {
    let lane = LaneInfo {
        webhook: WebhookId::from_bytes([1; 16]),
        namespace: Namespace::default(),
        removed: None,
        emptied: None,
    };
    let id = DeliveryId::from_bytes([1; 16]);
    let attempt = rows::decode::<AttemptRow>(row, "an attempt").and_then(AttemptRow::into_attempt);
    let event = rows::decode::<EventRow>(row, "an event").map(|row| {
        let deliveries = row.deliveries().len();
        (row.into_event(Namespace::default(), "e".parse().expect("it is an id")), deliveries)
    });
    let timeline = rows::decode::<TimelineRow>(row, "a block of the timeline");
    let timeline = timeline.map(|row| row.entries.iter().filter(|entry| entry.event_id().is_ok()).count());
    let journal = rows::decode::<JournalRow>(row, "a block of the journal").map(|block| {
        let changes = block.changes.into_iter().zip(1..);
        changes.filter_map(|(row, at)| row.into_change(Sequence(at), |_: Lane| Ok(lane.clone().into())).ok()).count()
    });
    let token = rows::decode::<TokenRow>(row, "a token").and_then(|row| row.into_token(TokenId::from_bytes([1; 16])));
    let known = [
        token.is_ok(),
        attempt.is_ok(),
        event.is_ok(),
        timeline.is_ok(),
        journal.is_ok(),
        Stored::decode(row, id, &lane).is_ok(),
        rows::decode::<CountRow>(row, "counts").is_ok(),
        rows::decode::<OpenRow>(row, "counts").is_ok(),
        rows::decode::<HealthRow>(row, "health").is_ok(),
        rows::decode::<LaneRow>(row, "a lane").is_ok(),
        rows::decode::<RequestRow>(row, "a remembered request").is_ok(),
        rows::decode::<WebhookRow>(row, "a webhook").is_ok(),
        rows::decode::<NoticeRow>(row, "a notice").is_ok(),
        rows::decode::<ReportRow>(row, "a report").is_ok(),
        rows::decode::<IdentityRow>(row, "the identity").is_ok(),
        rows::decode::<SequenceRow>(row, "a sequence").is_ok(),
        rows::decode::<TrimmedRow>(row, "the beginning of the journal").is_ok(),
    ];
    known.into_iter().filter(|is_known| *is_known).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_fixtures::mutate;

    #[test]
    fn keys_and_rows_of_any_bytes_are_read_or_refused() {
        mutate::each("keys_and_rows", 5_000, keys_and_rows);
    }

    #[test]
    fn logs_of_any_bytes_are_read_or_refused() {
        mutate::each("log_records", 2_000, log_records);
    }

    #[test]
    fn the_corpus_has_a_key_of_each_kind_and_rows_that_decode() {
        let (mut families, mut rows) = (std::collections::BTreeSet::new(), 0);
        mutate::each("keys_and_rows", 0, |data| {
            families.extend(read_keys(data).into_iter().map(|(name, _)| name));
            rows += usize::from(read_rows(&Bytes::copy_from_slice(data)) > 0);
        });
        assert_eq!(families.len(), 16, "{families:?}");
        assert!(rows >= 8, "{rows} rows of the corpus decode");
    }
}
