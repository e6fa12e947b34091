//! What can go wrong in a store, told apart by what the caller can do about it.

use std::time::Duration;

use tenterhook_model::{EventId, Timestamp, WebhookId};
use thiserror::Error;

/// Why a store did not do what it was asked for.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// Too much waits for the disk already; come back later.
    #[error("the store has more waiting than it takes on; try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The disk is full: events are refused, deliveries go on.
    #[error("the disk is full; free some space or shorten --retention")]
    Full,
    /// Another event was published under the id.
    #[error("another event was published under the id {id}")]
    EventConflict {
        /// The id.
        id: EventId,
        /// Its place among the events that were handed in.
        index: usize,
    },
    /// The changes that were asked for are no longer kept.
    #[error("the changes after this point are no longer kept")]
    Expired {
        /// When the oldest change that is kept happened, if one is.
        oldest: Option<Timestamp>,
    },
    /// The store was closed; nothing was done.
    #[error("the store is closed")]
    Closed,
    /// What is on the disk is not what was written.
    #[error(
        "the store is damaged: {0}; restore a backup, or see `tenterhook store check` and `store export --salvage`"
    )]
    Damaged(String),
    /// The engine cannot show a reader the store as it was at one moment.
    #[error(
        "a store of the engine {0} cannot be copied while it is in use; stop the server and use `tenterhook store export`"
    )]
    NoViews(&'static str),
    /// The database cannot be reached or used now.
    #[error("the database cannot be used now: {0}; this passes when it can, and nothing is lost")]
    Unavailable(&'static str),
    /// The engine works again only after a restart.
    #[error("the store has stopped: {0}; restart the server")]
    Stopped(String),
    /// The disk or the engine failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Why a webhook was not saved.
#[derive(Debug, Clone, Error)]
pub enum SaveError {
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    NotFound(WebhookId),
    /// It is not at the revision that the caller expected.
    #[error("the webhook has changed since it was read")]
    Changed {
        /// The etag that it has now.
        etag: String,
    },
    /// Another webhook of the namespace has the display name.
    #[error("the webhook {0} has this display name already")]
    NameTaken(WebhookId),
    /// The namespace has as many webhooks as it may have.
    #[error("the namespace has {0} webhooks, which is the limit")]
    TooMany(usize),
    /// The request id was used before, for something else.
    #[error("another request was made under this request id")]
    RequestConflict,
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an access token was not stored.
#[derive(Debug, Clone, Error)]
pub enum TokenError {
    /// The namespace has as many tokens as it may have.
    #[error("the namespace has {0} access tokens, which is the limit")]
    TooMany(usize),
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a store was not opened.
#[derive(Debug, Clone, Error)]
pub enum OpenError {
    /// The text does not name a kind of store.
    #[error("`{0}` is not a store URL; give redb:DIR, sled:DIR, postgres://USER@HOST/DATABASE or memory:")]
    Unknown(String),
    /// The URL of a database is wrong.
    #[error("the URL of the database is wrong: {0}")]
    Address(&'static str),
    /// The database is no place for a store.
    #[error("the database cannot be used: {0}")]
    Database(&'static str),
    /// Another node has the lease of the database.
    #[error("the node `{node}` has the database; its lease ends in {} s unless it is renewed", left.as_secs())]
    Held {
        /// What the other node is called.
        node: String,
        /// When its lease ends, unless it is renewed.
        left: Duration,
        /// Counts the nodes that have had the database: another number is another node, or another life of one.
        epoch: u64,
        /// Where the other nodes reach it, if it has said so.
        address: Option<String>,
    },
    /// The path is not a directory, or it cannot be made.
    #[error("{path} is not a directory that the store can use: {reason}")]
    Directory {
        /// The path.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Something else is in the place of a file of the store.
    #[error("{path} is a file of the store, but it {reason}; put the file back, or restore a backup")]
    File {
        /// The path of the file.
        path: String,
        /// What it is instead.
        reason: &'static str,
    },
    /// Another process has the store open.
    #[error("{0} is in use by another process; stop that one first")]
    Locked(String),
    /// The directory holds a store of the other engine.
    #[error("{path} holds a {found} store; open it as {found}:{path}, or move it with `tenterhook store export`")]
    OtherEngine {
        /// The directory.
        path: String,
        /// The engine that made what is there.
        found: &'static str,
    },
    /// There is no store.
    #[error("there is no store at {0}")]
    Missing(String),
    /// There is a store already.
    #[error("{0} is not empty; import into a new directory")]
    NotEmpty(String),
    /// What was to be imported is no whole export.
    #[error("{0}; nothing was imported: give another copy of the export or backup")]
    Export(String),
    /// What is there is no store of this program.
    #[error("the store holds records of another program")]
    Foreign,
    /// The store has the format of a later version.
    #[error(
        "the store has format {found}, written by version {version}; this version reads format {known}: use version {version} or a later one"
    )]
    Format {
        /// The format of the store.
        found: u32,
        /// The format that this version reads.
        known: u32,
        /// The version that wrote it.
        version: String,
    },
    /// The secrets were sealed with another key.
    #[error("the store was made with another sealing key; give the right one with --sealing-key-file")]
    SealingKey,
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
