//! Refuses a store of another format: its records would look damaged, or be copied by half.

use crate::embedded::check_format;
use crate::error::{OpenError, StoreError};
use crate::keys;
use crate::kv::{Pair, Span};
use crate::rows;
use crate::rows::meta::IdentityRow;

/// Reads a span of a store, or fails where it is damaged.
pub(super) type Read<'a> = &'a dyn Fn(Span<'_>) -> Result<Vec<Pair>, StoreError>;

/// Refuses the store that `read` reads, if its identity names another format. An identity that
/// cannot be read is left to the check, which reports it.
///
/// # Errors
/// [`OpenError::Format`] names the version to use.
pub(super) fn refuse_other(read: Read<'_>) -> Result<(), OpenError> {
    let key = keys::meta::identity();
    let Ok(found) = read(Span::new(&key, &keys::after(&key), 1)) else { return Ok(()) };
    let Some((_, row)) = found.first() else { return Ok(()) };
    match rows::decode::<IdentityRow>(row, "the identity of the store") {
        Ok(identity) => check_format(&identity),
        Err(_) => Ok(()),
    }
}
