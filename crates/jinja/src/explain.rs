//! Render errors as the author of the template sees them: where, what went wrong, and what was
//! undefined.

use minijinja::{Error, ErrorKind};

use super::fault::{RenderError, RenderErrorKind};
use super::lower::{LowerOptions, Operands, Place, lower, lower_condition};
use super::options::Undefined;
use super::raise::{Culprit, culprit};
use super::stack::on_large_stack;
use super::syntax::{parse, parse_expression};

/// What the engine says of a call of a parameter or variable that is undefined.
const CALL_OF_UNDEFINED: &str = "value of type undefined is not callable";

/// What a program was made of; an error is explained by it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) form: Form,
    pub(super) undefined: Undefined,
}

/// What the text of a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A template.
    Template,
    /// An expression, of which only the truth counts.
    Condition,
}

/// Explains an error of the engine.
pub(super) fn explain(source: &Source, places: &[Place], err: &Error) -> RenderError {
    let err = innermost(err);
    let place = find(places, err);
    let at = place.map_or(0, |index| places[index].at);
    let limit = err.kind() == ErrorKind::OutOfFuel || err.detail().is_some_and(|text| text.contains("recursion limit"));
    let (kind, message) = if limit {
        (RenderErrorKind::Limit, err.detail().unwrap_or("the template does too much work").to_owned())
    } else {
        let is_about = culprit(err).is_some()
            || matches!(err.kind(), ErrorKind::UndefinedError | ErrorKind::UnknownFunction)
            || err.detail() == Some(CALL_OF_UNDEFINED);
        let operands = place.filter(|_| is_about).and_then(|index| source.operands(index)).unwrap_or_default();
        (RenderErrorKind::Template, message(err, &operands))
    };
    RenderError::at(&source.text, at, kind, message)
}

/// What went wrong; what is undefined is named as the template spells it.
fn message(err: &Error, operands: &Operands) -> String {
    let name = match culprit(err) {
        Some(Culprit::Operand(index)) => operands.position(*index),
        Some(Culprit::Keyword(name)) => operands.keyword(name),
        Some(Culprit::Attribute(name)) => Some(name.as_str()),
        Some(Culprit::Item | Culprit::Argument) => None,
        // the engine's own: an attribute of, or a call of, what is undefined
        None => operands.position(0),
    };
    let subject = match (name, culprit(err)) {
        (Some(name), _) => format!("`{name}`"),
        (None, Some(Culprit::Item)) => "an item".to_owned(),
        (None, _) => "a value".to_owned(),
    };
    match (err.kind(), err.detail()) {
        (ErrorKind::UndefinedError, Some("")) => format!("{subject} is undefined"),
        (ErrorKind::UndefinedError, Some(what)) => format!("{subject} is undefined and {what}"),
        (ErrorKind::UndefinedError, None) => match operands.attribute() {
            Some(attribute) => format!("{subject} is undefined and has no attribute '{attribute}'"),
            None => format!("{subject} is undefined"),
        },
        (ErrorKind::UnknownFunction, _) if name.is_some() => format!("{subject} is undefined and cannot be called"),
        (_, Some(CALL_OF_UNDEFINED)) => format!("{subject} is undefined and cannot be called"),
        (_, Some(detail)) if culprit(err).is_some() => format!("{detail}: {subject} is undefined"),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    }
}

impl Source {
    /// What the operation at the place of `index` works on. The template is lowered again: that is
    /// rare, and to keep it for each would double what templates take in memory.
    fn operands(&self, index: usize) -> Option<Operands> {
        let options = LowerOptions { undefined: self.undefined, operands: true };
        let mut operands = on_large_stack(|| {
            let lowered = match self.form {
                Form::Template => lower(&parse(&self.text).ok()?, options),
                Form::Condition => lower_condition(&parse_expression(&self.text).ok()?, options),
            };
            debug_assert_eq!(lowered.operands.len(), lowered.places.len(), "each place has its operands");
            Some(lowered.operands)
        })?;
        (index < operands.len()).then(|| operands.swap_remove(index))
    }
}

/// The error that caused `err`, as far as it has a place.
fn innermost(err: &Error) -> &Error {
    let mut found = err;
    while let Some(cause) = std::error::Error::source(found).and_then(|e| e.downcast_ref::<Error>()) {
        found = cause;
    }
    found
}

/// The place that an error is about: the operation that ends where the error does, else what comes
/// next.
pub(super) fn find(places: &[Place], err: &Error) -> Option<usize> {
    let range = err.range()?;
    let operation = places.iter().position(|place| !place.is_tag && place.written as usize == range.end);
    let next = || places.iter().position(|place| place.written as usize >= range.start);
    operation.or_else(next).or(places.len().checked_sub(1))
}
