//! Character classes: `[a-z]`, written again so that nothing in them has a meaning that
//! Python does not know (`&&`, `--`, `~~`, nested brackets).

use super::cursor::{Cursor, RegexFault};
use super::escape::{self, Escape};

/// Bytes of a compiled character, whatever its case (measured with regex-automata 0.4).
pub(super) const CHAR_BYTES: usize = 240;
/// Bytes of a compiled class that holds most of Unicode (measured likewise).
pub(super) const NEGATED_BYTES: usize = 1_024;

/// Reads a class of which the opening bracket was read, and appends it to `out`; gives the
/// bytes that it takes when compiled.
pub(super) fn read(cursor: &mut Cursor, ascii: bool, out: &mut String) -> Result<usize, RegexFault> {
    let start = cursor.position() - 1;
    let unterminated = || RegexFault::at(start, "unterminated character set");
    out.push('[');
    let mut bytes = CHAR_BYTES;
    if cursor.eat('^') {
        out.push('^');
        bytes = NEGATED_BYTES;
    }
    let first = cursor.position();
    loop {
        let at = cursor.position();
        let next = cursor.next().ok_or_else(unterminated)?;
        if next == ']' && at != first {
            break;
        }
        let low = item(cursor, next)?;
        bytes += match low {
            Escape::Category(category, _) => category.bytes(ascii),
            _ => CHAR_BYTES,
        };
        if cursor.peek() != Some('-') {
            push_item(out, low, ascii);
            continue;
        }
        cursor.next();
        let next = cursor.next().ok_or_else(unterminated)?;
        if next == ']' {
            push_item(out, low, ascii);
            push_char(out, '-');
            break;
        }
        let high = item(cursor, next)?;
        match (low, high) {
            (Escape::Literal(low), Escape::Literal(high)) if low <= high => {
                push_char(out, low);
                out.push('-');
                push_char(out, high);
            }
            _ => return Err(RegexFault::at(at, format!("bad character range {}", cursor.since(at)))),
        }
    }
    out.push(']');
    Ok(bytes)
}

fn item(cursor: &mut Cursor, first: char) -> Result<Escape, RegexFault> {
    if first == '\\' { escape::read(cursor, true) } else { Ok(Escape::Literal(first)) }
}

fn push_item(out: &mut String, item: Escape, ascii: bool) {
    match item {
        Escape::Literal(c) => push_char(out, c),
        Escape::Category(category, true) => out.push_str(category.members(ascii)),
        Escape::Category(category, false) => {
            out.push_str("[^");
            out.push_str(category.members(ascii));
            out.push(']');
        }
        Escape::Start | Escape::End | Escape::Boundary(_) | Escape::Reference(_) => {
            unreachable!("these escapes are refused within a class")
        }
    }
}

/// Appends a character by its number unless it is a letter, a digit or beyond ASCII.
pub(super) fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{:02x}", u32::from(c)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        let mut cursor = Cursor::new(text);
        cursor.next();
        let mut out = String::new();
        read(&mut cursor, false, &mut out).unwrap();
        assert_eq!(cursor.peek(), None);
        out
    }

    #[test]
    fn signs_are_written_by_their_number() {
        assert_eq!(class("[a&&b]"), r"[a\x26\x26b]");
        assert_eq!(class("[]a]"), r"[\x5da]");
        assert_eq!(class("[^-a]"), r"[^\x2da]");
        assert_eq!(class("[a-]"), r"[a\x2d]");
        assert_eq!(class(r"[\w-]"), r"[\p{L}\p{N}_\x2d]");
        assert_eq!(class(r"[^\W]"), r"[^[^\p{L}\p{N}_]]");
    }
}
