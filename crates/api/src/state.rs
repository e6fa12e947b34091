//! What the services share, and the router that is made of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenterhook_attempt::AttemptTrace;
use tenterhook_engine::{Compilations, Render};
use tenterhook_intake::Intake;
use tenterhook_model::{
    AddressPolicy, Clock, Egress, Entropy, Exchange, Limit, PreparedRequest, Resolve, Timestamp, TransportCheck, limits,
};
use tenterhook_store::Serving;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tower::util::BoxCloneSyncService;

use crate::access::{Access, Caller};
use crate::edge::{Charge, Kept};
use crate::meter::Meter;
use crate::refusal::Refusal;
use crate::server::STREAMS;
use crate::token::TokenKey;

/// Sends one request and returns how it went; for TestWebhook.
pub type Sender = BoxCloneSyncService<PreparedRequest, Exchange, Infallible>;

/// When to come back to a server with too many streams.
const CROWDED: Duration = Duration::from_secs(5);

/// Backups at once: each reads the whole store, and keeps what is removed meanwhile on the disk.
const BACKUPS: usize = limits::BACKUPS;

/// Everything that the API needs of the rest of the program.
pub struct ApiState {
    /// What is true.
    pub store: Arc<dyn Serving>,
    /// Takes events in.
    pub intake: Arc<Intake>,
    /// Who compiles and renders.
    pub render: Arc<dyn Render>,
    /// Compiled webhooks, shared with the intake and the dispatcher.
    pub compilations: Arc<Compilations>,
    /// Looks up hosts at save.
    pub resolver: Arc<dyn Resolve>,
    /// Where the server sends.
    pub addresses: Arc<AddressPolicy>,
    /// By which way requests leave.
    pub egress: Arc<Egress>,
    /// Checks certificates and keys at save.
    pub transport_check: Arc<dyn TransportCheck>,
    /// Sends the requests of TestWebhook.
    pub sender: Sender,
    /// Makes the spans of the attempts of TestWebhook.
    pub trace: Arc<dyn AttemptTrace>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where identifiers and secrets come from.
    pub entropy: Arc<dyn Entropy>,
    /// Who may call.
    pub access: Access,
    /// Signs page and resume tokens; the same across restarts.
    pub token_key: TokenKey,
    /// Who counts and traces.
    pub meter: Arc<dyn Meter>,
    /// Cancelled when the server begins to stop: new calls are refused, streams end.
    pub shutdown: CancellationToken,
    /// Whether server reflection answers.
    pub reflection: bool,
    /// What GetServerInfo returns that only the server knows.
    pub about: About,
}

/// What GetServerInfo returns that only the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The storage engine: `redb`, `sled` or `memory`.
    pub store_engine: String,
    /// When the process started.
    pub start_time: Timestamp,
    /// The values of the flags that change a limit, in the unit of its row.
    pub settings: BTreeMap<&'static str, u64>,
}

impl About {
    /// The value of a limit: what its flag is set to, else that of the table.
    pub(crate) fn most(&self, limit: &Limit) -> u64 {
        limit.flag.and_then(|flag| self.settings.get(flag)).copied().unwrap_or(limit.most)
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut state = f.debug_struct("ApiState");
        state.field("store", &self.store).field("reflection", &self.reflection).finish_non_exhaustive()
    }
}

/// The state as the services hold it.
#[derive(Debug)]
pub(crate) struct Shared {
    state: ApiState,
    streams: Arc<Semaphore>,
    backups: Arc<Semaphore>,
    watchers: AtomicUsize,
}

impl Deref for Shared {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.state
    }
}

/// A handle to the shared state.
pub(crate) type Api = Arc<Shared>;

impl Shared {
    pub(crate) fn new(state: ApiState) -> Api {
        let streams = Arc::new(Semaphore::new(STREAMS));
        let backups = Arc::new(Semaphore::new(BACKUPS));
        Arc::new(Self { state, streams, backups, watchers: AtomicUsize::new(0) })
    }

    /// Room for one more stream, as long as it is held.
    pub(crate) fn stream_permit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.streams).try_acquire_owned();
        permit.map_err(|_| Refusal::RateLimited { retry_after: CROWDED })
    }

    /// Room for one more backup, as long as it is held.
    pub(crate) fn backup_permit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.backups).try_acquire_owned();
        permit.map_err(|_| Refusal::RateLimited { retry_after: CROWDED })
    }

    /// Counts one more watch, as long as the answer is held.
    pub(crate) fn watch_begins(self: &Arc<Self>) -> WatchCount {
        let count = self.watchers.fetch_add(1, Ordering::Relaxed) + 1;
        self.meter.watchers(count);
        WatchCount(Arc::clone(self))
    }
}

/// One open watch, for whoever counts.
#[derive(Debug)]
pub(crate) struct WatchCount(Api);

impl Drop for WatchCount {
    fn drop(&mut self) {
        let before = self.0.watchers.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "a watch ends that had not begun");
        self.0.meter.watchers(before - 1);
    }
}

/// Cancelled when the connection of a request is about to close and its streams should end.
pub(crate) fn retiring<T>(request: &Request<T>) -> CancellationToken {
    let charge = request.extensions().get::<Charge>();
    charge.map(|charge| charge.connection().retiring().clone()).unwrap_or_default()
}

/// Keeps the connection of a request from growing old.
pub(crate) fn keep<T>(request: &Request<T>) -> Option<Kept> {
    request.extensions().get::<Charge>().map(|charge| charge.connection().keep())
}

/// A request's caller and message. The gate has put the caller there; without it nobody may pass.
pub(crate) fn parts<T>(request: Request<T>) -> Result<(Caller, T), Refusal> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.map(|caller| (caller, request.into_inner())).ok_or(Refusal::KeyInvalid { shown: false })
}
