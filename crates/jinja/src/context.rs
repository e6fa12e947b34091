//! What a template sees: names and their values.

use std::fmt;

use tenterhook_model::json::nests_deeper;
use tenterhook_model::{JsonError, TemplateVariables, limits};

use super::filters::{Hidden, VARIABLES};
use super::value::{Dict, Entries, Key, List, Val, View, from_json, from_parsed, text, view};

/// Levels of nesting in a context: those of an event's JSON, below `snapshots` and one of its sides.
const DEPTH_MAX: usize = limits::JSON_DEPTH + 2;

/// A value for a context. Cloning is cheap, and threads may share it.
#[derive(Clone)]
pub struct Value(Val);

impl Value {
    /// The value of a JSON text. Integers stay exact, other numbers are doubles.
    ///
    /// # Errors
    /// It is no JSON, or a number is beyond a double.
    pub fn from_json(json: &str) -> serde_json::Result<Self> {
        from_json(json).map(Self)
    }

    /// The value of a JSON value that was parsed before, with numbers as [`Value::from_json`] has them.
    ///
    /// # Errors
    /// A number is beyond a double.
    pub fn from_parsed(value: &serde_json::Value) -> serde_json::Result<Self> {
        from_parsed(value).map(Self)
    }

    /// A string.
    #[must_use]
    pub fn text(string: &str) -> Self {
        Self(text(string))
    }

    /// `none`.
    #[must_use]
    pub fn none() -> Self {
        Self(Val::from(()))
    }

    /// A dict from names to values, in their order.
    pub fn dict<N: AsRef<str>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        let entries = members.into_iter().map(|(name, value)| (Key(text(name.as_ref())), value.0));
        Self(Dict::value(entries.collect()))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

/// JSON that cannot be a context.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// It is not JSON, or a number in it is beyond a double.
    #[error("the context {0}")]
    Json(JsonError),
    /// It is not an object.
    #[error("the context is not a JSON object")]
    NotAnObject,
    /// It nests deeper than that of any event.
    #[error("the context nests deeper than {DEPTH_MAX} levels")]
    Depth,
}

/// The names that a template sees. Cloning is cheap, and threads may share it.
#[derive(Clone)]
pub struct Context {
    root: Val,
}

impl Context {
    /// A context from names and values, in their order.
    pub fn new<N: AsRef<str>>(members: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self { root: Value::dict(members).0 }
    }

    /// A context from a JSON object.
    ///
    /// # Errors
    /// It is no JSON object, nests too deep, or a number is beyond a double.
    pub fn from_json(json: &str) -> Result<Self, ContextError> {
        if nests_deeper(json, DEPTH_MAX) {
            return Err(ContextError::Depth);
        }
        let root = from_json(json).map_err(|_| ContextError::Json(JsonError::of(json)))?;
        match view(&root) {
            View::Dict(_) => Ok(Self { root }),
            _ => Err(ContextError::NotAnObject),
        }
    }

    /// The same names, and variables of the environment for the filter `env`.
    #[must_use]
    pub fn with_variables(&self, variables: &TemplateVariables) -> Self {
        let mut entries = match view(&self.root) {
            View::Dict(dict) => dict.read().clone(),
            _ => Entries::default(),
        };
        entries.insert(Key(text(VARIABLES)), Val::from_object(Hidden(variables.clone())));
        Self { root: Dict::value(entries) }
    }

    pub(super) fn root(&self) -> Val {
        self.root.clone()
    }

    /// A copy that a render may change.
    pub(super) fn copy(&self) -> Val {
        copy(&self.root)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context(..)")
    }
}

fn copy(value: &Val) -> Val {
    match view(value) {
        View::List(list) => List::value(list.read().iter().map(copy).collect()),
        View::Dict(dict) => {
            let dict = dict.read();
            Dict::value(dict.iter().map(|(k, v)| (k.clone(), copy(v))).collect())
        }
        _ => value.clone(),
    }
}
