//! The patterns of `allowed_hosts`: which hosts, and which ports, a rendered URL may have.

use tenterhook_model::TargetUrl;

use crate::matching::Pattern;

/// Characters of a pattern that an error shows.
const SHOWN_CHARS: usize = 60;

/// A pattern for a host, and for its port where one follows: `*.example.com:8443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPattern {
    host: Pattern,
    port: Port,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// The one in the text of the URL, or the scheme's own: data does not choose it.
    Unset,
    Only(u16),
    /// `:*`.
    Any,
}

impl HostPattern {
    /// Reads a pattern; upper case does not count.
    ///
    /// # Errors
    /// Says, for a fault's message, why the text is no pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._*:".contains(c);
        if !text.chars().all(is_host) {
            let shown: String = text.chars().take(SHOWN_CHARS).collect();
            return Err(format!(
                "{shown:?} is not a pattern for hosts: a name such as `*.example.com` or `*.example.com:8443`, without scheme and path; other scripts as `xn--`"
            ));
        }
        let lower = text.to_ascii_lowercase();
        let (host, port) = match lower.split_once(':') {
            // More colons are those of an IPv6 address.
            Some((host, port)) if !port.contains(':') => (host, read_port(port)?),
            _ => (&*lower, Port::Unset),
        };
        Ok(Self { host: Pattern::parse(host)?, port })
    }

    /// Whether `url` fits, of which `written` is the port that its template has in the text. An
    /// address fits only where it is written out.
    pub(super) fn fits(&self, url: &TargetUrl, written: Option<u16>) -> bool {
        let port = match self.port {
            Port::Any => true,
            Port::Only(port) => url.port() == port,
            Port::Unset => url.port() == written.unwrap_or(if url.is_https() { 443 } else { 80 }),
        };
        port && self.fits_host(url)
    }

    /// Whether the host of `url` fits, whatever its port is.
    pub(super) fn fits_host(&self, url: &TargetUrl) -> bool {
        let is_address = url.literal_address().is_some();
        (self.host.is_literal() || !is_address) && self.host.matches(&url.host().to_string())
    }
}

fn read_port(text: &str) -> Result<Port, String> {
    if text == "*" {
        return Ok(Port::Any);
    }
    match text.parse() {
        Ok(port) if port > 0 => Ok(Port::Only(port)),
        _ => Err("has no port after its `:`; write a number from 1 to 65535, or `*` for any port".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, url: &str, written: Option<u16>) -> bool {
        HostPattern::parse(pattern).unwrap().fits(&TargetUrl::parse(url).unwrap(), written)
    }

    #[test]
    fn an_address_fits_only_where_it_is_written_out() {
        assert!(!fits("**", "http://10.0.0.1/", None) && !fits("10.0.0.*", "http://10.0.0.1/", None));
        assert!(fits("10.0.0.1", "http://10.0.0.1/", None) && fits("::1", "http://[::1]/", None));
        assert!(fits("10.0.0.1:8080", "http://10.0.0.1:8080/", None));
    }

    #[test]
    fn a_port_is_the_schemes_own_unless_pattern_or_text_has_another() {
        let other = "https://a.example.com:8443/";
        assert!(fits("*.example.com", "https://a.example.com/", None));
        assert!(fits("*.example.com", "https://a.example.com:443/", None));
        assert!(!fits("*.example.com", other, None) && fits("*.example.com", other, Some(8443)));
        assert!(!fits("*.example.com", other, Some(9443)));
        assert!(!fits("*.example.com", "https://a.example.com:80/", None));
        assert!(fits("*.example.com:8443", other, None) && fits("*.example.com:*", other, None));
        assert!(!fits("*.example.com:8443", "https://a.example.com/", None));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        let refused = |text: &str| HostPattern::parse(text).unwrap_err();
        assert!(refused("https://x").contains("without scheme"), "{}", refused("https://x"));
        for text in ["a.example.com:", "a.example.com:0", "a.example.com:65536", "a.example.com:8*", "a.example.com:x"]
        {
            assert!(refused(text).contains("1 to 65535"), "{text}");
        }
        assert!(refused(":80").contains("must not be empty"));
    }
}
