//! The row of an attempt.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tenterhook_model::sensitive::is_sensitive_header;
use tenterhook_model::{
    Attempt, CapturedResponse, Header, HttpMethod, Outcome, SentRequest, Timings, TriedAddress, TriedResult,
};

use super::number::Numbered;
use super::{Time, Wire, required};
use crate::error::StoreError;

/// One attempt, as it is read. A new field takes the next tag here, in [`write()`], which does not
/// copy what it writes, and in [`AttemptRow::into_attempt`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttemptRow {
    #[prost(uint32, tag = "1")]
    pub(crate) number: u32,
    #[prost(message, optional, tag = "2")]
    start_time: Option<Time>,
    #[prost(uint64, tag = "3")]
    duration_nanos: u64,
    #[prost(uint32, tag = "4")]
    outcome: u32,
    #[prost(string, tag = "5")]
    error: String,
    #[prost(message, optional, tag = "6")]
    request: Option<RequestRow>,
    #[prost(message, optional, tag = "7")]
    response: Option<ResponseRow>,
    /// Queued, render, dns, connect, tls, first byte: nanoseconds and one more, 0 when not reached.
    #[prost(uint64, repeated, tag = "8")]
    timings: Vec<u64>,
    #[prost(string, tag = "9")]
    remote_address: String,
    #[prost(string, tag = "10")]
    trace_id: String,
    #[prost(message, repeated, tag = "11")]
    tried_addresses: Vec<TriedRow>,
    #[prost(string, tag = "12")]
    proxy: String,
}

#[derive(Clone, PartialEq, Message)]
struct TriedRow {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(uint32, tag = "2")]
    result: u32,
    #[prost(string, tag = "3")]
    error: String,
}

#[derive(Clone, PartialEq, Message)]
struct RequestRow {
    #[prost(uint32, tag = "1")]
    method: u32,
    #[prost(string, tag = "2")]
    url: String,
    #[prost(message, repeated, tag = "3")]
    headers: Vec<HeaderRow>,
    #[prost(bytes = "bytes", tag = "4")]
    body: Bytes,
    #[prost(bool, tag = "5")]
    body_truncated: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ResponseRow {
    #[prost(uint32, tag = "1")]
    status: u32,
    #[prost(message, repeated, tag = "2")]
    headers: Vec<HeaderRow>,
    #[prost(bytes = "bytes", tag = "3")]
    body: Bytes,
    #[prost(bool, tag = "4")]
    body_truncated: bool,
    #[prost(string, tag = "5")]
    note: String,
}

#[derive(Clone, PartialEq, Message)]
struct HeaderRow {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(bool, tag = "3")]
    sensitive: bool,
}

fn write_headers(wire: &mut Wire, tag: u64, headers: &[Header]) {
    for header in headers {
        wire.message(tag, |wire| {
            wire.bytes(1, header.name.as_bytes());
            wire.bytes(2, header.shown_value().as_bytes());
            wire.flag(3, header.sensitive);
        });
    }
}

/// How much of an attempt is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// For the journal: of request and answer only the status. Readers take the rest from the
    /// row of the delivery or attempt.
    Outline,
}

/// Writes an attempt as [`AttemptRow`] reads it.
pub(crate) fn write(wire: &mut Wire, attempt: &Attempt, part: Part) {
    let timings = &attempt.timings;
    let phases = [timings.queued, timings.render, timings.dns, timings.connect, timings.tls, timings.first_byte];
    wire.number(1, attempt.number.into());
    wire.time(2, Some(attempt.start_time));
    wire.number(3, nanos(attempt.duration));
    wire.number(4, attempt.outcome.number().into());
    wire.bytes(5, attempt.error.as_bytes());
    if let (Some(request), Part::Whole) = (&attempt.request, part) {
        wire.message(6, |wire| write_request(wire, request));
    }
    if let Some(response) = &attempt.response {
        wire.message(7, |wire| write_response(wire, response, part));
    }
    wire.numbers(8, &phases.map(optional_nanos));
    if let Some(address) = attempt.remote_address {
        wire.bytes(9, address.to_string().as_bytes());
    }
    wire.bytes(10, attempt.trace_id.as_bytes());
    if part == Part::Whole {
        wire.bytes(12, attempt.proxy.as_bytes());
        attempt.tried_addresses.iter().for_each(|tried| wire.message(11, |wire| write_tried(wire, tried)));
    }
}

