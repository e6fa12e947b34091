//! Attempts that go well and badly, on a paused clock.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compilations, Compiled, EventContext, InProcess, Preview, Render, RenderFault, Rules,
};
use tenterhook_fixtures::{delivery, event, response, webhook};
use tenterhook_model::{
    Clock, Event, Exchange, Excuse, Fault, FaultKind, Outcome, PreparedRequest, Timestamp, Webhook, limits,
};
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::{Deliver, Job, Made, PassThrough, Tools, make};

const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Ten seconds after the fixtures' deliveries are due.
#[derive(Debug)]
struct TenSeconds;

impl Clock for TenSeconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(10_000)
    }
}

/// Does as the body template says: `panic`, `busy` (no worker to compile), or what it is for.
#[derive(Debug)]
struct Obedient;

#[async_trait]
impl Render for Obedient {
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
        let fault = |message: &str, kind| Fault { field: "request".into(), message: message.into(), kind };
        match webhook.spec.request.body.as_str() {
            "panic" => panic!("a fault of the renderer"),
            "busy" => Err(vec![fault("no worker is free", FaultKind::Unavailable)]),
            "broken" => Err(vec![fault("one", FaultKind::InvalidField), fault("two", FaultKind::InvalidField)]),
            "long" => Err(vec![fault(&"ü".repeat(limits::ERROR_TEXT_BYTES), FaultKind::InvalidField)]),
            _ => InProcess.compile(webhook).await,
        }
    }

    async fn compile_rules(&self, _: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
        unreachable!("an attempt does not match")
    }

    async fn accepts(&self, _: &Arc<Rules>, _: &Arc<EventContext>) -> Acceptance {
        unreachable!("an attempt does not match")
    }

    async fn prepare(
        &self,
        compiled: &Arc<Compiled>,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault> {
        InProcess.prepare(compiled, event, facts).await
    }

    async fn preview(&self, _: &Webhook, _: &Arc<EventContext>, _: &AttemptFacts) -> Result<Preview, Vec<Fault>> {
        unreachable!("an attempt shows no preview")
    }
}

/// Makes the third attempt of a delivery that was due at the epoch.
async fn attempt<D: Deliver>(body: &str, deliverer: D, cut: &CancellationToken) -> Made {
    let mut webhook = webhook(1);
    webhook.spec.request.body = body.to_owned();
    webhook.spec.request.additional_headers = "X-Site: ams".to_owned();
    let event = Event { trace_parent: Some(TRACE_PARENT.to_owned()), ..event("e") };
    let delivery = delivery(&webhook, &event, 1);
    let (webhook, context) = (Arc::new(webhook), Arc::new(EventContext::new(Arc::new(event))));
    let job = Job {
        webhook: &webhook,
        context: &context,
        delivery_id: delivery.id,
        number: 3,
        due_time: delivery.next_attempt_time,
    };
    let compilations = Compilations::new();
    let tools = Tools { render: &Obedient, compilations: &compilations, clock: &TenSeconds, trace: &PassThrough };
    make(job, tools, deliverer, cut).await
}

/// An attempt with a body template whose request gets a 200.
async fn rendered(body: &str) -> Made {
    attempt(body, service_fn(|_: PreparedRequest| ready(Ok(ok()))), &CancellationToken::new()).await
}

fn ok() -> Exchange {
    Exchange { outcome: Outcome::Success, response: Some(response(200, &[])), ..Exchange::failed(Outcome::Success, "") }
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_known_is_written_down() {
    let slow = service_fn(|request: PreparedRequest| async move {
        assert!(request.headers.iter().any(|header| header.name == "traceparent"), "the trace goes on");
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, Infallible>(ok())
    });
    let Made { attempt, excuse, panicked } = attempt("hello", slow, &CancellationToken::new()).await;
    assert_eq!((attempt.number, attempt.outcome, excuse, panicked), (3, Outcome::Success, None, false));
    assert_eq!(attempt.start_time, Timestamp::from_millis(10_000));
    assert_eq!(attempt.timings.queued, Some(Duration::from_secs(10)), "since it was due");
    assert_eq!((attempt.timings.render, attempt.duration), (Some(Duration::ZERO), Duration::from_secs(2)));
    assert_eq!(attempt.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(&attempt.request.unwrap().body[..], b"hello");
    assert_eq!(attempt.response.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn header_names_are_kept_as_they_were_sent() {
    for (http2, name) in [(false, "X-Site"), (true, "x-site")] {
        let receiver = service_fn(move |_: PreparedRequest| ready(Ok(Exchange { http2, ..ok() })));
        let made = attempt("", receiver, &CancellationToken::new()).await;
        let names: Vec<_> = made.attempt.request.unwrap().headers.into_iter().map(|header| header.name).collect();
        assert!(names.iter().any(|sent| sent == name), "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_that_fails_is_an_outcome_and_nothing_is_sent() {
    let made = rendered("{{ 1 / 0 }}").await;
    assert_eq!((made.attempt.outcome, made.excuse), (Outcome::Render, None));
    assert!(made.attempt.error.contains("request.body"), "{}", made.attempt.error);
    assert!(made.attempt.request.is_none() && made.attempt.response.is_none());
    assert!(made.attempt.timings.render.is_some(), "it took its time");
}

#[tokio::test(start_paused = true)]
async fn every_reason_why_a_webhook_does_not_compile_is_given() {
    let error = rendered("broken").await.attempt.error;
    assert!(error.contains("one") && error.contains("two"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_error_is_cut_at_its_limit_and_never_inside_a_character() {
    let error = rendered("long").await.attempt.error;
    assert!((limits::ERROR_TEXT_BYTES - 1..=limits::ERROR_TEXT_BYTES).contains(&error.len()), "{}", error.len());
}

#[tokio::test(start_paused = true)]
async fn what_the_server_lacks_is_excused() {
    let made = rendered("busy").await;
    assert_eq!((made.attempt.outcome, made.excuse), (Outcome::Render, Some(Excuse::Local)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_failure_of_the_stage_it_came_from() {
    let made = rendered("panic").await;
    assert!(made.panicked && made.attempt.request.is_none());
    assert_eq!(made.attempt.outcome, Outcome::Render);

    let broken = service_fn(|_: PreparedRequest| async { panic!("a fault of the deliverer") });
    let made = attempt("", broken, &CancellationToken::new()).await;
    assert!(made.panicked && made.attempt.request.is_some(), "what was sent is known");
    assert_eq!(made.attempt.outcome, Outcome::Connection);
}

#[tokio::test(start_paused = true)]
async fn a_cut_interrupts_what_has_no_response_yet() {
    let cut = CancellationToken::new();
    cut.cancel();
    let made = attempt("", service_fn(|_: PreparedRequest| pending::<Result<Exchange, Infallible>>()), &cut).await;
    assert_eq!((made.attempt.outcome, made.panicked), (Outcome::Interrupted, false));
    assert!(made.attempt.request.is_some(), "it was on its way");

    let made = attempt("", service_fn(|_: PreparedRequest| ready(Ok(ok()))), &cut).await;
    assert_eq!(made.attempt.outcome, Outcome::Success, "a response that is there counts");
}
