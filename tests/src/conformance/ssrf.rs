//! Where requests may go: every case of `ssrf.jsonl`, from the webhook as it is saved to
//! the address that is dialled.

use std::collections::HashMap;
use std::net::IpAddr;
use std::process::Command;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tenterhook_deliver::{Deliverer, Outbound, Roots};
use tenterhook_engine::{Compiled, EventContext, compile};
use tenterhook_model::{AddressPolicy, Host, Outcome, Resolve, TargetUrl, Webhook};

use super::network::{Answer, Names, Wires};
use super::wire::{context_of, facts, repeated, webhook_to};

/// This test, as the test runner calls it.
const THIS: &str = "conformance::ssrf::every_case_goes_where_it_should";

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    #[serde(alias = "template")]
    url: Value,
    #[serde(default)]
    context: Value,
    #[serde(default)]
    allowed_hosts: Vec<String>,
    expect: String,
    at: String,
    accept_also: Option<String>,
    #[serde(default)]
    dns: HashMap<String, Vec<IpAddr>>,
    #[serde(default)]
    dns_seq: HashMap<String, Vec<Vec<IpAddr>>>,
    /// The attempt that must be blocked.
    attempt: Option<usize>,
    #[serde(default)]
    never_dial: Vec<IpAddr>,
    #[serde(default)]
    dial_only: Vec<IpAddr>,
    response: Option<Response>,
    #[serde(default)]
    allow_networks: Vec<String>,
    #[serde(default)]
    deny_networks: Vec<String>,
    allow_http: Option<bool>,
    #[serde(default)]
    environment: HashMap<String, String>,
    host: Option<String>,
    final_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Response {
    status: u16,
    headers: HashMap<String, String>,
}

/// What became of a case.
#[derive(Debug, PartialEq)]
enum Fate {
    /// Refused when the webhook was to be saved.
    RefusedAtSave(String),
    /// Saved, and the attempts ended like this.
    Sent(Vec<Attempt>),
}

/// One attempt of a case.
#[derive(Debug, PartialEq)]
struct Attempt {
    outcome: Outcome,
    error: String,
    dialled: Vec<IpAddr>,
}

impl Attempt {
    fn is_blocked(&self) -> bool {
        self.dialled.is_empty() && matches!(self.outcome, Outcome::Blocked | Outcome::Render | Outcome::Dns)
    }

    fn arrived(&self) -> bool {
        !self.dialled.is_empty() && matches!(self.outcome, Outcome::Success | Outcome::HttpStatus)
    }
}

impl Case {
    fn url(&self) -> String {
        repeated(&self.url)
    }

    fn policy(&self) -> AddressPolicy {
        let networks = |texts: &[String]| texts.iter().map(|text| text.parse().unwrap()).collect();
        AddressPolicy {
            allow: networks(&self.allow_networks),
            deny: networks(&self.deny_networks),
            allow_http: self.allow_http.unwrap_or(true),
            // The receivers of this test certify themselves.
            allow_insecure_tls: true,
        }
    }

    fn names(&self) -> Arc<Names> {
        let once = self.dns.iter().map(|(name, answer)| (name.clone(), vec![answer.clone()]));
        Names::new(once.chain(self.dns_seq.clone()).collect())
    }

    fn wires(&self) -> Wires {
        let response = self.response.as_ref();
        let headers = response.map(|response| response.headers.clone().into_iter().collect()).unwrap_or_default();
        // Of a rebinding case the first attempt fails, so that there is a second.
        let status = response.map_or(if self.attempt.is_some() { 503 } else { 200 }, |response| response.status);
        let tls = self.url().trim_start().starts_with("https").then(certified);
        Wires::new(Answer { status, headers }, tls)
    }

    fn webhook(&self) -> Webhook {
        let mut webhook = webhook_to(&self.url());
        webhook.spec.request.allowed_hosts.clone_from(&self.allowed_hosts);
        webhook.spec.transport.insecure_skip_verify = true;
        webhook
    }

    fn event(&self) -> Arc<EventContext> {
        context_of("created", &self.context["data"], &Value::Null)
    }

    /// Saves the webhook and makes its attempts.
    async fn run(&self) -> (Fate, Wires) {
        let (names, wires) = (self.names(), self.wires());
        let compiled = match save(&self.webhook(), &self.policy(), &names).await {
            Ok(compiled) => compiled,
            Err(reason) => return (Fate::RefusedAtSave(reason), wires),
        };
        let outbound = Outbound {
            addresses: self.policy(),
            egress: tenterhook_model::Egress::default(),
            resolver: names,
            roots: Roots::none(),
            dialer: wires.clone(),
        };
        let deliverer = Deliverer::new(outbound);
        let mut attempts = Vec::new();
        for _ in 0..self.attempt.unwrap_or(1) {
            let before = wires.dialled().len();
            let (outcome, error) = match compiled.prepare(&self.event(), &facts()) {
                Err(fault) => (Outcome::Render, fault.to_string()),
                Ok(request) => {
                    let exchange = deliverer.attempt(request).await;
                    (exchange.outcome, exchange.error)
                }
            };
            let dialled = wires.dialled()[before..].iter().map(|address| address.ip()).collect();
            attempts.push(Attempt { outcome, error, dialled });
        }
        deliverer.close().await;
        (Fate::Sent(attempts), wires)
    }

