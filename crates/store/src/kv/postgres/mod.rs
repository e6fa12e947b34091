//! The engine of `postgres://…`: the records are in PostgreSQL, which keeps them, copies them to its
//! standbys and is backed up as one knows it. One node at a time has the [lease] of the database and
//! works as it would with an embedded engine; others wait until it is free.
//!
//! A commit of the store is a transaction that proves the lease first. Where its answer does not
//! arrive, it is made again until it does: it sets keys to values, and nobody else writes, so twice is as
//! good as once.

mod address;
mod fault;
mod lease;
mod links;
#[cfg(test)]
mod model_tests;
mod node;
mod rights;
mod tables;
#[cfg(test)]
mod takeover_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tenterhook_model::Entropy;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, SimpleQueryMessage};

use super::{Batch, Kv, Pair, Span, View};
use crate::error::{OpenError, StoreError};
use crate::keys::Family;
use crate::ownership::Ownership;
use address::Address;
use lease::{Holder, Lease};
use links::{Driver, Link, Links, Role};

pub use node::Node;

/// How long to wait before a commit without an answer is made again.
const AGAIN: Duration = Duration::from_millis(100);
/// What the schemas of demos begin with.
const TRIAL: &str = "tenterhook_demo_";
/// Versions of PostgreSQL below this one are refused; it is in `server_version_num` (140000 is 14.0).
const OLDEST: i32 = 140_000;

/// A store in PostgreSQL.
pub struct PostgresKv {
    driver: Arc<Driver>,
    links: Arc<Links>,
    /// What lets this process write; `None` for one that only looks.
    lease: Option<Arc<Lease>>,
    /// Whether the store is closing, so that nothing may be waited for without end.
    closing: AtomicBool,
}

impl fmt::Debug for PostgresKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresKv({})", self.links.schema())
    }
}

impl PostgresKv {
    /// Opens the database that `url` names, and takes its lease.
    ///
    /// # Errors
    /// [`OpenError::Held`] while another node has the lease; when the URL is wrong, or the database
    /// cannot be reached or used.
    pub fn open(url: &str, node: &Node, entropy: &dyn Entropy) -> Result<Self, OpenError> {
        let mut id = [0; 8];
        entropy.fill(&mut id);
        let holder = Holder(u64::from_be_bytes(id));
        let links = Links::new(Address::parse(url)?.named(&format!("tenterhook {holder}")));
        let (driver, links) = (Arc::new(Driver::start()?), Arc::new(links));
        let (taking, node) = (links.clone(), node.clone());
        let lease = driver.ask(async move {
            let taken = async {
                prepare(&taking).await?;
                Lease::take(&taking, holder, &node).await
            };
            Ok(taken.await)
        });
        let (lease, link) = lease??;
        let lease = Arc::new(lease);
        driver.spawn(lease.clone().keep(links.clone(), link));
        Ok(Self { driver, links, lease: Some(lease), closing: AtomicBool::new(false) })
    }

    /// Opens the database that `url` names for reads only, whoever has its lease; `None` when there is no
    /// store in it. It makes nothing.
    ///
    /// # Errors
    /// When the URL is wrong, or the database cannot be reached or used.
    pub fn look(url: &str) -> Result<Option<Self>, OpenError> {
        let links = Arc::new(Links::new(Address::parse(url)?.named("tenterhook")));
        let driver = Arc::new(Driver::start()?);
        let looking = links.clone();
        let is_made = driver.ask(async move {
            let found = async {
                let link = first_link(&looking).await?;
                refuse_others(&link).await?;
                is_made(&link, looking.schema()).await
            };
            Ok(found.await)
        });
        Ok(is_made??.then(|| Self { driver, links, lease: None, closing: AtomicBool::new(false) }))
    }

