//! `additional_headers`: a text with one header a line, as NetBox reads it.

use tenterhook_jinja::python::text::{is_line_end, is_space};
use tenterhook_model::sensitive::is_sensitive_header;

use super::name::{check_length, check_name, check_value, line_of};

/// What a template prints, in its outline.
pub(super) const PRINTED: char = '\u{fffc}';

/// The headers of a rendered block: name and value of each line with a colon, stripped of
/// blanks.
pub(super) fn headers(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(is_line_end)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim_matches(is_space), value.trim_matches(is_space)))
}

/// Whether a header of the block is sensitive by its name, which may follow a tag of the template.
pub(crate) fn has_secrets(text: &str) -> bool {
    headers(text).any(|(name, _)| is_sensitive_header(name.rsplit('}').next().unwrap_or_default().trim()))
}

/// What is wrong with the headers that stand in the text of a template, whatever it prints:
/// names that are not allowed, values that cannot be sent.
pub(super) fn check_outline(outline: &str, taken: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, value) in headers(outline) {
        if name.contains(PRINTED) {
            continue;
        }
        if let Err(fault) = check_name(name, taken) {
            faults.push(format!("{} {fault}", line_of(name)));
            continue;
        }
        let written: String = value.chars().filter(|c| *c != PRINTED).collect();
        let checked = check_value(&written).map_err(str::to_owned).and_then(|()| check_length(name, &written));
        if let Err(fault) = checked {
            faults.push(format!("{} {fault}", line_of(name)));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(&str, &str)> {
        headers(text).collect()
    }

    #[test]
    fn a_line_is_split_at_its_first_colon_and_stripped() {
        assert_eq!(read("X-A: http://h:80/"), [("X-A", "http://h:80/")]);
        assert_eq!(read("\u{a0} X-A :\tv \u{2003}"), [("X-A", "v")]);
        assert_eq!(read("no colon\n\n  \nX-A:"), [("X-A", "")]);
        assert_eq!(read("X-A: a\n b: c"), [("X-A", "a"), ("b", "c")]);
        assert_eq!(read(": v"), [("", "v")]);
    }

    #[test]
    fn secrets_are_known_by_the_names_of_their_headers() {
        assert!(has_secrets("X-A: 1\nauthorization: Token x"));
        assert!(has_secrets("{% if a %}Cookie: x{% endif %}"));
        assert!(!has_secrets("X-A: Authorization\nAuthorization"));
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        for end in
            ["\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{1c}", "\u{1d}", "\u{1e}", "\u{85}", "\u{2028}", "\u{2029}"]
        {
            assert_eq!(read(&format!("A: 1{end}B: 2")), [("A", "1"), ("B", "2")], "{end:?}");
        }
    }

    #[test]
    fn what_stands_in_the_text_is_checked_and_what_is_printed_is_not() {
        let check = |outline: &str| check_outline(outline, &[]).len();
        assert_eq!(check("X-A: \u{fffc}\nX-\u{fffc}: 1\n\u{fffc}\nplain line é"), 0);
        assert_eq!(check("Host: \u{fffc}"), 1);
        assert_eq!(check("X-A: \u{fffc} é"), 1);
        assert_eq!(check(": v\nX B: v\n# X-C: 1\nX-É: 1"), 4);
        assert_eq!(check(&format!("X-A: {}", "v".repeat(9_000))), 1);
    }
}
