//! The engine of `redb:DIR`, on a disk that can fail.

mod faults;
mod power;
mod rig;

use std::collections::BTreeMap;
use std::io::ErrorKind;

use proptest::prelude::*;

use super::segment::{HEADER_BYTES, START_BYTES};
use super::*;
use rig::Rig;

/// The log that is written first.
const LOG: &str = "tenterhook.log.0";
/// The other one.
const OTHER_LOG: &str = "tenterhook.log.1";

/// Opens the store on a disk.
fn try_open(rig: &Rig) -> Result<RedbKv, OpenError> {
    let directory = tempfile::tempdir().unwrap();
    let place = StoreFolder::take(directory.path(), place::Holds::Redb)?;
    RedbKv::open_on(place, directory.path(), Arc::new(rig.clone()))
}

fn open(rig: &Rig) -> RedbKv {
    try_open(rig).unwrap()
}

fn put(kv: &RedbKv, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.put(key, value.to_vec());
    kv.commit(batch)
}

fn all(kv: &RedbKv) -> Vec<(String, usize)> {
    let pairs = kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap();
    pairs.into_iter().map(|(key, value)| (String::from_utf8(key.to_vec()).unwrap(), value.len())).collect()
}

/// The disk of a store that made three commits and was killed, and where each record ends.
fn three_commits() -> (Rig, Vec<usize>) {
    let rig = Rig::default();
    let kv = open(&rig);
    let ends = ["a", "b", "c"].map(|key| {
        put(&kv, key, b"value").unwrap();
        kv.log().end() as usize
    });
    (rig.after_kill(), ends.to_vec())
}

#[test]
fn a_commit_is_durable_before_the_file_has_it() {
    let (rig, _) = three_commits();
    let file = RedbFile::open(Path::new(""), Arc::new(rig.after_kill())).unwrap();
    assert_eq!(file.progress().unwrap(), file::Progress { last: 0, log_needed: true });
    let kv = open(&rig);
    assert_eq!(all(&kv), ["a", "b", "c"].map(|key| (key.to_owned(), 5)));
    assert_eq!(kv.shared.file.progress().unwrap().last, 3);
}

#[test]
fn a_store_that_was_closed_needs_no_log_and_one_that_was_killed_does() {
    let rig = Rig::default();
    let kv = open(&rig);
    put(&kv, "a", b"1").unwrap();
    let killed = rig.after_kill();
    drop(kv);
    for name in [LOG, OTHER_LOG] {
        rig.lose(name);
        killed.lose(name);
        let error = try_open(&killed).unwrap_err();
        assert!(error.to_string().contains("tenterhook.log.0 is missing"), "{error}");
    }
    let kv = open(&rig);
    assert_eq!(all(&kv), [("a".to_owned(), 1)]);
    put(&kv, "b", b"2").unwrap();
    assert_eq!(kv.log().last(), 2);
}

#[test]
fn a_record_that_was_cut_short_was_never_acknowledged() {
    let (rig, ends) = three_commits();
    let whole = rig.bytes(LOG);
    for length in ends[1]..ends[2] {
        // The append is torn; the file is as long as before.
        let mut torn = whole.clone();
        torn[length..].fill(0);
        rig.overwrite(LOG, torn);
        let kv = open(&rig.after_kill());
        assert_eq!(all(&kv).len(), 2, "{length} of {} bytes", ends[2]);
        put(&kv, "d", b"next").unwrap();
        assert_eq!(all(&kv).len(), 3);
    }
}

#[test]
fn a_file_that_was_cut_is_refused_wherever_it_was_and_left_as_it_is() {
    let (rig, _) = three_commits();
    for name in [LOG, OTHER_LOG] {
        let whole = rig.bytes(name);
        assert_eq!(whole.len() as u64, START_BYTES);
        for length in (0..whole.len()).step_by(4_099).chain([whole.len() - 1]) {
            rig.overwrite(name, whole[..length].to_vec());
            let error = try_open(&rig.after_kill()).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("store export --salvage"), "{length} bytes: {error}");
            assert_eq!(rig.bytes(name), whole[..length]);
        }
        rig.overwrite(name, whole);
    }
    assert_eq!(all(&open(&rig)).len(), 3);
}

