//! The lease of a database: one node at a time has it, and only that one writes and sends.
//!
//! A node renews its lease five times before it would end. One that cannot sends nothing more when four
//! fifths have passed since it last could, so that the next one begins after it has ended, whatever
//! stopped it: its process, its network, or a debugger. The database's clock decides, and every commit
//! proves that the lease is still the same.
//!
//! A process that is killed is not waited for so long. Its connections end with it, and with the one that
//! its lease was last renewed over, the *guard*, ends a lock. A node that finds the lock gone takes
//! over half a second later, unless the holder has renewed its lease over another connection by then.
//!
//! A process that is frozen, or whose machine is gone, leaves its guard behind, but asks nothing over it any
//! more. Its lease is taken from it just as soon, and publishers wait for nobody. What it has in flight may
//! go on, though: who takes a lease like that sends from when the lease would have ended, or from when the
//! guard has.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::fault;
use super::links::{Link, Links, Role};
use super::node::Node;
use super::rights::{ABSENCE, PARTS, PULSE, Rights, now, quiet};
use crate::error::{OpenError, StoreError};
use crate::ownership::Ownership;

/// How often a node that waits for the lease looks at it.
const LOOK: Duration = Duration::from_millis(100);
/// Leases for which the database keeps a guard whose other end is silent: the lease must decide then.
const SILENCE: u32 = 2;

/// The name of a process for the database; no two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder(pub(super) u64);

