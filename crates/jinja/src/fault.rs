//! Faults of a template, as its author sees them: line, column, what is wrong,
//! and the source line with a caret below it.

use std::fmt;

use super::syntax::Fault;

/// A fault found when a template is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// The line of the source.
    pub source_line: String,
}

/// Characters of a source line that are shown at most.
const SHOWN_MAX: usize = 120;

impl TemplateFault {
    pub(super) fn new(source: &str, fault: &Fault) -> Self {
        let place = Place::of(source, fault.at);
        Self { line: place.line, column: place.column, message: fault.message.clone(), source_line: place.text }
    }

    /// A fault of the whole source.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { line: 1, column: 1, message: message.into(), source_line: String::new() }
    }

    /// The source line, and below it a caret at the column.
    #[must_use]
    pub fn excerpt(&self) -> String {
        excerpt(&self.source_line, self.column)
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Why a render failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderErrorKind {
    /// The template does something that Python or Jinja2 refuses.
    Template,
    /// A limit of work, depth or output was reached.
    Limit,
}

/// A render that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct RenderError {
    /// Why.
    pub kind: RenderErrorKind,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What went wrong; never holds values of the event.
    pub message: String,
    /// The line of the source.
    pub source_line: String,
}

impl RenderError {
    pub(super) fn at(source: &str, at: u32, kind: RenderErrorKind, message: String) -> Self {
        let place = Place::of(source, at);
        Self { kind, line: place.line, column: place.column, message, source_line: place.text }
    }

    /// The source line, and below it a caret at the column.
    #[must_use]
    pub fn excerpt(&self) -> String {
        excerpt(&self.source_line, self.column)
    }
}

struct Place {
    line: u32,
    column: u32,
    text: String,
}

impl Place {
    fn of(source: &str, at: u32) -> Self {
        let mut at = (at as usize).min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        let before = &source[..at];
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            line: count(before.matches('\n').count() + 1),
            column: count(before[start..].chars().count() + 1),
            text: source[start..].lines().next().unwrap_or_default().to_owned(),
        }
    }
}

fn excerpt(line: &str, column: u32) -> String {
    let column = column.saturating_sub(1) as usize;
    // a long line is cut so that the caret stays in view
    let skipped = if column >= SHOWN_MAX { column - SHOWN_MAX / 2 } else { 0 };
    let shown: String =
        line.chars().skip(skipped).take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{shown}\n{}^", " ".repeat(column - skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_below_the_fault() {
        let fault = TemplateFault::new("ab\nc {{ é? }}", &Fault::new(10, "unexpected character"));
        assert_eq!((fault.line, fault.column), (2, 7));
        assert_eq!(fault.excerpt(), "c {{ é? }}\n      ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let fault = TemplateFault::new(&"x".repeat(1000), &Fault::new(500, "here"));
        let excerpt = fault.excerpt();
        let (line, caret) = excerpt.split_once('\n').unwrap();
        assert_eq!(line.len(), 120);
        assert_eq!(caret.len(), 61);
    }

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        for (source, at, line, column, text) in [
            ("", 0, 1, 1, ""),
            ("abc", 0, 1, 1, "abc"),
            ("abc", 3, 1, 4, "abc"),
            ("abc", 99, 1, 4, "abc"),
            ("a\nb", 1, 1, 2, "a"),
            ("a\nb", 2, 2, 1, "b"),
            ("a\n", 2, 2, 1, ""),
            ("\n\n\nx", 3, 4, 1, "x"),
            ("é☃x", 5, 1, 3, "é☃x"),
            ("é", 1, 1, 1, "é"),
            ("a\r\nb", 3, 2, 1, "b"),
        ] {
            let fault = TemplateFault::new(source, &Fault::new(at, "here"));
            let place = (fault.line, fault.column, fault.source_line.as_str());
            assert_eq!(place, (line, column, text), "{source:?} at {at}");
        }
    }

    #[test]
    fn a_line_is_cut_only_where_its_caret_would_be_out_of_sight() {
        let shown = |at: u32| {
            let text = TemplateFault::new(&"x".repeat(500), &Fault::new(at, "here")).excerpt();
            let (line, caret) = text.split_once('\n').unwrap();
            (line.len(), caret.len())
        };
        assert_eq!((shown(0), shown(119)), ((120, 1), (120, 120)));
        assert_eq!((shown(120), shown(121)), ((120, 61), (120, 61)));
        assert_eq!(shown(500), (60, 61), "behind the last character");
        let control = TemplateFault { line: 1, column: 3, message: "m".into(), source_line: "a\tb\u{1b}c".into() };
        assert_eq!(
            (control.excerpt(), control.to_string()),
            ("a b c\n  ^".to_owned(), "line 1, column 3: m".to_owned())
        );
    }
}
