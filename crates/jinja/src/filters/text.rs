//! Filters on text.

use minijinja::{Error, State};

use super::table::Table;
use crate::format::percent;
use crate::markup::escape;
use crate::methods::{self, Given, capitalize, place, size, title_words};
use crate::ops::{self, charge_bytes, text_of};
use crate::raise::{error, limit, of_argument, undefined};
use crate::value::{Dict, Entries, Key, Tuple, Val, number_of, text, type_name};

pub(super) const TABLE: Table = &[
    ("capitalize", |s, v, g| recase(s, v, g, capitalize)),
    ("center", center),
    ("default", default),
    ("d", default),
    ("format", format),
    ("indent", indent),
    ("join", join),
    ("lower", |s, v, g| recase(s, v, g, str::to_lowercase)),
    ("replace", replace),
    ("string", string),
    ("title", |s, v, g| recase(s, v, g, title_words)),
    ("trim", trim),
    ("truncate", truncate),
    ("upper", |s, v, g| recase(s, v, g, str::to_uppercase)),
    ("attr", attr),
];

/// Text of a value, and whether it is safe.
pub(super) fn soft(state: &State<'_, '_>, value: &Val) -> Result<(String, bool), Error> {
    Ok((text_of(state, value)?, value.is_safe()))
}

/// Text, as safe as it was.
pub(super) fn hard(text_: String, safe: bool) -> Val {
    if safe { Val::from_safe_string(text_) } else { text(text_) }
}

fn recase(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>, change: fn(&str) -> String) -> Result<Val, Error> {
    given.none()?;
    let (shown, safe) = soft(state, value)?;
    Ok(hard(change(&shown), safe))
}

fn center(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [width] = given.bind(["width"], 0)?;
    let (shown, safe) = soft(state, value)?;
    let width = width.unwrap_or_else(|| Val::from(80));
    methods::call(state, &hard(shown, safe), "center", &[width])
}

fn trim(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [chars] = given.bind(["chars"], 0)?;
    let (shown, safe) = soft(state, value)?;
    let chars = chars.unwrap_or_else(|| Val::from(()));
    methods::call(state, &hard(shown, safe), "strip", &[chars])
}

fn string(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    match value.as_str() {
        Some(_) => Ok(value.clone()),
        None => Ok(text(text_of(state, value)?)),
    }
}

fn default(_: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [default, boolean] = given.bind(["default_value", "boolean"], 0)?;
    let boolean = boolean.is_some_and(|boolean| boolean.is_true());
    if value.is_undefined() || (boolean && !value.is_true()) {
        return Ok(default.unwrap_or_else(|| text("")));
    }
    Ok(value.clone())
}

fn format(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let mut named = Entries::default();
    for name in given.keywords.args() {
        named.insert(Key(text(name)), given.keywords.get(name)?);
    }
    if !named.is_empty() && !given.positional.is_empty() {
        return Err(error("can't handle positional and keyword arguments at the same time"));
    }
    let values = if named.is_empty() { Tuple::value(given.positional.to_vec()) } else { Dict::value(named) };
    let (pattern, safe) = soft(state, value)?;
    percent(state, &pattern, &values, safe)
}

fn replace(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [old, new, count] = given.bind(["old", "new", "count"], 2)?;
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let count = match count.filter(|count| !count.is_none()) {
        Some(count) => place(&count)?,
        None => -1,
    };
    let escaping = !matches!(state.auto_escape(), minijinja::AutoEscape::None);
    let safe = escaping && [value, &old, &new].into_iter().any(Val::is_safe);
    let shown = |part: &Val| {
        let shown = text_of(state, part)?;
        Ok::<_, Error>(if safe && !part.is_safe() { escape(&shown) } else { shown })
    };
    Ok(hard(methods::replace(state, &shown(value)?, (&shown(&old)?, &shown(&new)?), count)?, safe))
}