impl Holder {
    /// The key of the lock of its connection with this number. [`look`] has the same in SQL.
    fn key(self, number: i64) -> i64 {
        self.0 as i64 ^ number
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The guard of a node whose lease was taken while it was silent.
#[derive(Debug, Clone)]
pub(super) struct Silent {
    /// What the node is called.
    node: String,
    /// The key of its lock.
    key: i64,
    /// When the server was started that has it.
    server: SystemTime,
    /// When it last asked something.
    since: SystemTime,
}

/// The lease as its holder knows it.
#[derive(Debug)]
pub(super) struct Lease {
    holder: Holder,
    /// Counts the holders.
    epoch: i64,
    length: Duration,
    /// The number of the connection that the lease was last renewed over.
    guard: AtomicI64,
    /// The one before, which may have something in flight.
    before: Option<Silent>,
    rights: watch::Sender<Rights>,
    ownership: watch::Sender<Ownership>,
}

/// What a node finds that wants the lease.
pub(super) struct Standing {
    is_free: bool,
    epoch: i64,
    /// The guard of the holder, if the row and this server know it.
    guard: Option<i64>,
    pub(super) holder: Standstill,
    refusal: OpenError,
}

/// Whether the holder may be taken for dead.
#[derive(Debug)]
pub(super) enum Standstill {
    /// It may not.
    None,
    /// Its guard has ended.
    Gone,
    /// It asks nothing over its guard.
    Silent(Silent),
}

impl Standstill {
    /// The guard that is silent.
    fn silent(&self) -> Option<&Silent> {
        match self {
            Self::Silent(silent) => Some(silent),
            Self::None | Self::Gone => None,
        }
    }
}

impl Lease {
    /// Takes the lease, once nobody has it; the connection that guards it, too.
    pub(super) async fn take(links: &Links, holder: Holder, node: &Node) -> Result<(Self, Arc<Link>), OpenError> {
        let link = links.link(Role::Lease).await?;
        let guarded = link.guard(holder.key(link.number), node.lease * SILENCE).await;
        guarded.map_err(|error| fault::open(&error))?;
        let (begun, mut first) = (Instant::now(), None);
        loop {
            let standing = look(&link, links.schema(), node.lease).await.map_err(|error| fault::open(&error))?;
            let first = *first.get_or_insert(standing.epoch);
            match &standing.holder {
                Standstill::None => {}
                Standstill::Gone => sleep(ABSENCE).await,
                Standstill::Silent(silent) => {
                    // The database may have stood still with it, and what it asked be read only now.
                    sleep(LOOK).await;
                    end_commits(&link, silent).await.map_err(|error| fault::open(&error))?;
                }
            }
            if standing.is_free || !matches!(standing.holder, Standstill::None) {
                match try_take(&link, links.schema(), holder, node, &standing).await {
                    Ok(Some(lease)) => return Ok((lease, link)),
                    Ok(None) => continue,
                    Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                        end_connections(&link, links.schema()).await.map_err(|error| fault::open(&error))?;
                    }
                    Err(error) => return Err(fault::open(&error)),
                }
            }
            if standing.epoch != first || begun.elapsed() >= node.patience {
                return Err(standing.refusal);
            }
            sleep(LOOK).await;
        }
    }

    fn new(holder: Holder, epoch: i64, length: Duration, rights: Rights, guard: i64) -> Self {
        let (rights, ownership) = (watch::Sender::new(rights), watch::Sender::new(Ownership::Held));
        Self { holder, epoch, length, guard: guard.into(), before: None, rights, ownership }
    }

    /// What a commit asks the database first: the name and the number of the lease, for [`fence`].
    pub(super) fn proof(&self) -> (String, i64) {
        (self.holder.to_string(), self.epoch)
    }

    /// Whether the holder may begin to send something now.
    pub(super) fn may_send(&self) -> bool {
        self.rights.borrow().may_begin(now()) && *self.ownership.borrow() == Ownership::Held
    }

    /// Whether the lease is of use still.
    pub(super) fn lasts(&self) -> bool {
        self.rights.borrow().last(now())
    }

    /// Waits while nobody can say whether the holder may send.
    pub(super) async fn certain(self: Arc<Self>) {
        let mut rights = self.rights.subscribe();
        while self.lasts() && !self.may_send() && *self.ownership.borrow() == Ownership::Held {
            // The sender is here.
            let _changed = rights.changed().await;
        }
    }

    /// The number of the connection that the lease was last renewed over.
    pub(super) fn guard(&self) -> i64 {
        self.guard.load(Ordering::Acquire)
    }

    /// Tells whether the holder may send, at each change.
    pub(super) fn ownership(&self) -> watch::Receiver<Ownership> {
        self.ownership.subscribe()
    }

    /// Notes that another node has the lease.
    pub(super) fn lose(&self) {
        if self.ownership.send_replace(Ownership::Lost) != Ownership::Lost {
            tracing::error!("another node has taken over the database");
        }
        self.rights.send_modify(Rights::end);
    }

    /// Renews the lease, and asks over its guard, until it is no longer ours.
    pub(super) async fn keep(self: Arc<Self>, links: Arc<Links>, mut guard: Arc<Link>) {
        let mut renew_at = now() + self.part();
        loop {
            sleep(PULSE).await;
            if *self.ownership.borrow() == Ownership::Lost {
                return;
            }
            let (sent, rights) = (now(), *self.rights.borrow());
            let asking = timeout(rights.patience(sent, self.length), self.ask(&links, sent >= renew_at));
            match self.answer(asking, &guard).await {
                Ok(Ok(Answer::Lost)) => return self.lose(),
                Ok(Ok(Answer::There)) => self.rights.send_modify(|rights| rights.proved(sent)),
                Ok(Ok(Answer::Renewed(link))) => {
                    guard = link;
                    renew_at = sent + self.part();
                    self.rights.send_modify(|rights| rights.renewed(sent, self.length));
                    if self.turn(Ownership::Muted, Ownership::Held) {
                        tracing::info!("the database is back, and the lease is still ours: sending goes on");
                    }
                }
                Ok(Err(error)) => tracing::debug!(%error, "the lease could not be renewed"),
                Err(_late) => tracing::debug!("the lease was not renewed in time"),
            }
            self.tell(&guard);
            if rights.waits(now()) {
                self.look_back(&guard).await;
            }
        }
    }

    /// Sees whether the node before has ended, for which this one waits.
    async fn look_back(&self, guard: &Link) {
        let Some(before) = &self.before else { return };
        match timeout(PULSE, has_ended(guard, before)).await {
            Ok(Ok(true)) => {
                let soon = now() + ABSENCE.as_millis() as u64;
                // It is told once: the next look finds the same.
                if soon < self.rights.borrow().waits_until() {
                    tracing::info!(node = before.node, "the node that had the database has ended: sending begins");
                    self.rights.send_modify(|rights| rights.wait(soon));
                }
            }
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "nobody knows whether the node before has ended"),
            Err(_late) => tracing::debug!("nobody knows in time whether the node before has ended"),
        }
    }

