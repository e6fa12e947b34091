//! Whether the server sends to the host of a URL, asked when a webhook is saved.
//!
//! The same policy is asked again for every attempt: what a name resolves to can change, so
//! this check is there to tell a slip at once, not to be relied on.

use std::net::IpAddr;

use tenterhook_model::webhook::ProxyUse;
use tenterhook_model::{Fault, FaultKind, Host, HostName, TargetUrl, limits};

use crate::state::Shared;

/// What is wrong with sending to `url`, which stands in `field`, if anything is; `wish` says whether by a
/// proxy, which may be the one that looks a name up. Of a name one permitted address is
/// enough, as it is for an attempt; a name that does not resolve is accepted: it may exist later.
pub(super) async fn check(api: &Shared, field: &str, url: &TargetUrl, wish: ProxyUse) -> Option<Fault> {
    let host = url.host();
    let Host::Name(name) = host else { return check_known(api, field, url, wish) };
    if let Some(fault) = check_known(api, field, url, wish) {
        return Some(fault);
    }
    if is_left_to_proxy(api, url, wish) {
        return None;
    }
    let addresses = resolve(api, name).await;
    api.addresses.choose(name, &addresses).err().map(|reason| forbidden(field, host, reason.to_string()))
}

/// The same as far as it is known without a look-up: names may lead anywhere.
pub(super) fn check_known(api: &Shared, field: &str, url: &TargetUrl, wish: ProxyUse) -> Option<Fault> {
    let host = url.host();
    if !url.is_https() && !api.addresses.allow_http {
        return Some(forbidden(field, host, "uses plain HTTP, which this server does not send (--allow-http)"));
    }
    match host {
        Host::Address(address) if !is_left_to_proxy(api, url, wish) => {
            api.addresses.judge(*address).err().map(|reason| forbidden(field, host, reason.to_string()))
        }
        Host::Address(_) | Host::Name(_) => None,
    }
}

/// Whether a proxy is the one that looks a name up, and judges where it leads.
fn is_left_to_proxy(api: &Shared, url: &TargetUrl, wish: ProxyUse) -> bool {
    api.egress.proxy(url, wish).is_some() && api.egress.leaves_name_to_proxy(url)
}

async fn resolve(api: &Shared, host: &HostName) -> Vec<IpAddr> {
    let answer = tokio::time::timeout(limits::DNS_TIMEOUT, api.resolver.resolve(host)).await;
    answer.ok().and_then(Result::ok).unwrap_or_default()
}

fn forbidden(field: &str, host: &Host, message: impl Into<String>) -> Fault {
    let kind = FaultKind::UrlForbidden { host: host.to_string() };
    Fault { field: field.to_owned(), message: message.into(), kind }
}
