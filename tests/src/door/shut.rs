//! A door that others try to keep shut, or to keep from closing.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::frames::{DATA, END_STREAM, PREFACE, call, end_of, frame, open};
use super::{CUT_MAX, good_calls, target};
use crate::process::command;
use crate::process::running::Running;

#[test]
fn a_connection_that_does_not_open_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let connect = |sent: &[u8]| {
        let mut stream = TcpStream::connect(&target.server.api).unwrap();
        stream.write_all(sent).unwrap();
        stream
    };
    let mut connections = [connect(b""), connect(b"\x16"), connect(&PREFACE[..10]), connect(PREFACE)];
    thread::scope(|scope| {
        for stream in &mut connections {
            scope.spawn(|| assert!(end_of(stream, CUT_MAX).is_some(), "it is still open after {CUT_MAX:?}"));
        }
    });
    target.is_well();
    assert!(target.counted("tenterhook_connections_cut_total{reason=\"late\"}") >= 2);
}

#[test]
fn one_address_cannot_keep_the_door_shut() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let _idle: Vec<TcpStream> = (0..300).map(|_| open(&target.server.api)).collect();
    target.is_well();
    assert!(target.counted("tenterhook_connections_cut_total{reason=\"evicted\"}") >= 40);
}

#[test]
fn a_client_that_does_not_react_does_not_hold_the_server_up() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let mut silent = open(&target.server.api);
    let request = frame(DATA, END_STREAM, 1, &[0; 5]);
    silent.write_all(&[call(1, "/grpc.health.v1.Health/Watch", 0), request].concat()).unwrap();
    silent.read_exact(&mut [0; 40]).unwrap();
    target.server.running.signal("TERM");
    let begun = Instant::now();
    assert_eq!(target.server.running.wait().status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn localhost_is_both_families() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("localhost:{port}");
    let serve = ["serve", "--dev", "--store", "memory:", "--ops-listen", "off", "--listen", &listen];
    let mut server = Running::start(command(&serve));
    server.line_with("listens on");
    for address in ["127.0.0.1", "[::1]"] {
        good_calls(&format!("{address}:{port}"));
    }
}
