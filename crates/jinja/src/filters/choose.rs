//! `map`, `select`, `reject` and their attribute forms.

use minijinja::{Error, State};

use super::{Table, apply};
use crate::methods::Given;
use crate::ops::{self, error, iterate};
use crate::predicates;
use crate::value::{Generator, Val, text};

pub(super) const TABLE: Table = &[
    ("map", map),
    ("reject", |s, v, g| choose(s, v, g, Choice { keep: false, attribute: false })),
    ("rejectattr", |s, v, g| choose(s, v, g, Choice { keep: false, attribute: true })),
    ("select", |s, v, g| choose(s, v, g, Choice { keep: true, attribute: false })),
    ("selectattr", |s, v, g| choose(s, v, g, Choice { keep: true, attribute: true })),
];

/// Looks up an attribute path, as Jinja2's `make_attrgetter`.
pub(super) struct Getter {
    parts: Vec<Val>,
    default: Option<Val>,
}

impl Getter {
    /// A path such as `a.b.0`, or a whole number.
    pub(super) fn new(attribute: &Val, default: Option<Val>) -> Self {
        let parts = match attribute.as_str() {
            Some(path) => path.split('.').map(part).collect(),
            None => vec![attribute.clone()],
        };
        let default = default.filter(|default| !default.is_none());
        Self { parts, default }
    }

    /// Paths separated by commas, as `sort(attribute="a,b")` takes them.
    pub(super) fn several(attribute: Option<&Val>) -> Vec<Self> {
        match attribute {
            None => Vec::new(),
            Some(attribute) if attribute.is_none() => Vec::new(),
            Some(attribute) => match attribute.as_str() {
                Some(paths) => paths.split(',').map(|path| Self::new(&text(path), None)).collect(),
                None => vec![Self::new(attribute, None)],
            },
        }
    }

    /// The value at the path in `item`.
    pub(super) fn get(&self, state: &State<'_, '_>, item: &Val) -> Result<Val, Error> {
        let mut found = item.clone();
        for part in &self.parts {
            found = ops::item(state, &found, part)?;
            if found.is_undefined()
                && let Some(default) = &self.default
            {
                found = default.clone();
            }
        }
        Ok(found)
    }
}

fn part(name: &str) -> Val {
    let digits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    match name.parse::<i64>() {
        Ok(index) if digits => Val::from(index),
        _ => text(name),
    }
}

fn map(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    if !value.is_true() {
        ops::needs_defined(state, value)?;
        return Ok(Generator::value(Vec::new()));
    }
    let attribute = given.keywords.get::<Option<Val>>("attribute")?;
    let mut mapped = Vec::new();
    match (given.positional, attribute) {
        ([], Some(attribute)) => {
            let default = given.keywords.get::<Option<Val>>("default")?;
            given.keywords.assert_all_used().map_err(|_| error("map got an unexpected keyword argument"))?;
            let getter = Getter::new(&attribute, default);
            for item in iterate(state, value)? {
                state.consume_fuel(1)?;
                mapped.push(getter.get(state, &item)?);
            }
        }
        ([name, rest @ ..], _) => {
            let name = name.as_str().ok_or_else(|| error("the name of a filter is a string"))?;
            for item in iterate(state, value)? {
                state.consume_fuel(2)?;
                let inner = Given::split(name, rest, given.keywords.clone());
                mapped.push(apply(state, name, &item, &inner)?);
            }
        }
        ([], None) => return Err(error("map requires a filter argument")),
    }
    Ok(Generator::value(mapped))
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
        Some(Getter::new(attribute, None))
    } else {
        None
    };
    let (test, args) = match args {
        [] => (None, args),
        [name, rest @ ..] => {
            let name = name.as_str().ok_or_else(|| error("the name of a test is a string"))?;
            (Some(name), rest)
        }
    };
    let mut kept = Vec::new();
    for item in if_true(state, value)? {
        state.consume_fuel(2)?;
        let tested = match &getter {
            Some(getter) => getter.get(state, &item)?,
            None => item.clone(),
        };
        let holds = match test {
            Some(name) => predicates::apply(state, name, &tested, args)?,
            None => tested.is_true(),
        };
        if holds == choice.keep {
            kept.push(item);
        }
    }
    Ok(Generator::value(kept))
}
