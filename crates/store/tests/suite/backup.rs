//! Backups while the store is in use: what is in them, and that they become a store again.

use tenterhook_model::{Event, OsEntropy};
use tenterhook_store::{Backup, DeliveryQuery, EventQuery, MemoryKv, StoreError, care};

use crate::bench::{Bench, Engine, event, run};
use crate::care::fill;

/// All parts of a backup from here on.
async fn rest(backup: &mut Backup) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(part) = backup.next().await.unwrap() {
        assert!(!part.is_empty() && part.len() <= 256 * 1024, "a part of {} bytes", part.len());
        bytes.extend_from_slice(&part);
    }
    bytes
}

fn all_events() -> EventQuery {
    EventQuery { limit: 1_000, ..EventQuery::default() }
}

/// Makes a redb store of a backup, checks it, and says how many records it has.
fn restored(backup: &[u8], folder: &std::path::Path) -> u64 {
    let url = format!("redb:{}", folder.display());
    let records = care::import(&url, &mut &*backup, &OsEntropy).unwrap();
    let report = care::check(&url).unwrap();
    assert!(report.is_whole(), "{:#?}", report.problems);
    records
}

#[test]
fn a_backup_is_the_store_as_it_was_when_it_began_whatever_happens_meanwhile() {
    for engine in [Engine::Memory(MemoryKv::default()), Engine::Redb(tempfile::tempdir().unwrap())] {
        run(async {
            let bench = Bench::new(engine);
            fill(&bench).await;
            let hook = bench.store.webhooks().by_id.values().next().unwrap().id;
            // More than one part.
            for number in 0..40 {
                let large = Event { username: "x".repeat(20_000), ..event(&format!("large-{number}")) };
                bench.publish(large, &[hook]).await;
            }
            let before = bench.store.list_events(all_events()).await.unwrap().items.len();
            let mut backup = bench.store.backup().await.unwrap();
            let mut bytes = backup.next().await.unwrap().unwrap().to_vec();
            // What is not read yet changes: new events, deliveries that end, old ones that go.
            bench.publish(event("afterwards"), &[hook]).await;
            let open = bench.claim(hook, 10).await;
            bench.store.cancel(open.iter().map(|claim| claim.delivery.id).collect()).await.unwrap();
            bytes.extend(rest(&mut backup).await);
            assert!(backup.next().await.unwrap().is_none(), "it stays at its end");
            let folder = tempfile::tempdir().unwrap();
            let records = restored(&bytes, folder.path());
            assert!(records > before as u64, "{records} records of {before} events");
            let copy = Bench::new(Engine::Redb(folder));
            assert_eq!(copy.store.tokens().by_id, bench.store.tokens().by_id, "the hashes of tokens go along");
            let events = copy.store.list_events(all_events()).await.unwrap().items;
            assert_eq!(events.len(), before);
            assert!(events.iter().all(|event| event.id.as_str() != "afterwards"));
            let of_copy = copy
                .store
                .list_deliveries(DeliveryQuery { limit: 1_000, ..DeliveryQuery::default() })
                .await
                .unwrap()
                .items;
            assert!(of_copy.iter().any(|delivery| !delivery.state.is_final()), "what waited then waits again");
        });
    }
}

#[test]
fn an_engine_without_views_says_how_to_copy_it() {
    run(async {
        let bench = Bench::new(Engine::Sled(tempfile::tempdir().unwrap()));
        let error = bench.store.backup().await.unwrap_err();
        assert!(matches!(error, StoreError::NoViews("sled")), "{error}");
        assert!(error.to_string().contains("tenterhook store export"), "{error}");
    });
}