    /// Waits for an answer, and tells meanwhile when nothing may be sent any more.
    async fn answer<T>(&self, answer: impl Future<Output = T>, guard: &Link) -> T {
        let mut answer = pin!(answer);
        loop {
            match timeout(PULSE / 2, answer.as_mut()).await {
                Ok(answer) => return answer,
                Err(_late) => self.tell(guard),
            }
        }
    }

    /// Tells when nothing may be sent any more.
    fn tell(&self, guard: &Link) {
        let has_guard = !guard.client.is_closed();
        if self.rights.borrow().may_go_on(now(), has_guard) || !self.turn(Ownership::Held, Ownership::Muted) {
            return;
        }
        // Whoever waits to be certain is, now.
        self.rights.send_modify(|_| ());
        let why = if has_guard { "it does not answer" } else { "the connection ended, and no other could be made" };
        tracing::warn!("the database cannot be reached ({why}): nothing is sent until it is");
    }

    /// Goes from one to the other, unless it is neither; whether it did.
    fn turn(&self, from: Ownership, to: Ownership) -> bool {
        self.ownership.send_if_modified(|now| {
            let turns = *now == from;
            if turns {
                *now = to;
            }
            turns
        })
    }

    /// Asks whether the lease is the same, and renews it if it is `due` or its guard has ended.
    async fn ask(&self, links: &Links, due: bool) -> Result<Answer, StoreError> {
        let link = links.link(Role::Lease).await?;
        let is_guard = link.number == self.guard();
        let asked = async {
            if is_guard && !due && *self.ownership.borrow() == Ownership::Held {
                let text = format!("select from {}.lease where holder = $1 and epoch = $2", links.schema());
                let (statement, holder) = (link.prepared(&text).await?, self.holder.to_string());
                let found = link.client.query_opt(&statement, &[&holder, &self.epoch]).await?;
                return Ok(if found.is_some() { Answer::There } else { Answer::Lost });
            }
            link.guard(self.holder.key(link.number), self.length * SILENCE).await?;
            // A statement of an earlier connection may arrive after one of a later one, and does nothing then.
            let text = format!(
                "update {}.lease set expires = clock_timestamp() + $3 * interval '1 millisecond', \
                 guard = $4, guard_epoch = epoch, guard_server = pg_postmaster_start_time() \
                 where holder = $1 and epoch = $2 and guard <= $4",
                links.schema()
            );
            let statement = link.prepared(&text).await?;
            let (holder, millis) = (self.holder.to_string(), self.length.as_millis() as f64);
            let renewed = link.client.execute(&statement, &[&holder, &self.epoch, &millis, &link.number]).await?;
            self.guard.store(link.number, Ordering::Release);
            Ok(if renewed == 1 { Answer::Renewed(link.clone()) } else { Answer::Lost })
        };
        asked.await.map_err(|error: Error| fault::store(&error))
    }

    /// Gives the lease up, so that the next node need not wait.
    pub(super) async fn give_up(&self, links: &Links) -> Result<(), StoreError> {
        let text =
            format!("update {}.lease set expires = '-infinity' where holder = $1 and epoch = $2", links.schema());
        let link = links.link(Role::Lease).await?;
        let given = link.client.execute(&text, &[&self.holder.to_string(), &self.epoch]).await;
        self.ownership.send_replace(Ownership::Lost);
        self.rights.send_modify(Rights::end);
        given.map(drop).map_err(|error| fault::store(&error))
    }

    /// Milliseconds after which it is renewed.
    fn part(&self) -> u64 {
        (self.length / PARTS).as_millis() as u64
    }
}

/// What the database says to the holder.
enum Answer {
    /// The guard is there.
    There,
    /// The lease was renewed over this connection.
    Renewed(Arc<Link>),
    /// Another node has it.
    Lost,
}

