//! HTTP/2 by hand (RFC 9113): what no client library would send.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio::time::Instant;

/// Types of frames (RFC 9113 section 6).
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
/// A type that nobody has defined.
pub(super) const UNKNOWN: u8 = 0xbe;

/// Flags of HEADERS and DATA.
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// What a client sends first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The HEADERS frame of a gRPC call.
pub(super) fn call(stream: u32, path: &str, flags: u8) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "x"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        // A literal that is not indexed, with a new name (RFC 7541 section 6.2.2).
        block.push(0);
        literal(&mut block, name);
        literal(&mut block, value);
    }
    frame(HEADERS, END_HEADERS | flags, stream, &block)
}

/// A string without Huffman coding, its length in a prefix of seven bits (RFC 7541 sections 5.1 and 5.2).
fn literal(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(length as u8);
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push((length % 128 + 128) as u8);
            length /= 128;
        }
        block.push(length as u8);
    }
    block.extend_from_slice(text.as_bytes());
}

/// A connection that has sent the preface and empty settings.
pub(super) fn open(api: &str) -> TcpStream {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).unwrap();
    stream
}

/// Reads until the server ends the connection; how long that took, at most `longest`.
pub(super) fn end_of(stream: &mut TcpStream, longest: Duration) -> Option<Duration> {
    let begun = Instant::now();
    let mut sink = [0; 64 * 1024];
    while begun.elapsed() < longest {
        stream.set_read_timeout(Some(longest - begun.elapsed().min(longest) + Duration::from_millis(1))).unwrap();
        match stream.read(&mut sink) {
            Ok(0) => return Some(begun.elapsed()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return None,
            Err(_) => return Some(begun.elapsed()),
        }
    }
    None
}

/// Writes the same again and again, and reads nothing or what comes, until the server ends the
/// connection; how long that took, at most `longest`.
pub(super) fn flood(
    stream: &mut TcpStream,
    mut next: impl FnMut() -> Vec<u8>,
    reads: bool,
    longest: Duration,
) -> Option<Duration> {
    let begun = Instant::now();
    let mut sink = [0; 64 * 1024];
    stream.set_write_timeout(Some(longest)).unwrap();
    while begun.elapsed() < longest {
        if let Err(error) = stream.write_all(&next()) {
            let is_cut = !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            return is_cut.then(|| begun.elapsed());
        }
        if reads {
            stream.set_nonblocking(true).unwrap();
            let read = stream.read(&mut sink);
            stream.set_nonblocking(false).unwrap();
            match read {
                Ok(0) => return Some(begun.elapsed()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Some(begun.elapsed()),
                _ => {}
            }
        }
    }
    None
}
