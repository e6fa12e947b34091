//! Whether the server sends to the host of a URL, asked when a webhook is saved.
//!
//! The same policy is asked again for every attempt: what a name resolves to can change, so
//! this check is there to tell a slip at once, not to be relied on.

use std::net::IpAddr;

use tenterhook_model::{Fault, FaultKind, TargetUrl, limits};

use crate::state::Shared;

/// The field that is at fault, from the webhook.
const FIELD: &str = "request.url";

/// What is wrong with sending to `url`, if anything is. A name that does not resolve is
/// accepted: it may exist later.
pub(super) async fn check(api: &Shared, url: &TargetUrl) -> Option<Fault> {
    let host = url.host();
    if !url.is_https() && !api.addresses.allow_http {
        return Some(forbidden(&host, "uses plain HTTP, which this server does not send (--allow-http)"));
    }
    let addresses = match url.literal_address() {
        Some(address) => vec![address],
        None => resolve(api, &host).await,
    };
    let refused = addresses.into_iter().find(|address| !api.addresses.permits(*address))?;
    let advice = api.addresses.advice(refused);
    let is_name = url.literal_address().is_none();
    let message = if is_name { format!("`{host}` resolves to {refused}: {advice}") } else { advice };
    Some(forbidden(&host, message))
}

async fn resolve(api: &Shared, host: &str) -> Vec<IpAddr> {
    let answer = tokio::time::timeout(limits::DNS_TIMEOUT, api.resolver.resolve(host)).await;
    answer.ok().and_then(Result::ok).unwrap_or_default()
}

fn forbidden(host: &str, message: impl Into<String>) -> Fault {
    Fault { field: FIELD.to_owned(), message: message.into(), kind: FaultKind::UrlForbidden { host: host.to_owned() } }
}