    /// Removes the schema that `url` names, if it is one of a demo.
    ///
    /// # Errors
    /// When it is not, or the database cannot be reached or used.
    pub fn remove_trial(url: &str) -> Result<(), OpenError> {
        let address = Address::parse(url)?;
        if !address.schema.starts_with(TRIAL) {
            return Err(OpenError::Database("only the schema of a demo can be removed"));
        }
        let removing = async move {
            let removed = async {
                let link = Link::connect(&address).await?;
                link.client.batch_execute(&format!("drop schema if exists {} cascade", address.schema)).await
            };
            Ok(removed.await.map_err(|error| fault::open(&error)))
        };
        Driver::start()?.ask(removing)?
    }

    /// Asks on the thread of the connections.
    fn read<T, W>(&self, work: impl FnOnce(Arc<Link>, Arc<Links>) -> W + Send + 'static) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Error>> + Send,
    {
        let links = self.links.clone();
        self.driver.ask(async move {
            let link = links.link(Role::Read).await?;
            work(link, links).await.map_err(|error| fault::store(&error))
        })
    }
}

impl Drop for PostgresKv {
    fn drop(&mut self) {
        self.close();
    }
}

/// Makes the tables, unless they are there.
async fn prepare(links: &Links) -> Result<(), OpenError> {
    let (link, schema) = (first_link(links).await?, links.schema());
    refuse_poolers(&link, &*links.link(Role::Lease).await?).await?;
    refuse_others(&link).await?;
    if !is_made(&link, schema).await? {
        // Of nodes that start together, one makes them.
        let text = format!(
            "begin; select pg_advisory_xact_lock(hashtext('tenterhook {schema}')); {} commit;",
            tables::make(schema)
        );
        if let Err(error) = link.client.batch_execute(&text).await {
            // It is refused then in words that say why.
            let _rolled_back = link.client.batch_execute("rollback").await;
            return Err(fault::open(&error));
        }
    }
    complete(&link, schema).await?;
    let layout = link.client.query_one(&format!("select layout from {schema}.lease"), &[]).await;
    let layout: i32 = layout.map_err(|error| fault::open(&error))?.get(0);
    if layout == tables::LAYOUT {
        return Ok(());
    }
    Err(OpenError::Database("its tables are of another version of tenterhook; use that version"))
}

/// A connection of its own, whose refusal is one of who opens the store: only later ones are those of a
/// database that is away.
async fn first_link(links: &Links) -> Result<Link, OpenError> {
    Link::connect(links.address()).await.map_err(|error| fault::open(&error))
}

/// Refuses a server that is too old, or would lose what it has acknowledged.
async fn refuse_others(link: &Link) -> Result<(), OpenError> {
    let text = "select current_setting('server_version_num')::int, current_setting('fsync') = 'on' \
        or current_setting('tenterhook.unsafe', true) = 'on', version() like 'PostgreSQL%'";
    let row = link.client.query_one(text, &[]).await.map_err(|error| fault::open(&error))?;
    let (version, is_safe, is_postgres): (i32, bool, bool) = (row.get(0), row.get(1), row.get(2));
    if !is_postgres || version < OLDEST {
        return Err(OpenError::Database("it is no PostgreSQL of version 14 or later"));
    }
    if !is_safe {
        return Err(OpenError::Database("it runs with fsync = off, and would lose events in a power cut"));
    }
    Ok(())
}

/// Refuses a pooler that gives a connection to another for every transaction: statements and settings of a
/// connection do not last there. Of two connections to PostgreSQL itself each has a process of its own, and keeps it.
async fn refuse_poolers(one: &Link, other: &Link) -> Result<(), OpenError> {
    // Without numbers of processes it is no PostgreSQL, which is found out next.
    let process = async |link: &Link, text: &str| -> Result<i32, OpenError> {
        let rows = link.client.simple_query(text).await.map_err(|error| fault::open(&error))?;
        let first = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        Ok(first.unwrap_or_default())
    };
    let before = process(one, "select pg_backend_pid()").await?;
    // Within a transaction, a pooler holds on to the process that it gives.
    let held = process(other, "begin; select pg_backend_pid()").await?;
    let after = if held == before { held } else { process(one, "select pg_backend_pid()").await? };
    other.client.batch_execute("rollback").await.map_err(|error| fault::open(&error))?;
    if before > 0 && (held == before || after != before) {
        return Err(OpenError::Database(
            "a pooler is in front of it that shares connections between transactions (pool_mode = transaction); connect to PostgreSQL itself, or let it pool sessions",
        ));
    }
    Ok(())
}

/// Adds what the tables of earlier versions lack. Nodes of those versions go on with them as before.
async fn complete(link: &Link, schema: &str) -> Result<(), OpenError> {
    let missing = link.client.query_one(&tables::missing(), &[&format!("{schema}.lease")]).await;
    if missing.map_err(|error| fault::open(&error))?.get::<_, i64>(0) == 0 {
        return Ok(());
    }
    link.client.batch_execute(&tables::complete(schema)).await.map_err(|error| fault::open(&error))
}

/// Whether the tables are there.
async fn is_made(link: &Link, schema: &str) -> Result<bool, OpenError> {
    let found = link.client.query_one("select to_regclass($1) is not null", &[&format!("{schema}.lease")]).await;
    Ok(found.map_err(|error| fault::open(&error))?.get(0))
}

impl Kv for PostgresKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let Some(family) = tables::family_of(key) else { return Ok(None) };
        let key = key.to_vec();
        self.read(move |link, links| async move {
            let text = format!("select value from {}.{} where key = $1", links.schema(), tables::name(family));
            let row = link.client.query_opt(&link.prepared(&text).await?, &[&key]).await?;
            Ok(row.map(|row| value(&row, 0)))
        })
    }

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut by_family: BTreeMap<Family, Vec<(usize, Vec<u8>)>> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            if let Some(family) = tables::family_of(key) {
                by_family.entry(family).or_default().push((at, key.clone()));
            }
        }
        let mut values = vec![None; keys.len()];
        if by_family.is_empty() {
            return Ok(values);
        }
        self.read(move |link, links| async move {
            for (family, keys) in by_family {
                let text = format!(
                    "select k.at, t.value from unnest($1::bytea[]) with ordinality as k(key, at) join {}.{} t using (key)",
                    links.schema(),
                    tables::name(family)
                );
                let wanted: Vec<&[u8]> = keys.iter().map(|(_, key)| key.as_slice()).collect();
                for row in link.client.query(&link.prepared(&text).await?, &[&wanted]).await? {
                    let at = row.get::<_, i64>(0) as usize - 1;
                    values[keys[at].0] = Some(value(&row, 1));
                }
            }
            Ok(values)
        })
    }

    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        let span = Wanted::from(span);
        self.read(move |link, links| async move { range(&link, links.schema(), span).await })
    }

    fn view(&self) -> Result<Box<dyn View>, StoreError> {
        let links = self.links.clone();
        let link = self.driver.ask(async move {
            let connected = async {
                let link = Link::connect(links.address()).await?;
                let text = "set idle_in_transaction_session_timeout = 0; \
                    begin isolation level repeatable read read only; select 1";
                link.client.batch_execute(text).await?;
                Ok(link)
            };
            connected.await.map_err(|error| fault::store(&error))
        })?;
        let schema = self.links.schema().to_owned();
        Ok(Box::new(Snapshot { driver: self.driver.clone(), link: Arc::new(link), schema }))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let Some(lease) = &self.lease else { return Err(fault::away("it was opened for reads only")) };
        let writes = Arc::new(Writes::of(&batch));
        let (links, proof) = (self.links.clone(), lease.proof());
        let (first, retried) = (writes.clone(), proof.clone());
        let mut tried = self.driver.ask(async move { write(&links, &proof, &first).await });
        let mut is_open_ended = false;
        loop {
            match tried {
                Ok(Tried::Written) => return Ok(()),
                Ok(Tried::Fenced) => {
                    lease.lose();
                    // It was, for this process: nobody waits for it to get better.
                    return Err(StoreError::Closed);
                }
                Ok(Tried::Unanswered) => is_open_ended = true,
                Err(error) if !is_open_ended => return Err(error),
                Err(_again) => {}
            }
            if self.closing.load(Ordering::Acquire) {
                return Err(StoreError::Stopped("the database did not answer the last commit".into()));
            }
            // Memory must not go on without it: it may have been made.
            let (links, proof, writes) = (self.links.clone(), retried.clone(), writes.clone());
            tried = self.driver.ask(async move {
                sleep(AGAIN).await;
                write(&links, &proof, &writes).await
            });
        }
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.read(move |link, links| async move {
            link.client.batch_execute("set statement_timeout = 0").await?;
            for family in Family::ALL {
                let text = format!("vacuum full analyze {}.{}", links.schema(), tables::name(family));
                link.client.batch_execute(&text).await?;
            }
            link.client.batch_execute("set statement_timeout = '10s'").await
        })
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.read(move |link, links| async move {
            let text = "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 from pg_class c \
                join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'r'";
            let row = link.client.query_one(text, &[&links.schema()]).await?;
            Ok(row.get::<_, i64>(0) as u64)
        })
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn may_send(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.may_send())
    }

    fn certain(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self.lease.clone() {
            Some(lease) => Box::pin(lease.certain()),
            None => Box::pin(ready(())),
        }
    }

    fn ownership(&self) -> watch::Receiver<Ownership> {
        self.lease.as_ref().map_or_else(|| watch::Sender::new(Ownership::Lost).subscribe(), |lease| lease.ownership())
    }

    fn closing(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn close(&self) {
        let Some(lease) = self.lease.clone().filter(|lease| lease.lasts()) else { return };
        let links = self.links.clone();
        let given_up = self.driver.ask(async move { lease.give_up(&links).await });
        if let Err(error) = given_up {
            tracing::warn!(%error, "the lease was not given up: the next node waits until it has run out");
        }
    }
}

