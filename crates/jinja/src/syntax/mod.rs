//! The Jinja2 front end: source text to a checked syntax tree.
//!
//! Lexer and parser follow Jinja2 3.1 rule by rule, but go on after a fault, so
//! that a webhook that is saved hears of all of them at once, and bound every
//! recursion, so that no source can overflow a stack.

pub(crate) mod ast;
mod expression;
mod lexer;
mod literal;
mod parser;
mod signature;
mod statement;
mod token;
pub(crate) mod walk;

pub(crate) use parser::{parse, parse_expression};

/// A fault in the source: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Byte offset into the normalised source.
    pub at: u32,
    /// What is wrong, for the author.
    pub message: String,
}

impl Fault {
    /// A fault at `at`.
    pub(crate) fn new(at: u32, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Source with line ends as `\n` and without one trailing line end, as Jinja2
/// reads it (`keep_trailing_newline` is off).
pub(crate) fn normalise(source: &str) -> String {
    let mut text =
        if source.contains('\r') { source.replace("\r\n", "\n").replace('\r', "\n") } else { source.to_owned() };
    if text.ends_with('\n') {
        text.pop();
    }
    text
}
