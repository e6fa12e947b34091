//! The URL of a webhook: what must stand in its template as it is, and what a rendered URL
//! must still be.
//!
//! Scheme and host must be literal, so that no value chooses where requests go. With
//! `allowed_hosts` the host may be rendered; then a value must not end the host early, which
//! is seen by rendering the template up to the first literal `/`, `?` or `#` by itself, and it
//! must not choose the port.

use tenterhook_model::{Fault, FaultKind, TargetUrl, TargetUrlError, limits};

use super::hosts::HostPattern;
use super::scan::{Piece, first_tag, pieces};

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
        /// The port in the text at the end of the host, if there is one.
        port: Option<u16>,
    },
}

/// Looks at the source of a URL.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn shape(source: &str, hosts: &[HostPattern]) -> Result<UrlShape, Fault> {
    let text = source.trim();
    let Some(tag) = first_tag(text) else {
        let url = TargetUrl::parse(text).map_err(fault)?;
        check_host(&url, url.other_port(), hosts).map_err(|message| Fault::invalid("url", message))?;
        return Ok(UrlShape::Fixed(url));
    };
    if source.len() > limits::URL_BYTES {
        return Err(fault(TargetUrlError::TooLong { bytes: source.len() }));
    }
    let literal = &text[..tag];
    let host = literal_scheme(literal)?;
    if host.contains(HOST_ENDS) {
        let url = TargetUrl::parse(literal).map_err(fault)?;
        check_host(&url, url.other_port(), hosts).map_err(|message| Fault::invalid("url", message))?;
        return Ok(UrlShape::FixedHost(url));
    }
    if hosts.is_empty() {
        let message = "must have its host, and the `/` behind it, in the text and not in a tag; to render the host, list the hosts that it may become in allowed_hosts";
        return Err(Fault::invalid("url", message));
    }
    guard(text)
        .map(|(guard, port)| UrlShape::Rendered { guard, port })
        .map_err(|message| Fault::invalid("url", message))
}

/// Checks the scheme at the start of the literal text; gives what follows it.
fn literal_scheme(literal: &str) -> Result<&str, Fault> {
    let Some((scheme, rest)) = literal.split_once("://") else {
        return Err(Fault::invalid("url", "must begin with `https://` or `http://` in the text and not in a tag"));
    };
    if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") {
        return Ok(rest);
    }
    Err(fault(TargetUrlError::Scheme))
}

/// The source up to the first literal end of the host, and the port that stands before it.
fn guard(text: &str) -> Result<(Option<String>, Option<u16>), &'static str> {
    let authority = text.find("://").expect("the scheme was checked") + 3;
    for piece in pieces(text) {
        let Piece::Text { start, text: literal, depth } = piece else { continue };
        let skipped = authority.saturating_sub(start).min(literal.len());
        let literal = &literal[skipped..];
        let end = literal.find(HOST_ENDS);
        if literal[..end.unwrap_or(literal.len())].contains(['@', '\\']) {
            return Err("must not have an `@` or a backslash in its host; set `authentication.basic` instead");
        }
        match end {
            Some(_) if depth > 0 => return Err("must have the end of its host, a `/`, outside of blocks"),
            Some(end) => {
                let guard = text[..start + skipped + end].to_owned();
                return Ok((Some(guard), literal_port(&literal[..end])));
            }
            None => {}
        }
    }
    Ok((None, None))
}

/// The port at the end of the text that ends the host.
fn literal_port(text: &str) -> Option<u16> {
    text.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

/// Reads a rendered URL whose host was literal: it must still be that host.
pub(super) fn read_fixed_host(text: &str, literal: &TargetUrl) -> Result<TargetUrl, String> {
    let url = TargetUrl::parse(text.trim_start()).map_err(|error| error.to_string())?;
    let same = url.authority() == literal.authority() && url.is_https() == literal.is_https();
    if same { Ok(url) } else { Err("renders to another host than the template has".to_owned()) }
}

/// What a rendered URL is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed<'a> {
    /// What the source up to the literal end of the host rendered to, where it has one.
    pub(super) guard: Option<&'a str>,
    /// The port in the text of the template.
    pub(super) port: Option<u16>,
    /// `allowed_hosts`.
    pub(super) hosts: &'a [HostPattern],
}

/// Reads a rendered URL.
pub(super) fn read_rendered(text: &str, allowed: Allowed<'_>) -> Result<TargetUrl, String> {
    let text = text.trim_start();
    if let Some(guard) = allowed.guard.map(str::trim_start) {
        let host = guard.split_once("://").map_or(guard, |(_, host)| host);
        if host.contains(HOST_ENDS) || host.contains(['@', '\\']) || !text.starts_with(guard) {
            return Err("has a value that ends the host early".to_owned());
        }
    }
    let url = TargetUrl::parse(text).map_err(|error| error.to_string())?;
    check_host(&url, allowed.port, allowed.hosts)?;
    Ok(url)
}

/// Whether host and port fit `allowed_hosts`; `written` is the port in the text.
fn check_host(url: &TargetUrl, written: Option<u16>, hosts: &[HostPattern]) -> Result<(), String> {
    if hosts.is_empty() || hosts.iter().any(|pattern| pattern.fits(url, written)) {
        return Ok(());
    }
    let shown = url.host().brief();
    if hosts.iter().any(|pattern| pattern.fits_host(url)) {
        let port = url.port();
        return Err(format!(
            "has the port {port}, which no pattern of allowed_hosts has; write it there (`{shown}:{port}`) or in the text of the URL"
        ));
    }
    Err(format!("has the host `{shown}`, which fits no pattern of allowed_hosts"))
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

    fn hosts(patterns: &[&str]) -> Vec<HostPattern> {
        patterns.iter().map(|pattern| HostPattern::parse(pattern).unwrap()).collect()
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
            Ok(UrlShape::Rendered { guard, .. }) => Ok(guard),
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
        let read = |host: &str| {
            let guard = format!("https://{host}");
            let allowed = Allowed { guard: Some(&guard), port: None, hosts: &allowed };
            read_rendered(&format!("{guard}/in"), allowed)
        };
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
    fn data_does_not_choose_the_port() {
        let read = |source: &str, rendered: &str, patterns: &[&str]| {
            let hosts = hosts(patterns);
            let Ok(UrlShape::Rendered { port, .. }) = shape(source, &hosts) else { panic!("{source}") };
            let guard = rendered.strip_suffix("/in");
            read_rendered(rendered, Allowed { guard, port, hosts: &hosts })
        };
        let (data, text) = ("https://{{ a }}/in", "https://{{ a }}:8443/in");
        let (plain, with_port) = ("https://h.example.com/in", "https://h.example.com:8443/in");
        for (source, rendered, pattern) in [
            (data, plain, "*.example.com"),
            (data, "https://h.example.com:443/in", "*.example.com"),
            (text, with_port, "*.example.com"),
            (data, with_port, "*.example.com:8443"),
            (data, with_port, "*.example.com:*"),
        ] {
            assert!(read(source, rendered, &[pattern]).is_ok(), "{source} {rendered} {pattern}");
        }
        for (source, rendered, pattern) in [
            (data, with_port, "*.example.com"),
            (data, "https://h.example.com:25/in", "*.example.com:8443"),
            ("https://{{ a }}43/in", with_port, "*.example.com"),
            ("https://h.example.com:{{ a }}/in", with_port, "*.example.com"),
            ("https://{{ a }}", with_port, "*.example.com"),
        ] {
            let error = read(source, rendered, &[pattern]).unwrap_err();
            assert!(error.contains("has the port"), "{source} {rendered} {pattern}: {error}");
        }
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
