//! Source text to tokens, by the rules of Jinja2's lexer: whitespace control,
//! raw blocks, comments, and tag ends that count only outside brackets.

use super::Fault;
use super::literal;
use super::token::{Tok, Token};

/// Operators, longest first.
const OPERATORS: [&str; 27] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",", ";", "!",
];

/// All tokens of `source` (normalised), the last one [`Tok::End`], and the
/// faults met on the way.
pub(crate) fn tokenise(source: &str) -> (Vec<Token>, Vec<Fault>) {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), faults: Vec::new() };
    while lexer.at < source.len() {
        let before = lexer.at;
        lexer.text();
        debug_assert!(before < lexer.at && lexer.at <= source.len(), "each step reads on, and not beyond the end");
    }
    lexer.push(Tok::End, lexer.at);
    (lexer.tokens, lexer.faults)
}

/// The tokens of a lone expression.
pub(crate) fn tokenise_expression(source: &str) -> (Vec<Token>, Vec<Fault>) {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), faults: Vec::new() };
    let mut open = Vec::new();
    loop {
        lexer.skip_blanks();
        if lexer.at >= source.len() {
            break;
        }
        lexer.one_token(&mut open);
    }
    lexer.push(Tok::End, lexer.at);
    (lexer.tokens, lexer.faults)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
    faults: Vec<Fault>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn push(&mut self, tok: Tok, at: usize) {
        let at = offset(at);
        debug_assert!(self.tokens.last().is_none_or(|last| last.at <= at), "tokens come in the order of the source");
        self.tokens.push(Token { tok, at });
    }

    fn fault(&mut self, at: usize, message: impl Into<String>) {
        self.faults.push(Fault::new(offset(at), message));
    }

    /// Text up to the next tag, then the tag.
    fn text(&mut self) {
        let rest = self.rest();
        let start = self.at;
        let Some(found) = find_tag(rest) else {
            self.push_text(rest, start);
            self.at = self.source.len();
            return;
        };
        let sign = rest[found + 2..].chars().next();
        let text = &rest[..found];
        let text = if sign == Some('-') { trim_end(text) } else { text };
        self.push_text(text, start);
        self.at += found;
        match &rest[found..found + 2] {
            "{#" => self.comment(),
            "{%" => match raw_tag(&rest[found..], "raw") {
                Some((length, strip)) => self.raw(length, strip),
                None => self.tag(Tok::BlockStart, "%}", Tok::BlockEnd),
            },
            _ => self.tag(Tok::VarStart, "}}", Tok::VarEnd),
        }
    }

    fn push_text(&mut self, text: &str, at: usize) {
        if !text.is_empty() {
            self.push(Tok::Text(text.to_owned()), at);
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        let Some(end) = self.rest()[2..].find("#}") else {
            self.fault(start, "missing end of comment tag");
            self.at = self.source.len();
            return;
        };
        let strip = self.rest()[2..2 + end].ends_with('-');
        self.at += 2 + end + 2;
        if strip {
            self.skip_blanks();
        }
    }

    fn raw(&mut self, opening: usize, strip: bool) {
        let start = self.at;
        self.at += opening;
        if strip {
            self.skip_blanks();
        }
        let body = self.at;
        let mut search = body;
        while let Some(found) = self.source[search..].find("{%") {
            let tag = search + found;
            if let Some((length, strip_after)) = raw_tag(&self.source[tag..], "endraw") {
                let text = &self.source[body..tag];
                let strip_before = self.source[tag + 2..].starts_with('-');
                self.push_text(if strip_before { trim_end(text) } else { text }, body);
                self.at = tag + length;
                if strip_after {
                    self.skip_blanks();
                }
                return;
            }
            search = tag + 2;
        }
        self.fault(start, "missing end of raw directive");
        self.at = self.source.len();
    }

    fn tag(&mut self, start: Tok, end: &str, end_tok: Tok) {
        self.push(start, self.at);
        self.at += 2;
        if matches!(self.rest().chars().next(), Some('-' | '+')) {
            self.at += 1;
        }
        let mut open = Vec::new();
        loop {
            self.skip_blanks();
            if self.at >= self.source.len() {
                return;
            }
            if open.is_empty() && self.tag_end(end, &end_tok) {
                return;
            }
            self.one_token(&mut open);
        }
    }

    fn tag_end(&mut self, end: &str, end_tok: &Tok) -> bool {
        let rest = self.rest();
        let signed = rest.starts_with('-') || (rest.starts_with('+') && end == "%}");
        let sign = usize::from(signed);
        if !rest[sign..].starts_with(end) {
            return false;
        }
        let strip = rest.starts_with('-');
        self.push(end_tok.clone(), self.at);
        self.at += sign + end.len();
        if strip {
            self.skip_blanks();
        }
        true
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(crate::python::text::is_space).len();
    }

    fn one_token(&mut self, open: &mut Vec<char>) {
        let (rest, at) = (self.rest(), self.at);
        let first = rest.chars().next().expect("the caller checked for the end");
        if first.is_ascii_digit() {
            self.number();
        } else if first == '_' || first.is_alphanumeric() {
            let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
            self.push(Tok::Name(rest[..length].to_owned()), at);
            self.at += length;
        } else if first == '"' || first == '\'' {
            self.string(first);
        } else if let Some(op) = OPERATORS.iter().find(|op| rest.starts_with(**op)) {
            self.at += op.len();
            if *op == "!" {
                self.bad(at, "unexpected character '!'");
                return;
            }
            match balance(open, op) {
                Ok(()) => self.push(Tok::Op(op), at),
                Err(message) => self.bad(at, &message),
            }
        } else {
            self.at += first.len_utf8();
            self.bad(at, &format!("unexpected character {first:?}"));
        }
    }

    fn bad(&mut self, at: usize, message: &str) {
        self.fault(at, message);
        self.push(Tok::Bad, at);
    }

    fn string(&mut self, quote: char) {
        let (rest, at) = (self.rest(), self.at);
        let mut escaped = false;
        let end = rest[1..].find(|c| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            self.at = self.source.len();
            self.bad(at, "a string is not closed");
            return;
        };
        self.at += end + 2;
        match literal::unescape(&rest[1..=end]) {
            Ok(text) => self.push(Tok::Str(text), at),
            Err(message) => self.bad(at, &message),
        }
    }

    fn number(&mut self) {
        let (rest, at) = (self.rest(), self.at);
        // a digit directly after a dot is a subscript: `list.0.1`
        let after_dot = self.source[..at].ends_with('.');
        if let Some(length) = (!after_dot).then(|| float_length(rest)).flatten() {
            self.at += length;
            let value = rest[..length].replace('_', "").parse();
            self.push(Tok::Float(value.unwrap_or(f64::NAN)), at);
            return;
        }
        let length = integer_length(rest);
        self.at += length;
        match literal::integer(&rest[..length]) {
            Ok(digits) => self.push(Tok::Int(digits), at),
            Err(message) => self.bad(at, &message),
        }
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("the source is at most 64 KiB")
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches(crate::python::text::is_space)
}

fn find_tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len().saturating_sub(1)).find(|i| bytes[*i] == b'{' && matches!(bytes[i + 1], b'{' | b'%' | b'#'))
}

