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
        // the end mark may begin inside the start mark, as in `<!-->`
        let inside = &open[open.len().min(2)..];
        let overlapping = close.starts_with(inside) && !inside.is_empty();
        let end = match rest.strip_prefix('>').filter(|_| overlapping) {
            Some(_) => Some(0),
            None => rest.find(close).map(|at| at + close.len() - 1),
        };
        let Some(end) = end else {
            kept.push_str(rest);
            break;
        };
        kept.truncate(kept.len() - open.len());
        rest = &rest[end + 1..];
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

fn entity(text: &str) -> Option<(String, usize)> {
    /// The longest entity that is looked for.
    const LENGTH_MAX: usize = 12;
    let end = text.char_indices().take(LENGTH_MAX).find(|(_, c)| *c == ';')?.0;
    let name = &text[1..end];
    let length = end + 1;
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return Some((char::from_u32(code)?.to_string(), length));
    }
    let known = ENTITIES.iter().find(|(known, _)| *known == name)?;
    Some((known.1.to_owned(), length))
}
