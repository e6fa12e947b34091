//! A URL that requests may be sent to, made by one constructor that refuses the rest.
//!
//! The text is normalised as WHATWG says (<https://url.spec.whatwg.org>), so that `0x7f.1`,
//! `2130706433` and full-width digits become the address that they mean before anybody
//! checks it. The raw text goes nowhere else.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use thiserror::Error;
use url::Url;

use crate::host::{Brief, Host, HostName, HostNameError};
use crate::limits;

/// An absolute http or https URL with a host, without user information.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetUrl(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Parts {
    url: Url,
    host: Host,
}

/// Why a text is no URL that requests may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetUrlError {
    /// It is empty.
    #[error("must not be empty; give an absolute http or https URL")]
    Empty,
    /// It is longer than [`limits::URL_BYTES`].
    #[error("is {bytes} bytes long; at most {} are allowed", limits::URL_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has a character that URLs cannot have and parsers disagree about.
    #[error("has {0}; encode it (`urlencode`) or take it out")]
    Character(&'static str),
    /// It does not parse; the text says why and quotes nothing of it.
    #[error("{0}")]
    Syntax(&'static str),
    /// Its scheme is not http or https. It is not quoted: in `user:password@host` it is the user.
    #[error("must begin with http:// or https://; nothing else is sent")]
    Scheme,
    /// It has a user name or password.
    #[error("has a user name or password; set `authentication.basic` instead")]
    UserInfo,
    /// It has no host.
    #[error("has no host")]
    NoHost,
    /// Its host is neither an address nor a name that can be looked up and certified.
    #[error("has the host `{}`, which {reason}", Brief(host))]
    Host {
        /// The host.
        host: String,
        /// What is wrong with it.
        reason: HostNameError,
    },
    /// Its port is 0.
    #[error("has the port 0, which nobody can listen on")]
    Port,
    /// Its host is a name that means this machine.
    #[error("has the host `{}`, which means this machine; use its address and --allow-network", Brief(.0))]
    LocalName(String),
}

impl TargetUrl {
    /// Checks and normalises `text`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, TargetUrlError> {
        check_text(text)?;
        let url = Url::parse(text).map_err(|error| unreadable(&error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetUrlError::Scheme);
        }
        if !has_authority_slashes(text) {
            return Err(TargetUrlError::NoHost);
        }
        if !url.username().is_empty() || url.password().is_some() || has_at_in_authority(text) {
            return Err(TargetUrlError::UserInfo);
        }
        let host = host(&url)?;
        if url.port() == Some(0) {
            return Err(TargetUrlError::Port);
        }
        if url.as_str().len() > limits::URL_BYTES {
            return Err(TargetUrlError::TooLong { bytes: url.as_str().len() });
        }
        Ok(Self(Arc::new(Parts { url, host })))
    }

    /// The URL as it is sent.
    pub fn as_str(&self) -> &str {
        self.0.url.as_str()
    }

    /// Whether the connection uses TLS.
    pub fn is_https(&self) -> bool {
        self.0.url.scheme() == "https"
    }

    /// The host, as it is looked up and as the receiver's certificate must name it.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The address, when the host is written as one.
    pub fn literal_address(&self) -> Option<IpAddr> {
        self.0.host.address()
    }

    /// The port: the one that is written, else 80 or 443.
    pub fn port(&self) -> u16 {
        self.0.url.port_or_known_default().expect("http and https have known default ports")
    }

    /// The port, when it is not the scheme's own.
    pub fn other_port(&self) -> Option<u16> {
        self.0.url.port()
    }

    /// Path and query, as they stand in the request line.
    pub fn path_and_query(&self) -> &str {
        &self.0.url[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// Host and, if it is not the default, port: the value of the Host header.
    pub fn authority(&self) -> &str {
        &self.0.url[url::Position::BeforeHost..url::Position::AfterPort]
    }
}

/// Why the parser refuses a text.
fn unreadable(error: &url::ParseError) -> TargetUrlError {
    use url::ParseError as Why;
    TargetUrlError::Syntax(match error {
        Why::EmptyHost => return TargetUrlError::NoHost,
        Why::RelativeUrlWithoutBase | Why::RelativeUrlWithCannotBeABaseBase | Why::SetHostOnCannotBeABaseUrl => {
            "is not an absolute URL; write it like https://example.com/hook"
        }
        Why::InvalidPort => "has a port that is not a number from 1 to 65535",
        Why::InvalidIpv4Address => "has a host that looks like an IPv4 address and is not one",
        Why::InvalidIpv6Address => "has a host in brackets that is not an IPv6 address",
        Why::IdnaError | Why::InvalidDomainCharacter => "has a host with characters that no host name can have",
        _ => "is not a URL; write it like https://example.com/hook",
    })
}

/// Characters that parsers disagree about, refused before one of them sees the text. Blanks
/// around the text are not the URL's own; a blank within path or query is encoded.
fn check_text(text: &str) -> Result<(), TargetUrlError> {
    if text.is_empty() {
        return Err(TargetUrlError::Empty);
    }
    if text.len() > limits::URL_BYTES {
        return Err(TargetUrlError::TooLong { bytes: text.len() });
    }
    if text.chars().any(char::is_control) {
        return Err(TargetUrlError::Character("a control character"));
    }
    if text.contains('\\') {
        return Err(TargetUrlError::Character("a backslash"));
    }
    let authority_end = text
        .find("://")
        .map_or(text.len(), |at| text[at + 3..].find(['/', '?', '#']).map_or(text.len(), |end| at + 3 + end));
    if text[..authority_end].chars().any(char::is_whitespace) {
        return Err(TargetUrlError::Character("a blank before its path"));
    }
    Ok(())
}

/// Whether two slashes and something else follow the scheme; WHATWG is content with none.
fn has_authority_slashes(text: &str) -> bool {
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
}

/// WHATWG drops an empty user name (`http://@host/`); it is refused all the same.
fn has_at_in_authority(text: &str) -> bool {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// The host of a parsed URL.
fn host(url: &Url) -> Result<Host, TargetUrlError> {
    match url.host() {
        None | Some(url::Host::Domain("")) => Err(TargetUrlError::NoHost),
        Some(url::Host::Ipv4(address)) => Ok(Host::Address(address.into())),
        Some(url::Host::Ipv6(address)) => Ok(Host::Address(address.into())),
        Some(url::Host::Domain(text)) => match HostName::parse(text) {
            Ok(name) if name.is_local() => Err(TargetUrlError::LocalName(text.to_owned())),
            Ok(name) => Ok(Host::Name(name)),
            Err(reason) => Err(TargetUrlError::Host { host: text.to_owned(), reason }),
        },
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_an_address_become_that_address() {
        for text in
            ["http://0x7f.1/", "http://2130706433/", "http://0177.0.0.1/", "http://127.1/", "http://１２７.0.0.1/"]
        {
            let url = TargetUrl::parse(text).unwrap();
            assert_eq!(url.literal_address(), Some("127.0.0.1".parse().unwrap()), "{text}");
        }
        assert_eq!(TargetUrl::parse("http://[::1]:8080/").unwrap().literal_address(), Some("::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_target_is_refused_with_its_reason() {
        use TargetUrlError as E;
        let refused = |text: &str| TargetUrl::parse(text).unwrap_err();
        assert_eq!(refused(""), E::Empty);
        assert_eq!(refused("ftp://example.com/"), E::Scheme);
        assert_eq!(refused("http://user@example.com/"), E::UserInfo);
        assert_eq!(refused("http://@example.com/"), E::UserInfo);
        assert_eq!(refused("http:///hook"), E::NoHost);
        assert_eq!(refused("http:example.com"), E::NoHost);
        assert_eq!(refused("http://example.com:0/"), E::Port);
        assert_eq!(refused("http://localhost./"), E::LocalName("localhost.".into()));
        assert_eq!(refused("http://a.localhost/"), E::LocalName("a.localhost".into()));
        for (host, reason) in [
            ("hooks..example.test", HostNameError::EmptyLabel),
            (".example.test", HostNameError::EmptyLabel),
            ("hooks.example.test..", HostNameError::EmptyLabel),
            ("dash-.example.test", HostNameError::Dash),
            ("a!b.example.test", HostNameError::Character('!')),
        ] {
            for scheme in ["http", "https"] {
                assert_eq!(
                    refused(&format!("{scheme}://{host}/")),
                    E::Host { host: host.into(), reason: reason.clone() }
                );
            }
        }
        let message = refused(&format!("http://{}/", "a".repeat(64))).to_string();
        assert!(message.ends_with("…`, which has a label of 64 bytes; at most 63 are allowed"), "{message}");
        assert!(matches!(refused("http://exa mple.com/"), E::Character(_)));
        assert!(matches!(refused("http://example.com\\@evil/"), E::Character(_)));
        assert!(matches!(refused("http://example.com/\r\nX: y"), E::Character(_)));
        assert!(matches!(refused("/relative"), E::Syntax(_)));
        assert!(matches!(refused(&format!("http://example.com/{}", "a".repeat(8_192))), E::TooLong { .. }));
    }

    #[test]
    fn what_does_not_parse_is_explained_without_quoting_it() {
        for (text, why) in [
            ("CANARY", "not an absolute URL"),
            ("CANARY:hunter2@example.com/", "http://"),
            ("http://example.com:CANARY/", "has a port"),
            ("http://example.com:65536/", "from 1 to 65535"),
            ("http://1.2.3.CANARY.999/", "IPv4"),
            ("http://[CANARY]/", "IPv6"),
            ("http://a%00CANARY/", "no host name can have"),
            ("http://u:CANARY@example.com/", "user name or password"),
        ] {
            let message = TargetUrl::parse(text).unwrap_err().to_string();
            assert!(message.contains(why) && !message.to_lowercase().contains("canary"), "{text}: {message}");
        }
    }

    #[test]
    fn parts_are_as_they_are_sent() {
        let url = TargetUrl::parse("https://Example.COM:8443/a b?q=ü#part").unwrap();
        assert_eq!((url.host().to_string().as_str(), url.port()), ("example.com", 8443));
        assert_eq!(url.path_and_query(), "/a%20b?q=%C3%BC");
        assert_eq!(url.authority(), "example.com:8443");
        assert_eq!(url.other_port(), Some(8443));
        let url = TargetUrl::parse("http://My_Host.example.com:80/x").unwrap();
        assert_eq!((url.port(), url.other_port()), (80, None));
        assert_eq!(*url.host(), Host::Name(HostName::parse("my_host.example.com").unwrap()));
        let url = TargetUrl::parse("http://Bücher.example/").unwrap();
        assert_eq!(url.host().to_string(), "xn--bcher-kva.example");
    }
}
