//! Bodies of fuzz targets: URLs, hosts, addresses and ids of any text.

use std::net::IpAddr;

use crate::{AddressPolicy, EventId, Host, HostName, Namespace, TargetUrl};

/// A URL that is accepted has a host and a port, is within its limit, and is read again as itself.
/// Its host never leads to an address that the guard does not permit.
///
/// # Panics
/// When that does not hold.
pub fn url_and_address(data: &[u8]) {
    if let Some(bits) = data.first_chunk::<16>() {
        judge(IpAddr::from(*bits));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(address) = text.parse::<IpAddr>() {
        judge(address);
    }
    if let Ok(name) = HostName::parse(text) {
        assert_eq!(HostName::parse(name.as_str()).as_ref(), Ok(&name), "a name is read again as itself");
        assert!(text.parse::<IpAddr>().is_err(), "{text} is an address, not a name");
    }
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.as_str(), text, "an id is kept as it was given");
    }
    if let Ok(namespace) = text.parse::<Namespace>() {
        assert!(text.is_empty() || namespace.as_str() == text, "{text:?} became {namespace}");
    }
    let Ok(url) = TargetUrl::parse(text) else { return };
    assert_eq!(TargetUrl::parse(url.as_str()).as_ref(), Ok(&url), "{text:?} changes when it is read again");
    assert!(url.port() > 0 && !url.authority().is_empty(), "{text:?}");
    assert!(!url.as_str().contains(['\r', '\n', ' ']) && url.path_and_query().starts_with('/'), "{text:?}");
    if let Host::Name(name) = url.host() {
        assert!(!name.is_local(), "{text:?} means this machine");
    }
}

/// A wrapped IPv4 address is judged like itself, and what is denied stays denied.
fn judge(address: IpAddr) {
    let public = AddressPolicy::public();
    if let IpAddr::V4(v4) = address {
        assert_eq!(public.permits(address), public.permits(v4.to_ipv6_mapped().into()), "{address}");
    }
    let denied = AddressPolicy { deny: vec![address.to_canonical().into()], ..AddressPolicy::public() };
    assert!(!denied.permits(address), "{address} is denied");
}

#[cfg(test)]
mod tests {
    #[test]
    fn urls_and_addresses_of_any_bytes_hold_what_they_promise() {
        tenterhook_fixtures::mutate::each("url_and_address", 10_000, super::url_and_address);
    }
}
