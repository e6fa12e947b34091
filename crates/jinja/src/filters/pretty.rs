//! Python's `pprint.pformat`, 80 columns wide.

use minijinja::{Error, State};

use crate::limits::DEPTH_MAX;
use crate::ops::{charge_bytes, order, repr_text};
use crate::python::text::write_repr;
use crate::raise::limit;
use crate::value::{Val, View, type_name, view};

const WIDTH: usize = 80;

/// `pprint.pformat(value)`
pub(super) fn pretty(state: &State<'_, '_>, value: &Val) -> Result<String, Error> {
    let mut printer = Pretty { state, out: String::new() };
    printer.format(value, Place { indent: 0, after: 0, depth: 0 })?;
    Ok(printer.out)
}

#[derive(Clone, Copy)]
struct Place {
    /// Column where the value begins.
    indent: usize,
    /// Characters that must fit behind it on its last line.
    after: usize,
    depth: u32,
}

struct Pretty<'p, 't, 'e> {
    state: &'p State<'t, 'e>,
    out: String,
}

impl Pretty<'_, '_, '_> {
    fn format(&mut self, value: &Val, place: Place) -> Result<(), Error> {
        if place.depth > DEPTH_MAX {
            return Err(limit("a value is nested too deeply to print"));
        }
        self.state.consume_fuel(1)?;
        let shown = self.repr(value)?;
        charge_bytes(self.state, 4 * shown.len())?;
        let room = WIDTH.saturating_sub(place.indent + place.after);
        if shown.chars().count() <= room {
            self.out.push_str(&shown);
            return Ok(());
        }
        match view(value) {
            View::List(list) => {
                let items = list.read().clone();
                self.items(("[", "]"), &items, place)
            }
            View::Tuple(tuple) => {
                let items = tuple.read().clone();
                let close = if items.len() == 1 { ",)" } else { ")" };
                self.items(("(", close), &items, place)
            }
            View::Dict(_) => self.dict(value, place),
            View::Str(string) => self.string(string, place),
            _ => {
                self.out.push_str(&shown);
                Ok(())
            }
        }
    }

    /// `repr` with the keys of dicts in order, as `pprint` prints what fits.
    fn repr(&self, value: &Val) -> Result<String, Error> {
        let View::Dict(_) = view(value) else {
            return match view(value) {
                View::List(list) => self.joined("[", &list.read().clone(), "]"),
                View::Tuple(tuple) => {
                    let items = tuple.read().clone();
                    let close = if items.len() == 1 { ",)" } else { ")" };
                    self.joined("(", &items, close)
                }
                _ => repr_text(self.state, value),
            };
        };
        let mut out = String::from("{");
        for (i, (key, value)) in self.pairs(value)?.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            out.push_str(&self.repr(key)?);
            out.push_str(": ");
            out.push_str(&self.repr(value)?);
            charge_bytes(self.state, out.len())?;
        }
        out.push('}');
        Ok(out)
    }

    fn joined(&self, open: &str, items: &[Val], close: &str) -> Result<String, Error> {
        self.state.consume_fuel(items.len() as u64)?;
        let mut out = String::from(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            out.push_str(&self.repr(item)?);
        }
        out.push_str(close);
        charge_bytes(self.state, out.len())?;
        Ok(out)
    }

    fn pairs(&self, dict: &Val) -> Result<Vec<(Val, Val)>, Error> {
        let View::Dict(dict) = view(dict) else {
            return Ok(Vec::new());
        };
        let pairs: Vec<(Val, Val)> = dict.read().iter().map(|(key, value)| (key.0.clone(), value.clone())).collect();
        by_safe_key(self.state, pairs)
    }

    fn items(&mut self, (open, close): (&str, &str), items: &[Val], place: Place) -> Result<(), Error> {
        self.out.push_str(open);
        let indent = place.indent + 1;
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.out.push_str(",\n");
                self.blanks(indent)?;
            }
            let last = i + 1 == items.len();
            let after = if last { place.after + close.len() } else { 1 };
            let depth = place.depth + 1;
            self.format(item, Place { indent, after, depth })?;
        }
        self.out.push_str(close);
        Ok(())
    }

    fn dict(&mut self, value: &Val, place: Place) -> Result<(), Error> {
        self.out.push('{');
        let indent = place.indent + 1;
        let pairs = self.pairs(value)?;
        for (i, (key, item)) in pairs.iter().enumerate() {
            if i > 0 {
                self.out.push_str(",\n");
                self.blanks(indent)?;
            }
            let key = self.repr(key)?;
            self.out.push_str(&key);
            self.out.push_str(": ");
            let last = i + 1 == pairs.len();
            let place = Place {
                indent: indent + key.chars().count() + 2,
                after: if last { place.after + 1 } else { 1 },
                depth: place.depth + 1,
            };
            self.format(item, place)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// A long string is cut at blanks into several literals.
    fn string(&mut self, string: &str, place: Place) -> Result<(), Error> {
        charge_bytes(self.state, 40 * string.len())?;
        let mut place = place;
        let bracketed = place.depth == 0;
        if bracketed {
            place.indent += 1;
            place.after += 1;
        }
        let chunks = self.chunks(string, place);
        if let [only] = chunks.as_slice() {
            let only = only.clone();
            self.out.push_str(&only);
            return Ok(());
        }
        if bracketed {
            self.out.push('(');
        }
        for (i, chunk) in chunks.iter().enumerate() {
            if i > 0 {
                self.out.push('\n');
                self.blanks(place.indent)?;
            }
            self.out.push_str(chunk);
        }
        if bracketed {
            self.out.push(')');
        }
        Ok(())
    }

    fn chunks(&self, string: &str, place: Place) -> Vec<String> {
        let full = WIDTH.saturating_sub(place.indent);
        let lines = crate::python::text::split_lines(string, true);
        let mut chunks = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            let last_line = i + 1 == lines.len();
            let room = if last_line { full.saturating_sub(place.after) } else { full };
            let shown = repr(line);
            if shown.chars().count() <= room {
                chunks.push(shown);
                continue;
            }
            let parts = words(line);
            let mut current = String::new();
            for (j, part) in parts.iter().enumerate() {
                let candidate = format!("{current}{part}");
                let last = j + 1 == parts.len() && last_line;
                let room = if last { full.saturating_sub(place.after) } else { full };
                if repr(&candidate).chars().count() > room {
                    if !current.is_empty() {
                        chunks.push(repr(&current));
                    }
                    current = (*part).to_owned();
                } else {
                    current = candidate;
                }
            }
            if !current.is_empty() {
                chunks.push(repr(&current));
            }
        }
        chunks
    }

    fn blanks(&mut self, count: usize) -> Result<(), Error> {
        charge_bytes(self.state, count)?;
        self.out.extend(std::iter::repeat_n(' ', count));
        Ok(())
    }
}

