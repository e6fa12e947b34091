//! Disks that fail for a while: the store heals by itself, and loses nothing.

use std::io::ErrorKind;
use std::time::Duration;

use super::*;

/// Longer than the longest pause between two attempts to open the file again.
pub(super) const A_WHILE: Duration = Duration::from_secs(3);

/// A store whose first keys are in the file, and the next one in the log.
fn filled(rig: &Rig) -> RedbKv {
    let kv = open(rig);
    put(&kv, "a", b"1").unwrap();
    put(&kv, "b", b"2").unwrap();
    kv.move_all().unwrap();
    put(&kv, "c", b"3").unwrap();
    kv
}

fn value(kv: &RedbKv, key: &str) -> Result<Option<Bytes>, StoreError> {
    kv.get(key.as_bytes())
}

#[test]
fn after_a_failed_write_a_read_opens_the_file_again() {
    for (kind, is_full) in [(ErrorKind::Other, false), (ErrorKind::StorageFull, true)] {
        let rig = Rig::default();
        let kv = filled(&rig);
        rig.fail_writes(Some(("redb", kind)));
        let failed = kv.move_all().unwrap_err();
        assert_eq!(matches!(failed, StoreError::Full), is_full, "{failed}");
        // Three seconds of errors, with somebody who tries all the time.
        for _ in 0..30 {
            let read = value(&kv, "a");
            let is_right = |error: &StoreError| matches!(error, StoreError::Full) == is_full;
            assert!(read.as_ref().err().is_none_or(is_right), "{read:?}");
            rig.wait(A_WHILE / 30);
        }
        rig.fail_writes(None);
        rig.wait(A_WHILE);
        // No write has come since.
        assert_eq!(value(&kv, "a").unwrap().as_deref(), Some(b"1".as_slice()));
        assert_eq!(all(&kv).len(), 3);
        kv.move_all().unwrap();
        assert_eq!(all(&open(&rig.after_kill())).len(), 3);
    }
}

#[test]
fn after_a_failed_read_the_next_one_succeeds_when_the_disk_does() {
    let rig = Rig::default();
    let kv = filled(&rig);
    // More than the engine's cache holds.
    let large = vec![1; 400_000];
    for number in 0..40 {
        put(&kv, &format!("key{number:03}"), &large).unwrap();
    }
    drop(kv);
    let kv = open(&rig);
    rig.fail_reads(true);
    let failed = value(&kv, "key020").map(|found| found.is_some());
    assert!(matches!(failed, Err(StoreError::Failed(_))), "{failed:?}");
    rig.fail_reads(false);
    rig.wait(A_WHILE);
    assert_eq!(value(&kv, "key020").unwrap().map(|found| found.len()), Some(large.len()));
}

#[test]
fn a_disk_that_stays_broken_is_not_asked_all_the_time() {
    let rig = Rig::default();
    let kv = filled(&rig);
    rig.fail_writes(Some(("redb", ErrorKind::Other)));
    rig.fail_reads(true);
    kv.move_all().unwrap_err();
    value(&kv, "a").unwrap_err();
    rig.fail_writes(None);
    rig.fail_reads(false);
    // The last attempt was just now.
    value(&kv, "a").unwrap_err();
    rig.wait(A_WHILE);
    value(&kv, "a").unwrap();
}

#[test]
fn an_append_that_failed_is_repeated_in_its_place() {
    for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
        let rig = Rig::new(7);
        let kv = open(&rig);
        put(&kv, "a", b"1").unwrap();
        for round in 0..20 {
            rig.fail_writes(Some(("log", kind)));
            put(&kv, "lost", &[round; 700]).unwrap_err();
            rig.fail_writes(None);
            if round % 3 == 0 {
                put(&kv, &format!("kept{round:02}"), b"1").unwrap();
            }
        }
        let kept = all(&kv).iter().filter(|(key, _)| key.starts_with("kept")).count();
        assert_eq!(kept, 7);
        let recovered = all(&open(&rig.after_power_loss()));
        assert_eq!(recovered.iter().filter(|(key, _)| key.starts_with("kept")).count(), 7);
    }
}

/// Overwrites the heads of pages of the file, one after the other: each call returns or fails,
/// and none panics.
#[test]
fn damaged_pages_are_errors_and_no_panics() {
    const PAGE: usize = 4096;
    let rig = Rig::default();
    let kv = open(&rig);
    for number in 0..150 {
        put(&kv, &format!("{number:04}"), &[7; 300]).unwrap();
    }
    drop(kv);
    let whole = rig.bytes(crate::kv::place::REDB_FILE);
    let (mut refused, mut damaged_reads) = (0, 0);
    for page in (1..whole.len() / PAGE).step_by(5) {
        for garbage in [0xff, 0x03] {
            let mut bytes = whole.clone();
            bytes[page * PAGE..page * PAGE + 16].fill(garbage);
            let rig = Rig::default();
            rig.overwrite(crate::kv::place::REDB_FILE, bytes);
            match try_open(&rig) {
                Err(error) => {
                    assert!(error.to_string().len() <= 300, "{error}");
                    refused += 1;
                }
                Ok(mut kv) => {
                    let reads =
                        (0..150).filter(|number: &i32| kv.get(format!("{number:04}").as_bytes()).is_err()).count();
                    let listed = kv.range(Span::new(&[], &[u8::MAX], usize::MAX));
                    damaged_reads += usize::from(reads > 0 || listed.is_err());
                    let _written = put(&kv, "0100", b"again").and_then(|()| kv.move_all());
                    let _verified = kv.verify();
                }
            }
        }
    }
    assert!(refused + damaged_reads > 0, "the test damages pages that are used");
}