    /// Whether that is how it should be.
    fn is_right(&self, fate: &Fate, wires: &Wires) -> bool {
        let dialled: Vec<IpAddr> = wires.dialled().iter().map(|address| address.ip()).collect();
        let only_where_allowed = !dialled.iter().any(|address| self.never_dial.contains(address))
            && (self.dial_only.is_empty() || dialled.iter().all(|address| self.dial_only.contains(address)));
        let as_expected = match (fate, self.expect.as_str(), self.at.as_str()) {
            (Fate::RefusedAtSave(_), "block", "save" | "either") => true,
            (Fate::RefusedAtSave(_), "allow", _) => self.accept_also.as_deref() == Some("block"),
            (Fate::Sent(attempts), "block", "send" | "either") => {
                let (last, before) = attempts.split_last().expect("there is one attempt at least");
                last.is_blocked() && before.iter().all(Attempt::arrived)
            }
            (Fate::Sent(attempts), "allow", _) => {
                let blocked = self.accept_also.as_deref() == Some("block");
                attempts.iter().all(|attempt| attempt.arrived() || blocked && attempt.is_blocked())
            }
            _ => false,
        };
        as_expected && only_where_allowed && self.arrived_whole(wires)
    }

    /// Whether what arrived has the host and URL that the case wants.
    fn arrived_whole(&self, wires: &Wires) -> bool {
        wires.arrived().iter().all(|arrived| {
            let host = self.host.as_ref().is_none_or(|host| *host == arrived.host);
            let url = self.final_url.as_ref().is_none_or(|url| {
                let scheme = url.split("://").next().unwrap();
                *url == format!("{scheme}://{}{}", arrived.host, arrived.path_and_query)
            });
            host && url && !arrived.path_and_query.contains(char::is_control)
        })
    }
}

/// What the API does with a webhook before it keeps it: compile, and check where it leads.
async fn save(webhook: &Webhook, policy: &AddressPolicy, names: &Names) -> Result<Compiled, String> {
    let compiled = compile(webhook).map_err(|faults| format!("{faults:?}"))?;
    if let Some(target) = compiled.literal_target() {
        check_target(target, policy, names).await?;
    }
    Ok(compiled)
}

async fn check_target(target: &TargetUrl, policy: &AddressPolicy, names: &Names) -> Result<(), String> {
    if !target.is_https() && !policy.allow_http {
        return Err("plain HTTP is turned off".to_owned());
    }
    match target.host() {
        Host::Address(address) => policy.judge(*address).map_err(|reason| reason.to_string()),
        Host::Name(name) => {
            // A name that does not resolve yet can be saved.
            let addresses = names.resolve(name).await.unwrap_or_default();
            policy.choose(name, &addresses).map(drop).map_err(|reason| reason.to_string())
        }
    }
}

/// TLS with a certificate that nobody knows.
fn certified() -> Arc<rustls::ServerConfig> {
    let identity = rcgen::generate_simple_self_signed(["receiver".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![identity.cert.der().clone()], key).unwrap();
    Arc::new(config)
}

fn cases() -> Vec<Case> {
    super::cases("ssrf").into_iter().map(|case| serde_json::from_value(case).unwrap()).collect()
}

#[tokio::test]
async fn every_case_goes_where_it_should() {
    let (mut wrong, mut refused, mut blocked, mut arrived) = (Vec::new(), 0, 0, 0);
    for case in cases() {
        let (fate, wires) = case.run().await;
        match &fate {
            Fate::RefusedAtSave(_) => refused += 1,
            Fate::Sent(attempts) if attempts.iter().any(Attempt::is_blocked) => blocked += 1,
            Fate::Sent(_) => arrived += 1,
        }
        if !case.is_right(&fate, &wires) {
            wrong.push(format!("{}: {} at {}, but {fate:?}; {}", case.id, case.expect, case.at, case.url()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    // A runner that refuses everything, or lets nothing be refused, passes most cases.
    assert!(refused > 100 && blocked >= 10 && arrived >= 40, "{refused} {blocked} {arrived}");
}

#[test]
fn proxies_of_the_environment_are_ignored() {
    let environments: Vec<_> = cases().into_iter().map(|case| case.environment).filter(|e| !e.is_empty()).collect();
    assert!(!environments.is_empty());
    for environment in environments {
        // The environment of this process cannot be changed; one of its own can.
        let mut again = Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", THIS]).envs(environment).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}
