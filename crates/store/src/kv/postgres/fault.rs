//! What PostgreSQL answers when it does not do what it was asked for, in our own words.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::error::{OpenError, StoreError};
use crate::kv::caught;

/// The code that the fence raises: another node has the lease.
pub(super) const FENCED: &str = "TH003";

/// Whether the fence refused a commit.
pub(super) fn is_fenced(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code() == FENCED)
}

/// Whether nobody can say what became of the statement: the connection ended before its answer.
pub(super) fn is_open_ended(error: &Error) -> bool {
    match error.code() {
        // The server ends connections with a word of its own when it stops.
        Some(code) => code.code().starts_with("57P") || code.code().starts_with("08"),
        None => true,
    }
}

/// What an error means for the one who uses the store.
pub(super) fn store(error: &Error) -> StoreError {
    let Some(code) = error.code() else { return unanswered(error) };
    if *code == SqlState::DISK_FULL {
        return StoreError::Full;
    }
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return away("it is a standby, which takes no writes");
    }
    if *code == SqlState::TOO_MANY_CONNECTIONS || *code == SqlState::CONFIGURATION_LIMIT_EXCEEDED {
        return away("it has as many connections as it takes (max_connections)");
    }
    if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
        return away("it did not finish a statement in time");
    }
    if *code == SqlState::OUT_OF_MEMORY || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT {
        return away("it ended a statement");
    }
    if is_open_ended(error) {
        return away("it is starting or stopping");
    }
    caught::refused("PostgreSQL", &error)
}

/// What an error means that is not the database's own.
fn unanswered(error: &Error) -> StoreError {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    match causes.find_map(|cause| cause.downcast_ref::<io::Error>()) {
        Some(cause) if cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            away("its certificate is not trusted, or it speaks no TLS; name its root with sslrootcert=FILE")
        }
        Some(_) => away("it cannot be reached"),
        None if error.is_closed() => away("the connection ended"),
        None => caught::refused("PostgreSQL", &error),
    }
}

/// What an error means for the one who opens the store.
pub(super) fn open(error: &Error) -> OpenError {
    let Some(code) = error.code() else { return OpenError::Store(store(error)) };
    let denied = [
        (SqlState::INVALID_PASSWORD, "it refuses the password"),
        (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "it refuses the user, or connections from here (pg_hba.conf)"),
        (SqlState::INVALID_CATALOG_NAME, "it has no such database"),
        (
            SqlState::INSUFFICIENT_PRIVILEGE,
            "the user lacks a privilege; it must own the schema, or be allowed to create one in the database",
        ),
    ];
    match denied.into_iter().find(|(denial, _)| denial == code) {
        Some((_, why)) => OpenError::Database(why),
        None => OpenError::Store(store(error)),
    }
}

/// The database cannot be used at the moment.
pub(super) fn away(why: &'static str) -> StoreError {
    StoreError::Unavailable(why)
}
