//! The simulated machine: what outlives the process, and the process that runs on it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tenterhook_api::Descriptions;
use tenterhook_attempt::PassThrough;
use tenterhook_deliver::{Deliverer, Outbound, Roots};
use tenterhook_dispatch::{Deadlines, Dispatcher, Drained, Parts, Settings, Unmetered};
use tenterhook_engine::{Compilations, Contexts, InProcess};
use tenterhook_fleet::{Fleet, Granting};
use tenterhook_intake::{Announcer, Intake};
use tenterhook_model::{AddressPolicy, Egress, Event, Proxy};
use tenterhook_store::{
    Batch, Carrier, Change, EmbeddedStore, Kv, MemoryKv, Pair, Reads, SealingKey, Sequence, Span, Store, StoreError,
    StoreOptions, View,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::chance::{SeededEntropy, SimClock};
use super::history::{Acked, End, Life};
use super::net::Net;
use super::nodes::{GRANT, Nodes};
use super::plan::Plan;
use crate::canary::lookout::Kept;
use crate::canary::mark;

/// The disk: a map that lives on, and takes no writes when it is told so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    kv: MemoryKv,
    failing: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
}

impl Disk {
    /// The next commits fail.
    pub(crate) fn fail(&self, commits: usize) {
        self.failing.store(commits, Ordering::SeqCst);
    }

    /// The disk, to be searched for secrets in the end.
    pub(crate) fn kept(&self) -> Kept {
        Kept(self.kv.clone())
    }

    /// How many commits failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }
}

impl Kv for Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.kv.get(key)
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        self.kv.range(span)
    }

    fn view(&self) -> Result<Box<dyn View>, StoreError> {
        self.kv.view()
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let failing = self.failing.load(Ordering::SeqCst);
        if failing > 0 {
            self.failing.store(failing - 1, Ordering::SeqCst);
            self.failed.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::Failed("the simulated disk fails".into()));
        }
        self.kv.commit(batch)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.kv.compact()
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.kv.size()
    }
}

/// What outlives the process.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) disk: Disk,
    pub(crate) net: Net,
    pub(crate) acked: Arc<Mutex<Vec<Acked>>>,
    pub(crate) watched: Arc<Mutex<Vec<Arc<Change>>>>,
    entropy: Arc<SeededEntropy>,
    egress: Egress,
    settings: Settings,
    /// Other nodes that make attempts.
    nodes: usize,
}

/// The server as a process: everything but the API.
pub(crate) struct Process {
    pub(crate) store: Arc<dyn Store>,
    machine: Machine,
    intake: Arc<Intake>,
    deliverer: Deliverer<Net>,
    fleet: Fleet,
    pub(crate) nodes: Nodes,
    cancel: CancellationToken,
    dispatcher: JoinSet<Drained>,
    /// The writer, the watcher and the callers.
    others: JoinSet<()>,
}

impl Machine {
    pub(crate) fn new(plan: &Plan) -> Self {
        let clock = Arc::new(SimClock::new());
        let proxy = plan.proxied.then(|| Proxy::parse("http://proxy.example:3128").expect("the proxy is legal"));
        Self {
            net: Net::new(Arc::clone(&clock), plan),
            egress: Egress { http: proxy, ..Egress::default() },
            clock,
            disk: Disk::default(),
            acked: Arc::default(),
            watched: Arc::default(),
            entropy: Arc::new(SeededEntropy::new(plan.entropy_dice.clone())),
            settings: Settings { max_in_flight: plan.max_in_flight, grace: plan.grace },
            nodes: plan.nodes,
        }
    }

