//! Spans of publishes and attempts, joined to the caller's trace by W3C Trace Context.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tenterhook_api::{CallLabel, CallSpan};
use tenterhook_attempt::{AttemptLabel, AttemptSpan, AttemptTrace};
use tenterhook_model::{Attempt, Outcome};
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
            http.response.status_code = Empty,
        );
        join(&span, label.parent);
        let traceparent = traceparent(&span);
        AttemptSpan { span, traceparent }
    }

    fn end(&self, span: &Span, attempt: &Attempt) {
        span.record("tenterhook.outcome", attempt.outcome.as_str());
        if let Some(response) = &attempt.response {
            span.record("http.response.status_code", response.status);
        }
        if attempt.outcome != Outcome::Success {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", attempt.error.as_str());
        }
    }
}

/// The span of a call, and what its events hand on.
pub(crate) fn call(label: &CallLabel<'_>) -> CallSpan {
    let span = tracing::info_span!(
        "call",
        otel.name = label.method.trim_start_matches('/'),
        otel.kind = "server",
        rpc.system = "grpc",
        tenterhook.caller = label.caller,
    );
    join(&span, label.parent);
    let traceparent = traceparent(&span);
    CallSpan { span, traceparent }
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
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
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

    #[test]
    fn without_a_collector_nothing_is_handed_on() {
        assert_eq!(traceparent(&Span::none()), None);
    }
}
