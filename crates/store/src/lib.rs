//! What is true: webhooks, events, deliveries, the due queue and the journal.
//!
//! What the service needs of a store is in the file `roles`: the intake publishes, the dispatcher
//! claims and settles, the API reads and administers, tasks of the server maintain and observe.
//! Every write returns only when it is on stable storage, and whatever gathered while one commit
//! ran goes into the next, under one fsync.

mod backup;
/// Check, make smaller and move a store that no server has open.
pub mod care;
mod carried;
mod counts;
mod embedded;
mod error;
mod form;
/// Bodies of fuzz targets.
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod inbox;
mod keys;
mod kv;
mod ledger;
mod lock;
mod open;
mod ownership;
mod query;
mod queue;
mod record;
mod roles;
mod rows;
mod seal;
mod stats;
mod tail;
#[cfg(test)]
mod tests;

pub use backup::Backup;
pub use carried::Carrier;
pub use embedded::{CommitObserver, EmbeddedStore, Reads, StoreOptions, Writer};
pub use error::{OpenError, SaveError, StoreError, TokenError};
pub use kv::{Batch, Kv, MemoryKv, Node, Pair, PostgresKv, RedbKv, SledKv, Span, View, is_inside_engine};
pub use open::{check_url, exists, folder, open, probe, remove_trial, shown_url};
pub use ownership::Ownership;
pub use query::{Change, ChangePage, DeliveryQuery, EventQuery, JournalSpan, Page, Sequence, Topic};
pub use record::{
    Claim, Expect, Expired, NewEvent, Notice, NoticeId, Published, Redrive, SavedWebhook, Settled, Settlement,
    TokenSet, Trigger, WebhookChange, WebhookSet,
};
pub use roles::{
    Administering, Announcing, Copying, Dispatching, Maintaining, Observing, Publishing, Reading, Serving, Store,
    Tokens, Webhooks,
};
pub use rows::Time as CarriedTime;
pub use seal::SealingKey;
pub use stats::{Backlog, DeliveryStats, FailedAttempts, Gauges, Latencies, StatsBucket, StatsQuery, Waits};
