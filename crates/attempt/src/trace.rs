//! How an attempt joins the trace of its event.
//!
//! This crate knows no tracing back end: it asks an [`AttemptTrace`] for a span, and the server
//! passes one that exports it. [`PassThrough`] is for a server that exports nothing: W3C Trace
//! Context (section 4.3) lets it forward the header unchanged.

use std::fmt::Debug;

use tenterhook_model::{Attempt, DeliveryId, EventId, WebhookId};
use tracing::Span;

/// What is known of an attempt before it begins.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLabel<'a> {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The event.
    pub event_id: &'a EventId,
    /// The attempt's number, from 1.
    pub number: u32,
    /// The `traceparent` that the event came with.
    pub parent: Option<&'a str>,
}

/// The span of an attempt.
#[derive(Debug, Clone)]
pub struct AttemptSpan {
    /// The span that the attempt runs in.
    pub span: Span,
    /// The `traceparent` that the receiver gets; `None` when nothing is traced.
    pub traceparent: Option<String>,
}

/// Makes the spans of attempts. Called on the hot path: it must be quick.
pub trait AttemptTrace: Debug + Send + Sync + 'static {
    /// The span of an attempt, as a part of the trace of its parent.
    fn begin(&self, label: &AttemptLabel<'_>) -> AttemptSpan;

    /// The attempt of the span has ended.
    fn end(&self, span: &Span, attempt: &Attempt);
}

/// Makes no spans and hands the event's own `traceparent` on.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassThrough;

impl AttemptTrace for PassThrough {
    fn begin(&self, label: &AttemptLabel<'_>) -> AttemptSpan {
        AttemptSpan { span: Span::none(), traceparent: label.parent.map(str::to_owned) }
    }

    fn end(&self, _: &Span, _: &Attempt) {}
}

/// The trace id of a `traceparent` (`version-traceid-parentid-flags`); empty when there is none.
pub(crate) fn trace_id(traceparent: Option<&str>) -> String {
    traceparent.and_then(|text| text.split('-').nth(1)).filter(|id| id.len() == 32).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_id_is_the_second_part() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(Some(header)), "4bf92f3577b34da6a3ce929d0e0e4736");
        for none in [None, Some(""), Some("00"), Some("00-short-x-01")] {
            assert_eq!(trace_id(none), "", "{none:?}");
        }
    }
}
