//! Losses of power at any operation: what was acknowledged is there, and a bare loop of writes and
//! syncs on the same disk, the control, says what the disk itself keeps.

use super::rig::Rig;
use super::*;

/// Losses of power of each kind.
const ROUNDS: u64 = 50;
/// Commits of a round, at most.
const COMMITS: usize = 60;
/// Operations of a round, at most; fewer are done when it makes all its commits.
const OPERATIONS: u64 = 260;
/// Bytes of a record of the control.
const RECORD: u64 = 4096;

/// When the power is lost in a round: spread over all operations.
fn moment(round: u64) -> u64 {
    (round * 101 + 13) % OPERATIONS
}

/// Commits until the power is lost; the numbers that were acknowledged. Some commits are large,
/// so that the file takes several in.
fn commit_until_the_end(kv: &RedbKv) -> Vec<usize> {
    let mut acknowledged = Vec::new();
    for number in 0..COMMITS {
        let length = if number % 9 == 0 { GATHER_BYTES / 3 } else { 50 + 37 * number };
        match put(kv, &format!("{number:03}"), &vec![number as u8; length]) {
            Ok(()) => acknowledged.push(number),
            Err(_) => break,
        }
    }
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power_at_any_operation() {
    let (mut acknowledged, mut lost) = (0, Vec::new());
    for round in 0..ROUNDS {
        let rig = Rig::new(round);
        let kv = open(&rig);
        rig.lose_power_after(moment(round));
        let committed = commit_until_the_end(&kv);
        acknowledged += committed.len();
        let kv = open(&rig.after_power_loss());
        let found: BTreeMap<String, usize> = all(&kv).into_iter().collect();
        lost.extend(committed.into_iter().filter(|number| !found.contains_key(&format!("{number:03}"))));
        // It goes on, and what is written now survives too.
        put(&kv, "after", b"1").unwrap();
    }
    let (of_control, lost_by_control) = control(true);
    println!("lost {} of {acknowledged} commits, the control {lost_by_control} of {of_control}", lost.len());
    assert!(lost.is_empty(), "acknowledged and gone: {lost:?}");
    assert!(acknowledged > 20 * ROUNDS as usize, "the rounds are long enough: {acknowledged}");
    assert_eq!(lost_by_control, 0, "the disk keeps what it has synced");
}

#[test]
fn the_disk_of_these_tests_loses_what_nobody_has_synced() {
    let (written, lost) = control(false);
    assert!(lost > written / 4, "{lost} of {written}");
}

/// Records that a bare loop has written, and synced if it is to, and how many of them are gone.
fn control(synced: bool) -> (usize, usize) {
    let (mut written, mut lost) = (0, 0);
    for round in 0..ROUNDS {
        let rig = Rig::new(round);
        let file = rig.file("control");
        rig.lose_power_after(moment(round));
        let mut acknowledged = 0;
        while acknowledged < COMMITS as u64 {
            let record = [acknowledged as u8 + 1; RECORD as usize];
            let done = file.write_at(&record, acknowledged * RECORD);
            if done.and_then(|()| if synced { file.sync() } else { Ok(()) }).is_err() {
                break;
            }
            acknowledged += 1;
        }
        let bytes = rig.after_power_loss().bytes("control");
        let is_there = |number: &u64| {
            let at = (number * RECORD) as usize;
            bytes
                .get(at..at + RECORD as usize)
                .is_some_and(|record| record.iter().all(|byte| *byte == *number as u8 + 1))
        };
        written += acknowledged as usize;
        lost += (0..acknowledged).filter(|number| !is_there(number)).count();
    }
    (written, lost)
}

#[test]
fn a_loss_of_power_while_a_store_is_made_or_closed_leaves_a_store() {
    for operations in 0..60 {
        let rig = Rig::new(operations);
        rig.lose_power_after(operations);
        let acknowledged = try_open(&rig).is_ok_and(|kv| put(&kv, "a", b"1").is_ok());
        let found = all(&open(&rig.after_power_loss()));
        assert!(!acknowledged || found.len() == 1, "after {operations} operations: {found:?}");
    }
}
