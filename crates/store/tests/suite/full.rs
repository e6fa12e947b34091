//! A disk that is really full: the file of the store may not grow (`RLIMIT_FSIZE`), in a process
//! of its own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};
use tenterhook_model::{JsonText, OsEntropy};
use tenterhook_store::{Reads, SealingKey, Store, StoreError, StoreOptions, care, open};

use crate::bench::{TestClock, event, new_event};

/// Set in the process that the test starts.
const IN_CHILD: &str = "TENTERHOOK_TEST_FULL_DISK";
/// Events until the file must have been full; each has 100 KiB.
const EVENTS_MAX: usize = 200;

/// Lets files grow to so many bytes, or without a limit.
fn let_files_grow(bytes: Option<u64>) {
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

fn with_store(url: &str, work: impl AsyncFnOnce(Arc<dyn Store>)) {
    let options = StoreOptions {
        clock: Arc::new(TestClock::default()),
        entropy: Arc::new(OsEntropy),
        sealing_key: SealingKey::new([1; 32]),
        reads: Reads::Blocking,
        operational_events: true,
        node: Default::default(),
        observer: None,
    };
    let (store, writer) = open(url, options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let thread = std::thread::spawn(move || writer.run(&handle));
    runtime.block_on(work(Arc::clone(&store)));
    store.close();
    thread.join().unwrap();
}

async fn publish(store: &dyn Store, id: &str, bytes: usize) -> Result<(), StoreError> {
    let mut event = event(id);
    event.data = Some(JsonText::parse(&format!("\"{}\"", "x".repeat(bytes))).unwrap());
    store.publish(vec![new_event(event, &[])]).await.map(|_| ())
}

async fn all_are_there(store: &dyn Store, ids: &[String]) {
    for id in ids {
        let event = store.event(&Default::default(), &id.parse().unwrap()).await.unwrap();
        assert!(event.is_some(), "{id} was acknowledged");
    }
}

/// What the test does in a process of its own, whose files may not grow at times.
fn fill_and_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("redb:{}", directory.path().display());
    let size = |directory: &Path| directory.join("tenterhook.redb").metadata().unwrap().len();
    let mut acknowledged = vec!["first".to_owned()];
    with_store(&url, async |store| {
        publish(&*store, "first", 10).await.unwrap();
        let_files_grow(Some(size(directory.path())));
        let mut refused = None;
        for number in 0..EVENTS_MAX {
            let id = format!("e{number}");
            match publish(&*store, &id, 100 * 1024).await {
                Ok(()) => acknowledged.push(id),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        assert!(matches!(refused, Some(StoreError::Full)), "{refused:?}");
        assert!(matches!(store.readiness().await, Err(StoreError::Full)));
        all_are_there(&*store, &acknowledged).await;
        assert!(matches!(publish(&*store, "again", 100 * 1024).await, Err(StoreError::Full)));
        publish(&*store, "small", 10).await.unwrap();
        acknowledged.push("small".to_owned());
        assert!(matches!(store.readiness().await, Err(StoreError::Full)), "a small one fits, the next may not");
        all_are_there(&*store, &acknowledged).await;
        let_files_grow(None);
        publish(&*store, "with-room", 100 * 1024).await.unwrap();
        acknowledged.push("with-room".to_owned());
        store.readiness().await.unwrap();
        all_are_there(&*store, &acknowledged).await;
    });
    let report = care::check(&url).unwrap();
    assert!(report.is_whole(), "{:?}", report.problems);
    with_store(&url, async |store| all_are_there(&*store, &acknowledged).await);
}

#[test]
fn a_full_disk_refuses_events_keeps_those_it_has_and_goes_on_when_there_is_room() {
    if std::env::var_os(IN_CHILD).is_some() {
        return fill_and_go_on();
    }
    // The signal of a file that may not grow must be ignored, which is said before a process begins.
    let name = "full::a_full_disk_refuses_events_keeps_those_it_has_and_goes_on_when_there_is_room";
    let exec = format!("trap '' XFSZ; exec \"$0\" --exact {name} --nocapture");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(exec).arg(std::env::current_exe().unwrap()).env(IN_CHILD, "1");
    let output = shell.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}
