//! The URL of a webhook: what must stand in its template as it is, and what a rendered URL
//! must still be.
//!
//! Scheme and host must be literal, so that no value chooses where requests go. With
//! `allowed_hosts` the host may be rendered; then a value must not end the host early, which
//! is seen by rendering the template up to the first literal `/`, `?` or `#` by itself.

use tenterhook_model::{Fault, FaultKind, TargetUrl, TargetUrlError, limits};

use super::scan::{Piece, first_tag, pieces};
use crate::matching::Pattern;

/// What ends the host in a URL.
const HOST_ENDS: [char; 3] = ['/', '?', '#'];

/// What a URL's template says before anything is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UrlShape {
    /// A URL without any tag.
    Fixed(TargetUrl),
    /// Scheme, host and port are literal; this is the text up to the first tag.
    FixedHost(TargetUrl),
    /// Only the scheme is literal.
    Rendered {
        /// The source up to the literal end of the host; `None` when values go to the end.
        guard: Option<String>,
    },
}

/// Looks at the source of a URL.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn shape(source: &str, hosts: &[Pattern]) -> Result<UrlShape, Fault> {
    let text = source.trim();
    let Some(tag) = first_tag(text) else {
        let url = TargetUrl::parse(text).map_err(fault)?;
        check_host(&url, hosts).map_err(|message| Fault::invalid("url", message))?;
        return Ok(UrlShape::Fixed(url));
    };
    if source.len() > limits::URL_BYTES {
        return Err(fault(TargetUrlError::TooLong { bytes: source.len() }));
    }
    let literal = &text[..tag];
    let host = literal_scheme(literal)?;
    if host.contains(HOST_ENDS) {
        let url = TargetUrl::parse(literal).map_err(fault)?;
        check_host(&url, hosts).map_err(|message| Fault::invalid("url", message))?;
        return Ok(UrlShape::FixedHost(url));
    }
    if hosts.is_empty() {
        let message = "must have its host, and the `/` behind it, in the text and not in a tag; to render the host, list the hosts that it may become in allowed_hosts";
        return Err(Fault::invalid("url", message));
    }
    guard(text).map(|guard| UrlShape::Rendered { guard }).map_err(|message| Fault::invalid("url", message))
}

/// Checks the scheme at the start of the literal text; gives what follows it.
fn literal_scheme(literal: &str) -> Result<&str, Fault> {
    let Some((scheme, rest)) = literal.split_once("://") else {
        return Err(Fault::invalid("url", "must begin with `https://` or `http://` in the text and not in a tag"));
    };
    if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") {
        return Ok(rest);
    }
    Err(fault(TargetUrlError::Scheme(scheme.to_owned())))
}

/// The source up to the first literal end of the host.
fn guard(text: &str) -> Result<Option<String>, &'static str> {
    let authority = text.find("://").expect("the scheme was checked") + 3;
    for piece in pieces(text) {
        let Piece::Text { start, text: literal, depth } = piece else { continue };
        let skipped = authority.saturating_sub(start).min(literal.len());
        let literal = &literal[skipped..];
        let end = literal.find(HOST_ENDS);
        if literal[..end.unwrap_or(literal.len())].contains(['@', '\\']) {
            return Err("must not have an `@` or a backslash in its host; send credentials in a header instead");
        }
        match end {
            Some(_) if depth > 0 => return Err("must have the end of its host, a `/`, outside of blocks"),
            Some(end) => return Ok(Some(text[..start + skipped + end].to_owned())),
            None => {}
        }
    }
    Ok(None)
}

/// Reads a rendered URL whose host was literal: it must still be that host.
pub(super) fn read_fixed_host(text: &str, literal: &TargetUrl) -> Result<TargetUrl, String> {
    let url = TargetUrl::parse(text.trim_start()).map_err(|error| error.to_string())?;
    let same = url.authority() == literal.authority() && url.is_https() == literal.is_https();
    if same { Ok(url) } else { Err("renders to another host than the template has".to_owned()) }
}

/// Reads a rendered URL with the text that its guard rendered to.
pub(super) fn read_rendered(text: &str, guard: Option<&str>, hosts: &[Pattern]) -> Result<TargetUrl, String> {
    let text = text.trim_start();
    if let Some(guard) = guard.map(str::trim_start) {
        let host = guard.split_once("://").map_or(guard, |(_, host)| host);
        if host.contains(HOST_ENDS) || host.contains(['@', '\\']) || !text.starts_with(guard) {
            return Err("has a value that ends the host early".to_owned());
        }
    }
    let url = TargetUrl::parse(text).map_err(|error| error.to_string())?;
    check_host(&url, hosts)?;
    Ok(url)
}

