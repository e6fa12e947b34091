//! The lease of a database: one node at a time has it, and only that one writes and sends.
//!
//! A node renews its lease five times before it would end. One that cannot sends nothing more when four
//! fifths have passed since it last could, so that the next one begins after it has ended, whatever
//! stopped it: its process, its network, or a debugger. The database's clock decides, and every commit
//! proves that the lease is still the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::fault;
use super::links::{Links, Role};
use super::node::Node;
use crate::error::{OpenError, StoreError};
use crate::ownership::Ownership;

/// Parts of a lease: it is renewed after one, and worth nothing to its holder after four.
const PARTS: u32 = 5;

/// The lease as its holder knows it.
#[derive(Debug)]
pub(super) struct Lease {
    /// The name of this process for the database; no two are the same.
    holder: String,
    /// Counts the holders.
    epoch: i64,
    length: Duration,
    /// Until when the holder may send, in milliseconds of the clock that only goes on.
    valid_until: AtomicU64,
    ownership: watch::Sender<Ownership>,
}

impl Lease {
    /// Takes the lease, if nobody has it.
    pub(super) async fn take(links: &Links, holder: String, node: &Node) -> Result<Self, OpenError> {
        let Node { name, lease: length, address } = node;
        let length = *length;
        let link = links.link(Role::Lease).await?;
        let schema = links.schema();
        let taken = format!(
            "update {schema}.lease set holder = $1, node = $2, version = $3, epoch = epoch + 1, \
             expires = clock_timestamp() + $4 * interval '1 millisecond', address = $5, address_epoch = epoch + 1 where expires <= clock_timestamp() returning epoch"
        );
        let (sent, millis) = (now(), length.as_millis() as f64);
        let taken = link.client.query_opt(&taken, &[&holder, name, &env!("CARGO_PKG_VERSION"), &millis, address]).await;
        match taken {
            Ok(Some(row)) => Ok(Self {
                holder,
                epoch: row.get(0),
                length,
                valid_until: AtomicU64::new(sent + useful(length)),
                ownership: watch::Sender::new(Ownership::Held),
            }),
            Ok(None) => Err(held(links).await?),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                end_connections(links).await?;
                Err(held(links).await?)
            }
            Err(error) => Err(fault::open(&error)),
        }
    }

    /// What a commit asks the database first: the name and the number of the lease, for [`fence`].
    pub(super) fn proof(&self) -> (String, i64) {
        (self.holder.clone(), self.epoch)
    }

    /// Whether the holder may send now.
    pub(super) fn is_valid(&self) -> bool {
        now() < self.valid_until.load(Ordering::Acquire)
    }

    /// Tells whether the holder may send, at each change.
    pub(super) fn ownership(&self) -> watch::Receiver<Ownership> {
        self.ownership.subscribe()
    }

    /// Notes that another node has the lease.
    pub(super) fn lose(&self) {
        self.valid_until.store(0, Ordering::Release);
        if self.ownership.send_replace(Ownership::Lost) != Ownership::Lost {
            tracing::error!("another node has taken over the database");
        }
    }

    /// Renews the lease until another node has it.
    pub(super) async fn keep(self: Arc<Self>, links: Arc<Links>) {
        let part = self.length / PARTS;
        sleep(part).await;
        while *self.ownership.borrow() != Ownership::Lost {
            let (sent, until) = (now(), self.valid_until.load(Ordering::Acquire));
            // Once it is worth nothing, there is nothing to be in time for.
            let left = Duration::from_millis(until.saturating_sub(sent));
            let patience = if left.is_zero() { part } else { left.min(part) };
            let renewed = timeout(patience, self.renew(&links)).await;
            match renewed {
                Ok(Ok(true)) => {
                    self.valid_until.store(sent + useful(self.length), Ordering::Release);
                    if self.ownership.send_replace(Ownership::Held) == Ownership::Muted {
                        tracing::info!("the database is back, and the lease is still ours: sending goes on");
                    }
                    sleep(part).await;
                    continue;
                }
                Ok(Ok(false)) => return self.lose(),
                Ok(Err(error)) => tracing::debug!(%error, "the lease could not be renewed"),
                Err(_late) => tracing::debug!("the lease was not renewed in time"),
            }
            if !self.is_valid() && self.ownership.send_replace(Ownership::Muted) == Ownership::Held {
                tracing::warn!("the database has not been reached for most of the lease: nothing is sent until it is");
            }
            sleep(part / PARTS).await;
        }
    }

    /// Renews the lease; answers whether it was still the same.
    async fn renew(&self, links: &Links) -> Result<bool, StoreError> {
        let link = links.link(Role::Lease).await?;
        let text = format!(
            "update {}.lease set expires = clock_timestamp() + $3 * interval '1 millisecond' where holder = $1 and epoch = $2",
            links.schema()
        );
        let millis = self.length.as_millis() as f64;
        let renewed = async {
            let statement = link.prepared(&text).await?;
            link.client.execute(&statement, &[&self.holder, &self.epoch, &millis]).await
        };
        Ok(renewed.await.map_err(|error| fault::store(&error))? == 1)
    }

    /// Gives the lease up, so that the next node need not wait.
    pub(super) async fn give_up(&self, links: &Links) -> Result<(), StoreError> {
        let text =
            format!("update {}.lease set expires = '-infinity' where holder = $1 and epoch = $2", links.schema());
        let link = links.link(Role::Lease).await?;
        let given = link.client.execute(&text, &[&self.holder, &self.epoch]).await;
        self.valid_until.store(0, Ordering::Release);
        given.map(drop).map_err(|error| fault::store(&error))
    }
}

