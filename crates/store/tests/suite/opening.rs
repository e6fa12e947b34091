//! Opening: keys, formats, engines, and the errors that say what to do.

use std::sync::Arc;

use tenterhook_model::OsEntropy;
use tenterhook_store::{
    Batch, EmbeddedStore, Kv, MemoryKv, OpenError, Reads, SealingKey, StoreError, StoreOptions, open,
};

use crate::bench::{Bench, Engine, TestClock, event, new_event, run};

fn options(key: u8) -> StoreOptions {
    StoreOptions {
        clock: Arc::new(TestClock::default()),
        entropy: Arc::new(OsEntropy),
        sealing_key: SealingKey::new([key; 32]),
        reads: Reads::Blocking,
        operational_events: true,
        node: Default::default(),
        observer: None,
    }
}

#[test]
fn another_sealing_key_is_refused_at_once() {
    let kv = MemoryKv::default();
    EmbeddedStore::open(kv.clone(), options(1)).unwrap();
    let error = EmbeddedStore::open(kv.clone(), options(2)).unwrap_err();
    assert!(error.to_string().contains("--sealing-key-file"), "{error}");
    EmbeddedStore::open(kv, options(1)).unwrap();
}

#[test]
fn records_of_another_program_are_left_alone() {
    let kv = MemoryKv::default();
    let mut batch = Batch::default();
    batch.put(*b"something", b"else".to_vec());
    kv.commit(batch).unwrap();
    assert!(matches!(EmbeddedStore::open(kv.clone(), options(1)), Err(OpenError::Foreign)));
    assert_eq!(kv.get(b"something").unwrap().unwrap().as_ref(), b"else");
}

#[test]
fn each_kind_of_store_opens_by_its_url_and_once_only() {
    let directory = tempfile::tempdir().unwrap();
    for engine in ["redb", "sled"] {
        let url = format!("{engine}:{}", directory.path().join(engine).display());
        let first = open(&url, options(1)).unwrap();
        let error = open(&url, options(1)).unwrap_err();
        assert!(matches!(&error, OpenError::Locked(path) if path.contains(engine)), "{error}");
        drop(first);
        open(&url, options(1)).unwrap();
        let other = if engine == "redb" { "sled" } else { "redb" };
        let error = open(&url.replacen(engine, other, 1), options(1)).unwrap_err();
        assert!(matches!(error, OpenError::OtherEngine { .. }), "{error}");
    }
    open("memory:", options(1)).unwrap();
    assert!(matches!(open("postgres://db.example/db", options(1)), Err(OpenError::Address(_))));
}

#[test]
fn a_writer_on_a_thread_of_its_own_serves_and_ends_when_the_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("redb:{}", directory.path().display());
    let (store, writer) = open(&url, options(1)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let thread = std::thread::spawn(move || writer.run(&handle));
    runtime.block_on(async {
        let publishers = (0..50).map(|n| store.publish(vec![new_event(event(&format!("e{n}")), &[])]));
        let published = futures_util::future::join_all(publishers).await;
        assert!(published.iter().all(Result::is_ok));
        let id = "e7".parse().unwrap();
        assert!(store.event(&Default::default(), &id).await.unwrap().is_some());
        store.readiness().await.unwrap();
    });
    store.close();
    thread.join().unwrap();
    let late = runtime.block_on(store.publish(vec![new_event(event("late"), &[])]));
    assert!(matches!(late, Err(StoreError::Closed)));
}

/// An engine in memory that refuses commits when it is told to.
#[derive(Debug, Clone, Default)]
struct Failing {
    kv: MemoryKv,
    error: Arc<std::sync::Mutex<Option<StoreError>>>,
    /// Reads of single records that succeed, before all others fail.
    reads: Arc<std::sync::Mutex<Option<usize>>>,
    nearly_full: Arc<std::sync::atomic::AtomicBool>,
}

