//! Deliveries and attempts, from the model to the wire.

use std::time::Duration;

use bytes::Bytes;
use tenterhook_model::url_secrets::mask_url;
use tenterhook_model::{
    Attempt, CapturedResponse, Delivery, DeliveryState, FailureSummary, Header, Outcome, SentRequest, Timings,
    TriedAddress, TriedResult,
};
use tenterhook_proto::tenterhook::v1;

use super::time::{duration, timestamp};

/// How much of each delivery to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Without attempts but the last, and without bodies.
    Basic,
    /// Everything.
    Full,
}

/// The delivery on the wire. `attempts` are all of them in the full view, and not looked at in
/// the basic one.
pub(crate) fn write_delivery(delivery: &Delivery, view: View, attempts: &[Attempt]) -> v1::Delivery {
    let attempts = match view {
        View::Basic => Vec::new(),
        View::Full => attempts.iter().map(|attempt| write_attempt(attempt, View::Full)).collect(),
    };
    v1::Delivery {
        id: delivery.id.to_string(),
        namespace: delivery.namespace.to_string(),
        webhook_id: delivery.webhook_id.to_string(),
        event_id: delivery.event_id.to_string(),
        event_type: delivery.event_type.to_string(),
        ordering_key: delivery.ordering_key.clone(),
        state: write_state(delivery.state).into(),
        attempt_count: count(delivery.attempt_count),
        next_attempt_time: delivery.next_attempt_time.map(timestamp),
        last_attempt: delivery.last_attempt.as_ref().map(|attempt| write_attempt(attempt, view)),
        create_time: Some(timestamp(delivery.create_time)),
        update_time: Some(timestamp(delivery.update_time)),
        finish_time: delivery.finish_time.map(timestamp),
        attempts,
        // A fact of the moment, which whoever shows the delivery adds.
        waiting: None,
    }
}

/// The attempt on the wire; bodies only in the full view.
pub(crate) fn write_attempt(attempt: &Attempt, view: View) -> v1::DeliveryAttempt {
    v1::DeliveryAttempt {
        number: count(attempt.number),
        start_time: Some(timestamp(attempt.start_time)),
        duration: Some(duration(attempt.duration)),
        outcome: write_outcome(attempt.outcome).into(),
        error: attempt.error.clone(),
        request: attempt.request.as_ref().map(|request| write_sent(request, view)),
        response: attempt.response.as_ref().map(|response| write_response(response, view)),
        timings: Some(write_timings(&attempt.timings)),
        remote_address: attempt.remote_address.map(|address| address.to_string()).unwrap_or_default(),
        tried_addresses: attempt.tried_addresses.iter().map(write_tried).collect(),
        proxy: attempt.proxy.clone(),
        trace_id: attempt.trace_id.clone(),
    }
}

/// A failed attempt in short, on the wire.
pub(crate) fn write_failure(failure: &FailureSummary) -> v1::AttemptSummary {
    v1::AttemptSummary {
        delivery_id: failure.delivery_id.to_string(),
        event_id: failure.event_id.to_string(),
        number: count(failure.number),
        end_time: Some(timestamp(failure.time)),
        duration: Some(duration(failure.duration)),
        outcome: failure.outcome().map_or(v1::AttemptOutcome::Unspecified, write_outcome).into(),
        response_status: failure.status.map_or(0, i32::from),
        error: failure.error.clone(),
        response_text: failure.answer.clone(),
    }
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The body that the view shows, and whether it was cut.
fn body(body: &Bytes, truncated: bool, view: View) -> (Bytes, bool) {
    match view {
        View::Basic => (Bytes::new(), false),
        View::Full => (body.clone(), truncated),
    }
}

/// A body as text, if it is UTF-8. Of one that was cut, the last character may be cut in half.
fn text_of(body: &Bytes, truncated: bool) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(error) if truncated && error.error_len().is_none() => {
            String::from_utf8_lossy(&body[..error.valid_up_to()]).into_owned()
        }
        Err(_) => String::new(),
    }
}

/// The request on the wire; its body only in the full view.
pub(crate) fn write_sent(request: &SentRequest, view: View) -> v1::HttpRequest {
    let (body, body_truncated) = body(&request.body, request.body_truncated, view);
    v1::HttpRequest {
        method: request.method.as_str().to_owned(),
        // What was kept before URLs were masked is masked here.
        url: mask_url(&request.url).into_owned(),
        headers: write_headers(&request.headers),
        body_text: text_of(&body, body_truncated),
        body,
        body_truncated,
    }
}

