//! What a filter is, and the tables that the files of filters are.

use minijinja::{Error, State};

use crate::methods::Given;
use crate::value::Val;

/// A filter: the value, and what it was given.
pub(super) type Own = fn(&mut State<'_, '_>, &Val, &Given<'_>) -> Result<Val, Error>;

/// Filters by name.
pub(super) type Table = &'static [(&'static str, Own)];
