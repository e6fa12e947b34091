//! By which way requests leave this network: directly, or by a proxy.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::address;
use crate::host::{Host, HostName};
use crate::secret::Secret;
use crate::target::TargetUrl;
use crate::webhook::ProxyUse;

/// The port of a SOCKS proxy whose URL has none (RFC 1928 section 3).
const SOCKS_PORT: u16 = 1080;

/// By which way requests leave this network.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    /// The proxy for https receivers.
    pub https: Option<Proxy>,
    /// The proxy for http receivers.
    pub http: Option<Proxy>,
    /// Receivers that are reached directly all the same.
    pub direct: HostList,
    /// The hosts whose names the proxy looks up; of all others this server does.
    pub resolved_by_proxy: HostList,
    /// Whether a webhook may ask to be reached directly.
    pub allow_direct: bool,
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub scheme: ProxyScheme,
    /// Its host.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// A user name and a password for it.
    pub credentials: Option<(String, Secret)>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyScheme {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS 5 (RFC 1928).
    Socks5h,
}

/// Why a text is no proxy. The text is not quoted: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// It has another scheme.
    #[error("must begin with http://, https:// or socks5h://, such as http://proxy.example:3128")]
    Scheme,
    /// It has no host, or one that is none.
    #[error("has no host that can be looked up, such as http://proxy.example:3128")]
    Host,
    /// It has a port that nobody can listen on, or none after its colon.
    #[error("has a port that is not a number from 1 to 65535, such as http://proxy.example:3128")]
    Port,
    /// It has a path, a query or a fragment.
    #[error("must end after the port, such as http://proxy.example:3128")]
    Path,
}

/// Why an entry of a list is no host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is neither a host, an address, a network nor `*`")]
pub struct NoHost(pub String);

impl Egress {
    /// The proxy for requests to `url` of a webhook that chose `wish`; `None` is the direct way. Receivers
    /// on this machine are always reached directly: a proxy would take them for its own.
    pub fn proxy(&self, url: &TargetUrl, wish: ProxyUse) -> Option<&Proxy> {
        let proxy = if url.is_https() { &self.https } else { &self.http };
        let is_loopback = url.host().address().is_some_and(|address| address.to_canonical().is_loopback());
        let is_direct = wish == ProxyUse::Direct || is_loopback || self.direct.has(url.host(), url.port());
        proxy.as_ref().filter(|_| !is_direct)
    }

    /// Whether the proxy looks the name of `url` up, for which there is one.
    pub fn leaves_name_to_proxy(&self, url: &TargetUrl) -> bool {
        url.host().address().is_none() && self.resolved_by_proxy.has(url.host(), url.port())
    }

    /// What is said of a webhook that asks for the direct way and may not.
    pub const NOT_DIRECT: &str = "this server does not let webhooks go round its proxy (--allow-direct)";

    /// Whether a webhook may ask to be reached directly: without a proxy it always is.
    pub fn may_be_direct(&self) -> bool {
        self.allow_direct || (self.https.is_none() && self.http.is_none())
    }
}

impl Proxy {
    /// Reads `scheme://[user:password@]host[:port]`; without a scheme it is `http://`.
    ///
    /// # Errors
    /// Says what is wrong with the text, and quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, standard_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyScheme::Http, 80),
            "https" => (ProxyScheme::Https, 443),
            "socks5h" => (ProxyScheme::Socks5h, SOCKS_PORT),
            _ => return Err(ProxyError::Scheme),
        };
        // Read as http, whose host the rules of URLs normalise.
        let url = url::Url::parse(&format!("http://{rest}")).map_err(|error| match error {
            url::ParseError::InvalidPort => ProxyError::Port,
            _ => ProxyError::Host,
        })?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Path);
        }
        // The reader drops 80 as the standard port of http.
        let port = match written_port(rest) {
            Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or(ProxyError::Port)?,
            None => standard_port,
        };
        let host = match url.host() {
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            Some(url::Host::Domain(name)) => Host::Name(HostName::parse(name).map_err(|_| ProxyError::Host)?),
            None => return Err(ProxyError::Host),
        };
        let decode = |part| percent_decode_str(part).decode_utf8().map_err(|_| ProxyError::Host);
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let password = decode(password.unwrap_or_default())?;
                Some((decode(user)?.into_owned(), Secret::new(password)))
            }
        };
        Ok(Self { scheme, host, port, credentials })
    }
}

