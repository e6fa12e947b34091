//! Patterns for event types, object types and hosts: `*` stands for any characters but a
//! dot, `**` for any characters. Case counts.

use tenterhook_model::limits;

/// A pattern, parted into what stands as it is and what stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    /// `*`.
    Segment,
    /// `**`.
    Anything,
}

impl Pattern {
    /// Takes a pattern apart.
    ///
    /// # Errors
    /// Says, for a fault's message, why the text is no pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let chars = text.chars().count();
        if chars == 0 {
            return Err("must not be empty; `**` stands for anything".to_owned());
        }
        if chars > limits::TYPE_CHARS {
            return Err(format!("is {chars} characters long; at most {} are allowed", limits::TYPE_CHARS));
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("must not contain blanks or control characters".to_owned());
        }
        if text.contains("***") {
            return Err("has three stars in a row; `**` stands for anything, `*` for anything but a dot".to_owned());
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("**") {
                parts.push(Part::Anything);
                rest = after;
            } else if let Some(after) = rest.strip_prefix('*') {
                parts.push(Part::Segment);
                rest = after;
            } else {
                let end = rest.find('*').unwrap_or(rest.len());
                debug_assert!(end > 0, "a part takes at least one character of {rest:?}, so reading on ends");
                parts.push(Part::Text(rest[..end].into()));
                rest = &rest[end..];
            }
        }
        Ok(Self { parts })
    }

    /// Whether the pattern has no star, so that one text alone matches.
    pub(crate) fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether the pattern begins with this text, before any star.
    pub(crate) fn begins_with(&self, text: &str) -> bool {
        matches!(self.parts.first(), Some(Part::Text(first)) if first.starts_with(text))
    }

    /// Whether `text` as a whole matches.
    pub fn matches(&self, text: &str) -> bool {
        match self.parts.as_slice() {
            [Part::Text(only)] => **only == *text,
            [Part::Anything] => true,
            [Part::Text(prefix), Part::Anything] => text.starts_with(&**prefix),
            parts => matches_from(parts, text),
        }
    }
}

/// Follows all ways through the parts at once: `reached` holds the offsets of `text` at
/// which the parts so far can end, so the work is bounded by parts times text.
fn matches_from(parts: &[Part], text: &str) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        match part {
            Part::Text(literal) => {
                for at in (0..=text.len()).filter(|at| reached[*at]) {
                    if text[at..].starts_with(&**literal) {
                        next[at + literal.len()] = true;
                    }
                }
            }
            Part::Anything => {
                let first = reached.iter().position(|reached| *reached).unwrap_or(next.len());
                for (at, next) in next.iter_mut().enumerate().skip(first) {
                    *next = text.is_char_boundary(at);
                }
            }
            Part::Segment => {
                let mut open = false;
                for at in 0..=text.len() {
                    open |= reached[at];
                    next[at] = open && text.is_char_boundary(at);
                    open &= text.as_bytes().get(at) != Some(&b'.');
                }
            }
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether `text` matches, by the definition: slow, and without offsets.
    fn defined(pattern: &str, text: &str) -> bool {
        if let Some(rest) = pattern.strip_prefix("**") {
            return text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| defined(rest, &text[at..]));
        }
        if let Some(rest) = pattern.strip_prefix('*') {
            let segment = text.split('.').next().unwrap_or_default();
            return segment
                .char_indices()
                .map(|(at, _)| at)
                .chain([segment.len()])
                .any(|at| defined(rest, &text[at..]));
        }
        match (pattern.chars().next(), text.chars().next()) {
            (None, None) => true,
            (Some(wanted), Some(found)) if wanted == found => {
                defined(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
            }
            _ => false,
        }
    }

    #[test]
    fn a_star_stops_at_a_dot_and_two_stars_do_not() {
        let cases = [
            ("created", "created", true),
            ("created", "Created", false),
            ("created", "create", false),
            ("job_*", "job_started", true),
            ("job_*", "job_", true),
            ("job_*", "job.started", false),
            ("*", "created", true),
            ("*", "", true),
            ("*", "a.b", false),
            ("**", "a.b", true),
            ("dcim.*", "dcim.site", true),
            ("dcim.*", "dcim.site.x", false),
            ("dcim.**", "dcim.site.x", true),
            ("dcim.**", "dcim", false),
            ("*.site", "dcim.site", true),
            ("*.site", "a.dcim.site", false),
            ("**.site", "a.dcim.site", true),
            ("*.*", "a.b", true),
            ("*.*", "a.b.c", false),
            ("a*c*e", "abcde", true),
            ("a*c*e", "ace", true),
            ("a*c*e", "abcdef", false),
            ("**x**", "abx.y", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("ü*", "üé", true),
            ("*é", "üé", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", "a b", "a\n", "***", "a***b", &"a".repeat(256)] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Pattern::parse(&"a".repeat(255)).is_ok());
    }

    proptest! {
        #[test]
        fn a_text_matches_itself_and_its_parts_replaced_by_stars(text in "[a-z_]{1,12}(\\.[a-z]{1,5})?", cut in 0usize..6) {
            prop_assert!(Pattern::parse(&text).unwrap().matches(&text));
            let cut = cut.min(text.len());
            let starred = format!("{}**", &text[..cut]);
            prop_assert!(Pattern::parse(&starred).unwrap().matches(&text));
        }

        #[test]
        fn a_pattern_matches_what_its_definition_says(pattern in "[ab.*ü]{1,12}", text in "[ab.ü]{0,12}") {
            if let Ok(parsed) = Pattern::parse(&pattern) {
                prop_assert_eq!(parsed.matches(&text), defined(&pattern, &text), "{} on {}", pattern, text);
                prop_assert_eq!(parsed.is_literal(), !pattern.contains('*'));
            }
        }

        #[test]
        fn what_a_pattern_begins_with_stands_before_its_first_star(pattern in "[ab.*]{1,8}", text in "[ab.]{1,4}") {
            if let Ok(parsed) = Pattern::parse(&pattern) {
                let first = pattern.split('*').next().unwrap_or_default();
                prop_assert_eq!(parsed.begins_with(&text), first.starts_with(&text));
            }
        }
    }
}
