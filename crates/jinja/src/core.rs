//! The filters that lowering writes: Python's operators, subscripts, literals.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr};
use minijinja::{Environment, Error, State};
use num_bigint::BigInt;

use super::methods::with_keywords;
use super::raise::{blame, error, undefined};
use super::value::{Dict, Entries, Key, List, Tuple, Val, View, from_big, text, type_name, view};
use super::{format, ops};

/// Text of the template itself, printed as it is in every mode.
#[derive(Debug)]
pub(super) struct Verbatim(pub(super) Arc<str>);

impl Object for Verbatim {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Outcome = Result<Val, Error>;

/// Puts the filters into `env`.
pub(super) fn register(env: &mut Environment<'static>) {
    operators(env);
    comparisons(env);
    literals(env);
    access(env);
    calls(env);
}

/// Adds an operation on one value.
fn unary(
    env: &mut Environment<'static>,
    name: &'static str,
    op: impl Fn(&mut State<'_, '_>, &Val) -> Outcome + Send + Sync + 'static,
) {
    env.add_filter(name, move |state: &mut State<'_, '_>, a: &Val| op(state, a).map_err(|err| blame(err, [a])));
}

/// Adds an operation on two values.
fn binary(
    env: &mut Environment<'static>,
    name: &'static str,
    op: impl Fn(&mut State<'_, '_>, &Val, &Val) -> Outcome + Send + Sync + 'static,
) {
    env.add_filter(name, move |state: &mut State<'_, '_>, a: &Val, b: &Val| {
        op(state, a, b).map_err(|err| blame(err, [a, b]))
    });
}

/// Adds an operation on one value and others.
fn variadic(
    env: &mut Environment<'static>,
    name: &'static str,
    op: impl Fn(&mut State<'_, '_>, &Val, &[Val]) -> Outcome + Send + Sync + 'static,
) {
    env.add_filter(name, move |state: &mut State<'_, '_>, args: &[Val]| match args {
        [first, rest @ ..] => op(state, first, rest).map_err(|err| blame(err, args)),
        [] => Err(error("an operator lacks its operands")),
    });
}

fn operators(env: &mut Environment<'static>) {
    binary(env, "__add", |s, a, b| ops::add(s, a, b));
    binary(env, "__sub", |s, a, b| ops::arithmetic(s, "-", a, b));
    binary(env, "__mul", |s, a, b| ops::multiply(s, a, b));
    binary(env, "__div", |s, a, b| ops::arithmetic(s, "/", a, b));
    binary(env, "__floordiv", |s, a, b| ops::arithmetic(s, "//", a, b));
    binary(env, "__mod", remainder);
    binary(env, "__pow", |s, a, b| ops::arithmetic(s, "**", a, b));
    unary(env, "__neg", |_, a| ops::negate(a));
    unary(env, "__pos", |_, a| ops::plus(a));
    variadic(env, "__concat", |s, first, rest| ops::concat(s, first, rest));
    unary(env, "__used", |s, a| ops::needs_defined(s, a).map(|()| a.clone()));
}

fn comparisons(env: &mut Environment<'static>) {
    binary(env, "__eq", |s, a, b| {
        both_defined(s, a, b)?;
        ops::equal(s, a, b).map(Val::from)
    });
    binary(env, "__ne", |s, a, b| {
        both_defined(s, a, b)?;
        ops::equal(s, a, b).map(|same| Val::from(!same))
    });
    for (name, op) in [("__lt", "<"), ("__le", "<="), ("__gt", ">"), ("__ge", ">=")] {
        binary(env, name, move |s, a, b| ops::less(s, op, a, b).map(Val::from));
    }
    binary(env, "__in", |s, a, b| {
        both_defined(s, a, b)?;
        ops::contains(s, b, a).map(Val::from)
    });
    binary(env, "__notin", |s, a, b| {
        both_defined(s, a, b)?;
        ops::contains(s, b, a).map(|found| Val::from(!found))
    });
    variadic(env, "__chain", |s, first, rest| chain(s, first, rest));
}

/// `a % b`, also `"…" % values`.
fn remainder(state: &mut State<'_, '_>, a: &Val, b: &Val) -> Outcome {
    match view(a) {
        View::Str(pattern) => format::percent(state, pattern, b, a.is_safe()),
        _ => ops::arithmetic(state, "%", a, b),
    }
}

/// `a < b <= c …`: operators and operands in turn.
fn chain(state: &State<'_, '_>, first: &Val, rest: &[Val]) -> Outcome {
    let mut left = first.clone();
    for link in rest.chunks(2) {
        let [op, right] = link else {
            return Err(error("a comparison lacks an operand"));
        };
        let holds = match op.as_str().unwrap_or_default() {
            "==" => ops::equal(state, &left, right)?,
            "!=" => !ops::equal(state, &left, right)?,
            "in" => ops::contains(state, right, &left)?,
            "not in" => !ops::contains(state, right, &left)?,
            op => ops::less(state, op, &left, right)?,
        };
        if !holds {
            return Ok(Val::from(false));
        }
        left = right.clone();
    }
    Ok(Val::from(true))
}

fn both_defined(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<(), Error> {
    ops::needs_defined(state, a)?;
    ops::needs_defined(state, b)
}

fn literals(env: &mut Environment<'static>) {
    unary(env, "__list", |s, items| Ok(List::value(ops::iterate(s, items)?)));
    unary(env, "__tuple", |s, items| Ok(Tuple::value(ops::iterate(s, items)?)));
    unary(env, "__dict", |s, items| {
        let flat = ops::iterate(s, items)?;
        let mut entries = Entries::with_capacity_and_hasher(flat.len() / 2, Default::default());
        for pair in flat.chunks_exact(2) {
            ops::hashable(s, &pair[0])?;
            entries.insert(Key(pair[0].clone()), pair[1].clone());
        }
        Ok(Dict::value(entries))
    });
    env.add_filter("__big", |digits: &Val| -> Outcome {
        let n: BigInt =
            digits.as_str().and_then(|digits| digits.parse().ok()).ok_or_else(|| error("an integer has no digits"))?;
        Ok(from_big(n))
    });
    env.add_filter("__inf", |_: &Val| f64::INFINITY);
    env.add_filter("__text", |text: &Val| Val::from_object(Verbatim(text.as_str().unwrap_or_default().into())));
    env.add_filter("__text_only", |value: &Val| -> Outcome {
        match view(value) {
            View::Str(_) => Ok(value.clone()),
            _ => Err(error(format!("a filter block gives {}, not str", type_name(value)))),
        }
    });
    env.add_filter("__bool", |value: &Val| value.is_true());
}

fn access(env: &mut Environment<'static>) {
    binary(env, "__attr", |_, value, name| ops::attribute(value, name.as_str().unwrap_or_default()));
    binary(env, "__item", |s, value, key| ops::item(s, value, key));
    variadic(env, "__slice", |s, value, bounds| match bounds {
        [a, b, c] => ops::slice(s, value, [a, b, c]),
        _ => Err(error("a slice lacks its bounds")),
    });
    variadic(env, "__assign", |_, target, member| match (view(target), member) {
        (View::Namespace(namespace), [name, value]) => {
            namespace.set(name.as_str().unwrap_or_default(), value.clone())?;
            Ok(Val::from(()))
        }
        (View::Undefined, _) => Err(undefined("is no namespace")),
        _ => Err(error("cannot assign attribute on non-namespace object")),
    });
    unary(env, "__iter", |s, value| match view(value) {
        View::List(_) | View::Tuple(_) | View::Range(_) => Ok(value.clone()),
        _ => Ok(List::value(ops::iterate(s, value)?)),
    });
    binary(env, "__rows", |s, value, count| {
        let count = count.as_usize().unwrap_or_default();
        let mut rows = ops::iterate(s, value)?;
        for row in &mut rows {
            let items = ops::unpack(s, row, count)?;
            if !matches!(view(row), View::List(_) | View::Tuple(_)) {
                *row = List::value(items);
            }
        }
        Ok(List::value(rows))
    });
    binary(env, "__unpack", |s, value, count| {
        Ok(List::value(ops::unpack(s, value, count.as_usize().unwrap_or_default())?))
    });
}

fn calls(env: &mut Environment<'static>) {
    env.add_filter("__call", |s: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs| -> Outcome {
        let [receiver, name, rest @ ..] = args else {
            return Err(error("a method call lacks its receiver"));
        };
        let name = name.as_str().unwrap_or_default();
        if name == "cycle" && rest.is_empty() {
            return Err(error("no items for cycling given"));
        }
        receiver.call_method(s, name, &with_keywords(rest, kwargs))
    });
    env.add_filter("__invoke", |s: &mut State<'_, '_>, args: &[Val], kwargs: Kwargs| -> Outcome {
        let [callee, _, rest @ ..] = args else {
            return Err(error("a call lacks what is called"));
        };
        if callee.is_undefined() {
            return Err(blame(undefined("cannot be called"), [callee]));
        }
        callee.call(s, &with_keywords(rest, kwargs))
    });
    env.add_test("__missing", |value: &Val| value.downcast_object_ref::<Missing>().is_some());
    unary(env, "__keywords", |_, value| match view(value) {
        View::Dict(dict) => {
            let dict = dict.read();
            if dict.keys().any(|key| key.0.as_str().is_none()) {
                return Err(error("keywords must be strings"));
            }
            let pairs = dict.iter().map(|(key, value)| (key.0.as_str().unwrap_or_default().to_owned(), value.clone()));
            Ok(pairs.collect::<Kwargs>().into())
        }
        _ if value.is_kwargs() => Ok(value.clone()),
        View::Undefined => Err(undefined("is no mapping of arguments")),
        _ => Err(error("argument after ** must be a mapping")),
    });
    env.add_filter("__macro", |callee: &Val, parameters: usize, defaults: usize, varargs: bool, kwargs: bool| {
        Val::from_object(FullMacro { callee: callee.clone(), parameters, defaults, varargs, kwargs })
    });
}

/// In place of an argument that was not given. Undefined ones count as given.
#[derive(Debug)]
struct Missing;

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A macro with defaults, or that uses `varargs` or `kwargs`: what its parameters do
/// not take is handed to it in two more.
#[derive(Debug)]
struct FullMacro {
    callee: Val,
    parameters: usize,
    /// How many of the last parameters have defaults.
    defaults: usize,
    varargs: bool,
    kwargs: bool,
}

impl Object for FullMacro {
    fn get_value(self: &Arc<Self>, key: &Val) -> Option<Val> {
        match key.as_str()? {
            "catch_varargs" => Some(Val::from(self.varargs)),
            "catch_kwargs" => Some(Val::from(self.kwargs)),
            "arguments" => {
                let names = self.callee.get_attr("arguments").ok()?;
                let names = names.try_iter().ok()?.take(self.parameters);
                Some(Tuple::value(names.collect()))
            }
            name => self.callee.get_attr(name).ok(),
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Val]) -> Result<Val, Error> {
        let (positional, keywords) = match args {
            [positional @ .., last] if last.is_kwargs() => (positional, Kwargs::try_from(last.clone())?),
            _ => (args, Kwargs::from_iter(Vec::<(String, Val)>::new())),
        };
        let taken = positional.len().min(self.parameters);
        let (own, extra) = positional.split_at(taken);
        if !extra.is_empty() && !self.varargs {
            return Err(error("a macro is given too many arguments"));
        }
        let names = self.callee.get_attr("arguments")?;
        let names: Vec<Val> = names.try_iter()?.take(self.parameters).collect();
        let mut passed: Vec<(String, Val)> = Vec::new();
        let mut rest = Entries::default();
        for name in keywords.args() {
            let value: Val = keywords.get(name)?;
            let known = names.iter().any(|known| known.as_str() == Some(name));
            if known || name == "caller" {
                passed.push((name.to_owned(), value));
            } else if self.kwargs {
                rest.insert(Key(text(name)), value);
            } else {
                return Err(error(format!("a macro takes no keyword argument '{name}'")));
            }
        }
        if self.varargs || self.kwargs {
            passed.push(("varargs".into(), Tuple::value(extra.to_vec())));
            passed.push(("kwargs".into(), Dict::value(rest)));
        }
        let first_default = self.parameters.saturating_sub(self.defaults).max(own.len());
        for name in names.iter().skip(first_default).filter_map(Val::as_str) {
            if passed.iter().all(|(known, _)| known != name) {
                passed.push((name.to_owned(), Val::from_object(Missing)));
            }
        }
        let mut args = own.to_vec();
        args.push(passed.into_iter().collect::<Kwargs>().into());
        self.callee.call(state, &args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("macro")
    }
}