/// A span whose keys are its own.
struct Wanted {
    from: Vec<u8>,
    to: Vec<u8>,
    limit: usize,
    reverse: bool,
}

impl From<Span<'_>> for Wanted {
    fn from(Span { from, to, limit, reverse }: Span<'_>) -> Self {
        Self { from: from.to_vec(), to: to.to_vec(), limit, reverse }
    }
}

async fn range(link: &Link, schema: &str, span: Wanted) -> Result<Vec<Pair>, Error> {
    let mut parts = tables::parts(&span.from, &span.to);
    if span.reverse {
        parts.reverse();
    }
    let mut pairs = Vec::new();
    for (family, from, to) in parts {
        let left = span.limit - pairs.len();
        if left == 0 {
            break;
        }
        let (name, order) = (tables::name(family), if span.reverse { "desc" } else { "asc" });
        let text = format!(
            "select key, value from {schema}.{name} where key >= $1 and key < $2 order by key {order} limit $3"
        );
        let limit = i64::try_from(left).unwrap_or(i64::MAX);
        let rows = link.client.query(&link.prepared(&text).await?, &[&from, &to, &limit]).await?;
        pairs.extend(rows.iter().map(|row| (value(row, 0), value(row, 1))));
    }
    Ok(pairs)
}

fn value(row: &Row, column: usize) -> Bytes {
    Bytes::from(row.get::<_, Vec<u8>>(column))
}

