//! The row of an attempt.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tenterhook_model::{Attempt, CapturedResponse, Header, HttpMethod, Outcome, SentRequest, Timings};

use super::{Time, required};

/// One attempt.
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

/// The place of `item` in `all`, which holds every value of its type.
pub(crate) fn number_of<T: PartialEq, const N: usize>(all: [T; N], item: &T) -> u32 {
    all.iter().position(|other| other == item).expect("the list holds every value") as u32
}

fn headers_row(headers: &[Header]) -> Vec<HeaderRow> {
    let row = |header: &Header| HeaderRow {
        name: header.name.clone(),
        value: header.shown_value().to_owned(),
        sensitive: header.sensitive,
    };
    headers.iter().map(row).collect()
}

fn headers(rows: Vec<HeaderRow>) -> Vec<Header> {
    rows.into_iter().map(|row| Header { name: row.name, value: row.value, sensitive: row.sensitive }).collect()
}

fn optional_nanos(duration: Option<Duration>) -> u64 {
    duration.map_or(0, |duration| nanos(duration).saturating_add(1))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl From<&Attempt> for AttemptRow {
    fn from(attempt: &Attempt) -> Self {
        Self {
            request: attempt.request.as_ref().map(RequestRow::from),
            response: attempt.response.as_ref().map(ResponseRow::from),
            ..Self::without_exchange(attempt)
        }
    }
}

impl AttemptRow {
    /// The attempt for the journal: of request and answer only the status. Readers take the
    /// rest from the row of the delivery or attempt.
    pub(crate) fn for_journal(attempt: &Attempt) -> Self {
        let status = |response: &CapturedResponse| ResponseRow { status: response.status.into(), ..Default::default() };
        Self { response: attempt.response.as_ref().map(status), ..Self::without_exchange(attempt) }
    }

    fn without_exchange(attempt: &Attempt) -> Self {
        let timings = &attempt.timings;
        let phases = [timings.queued, timings.render, timings.dns, timings.connect, timings.tls, timings.first_byte];
        Self {
            number: attempt.number,
            start_time: Some(attempt.start_time.into()),
            duration_nanos: nanos(attempt.duration),
            outcome: number_of(Outcome::ALL, &attempt.outcome),
            error: attempt.error.clone(),
            request: None,
            response: None,
            timings: phases.map(optional_nanos).to_vec(),
            remote_address: attempt.remote_address.map(|address| address.to_string()).unwrap_or_default(),
            trace_id: attempt.trace_id.clone(),
        }
    }

    /// How long it took.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration_nanos)
    }

    /// The attempt of the row.
    pub(crate) fn into_attempt(self) -> Attempt {
        let phase = |at: usize| self.timings.get(at).and_then(|n| n.checked_sub(1)).map(Duration::from_nanos);
        Attempt {
            number: self.number,
            start_time: required(self.start_time),
            duration: Duration::from_nanos(self.duration_nanos),
            outcome: Outcome::ALL.get(self.outcome as usize).copied().unwrap_or(Outcome::Interrupted),
            timings: Timings {
                queued: phase(0),
                render: phase(1),
                dns: phase(2),
                connect: phase(3),
                tls: phase(4),
                first_byte: phase(5),
            },
            error: self.error,
            request: self.request.map(RequestRow::into_request),
            response: self.response.map(ResponseRow::into_response),
            remote_address: self.remote_address.parse().ok(),
            trace_id: self.trace_id,
        }
    }
}

impl From<&SentRequest> for RequestRow {
    fn from(request: &SentRequest) -> Self {
        Self {
            method: number_of(HttpMethod::ALL, &request.method),
            url: request.url.clone(),
            headers: headers_row(&request.headers),
            body: request.body.clone(),
            body_truncated: request.body_truncated,
        }
    }
}

impl RequestRow {
    fn into_request(self) -> SentRequest {
        SentRequest {
            method: HttpMethod::ALL.get(self.method as usize).copied().unwrap_or_default(),
            url: self.url,
            headers: headers(self.headers),
            body: self.body,
            body_truncated: self.body_truncated,
        }
    }
}

impl From<&CapturedResponse> for ResponseRow {
    fn from(response: &CapturedResponse) -> Self {
        Self {
            status: response.status.into(),
            headers: headers_row(&response.headers),
            body: response.body.clone(),
            body_truncated: response.body_truncated,
        }
    }
}

impl ResponseRow {
    fn into_response(self) -> CapturedResponse {
        CapturedResponse {
            status: u16::try_from(self.status).unwrap_or_default(),
            headers: headers(self.headers),
            body: self.body,
            body_truncated: self.body_truncated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_attempt_round_trips_with_every_outcome() {
        for outcome in Outcome::ALL {
            let attempt = Attempt { outcome, ..testing::attempt(3) };
            let row = super::super::encode(&AttemptRow::from(&attempt));
            let back: AttemptRow = super::super::decode(&row.into(), "an attempt").unwrap();
            assert_eq!(back.into_attempt(), attempt);
        }
    }

    #[test]
    fn an_attempt_without_exchange_round_trips() {
        let attempt = Attempt {
            request: None,
            response: None,
            remote_address: None,
            timings: Timings::default(),
            ..testing::attempt(1)
        };
        assert_eq!(AttemptRow::from(&attempt).into_attempt(), attempt);
    }

    #[test]
    fn a_sensitive_header_is_stored_without_its_value() {
        let mut attempt = testing::attempt(1);
        let secret = Header { name: "Authorization".into(), value: "hunter2".into(), sensitive: true };
        attempt.request.as_mut().unwrap().headers.push(secret);
        let row = super::super::encode(&AttemptRow::from(&attempt));
        assert!(!row.windows(7).any(|part| part == b"hunter2"));
    }

    #[test]
    fn the_journal_keeps_the_status_and_no_body() {
        let attempt = testing::attempt(2);
        let kept = AttemptRow::for_journal(&attempt).into_attempt();
        assert_eq!(kept.request, None);
        let response = kept.response.unwrap();
        assert_eq!((response.status, response.body.len(), response.headers.len()), (503, 0, 0));
        assert_eq!((kept.outcome, kept.duration, kept.error), (attempt.outcome, attempt.duration, attempt.error));
    }
}