fn join(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [separator, attribute] = given.bind(["d", "attribute"], 0)?;
    let mut items = ops::iterate(state, value)?;
    if let Some(attribute) = attribute.filter(|attribute| !attribute.is_none()) {
        let getter = ops::Getter::new(&attribute, None)?;
        for item in &mut items {
            *item = getter.get(state, item)?;
        }
    }
    let separator = separator.unwrap_or_else(|| text(""));
    let escaping = !matches!(state.auto_escape(), minijinja::AutoEscape::None);
    let any_safe = escaping && (separator.is_safe() || items.iter().any(Val::is_safe));
    let part_of = |value: &Val| -> Result<String, Error> {
        let shown = text_of(state, value)?;
        Ok(if any_safe && !value.is_safe() { escape(&shown) } else { shown })
    };
    let between = part_of(&separator)?;
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        charge_bytes(state, 32 + between.len())?;
        if i > 0 {
            out.push_str(&between);
        }
        out.push_str(&part_of(item)?);
    }
    Ok(hard(out, any_safe))
}

fn indent(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [width, first, blank] = given.bind(["width", "first", "blank"], 0)?;
    let is_set = |flag: Option<Val>| flag.is_some_and(|flag| flag.is_true());
    let (first, blank) = (is_set(first), is_set(blank));
    if value.kind() != minijinja::value::ValueKind::String {
        return Err(error(format!("indent needs a str, not {}", type_name(value))));
    }
    let (mut shown, safe) = soft(state, value)?;
    let indention = match &width {
        Some(width) => match width.as_str() {
            Some(text) => text.to_owned(),
            None => {
                let width = size(width)?;
                charge_bytes(state, width)?;
                " ".repeat(width)
            }
        },
        None => "    ".to_owned(),
    };
    shown.push('\n');
    let lines = crate::python::text::split_lines(&shown, false);
    let grown = lines.len().checked_mul(indention.len());
    charge_bytes(state, grown.ok_or_else(|| limit("the indented text is too large"))?)?;
    let mut out = String::with_capacity(shown.len());
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let wanted = if i == 0 { first } else { blank || !line.is_empty() };
        if wanted {
            out.push_str(&indention);
        }
        out.push_str(line);
    }
    Ok(hard(out, safe))
}

/// Characters over the length that are let pass (policy `truncate.leeway`).
const LEEWAY: i64 = 5;

fn truncate(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [length, kill_words, end, leeway] = given.bind(["length", "killwords", "end", "leeway"], 0)?;
    let (shown, safe) = soft(state, value)?;
    let end = end.unwrap_or_else(|| text("..."));
    let end_length = ops::length(state, &end)?;
    let length = length.unwrap_or_else(|| Val::from(255));
    let leeway = leeway.filter(|leeway| !leeway.is_none()).unwrap_or_else(|| Val::from(LEEWAY));
    let (longest, spare) = (size_of(&length)?, size_of(&leeway)?);
    if longest < end_length as f64 {
        return Err(error(format!("expected length >= {end_length}, got {length}")));
    }
    if spare < 0.0 {
        return Err(error(format!("expected leeway >= 0, got {leeway}")));
    }
    if ops::length(state, value)? as f64 <= longest + spare {
        return Ok(value.clone());
    }
    if value.as_str().is_none() {
        return Err(error(format!("truncate needs a str, not {}", type_name(value))));
    }
    let kept = size(&length)?.saturating_sub(end_length);
    debug_assert!((kept + end_length) as f64 <= longest, "what is kept has room for the end");
    let Some(end) = end.as_str() else {
        ops::needs_defined(state, &end)?;
        return Err(error(format!("can only concatenate str (not \"{}\") to str", type_name(&end))));
    };
    let mut cut: String = shown.chars().take(kept).collect();
    if !kill_words.is_some_and(|kill| kill.is_true())
        && let Some(at) = cut.rfind(' ')
    {
        cut.truncate(at);
    }
    cut.push_str(&if safe { escape(end) } else { end.to_owned() });
    Ok(hard(cut, safe))
}

/// A number that a length is compared with.
fn size_of(value: &Val) -> Result<f64, Error> {
    match number_of(value) {
        Some(number) => number
            .to_float()
            .and_then(|length| if length.is_nan() { Err(error("a length is a number, not NaN")) } else { Ok(length) }),
        None => Err(of_argument(error(format!("a length is a number, not {}", type_name(value))), value)),
    }
}

fn attr(_: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let name = given.one("name")?;
    let name = name.as_str().ok_or_else(|| error("attribute name must be string"))?;
    if value.is_undefined() {
        return Err(undefined(format!("has no attribute '{name}'")));
    }
    Ok(ops::own_attribute(value, name).unwrap_or_default())
}
