//! `make soak`: a server under mixed load for minutes or hours: every fault of a receiver, changes of the
//! configuration, watchers that come and go, a stop and a kill. Memory, descriptors, disk and latency must
//! not grow.
//!
//! Unlike a test it takes the time that it is given, so it runs only when it is asked for.

mod load;
mod receiver;
mod table;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::process::serve::{Log, Server, start_logging};
use load::Load;
use table::{Sample, Table};

/// The variable that asks for it: for how many minutes.
const MINUTES: &str = "TENTERHOOK_SOAK_MINUTES";
/// The part of the time in which the server is stopped and killed, and caches and the store fill.
const WARM_UP: f64 = 0.4;
/// How often it is measured.
const SAMPLE: Duration = Duration::from_secs(2);
/// How long the server keeps what is finished: short, so that the disk reaches its level.
const RETENTION: &str = "20s";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no command line, and this one takes as long as it is asked to"
)]
fn a_server_under_mixed_load_grows_in_nothing() {
    let Some(minutes) = std::env::var(MINUTES).ok().and_then(|text| text.parse::<u64>().ok()) else {
        eprintln!("skipped: it takes minutes; `make soak` runs it");
        return;
    };
    crate::binary::tenterhook();
    let table = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(soak(Duration::from_secs(minutes * 60)));
    println!("{table}");
    let grown = table.grown();
    assert!(grown.is_empty(), "{}\n{table}", grown.join("\n"));
}

fn start(folder: &std::path::Path) -> Server {
    let flags = ["--dev", "--retention", RETENTION, "--log-level", "info", "--drain-grace", "2s"];
    start_logging(Log::Json, folder, &flags)
}

async fn soak(time: Duration) -> Table {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path());
    let load = Load::begin().await;
    load.aim(&server.api);
    let (began, warm) = (Instant::now(), time.mul_f64(WARM_UP));
    // The signal that ends it the first time, and the second time.
    let mut ends = vec!["KILL", "TERM"];
    let mut table = Table::default();
    while began.elapsed() < time {
        sleep(SAMPLE).await;
        let due = warm.mul_f64(1.0 - ends.len() as f64 / 3.0);
        if !ends.is_empty() && began.elapsed() > due {
            server.running.signal(ends.pop().unwrap());
            tokio::task::spawn_blocking(move || server.running.wait()).await.unwrap();
            server = start(folder.path());
            load.aim(&server.api);
        }
        let counted = load.counted();
        assert!(counted.refused.is_empty(), "{:#?}", counted.refused);
        if began.elapsed() > warm {
            table.add(Sample::of(began.elapsed(), &server, &folder.path().join("data"), counted));
        }
    }
    load.end().await;
    server.running.signal("TERM");
    let ended = tokio::task::spawn_blocking(move || server.running.wait()).await.unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(!ended.log.contains("panic"), "{}", ended.log);
    table
}
