//! Stores that a version of the past wrote, in `tests/golden`: this version opens each of them, and
//! finds every record as it was.
//!
//! They are never written again: who changes the format adds a folder (docs/decisions/0026). To
//! write one, set [`WRITE`] to its name and run these tests once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tenterhook_model::webhook::SigningKey;
use tenterhook_model::{
    CapturedResponse, Delivery, Event, Header, HttpMethod, JsonText, Namespace, Next, Outcome, Secret, SentRequest,
    SigningKeyId, Snapshots, Timestamp, Webhook,
};
use tenterhook_store::{DeliveryQuery, EventQuery, Expect, MemoryKv, StatsQuery, Store, care};

use crate::bench::{Bench, Engine, START, TestEntropy, event, new_event, run, settlement, webhook};
use crate::care::fill;

/// The folder to write, in place of reading it; a version that was released has none.
const WRITE: Option<&str> = None;
/// The folders there are.
const FOLDERS: [&str; 1] = ["format-1"];
/// When the stores are read: after all that happened in them.
const READ_AT: i64 = START + 60_000;

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder)
}

/// A webhook with secrets in it.
fn signed() -> Webhook {
    let mut signed = webhook(2);
    signed.namespace = "other".parse().unwrap();
    signed.signing_keys.push(SigningKey {
        id: SigningKeyId::from_bytes([2; 16]),
        secret: Secret::new("a secret of the golden store"),
        create_time: Timestamp::from_millis(START),
        expire_time: Some(Timestamp::from_millis(START + 86_400_000)),
    });
    signed
}

/// An event with every field.
fn rich() -> Event {
    let json = |text: &str| Some(JsonText::parse(text).unwrap());
    Event {
        namespace: "other".parse().unwrap(),
        occur_time: Some(Timestamp::from_millis(START - 5)),
        request_id: "a-request".into(),
        data: json(r#"{"name": "Zürich", "rack": 12}"#),
        snapshots: Some(Snapshots { prechange: None, postchange: json("[1, 2]") }),
        request: None,
        context: None,
        ordering_key: "rack-12".into(),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ..event("rich")
    }
}

/// Fills an empty store with records of every kind.
async fn write(bench: &Bench) {
    let hook = bench.put(signed(), Expect::Absent).await.webhook;
    let mut new = new_event(rich(), &[hook.id]);
    Arc::make_mut(&mut new.event).publish_time = bench.now();
    bench.store.publish(vec![new]).await.unwrap();
    let claim = bench.claim(hook.id, 1).await.remove(0);
    let mut failed = settlement(claim.delivery.id, 1, Next::RetryAt(bench.now()));
    let attempt = Arc::make_mut(failed.attempt.as_mut().unwrap());
    attempt.outcome = Outcome::Timeout;
    attempt.error = "no answer within 10 s".into();
    attempt.remote_address = Some("192.0.2.1:443".parse().unwrap());
    attempt.request = Some(SentRequest {
        method: HttpMethod::Put,
        url: "https://example.com/hook".into(),
        headers: vec![Header::new("content-type", "application/json")],
        body: "{}".into(),
        body_truncated: true,
    });
    attempt.response = Some(CapturedResponse {
        status: 503,
        headers: vec![Header::new("retry-after", "5")],
        body: "later".into(),
        body_truncated: false,
        note: "a note".into(),
    });
    bench.store.settle(vec![failed]).await.unwrap();
    bench.clock.advance(1_000);
    fill(bench).await;
}

/// Every record of a store, one a line, as the API's readers see them.
async fn records(store: &dyn Store, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let set = store.webhooks();
    let mut webhooks: Vec<_> = set.by_id.values().collect();
    webhooks.sort_by_key(|webhook| webhook.id);
    for webhook in webhooks {
        let secrets: Vec<_> = webhook.signing_keys.iter().map(|key| key.secret.expose()).collect();
        lines.push(format!("{webhook:?} {secrets:?} {:?}", store.health(webhook.id)));
    }
    for namespace in [Namespace::default(), "other".parse().unwrap()] {
        let query = EventQuery { namespace: namespace.clone(), limit: 100, ..EventQuery::default() };
        lines.extend(store.list_events(query).await.unwrap().items.iter().map(|event| format!("{event:?}")));
        let query = DeliveryQuery { namespace: namespace.clone(), limit: 100, ..DeliveryQuery::default() };
        for Delivery { id, .. } in store.list_deliveries(query).await.unwrap().items {
            let (delivery, attempts) = (store.delivery(id).await.unwrap(), store.attempts(id).await.unwrap());
            lines.push(format!("{delivery:?} {attempts:?}"));
        }
        let request = ("request".to_owned(), [1; 32]);
        lines.push(format!("{:?}", store.recall(&namespace, &request).await.unwrap()));
        let query = StatsQuery { namespace, webhook_id: None, window: Duration::from_secs(3_600) };
        let mut stats = store.stats(query).await.unwrap();
        // The versions that wrote the golden stores did not count failed attempts by how they ended.
        stats.iter_mut().for_each(|(_, stats)| stats.failures.clear());
        lines.push(format!("{stats:?}"));
    }
    let changes = store.changes(store.journal().before_oldest, 1_000).await.unwrap().changes;
    lines.extend(changes.iter().map(|change| format!("{change:?}")));
    lines.push(format!("{:?} {:?} {:?}", store.take_ready(now), store.next_due(), store.next_expiry()));
    lines
}

/// Compares the records of a store of the past with those that this version makes by the same calls.
async fn compare(engine: Engine) {
    let mut fresh = Bench::new(Engine::Memory(MemoryKv::default()));
    write(&fresh).await;
    fresh.reopen().await;
    let mut old = Bench::new(engine);
    for bench in [&fresh, &old] {
        bench.clock.advance(READ_AT - bench.now().millis());
    }
    let (expected, found) = (records(&*fresh.store, fresh.now()).await, records(&*old.store, old.now()).await);
    assert!(expected.len() > 30, "there are records of every kind: {expected:#?}");
    for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "record {number}");
    }
    assert_eq!(found.len(), expected.len());
    old.check().await;
    // It goes on as any other.
    old.publish(event("of-today"), &[webhook(1).id]).await;
    assert!(!old.claim(webhook(1).id, 9).await.is_empty());
}

