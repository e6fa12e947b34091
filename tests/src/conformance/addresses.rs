//! Where requests may go, as far as no name has to be looked up: what is refused at save by
//! the text of the URL or the address in it, and what a rendered URL may not become.

use serde_json::Value;
use tenterhook_engine::compile;
use tenterhook_model::AddressPolicy;

use super::check_all;
use super::wire::{context_of, facts, repeated, webhook_to};

fn policy(case: &Value) -> AddressPolicy {
    let networks = |key: &str| {
        let texts = case[key].as_array().cloned().unwrap_or_default();
        texts.iter().map(|network| network.as_str().unwrap().parse().unwrap()).collect()
    };
    AddressPolicy {
        allow: networks("allow_networks"),
        deny: networks("deny_networks"),
        allow_http: case["allow_http"].as_bool().unwrap_or(true),
        ..AddressPolicy::public()
    }
}

/// Where a case is blocked: `save`, `send`, or not by what this crate can see.
fn blocked_at(case: &Value) -> Option<&'static str> {
    let source = case.get("url").or_else(|| case.get("template")).unwrap();
    let mut webhook = webhook_to(&repeated(source));
    let hosts = case["allowed_hosts"].as_array().cloned().unwrap_or_default();
    webhook.spec.request.allowed_hosts = hosts.iter().map(|host| host.as_str().unwrap().to_owned()).collect();
    let Ok(compiled) = compile(&webhook) else { return Some("save") };
    let policy = policy(case);
    let refused = |url: &tenterhook_model::TargetUrl| {
        (!policy.allow_http && !url.is_https()) || url.literal_address().is_some_and(|address| !policy.permits(address))
    };
    if compiled.literal_target().is_some_and(refused) {
        return Some("save");
    }
    let event = context_of("created", &case["context"]["data"], &Value::Null);
    let request = match compiled.prepare(&event, &facts()) {
        Ok(request) => request,
        Err(fault) => {
            assert_eq!(fault.field, "request.url");
            return Some("send");
        }
    };
    if let Some(host) = case["host"].as_str() {
        assert_eq!(request.url.host(), host);
    }
    if let Some(url) = case["final_url"].as_str() {
        assert_eq!(request.url.as_str(), url);
    }
    refused(&request.url).then_some("send")
}

#[test]
fn urls_lead_only_where_they_may() {
    check_all("ssrf", |case| {
        let needs_a_name_server = case.get("dns").is_some() || case.get("dns_seq").is_some();
        let (expect, at) = (case["expect"].as_str().unwrap(), case["at"].as_str().unwrap());
        let may_block = case["accept_also"] == "block";
        match (blocked_at(case), expect) {
            (Some(found), "block") if found == at || at == "either" => Ok(()),
            (None, "allow") => Ok(()),
            (Some(_), "allow") if may_block => Ok(()),
            (None, "block") if needs_a_name_server || case.get("response").is_some() => Ok(()),
            (found, _) => Err(format!("blocked at {found:?}, not {expect} at {at}")),
        }
    });
}
