//! Python's `str`: `repr`, what counts as blank, where lines end.

/// Whether Python's `str.isspace` holds for `c`; what `strip` and `split` skip.
#[must_use]
pub fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\x1c'..=' ' | '\u{85}' | '\u{a0}' | '\u{1680}'
        | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Whether `c` ends a line for Python's `str.splitlines`.
#[must_use]
pub fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Splits as Python's `str.splitlines` does; `\r\n` ends one line.
#[must_use]
pub fn split_lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_line_end(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(&text[start..if keep_ends { end } else { at }]);
        start = end;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    debug_assert!(
        !keep_ends || lines.iter().map(|line| line.len()).sum::<usize>() == text.len(),
        "with their ends the lines are the whole text"
    );
    lines
}

/// Appends `repr(bytes)`: `b'…'` with escapes for all but printable ASCII.
pub fn write_bytes_repr(out: &mut String, bytes: &[u8]) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match char::from(*byte) {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c @ ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

/// Appends `repr(text)`: single quotes unless only they occur, escapes for what
/// Python does not hold to be printable.
pub fn write_repr(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.reserve(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            c if is_printable(c) => out.push(c),
            c => write_escape(out, c),
        }
    }
    out.push(quote);
}

/// `ascii` of what `repr` gave: what is not ASCII becomes an escape.
#[must_use]
pub fn in_ascii(repr: &str) -> String {
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            write_escape(&mut out, c);
        }
    }
    out
}

fn write_escape(out: &mut String, c: char) {
    let code = u32::from(c);
    let escape = match code {
        0..=0xff => format!("\\x{code:02x}"),
        0x100..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    };
    out.push_str(&escape);
}

/// Whether Python's `str.isprintable` holds for `c`: everything but the
/// categories Cc, Cf, Cs, Co, Cn, Zl, Zp and Zs (except the blank).
#[must_use]
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    !super::printable::is_hidden(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repr(text: &str) -> String {
        let mut out = String::new();
        write_repr(&mut out, text);
        out
    }

    #[test]
    fn strings_are_quoted_as_python_quotes_them() {
        assert_eq!(repr("a"), "'a'");
        assert_eq!(repr("it's"), "\"it's\"");
        assert_eq!(repr("it's \"x\""), "'it\\'s \"x\"'");
        assert_eq!(repr("a\n\t\r\\"), "'a\\n\\t\\r\\\\'");
        assert_eq!(repr("\u{0}\u{7f}\u{a0}é€😀"), "'\\x00\\x7f\\xa0é€😀'");
        assert_eq!(in_ascii(&repr("é€😀")), "'\\xe9\\u20ac\\U0001f600'");
        assert_eq!(repr("\u{200b}\u{e0001}"), "'\\u200b\\U000e0001'");
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        assert_eq!(split_lines("a\r\nb\u{2028}c\x0bd\n", false), ["a", "b", "c", "d"]);
        assert_eq!(split_lines("a\n\nb", true), ["a\n", "\n", "b"]);
        assert!(split_lines("", false).is_empty());
    }
}
