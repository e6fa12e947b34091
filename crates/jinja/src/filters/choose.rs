//! `map`, `select`, `reject` and their attribute forms.

use minijinja::{Error, ErrorKind, State};

use super::table::Table;
use crate::lower::test_name;
use crate::methods::{Given, with_keywords};
use crate::ops::{self, Getter, iterate};
use crate::raise::error;
use crate::value::{Generator, Val};

pub(super) const TABLE: Table = &[
    ("map", map),
    ("reject", |s, v, g| choose(s, v, g, Choice { keep: false, attribute: false })),
    ("rejectattr", |s, v, g| choose(s, v, g, Choice { keep: false, attribute: true })),
    ("select", |s, v, g| choose(s, v, g, Choice { keep: true, attribute: false })),
    ("selectattr", |s, v, g| choose(s, v, g, Choice { keep: true, attribute: true })),
];

fn map(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    if !value.is_true() {
        ops::needs_defined(state, value)?;
        return Ok(Generator::value(Vec::new()));
    }
    let attribute = if given.keywords.has("attribute") { Some(given.keywords.get::<Val>("attribute")?) } else { None };
    let mut mapped = Vec::new();
    match (given.positional, attribute) {
        ([], Some(attribute)) => {
            let default = given.keywords.get::<Option<Val>>("default")?;
            given.keywords.assert_all_used().map_err(|_| error("map got an unexpected keyword argument"))?;
            let getter = Getter::new(&attribute, default)?;
            for item in iterate(state, value)? {
                state.consume_fuel(1)?;
                mapped.push(getter.get(state, &item)?);
            }
        }
        ([name, rest @ ..], _) => {
            let name = name.as_str().ok_or_else(|| error("the name of a filter is a string"))?;
            let mut args = vec![Val::UNDEFINED];
            args.extend(with_keywords(rest, given.keywords.clone()));
            for item in iterate(state, value)? {
                state.consume_fuel(2)?;
                args[0] = item;
                mapped.push(apply(state, name, &args)?);
            }
        }
        ([], None) => return Err(error("map requires a filter argument")),
    }
    Ok(Generator::value(mapped))
}

/// Calls the filter `name`. The operators of templates are filters too, which only `lower` names.
fn apply(state: &mut State<'_, '_>, name: &str, args: &[Val]) -> Result<Val, Error> {
    let unknown = || error(format!("no filter named '{name}'"));
    if name.starts_with("__") {
        return Err(unknown());
    }
    state.apply_filter(name, args).map_err(|err| if err.kind() == ErrorKind::UnknownFilter { unknown() } else { err })
}

/// Calls the test `name`, which minijinja knows as `engine_name`.
fn test(state: &mut State<'_, '_>, (name, engine_name): (&str, &str), args: &[Val]) -> Result<bool, Error> {
    state.perform_test(engine_name, args).map_err(|err| match err.kind() {
        ErrorKind::UnknownTest => error(format!("no test named '{name}'")),
        _ => err,
    })
}

/// The items; none of what is false, whether it could be walked or not.
fn if_true(state: &State<'_, '_>, value: &Val) -> Result<Vec<Val>, Error> {
    if value.is_true() { iterate(state, value) } else { ops::needs_defined(state, value).map(|()| Vec::new()) }
}

#[derive(Clone, Copy)]
struct Choice {
    keep: bool,
    attribute: bool,
}

fn choose(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>, choice: Choice) -> Result<Val, Error> {
    let mut args = given.positional;
    let getter = if choice.attribute {
        let [attribute, rest @ ..] = args else {
            return Err(error("Missing parameter for attribute name"));
        };
        args = rest;
        Some(Getter::new(attribute, None)?)
    } else {
        None
    };
    let (named, args) = match args {
        [] => (None, args),
        [name, rest @ ..] => {
            let name = name.as_str().ok_or_else(|| error("the name of a test is a string"))?;
            (Some((name, test_name(name))), rest)
        }
    };
    let mut tested = vec![Val::UNDEFINED];
    tested.extend_from_slice(args);
    let mut kept = Vec::new();
    for item in if_true(state, value)? {
        state.consume_fuel(2)?;
        tested[0] = match &getter {
            Some(getter) => getter.get(state, &item)?,
            None => item.clone(),
        };
        let holds = match &named {
            Some((name, engine_name)) => test(state, (name, engine_name), &tested)?,
            None => tested[0].is_true(),
        };
        if holds == choice.keep {
            kept.push(item);
        }
    }
    Ok(Generator::value(kept))
}
