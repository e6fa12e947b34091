//! The filters that lowering writes: Python's operators, subscripts, literals.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr};
use minijinja::{Environment, Error, State};
use num_bigint::BigInt;

use super::ops::{self, error};
use super::value::{Dict, Entries, Key, List, Tuple, Val, View, from_big, view};

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

fn operators(env: &mut Environment<'static>) {
    env.add_filter("__add", |s: &mut State<'_, '_>, a: &Val, b: &Val| ops::add(s, a, b));
    env.add_filter("__sub", |s: &mut State<'_, '_>, a: &Val, b: &Val| ops::arithmetic(s, "-", a, b));
    env.add_filter("__mul", |s: &mut State<'_, '_>, a: &Val, b: &Val| ops::multiply(s, a, b));
    env.add_filter("__div", |s: &mut State<'_, '_>, a: &Val, b: &Val| ops::arithmetic(s, "/", a, b));
    env.add_filter("__floordiv", |s: &mut State<'_, '_>, a: &Val, b: &Val| ops::arithmetic(s, "//", a, b));
    env.add_filter("__mod", |s: &mut State<'_, '_>, a: &Val, b: &Val| ops::remainder(s, a, b));
    env.add_filter("__pow", |s: &mut State<'_, '_>, a: &Val, b: &Val| ops::arithmetic(s, "**", a, b));
    env.add_filter("__neg", |a: &Val| ops::negate(a));
    env.add_filter("__pos", |a: &Val| ops::plus(a));
    env.add_filter("__concat", |s: &mut State<'_, '_>, args: &[Val]| -> Outcome {
        match args {
            [first, rest @ ..] => ops::concat(s, first, rest),
            [] => Ok(super::value::text("")),
        }
    });
}

fn comparisons(env: &mut Environment<'static>) {
    env.add_filter("__eq", |s: &mut State<'_, '_>, a: &Val, b: &Val| -> Outcome {
        both_defined(s, a, b)?;
        ops::equal(s, a, b).map(Val::from)
    });
    env.add_filter("__ne", |s: &mut State<'_, '_>, a: &Val, b: &Val| -> Outcome {
        both_defined(s, a, b)?;
        ops::equal(s, a, b).map(|same| Val::from(!same))
    });
    for (name, op) in [("__lt", "<"), ("__le", "<="), ("__gt", ">"), ("__ge", ">=")] {
        env.add_filter(name, move |s: &mut State<'_, '_>, a: &Val, b: &Val| -> Outcome {
            ops::less(s, op, a, b).map(Val::from)
        });
    }
    env.add_filter("__in", |s: &mut State<'_, '_>, a: &Val, b: &Val| -> Outcome {
        both_defined(s, a, b)?;
        ops::contains(s, b, a).map(Val::from)
    });
    env.add_filter("__notin", |s: &mut State<'_, '_>, a: &Val, b: &Val| -> Outcome {
        both_defined(s, a, b)?;
        ops::contains(s, b, a).map(|found| Val::from(!found))
    });
    env.add_filter("__chain", |s: &mut State<'_, '_>, args: &[Val]| -> Outcome {
        match args {
            [first, rest @ ..] => ops::chain(s, first, rest),
            [] => Ok(Val::from(true)),
        }
    });
}

fn both_defined(state: &State<'_, '_>, a: &Val, b: &Val) -> Result<(), Error> {
    ops::needs_defined(state, a)?;
    ops::needs_defined(state, b)
}

fn literals(env: &mut Environment<'static>) {
    env.add_filter("__list", |s: &mut State<'_, '_>, items: &Val| -> Outcome {
        Ok(List::value(ops::iterate(s, items)?))
    });
    env.add_filter("__tuple", |s: &mut State<'_, '_>, items: &Val| -> Outcome {
        Ok(Tuple::value(ops::iterate(s, items)?))
    });
    env.add_filter("__dict", |s: &mut State<'_, '_>, items: &Val| -> Outcome {
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
            _ => Err(error(format!("a filter block gives {}, not str", super::value::type_name(value)))),
        }
    });
    env.add_filter("__bool", |value: &Val| value.is_true());
}

fn access(env: &mut Environment<'static>) {
    env.add_filter("__attr", |value: &Val, name: &Val| ops::attribute(value, name.as_str().unwrap_or_default()));
    env.add_filter("__item", |s: &mut State<'_, '_>, value: &Val, key: &Val| ops::item(s, value, key));
    env.add_filter("__slice", |s: &mut State<'_, '_>, value: &Val, a: &Val, b: &Val, c: &Val| {
        ops::slice(s, value, [a, b, c])
    });
    env.add_filter("__iter", |s: &mut State<'_, '_>, value: &Val| -> Outcome {
        match view(value) {
            View::List(_) | View::Tuple(_) | View::Range(_) => Ok(value.clone()),
            _ => Ok(List::value(ops::iterate(s, value)?)),
        }
    });
    env.add_filter("__rows", |s: &mut State<'_, '_>, value: &Val, count: usize| -> Outcome {
        let mut rows = ops::iterate(s, value)?;
        for row in &mut rows {
            let items = ops::unpack(s, row, count)?;
            if !matches!(view(row), View::List(_) | View::Tuple(_)) {
                *row = List::value(items);
            }
        }
        Ok(List::value(rows))
    });
    env.add_filter("__unpack", |s: &mut State<'_, '_>, value: &Val, count: usize| -> Outcome {
        Ok(List::value(ops::unpack(s, value, count)?))
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
        callee.call(s, &with_keywords(rest, kwargs))
    });
    env.add_test("__missing", |value: &Val| value.downcast_object_ref::<Missing>().is_some());
    env.add_filter("__keywords", |value: &Val| -> Outcome {
        match view(value) {
            View::Dict(dict) => {
                let dict = dict.read();
                if dict.keys().any(|key| key.0.as_str().is_none()) {
                    return Err(error("keywords must be strings"));
                }
                let pairs =
                    dict.iter().map(|(key, value)| (key.0.as_str().unwrap_or_default().to_owned(), value.clone()));
                Ok(pairs.collect::<Kwargs>().into())
            }
            _ if value.is_kwargs() => Ok(value.clone()),
            _ => Err(error("argument after ** must be a mapping")),
        }
    });
    env.add_filter("__macro", |callee: &Val, parameters: usize, defaults: usize, varargs: bool, kwargs: bool| {
        Val::from_object(FullMacro { callee: callee.clone(), parameters, defaults, varargs, kwargs })
    });
}

/// Positional arguments and, if there are any, the keyword arguments.
pub(super) fn with_keywords(positional: &[Val], kwargs: Kwargs) -> Vec<Val> {
    let mut args = positional.to_vec();
    if kwargs.args().next().is_some() {
        args.push(kwargs.into());
    }
    args
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
                rest.insert(Key(super::value::text(name)), value);
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
