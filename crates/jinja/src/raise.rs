//! How a render fails: because the template is wrong, because it uses an undefined value, or
//! because it reached a limit.

use std::borrow::Cow;

use minijinja::{Error, ErrorKind, Value as Val};

/// The template does what Python or Jinja2 refuses.
pub(crate) fn error(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// The template reached a limit.
pub(crate) fn limit(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::OutOfFuel, message)
}

/// The template uses an undefined value for what none can do. `what` goes on after "is undefined
/// and", such as `has no method 'split'`; it is empty where to be undefined is the whole error.
pub(crate) fn undefined(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::UndefinedError, what)
}

/// What was undefined when an operation failed; the source of its error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an undefined value was used")]
pub(crate) enum Culprit {
    /// An operand: 0 is the value that is filtered, tested, called or looked into, or the left one.
    Operand(usize),
    /// One of the arguments, which is found among them.
    Argument,
    /// The argument of this name.
    Keyword(String),
    /// An attribute of an item, as a filter's `attribute` names it.
    Attribute(String),
    /// Something inside of an operand.
    Item,
}

/// Adds to an error about an argument, if that is undefined, that it is about none but arguments.
pub(crate) fn of_argument(err: Error, argument: &Val) -> Error {
    if argument.is_undefined() { err.with_source(Culprit::Argument) } else { err }
}

/// Adds to an error about an undefined value which of the operation's operands it was.
pub(crate) fn blame<'v>(err: Error, operands: impl IntoIterator<Item = &'v Val>) -> Error {
    blame_with(err, operands, std::iter::empty())
}

/// As [`blame`], with arguments that have names.
pub(crate) fn blame_with<'v>(
    err: Error,
    operands: impl IntoIterator<Item = &'v Val>,
    keywords: impl IntoIterator<Item = (String, Val)>,
) -> Error {
    let is_named = matches!(culprit(&err), Some(Culprit::Attribute(_)));
    let is_about =
        err.kind() == ErrorKind::UndefinedError || err.detail().is_some_and(|detail| detail.contains("ndefined"));
    if is_named || !is_about || err.line().is_some() {
        return err;
    }
    // Of what is filtered and an argument both may be undefined. A filter may have called a method, which has been blamed.
    let is_argument = matches!(culprit(&err), Some(Culprit::Argument | Culprit::Operand(1..)));
    let found: Vec<usize> =
        operands.into_iter().enumerate().filter(|(_, value)| value.is_undefined()).map(|(index, _)| index).collect();
    let argument = found.iter().copied().find(|index| !is_argument || *index > 0);
    let keyword = || keywords.into_iter().find(|(_, value)| value.is_undefined());
    let culprit = match argument.map(Culprit::Operand).or_else(|| keyword().map(|(name, _)| Culprit::Keyword(name))) {
        Some(culprit) => culprit,
        None => found.first().map_or(Culprit::Item, |index| Culprit::Operand(*index)),
    };
    err.with_source(culprit)
}

/// What was blamed for an error.
pub(crate) fn culprit(err: &Error) -> Option<&Culprit> {
    std::error::Error::source(err)?.downcast_ref()
}
