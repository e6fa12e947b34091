//! Frames that cost the server time and mean nothing.

use std::thread;

use super::frames::{DATA, PING, PRIORITY, SETTINGS, UNKNOWN, WINDOW_UPDATE, flood, frame, open};
use super::{CUT_MAX, target};

/// Each kind, with the frame that is repeated.
pub(super) fn kinds() -> [(&'static str, Vec<u8>); 6] {
    [
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown", frame(UNKNOWN, 0, 0, &[0; 32])),
        ("DATA of no stream", frame(DATA, 0, 1, &[])),
    ]
}

#[test]
fn each_flood_of_frames_ends() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    thread::scope(|scope| {
        for (name, bytes) in kinds() {
            let api = &target.server.api;
            scope.spawn(move || {
                let many = bytes.repeat(64);
                let took = flood(&mut open(api), || many.clone(), true, CUT_MAX);
                assert!(took.is_some(), "{name} goes on after {CUT_MAX:?}");
            });
        }
        target.is_well();
    });
    target.is_well();
    assert!(target.counted("tenterhook_connections_cut_total{reason=\"flood\"}") >= 4);
}
