//! The host of a URL: an address, or a name that resolvers look up and certificates can hold.
//!
//! It is made once, when a URL is parsed. Whoever looks the name up or checks a certificate
//! against it takes it from here, so no later parser can find it malformed.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// Bytes of a label (RFC 1035 section 2.3.4).
const LABEL_BYTES: usize = 63;
/// Bytes of a name as text, without the dot at its end: 255 in wire format (RFC 1035 section 2.3.4).
const NAME_BYTES: usize = 253;
/// Characters of a name that an error repeats.
const BRIEF_CHARS: usize = 30;

/// The host of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to look up.
    Name(HostName),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// The address, when the host is written as one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::Address(address) => Some(*address),
        }
    }

    /// The host for an error: its beginning, when it is long.
    pub fn brief(&self) -> String {
        Brief(&self.to_string()).to_string()
    }
}

impl fmt::Display for Host {
    /// The name, or the address without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A name of letters, digits, `-` and `_`, in lower case, with an optional dot at its end.
///
/// That is what RFC 1123 section 2.1 calls a host name, with the underscore that name servers,
/// hosts files and wildcard certificates take too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostName(Box<str>);

/// Why a text is not a host name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostNameError {
    /// A label has no characters.
    #[error("has an empty label: it begins with a dot or has two in a row")]
    EmptyLabel,
    /// A label is longer than DNS allows.
    #[error("has a label of {bytes} bytes; at most {LABEL_BYTES} are allowed")]
    LongLabel {
        /// The length of the label.
        bytes: usize,
    },
    /// The name is longer than DNS allows.
    #[error("is {bytes} bytes long; at most {NAME_BYTES} are allowed")]
    LongName {
        /// The length of the name.
        bytes: usize,
    },
    /// A label begins or ends with a dash.
    #[error("has a label that begins or ends with `-`")]
    Dash,
    /// A character that host names do not have.
    #[error("has the character `{}`; only letters, digits, `-`, `_` and dots are allowed", .0.escape_default())]
    Character(char),
    /// The last label is a number, but the whole is not an IPv4 address.
    #[error("ends in a number, but is not an IPv4 address")]
    Number,
}

impl HostName {
    /// Checks `text` and brings it into lower case.
    ///
    /// # Errors
    /// Says why no resolver or certificate can take the name.
    pub fn parse(text: &str) -> Result<Self, HostNameError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Some(other) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
            return Err(HostNameError::Character(other));
        }
        if name.len() > NAME_BYTES {
            return Err(HostNameError::LongName { bytes: name.len() });
        }
        for label in name.split('.') {
            match label.len() {
                0 => return Err(HostNameError::EmptyLabel),
                bytes if bytes > LABEL_BYTES => return Err(HostNameError::LongLabel { bytes }),
                _ if label.starts_with('-') || label.ends_with('-') => return Err(HostNameError::Dash),
                _ => {}
            }
        }
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(HostNameError::Number);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The name as the URL has it: with a dot at its end if it was written with one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without a dot at its end, as hosts files and certificates have it.
    pub fn without_dot(&self) -> &str {
        self.0.strip_suffix('.').unwrap_or(&self.0)
    }

    /// Whether a dot ends the name, so that it stands for itself alone and search domains are
    /// not tried.
    pub fn is_absolute(&self) -> bool {
        self.0.ends_with('.')
    }

    /// `localhost` and what RFC 6761 section 6.3 puts under it.
    pub fn is_local(&self) -> bool {
        let name = self.without_dot();
        name == "localhost" || name.ends_with(".localhost")
    }

    /// The name for an error: its beginning, when it is long.
    pub fn brief(&self) -> String {
        Brief(&self.0).to_string()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host in an error; a long one is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brief<'a>(pub(crate) &'a str);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(BRIEF_CHARS) {
            None => f.write_str(self.0),
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
        }
    }
}

/// Whether a URL parser would read a name with this last label as an IPv4 address
/// (<https://url.spec.whatwg.org/#ends-in-a-number-checker>); certificates cannot hold it.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_resolvers_and_certificates_take_are_host_names() {
        let long = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        for name in
            ["example.com", "my_host.example.test", "_x", "my_box", "a", "0a", "xn--bcher-kva.example", "a--b", &long]
        {
            assert_eq!(HostName::parse(name).unwrap().as_str(), name);
        }
        let absolute = HostName::parse("Hooks.Example.COM.").unwrap();
        assert_eq!((absolute.as_str(), absolute.without_dot()), ("hooks.example.com.", "hooks.example.com"));
        assert!(absolute.is_absolute() && !HostName::parse("hooks.example.com").unwrap().is_absolute());
    }

    #[test]
    fn names_that_no_look_up_or_certificate_takes_are_refused() {
        use HostNameError as E;
        let refused = |text: &str| HostName::parse(text).unwrap_err();
        for text in ["", ".", "a..b", ".a", "a..", ".a."] {
            assert_eq!(refused(text), E::EmptyLabel, "{text}");
        }
        for text in ["-a.test", "a-.test", "a.-b", "a.b-", "-", "a.b-."] {
            assert_eq!(refused(text), E::Dash, "{text}");
        }
        assert_eq!(refused(&"a".repeat(64)), E::LongLabel { bytes: 64 });
        let long = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(62));
        assert_eq!(refused(&long), E::LongName { bytes: 254 });
        assert_eq!(refused("a!b"), E::Character('!'));
        assert_eq!(refused("bücher.example"), E::Character('ü'));
        for text in ["a.1", "1", "a.0x", "a.0xff", "a.007."] {
            assert_eq!(refused(text), E::Number, "{text}");
        }
    }

    #[test]
    fn only_localhost_and_what_is_under_it_are_local() {
        let is_local = |text: &str| HostName::parse(text).unwrap().is_local();
        assert!(is_local("localhost") && is_local("LOCALHOST.") && is_local("a.localhost"));
        assert!(!is_local("localhost.example.com") && !is_local("notlocalhost"));
    }

    #[test]
    fn an_error_repeats_only_the_beginning_of_a_long_name() {
        assert_eq!(HostName::parse("a.example").unwrap().brief(), "a.example");
        let long = format!("{}.example", "a".repeat(60));
        assert_eq!(HostName::parse(&long).unwrap().brief(), format!("{}…", "a".repeat(30)));
    }
}
