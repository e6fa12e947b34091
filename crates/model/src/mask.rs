//! Puts `***` in place of secrets that are known by their value, in what is kept and shown.
//! Those known by a name are [`crate::sensitive`]'s.
//!
//! The deliverer masks what receivers send back; the engine masks what templates made of
//! variables of the environment.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes below which a value is no secret but would be found everywhere.
pub const MASKED_BYTES_MIN: usize = 6;
/// What stands in place of a value.
pub const MASK: &str = "***";

/// Characters that are written as they are by every percent-encoding (RFC 3986 section 2.3).
const UNRESERVED: &str = "-._~";
/// Characters that URLs have for themselves (RFC 3986 section 2.2), and `%`.
const RESERVED: &str = ":/?#[]@!$&'()*+,;=%";

/// Values that are masked, also where they were escaped for a URL, JSON or HTML. Cloning is cheap;
/// printing shows how many forms there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Masks(Arc<[String]>);

impl Masks {
    /// Masks these values. Those below [`MASKED_BYTES_MIN`] are not masked.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v str>) -> Self {
        let long = values.into_iter().map(str::trim).filter(|value| value.len() >= MASKED_BYTES_MIN);
        let mut forms: Vec<String> = long.flat_map(forms).collect();
        // Longest first, so that a value is masked before its part.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        debug_assert!(
            forms.is_sorted_by(|long, short| long.len() >= short.len()) && forms.iter().all(|form| !form.is_empty()),
            "a value is masked before one that is a part of it, or the rest of it stays"
        );
        Self(forms.into())
    }

    /// The forms that are masked, longest first.
    pub fn forms(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether one of the values is in `text`.
    pub fn has_part_of(&self, text: &str) -> bool {
        self.forms().any(|form| text.contains(form))
    }

    /// Masks every value in `text`.
    pub fn mask_text(&self, text: &mut String) {
        for form in self.forms().filter(|form| !form.is_empty()) {
            if text.contains(form) {
                *text = text.replace(form, MASK);
            }
        }
    }

    /// Masks every value in `body`; `is_cut` as in [`masked_bytes`].
    pub fn mask_bytes(&self, body: &mut Bytes, is_cut: bool) {
        for form in self.forms() {
            if let Some(masked) = masked_bytes(body, form.as_bytes(), is_cut) {
                *body = masked.into();
            }
        }
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masks({} forms)", self.0.len())
    }
}

/// `body` without `value`, if it is in there; of a body that was cut, also without the part
/// of the value at its end.
pub fn masked_bytes(body: &[u8], value: &[u8], is_cut: bool) -> Option<Vec<u8>> {
    assert!(!value.is_empty(), "nothing is everywhere, and masking it would never end");
    let mut rest = body;
    let mut kept = Vec::new();
    while let Some(at) = rest.windows(value.len()).position(|window| window == value) {
        kept.extend_from_slice(&rest[..at]);
        kept.extend_from_slice(MASK.as_bytes());
        rest = &rest[at + value.len()..];
    }
    let part = (MASKED_BYTES_MIN..value.len()).rev().find(|length| is_cut && rest.ends_with(&value[..*length]));
    if let Some(length) = part {
        kept.extend_from_slice(&rest[..rest.len() - length]);
        kept.extend_from_slice(MASK.as_bytes());
        return Some(kept);
    }
    if rest.len() == body.len() {
        return None;
    }
    kept.extend_from_slice(rest);
    Some(kept)
}

/// The value as it stands in texts, URLs, JSON and HTML.
fn forms(value: &str) -> Vec<String> {
    let is_legal = |c: char| !c.is_ascii_control() && !" \"<>\\^`{|}".contains(c) || RESERVED.contains(c);
    vec![
        value.to_owned(),
        // Hosts are in lower case.
        value.to_ascii_lowercase(),
        percent_encoded(value, |c| UNRESERVED.contains(c)),
        // Jinja2's `urlencode`.
        percent_encoded(value, |c| UNRESERVED.contains(c) || c == '/'),
        percent_encoded(value, |c| UNRESERVED.contains(c)).replace("%20", "+"),
        // URLs themselves.
        percent_encoded(value, is_legal),
        json(value, ""),
        // Jinja2's `tojson`.
        json(value, "<>&'"),
        html(value),
    ]
}

fn percent_encoded(value: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii_alphanumeric() || (c.is_ascii() && is_kept(c)) {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                write!(out, "%{byte:02X}").expect("a String takes all text");
            }
        }
    }
    out
}

/// As Python's `json.dumps` escapes, with `escaped` too.
fn json(value: &str, escaped: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (' '..='\u{7e}').contains(&c) && !escaped.contains(c) => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a String takes all text");
                }
            }
        }
    }
    out
}

