//! Attempts that go well and badly, on a paused clock.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compilations, Compiled, EventContext, InProcess, Preview, Render, RenderFault, Rules,
};
use tenterhook_fixtures::{delivery, event, response, webhook};
use tenterhook_model::{
    Attempt, Clock, DeliveryId, Event, Exchange, Excuse, Fault, FaultKind, Outcome, PreparedRequest, Timestamp,
    Webhook, limits,
};
use tokio_util::sync::CancellationToken;
use tower::service_fn;
use tracing::Span;

use crate::{
    AttemptLabel, AttemptSpan, AttemptTrace, Deliver, Elsewhere, Job, Load, Made, Nowhere, PassThrough, Place, Tools,
    make, make_at,
};

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

/// A delivery that was due at the epoch.
struct Due {
    webhook: Arc<Webhook>,
    context: Arc<EventContext>,
    delivery_id: DeliveryId,
}

impl Due {
    fn with_body(body: &str) -> Self {
        let mut webhook = webhook(1);
        webhook.spec.request.body = body.to_owned();
        webhook.spec.request.additional_headers = "X-Site: ams".to_owned();
        let event = Event { trace_parent: Some(TRACE_PARENT.to_owned()), ..event("e") };
        let delivery_id = delivery(&webhook, &event, 1).id;
        let (webhook, context) = (Arc::new(webhook), Arc::new(EventContext::new(Arc::new(event))));
        Self { webhook, context, delivery_id }
    }

    /// Its third attempt.
    fn job(&self) -> Job<'_> {
        let Self { webhook, context, delivery_id } = self;
        Job { webhook, context, delivery_id: *delivery_id, number: 3, due_time: Some(Timestamp::default()) }
    }
}

/// Makes the third attempt of a delivery that was due at the epoch.
async fn attempt<D: Deliver>(body: &str, deliverer: D, cut: &CancellationToken) -> Made {
    traced(&PassThrough, body, deliverer, cut).await
}

async fn traced<D: Deliver>(trace: &dyn AttemptTrace, body: &str, deliverer: D, cut: &CancellationToken) -> Made {
    let compilations = Compilations::new();
    let tools = Tools { render: &Obedient, compilations: &compilations, clock: &TenSeconds, trace };
    make(Due::with_body(body).job(), tools, deliverer, cut).await
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

/// Notes what it is told, and gives requests a `traceparent` of its own.
#[derive(Debug, Default)]
struct Noted(Mutex<(Vec<String>, Vec<Attempt>)>);

/// The `traceparent` of the attempts that are noted.
const OWN_PARENT: &str = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

impl AttemptTrace for Noted {
    fn begin(&self, label: &AttemptLabel<'_>) -> AttemptSpan {
        let AttemptLabel { delivery_id, webhook_id, event_id, number, parent } = label;
        let label = format!("{delivery_id} {webhook_id} {event_id} {number} {parent:?}");
        self.0.lock().unwrap().0.push(label);
        AttemptSpan { span: Span::none(), traceparent: Some(OWN_PARENT.to_owned()) }
    }

    fn end(&self, _: &Span, attempt: &Attempt) {
        self.0.lock().unwrap().1.push(attempt.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn the_trace_knows_what_is_attempted_and_how_it_ended() {
    let noted = Noted::default();
    let made =
        traced(&noted, "hello", service_fn(|_: PreparedRequest| ready(Ok(ok()))), &CancellationToken::new()).await;
    let due = Due::with_body("hello");
    let label = format!("{} {} e 3 {:?}", due.delivery_id, due.webhook.id, Some(TRACE_PARENT));
    assert_eq!(noted.0.into_inner().unwrap(), (vec![label], vec![made.attempt.clone()]));
    assert_eq!(made.attempt.trace_id, "0123456789abcdef0123456789abcdef");
    let sent = made.attempt.request.unwrap().headers.into_iter().find(|header| header.name == "traceparent").unwrap();
    assert_eq!(&*sent.value, OWN_PARENT);
}

/// A node that makes an attempt, or is lost.
#[derive(Debug)]
struct Node(Option<Made>);

impl Place for Node {
    fn make<'a>(&'a self, _: Job<'a>, cut: &'a CancellationToken) -> BoxFuture<'a, Option<Made>> {
        async move {
            tokio::time::sleep(Duration::from_secs(4)).await;
            self.0.clone().filter(|_| !cut.is_cancelled())
        }
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_another_node_is_kept_as_that_node_made_it() {
    let there = Made { panicked: true, excuse: Some(Excuse::Local), ..rendered("hello").await };
    let due = Due::with_body("hello");
    let made = make_at(&Node(Some(there.clone())), due.job(), &TenSeconds, &CancellationToken::new()).await;
    assert_eq!(made, there);
}

#[tokio::test(start_paused = true)]
async fn the_attempt_of_a_node_that_is_lost_counts_as_interrupted() {
    let (due, cut) = (Due::with_body("hello"), CancellationToken::new());
    let Made { attempt, excuse, panicked } = make_at(&Node(None), due.job(), &TenSeconds, &cut).await;
    assert_eq!((attempt.outcome, excuse, panicked), (Outcome::Interrupted, None, false));
    assert_eq!((attempt.number, attempt.start_time), (3, Timestamp::from_millis(10_000)));
    assert_eq!((attempt.duration, attempt.timings.queued), (Duration::from_secs(4), Some(Duration::from_secs(10))));
    assert_eq!((attempt.timings.render, attempt.trace_id.as_str()), (None, ""));
    assert!(attempt.error.contains("was lost") && attempt.request.is_none(), "{}", attempt.error);
    cut.cancel();
    let there = Node(Some(rendered("hello").await));
    let made = make_at(&there, due.job(), &TenSeconds, &cut).await;
    assert_eq!(made.attempt.outcome, Outcome::Interrupted, "the cut goes on to the other node");
}

#[tokio::test]
async fn without_other_nodes_there_is_no_room_and_no_place() {
    let nowhere = Nowhere::default();
    assert_eq!(*nowhere.room().borrow(), 0);
    assert!(nowhere.room().has_changed().is_ok(), "a wait for its change goes on");
    assert!(nowhere.place(Load { taken: 1_000, room: 1 }).is_none());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "numbered from 1")]
async fn an_attempt_has_a_number() {
    let due = Due::with_body("");
    let compilations = Compilations::new();
    let tools = Tools { render: &Obedient, compilations: &compilations, clock: &TenSeconds, trace: &PassThrough };
    let job = Job { number: 0, ..due.job() };
    make(job, tools, service_fn(|_: PreparedRequest| ready(Ok(ok()))), &CancellationToken::new()).await;
}