/// The statement that refuses a commit unless the lease is the one of the [`Lease::proof`].
pub(super) fn fence(schema: &str) -> String {
    format!(
        "select {schema}.must(count(*) = 1, '{}') from \
         (select 1 from {schema}.lease where holder = $1 and epoch = $2 for share) as lease",
        fault::FENCED
    )
}

/// Who has the lease, for the one who has not got it.
async fn held(links: &Links) -> Result<OpenError, OpenError> {
    let text = format!(
        "select node, greatest(extract(epoch from expires - clock_timestamp()), 0)::float8, epoch, \
         case when address_epoch = epoch then address end from {}.lease where expires > '-infinity'",
        links.schema()
    );
    let link = links.link(Role::Lease).await?;
    let row = link.client.query_opt(&text, &[]).await.map_err(|error| fault::open(&error))?;
    let none = || (String::new(), 0.0, 0, None);
    let of = |row: Row| (row.get(0), row.get(1), row.get::<_, i64>(2), row.get(3));
    let (node, left, epoch, address): (_, f64, _, _) = row.map_or_else(none, of);
    let left = Duration::try_from_secs_f64(left).unwrap_or_default();
    Ok(OpenError::Held { node, left, epoch: u64::try_from(epoch).unwrap_or_default(), address })
}

/// Ends the connections of the holder, one of which was stopped within a commit and keeps the lease locked.
async fn end_connections(links: &Links) -> Result<(), OpenError> {
    let text = format!(
        "select pg_terminate_backend(a.pid) from pg_stat_activity a, {}.lease l \
         where a.application_name = 'tenterhook ' || l.holder and l.expires <= clock_timestamp()",
        links.schema()
    );
    let link = links.link(Role::Lease).await?;
    let ended = link.client.query(&text, &[]).await.map_err(|error| fault::open(&error))?;
    tracing::warn!(connections = ended.len(), "ended the connections of a node whose lease has run out");
    Ok(())
}

/// Milliseconds for which a lease is of use to its holder.
fn useful(length: Duration) -> u64 {
    (length / PARTS * (PARTS - 1)).as_millis() as u64
}

/// Milliseconds of a clock that nobody sets, and that goes on while the machine sleeps.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000
}
