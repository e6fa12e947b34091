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
    if !url.is_https() && !api.addresses.allow_http {
        return Some(forbidden(field, host, "uses plain HTTP, which this server does not send (--allow-http)"));
    }
    if api.egress.proxy(url, wish).is_some() && api.egress.leaves_name_to_proxy(url) {
        return None;
    }
    let judged = match host {
        Host::Address(address) => api.addresses.judge(*address).map_err(|reason| reason.to_string()),
        Host::Name(name) => {
            let addresses = resolve(api, name).await;
            api.addresses.choose(name, &addresses).map(drop).map_err(|reason| reason.to_string())
        }
    };
    judged.err().map(|reason| forbidden(field, host, reason))
}

async fn resolve(api: &Shared, host: &HostName) -> Vec<IpAddr> {
    let answer = tokio::time::timeout(limits::DNS_TIMEOUT, api.resolver.resolve(host)).await;
    answer.ok().and_then(Result::ok).unwrap_or_default()
}

fn forbidden(field: &str, host: &Host, message: impl Into<String>) -> Fault {
    let kind = FaultKind::UrlForbidden { host: host.to_string() };
    Fault { field: field.to_owned(), message: message.into(), kind }
}
