//! One attempt: prepare, deliver, and write down how it went.
//!
//! It runs as a task of its own and always comes back with an [`Ended`]: a failed template,
//! a broken connection, a panic and a cut by shutdown are all outcomes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tenterhook_engine::{AttemptFacts, EventContext};
use tenterhook_model::{
    Attempt, Exchange, Excuse, Fault, FaultKind, Outcome, PreparedRequest, SentRequest, Timestamp, Webhook, limits,
};
use tenterhook_store::Claim;
use tokio::select;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Instrument;

use crate::parts::{Deliver, Parts};
use crate::trace::{AttemptLabel, AttemptSpan, trace_id};

/// What an attempt works with.
pub(crate) struct Job {
    pub(crate) claim: Claim,
    pub(crate) webhook: Arc<Webhook>,
    pub(crate) context: Arc<EventContext>,
    /// Whether it is the single request that an open breaker lets through.
    pub(crate) probe: bool,
    /// When the lane counted it as begun.
    pub(crate) begun: Instant,
}

/// An attempt that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) claim: Claim,
    pub(crate) attempt: Arc<Attempt>,
    pub(crate) probe: bool,
    /// When the lane counted it as begun.
    pub(crate) begun: Instant,
    /// Why it says nothing of the receiver and is made again, if it is.
    pub(crate) excuse: Option<Excuse>,
    pub(crate) panicked: bool,
}

/// What is known of the attempt while it is under way, whatever becomes of it.
struct Draft {
    start_time: Timestamp,
    began: Instant,
    traceparent: Option<String>,
    request: Option<SentRequest>,
    render: Option<Duration>,
}

/// Makes the attempt; `cut` ends it early.
pub(crate) async fn run<D: Deliver>(job: Job, parts: Arc<Parts>, deliverer: D, cut: CancellationToken) -> Ended {
    let AttemptSpan { span, traceparent } = parts.trace.begin(&label(&job.claim));
    let mut draft =
        Draft { start_time: parts.clock.now(), began: Instant::now(), traceparent, request: None, render: None };
    let work = exchange(&job, &parts, deliverer, &mut draft).instrument(span.clone());
    let ended = select! {
        // An answer that is there counts, even at the moment of the cut.
        biased;
        ended = AssertUnwindSafe(work).catch_unwind() => ended.ok(),
        () = cut.cancelled() => Some(Exchange::failed(Outcome::Interrupted, "the server stopped before the answer came")),
    };
    let panicked = ended.is_none();
    let exchange = ended.unwrap_or_else(|| after_panic(&draft));
    let excuse = exchange.excuse;
    let attempt = Arc::new(draft.finish(&job.claim, exchange));
    parts.trace.end(&span, &attempt);
    Ended { claim: job.claim, attempt, probe: job.probe, begun: job.begun, excuse, panicked }
}

fn label(claim: &Claim) -> AttemptLabel<'_> {
    AttemptLabel {
        delivery: &claim.delivery,
        number: claim.delivery.attempt_count + 1,
        parent: claim.event.trace_parent.as_deref(),
    }
}

/// Renders and signs; a webhook that no longer compiles fails as its templates would. What the
/// server is the cause of is excused.
async fn prepare(job: &Job, parts: &Parts, draft: &Draft) -> Result<PreparedRequest, Exchange> {
    let compiled = parts.compilations.find_or_compile(&job.webhook, &*parts.render).await;
    let compiled = compiled.map_err(|faults| {
        let is_local = faults.iter().any(|fault| fault.kind == FaultKind::Unavailable);
        failed_to_render(faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "), is_local)
    })?;
    let facts = AttemptFacts {
        delivery_id: job.claim.delivery.id,
        attempt: job.claim.delivery.attempt_count + 1,
        now: draft.start_time,
        trace_parent: draft.traceparent.clone(),
    };
    let prepared = parts.render.prepare(&compiled, &job.context, &facts).await;
    prepared.map_err(|fault| failed_to_render(fault.explained(), fault.is_local))
}

fn failed_to_render(error: String, is_local: bool) -> Exchange {
    let exchange = Exchange::failed(Outcome::Render, shortened(error));
    if is_local { exchange.excused(Excuse::Local) } else { exchange }
}

/// Renders, signs and sends.
async fn exchange<D: Deliver>(job: &Job, parts: &Parts, mut deliverer: D, draft: &mut Draft) -> Exchange {
    let prepared = prepare(job, parts, draft).await;
    draft.render = Some(draft.began.elapsed());
    let request = match prepared {
        Ok(request) => request,
        Err(failed) => return failed,
    };
    draft.request = Some(SentRequest::from(&request));
    let ready = deliverer.ready().await;
    let Ok(exchange) = match ready {
        Ok(service) => service.call(request).await,
        Err(never) => match never {},
    };
    exchange
}

/// What a panic leaves behind. The outcome is that of the stage it came from, so that the
/// retry policy treats it as any failure of that stage: it must not be tried for ever.
fn after_panic(draft: &Draft) -> Exchange {
    let (outcome, stage) = match &draft.request {
        None => (Outcome::Render, "rendering"),
        Some(_) => (Outcome::Connection, "sending"),
    };
    Exchange::failed(outcome, format!("internal error while {stage}: this is a fault of the server; see its log"))
}

impl Draft {
    fn finish(self, claim: &Claim, exchange: Exchange) -> Attempt {
        let request = if exchange.http2 { self.request.map(SentRequest::over_http2) } else { self.request };
        let due = claim.delivery.next_attempt_time;
        let mut timings = exchange.timings;
        timings.queued = due.map(|due| self.start_time.since(due));
        timings.render = self.render;
        Attempt {
            number: claim.delivery.attempt_count + 1,
            start_time: self.start_time,
            duration: self.began.elapsed(),
            outcome: exchange.outcome,
            error: exchange.error,
            request,
            response: exchange.response,
            timings,
            remote_address: exchange.remote_address,
            tried_addresses: exchange.tried_addresses,
            trace_id: trace_id(self.traceparent.as_deref()),
        }
    }
}

/// The text cut at [`limits::ERROR_TEXT_BYTES`].
fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(limits::ERROR_TEXT_BYTES));
    text
}
