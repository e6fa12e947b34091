//! Memory without a key, and with one: calls that never end, and answers that nobody reads.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::frames::{DATA, END_STREAM, WINDOW_UPDATE, call, flood, frame, open};
use super::{CUT_MAX, target};

/// Connections of an abuser, and the streams of each.
const CONNECTIONS: usize = 16;
const STREAMS: u32 = 256;

/// Opens streams that send the beginning of a message of 4 MiB and never the end.
pub(super) fn endless(api: &str, path: &str) -> Vec<TcpStream> {
    let mut message = vec![0, 0, 0x40, 0, 0];
    message.resize(16 * 1024, b'x');
    let connection = |_| {
        let mut stream = open(api);
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        stream.write_all(&frame(WINDOW_UPDATE, 0, 0, &0x3fff_ffff_u32.to_be_bytes())).unwrap();
        for number in 0..STREAMS {
            let id = 2 * number + 1;
            // The server may stop reading: then it holds no more, which is the point.
            if stream.write_all(&[call(id, path, 0), frame(DATA, 0, id, &message)].concat()).is_err() {
                break;
            }
        }
        for _ in 0..16 {
            for number in 0..STREAMS {
                if stream.write_all(&frame(DATA, 0, 2 * number + 1, &message)).is_err() {
                    return stream;
                }
            }
        }
        stream
    };
    (0..CONNECTIONS).map(connection).collect()
}

#[test]
fn calls_that_never_end_hold_little_memory() {
    for path in [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/tenterhook.v1.EventService/PublishEvent",
        "/tenterhook.v1.EventService/StreamPublishEvents",
        "/tenterhook.v1.DeliveryService/WatchDeliveries",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path(), &[]);
        let connections = endless(&target.server.api, path);
        target.is_well();
        drop(connections);
        target.is_well();
    }
}

#[test]
fn a_client_that_does_not_read_its_refusals_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let path = format!("/{}", "x".repeat(8_000));
    let mut stream = open(&target.server.api);
    let mut id = 1;
    let next = || {
        id += 2;
        call(id, &path, END_STREAM)
    };
    let took = flood(&mut stream, next, false, CUT_MAX);
    assert!(took.is_some(), "it is still served after {CUT_MAX:?}");
    target.is_well();
}

#[test]
fn a_client_that_calls_only_to_be_refused_is_asked_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let mut stream = open(&target.server.api);
    let mut id = 1;
    let next = || {
        id += 2;
        call(id, "/no.such/Method", END_STREAM)
    };
    assert!(flood(&mut stream, next, true, CUT_MAX).is_some());
    target.is_well();
    assert!(target.counted("tenterhook_refusals_total{status=\"unimplemented\"}") > 100);
}