fn write_tried(wire: &mut Wire, tried: &TriedAddress) {
    wire.bytes(1, tried.address.to_string().as_bytes());
    wire.number(2, tried.result.number().into());
    wire.bytes(3, tried.error.as_bytes());
}

/// The row of an attempt.
pub(crate) fn encode(attempt: &Attempt) -> Vec<u8> {
    debug_assert!(attempt.number > 0, "attempts are numbered from 1");
    let mut wire = Wire::new(size_of(attempt));
    write(&mut wire, attempt, Part::Whole);
    wire.finish()
}

/// Bytes of the row of an attempt, roughly.
pub(crate) fn size_of(attempt: &Attempt) -> usize {
    let request = attempt.request.as_ref().map_or(0, |request| request.body.len() + 64 * request.headers.len());
    let response = attempt.response.as_ref().map_or(0, |response| response.body.len() + 64 * response.headers.len());
    256 + request + response + 64 * attempt.tried_addresses.len()
}

fn write_request(wire: &mut Wire, request: &SentRequest) {
    wire.number(1, request.method.number().into());
    wire.bytes(2, request.url.as_bytes());
    write_headers(wire, 3, &request.headers);
    wire.bytes(4, &request.body);
    wire.flag(5, request.body_truncated);
}

fn write_response(wire: &mut Wire, response: &CapturedResponse, part: Part) {
    wire.number(1, response.status.into());
    if part == Part::Whole {
        write_headers(wire, 2, &response.headers);
        wire.bytes(3, &response.body);
        wire.flag(4, response.body_truncated);
        wire.bytes(5, response.note.as_bytes());
    }
}

fn headers(rows: Vec<HeaderRow>) -> Vec<Header> {
    rows.into_iter()
        .map(|row| {
            // A row may be older than what its name says.
            let sensitive = row.sensitive || is_sensitive_header(&row.name);
            Header { name: row.name.into(), value: row.value.into(), sensitive }
        })
        .collect()
}

fn optional_nanos(duration: Option<Duration>) -> u64 {
    duration.map_or(0, |duration| nanos(duration).saturating_add(1))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl AttemptRow {
    /// How long it took.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration_nanos)
    }

    /// How it ended.
    pub(crate) fn outcome(&self) -> Result<Outcome, StoreError> {
        Outcome::of(self.outcome, &format!("the attempt {}", self.number))
    }

    /// The attempt of the row.
    ///
    /// # Errors
    /// When it has an outcome or a method that this version does not know.
    pub(crate) fn into_attempt(self) -> Result<Attempt, StoreError> {
        let row = format!("attempt {}", self.number);
        let tried = self.tried_addresses.into_iter().filter_map(|tried| tried.into_tried(&row).transpose());
        let phase = |at: usize| self.timings.get(at).and_then(|n| n.checked_sub(1)).map(Duration::from_nanos);
        Ok(Attempt {
            number: self.number,
            start_time: required(self.start_time),
            duration: Duration::from_nanos(self.duration_nanos),
            outcome: Outcome::of(self.outcome, &row)?,
            timings: Timings {
                queued: phase(0),
                render: phase(1),
                dns: phase(2),
                connect: phase(3),
                tls: phase(4),
                first_byte: phase(5),
            },
            error: self.error,
            request: self.request.map(|request| request.into_request(&row)).transpose()?,
            response: self.response.map(ResponseRow::into_response),
            remote_address: self.remote_address.parse().ok(),
            trace_id: self.trace_id,
            tried_addresses: tried.collect::<Result<_, _>>()?,
            proxy: self.proxy,
        })
    }
}