/// The statement that refuses a commit unless the lease is the one of the [`Lease::proof`].
pub(super) fn fence(schema: &str) -> String {
    format!(
        "select {schema}.must(count(*) = 1, '{}') from \
         (select 1 from {schema}.lease where holder = $1 and epoch = $2 for share) as lease",
        fault::FENCED
    )
}

/// The processes of the database that have the lock of a guard with this key.
fn guards(key: &str) -> String {
    format!(
        "select pid from pg_locks where locktype = 'advisory' and objsubid = 1 \
         and database = (select oid from pg_database where datname = current_database()) \
         and (classid::int8 << 32 | objid::int8) = {key}"
    )
}

/// Who has the lease, and whether it can be had by a node whose own is of this `length`.
///
/// A guard counts only if this server has had it: one that was started again, or was a standby before, has the
/// locks of nobody. And only for the epoch it was written for: a version that knows no guards takes none. A guard
/// over which the database itself is at work is not silent, and nobody can tell of one that it does not show.
pub(super) async fn look(link: &Link, schema: &str, length: Duration) -> Result<Standing, Error> {
    let text = format!(
        "select node, case when isfinite(expires) then greatest(extract(epoch from expires - clock_timestamp()), 0)::float8 \
         else 0 end as left, epoch, \
         case when address_epoch = epoch then address end as address, expires <= clock_timestamp() as is_free, \
         guard, key, guard_server, pid, (select a.state_change from pg_stat_activity a where a.pid = l.pid and a.state = 'idle' \
           and a.state_change <= clock_timestamp() - $1 * interval '1 millisecond') as since \
         from (select *, ({guards} limit 1) as pid from (select *, \
           case when guard_epoch = epoch and guard_server = pg_postmaster_start_time() \
             then ('x' || holder)::bit(64)::int8 # guard end as key from {schema}.lease) k) l",
        guards = guards("key")
    );
    let silence = quiet(length).saturating_sub(LOOK).as_millis() as f64;
    let row = link.client.query_one(&link.prepared(&text).await?, &[&silence]).await?;
    let (epoch, left, node): (i64, f64, String) = (row.get("epoch"), row.get("left"), row.get("node"));
    let (key, pid): (Option<i64>, Option<i32>) = (row.get("key"), row.get("pid"));
    let holder = match (key, pid, row.get("since")) {
        (Some(_), None, _) => Standstill::Gone,
        (Some(key), Some(_), Some(since)) => {
            Standstill::Silent(Silent { node: node.clone(), key, server: row.get("guard_server"), since })
        }
        _ => Standstill::None,
    };
    let guard = key.map(|_| row.get("guard"));
    let refusal = OpenError::Held {
        node,
        left: Duration::try_from_secs_f64(left).unwrap_or_default(),
        epoch: u64::try_from(epoch).unwrap_or_default(),
        address: row.get("address"),
    };
    Ok(Standing { is_free: row.get("is_free"), epoch, guard, holder, refusal })
}