/// The pairs as they were when a transaction began.
struct Snapshot {
    driver: Arc<Driver>,
    link: Arc<Link>,
    schema: String,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({})", self.schema)
    }
}

impl View for Snapshot {
    fn range(&self, span: Span<'_>) -> Result<Vec<Pair>, StoreError> {
        let (link, schema, span) = (self.link.clone(), self.schema.clone(), Wanted::from(span));
        self.driver.ask(async move { range(&link, &schema, span).await.map_err(|error| fault::store(&error)) })
    }
}

/// What a batch does to one table.
#[derive(Default)]
struct Changes {
    deleted: Vec<Bytes>,
    keys: Vec<Bytes>,
    values: Vec<Bytes>,
}

/// What a batch does, by table.
struct Writes(BTreeMap<Family, Changes>);

impl Writes {
    fn of(batch: &Batch) -> Self {
        let mut by_family: BTreeMap<Family, Changes> = BTreeMap::new();
        for (key, value) in batch.iter() {
            let family = tables::family_of(key).expect("every key is made by the file of its family");
            let changes = by_family.entry(family).or_default();
            match value {
                Some(value) => {
                    changes.keys.push(key.clone());
                    changes.values.push(value.clone());
                }
                None => changes.deleted.push(key.clone()),
            }
        }
        Self(by_family)
    }
}