/// Copies the files of a directory, but for the lock.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() && entry.file_name() != "tenterhook.lock" {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A copy of a golden store, which the test may write to.
fn copied(from: &Path) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(from, directory.path());
    directory
}

#[test]
fn a_redb_store_of_the_past_opens_with_every_record_and_those_of_its_log() {
    for folder in FOLDERS {
        run(compare(Engine::Redb(copied(&golden(folder).join("redb")))));
    }
}

#[test]
fn a_sled_store_of_the_past_opens_with_every_record() {
    for folder in FOLDERS {
        run(compare(Engine::Sled(copied(&golden(folder).join("sled")))));
    }
}

#[test]
fn an_export_of_the_past_is_imported_with_every_record() {
    for folder in FOLDERS {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("redb:{}", directory.path().display());
        let mut export = fs::File::open(golden(folder).join("export")).unwrap();
        assert!(care::import(&url, &mut export, &TestEntropy::default()).unwrap() > 30);
        run(compare(Engine::Redb(directory)));
    }
}

#[test]
fn a_golden_store_is_written_only_when_somebody_asks() {
    let Some(folder) = WRITE else { return };
    let (redb, sled) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (redb_path, sled_path) = (redb.path().to_owned(), sled.path().to_owned());
    run(async {
        let mut bench = Bench::new(Engine::Redb(redb));
        write(&bench).await;
        // Copied while it is open, so that its log has commits that its file lacks.
        copy(&redb_path, &golden(folder).join("redb"));
        bench.close().await;
        let mut export = fs::File::create(golden(folder).join("export")).unwrap();
        care::export(&format!("redb:{}", redb_path.display()), &mut export).unwrap();
        let mut bench = Bench::new(Engine::Sled(sled));
        write(&bench).await;
        bench.close().await;
        copy(&sled_path, &golden(folder).join("sled"));
    });
}
