//! Escapes, outside of classes and inside.

use super::cursor::{Cursor, RegexFault};

/// What a backslash and its letter stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// A character.
    Literal(char),
    /// `\d`, `\w`, `\s` and their opposites.
    Category(Category, bool),
    /// `\A`.
    Start,
    /// `\Z`.
    End,
    /// `\b`, or `\B` when negated.
    Boundary(bool),
    /// `\1` to `\99`.
    Reference(usize),
}

/// A kind of character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Digit,
    Word,
    Space,
}

impl Category {
    /// Its members, as they stand in a class. Python's letters and digits are those for
    /// which `str.isalnum` holds, its blanks those for which `str.isspace` does.
    pub(super) fn members(self, ascii: bool) -> &'static str {
        match (self, ascii) {
            (Self::Digit, false) => r"\p{Nd}",
            (Self::Digit, true) => "0-9",
            (Self::Word, false) => r"\p{L}\p{N}_",
            (Self::Word, true) => "a-zA-Z0-9_",
            (Self::Space, false) => r"\p{White_Space}\x1c-\x1f",
            (Self::Space, true) => r" \t\n\r\x0b\x0c",
        }
    }
}

impl Category {
    /// Bytes of the compiled class or its opposite (measured with regex-automata 0.4).
    pub(super) fn bytes(self, ascii: bool) -> usize {
        match (self, ascii) {
            (Self::Word, false) => 48 * 1_024,
            (Self::Digit, false) => 13 * 1_024,
            (Self::Space, false) => 2 * 1_024,
            (_, true) => 1_024,
        }
    }
}

/// Reads an escape of which the backslash was read.
pub(super) fn read(cursor: &mut Cursor, in_class: bool) -> Result<Escape, RegexFault> {
    let start = cursor.position() - 1;
    let letter = cursor.next().ok_or_else(|| RegexFault::at(start, "bad escape (end of pattern)"))?;
    Ok(match letter {
        'd' => Escape::Category(Category::Digit, true),
        'D' => Escape::Category(Category::Digit, false),
        'w' => Escape::Category(Category::Word, true),
        'W' => Escape::Category(Category::Word, false),
        's' => Escape::Category(Category::Space, true),
        'S' => Escape::Category(Category::Space, false),
        'a' => Escape::Literal('\x07'),
        'b' if in_class => Escape::Literal('\x08'),
        'f' => Escape::Literal('\x0c'),
        'n' => Escape::Literal('\n'),
        'r' => Escape::Literal('\r'),
        't' => Escape::Literal('\t'),
        'v' => Escape::Literal('\x0b'),
        'A' if !in_class => Escape::Start,
        'Z' if !in_class => Escape::End,
        'b' => Escape::Boundary(true),
        'B' if !in_class => Escape::Boundary(false),
        'x' => hexadecimal(cursor, start, 2)?,
        'u' => hexadecimal(cursor, start, 4)?,
        'U' => hexadecimal(cursor, start, 8)?,
        'N' => return Err(RegexFault::at(start, r"bad escape \N: names of characters are not known; use \u")),
        '0'..='9' => digits(cursor, letter, start, in_class)?,
        letter if letter.is_ascii_alphabetic() => return Err(RegexFault::at(start, format!(r"bad escape \{letter}"))),
        other => Escape::Literal(other),
    })
}

fn hexadecimal(cursor: &mut Cursor, start: usize, length: usize) -> Result<Escape, RegexFault> {
    let digits = cursor.take_while(length, |c| c.is_ascii_hexdigit());
    if digits.len() < length {
        return Err(RegexFault::at(start, format!("incomplete escape {}", cursor.since(start))));
    }
    u32::from_str_radix(&digits, 16)
        .ok()
        .and_then(char::from_u32)
        .map(Escape::Literal)
        .ok_or_else(|| RegexFault::at(start, format!("bad escape {}", cursor.since(start))))
}

/// Octal numbers and references to groups, which look alike: `\0`, `\012` and `\123` are
/// octal, other digits name a group; in a class only octal numbers are allowed.
fn digits(cursor: &mut Cursor, first: char, start: usize, in_class: bool) -> Result<Escape, RegexFault> {
    let octal = |c: char| ('0'..='7').contains(&c);
    if first == '0' || in_class {
        if !octal(first) {
            return Err(RegexFault::at(start, format!(r"bad escape \{first}")));
        }
        cursor.take_while(2, octal);
        return octal_value(cursor, start);
    }
    if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        let second = cursor.next().expect("it was peeked at");
        if octal(first) && octal(second) && cursor.peek().is_some_and(octal) {
            cursor.next();
            return octal_value(cursor, start);
        }
    }
    let number = cursor.since(start + 1).parse().expect("one or two digits are a number");
    Ok(Escape::Reference(number))
}

fn octal_value(cursor: &Cursor, start: usize) -> Result<Escape, RegexFault> {
    let text = cursor.since(start);
    match u32::from_str_radix(&text[1..], 8) {
        Ok(value @ 0..=0o377) => Ok(Escape::Literal(char::from_u32(value).expect("0 to 255 are characters"))),
        _ => Err(RegexFault::at(start, format!("octal escape value {text} outside of range 0-0o377"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escape(text: &str, in_class: bool) -> Result<Escape, String> {
        let mut cursor = Cursor::new(text);
        cursor.next();
        read(&mut cursor, in_class).map_err(|fault| fault.message)
    }

    #[test]
    fn digits_are_octal_or_a_group() {
        assert_eq!(escape(r"\0", false), Ok(Escape::Literal('\0')));
        assert_eq!(escape(r"\012", false), Ok(Escape::Literal('\n')));
        assert_eq!(escape(r"\101", false), Ok(Escape::Literal('A')));
        assert_eq!(escape(r"\1", false), Ok(Escape::Reference(1)));
        assert_eq!(escape(r"\12", false), Ok(Escape::Reference(12)));
        assert_eq!(escape(r"\189", false), Ok(Escape::Reference(18)));
        assert_eq!(escape(r"\1", true), Ok(Escape::Literal('\x01')));
        assert!(escape(r"\8", true).is_err());
        assert!(escape(r"\777", false).unwrap_err().contains("octal escape value"));
    }

    #[test]
    fn letters_without_a_meaning_are_refused_and_signs_stand_for_themselves() {
        assert_eq!(escape(r"\-", false), Ok(Escape::Literal('-')));
        assert_eq!(escape(r"\ü", false), Ok(Escape::Literal('ü')));
        assert_eq!(escape(r"\b", true), Ok(Escape::Literal('\x08')));
        assert_eq!(escape(r"\b", false), Ok(Escape::Boundary(true)));
        for bad in [r"\q", r"\z", r"\y", r"\N{DASH}", r"\ud800", r"\U00110000"] {
            assert!(escape(bad, false).is_err(), "{bad}");
        }
        assert!(escape(r"\A", true).is_err());
    }
}
