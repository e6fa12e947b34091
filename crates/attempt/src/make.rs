//! Making an attempt.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tenterhook_engine::{AttemptFacts, Compilations, Render};
use tenterhook_model::{
    Attempt, Clock, Exchange, Excuse, Fault, FaultKind, Outcome, PreparedRequest, SentRequest, limits,
};
use tokio::select;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Instrument;

use crate::deliver::Deliver;
use crate::draft::Draft;
use crate::job::Job;
use crate::trace::{AttemptLabel, AttemptSpan, AttemptTrace};

/// What an attempt is made with, apart from the deliverer.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// Renders and signs.
    pub render: &'a dyn Render,
    /// Compiled webhooks.
    pub compilations: &'a Compilations,
    /// The time of day.
    pub clock: &'a dyn Clock,
    /// Makes the attempt's span.
    pub trace: &'a dyn AttemptTrace,
}

/// An attempt that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// How it went.
    pub attempt: Attempt,
    /// Why a failure says nothing about the receiver, if it does not.
    pub excuse: Option<Excuse>,
    /// Whether rendering or sending panicked.
    pub panicked: bool,
}

/// Makes the attempt; `cut` interrupts it.
///
/// # Cancel safety
/// Dropped, the request may have been sent and nothing says so. Cancel `cut` instead.
pub async fn make<D: Deliver>(job: Job<'_>, tools: Tools<'_>, deliverer: D, cut: &CancellationToken) -> Made {
    assert!(job.number > 0, "the attempts of {} are numbered from 1", job.delivery_id);
    let AttemptSpan { span, traceparent } = tools.trace.begin(&label(&job));
    let mut draft = Draft::begin(tools.clock.now(), traceparent);
    let work = exchange(&job, tools, deliverer, &mut draft).instrument(span.clone());
    let ended = select! {
        // A response that is there counts, even at the moment of the cut.
        biased;
        ended = AssertUnwindSafe(work).catch_unwind() => ended.ok(),
        () = cut.cancelled() => Some(Exchange::failed(Outcome::Interrupted, "the server stopped before the response came")),
    };
    let panicked = ended.is_none();
    let exchange = ended.unwrap_or_else(|| draft.after_panic());
    let excuse = exchange.excuse;
    let attempt = draft.finish(&job, exchange);
    tools.trace.end(&span, &attempt);
    Made { attempt, excuse, panicked }
}

fn label<'a>(job: &Job<'a>) -> AttemptLabel<'a> {
    let event = job.context.event();
    AttemptLabel {
        delivery_id: job.delivery_id,
        webhook_id: job.webhook.id,
        event_id: &event.id,
        number: job.number,
        parent: event.trace_parent.as_deref(),
    }
}

/// Renders, signs and sends.
async fn exchange<D: Deliver>(job: &Job<'_>, tools: Tools<'_>, mut deliverer: D, draft: &mut Draft) -> Exchange {
    let prepared = prepare(job, tools, draft).await;
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

/// Renders and signs; a webhook that no longer compiles fails like its templates would. What the
/// server itself caused is excused.
async fn prepare(job: &Job<'_>, tools: Tools<'_>, draft: &Draft) -> Result<PreparedRequest, Exchange> {
    let compiled = tools.compilations.find_or_compile(job.webhook, tools.render).await;
    let compiled = compiled.map_err(|faults| {
        let is_local = faults.iter().any(|fault| fault.kind == FaultKind::Unavailable);
        failed_to_render(faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "), is_local)
    })?;
    let facts = AttemptFacts {
        delivery_id: job.delivery_id,
        attempt: job.number,
        now: draft.start_time,
        trace_parent: draft.traceparent.clone(),
    };
    let prepared = tools.render.prepare(&compiled, job.context, &facts).await;
    prepared.map_err(|fault| failed_to_render(fault.explained(), fault.is_local))
}

fn failed_to_render(error: String, is_local: bool) -> Exchange {
    let exchange = Exchange::failed(Outcome::Render, shortened(error));
    if is_local { exchange.excused(Excuse::Local) } else { exchange }
}

/// The text cut at [`limits::ERROR_TEXT_BYTES`].
fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(limits::ERROR_TEXT_BYTES));
    text
}
