//! Spans of publishes and attempts, joined to the caller's trace by W3C Trace Context.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tenterhook_api::{CallLabel, CallSpan, status_name};
use tenterhook_attempt::{AttemptLabel, AttemptSpan, AttemptTrace};
use tenterhook_model::{Attempt, Outcome};
use tonic::Code;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Exports a span for each attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Exported;

impl AttemptTrace for Exported {
    fn begin(&self, label: &AttemptLabel<'_>) -> AttemptSpan {
        let span = tracing::info_span!(
            "attempt",
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            tenterhook.delivery_id = %label.delivery_id,
            tenterhook.webhook_id = %label.webhook_id,
            tenterhook.event_id = %label.event_id,
            tenterhook.attempt = label.number,
            tenterhook.outcome = Empty,
            http.request.method = Empty,
            http.request.resend_count = Empty,
            http.response.status_code = Empty,
            server.address = Empty,
            server.port = Empty,
            network.peer.address = Empty,
            network.peer.port = Empty,
            error.type = Empty,
        );
        // A retry may come hours later: it is a trace of its own, with a link to where the event came
        // from. What the caller does not sample is not sampled here either.
        match label.parent.and_then(parse) {
            Some(parent) if label.number > 1 && parent.is_sampled() => span.add_link(parent),
            _ => join(&span, label.parent),
        }
        if label.number > 1 {
            span.record("http.request.resend_count", label.number - 1);
        }
        let traceparent = traceparent(&span);
        AttemptSpan { span, traceparent }
    }

    fn end(&self, span: &Span, attempt: &Attempt) {
        span.record("tenterhook.outcome", attempt.outcome.as_str());
        if let Some(request) = &attempt.request {
            let method = request.method.as_str();
            // By now it has begun, and a field cannot name it any more.
            span.context().span().update_name(method);
            span.record("http.request.method", method);
            // No more of the URL than its host: the rest may hold a secret.
            if let Some((host, port)) = host_and_port(&request.url) {
                span.record("server.address", host);
                span.record("server.port", port);
            }
        }
        if let Some(peer) = attempt.remote_address {
            span.record("network.peer.address", peer.ip().to_string());
            span.record("network.peer.port", peer.port());
        }
        if let Some(response) = &attempt.response {
            span.record("http.response.status_code", response.status);
        }
        if attempt.outcome != Outcome::Success {
            match &attempt.response {
                // Of a status the type is its number (HTTP spans, `error.type`).
                Some(response) if attempt.outcome == Outcome::HttpStatus => {
                    span.record("error.type", response.status.to_string());
                }
                _ => {
                    span.record("error.type", attempt.outcome.as_str());
                }
            }
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", attempt.error.as_str());
        }
    }
}

/// Host and port of a URL that was sent to.
fn host_and_port(url: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, port.parse().ok()?)),
        _ => Some((authority, default)),
    }
}

/// The span of a call, and what its events hand on.
pub(crate) fn call(label: &CallLabel<'_>) -> CallSpan {
    let method = label.method.trim_start_matches('/');
    let span = tracing::info_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        client.address = Empty,
        client.port = Empty,
        error.type = Empty,
        tenterhook.caller = label.caller,
    );
    if let Some(peer) = label.peer {
        span.record("client.address", peer.ip().to_string());
        span.record("client.port", peer.port());
    }
    join(&span, label.parent);
    let traceparent = traceparent(&span);
    CallSpan { span, traceparent }
}

/// Notes how the call of a span ended. Only what is the server's fault is an error of its span
/// (semantic conventions for gRPC, "gRPC Status").
pub(crate) fn call_ended(span: &Span, code: Code) {
    let name = status_name(code).to_ascii_uppercase();
    span.record("rpc.response.status_code", name.as_str());
    let is_fault = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    if code != Code::Ok {
        span.record("error.type", name.as_str());
    }
    if is_fault {
        span.record("otel.status_code", "ERROR");
    }
}

/// Makes `span` a child of the caller's, if the caller traces.
fn join(span: &Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(parse) {
        // A span that the collector does not get has no parent to set.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// The header that hands `span` on; `None` when it is not exported.
fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context
        .is_valid()
        .then(|| format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8()))
}

