//! `"…{}…".format(values)`, with the sandbox's look-ups.

use minijinja::value::Kwargs;
use minijinja::{Error, State};

use super::spec::format_value;
use crate::markup::escape;
use crate::ops::{self, charge_bytes, repr_text, text_of};
use crate::python::text::in_ascii;
use crate::raise::error;
use crate::value::{Val, View, text, view};

/// Fields inside fields, as in `{:>{width}}`, at most (Python's limit).
const NESTING_MAX: u32 = 2;

/// Where a format string takes its values from.
pub(crate) enum Source<'s> {
    /// `.format(…)`
    Args(&'s [Val], &'s Kwargs),
    /// `.format_map(…)`
    Mapping(&'s Val),
}

/// Formats `pattern`; a safe one escapes what it takes in.
pub(crate) fn brace(state: &State<'_, '_>, pattern: &Val, source: &Source<'_>) -> Result<Val, Error> {
    let safe = pattern.is_safe();
    let mut formatter = Formatter { state, source, automatic: None, next: 0, safe };
    let out = formatter.run(pattern.as_str().unwrap_or_default(), NESTING_MAX)?;
    Ok(if safe { Val::from_safe_string(out) } else { text(out) })
}

struct Formatter<'f, 't, 'e> {
    state: &'f State<'t, 'e>,
    source: &'f Source<'f>,
    /// Whether fields number themselves; unknown before the first.
    automatic: Option<bool>,
    next: usize,
    safe: bool,
}

impl Formatter<'_, '_, '_> {
    fn run(&mut self, pattern: &str, nesting: u32) -> Result<String, Error> {
        charge_bytes(self.state, 8 * pattern.len())?;
        let mut out = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if rest.starts_with(brace) {
                out.push_str(brace);
                rest = &rest[1..];
                continue;
            }
            if brace == "}" {
                return Err(error("Single '}' encountered in format string"));
            }
            let end = field_end(rest)?;
            let shown = self.field(&rest[..end], nesting)?;
            charge_bytes(self.state, shown.len())?;
            self.state.consume_fuel(2)?;
            out.push_str(&shown);
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn field(&mut self, field: &str, nesting: u32) -> Result<String, Error> {
        if nesting == 0 {
            return Err(error("Max string recursion exceeded"));
        }
        let (name, conversion, spec) = split_field(field)?;
        let value = self.lookup(name)?;
        let spec = if spec.contains(['{', '}']) { self.run(spec, nesting - 1)? } else { spec.to_owned() };
        let shown = match conversion {
            None if value.is_safe() && self.safe => return text_of(self.state, &value),
            None => format_value(self.state, &value, &spec)?,
            Some('s') => {
                let shown = text(text_of(self.state, &value)?);
                format_value(self.state, &shown, &spec)?
            }
            Some(kind @ ('r' | 'a')) => {
                let shown = repr_text(self.state, &value)?;
                let shown = text(if kind == 'a' { in_ascii(&shown) } else { shown });
                format_value(self.state, &shown, &spec)?
            }
            Some(other) => {
                return Err(error(format!("unknown conversion specifier '{other}'")));
            }
        };
        Ok(if self.safe { escape(&shown) } else { shown })
    }

    fn lookup(&mut self, name: &str) -> Result<Val, Error> {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let mut value = self.first(&name[..end])?;
        let mut rest = &name[end..];
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                value = self.member(&value, &after[..end])?;
                rest = &after[end..];
            } else if let Some(after) = rest.strip_prefix('[') {
                let end = after.find(']').ok_or_else(|| error("Missing ']' in format string"))?;
                value = self.subscript(&value, &after[..end])?;
                rest = &after[end + 1..];
            } else {
                return Err(error("Only '.' or '[' may follow ']' in format field specifier"));
            }
        }
        Ok(value)
    }

    fn first(&mut self, name: &str) -> Result<Val, Error> {
        let numbered = number(name)?;
        if name.is_empty() || numbered.is_some() {
            let automatic = name.is_empty();
            if self.automatic.is_some_and(|before| before != automatic) {
                return Err(error("cannot mix numbered and unnumbered fields"));
            }
            self.automatic = Some(automatic);
            let index = numbered.unwrap_or(self.next);
            self.next += usize::from(automatic);
            return match self.source {
                Source::Args(positional, _) => positional
                    .get(index)
                    .cloned()
                    .ok_or_else(|| error("Replacement index out of range for positional args tuple")),
                Source::Mapping(_) => Err(error("Format string contains positional fields")),
            };
        }
        let found = match self.source {
            // one that is undefined is there all the same
            Source::Args(_, keywords) => keywords.has(name).then(|| keywords.get(name)).transpose()?,
            Source::Mapping(mapping) => match view(mapping) {
                View::Dict(dict) => dict.text_key(name),
                _ => None,
            },
        };
        found.ok_or_else(|| error("a name of the format string is missing"))
    }

    /// The sandbox's `getattr`, which finds members of mappings too.
    fn member(&self, value: &Val, name: &str) -> Result<Val, Error> {
        if name.is_empty() {
            return Err(error("Empty attribute in format string"));
        }
        ops::attribute(value, name)
    }

    fn subscript(&self, value: &Val, key: &str) -> Result<Val, Error> {
        if key.is_empty() {
            return Err(error("Empty attribute in format string"));
        }
        let key = number(key)?.map_or_else(|| text(key), Val::from);
        ops::item(self.state, value, &key)
    }
}

/// The number that `name` is, if it has nothing but digits; a sign makes it a name, as in Python.
fn number(name: &str) -> Result<Option<usize>, Error> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    // Python's numbers of fields end with its `ssize_t`.
    let number = name.parse::<isize>().map_err(|_| error("Too many decimal digits in format string"))?;
    Ok(Some(number.unsigned_abs()))
}

/// Where the field that begins at the start of `rest` ends.
fn field_end(rest: &str) -> Result<usize, Error> {
    let mut depth = 1;
    let mut in_brackets = false;
    for (at, c) in rest.char_indices() {
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '{' if !in_brackets => depth += 1,
            '}' if !in_brackets => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => {}
        }
    }
    Err(error("expected '}' before end of string"))
}

/// Name, conversion and specification of a field.
fn split_field(field: &str) -> Result<(&str, Option<char>, &str), Error> {
    let mut in_brackets = false;
    let end = field.find(|c| {
        in_brackets = (in_brackets || c == '[') && c != ']';
        !in_brackets && matches!(c, ':' | '!')
    });
    let Some(end) = end else {
        return Ok((field, None, ""));
    };
    let (name, rest) = field.split_at(end);
    if let Some(spec) = rest.strip_prefix(':') {
        return Ok((name, None, spec));
    }
    let mut chars = rest[1..].chars();
    let conversion = chars.next().ok_or_else(|| error("end of string while looking for conversion specifier"))?;
    match (chars.as_str().strip_prefix(':'), chars.as_str().is_empty()) {
        (Some(spec), _) => Ok((name, Some(conversion), spec)),
        (None, true) => Ok((name, Some(conversion), "")),
        (None, false) => Err(error("expected ':' after conversion specifier")),
    }
}