impl TriedRow {
    fn into_tried(self, row: &str) -> Result<Option<TriedAddress>, StoreError> {
        let (result, error) = (TriedResult::of(self.result, row)?, self.error);
        Ok(self.address.parse().ok().map(|address| TriedAddress { address, result, error }))
    }
}

impl RequestRow {
    fn into_request(self, row: &str) -> Result<SentRequest, StoreError> {
        Ok(SentRequest {
            method: HttpMethod::of(self.method, row)?,
            url: self.url,
            headers: headers(self.headers),
            body: self.body,
            body_truncated: self.body_truncated,
        })
    }
}

impl ResponseRow {
    fn into_response(self) -> CapturedResponse {
        CapturedResponse {
            status: u16::try_from(self.status).unwrap_or_default(),
            headers: headers(self.headers),
            body: self.body,
            body_truncated: self.body_truncated,
            note: self.note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as fixtures;

    fn read(row: Vec<u8>) -> Attempt {
        super::super::decode::<AttemptRow>(&row.into(), "an attempt").unwrap().into_attempt().unwrap()
    }

    #[test]
    fn an_attempt_round_trips_with_every_outcome() {
        for outcome in Outcome::ALL {
            let attempt = Attempt { outcome, ..fixtures::attempt(3) };
            assert_eq!(read(encode(&attempt)), attempt);
        }
    }

    #[test]
    fn tried_addresses_round_trip_with_every_result() {
        let address = "192.0.2.7:443".parse().unwrap();
        let tried = TriedResult::ALL.map(|result| TriedAddress { address, result, error: "why".into() });
        let attempt = Attempt { tried_addresses: tried.to_vec(), ..fixtures::attempt(1) };
        assert_eq!(read(encode(&attempt)), attempt);
    }

    #[test]
    fn a_phase_that_took_no_time_is_told_from_one_that_was_not_reached() {
        let phases = [None, Some(Duration::ZERO), Some(Duration::from_nanos(1)), Some(Duration::from_secs(3_600))];
        for at in 0..phases.len() {
            let phase = |step: usize| phases[(at + step) % phases.len()];
            let (queued, render, dns) = (phase(0), phase(1), phase(2));
            let (connect, tls, first_byte) = (phase(3), phase(4), phase(5));
            let timings = Timings { queued, render, dns, connect, tls, first_byte };
            let attempt = Attempt { timings, ..fixtures::attempt(1) };
            assert_eq!(read(encode(&attempt)), attempt);
        }
    }

    #[test]
    fn a_duration_beyond_the_row_is_the_longest_that_it_holds() {
        let timings = Timings { queued: Some(Duration::MAX), ..Timings::default() };
        let kept = read(encode(&Attempt { duration: Duration::MAX, timings, ..fixtures::attempt(1) }));
        assert_eq!(kept.duration, Duration::from_nanos(u64::MAX));
        assert_eq!(kept.timings.queued, Some(Duration::from_nanos(u64::MAX - 1)));
    }

    #[test]
    fn a_header_that_was_not_called_sensitive_yet_is_by_its_name() {
        let row = |name: &str, sensitive| HeaderRow { name: name.into(), value: "v".into(), sensitive };
        let read = headers(vec![row("X-Api-Key", false), row("X-Site", false), row("X-Site", true)]);
        assert_eq!(read.iter().map(|header| header.sensitive).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn what_nobody_knows_is_damage_and_names_the_attempt() {
        let whole = AttemptRow { number: 7, ..AttemptRow::default() };
        let request = Some(RequestRow { method: 99, ..RequestRow::default() });
        let tried = TriedRow { address: "192.0.2.7:443".into(), result: 99, ..TriedRow::default() };
        for (row, named) in [
            (AttemptRow { outcome: 99, ..whole.clone() }, "the outcome 99"),
            (AttemptRow { request, ..whole.clone() }, "the method 99"),
            (AttemptRow { tried_addresses: vec![tried], ..whole.clone() }, "the result of an address 99"),
        ] {
            let error = row.into_attempt().unwrap_err().to_string();
            assert!(error.contains("attempt 7") && error.contains(named), "{error}");
        }
        let outcome = AttemptRow { outcome: 99, ..whole }.outcome().unwrap_err().to_string();
        assert!(outcome.contains("the attempt 7 has the outcome 99"), "{outcome}");
    }

    #[test]
    fn an_address_or_a_status_that_is_none_is_left_out() {
        let tried = |address: &str| TriedRow { address: address.into(), ..TriedRow::default() };
        let row = AttemptRow {
            remote_address: "nowhere".into(),
            tried_addresses: vec![tried("nowhere"), tried("192.0.2.7:443")],
            response: Some(ResponseRow { status: 70_000, ..ResponseRow::default() }),
            ..AttemptRow::default()
        };
        let attempt = row.into_attempt().unwrap();
        assert_eq!((attempt.remote_address, attempt.response.unwrap().status), (None, 0));
        assert_eq!(attempt.tried_addresses.iter().map(|one| one.address.port()).collect::<Vec<_>>(), [443]);
    }

    #[test]
    fn an_attempt_without_exchange_round_trips() {
        let (request, response, remote_address, tried_addresses) = (None, None, None, Vec::new());
        let without = Attempt { request, response, remote_address, tried_addresses, ..fixtures::attempt(1) };
        let attempt = Attempt { timings: Timings::default(), ..without };
        assert_eq!(read(encode(&attempt)), attempt);
    }

    #[test]
    fn the_largest_attempt_fits_into_its_row() {
        let mut attempt = fixtures::attempt(1);
        let header = || Header::new("n".repeat(1_000), "v".repeat(7_000));
        let request = attempt.request.as_mut().unwrap();
        request.body = vec![7; tenterhook_model::limits::BODY_KEPT_BYTES].into();
        request.headers = std::iter::repeat_with(header).take(64).collect();
        assert_eq!(read(encode(&attempt)), attempt);
    }

    #[test]
    fn the_room_for_a_row_is_enough_and_not_twice_it_whatever_makes_it_large() {
        let header = || Header::new("n".repeat(13), "v".repeat(40));
        let headers: Vec<Header> = std::iter::repeat_with(header).take(40).collect();
        let body = Bytes::from(vec![7; 10_000]);
        let of = fixtures::attempt(1);
        let (request, response) = (of.request.clone().unwrap(), of.response.clone().unwrap());
        let asking = |request| Attempt { request: Some(request), ..of.clone() };
        let answered = |response| Attempt { response: Some(response), ..of.clone() };
        let tried = TriedAddress { error: "e".repeat(30), ..of.tried_addresses[0].clone() };
        for attempt in [
            of.clone(),
            asking(SentRequest { headers: headers.clone(), ..request.clone() }),
            asking(SentRequest { body: body.clone(), ..request.clone() }),
            answered(CapturedResponse { headers, ..response.clone() }),
            answered(CapturedResponse { body, ..response.clone() }),
            Attempt { tried_addresses: vec![tried; 20], ..of.clone() },
        ] {
            let (row, room) = (encode(&attempt).len(), size_of(&attempt));
            assert!((row..2 * row).contains(&room), "room for {room} bytes is made, and {row} are written");
        }
    }

    #[test]
    fn a_sensitive_header_is_stored_without_its_value() {
        let mut attempt = fixtures::attempt(1);
        let secret = Header { name: "Authorization".into(), value: "hunter2".into(), sensitive: true };
        attempt.request.as_mut().unwrap().headers.push(secret);
        assert!(!encode(&attempt).windows(7).any(|part| part == b"hunter2"));
    }

    #[test]
    fn the_journal_keeps_the_status_and_no_body() {
        let attempt = fixtures::attempt(2);
        let mut wire = Wire::new(0);
        write(&mut wire, &attempt, Part::Outline);
        let kept = read(wire.finish());
        assert_eq!(kept.request, None);
        let response = kept.response.unwrap();
        assert_eq!((response.status, response.body.len(), response.headers.len()), (503, 0, 0));
        assert_eq!((kept.outcome, kept.duration, kept.error), (attempt.outcome, attempt.duration, attempt.error));
    }
}