    /// Starts the process for the `life`-th time.
    pub(crate) fn start(&self, life: usize) -> Process {
        let options = StoreOptions {
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            sealing_key: SealingKey::new(mark::key()),
            reads: Reads::Inline,
            operational_events: true,
            node: Default::default(),
            observer: None,
        };
        let (store, writer) = EmbeddedStore::open(self.disk.clone(), options).expect("the store opens after a crash");
        let store: Arc<dyn Store> = store;
        self.net.begin_life(life, Arc::clone(&store));
        let mut others = JoinSet::new();
        others.spawn(writer.run_inline());
        others.spawn(watch(Arc::clone(&store), Arc::clone(&self.watched)));
        let deadlines = Deadlines::new(store.clone(), self.clock.clone());
        let cancel = CancellationToken::new();
        others.spawn(deadlines.run(cancel.clone()));
        let deliverer = self.deliverer();
        let (compilations, contexts) = (Arc::new(Compilations::new()), Arc::new(Contexts::new()));
        let intake = Arc::new(Intake::new(tenterhook_intake::Parts {
            store: store.clone(),
            render: Arc::new(InProcess),
            compilations: Arc::clone(&compilations),
            contexts: Arc::clone(&contexts),
            meter: Arc::new(tenterhook_intake::Unmetered),
        }));
        let announcer = Announcer {
            store: store.clone(),
            intake: Arc::clone(&intake),
            describe: Arc::new(Descriptions::default()),
            clock: self.clock.clone(),
        };
        others.spawn(announcer.run(cancel.clone()));
        let (fleet, nodes) = self.nodes(&*store);
        let parts = Parts {
            store: store.clone(),
            render: Arc::new(InProcess),
            compilations,
            contexts,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            meter: Arc::new(Unmetered),
            trace: Arc::new(PassThrough),
            elsewhere: Arc::new(fleet.clone()),
        };
        let mut dispatcher = JoinSet::new();
        dispatcher.spawn(Dispatcher::new(parts, deliverer.clone(), self.settings).run(cancel.clone()));
        Process { store, machine: self.clone(), intake, deliverer, fleet, nodes, cancel, dispatcher, others }
    }

    fn deliverer(&self) -> Deliverer<Net> {
        Deliverer::new(Outbound {
            addresses: AddressPolicy::public(),
            egress: self.egress.clone(),
            resolver: Arc::new(self.net.clone()),
            roots: Roots::none(),
            dialer: self.net.clone(),
        })
    }

    /// The other nodes, which make attempts for one that has this store.
    fn nodes(&self, store: &dyn Store) -> (Fleet, Nodes) {
        let carrier = Carrier::new(&SealingKey::new(mark::key()), self.entropy.clone());
        let fleet = Fleet::default();
        let (clock, ownership) = (self.clock.clone(), store.ownership());
        fleet.serve(Granting { carrier: carrier.clone(), clock, ownership, grant: GRANT });
        let (machine, room) = (self.clone(), self.settings.max_in_flight);
        let nodes = Nodes::start(self.nodes, room, &fleet, &carrier, &self.net, move || machine.deliverer());
        (fleet, nodes)
    }
}

impl Process {
    /// Publishes events as the API does, in a task of its own.
    pub(crate) fn publish(&mut self, events: Vec<Event>) {
        let (store, intake) = (Arc::clone(&self.store), Arc::clone(&self.intake));
        let acked = Arc::clone(&self.machine.acked);
        self.others.spawn(async move {
            // As `Intake::publish`, but what was matched is kept for the invariants.
            let new = intake.route(events).await;
            // What was not answered may be stored or not; the invariants are silent on it.
            let Ok(published) = store.publish(new.clone()).await else { return };
            let answers = new.into_iter().zip(published).map(|(new, published)| Acked {
                event_id: published.event_id,
                matched: new.webhooks.into_iter().collect(),
                duplicate: published.duplicate,
            });
            acked.lock().unwrap().extend(answers);
        });
    }

    /// Kills the process. Nothing but the disk is left of it.
    pub(crate) async fn crash(mut self) -> Life {
        self.dispatcher.shutdown().await;
        self.nodes.end().await;
        self.others.shutdown().await;
        self.machine.net.end_life();
        // Sockets close with a process.
        self.deliverer.close().await;
        Life { until: self.machine.clock.elapsed(), end: End::Crash }
    }

    /// Stops the process in good order.
    pub(crate) async fn drain(mut self) -> Life {
        self.cancel.cancel();
        let drained = self.dispatcher.join_next().await.expect("it was started").expect("it does not panic");
        self.fleet.close();
        self.nodes.end().await;
        self.store.close();
        self.deliverer.close().await;
        self.others.shutdown().await;
        self.machine.net.end_life();
        Life { until: self.machine.clock.elapsed(), end: End::Drain(drained) }
    }

    /// Whether a task of the dispatcher has ended although nobody asked for it.
    pub(crate) fn is_alive(&self) -> bool {
        !self.dispatcher.is_empty()
    }
}

/// Reads the journal along, as `WatchDeliveries` does, from where the last life's watcher stopped.
async fn watch(store: Arc<dyn Store>, watched: Arc<Mutex<Vec<Arc<Change>>>>) {
    loop {
        let bell = store.journal_bell().notified();
        let after = watched.lock().unwrap().last().map_or(Sequence(0), |change| change.sequence);
        let page = store.changes(after, 16).await.expect("the journal is kept");
        if page.changes.is_empty() {
            bell.await;
        }
        watched.lock().unwrap().extend_from_slice(&page.changes);
    }
}