/// `pprint` orders keys that have no order by the names of their types.
fn by_safe_key(state: &State<'_, '_>, mut pairs: Vec<(Val, Val)>) -> Result<Vec<(Val, Val)>, Error> {
    for end in 1..pairs.len() {
        let mut at = end;
        while at > 0 {
            state.consume_fuel(1)?;
            let (key, before) = (&pairs[at].0, &pairs[at - 1].0);
            let is_before = match order(state, key, before) {
                Ok(order) => order.is_lt(),
                Err(err) if err.kind() == minijinja::ErrorKind::OutOfFuel => return Err(err),
                Err(_) => type_name(key) < type_name(before),
            };
            if !is_before {
                break;
            }
            pairs.swap(at, at - 1);
            at -= 1;
        }
    }
    Ok(pairs)
}

fn repr(text: &str) -> String {
    let mut out = String::new();
    write_repr(&mut out, text);
    out
}

/// Words with the blanks behind them (`\S*\s*`).
fn words(line: &str) -> Vec<&str> {
    let blank = crate::python::text::is_space;
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let word = rest.find(blank).unwrap_or(rest.len());
        let blanks = rest[word..].find(|c| !blank(c)).unwrap_or(rest.len() - word);
        words.push(&rest[..word + blanks]);
        rest = &rest[word + blanks..];
    }
    words
}
