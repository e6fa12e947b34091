//! The text of `additional_headers` between the wire and the model: the values of sensitive
//! headers go out as `***`, and a `***` that comes back keeps the stored value.

use tenterhook_model::sensitive::is_sensitive_header;

/// What stands in for the value of a sensitive header.
const MASK: &str = "***";
/// Characters that end a line of the block, as the engine reads it (Python's `str.splitlines`).
const LINE_ENDS: [char; 10] =
    ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

/// A piece of a block.
enum Piece<'a> {
    /// Text that may be shown.
    Open(&'a str),
    /// A sensitive header: its name with the colon, its value, the end of its last line.
    Secret { name: &'a str, value: &'a str, end: &'a str },
}

/// The block as it may be shown.
pub(super) fn mask(block: &str) -> String {
    let shown = pieces(block).into_iter().map(|piece| match piece {
        Piece::Open(text) => text.to_owned(),
        Piece::Secret { name, value, end } if value.trim().is_empty() => format!("{name}{value}{end}"),
        Piece::Secret { name, end, .. } => format!("{name} {MASK}{end}"),
    });
    shown.collect()
}

/// The block with the stored value in place of each mask.
///
/// # Errors
/// The name of a masked header of which `stored` has no value.
pub(super) fn unmask(block: &str, stored: &str) -> Result<String, String> {
    let mut known: Vec<(&str, &str)> = pieces(stored).into_iter().filter_map(secret).collect();
    let mut whole = String::with_capacity(block.len());
    for piece in pieces(block) {
        match piece {
            Piece::Open(text) => whole.push_str(text),
            Piece::Secret { name, value, end } if value.trim() == MASK => {
                let is_same = |(other, _): &(&str, &str)| bare(other).eq_ignore_ascii_case(bare(name));
                let place = known.iter().position(is_same).ok_or_else(|| bare(name).to_owned())?;
                // Of a name that stands there twice, each mask takes the value in its place.
                whole.extend([name, known.remove(place).1, end]);
            }
            Piece::Secret { name, value, end } => whole.extend([name, value, end]),
        }
    }
    Ok(whole)
}

fn secret(piece: Piece<'_>) -> Option<(&str, &str)> {
    match piece {
        // A blank value is shown as it is, so no mask stands for it.
        Piece::Secret { name, value, .. } if !value.trim().is_empty() => Some((name, value)),
        Piece::Secret { .. } | Piece::Open(_) => None,
    }
}

/// The name of a header in the text before its value: what follows the last tag of the template.
fn bare(name: &str) -> &str {
    name.trim_end_matches(':').rsplit('}').next().unwrap_or_default().trim()
}

fn pieces(block: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut lines = block.split_inclusive(LINE_ENDS).peekable();
    let mut at = 0;
    while let Some(line) = lines.next() {
        let start = at;
        at += line.len();
        let Some(colon) = line.find(':').filter(|colon| is_sensitive_header(bare(&line[..*colon]))) else {
            pieces.push(Piece::Open(line));
            continue;
        };
        let value_start = start + colon + 1;
        // A tag that goes on over the end of the line belongs to the value.
        while is_inside_tag(&block[value_start..at]) {
            let Some(next) = lines.next() else { break };
            at += next.len();
        }
        let value = block[value_start..at].trim_end_matches(LINE_ENDS);
        let end = &block[value_start + value.len()..at];
        pieces.push(Piece::Secret { name: &block[start..value_start], value, end });
    }
    pieces
}

/// Whether a tag of a template begins in `text` and does not end there.
fn is_inside_tag(text: &str) -> bool {
    let begun = text.rfind("{{").max(text.rfind("{%"));
    let ended = text.rfind("}}").max(text.rfind("%}"));
    begun.is_some_and(|begun| ended.is_none_or(|ended| ended < begun))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_sensitive_headers_are_masked_and_nothing_else() {
        let block = "X-Site: ams\nAuthorization: Token hunter2\r\n\nno colon\nx-api-key:k\nX-B: {{ a }}";
        assert_eq!(mask(block), "X-Site: ams\nAuthorization: ***\r\n\nno colon\nx-api-key: ***\nX-B: {{ a }}");
        assert_eq!(mask("Authorization:\n"), "Authorization:\n");
        assert_eq!(mask(""), "");
    }

    #[test]
    fn a_tag_before_the_name_or_over_several_lines_hides_nothing() {
        assert_eq!(mask("{% if a %}Cookie: c{% endif %}\nX: 1"), "{% if a %}Cookie: ***\nX: 1");
        assert_eq!(mask("Cookie: {{ 'a'\n ~ 'hunter2' }}\nX: 1"), "Cookie: ***\nX: 1");
        assert_eq!(mask("Cookie: {{ 'a'\nX: hunter2"), "Cookie: ***");
    }

    #[test]
    fn a_mask_that_comes_back_keeps_the_stored_value() {
        let stored = "Cookie: a=1\nX-Site: ams\ncookie: b=2\nX-Token: {{ t }}\n";
        assert_eq!(unmask(&mask(stored), stored).unwrap(), stored);
        assert_eq!(unmask("X-Token: ***\nX-New: 1", stored).unwrap(), "X-Token: {{ t }}\nX-New: 1");
        assert_eq!(unmask("X-Token: other", stored).unwrap(), "X-Token: other");
        assert_eq!(unmask("X-Site: ***", stored).unwrap(), "X-Site: ***", "no mask: the name is open");
    }

    #[test]
    fn a_mask_without_a_stored_value_is_refused_by_its_name() {
        assert_eq!(unmask("X-Token: ***", "X-Site: ams"), Err("X-Token".to_owned()));
        assert_eq!(unmask("X-Token: ***\nX-Token: ***", "X-Token: 1"), Err("X-Token".to_owned()));
    }

    proptest! {
        #[test]
        fn what_was_masked_comes_back_whole(lines in prop::collection::vec("(Authorization|X-A|X-Key|b)[:]? ?[a-z{}%]{0,6}(\n|\r\n|\u{85})", 0..8)) {
            let stored: String = lines.concat();
            // A value that is blank is shown as it is; every other one comes from what is stored.
            prop_assert_eq!(unmask(&mask(&stored), &stored).unwrap(), stored);
        }
    }
}