/// Reads a `traceparent` header (W3C Trace Context, section 3.2).
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // Version 00 has four parts; later ones may have more, version ff is forbidden.
    let is_legal = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !is_legal || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanKind, Status, TracerProvider};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
    use tenterhook_model::{CapturedResponse, HttpMethod, SentRequest};
    use tracing_subscriber::layer::SubscriberExt;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn headers_that_the_standard_forbids_are_ignored() {
        assert!(parse(HEADER).is_some());
        assert!(parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later").is_some());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_span_joins_the_callers_trace_and_hands_it_on() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let handed_on = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("attempt");
            join(&span, Some(HEADER));
            traceparent(&span)
        });
        let handed_on = handed_on.unwrap();
        assert!(handed_on.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{handed_on}");
        assert_ne!(handed_on, HEADER, "the receiver's parent is the attempt, not the caller");
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(spans[0].parent_span_id.to_string(), "00f067aa0ba902b7");
    }

    /// The spans that `work` makes.
    fn spans_of(work: impl FnOnce()) -> Vec<SpanData> {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = crate::telemetry::span_layer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        exporter.get_finished_spans().unwrap()
    }

    fn attribute(span: &SpanData, key: &str) -> Option<String> {
        span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|found| found.value.to_string())
    }

    fn attempted(number: u32, parent: &str) -> SpanData {
        let mut attempt = crate::telemetry::metrics::tests::attempt(Outcome::HttpStatus);
        attempt.request = Some(SentRequest {
            method: HttpMethod::Post,
            url: "https://user.example.com:8443/hooks/T0P-S3CRET?key=x".into(),
            headers: Vec::new(),
            body: Default::default(),
            body_truncated: false,
        });
        attempt.response = Some(CapturedResponse {
            status: 503,
            headers: Vec::new(),
            body: Default::default(),
            body_truncated: false,
            note: String::new(),
        });
        attempt.remote_address = Some(([192, 0, 2, 1], 8_443).into());
        let spans = spans_of(|| {
            let now = tenterhook_model::Timestamp::from_millis(0);
            let label = AttemptLabel {
                delivery_id: tenterhook_model::DeliveryId::new(now, 1, tenterhook_model::Lane(1)),
                webhook_id: tenterhook_model::WebhookId::from_bytes([1; 16]),
                event_id: &"e-1".parse().unwrap(),
                number,
                parent: Some(parent),
            };
            let AttemptSpan { span, .. } = Exported.begin(&label);
            Exported.end(&span, &attempt);
        });
        spans.into_iter().next().unwrap()
    }

    #[test]
    fn an_attempt_is_a_client_span_as_the_conventions_have_it_and_shows_no_path() {
        let span = attempted(1, HEADER);
        assert_eq!((&*span.name, &span.span_kind), ("POST", &SpanKind::Client));
        for (key, value) in [
            ("http.request.method", "POST"),
            ("http.response.status_code", "503"),
            ("server.address", "user.example.com"),
            ("server.port", "8443"),
            ("network.peer.address", "192.0.2.1"),
            ("error.type", "503"),
        ] {
            assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
        }
        assert!(matches!(span.status, Status::Error { .. }));
        assert!(!format!("{span:?}").contains("S3CRET"));
        for noise in ["thread.id", "thread.name", "busy_ns", "idle_ns", "target", "code.file.path"] {
            assert_eq!(attribute(&span, noise), None, "{noise}");
        }
    }

    #[test]
    fn a_later_attempt_is_a_trace_of_its_own_that_links_to_the_event() {
        let (first, later) = (attempted(1, HEADER), attempted(3, HEADER));
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!((first.span_context.trace_id().to_string(), first.links.len()), (trace.to_owned(), 0));
        assert_ne!(later.span_context.trace_id().to_string(), trace);
        assert_eq!(later.links[0].span_context.trace_id().to_string(), trace);
        assert_eq!(attribute(&later, "http.request.resend_count").as_deref(), Some("2"));
    }

    #[test]
    fn a_call_is_a_server_span_with_its_status_and_only_our_faults_are_errors() {
        for (code, name, is_error) in
            [(Code::Ok, "OK", false), (Code::NotFound, "NOT_FOUND", false), (Code::Internal, "INTERNAL", true)]
        {
            let spans = spans_of(|| {
                let method = "/tenterhook.v1.WebhookService/GetWebhook";
                let peer = Some(([192, 0, 2, 7], 4_711).into());
                let CallSpan { span, .. } = call(&CallLabel { method, caller: "ci", peer, parent: Some(HEADER) });
                call_ended(&span, code);
            });
            let span = &spans[0];
            assert_eq!((&*span.name, &span.span_kind), ("tenterhook.v1.WebhookService/GetWebhook", &SpanKind::Server));
            assert_eq!(attribute(span, "rpc.system.name").as_deref(), Some("grpc"));
            assert_eq!(attribute(span, "rpc.method").as_deref(), Some(&*span.name));
            assert_eq!(attribute(span, "rpc.response.status_code").as_deref(), Some(name));
            assert_eq!(attribute(span, "client.address").as_deref(), Some("192.0.2.7"));
            assert_eq!(attribute(span, "error.type").is_some(), code != Code::Ok);
            assert_eq!(matches!(span.status, Status::Error { .. }), is_error, "{code}");
        }
    }

    #[test]
    fn host_and_port_are_read_off_a_url() {
        for (url, expected) in [
            ("https://a.example.com/x:1", Some(("a.example.com", 443))),
            ("http://a.example.com", Some(("a.example.com", 80))),
            ("http://[2001:db8::1]/x", Some(("[2001:db8::1]", 80))),
            ("http://[2001:db8::1]:81?x", Some(("[2001:db8::1]", 81))),
            ("junk", None),
        ] {
            assert_eq!(host_and_port(url), expected, "{url}");
        }
    }

    #[test]
    fn without_a_collector_nothing_is_handed_on() {
        assert_eq!(traceparent(&Span::none()), None);
    }
}