/// Takes the lease if it has ended, or nothing has changed since its holder was found to stand still.
pub(super) async fn try_take(
    link: &Link,
    schema: &str,
    holder: Holder,
    node: &Node,
    standing: &Standing,
) -> Result<Option<Lease>, Error> {
    let text = format!(
        "update {schema}.lease set holder = $1, node = $2, version = $3, epoch = epoch + 1, \
         expires = clock_timestamp() + $4 * interval '1 millisecond', address = $5, address_epoch = epoch + 1, \
         guard = $6, guard_epoch = epoch + 1, guard_server = pg_postmaster_start_time(), \
         sends_from = case when $9::int8 is null then sends_from else greatest(sends_from, expires) end \
         where expires <= clock_timestamp() or (epoch = $7 and guard_epoch = $7 and guard = $8 \
           and guard_server = pg_postmaster_start_time() and ($9::int8 is null or exists ( \
             select from pg_stat_activity a where a.state = 'idle' and a.state_change = $10 and a.pid in ({guards})))) \
         returning epoch, case when isfinite(sends_from) then extract(epoch from sends_from - clock_timestamp()) * 1000 \
           when sends_from > clock_timestamp() then 'infinity' else 0 end::float8",
        guards = guards("$9")
    );
    let Node { name, lease, address, .. } = node;
    let (millis, version, id) = (lease.as_millis() as f64, env!("CARGO_PKG_VERSION"), holder.to_string());
    let silent = standing.holder.silent();
    let (key, since) = (silent.map(|silent| silent.key), silent.map(|silent| silent.since));
    let columns: [&(dyn ToSql + Sync); 10] =
        [&id, name, &version, &millis, address, &link.number, &standing.epoch, &standing.guard, &key, &since];
    let sent = now();
    let Some(row) = link.client.query_opt(&link.prepared(&text).await?, &columns).await? else { return Ok(None) };
    let (epoch, wait): (i64, f64) = (row.get(0), row.get(1));
    debug_assert!(epoch > standing.epoch, "epochs only grow: {epoch} was taken, and {} was there", standing.epoch);
    let mut rights = Rights::new(sent, *lease);
    // A number that is too large for the clock is as far away as the clock goes.
    rights.wait(now().saturating_add(wait.max(0.0).ceil() as u64));
    if let Some(Silent { node, .. }) = silent {
        tracing::warn!(
            node,
            wait_ms = wait.max(0.0) as u64,
            "the node that has the database asks it nothing any more: taking over; sending begins when its lease would have ended, or once it has"
        );
    }
    Ok(Some(Lease { before: silent.cloned(), ..Lease::new(holder, epoch, *lease, rights, link.number) }))
}

/// Whether a guard has ended, and not only the server that had it.
async fn has_ended(link: &Link, guard: &Silent) -> Result<bool, Error> {
    let text = format!("select pg_postmaster_start_time() = $2 and not exists ({})", guards("$1"));
    Ok(link.client.query_one(&link.prepared(&text).await?, &[&guard.key, &guard.server]).await?.get(0))
}

/// Ends the commits of a silent holder that are under way, which keep the row locked; its guard stays.
async fn end_commits(link: &Link, holder: &Silent) -> Result<(), Error> {
    let text = format!(
        "select pg_terminate_backend(a.pid) from pg_stat_activity a where a.xact_start is not null \
         and a.application_name = (select g.application_name from pg_stat_activity g where g.pid in ({guards}) \
           and g.state = 'idle' and g.state_change = $2) and a.pid not in ({guards}) and a.application_name like 'tenterhook %'",
        guards = guards("$1")
    );
    link.client.query(&link.prepared(&text).await?, &[&holder.key, &holder.since]).await.map(drop)
}

/// Ends the connections of a holder whose lease has ended, one of which was stopped within a commit and keeps the row
/// locked.
async fn end_connections(link: &Link, schema: &str) -> Result<(), Error> {
    let text = format!(
        "select pg_terminate_backend(a.pid) from pg_stat_activity a, {schema}.lease l \
         where a.application_name = 'tenterhook ' || l.holder and l.expires <= clock_timestamp()"
    );
    let ended = link.client.query(&text, &[]).await?;
    tracing::warn!(connections = ended.len(), "ended the connections of a node whose lease has run out");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_cannot_say_whether_it_may_send_waits_until_it_can() {
        let long = Duration::from_secs(60);
        let stale = || Arc::new(Lease::new(Holder(1), 1, long, Rights::new(now() - 1_000, long), 1));
        for settle in [
            |lease: &Lease| lease.rights.send_modify(|rights| rights.proved(now() + 60_000)),
            Lease::lose,
            |lease: &Lease| {
                lease.turn(Ownership::Held, Ownership::Muted);
                lease.rights.send_modify(|_| ());
            },
        ] {
            let lease = stale();
            assert!(lease.lasts() && !lease.may_send());
            let mut waiting = tokio::task::JoinSet::new();
            waiting.spawn(lease.clone().certain());
            tokio::task::yield_now().await;
            assert!(waiting.try_join_next().is_none());
            settle(&lease);
            waiting.join_all().await;
        }
    }
}
