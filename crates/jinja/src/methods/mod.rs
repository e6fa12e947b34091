//! Methods of Python's values: which there are, and calling them.

mod dict;
mod given;
mod list;
mod number;
mod text;
mod text_case;
mod text_code;
mod text_is;
mod text_split;

use minijinja::{Error, ErrorKind, State};

use super::raise::{blame_with, undefined};
use super::value::{Val, View, has_method, type_name, view};

pub(crate) use given::{Given, int as whole, place, size, with_keywords};
pub(crate) use text_case::{capitalize, title_words};
pub(crate) use text_split::replace;

/// `value.name(args)`
///
/// # Errors
/// There is no such method, or it fails.
pub(crate) fn call(state: &mut State<'_, '_>, value: &Val, name: &str, args: &[Val]) -> Result<Val, Error> {
    call_checked(state, value, name, args).map_err(|err| {
        let given = Given::new(name, args);
        blame_with(err, std::iter::once(value).chain(given.positional), given.named())
    })
}

fn call_checked(state: &mut State<'_, '_>, value: &Val, name: &str, args: &[Val]) -> Result<Val, Error> {
    if value.is_undefined() {
        return Err(undefined(format!("has no method '{name}'")));
    }
    if !has_method(value, name) {
        return Err(Error::new(
            ErrorKind::UnknownMethod,
            format!("'{}' object has no method '{name}'", type_name(value)),
        ));
    }
    let given = Given::new(name, args);
    match view(value) {
        View::Str(_) => text::call(state, value, &given),
        View::Bytes(bytes) => text_code::decode(state, bytes, &given),
        View::List(_) | View::Tuple(_) | View::Range(_) => list::call(state, value, &given),
        View::Dict(_) | View::Entries(_) => dict::call(state, value, &given),
        _ => number::call(state, value, &given),
    }
}