#[test]
fn a_salvage_counts_what_the_log_has_lost() {
    let (rig, _) = three_commits();
    let whole = rig.bytes(LOG);
    let salvaged = || {
        let Replay { writes, missing, damaged_files } =
            Log::salvage(&rig.after_kill(), file::Progress { last: 0, log_needed: true });
        (writes.iter().count(), missing, damaged_files)
    };
    assert_eq!(salvaged(), (3, 0, 0));
    rig.overwrite(LOG, whole[..whole.len() - 1].to_vec());
    assert_eq!(salvaged(), (3, 0, 1), "cut short");
    let (header, records) = whole.split_at(HEADER_BYTES as usize);
    rig.overwrite(LOG, [header, &vec![0; records.len()]].concat());
    assert_eq!(salvaged(), (0, 2, 0), "the header names the second commit");
    rig.overwrite(LOG, vec![0; whole.len()]);
    assert_eq!(salvaged(), (0, 0, 1), "overwritten");
    rig.lose(LOG);
    assert_eq!(salvaged(), (0, 0, 1), "missing");
}

#[test]
fn commits_that_were_overwritten_with_zeros_are_missed_but_for_the_last() {
    let (rig, ends) = three_commits();
    let whole = rig.bytes(LOG);
    for from in [HEADER_BYTES as usize, ends[0], ends[1]] {
        let mut zeroed = whole.clone();
        zeroed[from..].fill(0);
        rig.overwrite(LOG, zeroed);
        let opened = try_open(&rig.after_kill());
        if from == ends[1] {
            // As a torn append leaves it: nobody can tell whether it was acknowledged.
            assert_eq!(all(&opened.unwrap()).len(), 2);
        } else {
            let error = opened.unwrap_err().to_string();
            assert!(error.contains("lacks the commits"), "{error}");
        }
    }
}

#[test]
fn damage_before_the_last_record_is_found_and_nothing_is_thrown_away() {
    let (rig, ends) = three_commits();
    let whole = rig.bytes(LOG);
    for at in HEADER_BYTES as usize..ends[1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 16;
        rig.overwrite(LOG, damaged.clone());
        let error = try_open(&rig.after_kill()).unwrap_err();
        assert!(error.to_string().contains("damaged"), "byte {at}: {error}");
        assert_eq!(rig.bytes(LOG), damaged);
    }
}

#[test]
fn a_log_that_does_not_go_on_where_the_file_ends_is_refused() {
    let (rig, ends) = three_commits();
    let whole = rig.bytes(LOG);
    let mut moved = whole.clone();
    moved.drain(HEADER_BYTES as usize..ends[0]);
    moved.resize(whole.len(), 0);
    rig.overwrite(LOG, moved);
    let error = try_open(&rig).unwrap_err();
    assert!(error.to_string().contains("lacks commit 1"), "{error}");
}

#[test]
fn a_log_without_a_header_is_read_from_its_start() {
    let (rig, ends) = three_commits();
    let records = rig.bytes(LOG)[HEADER_BYTES as usize..ends[2]].to_vec();
    // What the version before headers left: it did not say that the log was needed.
    let file = RedbFile::open(Path::new(""), Arc::new(rig.clone())).unwrap();
    file.need_log(false).unwrap();
    file.close();
    rig.overwrite(LOG, records);
    rig.lose(OTHER_LOG);
    let kv = open(&rig);
    assert_eq!(all(&kv).len(), 3);
    put(&kv, "d", b"next").unwrap();
    assert_eq!(all(&open(&rig.after_kill())).len(), 4);
}

#[test]
fn a_log_grows_with_its_commits_and_shrinks_when_the_store_is_compacted() {
    let rig = Rig::default();
    let mut kv = open(&rig);
    let value = vec![7; START_BYTES as usize];
    for key in ["a", "b", "c"] {
        put(&kv, key, &value).unwrap();
    }
    let grown = rig.bytes(LOG).len() as u64;
    assert!((3 * START_BYTES..=8 * START_BYTES).contains(&grown), "{grown}");
    assert_eq!(all(&open(&rig.after_kill())).len(), 3);
    kv.compact().unwrap();
    assert_eq!(rig.bytes(LOG).len() as u64, START_BYTES);
    put(&kv, "d", b"1").unwrap();
    assert_eq!(all(&open(&rig.after_kill())).len(), 4);
}

