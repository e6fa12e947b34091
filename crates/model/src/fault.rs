//! What is wrong with a request: one fault a field, told all at once.

use std::borrow::Cow;
use std::fmt;

/// One thing that is wrong with what somebody sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path of the field, such as `request.headers[1].value`, from the message that was checked.
    pub field: String,
    /// What is wrong and what to do, without the field's name: `must be at most 2,000 characters`.
    pub message: String,
    /// What kind of fault it is, for the program that reads it.
    pub kind: FaultKind,
}

/// The kinds of fault that callers tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The value is not allowed.
    InvalidField,
    /// A template does not compile, at this place of its text.
    TemplateSyntax {
        /// Line from 1.
        line: u32,
        /// Column from 1; 0 when it is not known.
        column: u32,
    },
    /// The server could not check it now: it is busy. The value may be right.
    Unavailable,
    /// A URL leads where the server does not send.
    UrlForbidden {
        /// The host that was refused.
        host: String,
    },
}

impl Fault {
    /// A field whose value is not allowed.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), kind: FaultKind::InvalidField }
    }

    /// The same fault seen from the message that holds the field under `prefix`:
    /// `url` becomes `request.url`.
    pub fn under(mut self, prefix: &str) -> Self {
        self.field = if self.field.is_empty() {
            prefix.to_owned()
        } else if self.field.starts_with('[') {
            format!("{prefix}{}", self.field)
        } else {
            format!("{prefix}.{}", self.field)
        };
        self
    }
}

impl Fault {
    /// What is wrong and, in a template, where: `line 2, column 4: unexpected end`.
    pub fn placed_message(&self) -> Cow<'_, str> {
        match self.kind {
            FaultKind::TemplateSyntax { line, column: 0 } => format!("line {line}: {}", self.message).into(),
            FaultKind::TemplateSyntax { line, column } => {
                format!("line {line}, column {column}: {}", self.message).into()
            }
            FaultKind::InvalidField | FaultKind::Unavailable | FaultKind::UrlForbidden { .. } => {
                (&*self.message).into()
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.placed_message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_its_path_as_it_is_handed_outwards() {
        let fault = Fault::invalid("value", "must not be empty").under("[1]").under("headers").under("webhook.request");
        assert_eq!(fault.to_string(), "webhook.request.headers[1].value: must not be empty");
    }

    #[test]
    fn a_fault_of_a_template_says_where_it_is() {
        let at = |line, column| Fault {
            kind: FaultKind::TemplateSyntax { line, column },
            ..Fault::invalid("request.body", "unexpected end")
        };
        assert_eq!(at(2, 4).to_string(), "request.body: line 2, column 4: unexpected end");
        assert_eq!(at(2, 0).placed_message(), "line 2: unexpected end");
        assert_eq!(Fault::invalid("a", "must not be empty").placed_message(), "must not be empty");
    }
}