/// What stands behind the colon after the host of `[user:password@]host[:port][/]`.
fn written_port(text: &str) -> Option<&str> {
    let authority = text.split('/').next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    host_and_port.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'))
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Https => "https",
            ProxyScheme::Socks5h => "socks5h",
        };
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "{scheme}://[{address}]:{}", self.port),
            host => write!(f, "{scheme}://{host}:{}", self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A list of hosts, read as Go's `golang.org/x/net/http/httpproxy` reads NO_PROXY: `example.com` with its
/// sub-domains, `.example.com` and `*.example.com` for the sub-domains alone, an address, a network in CIDR
/// form, each of them but networks with `:port`; `*` is every host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostList(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Any,
    Network(IpNet),
    Address(IpAddr, Option<u16>),
    Domain {
        /// With a dot in front.
        suffix: String,
        /// Whether the domain itself counts too.
        itself: bool,
        port: Option<u16>,
    },
}

impl HostList {
    /// Every host.
    pub fn all() -> Self {
        Self(vec![Entry::Any])
    }

    /// Reads a list with commas between its entries; blanks around them do not count.
    ///
    /// # Errors
    /// The first entry that is none.
    pub fn parse(text: &str) -> Result<Self, NoHost> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(Entry::parse).collect::<Result<_, _>>().map(Self)
    }

    /// All entries of several lists.
    pub fn joined(lists: Vec<Self>) -> Self {
        Self(lists.into_iter().flat_map(|list| list.0).collect())
    }

    /// Whether it has this host.
    pub fn has(&self, host: &Host, port: u16) -> bool {
        self.0.iter().any(|entry| entry.has(host, port))
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, NoHost> {
        let text = text.to_ascii_lowercase();
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        let address = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        if let Some(address) = address(&text) {
            return Ok(Self::Address(address.to_canonical(), None));
        }
        let (host, port) = match text.rsplit_once(':') {
            None => (text.as_str(), None),
            Some((host, port)) => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (host, Some(port.ok_or_else(|| NoHost(text.clone()))?))
            }
        };
        if let Some(address) = address(host) {
            return Ok(Self::Address(address.to_canonical(), port));
        }
        let bare = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
        let name = in_ascii(bare.unwrap_or(host).trim_end_matches('.'));
        let name = HostName::parse(&name).map_err(|_| NoHost(text.clone()))?;
        Ok(Self::Domain { suffix: format!(".{}", name.without_dot()), itself: bare.is_none(), port })
    }

    fn has(&self, host: &Host, port: u16) -> bool {
        let fits = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Network(network), Host::Address(address)) => address::contains(network, address.to_canonical()),
            (Self::Address(wanted, wanted_port), Host::Address(address)) => {
                *wanted == address.to_canonical() && fits(wanted_port)
            }
            (Self::Domain { suffix, itself, port }, Host::Name(name)) => {
                let name = name.without_dot();
                fits(port) && (name.ends_with(suffix.as_str()) || (*itself && name == &suffix[1..]))
            }
            _ => false,
        }
    }
}

