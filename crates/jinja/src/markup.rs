//! Markup as MarkupSafe reads and writes it: escaping, entities, tags.

use crate::python::text::is_space;

/// `text` with `& < > ' "` as MarkupSafe writes them.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

/// MarkupSafe's `striptags`: comments, tags and runs of blanks go, entities
/// become characters.
pub(crate) fn strip_tags(markup: &str) -> String {
    let without_comments = cut(markup, "<!--", "-->");
    let without_tags = cut(&without_comments, "<", ">");
    let words: Vec<&str> = without_tags.split(is_space).filter(|w| !w.is_empty()).collect();
    unescape(&words.join(" "))
}

/// Cuts out everything from `open` to the next `close`, also where a cut makes
/// a new `open`.
fn cut(markup: &str, open: &str, close: &str) -> String {
    let mut kept = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some(c) = rest.chars().next() {
        kept.push(c);
        rest = &rest[c.len_utf8()..];
        if !kept.ends_with(open) {
            continue;
        }
        // the end mark may begin inside the start mark, as in `<!-->` and `<!--->`
        let begins_inside = |inside: &usize| open.ends_with(&close[..*inside]) && rest.starts_with(&close[*inside..]);
        let end = match (1..close.len()).rev().find(begins_inside) {
            Some(inside) => Some(close.len() - inside),
            None => rest.find(close).map(|at| at + close.len()),
        };
        let Some(end) = end else {
            kept.push_str(rest);
            break;
        };
        kept.truncate(kept.len() - open.len());
        rest = &rest[end..];
    }
    kept
}

/// HTML entities that templates and descriptions use.
const ENTITIES: [(&str, &str); 24] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", "\u{a0}"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("hellip", "…"),
    ("mdash", "—"),
    ("ndash", "–"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("bull", "•"),
    ("middot", "·"),
    ("euro", "€"),
    ("pound", "£"),
    ("deg", "°"),
    ("times", "×"),
];

/// Those of [`ENTITIES`] that need no semicolon (HTML, "Named character references").
const OLD_ENTITIES: [&str; 13] =
    ["amp", "lt", "gt", "quot", "nbsp", "copy", "reg", "laquo", "raquo", "middot", "pound", "deg", "times"];

/// The numbers from 128 to 159, which HTML reads as Windows-1252 has them.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Entities as characters.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match entity(rest) {
            Some((shown, length)) => {
                out.push_str(&shown);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character that `text` begins with an entity for, and the entity's bytes.
fn entity(text: &str) -> Option<(String, usize)> {
    if let Some(after) = text.strip_prefix("&#") {
        return numbered_entity(after).map(|(shown, length)| (shown, "&#".len() + length));
    }
    let name_end = text[1..].find(|c| "\t\n\x0c <&#;".contains(c)).map_or(text.len(), |at| at + 1);
    if !text[name_end..].starts_with(';') {
        return unfinished_entity(&text[1..name_end]);
    }
    let known = ENTITIES.iter().find(|(known, _)| *known == &text[1..name_end])?;
    Some((known.1.to_owned(), name_end + 1))
}

/// The character that `text` begins with the name of, where no semicolon ends it, and the entity's bytes; HTML
/// knows only its oldest entities so.
fn unfinished_entity(text: &str) -> Option<(String, usize)> {
    let is_old = |name: &str| OLD_ENTITIES.contains(&name);
    let known = ENTITIES.iter().find(|(known, _)| is_old(known) && text.starts_with(known))?;
    Some((known.1.to_owned(), 1 + known.0.len()))
}

/// What stands after `&#`: digits, and a semicolon or none, read as Python's `html.unescape` does (HTML,
/// "Numeric character reference end state").
fn numbered_entity(text: &str) -> Option<(String, usize)> {
    let (radix, mark) = if text.starts_with(['x', 'X']) { (16, 1) } else { (10, 0) };
    let digits = text[mark..].chars().take_while(|c| c.is_digit(radix)).count();
    let (number, after) = text[mark..].split_at(digits);
    let length = mark + digits + usize::from(after.starts_with(';'));
    if digits == 0 {
        return None;
    }
    // Too large for a number is too large for a character.
    let code = u32::from_str_radix(number, radix).unwrap_or(u32::MAX);
    Some((named_by(code).map(String::from).unwrap_or_default(), length))
}

/// The character of a number; none for those that stand for no character.
fn named_by(code: u32) -> Option<char> {
    let is_unassigned = (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe;
    match code {
        0 | 0xd800..=0xdfff | 0x11_0000.. => Some(char::REPLACEMENT_CHARACTER),
        0x80..=0x9f => Some(WINDOWS_1252[code as usize - 0x80]),
        0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f => None,
        _ => char::from_u32(code).filter(|_| !is_unassigned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_signs_are_escaped_and_nothing_else() {
        assert_eq!(escape("<a b='c' d=\"e\">&amp;</a>"), "&lt;a b=&#39;c&#39; d=&#34;e&#34;&gt;&amp;amp;&lt;/a&gt;");
        assert_eq!((escape(""), escape("é☃/`=")), (String::new(), "é☃/`=".to_owned()));
    }

    #[test]
    fn what_is_escaped_comes_back() {
        for text in ["", "<>&'\"", "a < b && c > d", "&amp;", "&#65;", "é😀"] {
            assert_eq!(unescape(&escape(text)), text);
        }
    }

    #[test]
    fn every_entity_is_read_and_the_old_ones_without_their_end() {
        for (name, character) in ENTITIES {
            assert_eq!(unescape(&format!("a&{name};b")), format!("a{character}b"));
            let unfinished = format!("&{name} b");
            let wanted = if OLD_ENTITIES.contains(&name) { format!("{character} b") } else { unfinished.clone() };
            assert_eq!(unescape(&unfinished), wanted);
        }
        assert!(OLD_ENTITIES.iter().all(|old| ENTITIES.iter().any(|(name, _)| name == old)));
        for text in ["&", "&;", "&&", "& amp;", "&AMP;x", "&nope;", "a&b", "&amp\u{0}"] {
            let wanted = if text.starts_with("&amp") { "&\u{0}" } else { text };
            assert_eq!(unescape(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn tags_and_comments_are_cut_to_their_ends() {
        for (markup, text) in [
            ("", ""),
            ("a", "a"),
            ("<", "<"),
            ("<>", ""),
            ("a<b", "a<b"),
            ("a>b", "a>b"),
            ("a<b>c</b>d", "acd"),
            ("<!---->x", "x"),
            ("<!-->x", "x"),
            ("<!--->x", "x"),
            ("<!-- a > b -->x", "x"),
            ("<!-- a", "<!-- a"),
            ("a <!-- b --> c <!-- d --> e", "a c e"),
            ("&lt;b&gt;", "<b>"),
        ] {
            assert_eq!(strip_tags(markup), text, "{markup:?}");
        }
    }
}
