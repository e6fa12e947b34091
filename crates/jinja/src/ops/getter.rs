//! Attribute paths such as `site.tags.0`, as filters take them.

use minijinja::{Error, ErrorKind, State};

use super::index::item;
use crate::raise::Culprit;
use crate::value::{Val, text};

/// Looks up an attribute path, as Jinja2's `make_attrgetter`.
pub(crate) struct Getter {
    parts: Vec<Val>,
    default: Option<Val>,
}

impl Getter {
    /// A path such as `a.b.0`, or a whole number.
    pub(crate) fn new(attribute: &Val, default: Option<Val>) -> Self {
        let parts = match attribute.as_str() {
            Some(path) => path.split('.').map(part).collect(),
            None => vec![attribute.clone()],
        };
        let default = default.filter(|default| !default.is_none());
        Self { parts, default }
    }

    /// Paths separated by commas, as `sort(attribute="a,b")` takes them.
    pub(crate) fn several(attribute: Option<&Val>) -> Vec<Self> {
        match attribute {
            None => Vec::new(),
            Some(attribute) if attribute.is_none() => Vec::new(),
            Some(attribute) => match attribute.as_str() {
                Some(paths) => paths.split(',').map(|path| Self::new(&text(path), None)).collect(),
                None => vec![Self::new(attribute, None)],
            },
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

fn part(name: &str) -> Val {
    let digits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    match name.parse::<i64>() {
        Ok(index) if digits => Val::from(index),
        _ => text(name),
    }
}
