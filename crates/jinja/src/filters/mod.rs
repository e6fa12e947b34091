//! Jinja2's filters over Python's values.

mod choose;
mod env;
mod group;
mod html;
mod json;
mod number;
mod pretty;
mod sequence;
mod table;
mod text;
mod urlize;
mod wrap;

use minijinja::value::Kwargs;
use minijinja::{Environment, State};

use super::methods::Given;
use super::raise::{blame_with, error};
use super::value::Val;

use table::Table;

pub use env::ENVIRONMENT_ERROR;
pub(super) use env::{ENV, Hidden, VARIABLES};

const TABLES: [Table; 10] = [
    text::TABLE,
    html::TABLE,
    urlize::TABLE,
    number::TABLE,
    sequence::TABLE,
    choose::TABLE,
    group::TABLE,
    json::TABLE,
    wrap::TABLE,
    env::TABLE,
];

/// Puts all filters into `env`.
pub(super) fn register(env: &mut Environment<'static>) {
    for (name, own) in TABLES.iter().flat_map(|table| table.iter().copied()) {
        env.add_filter(name, move |state: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs| match args {
            [value, rest @ ..] => {
                let given = Given::split(name, rest, kwargs);
                own(state, value, &given).map_err(|err| blame_with(err, args, given.named()))
            }
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
    TABLES.iter().flat_map(|table| table.iter()).any(|(known, _)| *known == name)
}
