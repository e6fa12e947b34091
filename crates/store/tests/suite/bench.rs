//! A store under test, with its writer, a clock that the test moves, and short ways to say
//! what tests say often.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tenterhook_fixtures::postgres;
use tenterhook_model::webhook::{Halt, HaltedBy};
use tenterhook_model::{
    Attempt, Clock, Delivery, DeliveryId, Entropy, Event, Lane, Next, OsEntropy, Outcome, Timestamp, Webhook, WebhookId,
};
use tenterhook_store::{
    Change, Claim, DeliveryQuery, EmbeddedStore, Expect, Kv, MemoryKv, NewEvent, Node, PostgresKv, Published, Reads,
    RedbKv, SavedWebhook, SealingKey, Settled, Settlement, SledKv, Span, Store, StoreError, StoreOptions,
    WebhookChange, Writer, care,
};
use tokio::task::JoinSet;

/// The time at which tests begin, in milliseconds since 1970.
pub(crate) const START: i64 = 1_700_000_000_000;

/// A clock that stands still unless it is moved.
#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    /// Moves it, forwards or back.
    pub(crate) fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

/// Chance that repeats from run to run.
#[derive(Debug, Default)]
pub(crate) struct TestEntropy(Mutex<u8>);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for byte in bytes {
            *state = state.wrapping_mul(61).wrapping_add(17);
            *byte = *state;
        }
    }
}

/// A store and its writer.
type Opened = (Arc<dyn Store>, Writer);

/// The engines under test.
pub(crate) enum Engine {
    Memory(MemoryKv),
    Redb(TempDir),
    Sled(TempDir),
    /// In the schema of this URL.
    Postgres(String),
    /// One of a test's own.
    Other(Arc<dyn Fn(StoreOptions) -> Opened>),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "memory",
            Self::Redb(_) => "redb",
            Self::Sled(_) => "sled",
            Self::Postgres(_) => "PostgreSQL",
            Self::Other(_) => "another",
        })
    }
}

impl Engine {
    /// A new one of each.
    pub(crate) fn all() -> Vec<Self> {
        let directory = || tempfile::tempdir().unwrap();
        let own = [Self::Memory(MemoryKv::default()), Self::Redb(directory()), Self::Sled(directory())];
        own.into_iter().chain(postgres::schema().map(Self::Postgres)).collect()
    }

    fn open(&self, options: StoreOptions) -> Opened {
        let (store, writer) = match self {
            Self::Memory(kv) => EmbeddedStore::open(kv.clone(), options),
            Self::Redb(directory) => EmbeddedStore::open(RedbKv::open(directory.path()).unwrap(), options),
            Self::Sled(directory) => EmbeddedStore::open(SledKv::open(directory.path()).unwrap(), options),
            Self::Postgres(url) => {
                EmbeddedStore::open(PostgresKv::open(url, &Node::default(), &OsEntropy).unwrap(), options)
            }
            Self::Other(open) => return open(options),
        }
        .unwrap();
        (store, writer)
    }
}

/// A store under test.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<TestClock>,
    engine: Engine,
    entropy: Arc<TestEntropy>,
    writer: JoinSet<()>,
}

impl Bench {
    /// An empty store.
    pub(crate) fn new(engine: Engine) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let entropy = Arc::new(TestEntropy::default());
        let (store, writer) = engine.open(options(&clock, &entropy));
        let mut bench = Self { store, clock, engine, entropy, writer: JoinSet::new() };
        bench.writer.spawn(writer.run_inline());
        bench
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopen(&mut self) {
        self.store.close();
        while self.writer.join_next().await.is_some() {}
        self.open_again();
    }

    /// Drops all but what is on disk, and opens the store again.
    pub(crate) async fn crash(&mut self) {
        self.writer.abort_all();
        while self.writer.join_next().await.is_some() {}
        self.open_again();
    }

    /// Closes the store; nothing works after this but looking at its disk.
    pub(crate) async fn close(&mut self) {
        self.store.close();
        while self.writer.join_next().await.is_some() {}
        let (dummy, _) = Engine::Memory(MemoryKv::default()).open(options(&self.clock, &self.entropy));
        drop(std::mem::replace(&mut self.store, dummy));
    }

