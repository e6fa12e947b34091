//! Jinja2's filters over Python's values.

mod choose;
mod group;
mod html;
mod json;
mod number;
mod pretty;
mod sequence;
mod sort;
mod text;
mod urlize;
mod wrap;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State};

use super::methods::Given;
use super::ops::error;
use super::value::Val;

pub(crate) use html::{escape, strip_tags, unescape};
pub(crate) use sort::{SortKey, sort_values};

/// A filter: the value, and what it was given.
type Own = fn(&mut State<'_, '_>, &Val, &Given<'_>) -> Result<Val, Error>;
type Table = &'static [(&'static str, Own)];

const TABLES: [Table; 9] = [
    text::TABLE,
    html::TABLE,
    urlize::TABLE,
    number::TABLE,
    sequence::TABLE,
    choose::TABLE,
    group::TABLE,
    json::TABLE,
    wrap::TABLE,
];

fn find(name: &str) -> Option<Own> {
    let mut all = TABLES.iter().flat_map(|table| table.iter());
    all.find(|(known, _)| *known == name).map(|(_, own)| *own)
}

/// Puts all filters into `env`.
pub(super) fn register(env: &mut Environment<'static>) {
    for (name, own) in TABLES.iter().flat_map(|table| table.iter().copied()) {
        env.add_filter(name, move |state: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs| match args {
            [value, rest @ ..] => own(state, value, &Given::split(name, rest, kwargs)),
            [] => Err(error(format!("'{name}' needs a value"))),
        });
    }
}

/// The names of all filters.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).map(|(name, _)| *name)
}

/// Whether a filter of that name exists.
pub(super) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// Calls the filter `name`, as `map("name")` does.
pub(super) fn apply(state: &mut State<'_, '_>, name: &str, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    match find(name) {
        Some(own) => own(state, value, given),
        None => Err(error(format!("no filter named '{name}'"))),
    }
}