fn write_response(response: &CapturedResponse, view: View) -> v1::HttpResponse {
    let (body, body_truncated) = body(&response.body, response.body_truncated, view);
    v1::HttpResponse {
        status: i32::from(response.status),
        headers: write_headers(&response.headers),
        body_text: text_of(&body, body_truncated),
        body,
        body_truncated,
        note: response.note.clone(),
    }
}

fn write_headers(headers: &[Header]) -> Vec<v1::HttpHeader> {
    let header = |header: &Header| v1::HttpHeader {
        name: header.name.clone().into_owned(),
        value: header.shown_value().to_owned(),
    };
    headers.iter().map(header).collect()
}

fn write_tried(tried: &TriedAddress) -> v1::TriedAddress {
    let result = match tried.result {
        TriedResult::Connected => v1::TriedAddressResult::Connected,
        TriedResult::Failed => v1::TriedAddressResult::Failed,
        TriedResult::TimedOut => v1::TriedAddressResult::TimedOut,
        TriedResult::Dropped => v1::TriedAddressResult::Dropped,
    };
    v1::TriedAddress { address: tried.address.to_string(), result: result.into(), error: tried.error.clone() }
}

fn write_timings(timings: &Timings) -> v1::AttemptTimings {
    let phase = |phase: Option<Duration>| phase.map(duration);
    v1::AttemptTimings {
        queued: phase(timings.queued),
        render: phase(timings.render),
        dns: phase(timings.dns),
        connect: phase(timings.connect),
        tls: phase(timings.tls),
        first_byte: phase(timings.first_byte),
    }
}

/// The state on the wire.
pub(crate) fn write_state(state: DeliveryState) -> v1::DeliveryState {
    match state {
        DeliveryState::Pending => v1::DeliveryState::Pending,
        DeliveryState::InFlight => v1::DeliveryState::InFlight,
        DeliveryState::Retrying => v1::DeliveryState::Retrying,
        DeliveryState::Succeeded => v1::DeliveryState::Succeeded,
        DeliveryState::Failed => v1::DeliveryState::Failed,
        DeliveryState::Cancelled => v1::DeliveryState::Cancelled,
    }
}

/// The state of the wire, if it is one.
pub(crate) fn read_state(state: i32) -> Option<DeliveryState> {
    DeliveryState::ALL.into_iter().find(|known| i32::from(write_state(*known)) == state)
}

/// The outcome on the wire.
pub(crate) fn write_outcome(outcome: Outcome) -> v1::AttemptOutcome {
    match outcome {
        Outcome::Success => v1::AttemptOutcome::Success,
        Outcome::HttpStatus => v1::AttemptOutcome::HttpStatus,
        Outcome::Timeout => v1::AttemptOutcome::Timeout,
        Outcome::Dns => v1::AttemptOutcome::Dns,
        Outcome::Connection => v1::AttemptOutcome::Connection,
        Outcome::Tls => v1::AttemptOutcome::Tls,
        Outcome::Blocked => v1::AttemptOutcome::Blocked,
        Outcome::Render => v1::AttemptOutcome::Render,
        Outcome::Interrupted => v1::AttemptOutcome::Interrupted,
        Outcome::Authentication => v1::AttemptOutcome::Authentication,
        Outcome::Proxy => v1::AttemptOutcome::Proxy,
    }
}