/// Length of a `{% raw %}` or `{% endraw %}` tag at the start of `text`, and
/// whether it strips what follows.
fn raw_tag(text: &str, name: &str) -> Option<(usize, bool)> {
    let blank = crate::python::text::is_space;
    let inner = text[2..].strip_prefix(['-', '+']).unwrap_or(&text[2..]);
    let after = inner.trim_start_matches(blank).strip_prefix(name)?;
    let after = after.trim_start_matches(blank);
    let strip = after.starts_with('-');
    let keep = name == "endraw" && after.starts_with('+');
    let after = if strip || keep { &after[1..] } else { after };
    let after = after.strip_prefix("%}")?;
    Some((text.len() - after.len(), strip))
}

fn balance(open: &mut Vec<char>, op: &str) -> Result<(), String> {
    match op {
        "(" => open.push(')'),
        "[" => open.push(']'),
        "{" => open.push('}'),
        ")" | "]" | "}" => match open.pop() {
            Some(expected) if op.starts_with(expected) => {}
            Some(expected) => return Err(format!("unexpected '{op}', expected '{expected}'")),
            None => return Err(format!("unexpected '{op}'")),
        },
        _ => {}
    }
    Ok(())
}

/// Length of `(\d+_)*\d+` at the start of `text`.
fn digits_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let underscore = bytes[end] == b'_'
            && end > 0
            && bytes[end - 1].is_ascii_digit()
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !bytes[end].is_ascii_digit() && !underscore {
            break;
        }
        end += 1;
    }
    end
}

fn float_length(text: &str) -> Option<usize> {
    let mut end = digits_length(text);
    let mut is_float = false;
    if text[end..].starts_with('.') {
        let fraction = digits_length(&text[end + 1..]);
        if fraction > 0 {
            end += 1 + fraction;
            is_float = true;
        }
    }
    if text[end..].starts_with(['e', 'E']) {
        let signed = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits_length(&text[end + 1 + signed..]);
        if exponent > 0 {
            end += 1 + signed + exponent;
            is_float = true;
        }
    }
    is_float.then_some(end)
}

fn integer_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let prefixed = |digit: fn(&u8) -> bool| {
        let body = &bytes[2..];
        let count = body
            .iter()
            .enumerate()
            .take_while(|(i, b)| digit(b) || (**b == b'_' && body.get(i + 1).is_some_and(digit)))
            .count();
        (count > 0).then_some(2 + count)
    };
    let special = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => prefixed(u8::is_ascii_hexdigit),
        Some("0o") => prefixed(|b| (b'0'..=b'7').contains(b)),
        Some("0b") => prefixed(|b| matches!(b, b'0' | b'1')),
        _ => None,
    };
    if let Some(length) = special {
        return length;
    }
    if bytes[0] != b'0' {
        return digits_length(text);
    }
    // 0(_?0)*
    let zeros = bytes.iter().take_while(|b| matches!(b, b'0' | b'_')).count();
    text[..zeros].trim_end_matches('_').len()
}
