//! Backup: who may, how many at once, and how one ends.

use tenterhook_api::access::KeyRing;
use tenterhook_model::OsEntropy;
use tenterhook_proto::tenterhook::v1::BackupRequest;
use tenterhook_store::care;
use tonic::{Code, Status, Streaming};

use super::bench::Bench;
use super::reason;

type Parts = Streaming<tenterhook_proto::tenterhook::v1::BackupResponse>;

async fn begin(bench: &Bench, who: &str) -> Result<Parts, Status> {
    Ok(bench.stores_as(who).backup(BackupRequest {}).await?.into_inner())
}

/// A store whose copy has several parts.
async fn large() -> Bench {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    for _ in 0..1_500 {
        bench.publish("created").await;
    }
    bench
}

#[tokio::test(start_paused = true)]
async fn an_admin_of_every_namespace_gets_a_copy_that_becomes_a_store() {
    let bench = large().await;
    let mut parts = begin(&bench, "admin").await.unwrap();
    let mut copy = parts.message().await.unwrap().unwrap().chunk.to_vec();
    let late = bench.publish("late").await;
    let mut count = 1;
    while let Some(part) = parts.message().await.unwrap() {
        copy.extend_from_slice(&part.chunk);
        count += 1;
    }
    assert!(count > 1, "one part of {} bytes", copy.len());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("redb:{}", folder.path().display());
    care::import(&url, &mut copy.as_slice(), &OsEntropy).unwrap();
    let report = care::check(&url).unwrap();
    assert!(report.is_whole(), "{:#?}", report.problems);
    assert_eq!(report.records["events"], 1_500, "without {late}, which came later");
}

#[tokio::test(start_paused = true)]
async fn nobody_else_gets_one() {
    let bench = Bench::new().await;
    for who in ["publisher", "viewer", "operator", "admin@other"] {
        let refused = begin(&bench, who).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "KEY_FORBIDDEN"), "{who}");
    }
    assert_eq!(begin(&bench, "nobody").await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn one_backup_runs_at_a_time() {
    let bench = large().await;
    let first = begin(&bench, "admin").await.unwrap();
    let second = begin(&bench, "admin").await.unwrap_err();
    assert_eq!((second.code(), reason(&second).as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    drop(first);
    // The stream is dropped where it is served.
    for _ in 0..100 {
        if begin(&bench, "admin").await.is_ok() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("one that was given up makes room");
}

#[tokio::test(start_paused = true)]
async fn a_backup_ends_with_its_reason_when_the_key_is_revoked_or_the_server_stops() {
    let bench = large().await;
    let mut parts = begin(&bench, "admin").await.unwrap();
    parts.message().await.unwrap().unwrap();
    bench.access.replace(KeyRing::default());
    let end = end_of(parts).await;
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unauthenticated, "KEY_INVALID"));
    bench.access.replace(KeyRing::parse(&bench.ring).unwrap());
    let parts = begin(&bench, "admin").await.unwrap();
    bench.shutdown.cancel();
    let end = end_of(parts).await;
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
}

/// The error that a stream ends with, after what was on its way.
async fn end_of(mut parts: Parts) -> Status {
    loop {
        match parts.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it came to its end"),
            Err(status) => return status,
        }
    }
}
