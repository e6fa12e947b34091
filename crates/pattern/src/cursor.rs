//! A pattern being read, character by character, and what can be wrong with it.

use std::fmt;

/// Why a pattern is refused, in Python's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegexFault {
    /// What is wrong.
    pub message: String,
    /// Where, in characters from 0; `None` for the pattern as a whole.
    pub position: Option<usize>,
}

impl RegexFault {
    pub(super) fn at(position: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), position: Some(position) }
    }

    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), position: None }
    }
}

impl fmt::Display for RegexFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{} at position {position}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A place in a pattern.
#[derive(Debug)]
pub(super) struct Cursor {
    chars: Vec<char>,
    position: usize,
}

impl Cursor {
    pub(super) fn new(pattern: &str) -> Self {
        Self { chars: pattern.chars().collect(), position: 0 }
    }

    /// Characters read so far.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn seek(&mut self, position: usize) {
        debug_assert!(position <= self.chars.len(), "a place of the pattern, or its end");
        self.position = position;
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.position).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += 1;
        Some(next)
    }

    /// Reads `expected` if it comes next.
    pub(super) fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.position += usize::from(found);
        found
    }

    /// Reads characters while they are `wanted`, at most `most`.
    pub(super) fn take_while(&mut self, most: usize, wanted: impl Fn(char) -> bool) -> String {
        let start = self.position;
        while self.position - start < most && self.peek().is_some_and(&wanted) {
            self.position += 1;
        }
        self.chars[start..self.position].iter().collect()
    }

    /// The characters from `start` to here.
    pub(super) fn since(&self, start: usize) -> String {
        self.chars[start..self.position].iter().collect()
    }

    /// Reads up to `end` and over it.
    pub(super) fn until(&mut self, end: char, what: &str) -> Result<String, RegexFault> {
        let start = self.position;
        let text = self.take_while(usize::MAX, |c| c != end);
        if !self.eat(end) {
            let missing =
                if text.is_empty() { format!("missing {what}") } else { format!("missing {end}, unterminated name") };
            return Err(RegexFault::at(start, missing));
        }
        if text.is_empty() {
            return Err(RegexFault::at(start, format!("missing {what}")));
        }
        Ok(text)
    }
}
