use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// The log that is written first.
const LOG: &str = "tenterhook.log.0";

fn put(kv: &RedbKv, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.put(key, value.to_vec());
    kv.commit(batch)
}

fn all(kv: &RedbKv) -> Vec<(String, usize)> {
    let pairs = kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap();
    pairs.into_iter().map(|(key, value)| (String::from_utf8(key.to_vec()).unwrap(), value.len())).collect()
}

/// What a loss of power leaves of a store that is open: its files as they are.
fn image(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn log_file(directory: &TempDir) -> PathBuf {
    directory.path().join(LOG)
}

/// A store that made three commits, as a loss of power leaves it, and where each record ends.
fn three_commits() -> (TempDir, Vec<usize>) {
    let directory = tempfile::tempdir().unwrap();
    let kv = RedbKv::open(directory.path()).unwrap();
    let ends = ["a", "b", "c"].map(|key| {
        put(&kv, key, b"value").unwrap();
        fs::metadata(log_file(&directory)).unwrap().len() as usize
    });
    (image(directory.path()), ends.to_vec())
}

#[test]
fn a_commit_is_durable_before_the_file_has_it() {
    let (image, _) = three_commits();
    assert_eq!(RedbFile::open(image.path()).unwrap().last_commit().unwrap(), 0);
    let kv = RedbKv::open(image.path()).unwrap();
    assert_eq!(all(&kv), ["a", "b", "c"].map(|key| (key.to_owned(), 5)));
    assert_eq!(kv.shared.file.last_commit().unwrap(), 3);
}

#[test]
fn a_store_that_was_closed_needs_no_log() {
    let directory = tempfile::tempdir().unwrap();
    put(&RedbKv::open(directory.path()).unwrap(), "a", b"1").unwrap();
    fs::remove_file(log_file(&directory)).unwrap();
    let kv = RedbKv::open(directory.path()).unwrap();
    assert_eq!(all(&kv), [("a".to_owned(), 1)]);
    put(&kv, "b", b"2").unwrap();
    assert_eq!(kv.log().last(), 2);
}

#[test]
fn a_record_that_was_cut_short_was_never_acknowledged() {
    let (image, ends) = three_commits();
    let whole = fs::read(log_file(&image)).unwrap();
    for length in ends[1]..ends[2] {
        fs::write(log_file(&image), &whole[..length]).unwrap();
        let directory = self::image(image.path());
        let kv = RedbKv::open(directory.path()).unwrap();
        assert_eq!(all(&kv).len(), 2, "{length} of {} bytes", ends[2]);
        put(&kv, "d", b"next").unwrap();
        assert_eq!(all(&kv).len(), 3);
    }
}

#[test]
fn damage_before_the_last_record_is_found_and_nothing_is_thrown_away() {
    let (image, ends) = three_commits();
    let whole = fs::read(log_file(&image)).unwrap();
    for at in 0..ends[1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 16;
        fs::write(log_file(&image), &damaged).unwrap();
        let error = RedbKv::open(image.path()).unwrap_err();
        assert!(error.to_string().contains("damaged"), "byte {at}: {error}");
        assert_eq!(fs::read(log_file(&image)).unwrap(), damaged);
    }
}

#[test]
fn a_log_that_does_not_go_on_where_the_file_ends_is_refused() {
    let (image, ends) = three_commits();
    let whole = fs::read(log_file(&image)).unwrap();
    fs::write(log_file(&image), &whole[ends[0]..]).unwrap();
    let error = RedbKv::open(image.path()).unwrap_err();
    assert!(error.to_string().contains("lacks commit 1"), "{error}");
}

#[test]
fn records_of_older_commits_behind_the_newest_are_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let kv = RedbKv::open(directory.path()).unwrap();
    for key in ["a", "b", "c", "d"] {
        put(&kv, key, b"long enough to stand behind").unwrap();
    }
    // Twice, so that the first log is written again from its start.
    kv.move_all().unwrap();
    kv.move_all().unwrap();
    put(&kv, "e", b"5").unwrap();
    let kv = RedbKv::open(image(directory.path()).path()).unwrap();
    assert_eq!(all(&kv).len(), 5);
    assert_eq!(kv.log().last(), 5);
}

#[test]
fn what_gathered_goes_into_the_file_while_more_gathers() {
    let directory = tempfile::tempdir().unwrap();
    let kv = RedbKv::open(directory.path()).unwrap();
    let value = vec![7; GATHER_BYTES / 4];
    for number in 0..13 {
        put(&kv, &format!("{number:02}"), &value).unwrap();
        assert_eq!(all(&kv).len(), number + 1);
        assert!(kv.shared.recent().gathering.bytes() <= GATHER_BYTES + value.len());
    }
    kv.shared.wait_until_moved().unwrap();
    assert_eq!(kv.shared.file.last_commit().unwrap(), 12);
    let crashed = RedbKv::open(image(directory.path()).path()).unwrap();
    assert_eq!(all(&crashed), all(&kv));
}

#[test]
fn a_file_that_cannot_be_written_stops_commits_before_memory_fills_and_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let kv = RedbKv::open(directory.path()).unwrap();
    kv.shared.file.refuse(Some(StoreError::Full));
    let value = vec![7; GATHER_BYTES];
    let results: Vec<_> = (0..5).map(|number| put(&kv, &number.to_string(), &value)).collect();
    let made = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(made, 2, "{results:?}");
    assert!(matches!(results[4], Err(StoreError::Full)));
    assert_eq!(all(&kv).len(), made);
    // The disk has room again.
    kv.shared.file.refuse(None);
    put(&kv, "later", b"1").unwrap();
    assert_eq!(all(&kv).len(), made + 1);
    assert_eq!(all(&RedbKv::open(image(directory.path()).path()).unwrap()), all(&kv));
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
        let mut directory = tempfile::tempdir().unwrap();
        let mut kv = RedbKv::open(directory.path()).unwrap();
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
                    kv.shared.file.refuse(Some(StoreError::Full));
                    let _ = kv.move_on(&mut kv.log());
                    expect(&kv, &model);
                    kv.shared.file.refuse(None);
                }
                Step::Crash => {
                    let image = image(directory.path());
                    kv = RedbKv::open(image.path()).unwrap();
                    directory = image;
                }
            }
            expect(&kv, &model);
        }
    }
}
