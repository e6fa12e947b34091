//! What every engine must do.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{Batch, Kv, MemoryKv, RedbKv, SledKv, Span};

/// An engine that can be opened again.
enum Engine {
    Memory(MemoryKv),
    Redb(TempDir),
    Sled(TempDir),
}

impl Engine {
    fn all() -> [Self; 3] {
        let directory = || tempfile::tempdir().unwrap();
        [Self::Memory(MemoryKv::default()), Self::Redb(directory()), Self::Sled(directory())]
    }

    fn open(&self) -> Box<dyn Kv> {
        match self {
            Self::Memory(kv) => Box::new(kv.clone()),
            Self::Redb(directory) => Box::new(RedbKv::open(directory.path()).unwrap()),
            Self::Sled(directory) => Box::new(SledKv::open(directory.path()).unwrap()),
        }
    }
}

fn all(kv: &dyn Kv) -> Vec<(Bytes, Bytes)> {
    kv.range(Span::new(&[], &[u8::MAX; 9], usize::MAX)).unwrap()
}

fn batch(writes: &[(&str, Option<&str>)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in writes {
        match value {
            Some(value) => batch.put(*key, value.as_bytes().to_vec()),
            None => batch.delete(*key),
        }
    }
    batch
}

fn keys(pairs: Vec<(Bytes, Bytes)>) -> String {
    pairs.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
}

#[test]
fn what_was_committed_is_read_and_is_there_after_opening_again() {
    for engine in Engine::all() {
        let kv = engine.open();
        kv.commit(batch(&[("a", Some("1")), ("b", Some("")), ("c", Some("3"))])).unwrap();
        kv.commit(batch(&[("a", Some("2")), ("c", None), ("d", None)])).unwrap();
        let before = all(&*kv);
        drop(kv);
        let kv = engine.open();
        assert_eq!(all(&*kv), before);
        assert_eq!(kv.get(b"a").unwrap().as_deref(), Some(b"2".as_slice()));
        assert_eq!(kv.get(b"b").unwrap().as_deref(), Some(b"".as_slice()));
        assert_eq!((kv.get(b"c").unwrap(), kv.get(b"d").unwrap()), (None, None));
        assert!(kv.size().unwrap() > 0);
    }
}

#[test]
fn ranges_have_their_start_and_not_their_end_and_stop_at_the_limit() {
    for engine in Engine::all() {
        let kv = engine.open();
        kv.commit(batch(&["a", "b", "c", "d", "e"].map(|key| (key, Some("x"))))).unwrap();
        let forwards = |from: &[u8], to: &[u8], limit| keys(kv.range(Span::new(from, to, limit)).unwrap());
        let backwards = |from: &[u8], to: &[u8], limit| keys(kv.range(Span::new(from, to, limit).reversed()).unwrap());
        assert_eq!(forwards(b"b", b"d", 9), "bc");
        assert_eq!(backwards(b"b", b"d", 9), "cb");
        assert_eq!(forwards(b"a", b"z", 2), "ab");
        assert_eq!(backwards(b"a", b"z", 2), "ed");
        assert_eq!(forwards(b"bb", b"cc", 9), "c");
        assert_eq!(forwards(b"c", b"c", 9), "");
        assert_eq!(forwards(b"d", b"b", 9), "");
        assert_eq!(forwards(b"a", b"z", 0), "");
    }
}

#[test]
fn a_whole_engine_verifies_and_compacts() {
    for engine in Engine::all() {
        let mut kv = engine.open();
        kv.commit(batch(&[("a", Some("1"))])).unwrap();
        assert!(kv.verify().unwrap());
        kv.compact().unwrap();
        assert_eq!(keys(all(&*kv)), "a");
        kv.commit(batch(&[("b", Some("2"))])).unwrap();
        assert_eq!(keys(all(&*kv)), "ab");
    }
}

#[test]
fn values_of_a_megabyte_are_kept() {
    for engine in Engine::all() {
        let kv = engine.open();
        let large = vec![7; 1024 * 1024];
        let mut writes = Batch::default();
        writes.put(*b"large", large.clone());
        kv.commit(writes).unwrap();
        assert_eq!(kv.get(b"large").unwrap().unwrap(), large);
    }
}

/// Keys are few, so that writes meet; `None` removes.
type Writes = Vec<Vec<(u8, Option<u8>)>>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_engine_is_an_ordered_map(batches in prop::collection::vec(prop::collection::vec((0u8..40, prop::option::of(any::<u8>())), 0..30), 0..8) , from in 0u8..40, to in 0u8..40, limit in 0usize..20) {
        let batches: Writes = batches;
        for engine in Engine::all() {
            let kv = engine.open();
            let mut model = BTreeMap::new();
            for writes in &batches {
                let mut batch = Batch::default();
                for (key, value) in writes {
                    match value {
                        Some(value) => { batch.put(vec![*key, 1], vec![*value; 3]); model.insert(*key, *value); }
                        None => { batch.delete(vec![*key, 1]); model.remove(key); }
                    }
                }
                kv.commit(batch).unwrap();
            }
            let found = |span: Span<'_>| -> Vec<u8> { kv.range(span).unwrap().iter().map(|(key, _)| key[0]).collect() };
            let expected: Vec<u8> = model.range(from.min(to)..to).map(|(key, _)| *key).collect();
            let (start, end) = ([from], [to]);
            prop_assert_eq!(found(Span::new(&start, &end, limit)), expected.iter().copied().take(limit).collect::<Vec<_>>());
            prop_assert_eq!(found(Span::new(&start, &end, limit).reversed()), expected.iter().rev().copied().take(limit).collect::<Vec<_>>());
            for key in 0..40 {
                prop_assert_eq!(kv.get(&[key, 1]).unwrap().map(|value| value[0]), model.get(&key).copied());
            }
        }
    }
}
