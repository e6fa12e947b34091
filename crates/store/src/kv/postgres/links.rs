//! The connections to a database, and the thread that drives them. Calls come from threads that may
//! wait; what they ask runs here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::sync::{Mutex, OnceCell, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::{Client, Statement};

use super::address::Address;
use super::fault;
use crate::error::{OpenError, StoreError};

/// Connections for reads: a long one holds up a third of the others, and never a commit.
const READERS: usize = 3;
/// How long nobody tries to connect again after it failed.
const RETRY: Duration = Duration::from_millis(200);
/// What each connection sets: a commit is on stable storage when it is answered, and nothing is waited for
/// without end.
const SETTINGS: &str = "set default_transaction_isolation = 'read committed'; set statement_timeout = '10s'; \
    set lock_timeout = '2s'; set idle_in_transaction_session_timeout = '5s'; \
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local')";

/// Counts the connections of this process.
static NEXT: AtomicI64 = AtomicI64::new(1);

/// One connection, and the statements that it has prepared.
pub(super) struct Link {
    pub(super) client: Client,
    /// Which one it is of this process: a later one has a higher number.
    pub(super) number: i64,
    is_guarded: OnceCell<()>,
    /// Moves its bytes, and ends with it.
    _moving: JoinSet<()>,
    prepared: Mutex<HashMap<String, Statement>>,
}

impl Link {
    /// Connects.
    pub(super) async fn connect(address: &Address) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = address.config.connect(address.tls.clone()).await?;
        let mut moving = JoinSet::new();
        // What it says of its end, the client's calls say too.
        moving.spawn(async move { drop(connection.await) });
        client.batch_execute(SETTINGS).await?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { client, number, is_guarded: OnceCell::new(), _moving: moving, prepared: Mutex::default() })
    }

    /// Takes the lock with this key, which the database holds until this connection has ended. One whose other
    /// end is silent lasts at least for `time` there.
    pub(super) async fn guard(&self, key: i64, time: Duration) -> Result<(), tokio_postgres::Error> {
        let guarding = || async {
            let (millis, seconds) = (time.as_millis(), time.as_secs().max(1));
            // Over a socket of this machine they say nothing, and no silence ends it.
            let lasting = format!(
                "set idle_session_timeout = 0; set tcp_user_timeout = {millis}; \
                 set tcp_keepalives_idle = {seconds}; set tcp_keepalives_interval = {seconds}"
            );
            self.client.batch_execute(&lasting).await?;
            // Shared, so that it never waits for one of this process that the server takes for alive.
            self.client.query_one("select pg_advisory_lock_shared($1)", &[&key]).await.map(drop)
        };
        self.is_guarded.get_or_try_init(guarding).await.copied()
    }

    /// A statement, prepared at its first use.
    pub(super) async fn prepared(&self, text: &str) -> Result<Statement, tokio_postgres::Error> {
        let mut prepared = self.prepared.lock().await;
        if let Some(statement) = prepared.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await?;
        prepared.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// The place of a connection that is made again when it has ended.
#[derive(Default)]
struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    failed: Option<(Instant, StoreError)>,
}

impl Slot {
    /// The connection, which may be a new one.
    async fn link(&self, address: &Address) -> Result<Arc<Link>, StoreError> {
        let mut state = self.0.lock().await;
        if let Some(link) = state.link.as_ref().filter(|link| !link.client.is_closed()) {
            return Ok(link.clone());
        }
        if let Some((at, error)) = state.failed.as_ref().filter(|(at, _)| at.elapsed() < RETRY) {
            tracing::trace!(since = ?at.elapsed(), "the database was not reached just now");
            return Err(error.clone());
        }
        match Link::connect(address).await {
            Ok(link) => {
                let link = Arc::new(link);
                *state = State { link: Some(link.clone()), failed: None };
                Ok(link)
            }
            Err(error) => {
                let error = fault::store(&error);
                *state = State { link: None, failed: Some((Instant::now(), error.clone())) };
                Err(error)
            }
        }
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Commits, one after the other.
    Write,
    /// Reads, side by side.
    Read,
    /// The lease.
    Lease,
}

/// The connections, shared with what runs on their thread.
pub(super) struct Links {
    address: Address,
    write: Slot,
    lease: Slot,
    reads: [Slot; READERS],
    next_read: AtomicUsize,
}

impl Links {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            write: Slot::default(),
            lease: Slot::default(),
            reads: Default::default(),
            next_read: AtomicUsize::new(0),
        }
    }

    /// Where the database is.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The schema, as it stands in statements.
    pub(super) fn schema(&self) -> &str {
        &self.address.schema
    }

    /// A connection for this purpose.
    pub(super) async fn link(&self, role: Role) -> Result<Arc<Link>, StoreError> {
        let slot = match role {
            Role::Write => &self.write,
            Role::Lease => &self.lease,
            Role::Read => &self.reads[self.next_read.fetch_add(1, Ordering::Relaxed) % READERS],
        };
        slot.link(&self.address).await
    }
}

/// The thread of the connections. It ends when this is dropped.
pub(super) struct Driver {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Driver {
    /// Starts the thread.
    pub(super) fn start() -> Result<Self, OpenError> {
        let failed = |error: std::io::Error| OpenError::Store(crate::kv::place::failed(error));
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("postgres".to_owned()).spawn(move || {
            // It ends by the drop of the sender, too.
            runtime.block_on(async { drop(stopped.await) });
        });
        Ok(Self { handle, stop: Some(stop), thread: Some(thread.map_err(failed)?) })
    }

    /// Runs something on the thread, and waits for what it comes to.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.spawn(async move {
            // Nobody waits any more when the thread of the caller has ended.
            let _gone = answer.send(work.await);
        });
        answered.recv().unwrap_or_else(|_| Err(StoreError::Closed))
    }

    /// Runs something on the thread.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        // It ends with the thread.
        drop(self.handle.spawn(work));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic on it has failed the calls that waited.
            let _panicked = thread.join();
        }
    }
}
