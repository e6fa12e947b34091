//! Jinja2's tests (`is …`), under their names.

use minijinja::{Error, State};

use super::raise::error;
use super::value::{BoundMethod, Global, Joiner, Num, Val, View, is_same, number_of, view};
use super::{filters, ops};

/// A test: the value and its arguments.
pub(super) type Predicate = fn(&mut State<'_, '_>, &[Val]) -> Result<bool, Error>;

/// All tests with their names.
pub(super) const TABLE: &[(&str, Predicate)] = &[
    ("boolean", |_, a| Ok(matches!(view(first(a)?), View::Bool(_)))),
    ("callable", |_, a| Ok(is_callable(first(a)?))),
    ("defined", |_, a| Ok(!first(a)?.is_undefined())),
    ("undefined", |_, a| Ok(first(a)?.is_undefined())),
    ("divisibleby", divisible),
    ("eq", equals),
    ("equalto", equals),
    ("==", equals),
    ("ne", |s, a| equals(s, a).map(|same| !same)),
    ("!=", |s, a| equals(s, a).map(|same| !same)),
    ("escaped", |_, a| Ok(first(a)?.is_safe())),
    ("even", |s, a| Ok(rest_of_two(s, first(a)?)? == 0.0)),
    ("odd", |s, a| Ok(rest_of_two(s, first(a)?)? == 1.0)),
    ("false", |_, a| Ok(matches!(view(first(a)?), View::Bool(false)))),
    ("true", |_, a| Ok(matches!(view(first(a)?), View::Bool(true)))),
    ("filter", |_, a| Ok(first(a)?.as_str().is_some_and(filters::is_known))),
    ("test", |_, a| Ok(first(a)?.as_str().is_some_and(is_known))),
    ("float", |_, a| Ok(matches!(view(first(a)?), View::Float(_)))),
    ("integer", |_, a| Ok(matches!(view(first(a)?), View::Int(_) | View::Big(_)))),
    ("number", |_, a| Ok(number_of(first(a)?).is_some())),
    ("string", |_, a| Ok(first(a)?.as_str().is_some())),
    ("mapping", |_, a| Ok(matches!(view(first(a)?), View::Dict(_)))),
    ("iterable", |_, a| Ok(is_iterable(first(a)?))),
    ("sequence", |_, a| Ok(is_sequence(first(a)?))),
    ("none", |_, a| Ok(first(a)?.is_none())),
    ("in", |s, a| {
        let [needle, haystack] = two(a)?;
        ops::contains(s, haystack, needle)
    }),
    ("ge", |s, a| compare(s, ">=", a)),
    (">=", |s, a| compare(s, ">=", a)),
    ("gt", |s, a| compare(s, ">", a)),
    ("greaterthan", |s, a| compare(s, ">", a)),
    (">", |s, a| compare(s, ">", a)),
    ("le", |s, a| compare(s, "<=", a)),
    ("<=", |s, a| compare(s, "<=", a)),
    ("lt", |s, a| compare(s, "<", a)),
    ("lessthan", |s, a| compare(s, "<", a)),
    ("<", |s, a| compare(s, "<", a)),
    ("lower", |s, a| {
        let shown = ops::text_of(s, first(a)?)?;
        Ok(one_case(&shown, char::is_lowercase))
    }),
    ("upper", |s, a| {
        let shown = ops::text_of(s, first(a)?)?;
        Ok(one_case(&shown, char::is_uppercase))
    }),
    ("sameas", |s, a| {
        let [a, b] = two(a)?;
        ops::charge_value(s, a)?;
        Ok(is_identical(a, b))
    }),
];

/// Whether a test of that name exists.
pub(super) fn is_known(name: &str) -> bool {
    TABLE.iter().any(|(known, _)| *known == name)
}

fn first(args: &[Val]) -> Result<&Val, Error> {
    match args {
        [value] => Ok(value),
        _ => Err(error("a test takes no arguments")),
    }
}

fn two(args: &[Val]) -> Result<[&Val; 2], Error> {
    match args {
        [a, b] => Ok([a, b]),
        _ => Err(error("a test takes one argument")),
    }
}

fn equals(state: &mut State<'_, '_>, args: &[Val]) -> Result<bool, Error> {
    let [a, b] = two(args)?;
    ops::equal(state, a, b)
}

fn compare(state: &State<'_, '_>, op: &str, args: &[Val]) -> Result<bool, Error> {
    let [a, b] = two(args)?;
    ops::less(state, op, a, b)
}

fn divisible(state: &mut State<'_, '_>, args: &[Val]) -> Result<bool, Error> {
    let [value, by] = two(args)?;
    let rest = ops::arithmetic(state, "%", value, by)?;
    Ok(!rest.is_true())
}

fn rest_of_two(state: &State<'_, '_>, value: &Val) -> Result<f64, Error> {
    let rest = ops::arithmetic(state, "%", value, &Val::from(2))?;
    match number_of(&rest) {
        Some(Num::Int(n)) => Ok(if n == 0 { 0.0 } else { 1.0 }),
        Some(Num::Float(x)) => Ok(x),
        _ => Ok(f64::NAN),
    }
}

fn one_case(shown: &str, test: fn(char) -> bool) -> bool {
    let cased = |c: &char| c.is_lowercase() || c.is_uppercase();
    let mut letters = shown.chars().filter(cased).peekable();
    letters.peek().is_some() && letters.all(test)
}

fn is_callable(value: &Val) -> bool {
    // Jinja2's undefined has a `__call__`, which fails
    if value.is_undefined() {
        return true;
    }
    let Some(object) = value.as_object() else {
        return false;
    };
    let engine = object.type_name();
    object.is::<Global>()
        || object.is::<BoundMethod>()
        || object.is::<Joiner>()
        || engine.ends_with("Macro")
        || engine.ends_with("Loop")
}

fn is_iterable(value: &Val) -> bool {
    match view(value) {
        View::None | View::Bool(_) | View::Int(_) | View::Big(_) | View::Float(_) | View::Namespace(_) => false,
        View::Other => value.as_object().is_some_and(|object| object.type_name().ends_with("Loop")),
        _ => true,
    }
}

/// Python's `sequence` test: it has a length and takes subscripts.
fn is_sequence(value: &Val) -> bool {
    matches!(
        view(value),
        View::Str(_) | View::List(_) | View::Tuple(_) | View::Dict(_) | View::Range(_) | View::Undefined
    )
}

/// Python's `is`, where small values are one object.
fn is_identical(a: &Val, b: &Val) -> bool {
    match (view(a), view(b)) {
        (View::None, View::None) => true,
        (View::Bool(x), View::Bool(y)) => x == y,
        (View::Int(x), View::Int(y)) => x == y,
        (View::Str(x), View::Str(y)) => x == y,
        (View::Float(x), View::Float(y)) => x.to_bits() == y.to_bits(),
        _ => is_same(a, b),
    }
}
