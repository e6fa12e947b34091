//! Where the text of a template ends and its tags begin, for the parts of a URL that must
//! stand in the text as they are.

/// A part of the source of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    /// Text that is printed as it stands, and how many blocks it is in.
    Text {
        /// Where it begins, in bytes.
        start: usize,
        /// The text.
        text: &'s str,
        /// Blocks around it, such as `if` and `for`.
        depth: usize,
    },
    /// A tag, an output or a comment.
    Tag,
}

/// Takes the source of a template that compiles apart.
pub(super) fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut at, mut depth) = (0, 0usize);
    while at < source.len() {
        let open = next_tag(source, at).unwrap_or(source.len());
        if open > at {
            pieces.push(Piece::Text { start: at, text: &source[at..open], depth });
        }
        if open == source.len() {
            break;
        }
        let close = tag_end(source, open);
        assert!(open < close && close <= source.len(), "a tag from {open} to {close}: what follows is read next");
        pieces.push(Piece::Tag);
        if source[open..].starts_with("{%") {
            let word = keyword(&source[open + 2..close]);
            if word.starts_with("end") {
                depth = depth.saturating_sub(1);
            } else if opens_block(word, &source[open..close]) {
                depth += 1;
            }
        }
        at = close;
    }
    pieces
}

/// Where the first tag, output or comment begins, in bytes.
pub(super) fn first_tag(source: &str) -> Option<usize> {
    next_tag(source, 0)
}

fn next_tag(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    (from..bytes.len().saturating_sub(1)).find(|at| bytes[*at] == b'{' && matches!(bytes[at + 1], b'{' | b'%' | b'#'))
}

/// Where the tag that begins at `open` ends; quotes and brackets within hide its end.
fn tag_end(source: &str, open: usize) -> usize {
    let bytes = source.as_bytes();
    let end = match bytes[open + 1] {
        b'#' => return source[open..].find("#}").map_or(source.len(), |at| open + at + 2),
        b'%' => b'%',
        _ => b'}',
    };
    let (mut at, mut nested, mut quote) = (open + 2, 0usize, None);
    while at < bytes.len() {
        match (bytes[at], quote) {
            (b'\\', Some(_)) => at += 1,
            (byte, Some(quoted)) if byte == quoted => quote = None,
            (_, Some(_)) => {}
            (byte @ (b'"' | b'\''), None) => quote = Some(byte),
            (byte, None) if byte == end && nested == 0 && bytes.get(at + 1) == Some(&b'}') => return at + 2,
            (b'{' | b'[' | b'(', None) => nested += 1,
            (b'}' | b']' | b')', None) => nested = nested.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    source.len()
}

fn keyword(tag: &str) -> &str {
    let tag = tag.trim_start_matches(['-', '+']).trim_start();
    let end = tag.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tag.len());
    &tag[..end]
}

/// Whether a tag opens a block; `set` does when it assigns nothing itself.
fn opens_block(word: &str, tag: &str) -> bool {
    match word {
        "if" | "for" | "macro" | "call" | "filter" | "with" | "block" | "autoescape" | "raw" => true,
        "set" => !tag.contains('='),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<(&str, usize)> {
        pieces(source)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Text { text, depth, .. } => Some((text, depth)),
                Piece::Tag => None,
            })
            .collect()
    }

    #[test]
    fn text_is_told_from_tags_with_its_depth() {
        assert_eq!(texts("plain"), [("plain", 0)]);
        assert_eq!(texts("a{{ b }}c{# d #}e"), [("a", 0), ("c", 0), ("e", 0)]);
        assert_eq!(texts("a{% if b %}c{% else %}d{% endif %}e"), [("a", 0), ("c", 1), ("d", 1), ("e", 0)]);
        assert_eq!(texts("{%- for a in b -%}x{%- endfor -%}y"), [("x", 1), ("y", 0)]);
        assert_eq!(texts("{% set a = 1 %}x{% set b %}y{% endset %}z"), [("x", 0), ("y", 1), ("z", 0)]);
        assert_eq!(texts("{ a { % }"), [("{ a { % }", 0)]);
    }

    #[test]
    fn quotes_and_brackets_hide_the_end_of_a_tag() {
        assert_eq!(texts("{{ '}}' }}a"), [("a", 0)]);
        assert_eq!(texts("{{ {'a': {}} }}b"), [("b", 0)]);
        assert_eq!(texts(r#"{{ "\"}}" }}c"#), [("c", 0)]);
        assert_eq!(texts("{% if '%}' %}d{% endif %}"), [("d", 1)]);
        assert_eq!(texts("{{ open"), []);
    }
}
