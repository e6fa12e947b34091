//! Reads the values of settings: durations, networks, switches, numbers, endpoints.
//!
//! Each reader answers what is wrong as the end of a sentence that begins with the key.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Uri;
use ipnet::IpNet;
use tenterhook_http::Origin;
use tenterhook_model::harmless_line;

/// Units of a duration and their milliseconds, longest name first.
const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Characters of a value that an error repeats.
const SHOWN_CHARS: usize = 160;

/// `message` with the value that it repeats as it may be shown: on one line, cut when it is long, and without the
/// user and the password that a URL has in front of its host.
pub(super) fn brief(message: &str, value: &str) -> String {
    if value.is_empty() { message.to_owned() } else { message.replacen(value, &shown(value), 1) }
}

fn shown(value: &str) -> String {
    let hidden = match value.rsplit_once('@') {
        Some((before, host)) if before.contains(':') => {
            let scheme = before.find("//").map_or(0, |at| at + 2);
            format!("{}***@{host}", &before[..scheme])
        }
        _ => value.to_owned(),
    };
    let line = harmless_line(&hidden);
    match line.char_indices().nth(SHOWN_CHARS) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

/// Reads `90s`, `1h30m`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let fault = || format!("`{text}` is not a duration; write it like 500ms, 90s, 1h30m or 7d");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(fault());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| fault())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (_, millis) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(fault)?;
        rest = &rest[letters..];
        let part = number.checked_mul(*millis).map(Duration::from_millis).ok_or_else(fault)?;
        total = total.checked_add(part).ok_or_else(fault)?;
    }
    Ok(total)
}

/// Writes a duration as [`duration`] reads it, in its two largest units.
pub fn show_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS.iter().rev().filter(|(unit, _)| *unit != "w") {
        if millis >= *size {
            text.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads a duration within `range`.
pub fn duration_within(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let value = duration(text)?;
    if range.contains(&value) {
        return Ok(value);
    }
    Err(format!("`{text}` must be from {} to {}", show_duration(*range.start()), show_duration(*range.end())))
}

/// Reads `127.0.0.1:50051`, `[::1]:50051` or `localhost:50051`.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric
        .parse()
        .map_err(|_| format!("`{text}` is not an address and port; write it like 127.0.0.1:50051 or [::1]:50051"))
}

/// The IPv6 loopback with the port of `localhost:PORT`, which names both families; `None` for other addresses.
pub fn ipv6_of_localhost(text: &str) -> Result<Option<SocketAddr>, String> {
    let port = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    Ok(port.map(|port| SocketAddr::from((Ipv6Addr::LOCALHOST, port))))
}

/// Reads a network in CIDR form; an address alone stands for itself.
pub fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address)))
        .map_err(|_| format!("`{text}` is not a network; write it like 10.0.0.0/8, fd00::/8 or 192.168.1.7"))
}

/// Reads an address of this machine to send from. An IPv4-mapped one is its IPv4 address.
pub fn source_address(text: &str) -> Result<IpAddr, String> {
    let address: Option<IpAddr> = text.parse().ok();
    match address.map(|address| address.to_canonical()) {
        Some(address) if address.is_unspecified() || address.is_multicast() => {
            Err(format!("`{text}` is not an address of one machine; leave it out to let the system choose"))
        }
        Some(address) => Ok(address),
        None => Err(format!("`{text}` is not an IP address; write it like 198.51.100.7 or 2001:db8::7")),
    }
}

/// Reads the origin of a page, as browsers send it.
pub fn origin(text: &str) -> Result<Origin, String> {
    text.parse().map_err(|error| format!("`{text}` {error}"))
}

/// Reads a host name or an IP address, without a port.
pub fn host_name(text: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_name = !text.is_empty() && text.chars().all(is_part);
    let is_ipv6 = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    if is_name || is_ipv6 {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is not a host name; write it like hooks.example.com, 10.1.2.3 or [fd00::1]"))
}

/// Reads a switch.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

/// Reads a whole number within `range`.
pub fn number(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let fault = || format!("`{text}` is not a whole number from {} to {}", range.start(), range.end());
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(fault)
}

/// Reads a share from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let fault = || format!("`{text}` is not a number from 0 to 1, such as 0.01");
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(fault)
}

/// Reads the URL of an OTLP collector. It is not repeated in errors: it may hold a password.
pub fn endpoint(text: &str) -> Result<String, String> {
    match text.parse::<Uri>() {
        Ok(url) if is_of_a_server(&url) => Ok(text.to_owned()),
        _ => Err(
            "is not the URL of a collector; write it like http://127.0.0.1:4317 or https://collector.example.com:4317"
                .to_owned(),
        ),
    }
}

/// Reads the URL by which people reach the server, without a slash at its end.
pub fn public_url(text: &str) -> Result<String, String> {
    match text.parse::<Uri>() {
        Ok(url) if is_of_a_server(&url) && url.query().is_none() && !text.contains('#') => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => {
            Err("is not the URL of a server; write it like https://hooks.example.com, without user or query".to_owned())
        }
    }
}

