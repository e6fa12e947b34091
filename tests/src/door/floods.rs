//! Frames that cost the server time and mean nothing.

use std::thread;

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, UNKNOWN, WINDOW_UPDATE,
    call, flood, frame, open,
};
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

/// What breaks the rules of HTTP/2, each with what comes first and the bytes for each further stream.
type Breach = (&'static str, Vec<u8>, fn(u32) -> Vec<u8>);

const CHECK: &str = "/grpc.health.v1.Health/Check";

fn breaches() -> [Breach; 6] {
    // A header of 4 KB enters the table once, and one byte repeats it (RFC 7541 section 6.1).
    let grown = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'v'; 4_000]].concat();
    [
        ("CONTINUATION without end", frame(HEADERS, 0, 1, &[]), |_| frame(CONTINUATION, 0, 1, &[])),
        ("streams reset as they open", Vec::new(), |id| {
            [call(id, CHECK, 0), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])].concat()
        }),
        ("windows of nothing more", Vec::new(), |id| {
            [call(id, CHECK, 0), frame(WINDOW_UPDATE, 0, id, &[0; 4])].concat()
        }),
        ("headers repeated from the table", frame(HEADERS, END_HEADERS | END_STREAM, 1, &grown), |id| {
            frame(HEADERS, END_HEADERS | END_STREAM, id + 2, &[0xbe; 8_000])
        }),
        ("a table that there is not", Vec::new(), |id| frame(HEADERS, END_HEADERS | END_STREAM, id, &[0xff; 8])),
        ("a frame over its limit", Vec::new(), |id| frame(DATA, 0, id, &[0; 20_000])),
    ]
}

#[test]
fn what_breaks_the_rules_of_http_ends_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let counted = || target.counted("tenterhook_connections_cut_total{reason=\"protocol\"}");
    for (number, (name, first, each)) in breaches().into_iter().enumerate() {
        let mut stream = open(&target.server.api);
        std::io::Write::write_all(&mut stream, &first).unwrap();
        let mut ids = (1..).step_by(2);
        let next = || ids.by_ref().take(32).flat_map(each).collect();
        assert!(flood(&mut stream, next, true, CUT_MAX).is_some(), "{name}: it goes on after {CUT_MAX:?}");
        // It is counted when its task ends, a moment later.
        let begun = tokio::time::Instant::now();
        while counted() <= number as u64 {
            assert!(begun.elapsed() < CUT_MAX, "{name} is not counted");
        }
    }
    target.is_well();
}