/// A name of any script as URLs have it, with `xn--`; a text that is none as it stands.
fn in_ascii(name: &str) -> Cow<'_, str> {
    match url::Host::parse(name) {
        Ok(url::Host::Domain(ascii)) if !name.is_ascii() => Cow::Owned(ascii),
        _ => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> TargetUrl {
        TargetUrl::parse(text).unwrap()
    }

    fn egress(no_proxy: &str) -> Egress {
        let proxy = Proxy::parse("http://proxy.example:3128").unwrap();
        let direct = HostList::parse(no_proxy).unwrap();
        Egress { https: Some(proxy.clone()), http: Some(proxy), direct, ..Egress::default() }
    }

    /// The table of Go's `TestUseProxy` (golang.org/x/net/http/httpproxy), with its list; `localhost` is no receiver here.
    #[test]
    fn the_table_of_go_holds() {
        let list = "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, \
                    2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64";
        let direct = "127.0.0.1 127.0.0.2 [::1] 192.168.1.1 192.168.1.3 10.0.0.2 [2001:db8::52:0:1] [2001:db8::52:0:3] \
                      [2002:db8:a::123] www.barbaz.net foobar.com www.foobar.com nested.wildcard.io";
        let proxied = "[::2] 192.168.1.2 192.168.1.4 [2001:db8::52:0:2] [fe80::424b:c8be:1643:a1b6] barbaz.net \
                       foofoobar.com baz.com localhost.net barbarbaz.net wildcard.io awildcard.io";
        assert_direct("http", list, direct, proxied);
    }

    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        // (the list, hosts that are reached directly, hosts that are reached by the proxy), as httpproxy itself says.
        for (list, direct, proxied) in [
            ("", "", "example.com 93.184.216.34"),
            ("*", "example.com 93.184.216.34", ""),
            ("a.example,*", "example.com 93.184.216.34", ""),
            ("example.com", "example.com www.example.com EXAMPLE.com example.com.", "notexample.com"),
            ("ample.com", "", "example.com"),
            ("com", "example.com", "example.org"),
            (".example.com", "www.example.com a.b.example.com", "example.com notexample.com"),
            ("*.example.com", "www.example.com", "example.com"),
            (" foo.example , ,Bar.Example", "foo.example x.bar.example", "baz.example"),
            (".示例.com", "www.示例.com www.xn--fsq092h.com", "示例.com"),
            ("示例.com", "示例.com www.xn--fsq092h.com", "例.com"),
            ("xn--fsq092h.com", "www.示例.com", "例.com"),
            ("*.BÜCHER.example:8080", "a.bücher.example:8080", "a.bücher.example"),
            ("192.0.2.0/24", "192.0.2.1 [::ffff:192.0.2.9]", "192.0.3.1 192.0.2.1.example.com"),
            ("::ffff:10.0.0.0/104", "10.1.2.3 [::ffff:10.1.2.3]", "11.0.0.1"),
            ("0.0.0.0/0", "192.0.2.1 [::ffff:192.0.2.9]", "[2001:db8::7] example.com"),
            ("::/0", "[2001:db8::7]", "192.0.2.1 [::ffff:192.0.2.9]"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("::ffff:192.0.2.7,[::ffff:192.0.2.8]:443", "192.0.2.7 192.0.2.8", "192.0.2.8:444"),
            ("2001:db8::/32,2001:470::1", "[2001:db8::7] [2001:470::1]", "[2001:470::2]"),
            ("2001:db8::1:80", "[2001:db8::1:80]", "[2001:db8::1]:80"),
            ("example.com:8443", "example.com:8443 a.example.com:8443", "example.com example.com:9"),
            ("[2001:db8::1]:81,192.0.2.7:81", "192.0.2.7:81 [2001:db8::1]:81", "192.0.2.7 [2001:db8::1]"),
        ] {
            assert_direct("https", list, direct, proxied);
        }
    }

    /// Go passes over what it cannot read; a setting that does nothing is refused here.
    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in [
            "a b",
            "example.com:port",
            "example.com:",
            "example.com:0",
            "192.0.2.7:65536",
            ":80",
            "http://example.com",
            "192.0.2.0/33",
            "10.0.0.0/8:80",
            "a..b",
            ".",
            "*.",
            "*.*.com",
            "*example.com",
            "1.2.3",
            "[]",
            "<local>",
            "。。",
        ] {
            assert!(HostList::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn assert_direct(scheme: &str, list: &str, direct: &str, proxied: &str) {
        let egress = egress(list);
        let is_direct = |host: &str| egress.proxy(&url(&format!("{scheme}://{host}/")), ProxyUse::Default).is_none();
        for host in direct.split_whitespace() {
            assert!(is_direct(host), "{list}: {host} by the proxy");
        }
        for host in proxied.split_whitespace() {
            assert!(!is_direct(host), "{list}: {host} directly");
        }
    }

    #[test]
    fn this_machine_and_what_a_webhook_asks_for_are_reached_directly() {
        let egress = egress("");
        assert!(egress.proxy(&url("http://127.0.0.1:8080/"), ProxyUse::Default).is_none());
        assert!(egress.proxy(&url("http://[::1]/"), ProxyUse::Default).is_none());
        assert!(egress.proxy(&url("https://example.com/"), ProxyUse::Direct).is_none());
        assert!(Egress::default().proxy(&url("https://example.com/"), ProxyUse::Default).is_none());
    }

    #[test]
    fn a_proxy_is_read_and_shown_without_its_password() {
        let read = |text: &str| {
            let proxy = Proxy::parse(text).unwrap();
            let user = proxy.credentials.as_ref().map(|(user, password)| format!("{user}/{}", password.expose()));
            (format!("{proxy} {proxy:?}"), user)
        };
        let twice = |text: &str| format!("{text} {text}");
        assert_eq!(read("http://proxy.example:3128"), (twice("http://proxy.example:3128"), None));
        assert_eq!(read("proxy.example:80/"), (twice("http://proxy.example:80"), None));
        assert_eq!(read("https://proxy.example"), (twice("https://proxy.example:443"), None));
        assert_eq!(read("https://proxy.example:80").0, twice("https://proxy.example:80"));
        assert_eq!(read("https://u:80@proxy.example:0080").0, twice("https://proxy.example:80"));
        assert_eq!(read("socks5h://[2001:db8::80]").0, twice("socks5h://[2001:db8::80]:1080"));
        let (shown, user) = read("socks5h://u%40x:p%3Aw@[2001:db8::1]");
        assert_eq!((shown, user.as_deref()), (twice("socks5h://[2001:db8::1]:1080"), Some("u@x/p:w")));
        assert_eq!(read("http://u:%+5%4@proxy.example").1.as_deref(), Some("u/%+5%4"), "no digits, no character");
        for (text, error) in [
            ("socks5://proxy.example", ProxyError::Scheme),
            ("ftp://hunter2@proxy.example", ProxyError::Scheme),
            ("http://", ProxyError::Host),
            ("http://a b", ProxyError::Host),
            ("http://u:%ff@proxy.example", ProxyError::Host),
            ("http://proxy.example:0", ProxyError::Port),
            ("http://proxy.example:", ProxyError::Port),
            ("http://proxy.example:99999", ProxyError::Port),
            ("http://user:hunter2", ProxyError::Port),
            ("http://proxy.example/path", ProxyError::Path),
        ] {
            assert_eq!(Proxy::parse(text).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_domain_holds_itself_and_what_is_below_it_and_no_neighbour(
            name in "[a-z]{1,6}\\.[a-z]{2,4}", below in "[a-z]{1,5}", port in 1u16.., other in 1u16.., form in 0u8..3,
        ) {
            let entry = match form {
                0 => name.clone(),
                1 => format!(".{name}"),
                _ => format!("*.{name}"),
            };
            let host = |text: String| Host::Name(HostName::parse(&text).unwrap());
            let list = HostList::parse(&entry).unwrap();
            prop_assert_eq!(list.has(&host(name.clone()), port), form == 0);
            let (inside, beside, behind) =
                (format!("{below}.{name}"), format!("{below}{name}"), format!("{name}.{below}"));
            prop_assert!(list.has(&host(inside.clone()), port));
            prop_assert!(list.has(&host(inside.to_uppercase() + "."), port));
            prop_assert!(!list.has(&host(beside), port), "a name that only ends alike is another");
            prop_assert!(!list.has(&host(behind), port));
            let with_port = HostList::parse(&format!("{entry}:{port}")).unwrap();
            prop_assert_eq!(with_port.has(&host(inside), other), port == other);
        }

        #[test]
        fn a_network_holds_its_addresses_however_they_are_written(address in any::<[u8; 4]>(), bits in 0u8..=32, other in any::<[u8; 4]>()) {
            let list = HostList::parse(&format!("{}/{bits}", IpAddr::from(address))).unwrap();
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            let is_in = (u32::from_be_bytes(address) ^ u32::from_be_bytes(other)) & mask == 0;
            let mapped = IpAddr::from(std::net::Ipv4Addr::from(other).to_ipv6_mapped());
            prop_assert_eq!(list.has(&Host::Address(IpAddr::from(other)), 443), is_in);
            prop_assert_eq!(list.has(&Host::Address(mapped), 443), is_in);
        }
    }
}