/// Whether a URL is one of HTTP that names a host, no user, and no port but one that a server can have. Where a library
/// cannot read the port, it takes that of the scheme.
fn is_of_a_server(url: &Uri) -> bool {
    let Some(authority) = url.authority().filter(|_| matches!(url.scheme_str(), Some("http" | "https"))) else {
        return false;
    };
    let Some(port) = authority.as_str().strip_prefix(authority.host()) else { return false };
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    !authority.host().is_empty() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// What a node is called.
pub(super) fn node_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.chars().count() <= 63 && !text.chars().any(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err("must have 1 to 63 characters, all of them printable".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_repeated_without_secrets_on_one_line_and_not_whatever_its_length() {
        let of = |value: &str| brief(&format!("`{value}` is wrong"), value);
        for (value, said) in [
            ("7", "`7` is wrong"),
            ("", "`` is wrong"),
            ("https://u:hunter2@a.example/x", "`https://***@a.example/x` is wrong"),
            ("u:hunter2@a:1", "`***@a:1` is wrong"),
            ("https://u:hunt@er2@a", "`https://***@a` is wrong"),
            ("/run/hooks@1/keys", "`/run/hooks@1/keys` is wrong"),
            ("a\u{1b}[2J\nb", "`a\\u{1b}[2J\\nb` is wrong"),
        ] {
            assert_eq!(of(value), said);
        }
        assert_eq!(of(&"ä".repeat(SHOWN_CHARS)).chars().count(), SHOWN_CHARS + 11);
        assert!(of(&"ä".repeat(9_999)).contains("ä…`"));
        assert_eq!(brief("must be set", "x"), "must be set");
    }

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("1w", 604_800_000),
            (" 0s ", 0),
            ("1m1ms", 60_001),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "7", "d", "7 days", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615w", "1s2"] {
            assert!(duration(bad).unwrap_err().contains("is not a duration"), "{bad}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_read() {
        for text in ["500ms", "1m30s", "1h30m", "7d", "30d12h", "0s"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn durations_out_of_range_name_the_range() {
        let range = Duration::from_secs(60)..=Duration::from_secs(3_600);
        assert!(duration_within("60s", range.clone()).is_ok());
        assert_eq!(duration_within("59s", range), Err("`59s` must be from 1m to 1h".to_owned()));
    }

    #[test]
    fn a_public_url_has_a_host_and_nothing_after_its_path() {
        assert_eq!(public_url("https://hooks.example.com/"), Ok("https://hooks.example.com".to_owned()));
        assert_eq!(public_url("http://[::1]:50051/hooks"), Ok("http://[::1]:50051/hooks".to_owned()));
        for bad in ["", "hooks.example.com", "ftp://a", "https://u:p@a", "https://a/?b", "https://a/#b", "https://"] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_are_cidr_or_single_addresses() {
        assert_eq!(network("192.168.1.7").unwrap().to_string(), "192.168.1.7/32");
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        for bad in ["10.0.0.0/33", "10.0.0", "localhost", ""] {
            assert!(network(bad).unwrap_err().contains("is not a network"), "{bad}");
        }
    }

    #[test]
    fn localhost_is_an_address_and_other_names_are_not() {
        assert_eq!(address("localhost:1"), Ok("127.0.0.1:1".parse().unwrap()));
        assert_eq!(ipv6_of_localhost("localhost:1"), Ok(Some("[::1]:1".parse().unwrap())));
        assert_eq!(ipv6_of_localhost("127.0.0.1:1"), Ok(None));
        for bad in ["example.com:1", "127.0.0.1", ":50051", "50051"] {
            assert!(address(bad).unwrap_err().contains("is not an address and port"), "{bad}");
        }
    }

    #[test]
    fn switches_shares_numbers_and_endpoints_refuse_what_they_are_not() {
        assert_eq!((switch("on"), switch("false")), (Ok(true), Ok(false)));
        assert!(switch("maybe").is_err());
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("1.1").is_err() && share("NaN").is_err());
        assert_eq!(number("1024", 1..=65_536), Ok(1_024));
        assert!(number("0", 1..=65_536).unwrap_err().contains("from 1 to 65536"));
        assert!(endpoint("http://127.0.0.1:4317").is_ok() && endpoint("https://collector:4317").is_ok());
        assert!(endpoint("http://[::1]:4317/v1").is_ok() && public_url("https://hooks.example.com:65535/x/").is_ok());
        for bad in [
            "127.0.0.1:4317",
            "http://",
            "http:///v1",
            "https:///v1",
            "ftp://collector:4317",
            "http://a b/",
            "http://u:hunter2@collector:4317",
            "http://collector:",
            "http://collector:0",
            "http://collector:99999",
            "http://[::1]:99999",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
            let error = endpoint(bad).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
