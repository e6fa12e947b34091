//! One event, one context: what matching has parsed is what is sent, and both see one publish time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tenterhook_attempt::{Nowhere, PassThrough};
use tenterhook_dispatch::{Dispatcher, Settings, Unmetered};
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compilations, Compiled, Contexts, EventContext, InProcess, Preview, Render, RenderFault,
    Rules,
};
use tenterhook_intake::Intake;
use tenterhook_model::webhook::EventRule;
use tenterhook_model::{
    Clock, Event, Exchange, Fault, JsonText, Lane, OsEntropy, Outcome, PreparedRequest, Timestamp, Webhook,
};
use tenterhook_store::{EmbeddedStore, Expect, MemoryKv, Reads, SealingKey, Store, StoreOptions, WebhookChange};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::canary::mark;

/// A clock that goes on at each look: whoever looks twice sees two times.
#[derive(Debug)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1_000, Ordering::SeqCst))
    }
}

/// Renders in process and keeps every context that it is given for a first attempt.
#[derive(Debug, Default)]
struct Keeping(Mutex<Vec<Arc<EventContext>>>);

#[async_trait]
impl Render for Keeping {
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
        InProcess.compile(webhook).await
    }

    async fn compile_rules(&self, webhook: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
        InProcess.compile_rules(webhook).await
    }

    async fn accepts(&self, rules: &Arc<Rules>, event: &Arc<EventContext>) -> Acceptance {
        self.0.lock().unwrap().push(Arc::clone(event));
        rules.accepts(event)
    }

    async fn prepare(
        &self,
        compiled: &Arc<Compiled>,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault> {
        // A retry reads its event from the disk.
        if facts.attempt == 1 {
            self.0.lock().unwrap().push(Arc::clone(event));
        }
        InProcess.prepare(compiled, event, facts).await
    }

    async fn preview(&self, _: &Webhook, _: &Arc<EventContext>, _: &AttemptFacts) -> Result<Preview, Vec<Fault>> {
        unreachable!("nothing is previewed")
    }
}

fn webhook(number: u8, rule: EventRule, body: &str) -> Webhook {
    let mut webhook = Webhook { lane: Lane(0), revision: 0, ..tenterhook_fixtures::webhook(number) };
    webhook.spec.rules = vec![rule];
    webhook.spec.request.body = body.into();
    webhook
}

fn event(publish_time: Timestamp) -> Event {
    let data = Some(JsonText::parse(r#"{"site": "ams", "rooms": [1, 2.50]}"#).unwrap());
    Event { data, publish_time, ..tenterhook_fixtures::event("e") }
}

#[tokio::test]
async fn the_json_of_an_event_is_parsed_once_between_its_publication_and_its_requests() {
    let clock = Arc::new(Ticking(AtomicI64::new(1_000_000)));
    let options = StoreOptions {
        clock: clock.clone(),
        entropy: Arc::new(OsEntropy),
        sealing_key: SealingKey::new(mark::key()),
        reads: Reads::Inline,
        operational_events: true,
        node: Default::default(),
        observer: None,
    };
    let (store, writer) = EmbeddedStore::open(MemoryKv::default(), options).unwrap();
    let store: Arc<dyn Store> = store;
    let mut writing = JoinSet::new();
    writing.spawn(writer.run_inline());

    let conditions = JsonText::parse(r#"{"attr": "site", "value": "ams"}"#).unwrap();
    let looks = EventRule { conditions: Some(conditions), ..EventRule::default() };
    // A filter that is not plain, so that the renderer is asked, as for templates.
    let reads_time = EventRule { expression: "'1970-01-01T01:00:00' in [timestamp[:19]]|list".into(), ..looks.clone() };
    for webhook in [webhook(1, looks, "{{ timestamp }} {{ data.rooms }}"), webhook(2, reads_time, "")] {
        let change = WebhookChange::Put { webhook: Box::new(webhook), expect: Expect::Absent, request: None };
        store.save_webhook(change).await.unwrap();
    }

    let (render, contexts) = (Arc::new(Keeping::default()), Arc::new(Contexts::new()));
    let compilations = Arc::new(Compilations::new());
    let intake = Intake::new(tenterhook_intake::Parts {
        store: store.clone(),
        render: render.clone(),
        compilations: compilations.clone(),
        contexts: contexts.clone(),
        meter: Arc::new(tenterhook_intake::Unmetered),
    });
    let published = intake.publish(vec![event(Timestamp::from_millis(3_600_000))]).await.unwrap();
    assert_eq!((published[0].delivery_count, published[0].publish_time.seconds()), (2, 3_600));

    let (requests, mut received) = mpsc::channel::<PreparedRequest>(2);
    let receiver = tower::service_fn(move |request: PreparedRequest| {
        let requests = requests.clone();
        async move {
            requests.send(request).await.unwrap();
            Ok::<_, std::convert::Infallible>(Exchange::failed(Outcome::Connection, "nobody is there"))
        }
    });
    let parts = tenterhook_dispatch::Parts {
        store: store.clone(),
        render: render.clone(),
        compilations,
        contexts,
        clock,
        entropy: Arc::new(OsEntropy),
        meter: Arc::new(Unmetered),
        trace: Arc::new(PassThrough),
        elsewhere: Arc::new(Nowhere::default()),
    };
    let mut dispatching = JoinSet::new();
    dispatching.spawn(Dispatcher::new(parts, receiver, Settings::default()).run(CancellationToken::new()));
    let mut bodies = [received.recv().await.unwrap().body, received.recv().await.unwrap().body];
    bodies.sort();
    let [template, default] = bodies.map(|body| String::from_utf8(body.to_vec()).unwrap());
    assert_eq!(template, "1970-01-01T01:00:00+00:00 [1, 2.5]");
    assert!(default.contains(r#""timestamp": "1970-01-01T01:00:00+00:00""#), "{default}");
    assert!(default.contains(r#""rooms": [1, 2.5"#), "{default}");

    let seen = render.0.lock().unwrap();
    assert!(seen.len() >= 2, "both attempts prepared: {}", seen.len());
    assert!(seen.iter().all(|context| Arc::ptr_eq(context, &seen[0])), "they share one context");
    assert_eq!(seen[0].parses(), 1);
}
