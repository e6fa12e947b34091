//! Jinja2's global functions: `range`, `dict`, `namespace`, `cycler`,
//! `joiner`.

use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State};
use tenterhook_model::limits;

use super::methods::whole as bound;
use super::ops::entries_from;
use super::raise::{error, limit};
use super::value::{
    Call, Cycler, Dict, Entries, Global, Joiner, Key, Namespace, Range, TemplateReference, Val, View, text, view,
};

/// Names of all global functions.
pub(super) const NAMES: [&str; 6] = ["range", "dict", "namespace", "cycler", "joiner", "lipsum"];

/// Numbers in a range at most (Jinja2's `MAX_RANGE`).
const RANGE_MAX: u64 = limits::TEMPLATE_RANGE;

/// Puts the functions into `env`.
pub(super) fn register(env: &mut Environment<'static>) {
    let functions: [(&str, &str, Call); 6] = [
        ("range", "<class 'range'>", range),
        ("dict", "<class 'dict'>", dict),
        ("namespace", "<class 'jinja2.utils.Namespace'>", namespace),
        ("cycler", "<class 'jinja2.utils.Cycler'>", cycler),
        ("joiner", "<class 'jinja2.utils.Joiner'>", joiner),
        ("lipsum", "<function generate_lorem_ipsum>", lipsum),
    ];
    debug_assert!(functions.iter().all(|(name, ..)| NAMES.contains(name)), "every global is checked by its name");
    for (name, shown, call) in functions {
        env.add_global(name, Val::from_object(Global { name, shown, call }));
    }
    env.add_global("__th_self", Val::from_object(TemplateReference));
}

/// Jinja2's makes random text, which no two attempts would send alike.
fn lipsum(_: &mut State<'_, '_>, _: &[Val], _: Kwargs) -> Result<Val, Error> {
    Err(error("lipsum makes random text and is not available"))
}

fn range(_: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs) -> Result<Val, Error> {
    if kwargs.args().next().is_some() {
        return Err(error("range() takes no keyword arguments"));
    }
    let (start, stop, step) = match args {
        [stop] => (0, bound(stop)?, 1),
        [start, stop] => (bound(start)?, bound(stop)?, 1),
        [start, stop, step] => (bound(start)?, bound(stop)?, bound(step)?),
        _ => return Err(error("range expected 1 to 3 arguments")),
    };
    if step == 0 {
        return Err(error("range() arg 3 must not be zero"));
    }
    // with one end beyond 64 bits it is empty or too big all the same; with both nothing is known
    if args.len() > 1 && args[..2].iter().all(is_beyond) {
        return Err(limit("a range is too big"));
    }
    let range = Range { start, stop, step };
    if range.len() > RANGE_MAX {
        return Err(limit(format!("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({RANGE_MAX}).")));
    }
    Ok(Val::from_object(range))
}

fn is_beyond(bound: &Val) -> bool {
    match view(bound) {
        View::Int(n) => i64::try_from(n).is_err(),
        View::Big(_) => true,
        _ => false,
    }
}

fn dict(state: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs) -> Result<Val, Error> {
    let mut entries = match args {
        [] => Entries::default(),
        [from] => entries_from(state, from)?,
        _ => return Err(error("dict expected at most 1 argument")),
    };
    for name in kwargs.args() {
        entries.insert(Key(text(name)), kwargs.get(name)?);
    }
    Ok(Dict::value(entries))
}

fn namespace(state: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs) -> Result<Val, Error> {
    let mut members: Vec<(Arc<str>, Val)> = Vec::new();
    let from = match args {
        [] => Entries::default(),
        [from] => entries_from(state, from)?,
        _ => return Err(error("namespace expected at most 1 argument")),
    };
    for (name, value) in from {
        // a key that is no string is no name, so nothing can ask for it
        if let Some(name) = name.0.as_str() {
            members.push((name.into(), value));
        }
    }
    for name in kwargs.args() {
        let value: Val = kwargs.get(name)?;
        match members.iter_mut().find(|(known, _)| &**known == name) {
            Some((_, slot)) => *slot = value,
            None => members.push((name.into(), value)),
        }
    }
    Ok(Namespace::value(members))
}

fn cycler(_: &mut State<'_, '_>, args: &[Val], _: Kwargs) -> Result<Val, Error> {
    if args.is_empty() {
        return Err(error("at least one item has to be provided"));
    }
    Ok(Cycler::value(args.to_vec()))
}

fn joiner(_: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs) -> Result<Val, Error> {
    let separator = match args {
        [] => kwargs.get::<Option<Val>>("sep")?.unwrap_or_else(|| text(", ")),
        [separator] => separator.clone(),
        _ => return Err(error("joiner expected at most 1 argument")),
    };
    kwargs.assert_all_used()?;
    Ok(Joiner::value(separator))
}
