//! The secrets in a URL: a user name and password, and the parameters of its query that are named like a secret.
//!
//! Their values are shown to nobody and not kept, as those of sensitive headers: of a webhook's URL and token URL, of
//! requests as they were sent, and of a receiver's redirect. The text may be a template; what stands in its tags is no name.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use crate::mask::MASK;
use crate::sensitive::is_sensitive_header;

/// Names that are sensitive in a query only: signatures that let their holder in (`sig` of Azure's shared access
/// signatures, `X-Amz-Signature`), the key of Azure Functions.
const NAMES: [&str; 5] = ["sig", "signature", "x-amz-signature", "x-goog-signature", "code"];
/// What a parameter begins after.
const BEFORE_NAME: [char; 5] = ['?', '&', ';', '#', '}'];
/// What ends a value.
const AFTER_VALUE: [char; 2] = ['&', '#'];
/// What ends the host.
const HOST_ENDS: [char; 4] = ['/', '?', '#', '\\'];

/// A secret in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// The name of its parameter, as it is written; empty for the user's.
    name: Range<usize>,
    value: Range<usize>,
}

/// `url` as it may be shown: `***` in place of each secret.
pub fn mask_url(url: &str) -> Cow<'_, str> {
    let parts = parts(url);
    if parts.is_empty() {
        return Cow::Borrowed(url);
    }
    let values = parts.into_iter().map(|part| (part.value, MASK));
    Cow::Owned(replaced(url, values))
}

/// `url` with the secrets of `stored` in place of each `***`.
///
/// # Errors
/// The name of a masked parameter of which `stored` has no value.
pub fn unmask_url(url: &str, stored: &str) -> Result<String, String> {
    let mut known = parts(stored);
    let mut values = Vec::new();
    for part in parts(url).into_iter().filter(|part| &url[part.value.clone()] == MASK) {
        let name = &url[part.name];
        // Of a name that stands there twice, each mask takes the value in its place.
        let place = known.iter().position(|other| &stored[other.name.clone()] == name).ok_or(name)?;
        values.push((part.value, &stored[known.remove(place).value]));
    }
    Ok(replaced(url, values))
}

/// The secrets of `url`, as they are written and decoded.
pub fn secrets_of_url(url: &str) -> Vec<Cow<'_, str>> {
    let values = parts(url).into_iter().map(|part| &url[part.value]);
    values.flat_map(|value| [Cow::Borrowed(value), percent_decode_str(value).decode_utf8_lossy()]).collect()
}

fn replaced<'a>(url: &str, values: impl IntoIterator<Item = (Range<usize>, &'a str)>) -> String {
    let (mut whole, mut at) = (String::with_capacity(url.len()), 0);
    for (place, value) in values {
        debug_assert!(
            at <= place.start && place.end <= url.len(),
            "a value begins behind the one before, within the URL"
        );
        whole.extend([&url[at..place.start], value]);
        at = place.end;
    }
    whole.push_str(&url[at..]);
    whole
}

/// The secrets in `url`, in order; none is empty.
fn parts(url: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = user(url).into_iter().collect();
    let Some(query) = outside(url, 0, &['?']) else { return parts };
    let mut at = query;
    while let Some(equals) = outside(url, at, &['=']) {
        let name_start = url[..equals].rfind(BEFORE_NAME).map_or(query, |before| before + 1);
        let end = outside(url, equals + 1, &AFTER_VALUE).unwrap_or(url.len());
        let part = Part { name: name_start..equals, value: equals + 1..end };
        let is_secret = is_sensitive(&url[part.name.clone()]);
        at = if is_secret { end } else { equals + 1 };
        if is_secret && !part.value.is_empty() {
            parts.push(part);
        }
    }
    debug_assert!(
        parts.iter().all(|part| !part.value.is_empty()) && parts.is_sorted_by(|a, b| a.value.end <= b.value.start),
        "secrets stand one after the other, or what is between them would be written twice"
    );
    parts
}

/// Whether a parameter of this name is a secret: as it is decoded, and of `auth[token]` the last part.
fn is_sensitive(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy();
    let name = name.trim_end_matches([']', '[']);
    let name = name.rsplit(['[', '.']).next().unwrap_or_default();
    NAMES.iter().any(|secret| name.eq_ignore_ascii_case(secret)) || is_sensitive_header(name)
}

