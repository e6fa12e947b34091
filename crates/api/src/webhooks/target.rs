//! Whether the server sends to the host of a URL, asked when a webhook is saved.
//!
//! The same policy is asked again for every attempt: what a name resolves to can change, so
//! this check is there to tell a slip at once, not to be relied on.

use std::net::IpAddr;

use tenterhook_model::{Fault, FaultKind, Host, HostName, TargetUrl, limits};

use crate::state::Shared;

/// The field that is at fault, from the webhook.
const FIELD: &str = "request.url";

/// What is wrong with sending to `url`, if anything is. Of a name one permitted address is
/// enough, as it is for an attempt; a name that does not resolve is accepted: it may exist later.
pub(super) async fn check(api: &Shared, url: &TargetUrl) -> Option<Fault> {
    let host = url.host();
    if !url.is_https() && !api.addresses.allow_http {
        return Some(forbidden(host, "uses plain HTTP, which this server does not send (--allow-http)"));
    }
    let judged = match host {
        Host::Address(address) => api.addresses.judge(*address).map_err(|reason| reason.to_string()),
        Host::Name(name) => {
            let addresses = resolve(api, name).await;
            api.addresses.choose(name, &addresses).map(drop).map_err(|reason| reason.to_string())
        }
    };
    judged.err().map(|reason| forbidden(host, reason))
}

async fn resolve(api: &Shared, host: &HostName) -> Vec<IpAddr> {
    let answer = tokio::time::timeout(limits::DNS_TIMEOUT, api.resolver.resolve(host)).await;
    answer.ok().and_then(Result::ok).unwrap_or_default()
}

fn forbidden(host: &Host, message: impl Into<String>) -> Fault {
    let kind = FaultKind::UrlForbidden { host: host.to_string() };
    Fault { field: FIELD.to_owned(), message: message.into(), kind }
}
