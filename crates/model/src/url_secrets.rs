//! The secrets in a URL: a user name and password, and the parameters of its query that are named like a secret.
//!
//! Their values are shown to nobody and not kept, as those of sensitive headers: of a webhook's URL and token URL, of
//! requests as they were sent, and of a receiver's redirect. The text may be a template; what stands in its tags is no name.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;
use url::Url;

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

/// What a tag of a template begins with.
const TAGS: [&str; 3] = ["{{", "{%", "{#"];

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

/// Why a mask cannot stand for a stored value. Each has the name of its parameter, which is empty for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnmaskError {
    /// No value of this name is stored.
    Unknown(String),
    /// The stored value belongs to another scheme, host or port: whoever may change a URL would learn it by sending it there.
    OtherHost(String),
}

/// `url` with the secrets of `stored` in place of each `***`.
///
/// # Errors
/// What the first mask that has no value lacks.
pub fn unmask_url(url: &str, stored: &str) -> Result<String, UnmaskError> {
    let mut known = parts(stored);
    let mut values = Vec::new();
    for part in parts(url).into_iter().filter(|part| &url[part.value.clone()] == MASK) {
        let name = &url[part.name];
        // Of a name that stands there twice, each mask takes the value in its place.
        let place = known.iter().position(|other| &stored[other.name.clone()] == name);
        let place = place.ok_or_else(|| UnmaskError::Unknown(name.to_owned()))?;
        values.push((part.value, &stored[known.remove(place).value]));
        if values.len() == 1 && !go_to_one_host(url, stored) {
            return Err(UnmaskError::OtherHost(name.to_owned()));
        }
    }
    Ok(replaced(url, values))
}

/// Whether the host of `url` is rendered: no scheme, host and end of the host stand before its first tag.
pub fn has_rendered_host(url: &str) -> bool {
    first_tag(url).is_some() && literal_host(url).is_none()
}

/// Whether both have the same scheme, host and port. Where those are rendered, nothing but secrets may differ.
fn go_to_one_host(url: &str, stored: &str) -> bool {
    match (literal_host(url), literal_host(stored)) {
        (Some(host), Some(stored)) => host == stored,
        (None, None) => mask_url(url) == mask_url(stored),
        _ => false,
    }
}

/// Scheme, host and port, where they stand in the text and no tag can change them.
fn literal_host(url: &str) -> Option<(String, String, Option<u16>)> {
    let url = url.trim();
    let tag = first_tag(url);
    let literal = &url[..tag.unwrap_or(url.len())];
    let (_, host) = literal.split_once("://")?;
    if tag.is_some() && !host.contains(HOST_ENDS) {
        return None;
    }
    let parsed = Url::parse(literal).ok()?;
    Some((parsed.scheme().to_owned(), parsed.host_str()?.to_owned(), parsed.port_or_known_default()))
}

fn first_tag(text: &str) -> Option<usize> {
    TAGS.iter().filter_map(|tag| text.find(tag)).min()
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
        let tag = TAGS.iter().filter_map(|tag| text[at..found].find(tag)).min();
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
        assert_eq!(of("https://a/b?key=***&token=***").unwrap(), "https://a/b?key=two&token=one");
        assert_eq!(of("https://a/?token=***&token=***").unwrap(), "https://a/?token=one&token=three");
        assert_eq!(of("https://b/?token=new").unwrap(), "https://b/?token=new");
        assert_eq!(of("https://b/?site=***").unwrap(), "https://b/?site=***", "no mask: the name is open");
        assert_eq!(of("https://a/?api_key=***"), Err(UnmaskError::Unknown("api_key".to_owned())));
    }

    #[test]
    fn a_mask_is_kept_only_where_scheme_host_and_port_stay() {
        let keeps = |url: &str, stored: &str| match unmask_url(&format!("{url}?key=***"), &format!("{stored}?key=k")) {
            Ok(whole) => whole.ends_with("?key=k"),
            Err(error) => {
                assert_eq!(error, UnmaskError::OtherHost("key".to_owned()), "{url}");
                false
            }
        };
        for url in
            ["https://a.example", "HTTPS://A.example:443/b", " https://a.example/{{ data.x }}", "https:///a.example/"]
        {
            assert!(keeps(url, "https://a.example/"), "{url}");
        }
        for url in [
            "http://a.example/",
            "https://a.example:8443/",
            "https://b.example/",
            "https://a.example.b.example/",
            "https://a.example./",
            "https://a.example@b.example/",
            "https://b.example\\a.example/",
            "https:b.example//a.example/",
            "https:/b.example//a.example/",
            "https:///b.example/https://a.example/",
            "//b.example/https://a.example/",
            "https://b.example/#https://a.example/",
            "https://a.example{{ '.b.example' }}/",
            "https://a.example{% if 1 %}.b.example{% endif %}/",
            "https://{{ 'b.example' }}/",
            "{# https://a.example/ #}https://b.example/",
            "",
        ] {
            assert!(!keeps(url, "https://a.example/"), "{url}");
        }
        let rendered = "https://{{ data.host }}.a.example/{{ data.x }}";
        assert!(keeps(rendered, rendered) && has_rendered_host(rendered));
        for other in
            ["https://{{ data.host }}.b.example/{{ data.x }}", "https://{{ data.other }}.a.example/{{ data.x }}"]
        {
            assert!(!keeps(other, rendered), "{other}");
        }
        assert!(!has_rendered_host("https://a.example/{{ data.x }}") && !has_rendered_host("https://a.example"));
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
