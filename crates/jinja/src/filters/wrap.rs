//! `wordwrap` and `wordcount`: Python's `textwrap` without its options for tabs.

use minijinja::{Error, State};

use super::table::Table;
use super::text::{hard, soft};
use crate::methods::{Given, whole};
use crate::ops::{charge_bytes, text_of};
use crate::python::digit::decimal;
use crate::python::text::split_lines;
use crate::raise::error;
use crate::value::{Val, type_name};

pub(super) const TABLE: Table = &[("wordcount", word_count), ("wordwrap", word_wrap)];

fn word_count(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    let shown = text_of(state, value)?;
    let words = shown.split(|c| !is_word(c)).filter(|word| !word.is_empty());
    Ok(Val::from(words.count()))
}

struct Wrap {
    width: usize,
    break_long: bool,
    break_hyphens: bool,
}

fn word_wrap(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [width, break_long, between, break_hyphens] =
        given.bind(["width", "break_long_words", "wrapstring", "break_on_hyphens"], 0)?;
    if value.kind() != minijinja::value::ValueKind::String {
        return Err(error(format!("wordwrap needs a str, not {}", type_name(value))));
    }
    let (shown, safe) = soft(state, value)?;
    let width = width.map_or(Ok(79), |width| whole(&width))?;
    let between = match between.filter(|between| between.is_true()) {
        Some(between) => text_of(state, &between)?,
        None => "\n".to_owned(),
    };
    let width = usize::try_from(width).ok().filter(|width| *width > 0);
    let wrap = Wrap {
        width: width.ok_or_else(|| error("invalid width (must be > 0)"))?,
        break_long: break_long.is_none_or(|flag| flag.is_true()),
        break_hyphens: break_hyphens.is_none_or(|flag| flag.is_true()),
    };
    charge_bytes(state, 16 * shown.len())?;
    let mut out = String::new();
    for (i, line) in split_lines(&shown, false).into_iter().enumerate() {
        if i > 0 {
            out.push_str(&between);
        }
        for (j, part) in wrap.lines(line).iter().enumerate() {
            charge_bytes(state, between.len() + part.len())?;
            if j > 0 {
                out.push_str(&between);
            }
            out.push_str(part);
        }
    }
    Ok(hard(out, safe))
}

impl Wrap {
    /// `textwrap.wrap(line)`
    fn lines(&self, line: &str) -> Vec<String> {
        let mut chunks: Vec<String> = self.chunks(line);
        chunks.reverse();
        let mut lines: Vec<String> = Vec::new();
        while !chunks.is_empty() {
            let mut current: Vec<String> = Vec::new();
            let mut length = 0;
            if !lines.is_empty() && chunks.last().is_some_and(|chunk| is_blank(chunk)) {
                chunks.pop();
            }
            while let Some(chunk) = chunks.last() {
                let size = chunk.chars().count();
                if length + size > self.width {
                    break;
                }
                length += size;
                current.extend(chunks.pop());
            }
            if chunks.last().is_some_and(|chunk| chunk.chars().count() > self.width) {
                self.long_word(&mut chunks, &mut current, length);
            }
            if current.last().is_some_and(|chunk| is_blank(chunk)) {
                current.pop();
            }
            if !current.is_empty() {
                lines.push(current.concat());
            }
        }
        lines
    }

    fn long_word(&self, chunks: &mut Vec<String>, current: &mut Vec<String>, length: usize) {
        let Some(chunk) = chunks.pop() else {
            return;
        };
        if !self.break_long {
            if current.is_empty() {
                current.push(chunk);
            } else {
                chunks.push(chunk);
            }
            return;
        }
        let room = self.width.saturating_sub(length).max(usize::from(self.width < 1));
        let mut end = room;
        if self.break_hyphens && chunk.chars().count() > room {
            let head: Vec<char> = chunk.chars().take(room).collect();
            let hyphen = head.iter().rposition(|c| *c == '-');
            if let Some(hyphen) = hyphen
                && hyphen > 0
                && head[..hyphen].iter().any(|c| *c != '-')
            {
                end = hyphen + 1;
            }
        }
        let head: String = chunk.chars().take(end).collect();
        let tail: String = chunk.chars().skip(end).collect();
        current.push(head);
        chunks.push(tail);
    }

    /// Words and the blanks between them; words may break behind hyphens.
    fn chunks(&self, line: &str) -> Vec<String> {
        let blank = |c: char| matches!(c, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ');
        let mut chunks = Vec::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let is_blank = blank(first);
            let end = rest.find(|c| blank(c) != is_blank).unwrap_or(rest.len());
            let (chunk, after) = rest.split_at(end);
            if is_blank || !self.break_hyphens {
                chunks.push(chunk.to_owned());
            } else {
                hyphenated(chunk, &mut chunks);
            }
            rest = after;
        }
        chunks
    }
}

fn is_blank(chunk: &str) -> bool {
    chunk.trim().is_empty()
}

/// Cuts a word behind hyphens and around dashes (`--`), where `textwrap` cuts it.
fn hyphenated(word: &str, chunks: &mut Vec<String>) {
    let word = Word(word.chars().collect());
    let mut start = 0;
    while start < word.0.len() {
        let end = word.chunk_end(start);
        chunks.push(word.0[start..end].iter().collect());
        start = end;
    }
}

/// The characters of a word, as `wordsep_re` of Python's `textwrap` looks at them.
struct Word(Vec<char>);

impl Word {
    fn chunk_end(&self, start: usize) -> usize {
        if let Some(end) = self.dash_end(start) {
            return end;
        }
        for end in start + 1..self.0.len() {
            if self.is_hyphen(end) {
                return end + 1;
            }
            if self.dash_end(end).is_some() {
                return end;
            }
        }
        self.0.len()
    }

    /// Where the dash ends that begins at `at`, between words.
    fn dash_end(&self, at: usize) -> Option<usize> {
        if self.0[at] != '-' || !self.is_of_word(at.checked_sub(1)?) {
            return None;
        }
        let end = at + self.0[at..].iter().take_while(|c| **c == '-').count();
        (end - at >= 2 && self.0.get(end).is_some_and(|c| is_word(*c))).then_some(end)
    }

    /// Whether a word may be cut behind `at`: between two letters and more of them, as in `well-known` and `a-b-c`.
    fn is_hyphen(&self, at: usize) -> bool {
        let letter = |at: Option<usize>| at.is_some_and(|at| self.is_letter(at));
        let before = |back: usize| at.checked_sub(back);
        let is_short = || before(2).is_some_and(|at| self.0[at] == '-') && letter(before(3));
        let is_behind = letter(before(1)) && letter(before(2)) || self.is_of_word(at - 1) && is_short();
        let is_before = || {
            let second = if self.0.get(at + 2) == Some(&'-') { at + 3 } else { at + 2 };
            self.is_letter(at + 1) && self.is_letter(second)
        };
        self.0[at] == '-' && is_behind && is_before()
    }

    fn is_letter(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(|c| is_word(*c) && decimal(*c).is_none())
    }

    fn is_of_word(&self, at: usize) -> bool {
        is_word(self.0[at]) || "!\"'&.,?".contains(self.0[at])
    }
}

/// Python's `\w`.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
