//! The host names by which the console is reached.
//!
//! Any web page can point a host name that it controls at a loopback server (DNS rebinding), and would then
//! share the origin of the console. So the console answers only for names that it knows.

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// Names of the machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names that the console answers for: those of loopback, and further ones.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts(Vec<String>);

impl KnownHosts {
    /// Answers for these names too: those of the certificate, and those that an operator gave.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// The authority that a request names, such as `hooks.example.com:443`, if its host is known.
    pub(crate) fn known(&self, uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
        let named = match uri.authority() {
            Some(authority) => authority.clone(),
            None => {
                let mut hosts = headers.get_all(header::HOST).iter();
                let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
                host.to_str().ok()?.parse().ok()?
            }
        };
        let host = named.host().to_ascii_lowercase();
        let is_known = LOOPBACK.contains(&host.as_str()) || self.0.iter().any(|name| covers(name, &host));
        is_known.then_some(named)
    }

    /// Whether a request comes from a page of the console itself: the browser names its origin, which is
    /// that of the request.
    pub(crate) fn is_own_page(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Some(authority) = self.known(uri, headers) else { return false };
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
        let named = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        named.is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && same(scheme, host, &authority))
    }
}

/// Whether the name of a certificate, which may begin with `*.`, covers a host (RFC 6125 section 6.4.3).
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

/// Whether the host of an origin is the authority; browsers leave out the port that the scheme implies.
fn same(scheme: &str, origin: &str, authority: &Authority) -> bool {
    let implied = if scheme == "https" { 443 } else { 80 };
    let Ok(origin) = origin.parse::<Authority>() else { return false };
    origin.host().eq_ignore_ascii_case(authority.host())
        && origin.port_u16().unwrap_or(implied) == authority.port_u16().unwrap_or(implied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(header::HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn knows(host: &str) -> bool {
        let hosts = KnownHosts::new(["Hooks.example.com".to_owned(), "*.example.org".to_owned()]);
        hosts.known(&Uri::from_static("/console/"), &headers(&[(header::HOST, host)])).is_some()
    }

    #[test]
    fn only_known_hosts_are_answered_for() {
        for good in [
            "localhost:50051",
            "127.0.0.1",
            "[::1]:8443",
            "hooks.example.com",
            "HOOKS.example.com:443",
            "a.example.org",
        ] {
            assert!(knows(good), "{good}");
        }
        for bad in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "example.org",
            "a.b.example.org",
            ".example.org",
            "",
        ] {
            assert!(!knows(bad), "{bad}");
        }
    }

    #[test]
    fn the_authority_of_http_2_wins_over_a_header() {
        let uri = Uri::from_static("https://evil.example/console/");
        assert!(KnownHosts::default().known(&uri, &headers(&[(header::HOST, "localhost")])).is_none());
    }

    #[test]
    fn a_page_of_the_console_has_its_origin() {
        let own = |host: &str, origin: &str| {
            let sent = headers(&[(header::HOST, host), (header::ORIGIN, origin)]);
            KnownHosts::new(["hooks.example.com".to_owned()]).is_own_page(&Uri::from_static("/"), &sent)
        };
        assert!(own("127.0.0.1:50051", "http://127.0.0.1:50051"));
        assert!(own("hooks.example.com", "https://hooks.example.com"));
        assert!(own("hooks.example.com:443", "https://hooks.example.com"));
        for origin in [
            "http://127.0.0.1:3000",
            "https://localhost:50051",
            "null",
            "",
            "http://127.0.0.1",
            "file://127.0.0.1:50051",
        ] {
            assert!(!own("127.0.0.1:50051", origin), "{origin}");
        }
        assert!(!own("evil.example", "http://evil.example"));
    }

    #[test]
    fn a_request_without_an_origin_or_with_two_is_of_no_page() {
        let hosts = KnownHosts::default();
        let mut sent = headers(&[(header::HOST, "localhost")]);
        assert!(!hosts.is_own_page(&Uri::from_static("/"), &sent));
        sent.append(header::ORIGIN, "http://localhost".parse().unwrap());
        assert!(hosts.is_own_page(&Uri::from_static("/"), &sent));
        sent.append(header::ORIGIN, "http://localhost".parse().unwrap());
        assert!(!hosts.is_own_page(&Uri::from_static("/"), &sent));
    }
}
