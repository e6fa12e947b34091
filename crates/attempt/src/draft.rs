//! What is known of an attempt while it is in flight; it becomes the [`Attempt`] that is kept.

use std::time::Duration;

use tenterhook_model::{Attempt, Exchange, Outcome, SentRequest, Timestamp};
use tokio::time::Instant;

use crate::job::Job;
use crate::trace::trace_id;

/// An attempt that has begun.
#[derive(Debug)]
pub(crate) struct Draft {
    /// When it began.
    pub(crate) start_time: Timestamp,
    /// The same, on the clock that measures durations.
    pub(crate) began: Instant,
    /// The `traceparent` that the receiver gets.
    pub(crate) traceparent: Option<String>,
    /// The request, once it is rendered and signed.
    pub(crate) request: Option<SentRequest>,
    /// How long rendering and signing took, once they are done.
    pub(crate) render: Option<Duration>,
}

impl Draft {
    pub(crate) fn begin(start_time: Timestamp, traceparent: Option<String>) -> Self {
        Self { start_time, began: Instant::now(), traceparent, request: None, render: None }
    }

    /// What a panic leaves behind. The outcome is that of the stage it came from, so that the retry
    /// policy treats it like any failure of that stage: it must not be tried for ever.
    pub(crate) fn after_panic(&self) -> Exchange {
        let (outcome, stage) = match &self.request {
            None => (Outcome::Render, "rendering"),
            Some(_) => (Outcome::Connection, "sending"),
        };
        Exchange::failed(outcome, format!("internal error while {stage}: this is a fault of the server; see its log"))
    }

    /// The attempt as it is kept.
    pub(crate) fn finish(self, job: &Job<'_>, exchange: Exchange) -> Attempt {
        assert!(
            self.request.is_some() || exchange.response.is_none(),
            "attempt {} of {} has a response to a request that was never made",
            job.number,
            job.delivery_id
        );
        let request = if exchange.http2 { self.request.map(SentRequest::over_http2) } else { self.request };
        let mut timings = exchange.timings;
        timings.queued = job.due_time.map(|due| self.start_time.since(due));
        timings.render = self.render;
        Attempt {
            number: job.number,
            start_time: self.start_time,
            duration: self.began.elapsed(),
            outcome: exchange.outcome,
            error: exchange.error,
            request,
            response: exchange.response,
            timings,
            remote_address: exchange.remote_address,
            tried_addresses: exchange.tried_addresses,
            proxy: exchange.proxy,
            trace_id: trace_id(self.traceparent.as_deref()),
        }
    }
}
