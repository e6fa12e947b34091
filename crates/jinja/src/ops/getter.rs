//! Attribute paths such as `site.tags.0`, as filters take them.

use minijinja::{Error, ErrorKind, State};

use super::index::item;
use crate::python::digit::{decimal, is_digit};
use crate::raise::{Culprit, error};
use crate::value::{Val, text};

/// Looks up an attribute path, as Jinja2's `make_attrgetter`.
pub(crate) struct Getter {
    parts: Vec<Val>,
    default: Option<Val>,
}

impl Getter {
    /// A path such as `a.b.0`, a whole number, or `none` for the value itself.
    ///
    /// # Errors
    /// A part of the path has digits that make no number.
    pub(crate) fn new(attribute: &Val, default: Option<Val>) -> Result<Self, Error> {
        let parts = match attribute.as_str() {
            Some(path) => path.split('.').map(part).collect::<Result<_, _>>()?,
            None if attribute.is_none() => Vec::new(),
            None => vec![attribute.clone()],
        };
        let default = default.filter(|default| !default.is_none());
        Ok(Self { parts, default })
    }

    /// Paths separated by commas, as `sort(attribute="a,b")` takes them.
    pub(crate) fn several(attribute: Option<&Val>) -> Result<Vec<Self>, Error> {
        let Some(attribute) = attribute.filter(|attribute| !attribute.is_none()) else {
            return Ok(Vec::new());
        };
        match attribute.as_str() {
            Some(paths) => paths.split(',').map(|path| Self::new(&text(path), None)).collect(),
            None => Ok(vec![Self::new(attribute, None)?]),
        }
    }

    /// The value at the path in `of`.
    pub(crate) fn get(&self, state: &State<'_, '_>, of: &Val) -> Result<Val, Error> {
        let mut found = of.clone();
        for (depth, part) in self.parts.iter().enumerate() {
            found = item(state, &found, part).map_err(|err| self.blame(err, depth))?;
            if found.is_undefined()
                && let Some(default) = &self.default
            {
                found = default.clone();
            }
        }
        Ok(found)
    }

    /// Adds to an error about an undefined value that the value at the path is what is undefined.
    pub(super) fn blame_last(&self, err: Error) -> Error {
        self.blame(err, self.parts.len())
    }

    /// Adds to an error about an undefined value that the part before `depth` is what is undefined.
    fn blame(&self, err: Error, depth: usize) -> Error {
        let before = depth.checked_sub(1).and_then(|depth| self.parts[depth].as_str());
        match before {
            Some(name) if err.kind() == ErrorKind::UndefinedError => {
                err.with_source(Culprit::Attribute(name.to_owned()))
            }
            _ => err,
        }
    }
}

/// A part of digits is an index. Python takes `²` for a digit too, and then finds no number in it.
fn part(name: &str) -> Result<Val, Error> {
    if name.is_empty() || !name.chars().all(is_digit) {
        return Ok(text(name));
    }
    let digits: Option<String> = name.chars().map(decimal).collect();
    let digits = digits.ok_or_else(|| error("the digits of an attribute make no number"))?;
    Ok(digits.parse::<i64>().map_or_else(|_| text(name), Val::from))
}