/// What stands before the `@` of the host.
fn user(url: &str) -> Option<Part> {
    let start = url.find("//")? + 2;
    let end = outside(url, start, &HOST_ENDS).unwrap_or(url.len());
    let length = url[start..end].rfind('@').filter(|length| *length > 0)?;
    Some(Part { name: start..start, value: start..start + length })
}

/// Where the first of `characters` at or after `from` is that stands in no tag of a template.
fn outside(text: &str, from: usize, characters: &[char]) -> Option<usize> {
    let mut at = from;
    loop {
        let found = at + text[at..].find(characters)?;
        let tag = ["{{", "{%", "{#"].iter().filter_map(|tag| text[at..found].find(tag)).min();
        let Some(tag) = tag else { return Some(found) };
        let end = ["}}", "%}", "#}"].iter().filter_map(|end| text[at + tag + 2..].find(end)).min()?;
        at += tag + 2 + end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_parameters_with_the_name_of_a_secret_are_masked_and_nothing_else() {
        for (url, shown) in [
            ("https://a.example/p?token=hunter2", "https://a.example/p?token=***"),
            ("https://a/?site=ams&api_key=k%3D1&x=2#f", "https://a/?site=ams&api_key=***&x=2#f"),
            ("https://a/?apiKey=k&ACCESS_TOKEN=t", "https://a/?apiKey=***&ACCESS_TOKEN=***"),
            ("https://a/?%74oken=k", "https://a/?%74oken=***"),
            ("https://a/?auth%5Btoken%5D=k&b[key][]=k", "https://a/?auth%5Btoken%5D=***&b[key][]=***"),
            ("https://a/?sv=1&sig=abc%2B", "https://a/?sv=1&sig=***"),
            ("https://a/?a=1;password=b", "https://a/?a=1;password=***"),
            ("https://a/token=x?monkey=y&idempotency-key=z", "https://a/token=x?monkey=y&idempotency-key=z"),
            ("https://a/?token=&key", "https://a/?token=&key"),
            ("https://u:p@a/?q=u:p@b", "https://***@a/?q=u:p@b"),
            ("//u@a", "//***@a"),
            ("/next?token=t", "/next?token=***"),
            ("https://a/?token={{ data.t | default('?&=') }}&x={{ y }}", "https://a/?token=***&x={{ y }}"),
            ("https://a/{{ '?' }}?{% if a %}key=k{% endif %}&b=1", "https://a/{{ '?' }}?{% if a %}key=***&b=1"),
            ("https://a/?q={{ '&token=' }}", "https://a/?q={{ '&token=' }}"),
            ("https://a/?token={{ cut", "https://a/?token=***"),
            ("", ""),
        ] {
            assert_eq!(mask_url(url), shown);
            assert_eq!(mask_url(shown), shown, "once more");
            assert_eq!(unmask_url(shown, url).as_deref(), Ok(url));
        }
        assert_eq!(secrets_of_url("https://a/?x=1&token=a%20b"), ["a%20b", "a b"]);
    }

    #[test]
    fn a_mask_that_comes_back_keeps_the_stored_value_of_its_name() {
        let stored = "https://a/?token=one&key=two&token=three";
        let of = |url: &str| unmask_url(url, stored);
        assert_eq!(of("https://b/?key=***&token=***").unwrap(), "https://b/?key=two&token=one");
        assert_eq!(of("https://b/?token=***&token=***").unwrap(), "https://b/?token=one&token=three");
        assert_eq!(of("https://b/?token=new").unwrap(), "https://b/?token=new");
        assert_eq!(of("https://b/?site=***").unwrap(), "https://b/?site=***", "no mask: the name is open");
        assert_eq!(of("https://b/?api_key=***"), Err("api_key".to_owned()));
    }

    proptest! {
        #[test]
        fn what_was_masked_comes_back_whole(url in "https://(u:p@)?a/[?&=#;a{}% ]{0,3}(([?&#;{}]|\\{\\{|\\}\\}|\\{%|%\\})(token|a|key|%74oken)?=?[a-z*é]{0,3}){0,6}") {
            prop_assert_eq!(unmask_url(&mask_url(&url), &url).unwrap(), url.clone());
            let masked = mask_url(&url);
            prop_assert_eq!(mask_url(&masked), masked.clone());
        }
    }
}