    /// Checks all records of the store, and opens it again.
    pub(crate) async fn check(&mut self) {
        let report = self.report().await;
        assert!(report.is_whole(), "{:#?}", report.problems);
    }

    /// How many records of each kind there are.
    pub(crate) async fn records(&mut self) -> std::collections::BTreeMap<care::FamilyName, u64> {
        self.report().await.records
    }

    async fn report(&mut self) -> care::Report {
        self.close().await;
        let report = match &self.engine {
            Engine::Memory(kv) => care::check_engine(&mut kv.clone()),
            Engine::Redb(directory) => care::check(&format!("redb:{}", directory.path().display())),
            Engine::Sled(directory) => care::check(&format!("sled:{}", directory.path().display())),
            Engine::Postgres(url) => care::check(url),
            Engine::Other(_) => panic!("a test checks its own engine itself"),
        };
        self.open_again();
        report.unwrap()
    }

    /// Whether the bytes stand anywhere on the disk of the store.
    pub(crate) fn disk_contains(&self, bytes: &[u8]) -> bool {
        let found = |text: &[u8]| text.windows(bytes.len()).any(|part| part == bytes);
        match &self.engine {
            Engine::Memory(kv) => {
                let pairs = kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap();
                pairs.iter().any(|(_, value)| found(value))
            }
            Engine::Postgres(url) => {
                let kv = PostgresKv::look(url).unwrap().expect("the store is there");
                let pairs = kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap();
                pairs.iter().any(|(_, value)| found(value))
            }
            Engine::Other(_) => panic!("a test looks into its own engine itself"),
            Engine::Redb(directory) | Engine::Sled(directory) => std::fs::read_dir(directory.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.is_file())
                .any(|path| found(&std::fs::read(path).unwrap())),
        }
    }

