//! The door under abuse over HTTP/1.1.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::frames::{end_of, flood};
use super::{CUT_MAX, target};

/// Connections of an abuser: as many as one address may have.
const CONNECTIONS: usize = 256;
/// The begin of a body of 4 MiB to publish.
const BEGIN: &str =
    "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4194304\r\n\r\n";

fn connect(api: &str, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    // The server may have cut it already.
    let _ = stream.write_all(sent.as_bytes());
    stream
}

/// The status of the answer to what was sent, if there is one.
fn status(mut stream: TcpStream) -> Option<u16> {
    stream.set_read_timeout(Some(CUT_MAX)).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}

#[test]
fn heads_that_do_not_come_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let mut connections = ["G", "GET / HTTP/1.1\r\n", "POST /v1/events HTTP/1.1\r\nhost: x\r\nx-slow: "]
        .map(|sent| connect(&target.server.api, sent));
    thread::scope(|scope| {
        for stream in &mut connections {
            scope.spawn(|| assert!(end_of(stream, CUT_MAX).is_some(), "it is still open after {CUT_MAX:?}"));
        }
    });
    target.is_well();
    assert!(target.counted("tenterhook_connections_cut_total{reason=\"late\"}") >= 3);
}

#[test]
fn bodies_that_never_end_hold_little_memory() {
    let web = BEGIN.replace("/v1/events", "/tenterhook.v1.EventService/PublishEvent");
    let web = web.replace("application/json", "application/grpc-web");
    for begin in [
        format!("{BEGIN}{{\"type\": \""),
        BEGIN.replace("application/json", "application/x-ndjson"),
        // The begin of a message of almost 4 MiB.
        format!("{web}\0\0\x3f\x7f\x7f"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path(), &[]);
        let part = "x".repeat(512 * 1024);
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let mut stream = connect(&target.server.api, &begin);
                let _ = stream.write_all(part.as_bytes());
                stream
            })
            .collect();
        target.is_well();
        drop(connections);
        target.is_well();
    }
}

#[test]
fn who_has_no_key_is_refused_before_the_body() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, format!("sha256:{} publisher *\n", "0".repeat(64))).unwrap();
    let server = crate::process::serve::start(folder.path(), &["--api-keys", keys.to_str().unwrap()]);
    let begin = BEGIN.replace("application/json", "application/x-ndjson");
    assert_eq!(status(connect(&server.api, &begin)), Some(401));
    let expecting = begin.replace("host: x", "host: x\r\nexpect: 100-continue");
    assert_eq!(status(connect(&server.api, &expecting)), Some(401), "it is not asked to continue");
}

#[test]
fn who_expects_to_continue_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let mut stream = connect(&target.server.api, &BEGIN.replace("host: x", "host: x\r\nexpect: 100-continue"));
    let mut head = [0; 25];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn a_client_that_does_not_take_its_answers_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let mut stream = connect(&target.server.api, "");
    let requests = "GET /v1/openapi.yaml HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    assert!(flood(&mut stream, || requests.clone().into(), false, CUT_MAX).is_some(), "it is still served");
    target.is_well();
    assert!(target.counted("tenterhook_connections_cut_total{reason=\"stuck\"}") >= 1);
}

#[test]
fn requests_that_are_cut_short_or_malformed_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    for (sent, expected) in [
        ("GET / HTTP/1.1\r\nhost x\r\n\r\n", Some(400)),
        ("GET / HTTP/9.9\r\n\r\n", Some(400)),
        ("GET / HTTP/1.1\r\n\r\n", Some(400)),
        ("GET http://x/ HTTP/1.1\r\n\r\n", Some(400)),
        ("GET /v1/openapi.yaml HTTP/1.1\r\nhost:\r\n\r\n", Some(400)),
        ("GET /v1/openapi.yaml HTTP/1.1\r\nhost: a b\r\n\r\n", Some(400)),
        ("GET /v1/openapi.yaml HTTP/1.1\r\nhost: a@b\r\n\r\n", Some(400)),
        ("GET /v1/openapi.yaml HTTP/1.1\r\nhost: x:1\r\n\r\n", Some(200)),
        ("GET /v1/openapi.yaml HTTP/1.0\r\n\r\n", Some(200)),
        ("POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", Some(400)),
        ("POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", Some(400)),
        ("POST /v1/events HTTP/1.1\r\nhost: x\r\nhost: x\r\ncontent-length: 0\r\n\r\n", Some(400)),
        ("POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Some(400)),
        ("POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Some(400)),
        ("POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n", Some(415)),
        ("CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", Some(404)),
    ] {
        assert_eq!(status(connect(&target.server.api, sent)), expected, "{sent:?}");
    }
    target.is_well();
}

/// A connection that takes little before its sender has to wait.
fn connect_narrowly(api: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.connect(api.parse().unwrap()).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

#[test]
fn acknowledgements_arrive_when_the_server_stops_although_the_client_still_sends() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let mut stream = connect_narrowly(&target.server.api);
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // Each line is refused by an acknowledgement, until neither side takes any more.
    let lines = format!("{:x}\r\n{}\r\n", 2_000, "x\n".repeat(1_000));
    while stream.write_all(lines.as_bytes()).is_ok() {}
    target.server.running.signal("TERM");
    let (mut answer, mut part) = (Vec::new(), [0; 64 * 1_024]);
    stream.set_read_timeout(Some(CUT_MAX)).unwrap();
    while let Ok(read @ 1..) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..read]);
    }
    let end = &answer[answer.len().saturating_sub(300)..];
    assert!(answer.ends_with(b"\r\n0\r\n\r\n"), "it is cut: {}", end.escape_ascii());
    let last = String::from_utf8_lossy(end);
    assert!(last.contains("ERROR_REASON_SHUTTING_DOWN"), "{last}");
    drop(stream);
    assert_eq!(target.server.running.wait().status.code(), Some(0));
}