/// The outcome of the wire, if it is one.
pub(crate) fn read_outcome(outcome: i32) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|known| i32::from(write_outcome(*known)) == outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_fixtures::{event, webhook};
    use tenterhook_model::{Event, HttpMethod, Timestamp};

    fn attempt(number: u32) -> Attempt {
        let header = |name: &'static str, sensitive| Header { name: name.into(), value: "v".into(), sensitive };
        Attempt {
            number,
            start_time: Timestamp::from_millis(2),
            duration: Duration::from_millis(5),
            outcome: Outcome::HttpStatus,
            error: "answered 500".into(),
            request: Some(SentRequest {
                method: HttpMethod::Put,
                url: "https://example.com/".into(),
                headers: vec![header("X-A", false), header("X-B", true)],
                body: Bytes::from_static(b"sent"),
                body_truncated: true,
            }),
            response: Some(CapturedResponse {
                status: 500,
                headers: vec![header("X-C", false)],
                body: Bytes::from_static(b"came"),
                body_truncated: true,
                note: String::new(),
            }),
            timings: Timings { dns: Some(Duration::from_micros(7)), ..Timings::default() },
            remote_address: Some("192.0.2.7:443".parse().unwrap()),
            proxy: "http://proxy.example:3128".into(),
            tried_addresses: vec![TriedAddress {
                address: "[2001:db8::7]:443".parse().unwrap(),
                result: TriedResult::TimedOut,
                error: String::new(),
            }],
            trace_id: "t".into(),
        }
    }

    fn delivery() -> Delivery {
        let event = Event {
            namespace: "team".parse().unwrap(),
            ordering_key: "k".into(),
            publish_time: Timestamp::from_millis(1),
            ..event("e")
        };
        Delivery {
            state: DeliveryState::Retrying,
            attempt_count: 2,
            next_attempt_time: Some(Timestamp::from_millis(9)),
            last_attempt: Some(std::sync::Arc::new(attempt(2))),
            update_time: Timestamp::from_millis(3),
            ..tenterhook_fixtures::delivery(&webhook(1), &event, 1)
        }
    }

    #[test]
    fn the_basic_view_has_no_bodies_and_no_attempts_but_the_last() {
        let written = write_delivery(&delivery(), View::Basic, &[attempt(1), attempt(2)]);
        assert!(written.attempts.is_empty());
        let last = written.last_attempt.unwrap();
        let (request, response) = (last.request.unwrap(), last.response.unwrap());
        assert!(request.body.is_empty() && !request.body_truncated);
        assert!(response.body.is_empty() && !response.body_truncated);
        assert_eq!((response.status, request.method.as_str()), (500, "PUT"));
    }

    #[test]
    fn the_full_view_has_everything() {
        let written = write_delivery(&delivery(), View::Full, &[attempt(1), attempt(2)]);
        assert_eq!(written.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
        let last = written.last_attempt.unwrap();
        assert_eq!(&last.request.unwrap().body[..], b"sent");
        assert!(last.response.unwrap().body_truncated);
        assert_eq!(last.remote_address, "192.0.2.7:443");
        assert_eq!(last.proxy, "http://proxy.example:3128");
        let tried = &last.tried_addresses[0];
        assert_eq!((tried.address.as_str(), tried.result()), ("[2001:db8::7]:443", v1::TriedAddressResult::TimedOut));
        assert_eq!(last.timings.unwrap().dns.unwrap().nanos, 7_000);
        assert_eq!((written.namespace.as_str(), written.ordering_key.as_str()), ("team", "k"));
        assert!(written.next_attempt_time.is_some() && written.finish_time.is_none());
    }

    #[test]
    fn a_body_is_text_where_it_is_utf_8() {
        let text = |body: &'static [u8], truncated| text_of(&Bytes::from_static(body), truncated);
        assert_eq!(text("Zürich".as_bytes(), false), "Zürich");
        assert_eq!(text(b"Z\xc3", true), "Z", "a character that was cut in half is left out");
        assert_eq!(text(b"Z\xc3", false), "", "it was not cut, so it is no UTF-8");
        assert_eq!(text(b"Z\xff\xc3", true), "");
        let full = write_delivery(&delivery(), View::Full, &[attempt(1)]).last_attempt.unwrap();
        assert_eq!((full.request.unwrap().body_text, full.response.unwrap().body_text), ("sent".into(), "came".into()));
        let basic = write_delivery(&delivery(), View::Basic, &[]).last_attempt.unwrap();
        assert_eq!(basic.request.unwrap().body_text, "");
    }

    #[test]
    fn a_sensitive_header_is_never_written() {
        let headers = write_attempt(&attempt(1), View::Full).request.unwrap().headers;
        assert_eq!(headers.iter().map(|header| header.value.as_str()).collect::<Vec<_>>(), ["v", "***"]);
    }

    #[test]
    fn states_and_outcomes_round_trip_and_cover_the_wire() {
        for state in DeliveryState::ALL {
            assert_eq!(read_state(write_state(state).into()), Some(state));
        }
        for outcome in Outcome::ALL {
            assert_eq!(read_outcome(write_outcome(outcome).into()), Some(outcome));
        }
        assert_eq!((read_state(0), read_state(7)), (None, None));
        assert_eq!((read_outcome(0), read_outcome(12)), (None, None));
        assert!(v1::DeliveryState::try_from(7).is_err() && v1::AttemptOutcome::try_from(12).is_err());
    }
}