#[test]
fn records_of_older_commits_behind_the_newest_are_passed_over() {
    let rig = Rig::default();
    let kv = open(&rig);
    for key in ["a", "b", "c", "d"] {
        put(&kv, key, b"long enough to be behind it").unwrap();
    }
    // Twice, so that the first log is written again from its start.
    kv.move_all().unwrap();
    kv.move_all().unwrap();
    put(&kv, "e", b"5").unwrap();
    let kv = open(&rig.after_kill());
    assert_eq!(all(&kv).len(), 5);
    assert_eq!(kv.log().last(), 5);
}

#[test]
fn what_gathered_goes_into_the_file_while_more_gathers() {
    let rig = Rig::default();
    let kv = open(&rig);
    let value = vec![7; GATHER_BYTES / 4];
    for number in 0..13 {
        put(&kv, &format!("{number:02}"), &value).unwrap();
        assert_eq!(all(&kv).len(), number + 1);
        assert!(kv.shared.recent().gathering.bytes() <= GATHER_BYTES + value.len());
    }
    kv.shared.wait_until_moved().unwrap();
    assert_eq!(kv.shared.file.progress().unwrap().last, 12);
    assert_eq!(all(&open(&rig.after_kill())), all(&kv));
}

#[test]
fn a_file_that_cannot_be_written_stops_commits_before_memory_fills_and_loses_none() {
    let rig = Rig::default();
    let kv = open(&rig);
    rig.fail_writes(Some(("redb", ErrorKind::StorageFull)));
    let value = vec![7; GATHER_BYTES];
    let results: Vec<_> = (0..5).map(|number| put(&kv, &number.to_string(), &value)).collect();
    let made = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(made, 2, "{results:?}");
    assert!(matches!(results[4], Err(StoreError::Full)), "{results:?}");
    // The disk has room again.
    rig.fail_writes(None);
    rig.wait(faults::A_WHILE);
    assert_eq!(all(&kv).len(), made);
    put(&kv, "later", b"1").unwrap();
    assert_eq!(all(&kv).len(), made + 1);
    assert_eq!(all(&open(&rig.after_kill())), all(&kv));
}

/// What a step of the property test does: writes, or brings everything into the file.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(u8, Option<u8>)>),
    Move,
    Leave,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let writes = prop::collection::vec((0u8..24, prop::option::of(any::<u8>())), 0..12);
    prop_oneof![6 => writes.prop_map(Step::Commit), 1 => Just(Step::Move), 1 => Just(Step::Leave), 1 => Just(Step::Crash)]
}

fn expect(kv: &RedbKv, model: &BTreeMap<u8, u8>) {
    for (from, to, limit) in [(0, 99, 99), (3, 20, 5), (0, 99, 2), (7, 8, 1), (5, 24, 0)] {
        let (start, end) = ([from], [to]);
        let found =
            |span| -> Vec<_> { kv.range(span).unwrap().iter().map(|(key, value)| (key[0], value[0])).collect() };
        let expected: Vec<_> = model.range(from..to).map(|(key, value)| (*key, *value)).collect();
        assert_eq!(found(Span::new(&start, &end, limit)), expected[..limit.min(expected.len())]);
        let backwards: Vec<_> = expected.into_iter().rev().take(limit).collect();
        assert_eq!(found(Span::new(&start, &end, limit).reversed()), backwards);
    }
    for key in 0..24 {
        assert_eq!(kv.get(&[key]).unwrap().map(|value| value[0]), model.get(&key).copied());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn log_memory_and_file_are_one_map(steps in prop::collection::vec(step(), 1..24)) {
        let mut rig = Rig::default();
        let mut kv = open(&rig);
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Commit(writes) => {
                    let mut batch = Batch::default();
                    for (key, value) in writes {
                        match value {
                            Some(value) => { batch.put([key], vec![value]); model.insert(key, value); }
                            None => { batch.delete([key]); model.remove(&key); }
                        }
                    }
                    kv.commit(batch).unwrap();
                }
                Step::Move => kv.move_all().unwrap(),
                // What is on its way is read while the file does not have it yet.
                Step::Leave => {
                    let _ = kv.move_on(&mut kv.log());
                    expect(&kv, &model);
                }
                Step::Crash => {
                    rig = rig.after_power_loss();
                    kv = open(&rig);
                }
            }
            expect(&kv, &model);
        }
    }
}
