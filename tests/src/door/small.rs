//! Clients that are faster than the server, with the smallest events there are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use prost::Message;
use tenterhook_model::limits::STREAM_WINDOW_BYTES;
use tenterhook_proto::tenterhook::v1::{Event, StreamPublishEventsRequest};

use super::frames::{DATA, END_STREAM, HEADERS, SETTINGS, WINDOW_UPDATE, call, frame, open};
use super::target;

/// The frame with which a server ends a connection (RFC 9113 section 6.8).
const GOAWAY: u8 = 7;
/// The identifier of SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 section 6.5.2).
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
/// A window that never closes in a test.
const WIDE: [u8; 4] = 0x3fff_0000_u32.to_be_bytes();

/// A message as gRPC frames it.
fn message(sequence: u64) -> Vec<u8> {
    let event = Event { r#type: "a".into(), id: format!("{sequence:05}"), ..Event::default() };
    let bytes = StreamPublishEventsRequest { sequence, event: Some(event) }.encode_to_vec();
    [&[0], &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()
}

/// The next frame: its type, its flags, its stream and its payload.
pub(super) fn next(stream: &mut TcpStream) -> (u8, u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).unwrap();
    (head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload)
}

#[test]
fn a_stream_of_tiny_events_that_outruns_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let size = message(99_999).len();
    assert!(size <= 24, "an event that small is {size} bytes");
    let count = STREAM_WINDOW_BYTES as usize / size;
    let mut bytes = frame(SETTINGS, 0, 0, &[&INITIAL_WINDOW_SIZE[..], &WIDE].concat());
    bytes.extend(frame(WINDOW_UPDATE, 0, 0, &WIDE));
    bytes.extend(call(1, "/tenterhook.v1.EventService/StreamPublishEvents", 0));
    for number in 1..=count {
        let flags = if number == count { END_STREAM } else { 0 };
        bytes.extend(frame(DATA, flags, 1, &message(number as u64)));
    }
    let mut stream = open(&target.server.api);
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(&bytes).unwrap();
    let mut answered = 0;
    loop {
        let (kind, flags, _, payload) = next(&mut stream);
        assert_ne!(kind, GOAWAY, "after {answered} bytes of answers: {}", String::from_utf8_lossy(&payload[8..]));
        if kind == DATA {
            answered += payload.len();
        }
        if kind == HEADERS && flags & END_STREAM != 0 {
            break;
        }
    }
    assert!(answered > 5 * count, "{count} events have {answered} bytes of answers");
}
