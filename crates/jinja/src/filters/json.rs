//! `tojson` and `pprint`.

use minijinja::{Error, State};

use super::pretty::pretty;
use super::table::Table;
use crate::limits::DEPTH_MAX;
use crate::methods::{Given, size};
use crate::ops::{charge_bytes, order, text_of, write_int};
use crate::python::json as python_json;
use crate::raise::{error, limit};
use crate::value::{Entries, Val, View, text, type_name, view};

pub(super) const TABLE: Table = &[("pprint", pprint), ("tojson", to_json)];

fn pprint(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    Ok(text(pretty(state, value)?))
}

fn to_json(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [indent] = given.bind(["indent"], 0)?;
    let indent = match indent.filter(|indent| !indent.is_none()) {
        None => None,
        Some(indent) => Some(match indent.as_str() {
            Some(text) => text.to_owned(),
            None => {
                let width = size(&indent)?;
                charge_bytes(state, width)?;
                " ".repeat(width)
            }
        }),
    };
    let mut writer = Writer { state, out: String::new(), indent, nodes: 0, paid: 0 };
    writer.value(value, 0)?;
    writer.settle()?;
    let out = html_safe(writer.out);
    charge_bytes(state, out.len())?;
    Ok(Val::from_safe_string(out))
}

/// `< > & '` as `\u003c` and so on, which JSON reads the same.
fn html_safe(json: String) -> String {
    if !json.bytes().any(|byte| matches!(byte, b'<' | b'>' | b'&' | b'\'')) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\'' => out.push_str("\\u0027"),
            c => out.push(c),
        }
    }
    out
}

/// Bytes of a string that is paid for by itself, before it is written.
const LONG_TEXT: usize = 1_024;

/// `json.dumps(value, sort_keys=True, indent=indent)`
struct Writer<'w, 't, 'e> {
    state: &'w State<'t, 'e>,
    out: String,
    indent: Option<String>,
    nodes: u64,
    paid: usize,
}

impl Writer<'_, '_, '_> {
    /// Nodes after which the work so far is paid for.
    const GROUP: u64 = 32;

    fn settle(&mut self) -> Result<(), Error> {
        let bytes = self.out.len() - self.paid;
        self.paid = self.out.len();
        self.state.consume_fuel(std::mem::take(&mut self.nodes))?;
        charge_bytes(self.state, bytes)
    }

    fn value(&mut self, value: &Val, depth: u32) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes >= Self::GROUP {
            self.settle()?;
        }
        if depth > DEPTH_MAX {
            return Err(limit("a value is nested too deeply for JSON"));
        }
        match view(value) {
            View::None => self.out.push_str("null"),
            View::Bool(true) => self.out.push_str("true"),
            View::Bool(false) => self.out.push_str("false"),
            View::Float(x) => python_json::write_float(&mut self.out, x),
            View::Int(n) => write_int(&mut self.out, n),
            View::Big(_) => {
                let digits = text_of(self.state, value)?;
                self.out.push_str(&digits);
            }
            View::Str(string) => {
                if string.len() > LONG_TEXT {
                    charge_bytes(self.state, 4 * string.len())?;
                }
                python_json::write_text(&mut self.out, string);
            }
            View::List(list) => self.items(&list.read(), depth)?,
            View::Tuple(tuple) => self.items(&tuple.read(), depth)?,
            View::Dict(dict) => self.members(&dict.read(), depth)?,
            _ => {
                return Err(error(format!("Object of type {} is not JSON serializable", type_name(value))));
            }
        }
        Ok(())
    }

    fn items(&mut self, items: &[Val], depth: u32) -> Result<(), Error> {
        if items.is_empty() {
            self.out.push_str("[]");
            return Ok(());
        }
        self.out.push('[');
        for (i, item) in items.iter().enumerate() {
            self.separate(i, depth + 1)?;
            self.value(item, depth + 1)?;
        }
        self.line(depth)?;
        self.out.push(']');
        Ok(())
    }

    fn members(&mut self, entries: &Entries, depth: u32) -> Result<(), Error> {
        if entries.is_empty() {
            self.out.push_str("{}");
            return Ok(());
        }
        let mut pairs: Vec<(&Val, &Val)> = entries.iter().map(|(key, value)| (&key.0, value)).collect();
        if pairs.iter().all(|(key, _)| key.as_str().is_some()) {
            pairs.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
        } else {
            sort_mixed(self.state, &mut pairs)?;
        }
        self.out.push('{');
        for (i, (key, value)) in pairs.into_iter().enumerate() {
            self.separate(i, depth + 1)?;
            match key.as_str() {
                Some(text) => python_json::write_text(&mut self.out, text),
                None => {
                    let key = self.key(key)?;
                    python_json::write_text(&mut self.out, &key);
                }
            }
            self.out.push_str(": ");
            self.value(value, depth + 1)?;
        }
        self.line(depth)?;
        self.out.push('}');
        Ok(())
    }

    fn key(&self, key: &Val) -> Result<String, Error> {
        Ok(match view(key) {
            View::Str(string) => string.to_owned(),
            View::None => "null".into(),
            View::Bool(b) => b.to_string(),
            View::Float(x) => {
                let mut out = String::new();
                python_json::write_float(&mut out, x);
                out
            }
            View::Int(_) | View::Big(_) => text_of(self.state, key)?,
            _ => {
                return Err(error(format!("keys must be str, int, float, bool or None, not {}", type_name(key))));
            }
        })
    }

    fn separate(&mut self, index: usize, depth: u32) -> Result<(), Error> {
        if index > 0 {
            self.out.push(',');
            if self.indent.is_none() {
                self.out.push(' ');
            }
        }
        self.line(depth)
    }

    fn line(&mut self, depth: u32) -> Result<(), Error> {
        let Some(indent) = &self.indent else {
            return Ok(());
        };
        charge_bytes(self.state, indent.len() * depth as usize)?;
        self.out.push('\n');
        for _ in 0..depth {
            self.out.push_str(indent);
        }
        Ok(())
    }
}

/// Sorts by keys of mixed types, which fails where Python fails.
fn sort_mixed(state: &State<'_, '_>, pairs: &mut [(&Val, &Val)]) -> Result<(), Error> {
    // insertion sort: such dicts are tiny, or the fuel ends it
    for end in 1..pairs.len() {
        let mut at = end;
        while at > 0 && order(state, pairs[at].0, pairs[at - 1].0)?.is_lt() {
            state.consume_fuel(1)?;
            pairs.swap(at, at - 1);
            at -= 1;
        }
    }
    Ok(())
}
