//! Counts the frames that a client sends, without reading what they say.
//!
//! A client may send PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, empty DATA and unknown
//! frames for ever, and each costs the server time. Those of a normal client are answers to
//! something: to calls it makes and to data it was sent. So calls and data pay for a few such
//! frames each, time pays for some, and a client that goes beyond is a flood.

use tokio::time::Instant;

/// What a client sends first (RFC 9113 section 3.4).
const PREFACE: usize = 24;
/// The header of a frame: length, type, flags, stream (RFC 9113 section 4.1).
const HEADER: usize = 9;
/// Frame types that carry calls: DATA and HEADERS (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
/// Bytes of the smallest message, which is a prefix alone (gRPC over HTTP/2, "Length-Prefixed-Message").
const MESSAGE_MIN: usize = 5;
/// Other frames that a client may send at once, and how many more each second.
const OTHERS: (u64, u64) = (2_000, 200);
/// Other frames that a frame of a call pays for: two window updates, a reset, a ping.
const OTHERS_A_CALL: u64 = 4;
/// Bytes sent to the client that pay for one other frame: a window update for each small message.
/// An answer to a ping is 17 bytes, so pings do not pay for pings.
const BYTES_AN_OTHER: u64 = 64;

/// The client sent more frames than a client needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flood;

/// The frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    begun: Instant,
    /// Bytes of the preface or of a frame's payload that are to come.
    left: usize,
    header: [u8; HEADER],
    header_len: usize,
    /// Whole frames that have come.
    count: u64,
    /// Frames of calls, and others.
    calls: u64,
    others: u64,
}

impl Frames {
    /// Before the first byte.
    pub(super) fn new() -> Self {
        let (header, header_len) = ([0; HEADER], 0);
        Self { begun: Instant::now(), left: PREFACE, header, header_len, count: 0, calls: 0, others: 0 }
    }

    /// Whether the preface and the first frame, which is SETTINGS, have come.
    pub(super) fn is_open(&self) -> bool {
        self.count > 0
    }

    /// Takes note of what came, `sent` bytes having been sent to the client so far.
    ///
    /// # Errors
    /// When the client sends more frames than it needs.
    pub(super) fn came(&mut self, mut bytes: &[u8], sent: u64) -> Result<(), Flood> {
        let others_before = self.others;
        while !bytes.is_empty() {
            if self.left > 0 {
                let step = self.left.min(bytes.len());
                bytes = &bytes[step..];
                debug_assert!(step > 0, "bytes that are passed over get less, or they are looked at for ever");
                self.left -= step;
                if self.left == 0 && self.header_len == HEADER {
                    self.frame_ends();
                }
                continue;
            }
            let step = bytes.len().min(HEADER - self.header_len);
            self.header[self.header_len..self.header_len + step].copy_from_slice(&bytes[..step]);
            self.header_len += step;
            bytes = &bytes[step..];
            if self.header_len == HEADER {
                let [high, middle, low, ..] = self.header;
                self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.frame_begins();
            }
        }
        if self.others > others_before && self.others > self.allowed(sent) { Err(Flood) } else { Ok(()) }
    }

    fn frame_begins(&mut self) {
        match self.header[3] {
            DATA if self.left >= MESSAGE_MIN => self.calls += 1,
            HEADERS => self.calls += 1,
            _ => self.others += 1,
        }
        if self.left == 0 {
            self.frame_ends();
        }
    }

    fn frame_ends(&mut self) {
        assert!(self.left == 0 && self.header_len == HEADER, "a frame ends with {} bytes to come", self.left);
        self.header_len = 0;
        self.count += 1;
    }

    fn allowed(&self, sent: u64) -> u64 {
        let (at_once, a_second) = OTHERS;
        let for_time = at_once + a_second * self.begun.elapsed().as_secs();
        for_time + OTHERS_A_CALL * self.calls + sent / BYTES_AN_OTHER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;
    const UNKNOWN: u8 = 0xbe;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let mut frame = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, 0, 0, 0, 0, 1]);
        frame.resize(HEADER + length, 0);
        frame
    }

    fn opened() -> Frames {
        let mut frames = Frames::new();
        frames.came(&[[0; PREFACE].to_vec(), frame(SETTINGS, 6)].concat(), 0).unwrap();
        assert!(frames.is_open());
        frames
    }

    #[tokio::test]
    async fn a_connection_is_open_after_the_whole_first_frame_however_it_is_cut() {
        let mut frames = Frames::new();
        let bytes = [[0; PREFACE].to_vec(), frame(SETTINGS, 12)].concat();
        for (place, byte) in bytes.iter().enumerate() {
            assert!(!frames.is_open(), "after {place} bytes");
            frames.came(&[*byte], 0).unwrap();
        }
        assert!(frames.is_open());
        assert!({
            let mut frames = Frames::new();
            frames.came(&[[0; PREFACE].to_vec(), frame(SETTINGS, 0)].concat(), 0).unwrap();
            frames.is_open()
        });
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_flood_ends() {
        for (kind, length) in
            [(SETTINGS, 0), (PING, 8), (WINDOW_UPDATE, 4), (UNKNOWN, 100), (DATA, 0), (DATA, 1), (2, 5), (3, 4)]
        {
            let mut frames = opened();
            let flood = frame(kind, length).repeat(10);
            let sent = (0..).find(|_| frames.came(&flood, 0) == Err(Flood)).unwrap();
            assert_eq!(sent, 199, "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_pings_every_ten_milliseconds_stays() {
        let mut frames = opened();
        for _ in 0..10_000 {
            tokio::time::advance(Duration::from_millis(10)).await;
            frames.came(&frame(PING, 8), 0).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_and_what_was_sent_pay_for_the_frames_that_they_cause() {
        let mut frames = opened();
        let call = [frame(HEADERS, 20), frame(DATA, 5), frame(WINDOW_UPDATE, 4), frame(3, 4), frame(PING, 8)].concat();
        for _ in 0..100_000 {
            frames.came(&call, 0).unwrap();
        }
        let mut watcher = opened();
        for message in 1..100_000 {
            watcher.came(&frame(WINDOW_UPDATE, 4).repeat(2), message * 150).unwrap();
        }
    }
}
