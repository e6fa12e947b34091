//! `str()` and `repr()` of values, and `~`.

use minijinja::{Error, State};

use super::bits::digits_of;
use super::charge::{charge_bytes, is_strict};
use crate::limits::DEPTH_MAX;
use crate::markup::escape;
use crate::python::{float, text as python_text};
use crate::raise::{limit, undefined};
use crate::value::{BoundMethod, Global, TemplateReference, Val, View, text, type_name, view};

/// `str(value)`
pub(crate) fn text_of(state: &State<'_, '_>, value: &Val) -> Result<String, Error> {
    let mut out = String::new();
    write_text(state, &mut out, value)?;
    Ok(out)
}

/// `repr(value)`
pub(crate) fn repr_text(state: &State<'_, '_>, value: &Val) -> Result<String, Error> {
    let mut out = String::new();
    let mut printer = Printer::new(state, &mut out);
    printer.repr(value, 0)?;
    printer.settle()?;
    Ok(out)
}

/// Appends `str(value)`.
pub(crate) fn write_text(state: &State<'_, '_>, out: &mut String, value: &Val) -> Result<(), Error> {
    match view(value) {
        View::Str(string) => {
            charge_bytes(state, string.len())?;
            out.push_str(string);
            Ok(())
        }
        View::Undefined if is_strict(state) => Err(undefined("")),
        View::Undefined => Ok(()),
        _ => {
            let mut printer = Printer::new(state, out);
            printer.repr(value, 0)?;
            printer.settle()
        }
    }
}

/// `a ~ b ~ …`
pub(crate) fn concat(state: &State<'_, '_>, first: &Val, rest: &[Val]) -> Result<Val, Error> {
    let escaping = !matches!(state.auto_escape(), minijinja::AutoEscape::None);
    let any_safe = first.is_safe() || rest.iter().any(Val::is_safe);
    let mut out = String::new();
    for part in std::iter::once(first).chain(rest) {
        if escaping && any_safe && !part.is_safe() {
            out.push_str(&escape(&text_of(state, part)?));
        } else {
            write_text(state, &mut out, part)?;
        }
    }
    Ok(if escaping && any_safe { Val::from_safe_string(out) } else { text(out) })
}

/// Appends a whole number; those of 64 bits are written fast.
pub(crate) fn write_int(out: &mut String, n: i128) {
    use std::fmt::Write as _;
    let written = match i64::try_from(n) {
        Ok(small) => write!(out, "{small}"),
        Err(_) => write!(out, "{n}"),
    };
    written.expect("a string takes any text");
}

struct Printer<'p, 't, 'e> {
    state: &'p State<'t, 'e>,
    out: &'p mut String,
    nodes: usize,
    paid: usize,
}

impl<'p, 't, 'e> Printer<'p, 't, 'e> {
    /// Nodes after which the work so far is paid for.
    const GROUP: usize = 32;

    fn new(state: &'p State<'t, 'e>, out: &'p mut String) -> Self {
        let paid = out.len();
        Self { state, out, nodes: 0, paid }
    }

    fn settle(&mut self) -> Result<(), Error> {
        let bytes = self.out.len() - self.paid;
        self.paid = self.out.len();
        let nodes = std::mem::take(&mut self.nodes);
        self.state.consume_fuel(nodes as u64)?;
        charge_bytes(self.state, bytes)
    }

    fn repr(&mut self, value: &Val, depth: u32) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes >= Self::GROUP {
            self.settle()?;
        }
        match view(value) {
            View::Undefined => self.out.push_str("Undefined"),
            View::None => self.out.push_str("None"),
            View::Bool(true) => self.out.push_str("True"),
            View::Bool(false) => self.out.push_str("False"),
            View::Int(n) => write_int(self.out, n),
            View::Big(n) => self.out.push_str(&digits_of(n)?),
            View::Float(x) => float::write_repr(self.out, x),
            View::Str(string) => {
                charge_bytes(self.state, 2 * string.len())?;
                if value.is_safe() {
                    self.out.push_str("Markup(");
                    python_text::write_repr(self.out, string);
                    self.out.push(')');
                } else {
                    python_text::write_repr(self.out, string);
                }
            }
            View::Bytes(bytes) => {
                charge_bytes(self.state, 4 * bytes.len())?;
                python_text::write_bytes_repr(self.out, bytes);
            }
            _ => self.container(value, depth)?,
        }
        Ok(())
    }

    fn container(&mut self, value: &Val, depth: u32) -> Result<(), Error> {
        if depth >= DEPTH_MAX {
            return Err(limit("a value is nested too deeply to print"));
        }
        match view(value) {
            View::List(list) => self.items("[", &list.read(), "]", depth),
            View::Tuple(tuple) => {
                let items = tuple.read();
                let close = if items.len() == 1 { ",)" } else { ")" };
                self.items("(", &items, close, depth)
            }
            View::Dict(dict) => self.pairs(dict.read().iter().map(|(key, value)| (&key.0, value)), depth),
            View::Entries(view) => {
                self.out.push_str(view.kind.type_name());
                self.items("([", &view.items(), "])", depth)
            }
            View::Range(range) => {
                let mut shown = format!("range({}, {}", range.start, range.stop);
                if range.step != 1 {
                    shown.push_str(&format!(", {}", range.step));
                }
                self.out.push_str(&shown);
                self.out.push(')');
                Ok(())
            }
            View::Namespace(namespace) => {
                self.out.push_str("<Namespace ");
                let members: Vec<(Val, Val)> =
                    namespace.members().into_iter().map(|(name, value)| (text(name), value)).collect();
                self.pairs(members.iter().map(|(k, v)| (k, v)), depth)?;
                self.out.push('>');
                Ok(())
            }
            View::Generator(_) => {
                self.out.push_str("<generator object>");
                Ok(())
            }
            _ => {
                self.foreign(value);
                Ok(())
            }
        }
    }

    fn items(&mut self, open: &str, items: &[Val], close: &str, depth: u32) -> Result<(), Error> {
        self.out.push_str(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.repr(item, depth + 1)?;
        }
        self.out.push_str(close);
        Ok(())
    }

    fn pairs<'v>(&mut self, pairs: impl Iterator<Item = (&'v Val, &'v Val)>, depth: u32) -> Result<(), Error> {
        self.out.push('{');
        for (i, (key, value)) in pairs.enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.repr(key, depth + 1)?;
            self.out.push_str(": ");
            self.repr(value, depth + 1)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// Things that only have identity: functions, macros, loops.
    fn foreign(&mut self, value: &Val) {
        let shown = if let Some(global) = value.downcast_object_ref::<Global>() {
            global.shown.to_owned()
        } else if value.downcast_object_ref::<TemplateReference>().is_some() {
            "<TemplateReference None>".into()
        } else if let Some(method) = value.downcast_object_ref::<BoundMethod>() {
            format!("<built-in method {}>", method.name)
        } else {
            engine_object(value)
        };
        self.out.push_str(&shown);
    }
}

fn engine_object(value: &Val) -> String {
    match value.as_object().map(|object| object.type_name()) {
        Some(name) if name.ends_with("Macro") => {
            let name = value.get_attr("name").unwrap_or_default();
            format!("<Macro '{}'>", name.as_str().unwrap_or_default())
        }
        Some(name) if name.ends_with("Loop") => {
            let count = |key: &str| {
                let n = value.get_attr(key).unwrap_or_default();
                n.as_i64().map_or_else(|| "?".to_owned(), |n| n.to_string())
            };
            format!("<LoopContext {}/{}>", count("index"), count("length"))
        }
        _ => format!("<{}>", type_name(value)),
    }
}