/// As Jinja2 escapes.
fn html(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask(body: &str, value: &str, is_cut: bool) -> Option<String> {
        masked_bytes(body.as_bytes(), value.as_bytes(), is_cut).map(|masked| String::from_utf8(masked).unwrap())
    }

    #[test]
    fn every_occurrence_is_masked() {
        assert_eq!(mask("hunter22 and hunter22!", "hunter22", false).as_deref(), Some("*** and ***!"));
        assert_eq!(mask("hunter22", "hunter22", false).as_deref(), Some("***"));
        assert_eq!(mask("hunter2", "hunter22", false), None);
        assert_eq!(mask("", "hunter22", false), None);
    }

    #[test]
    fn the_beginning_of_a_value_is_masked_where_the_body_was_cut() {
        assert_eq!(mask("echo: hunter2", "hunter22", true).as_deref(), Some("echo: ***"));
        assert_eq!(mask("hunter22 hunter", "hunter22", true).as_deref(), Some("*** ***"));
        assert_eq!(mask("echo: hunt", "hunter22", true), None, "too short to say anything");
        assert_eq!(mask("echo: hunter2", "hunter22", false), None);
    }

    #[test]
    fn a_value_is_masked_in_every_form_that_it_takes() {
        let masks = Masks::of(["Pä ss/w<o>rd\"&'\\"]);
        for text in [
            "Pä ss/w<o>rd\"&'\\",
            "P%C3%A4%20ss/w%3Co%3Erd%22%26%27%5C",
            "P%C3%A4%20ss%2Fw%3Co%3Erd%22%26%27%5C",
            "P%C3%A4+ss%2Fw%3Co%3Erd%22%26%27%5C",
            "P%C3%A4%20ss/w%3Co%3Erd%22&'%5C",
            r#"P\u00e4 ss/w<o>rd\"&'\\"#,
            r#"P\u00e4 ss/w\u003co\u003erd\"\u0026\u0027\\"#,
            "Pä ss/w&lt;o&gt;rd&#34;&amp;&#39;\\",
        ] {
            let mut masked = format!("before {text} behind");
            assert!(masks.has_part_of(&masked), "{text}");
            masks.mask_text(&mut masked);
            assert_eq!(masked, "before *** behind", "{text}");
        }
        assert_eq!(format!("{masks:?}"), "Masks(9 forms)");
    }

    #[test]
    fn short_values_stay_and_longer_ones_go_first() {
        let masks = Masks::of(["short", "hunter22", "hunter22-long"]);
        let mut text = "short hunter22-long hunter22".to_owned();
        masks.mask_text(&mut text);
        assert_eq!(text, "short *** ***");
        let mut body = Bytes::from("short hunter22-lo");
        masks.mask_bytes(&mut body, true);
        assert_eq!(body, "short ***");
    }

    proptest! {
        #[test]
        fn no_form_of_a_value_is_left_in_any_text(
            value in "[a-zA-Z][a-zA-Zä \"<>&'\\\\/+%]{4,10}[a-z]", around in prop::collection::vec("[a-z \\\\%&]{0,8}", 2..4), form in 0usize..9,
        ) {
            let masks = Masks::of([value.as_str()]);
            let all: Vec<&str> = masks.forms().collect();
            let mut text = around.join(all[form % all.len()]);
            masks.mask_text(&mut text);
            prop_assert!(!masks.has_part_of(&text), "{}", text);
            prop_assert!(text.contains(MASK));
        }

        #[test]
        fn a_body_that_was_cut_shows_no_beginning_of_a_value(value in "[a-c]{6,10}", before in "[a-c]{0,12}", cut in 0usize..24) {
            let whole = format!("{before}{value}");
            let body = &whole.as_bytes()[..cut.min(whole.len())];
            let masked = masked_bytes(body, value.as_bytes(), true).unwrap_or_else(|| body.to_vec());
            let shows = |length: usize| masked.ends_with(&value.as_bytes()[..length]);
            prop_assert!(!(MASKED_BYTES_MIN..=value.len()).any(shows), "{}", masked.escape_ascii());
        }

        #[test]
        fn what_holds_no_value_stays_as_it_is(text in "[d-f ]{0,30}", values in prop::collection::vec("[a-c]{6,9}", 0..3)) {
            let masks = Masks::of(values.iter().map(String::as_str));
            let (mut same, mut body) = (text.clone(), Bytes::from(text.clone()));
            masks.mask_text(&mut same);
            masks.mask_bytes(&mut body, true);
            prop_assert_eq!((same.as_str(), &body[..]), (text.as_str(), text.as_bytes()));
        }
    }
}