impl Kv for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<bytes::Bytes>, StoreError> {
        match &mut *self.reads.lock().unwrap() {
            Some(0) => return Err(StoreError::Failed("the disk cannot be read".into())),
            Some(reads) => *reads -= 1,
            None => {}
        }
        self.kv.get(key)
    }

    fn range(&self, span: tenterhook_store::Span<'_>) -> Result<Vec<tenterhook_store::Pair>, StoreError> {
        self.kv.range(span)
    }

    fn view(&self) -> Result<Box<dyn tenterhook_store::View>, StoreError> {
        self.kv.view()
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.error.lock().unwrap().clone().map_or_else(|| self.kv.commit(batch), Err)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.kv.compact()
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.kv.size()
    }

    fn is_nearly_full(&self) -> bool {
        self.nearly_full.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[test]
fn a_commit_that_fails_leaves_no_trace_and_is_told_to_all_who_wait() {
    run(async {
        let kv = Failing::default();
        let bench = Bench::new(Engine::Other(Arc::new({
            let kv = kv.clone();
            move |options| {
                let (store, writer) = EmbeddedStore::open(kv.clone(), options).unwrap();
                (store, writer)
            }
        })));
        let hook = bench.webhook(1).await;
        let first = bench.publish(event("a"), &[hook.id]).await[0];
        bench.claim(hook.id, 1).await;
        *kv.error.lock().unwrap() = Some(StoreError::Failed("no disk".into()));
        let (published, settled) = tokio::join!(
            bench.try_publish(vec![new_event(event("b"), &[hook.id])]),
            bench.store.settle(vec![crate::bench::settlement(first, 1, tenterhook_model::Next::Succeed)]),
        );
        assert!(matches!(published, Err(StoreError::Failed(_))) && matches!(settled, Err(StoreError::Failed(_))));
        assert!(matches!(bench.store.readiness().await, Err(StoreError::Failed(_))));
        assert_eq!(bench.changes().await.len(), 1);
        *kv.error.lock().unwrap() = None;
        // The delivery is claimed still, and can be settled when the disk is back.
        assert_eq!(bench.settle(first, 1, tenterhook_model::Next::Succeed).await, tenterhook_store::Settled::Done);
        let second = bench.publish(event("b"), &[hook.id]).await[0];
        assert!(second > first);
        let sequences: Vec<_> = bench.changes().await.iter().map(|change| change.sequence.0).collect();
        assert_eq!(sequences, [1, 2, 3]);
        bench.store.readiness().await.unwrap();
    });
}

#[test]
fn what_cannot_be_read_for_a_moment_is_claimed_when_it_can() {
    run(async {
        let kv = Failing::default();
        let opened = kv.clone();
        let mut bench = Bench::new(Engine::Other(Arc::new(move |options| {
            let (store, writer) = EmbeddedStore::open(opened.clone(), options).unwrap();
            (store, writer)
        })));
        let hook = bench.webhook(1).await;
        let mut ids = Vec::new();
        for event in [event("a"), crate::bench::ordered("b", "key"), event("c")] {
            ids.extend(bench.publish(event, &[hook.id]).await);
        }
        bench.reopen().await;
        for reads in 0..6 {
            *kv.reads.lock().unwrap() = Some(reads);
            let failed = bench.store.claim(hook.id, 9, bench.now()).await;
            assert!(matches!(failed, Err(StoreError::Failed(_))), "{reads} reads: {failed:?}");
        }
        *kv.reads.lock().unwrap() = None;
        assert_eq!(bench.claim_ids(hook.id, 9).await, ids);
    });
}

#[test]
fn readiness_follows_commits_and_reads_and_finds_by_itself_that_the_disk_is_well() {
    run(async {
        let kv = Failing::default();
        let opened = kv.clone();
        let bench = Bench::new(Engine::Other(Arc::new(move |options| {
            let (store, writer) = EmbeddedStore::open(opened.clone(), options).unwrap();
            (store, writer)
        })));
        let hook = bench.webhook(1).await;
        *kv.error.lock().unwrap() = Some(StoreError::Full);
        bench.try_publish(vec![new_event(event("a"), &[hook.id])]).await.unwrap_err();
        assert!(matches!(bench.store.readiness().await, Err(StoreError::Full)));
        *kv.error.lock().unwrap() = None;
        // Nobody publishes to a server that is not ready.
        bench.store.readiness().await.unwrap();
        *kv.reads.lock().unwrap() = Some(0);
        bench.store.event(&Default::default(), &"a".parse().unwrap()).await.unwrap_err();
        assert!(matches!(bench.store.readiness().await, Err(StoreError::Failed(_))));
        *kv.reads.lock().unwrap() = None;
        bench.store.readiness().await.unwrap();
        bench.publish(event("a"), &[hook.id]).await;
    });
}

#[test]
fn a_store_with_damage_that_stops_a_delivery_accepts_no_events_and_delivers_the_others() {
    run(async {
        let kv = MemoryKv::default();
        let mut bench = Bench::new(Engine::Memory(kv.clone()));
        let hook = bench.webhook(1).await;
        let damaged = bench.publish(event("damaged"), &[hook.id]).await[0];
        let whole = bench.publish(event("whole"), &[hook.id]).await[0];
        bench.store.readiness().await.unwrap();
        let rows = kv.range(tenterhook_store::Span::new(b"d", b"e", 9)).unwrap();
        let (key, row) = rows.into_iter().find(|(key, _)| key.ends_with(&damaged.as_bytes()[..12])).unwrap();
        bench.reopen().await;
        let mut batch = Batch::default();
        batch.put(key, row[..row.len() - 1].to_vec());
        kv.commit(batch).unwrap();
        assert_eq!(bench.claim_ids(hook.id, 9).await, [whole]);
        let refused = bench.try_publish(vec![new_event(event("later"), &[hook.id])]).await;
        assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
        assert!(matches!(bench.store.readiness().await, Err(StoreError::Damaged(_))));
        let settled = bench.settle(whole, 1, tenterhook_model::Next::Succeed).await;
        assert_eq!(settled, tenterhook_store::Settled::Done);
    });
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_events_and_lets_deliveries_go_on() {
    run(async {
        let kv = Failing::default();
        let opened = kv.clone();
        let bench = Bench::new(Engine::Other(Arc::new(move |options| {
            let (store, writer) = EmbeddedStore::open(opened.clone(), options).unwrap();
            (store, writer)
        })));
        let hook = bench.webhook(1).await;
        bench.publish(event("a"), &[hook.id]).await;
        kv.nearly_full.store(true, std::sync::atomic::Ordering::SeqCst);
        let refused = bench.try_publish(vec![new_event(event("b"), &[hook.id])]).await;
        assert!(matches!(refused, Err(StoreError::Full)));
        assert!(matches!(bench.store.readiness().await, Err(StoreError::Full)));
        assert_eq!(bench.deliver_all(hook.id).await.len(), 1);
        kv.nearly_full.store(false, std::sync::atomic::Ordering::SeqCst);
        bench.publish(event("b"), &[hook.id]).await;
    });
}