/// What became of a commit.
enum Tried {
    Written,
    /// Another node has the lease; nothing was written.
    Fenced,
    /// All of it was written, or nothing.
    Unanswered,
}

/// Makes a commit in one round trip.
///
/// # Errors
/// Only when nothing was written.
async fn write(links: &Links, proof: &(String, i64), writes: &Writes) -> Result<Tried, StoreError> {
    type Step<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;
    let link = links.link(Role::Write).await?;
    let (client, schema) = (&link.client, links.schema());
    let prepared = async |text: String| link.prepared(&text).await.map_err(|error| fault::store(&error));
    let fence = prepared(lease::fence(schema)).await?;
    let mut steps: Vec<Step<'_>> = vec![Box::pin(client.batch_execute("begin"))];
    steps.push(Box::pin(async move { client.query_one(&fence, &[&proof.0, &proof.1]).await.map(drop) }));
    for (family, Changes { deleted, keys, values }) in &writes.0 {
        let name = tables::name(*family);
        if !deleted.is_empty() {
            let text = format!("delete from {schema}.{name} where key = any($1::bytea[])");
            let statement = prepared(text).await?;
            steps.push(Box::pin(async move { client.execute(&statement, &[&slices(deleted)]).await.map(drop) }));
        }
        if !keys.is_empty() {
            let text = format!(
                "insert into {schema}.{name} (key, value) select * from unnest($1::bytea[], $2::bytea[]) \
                 on conflict (key) do update set value = excluded.value"
            );
            let statement = prepared(text).await?;
            steps.push(Box::pin(async move {
                let (keys, values) = (slices(keys), slices(values));
                let columns: [&(dyn ToSql + Sync); 2] = [&keys, &values];
                client.execute(&statement, &columns).await.map(drop)
            }));
        }
    }
    steps.push(Box::pin(client.batch_execute("commit")));
    let answers = together(steps).await;
    let Some(error) = answers.into_iter().find_map(Result::err) else { return Ok(Tried::Written) };
    if fault::is_fenced(&error) {
        return Ok(Tried::Fenced);
    }
    if fault::is_open_ended(&error) {
        return Ok(Tried::Unanswered);
    }
    // A statement was refused, and so the commit after it was none.
    Err(fault::store(&error))
}

fn slices(bytes: &[Bytes]) -> Vec<&[u8]> {
    bytes.iter().map(AsRef::as_ref).collect()
}

/// Begins all in their order before the first has ended, and waits for all.
async fn together<'a, T>(mut steps: Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = steps.iter().map(|_| None).collect();
    poll_fn(move |context| {
        let mut all = true;
        for (step, answer) in steps.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match step.as_mut().poll(context) {
                    Poll::Ready(value) => *answer = Some(value),
                    Poll::Pending => all = false,
                }
            }
        }
        if !all {
            return Poll::Pending;
        }
        let all: Vec<T> = answers.iter_mut().filter_map(Option::take).collect();
        assert_eq!(all.len(), steps.len(), "a step without an answer may be the one that was refused");
        Poll::Ready(all)
    })
    .await
}