    fn open_again(&mut self) {
        // A store that is opened while the clock stands goes ahead of it by this much itself.
        self.clock.advance(1);
        // The old store must be gone before its engine can be opened again.
        let (dummy, _) = Engine::Memory(MemoryKv::default()).open(options(&self.clock, &self.entropy));
        drop(std::mem::replace(&mut self.store, dummy));
        let (store, writer) = self.engine.open(options(&self.clock, &self.entropy));
        self.store = store;
        self.writer.spawn(writer.run_inline());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes the webhook with this number.
    pub(crate) async fn webhook(&self, number: u8) -> Webhook {
        self.put(webhook(number), Expect::Absent).await.webhook.as_ref().clone()
    }

    pub(crate) async fn put(&self, webhook: Webhook, expect: Expect) -> SavedWebhook {
        let change = WebhookChange::Put { webhook: Box::new(webhook), expect, request: None };
        self.store.save_webhook(change).await.unwrap()
    }

    /// Pauses or resumes a webhook.
    pub(crate) async fn pause(&self, id: WebhookId, paused: bool) {
        let mut webhook = self.store.webhooks().by_id[&id].as_ref().clone();
        webhook.halt = paused.then(|| Halt { by: HaltedBy::Operator, reason: "test".into() });
        self.put(webhook, Expect::Present).await;
    }

    /// Publishes one event to the webhooks and answers its deliveries, oldest first.
    pub(crate) async fn publish(&self, event: Event, webhooks: &[WebhookId]) -> Vec<DeliveryId> {
        let id = event.id.clone();
        let published = self.try_publish(vec![new_event(event, webhooks)]).await.unwrap();
        assert!(!published[0].duplicate, "{id} was published before");
        let query = DeliveryQuery { event_ids: vec![id], limit: 1_000, ..Default::default() };
        let page = self.store.list_deliveries(query).await.unwrap();
        page.items.iter().rev().map(|delivery| delivery.id).collect()
    }

    /// Publishes events now.
    pub(crate) async fn try_publish(&self, mut events: Vec<NewEvent>) -> Result<Vec<Published>, StoreError> {
        for new in &mut events {
            Arc::make_mut(&mut new.event).publish_time = self.now();
        }
        self.store.publish(events).await
    }

    pub(crate) async fn claim(&self, webhook: WebhookId, limit: usize) -> Vec<Claim> {
        self.store.claim(webhook, limit, self.now()).await.unwrap()
    }

    pub(crate) async fn claim_ids(&self, webhook: WebhookId, limit: usize) -> Vec<DeliveryId> {
        self.claim(webhook, limit).await.iter().map(|claim| claim.delivery.id).collect()
    }

    pub(crate) async fn settle(&self, id: DeliveryId, number: u32, next: Next) -> Settled {
        self.store.settle(vec![settlement(id, number, next)]).await.unwrap()[0]
    }

    /// Claims all that is due of the webhook and lets it succeed.
    pub(crate) async fn deliver_all(&self, webhook: WebhookId) -> Vec<DeliveryId> {
        let mut delivered = Vec::new();
        loop {
            let claims = self.claim(webhook, 64).await;
            if claims.is_empty() {
                return delivered;
            }
            for claim in claims {
                let (id, number) = (claim.delivery.id, claim.delivery.attempt_count + 1);
                assert_eq!(self.settle(id, number, Next::Succeed).await, Settled::Done);
                delivered.push(id);
            }
        }
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(id).await.unwrap().expect("the delivery is there")
    }

    /// The whole journal.
    pub(crate) async fn changes(&self) -> Vec<Arc<Change>> {
        let mut all: Vec<Arc<Change>> = Vec::new();
        loop {
            let after = all.last().map_or(self.store.journal().before_oldest, |change| change.sequence);
            let page = self.store.changes(after, 100).await.unwrap();
            if page.changes.is_empty() {
                return all;
            }
            all.extend_from_slice(&page.changes);
        }
    }
}

fn options(clock: &Arc<TestClock>, entropy: &Arc<TestEntropy>) -> StoreOptions {
    StoreOptions {
        clock: clock.clone(),
        entropy: entropy.clone(),
        sealing_key: SealingKey::new([7; 32]),
        reads: Reads::Inline,
        operational_events: true,
        node: Default::default(),
        observer: None,
    }
}

pub(crate) fn webhook(number: u8) -> Webhook {
    let mut webhook = Webhook { lane: Lane(0), revision: 0, ..tenterhook_fixtures::webhook(number) };
    // The golden stores were made with none.
    webhook.spec.request.url.clear();
    webhook
}

pub(crate) fn event(id: &str) -> Event {
    Event {
        object_type: "dcim.site".into(),
        username: "jo".into(),
        attributes: [("id".to_owned(), id.to_owned())].into(),
        ..tenterhook_fixtures::event(id)
    }
}

/// An event with an ordering key.
pub(crate) fn ordered(id: &str, key: &str) -> Event {
    Event { ordering_key: key.into(), ..event(id) }
}

pub(crate) fn new_event(event: Event, webhooks: &[WebhookId]) -> NewEvent {
    let mut content = [0; 32];
    for (at, byte) in event.username.bytes().enumerate() {
        content[at % 32] ^= byte;
    }
    NewEvent { event: Arc::new(event), content, webhooks: webhooks.to_vec() }
}

pub(crate) fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        start_time: Timestamp::from_millis(START),
        duration: Duration::from_millis(5),
        ..tenterhook_fixtures::attempt(number, outcome)
    }
}

pub(crate) fn settlement(delivery_id: DeliveryId, number: u32, next: Next) -> Settlement {
    let outcome = if next == Next::Succeed { Outcome::Success } else { Outcome::HttpStatus };
    let attempt = Some(Arc::new(attempt(number, outcome)));
    Settlement { delivery_id, attempt, counts: true, next, health: None, suspend: None }
}

/// Runs a test on a runtime whose time stands still unless everybody waits.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test);
}

/// Runs a test over every engine, on a runtime whose time stands still.
#[macro_export]
macro_rules! on_every_engine {
    ($($(#[$meta:meta])* async fn $name:ident($bench:ident) $body:block)*) => {$(
        #[test]
        $(#[$meta])*
        fn $name() {
            for engine in $crate::bench::Engine::all() {
                $crate::bench::run(async move {
                    println!("engine: {engine:?}");
                    #[allow(unused_mut)]
                    let mut $bench = $crate::bench::Bench::new(engine);
                    $body
                });
            }
        }
    )*};
}