/// Whether the host fits `allowed_hosts`; an address only where it is written out.
fn check_host(url: &TargetUrl, hosts: &[Pattern]) -> Result<(), String> {
    let host = url.host();
    let is_address = url.literal_address().is_some();
    let fits = |pattern: &Pattern| (pattern.is_literal() || !is_address) && pattern.matches(&host);
    if hosts.is_empty() || hosts.iter().any(fits) {
        return Ok(());
    }
    Err(format!("has the host `{host}`, which fits no pattern of allowed_hosts"))
}

fn fault(error: TargetUrlError) -> Fault {
    let message = error.to_string();
    match error {
        TargetUrlError::LocalName(host) => {
            Fault { field: "url".to_owned(), message, kind: FaultKind::UrlForbidden { host } }
        }
        _ => Fault::invalid("url", message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(patterns: &[&str]) -> Vec<Pattern> {
        patterns.iter().map(|pattern| Pattern::parse(pattern).unwrap()).collect()
    }

    #[test]
    fn scheme_and_host_must_be_literal() {
        let fixed = |source: &str| matches!(shape(source, &[]), Ok(UrlShape::FixedHost(_)));
        assert!(fixed("https://h.example.com/{{ a }}"));
        assert!(fixed("HTTP://h.example.com?x={{ a }}"));
        assert!(fixed("  https://h.example.com:8443/{% if a %}b{% endif %}"));
        for bad in [
            "{{ a }}",
            "{{ a }}://h.example.com/",
            "https{{ a }}://h.example.com/",
            "https://{{ a }}/in",
            "https://h.example.com{{ a }}",
            "https://h.example.com:{{ a }}/",
            "https://{{ a }}@h.example.com/",
            "ftp://h.example.com/{{ a }}",
            "mailto:{{ a }}",
            "https:///{{ a }}",
            "https://a b.example.com/{{ a }}",
        ] {
            assert!(shape(bad, &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rendered_host_needs_a_literal_end_outside_of_blocks() {
        let allowed = hosts(&["*.example.com"]);
        let guard = |source: &str| match shape(source, &allowed) {
            Ok(UrlShape::Rendered { guard }) => Ok(guard),
            other => Err(other),
        };
        assert_eq!(guard("https://{{ a }}/in"), Ok(Some("https://{{ a }}".to_owned())));
        assert_eq!(guard("https://{{ a }}.example.com?x"), Ok(Some("https://{{ a }}.example.com".to_owned())));
        assert_eq!(guard("https://{{ a }}"), Ok(None));
        let branches = "https://{% if a %}b{% else %}c{% endif %}.example.com";
        assert_eq!(guard(&format!("{branches}/in")), Ok(Some(branches.to_owned())));
        assert!(guard("https://{% if a %}b/{% endif %}").is_err());
        assert!(guard("https://{{ a }}@h.example.com/").is_err());
    }

    #[test]
    fn a_value_cannot_move_the_host() {
        let literal = TargetUrl::parse("https://h.example.com/").unwrap();
        assert!(read_fixed_host("https://h.example.com/a b", &literal).is_ok());
        assert!(read_fixed_host("https://h.example.com/\n", &literal).is_err());
        assert!(read_fixed_host("https://evil.example.com/", &literal).is_err());
        assert!(read_fixed_host("http://h.example.com/", &literal).is_err());

        let allowed = hosts(&["h.example.com", "*.t.example.com"]);
        let read =
            |host: &str| read_rendered(&format!("https://{host}/in"), Some(&format!("https://{host}")), &allowed);
        assert_eq!(read("h.example.com").unwrap().as_str(), "https://h.example.com/in");
        assert!(read("a.t.example.com").is_ok());
        assert!(read("H.EXAMPLE.COM").is_ok());
        for bad in [
            "evil.example.org",
            "h.example.com.evil.org",
            "h.example.com#.evil.org",
            "h.example.com/x",
            "h.example.com?x",
            "u:p@h.example.com",
            "a\\.t.example.com",
            "127.0.0.1",
            "2130706433",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_allowed_only_where_it_is_written_out() {
        let url = TargetUrl::parse("http://10.0.0.1/").unwrap();
        assert!(check_host(&url, &hosts(&["**"])).is_err());
        assert!(check_host(&url, &hosts(&["10.0.0.*"])).is_err());
        assert!(check_host(&url, &hosts(&["10.0.0.1"])).is_ok());
    }

    #[test]
    fn a_fixed_url_is_checked_as_a_whole() {
        assert!(matches!(shape("https://h.example.com/in", &[]), Ok(UrlShape::Fixed(_))));
        let local = shape("http://localhost:80/", &[]).unwrap_err();
        assert_eq!(local.kind, FaultKind::UrlForbidden { host: "localhost".into() });
        assert!(shape("https://h.example.com/", &hosts(&["*.example.org"])).is_err());
        let long = format!("https://h.example.com/{{{{ a }}}}{}", "a".repeat(limits::URL_BYTES));
        assert!(shape(&long, &[]).unwrap_err().message.contains("bytes"));
    }
}
