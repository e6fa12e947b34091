//! Finding, showing and saving webhooks, as every method of the service does it.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use sha2::{Digest as _, Sha256};
use tenterhook_engine::Compiled;
use tenterhook_intake::RuleFailure;
use tenterhook_model::webhook::{ProxyUse, TransportPolicy};
use tenterhook_model::{
    Authentication, Egress, Fault, Namespace, Outcome, TargetUrl, Webhook, WebhookHealth, WebhookId, WebhookSpec,
    limits,
};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::{Backlog, Expect, SaveError, SavedWebhook, WebhookChange};

use super::target;
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::webhook::{Standing, write_webhook};

/// Times that a change is made again because another was faster.
const TRIES: usize = 8;
/// When to come back after that many.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Characters of a UUID (RFC 9562 section 4).
const UUID_CHARS: usize = 36;

/// The webhook `id`, which stands in the field `field`, if the caller may see it.
pub(super) fn find(api: &Shared, caller: &Caller, field: &'static str, id: &str) -> Result<Arc<Webhook>, Refusal> {
    let parsed: WebhookId =
        id.parse().map_err(|error: tenterhook_model::IdError| Refusal::field(field, error.to_string()))?;
    let found = api.store.webhooks().by_id.get(&parsed).cloned();
    let found = found.filter(|webhook| caller.sees_webhook(&webhook.namespace, webhook.id));
    let found = found.ok_or_else(|| Refusal::NoWebhook(id.to_owned()))?;
    caller.about(|| subject(&found));
    Ok(found)
}

/// The webhook as the audit trail names it.
pub(crate) fn subject(webhook: &Webhook) -> String {
    format!("{} webhook {} {}", webhook.namespace, webhook.id, webhook.spec.display_name)
}

/// How a request names a webhook: by its id, or by its name in a namespace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming<'a> {
    pub(super) webhook_id: &'a str,
    pub(super) namespace: &'a str,
    pub(super) display_name: &'a str,
}

/// A request that names a webhook by id or by name.
macro_rules! naming {
    ($request:expr) => {
        $crate::webhooks::save::Naming {
            webhook_id: &$request.webhook_id,
            namespace: &$request.namespace,
            display_name: &$request.display_name,
        }
    };
}
pub(super) use naming;

/// The webhook that a request names, if the caller may see it. What is wrong with the naming goes
/// to `check`; then there is none.
pub(super) fn find_named(
    api: &Shared,
    caller: &Caller,
    check: &mut Check,
    naming: Naming<'_>,
) -> Result<Option<Arc<Webhook>>, Refusal> {
    let namespace: Option<Namespace> = check.parse("namespace", naming.namespace);
    let name = naming.display_name;
    if name.chars().count() > limits::DISPLAY_NAME_CHARS {
        check.text("display_name", name, limits::DISPLAY_NAME_CHARS);
        return Ok(None);
    }
    match (naming.webhook_id, namespace) {
        ("", _) if name.is_empty() => {
            check.refuse("webhook_id", "must be set; or name the webhook by `display_name` and `namespace`");
            Ok(None)
        }
        ("", None) => Ok(None),
        ("", Some(namespace)) => {
            let reach = caller.reach(&namespace)?;
            let set = api.store.webhooks();
            let named = |webhook: &&Arc<Webhook>| webhook.namespace == namespace && webhook.spec.display_name == name;
            let found = set.by_id.values().find(named).filter(|webhook| reach.holds(webhook.id)).cloned();
            let found = found.ok_or_else(|| Refusal::NoWebhookNamed(namespace.to_string()))?;
            caller.about(|| subject(&found));
            Ok(Some(found))
        }
        _ if !name.is_empty() => {
            check.refuse("display_name", "must be empty when `webhook_id` is set");
            Ok(None)
        }
        (id, namespace) => match find(api, caller, "webhook_id", id) {
            Err(Refusal::Faults(faults)) => {
                check.take(faults);
                Ok(None)
            }
            Err(other) => Err(other),
            Ok(webhook) => {
                if !naming.namespace.is_empty() && namespace.is_some_and(|asked| asked != webhook.namespace) {
                    check.refuse("namespace", "is not that of the webhook");
                    return Ok(None);
                }
                Ok(Some(webhook))
            }
        },
    }
}

/// The webhook that a request names.
pub(super) async fn get(
    api: &Shared,
    caller: &Caller,
    request: &v1::GetWebhookRequest,
) -> Result<v1::Webhook, Refusal> {
    let mut check = Check::new();
    let found = find_named(api, caller, &mut check, naming!(request))?;
    let Some(webhook) = found else { return Err(check.into_refusal()) };
    check.finish()?;
    show(api, &webhook).await
}

/// The webhook on the wire, as it is now, with what of it was taken once and would be refused today.
pub(super) async fn show(api: &Shared, webhook: &Arc<Webhook>) -> Result<v1::Webhook, Refusal> {
    let backlog = api.store.backlogs(vec![webhook.id]).await?.pop().unwrap_or_default();
    let mut shown = show_with(api, webhook, backlog);
    shown.warnings.extend(outdated(api, webhook).await.iter().map(ToString::to_string));
    Ok(shown)
}

/// What is wrong with a stored webhook that was not when it was saved, as far as nobody has to be asked: templates and
/// rules that this version does not compile, and a URL that the settings of today forbid. Where a name leads, attempts
/// find out: [`blocked`].
async fn outdated(api: &Shared, webhook: &Arc<Webhook>) -> Vec<Fault> {
    // What is not kept may be a draft, and is not kept now.
    let compiled = match api.compilations.find(webhook) {
        Some(compiled) => Ok(compiled),
        None => api.render.compile(webhook).await,
    };
    let (mut faults, literal) = match compiled {
        Ok(compiled) => (Vec::new(), compiled.literal_target().cloned()),
        Err(faults) => (faults, TargetUrl::parse(&webhook.spec.request.url).ok()),
    };
    let token_server = match &webhook.spec.authentication {
        Some(Authentication::OAuth2(credentials)) => TargetUrl::parse(&credentials.token_url).ok(),
        _ => None,
    };
    let proxy = webhook.spec.transport.proxy;
    for (field, url) in [("request.url", literal), ("authentication.oauth2.token_url", token_server)] {
        faults.extend(url.and_then(|url| target::check_known(api, field, &url, proxy)));
    }
    faults
}

/// The webhook on the wire, as it is now, with what waits for it.
pub(super) fn show_with(api: &Shared, webhook: &Webhook, backlog: Backlog) -> v1::Webhook {
    let certificates = api.transport_check.warnings(&webhook.spec.transport);
    let mut warnings: Vec<String> =
        certificates.into_iter().map(|fault| fault.under("transport").to_string()).collect();
    warnings.extend(api.intake.rule_failures(webhook).into_iter().map(|RuleFailure { rule, time, error }| {
        format!("rules[{rule}]: could not be evaluated at {}, so it did not match: {error}", time.rfc3339())
    }));
    let health = api.store.health(webhook.id);
    warnings.extend(blocked(&health));
    let standing = Standing { health, backlog, now: api.clock.now() };
    v1::Webhook { warnings, ..write_webhook(webhook, &standing) }
}

/// What the last attempt found out about a name that has become private since it was saved.
fn blocked(health: &WebhookHealth) -> Option<String> {
    let failure = health.last_error.as_ref().filter(|_| health.failing_since.is_some())?;
    let is_blocked = failure.outcome() == Some(Outcome::Blocked);
    is_blocked.then(|| format!("the last attempt was blocked at {}: {}", failure.time.rfc3339(), failure.error))
}

/// Checks the etag that a caller sent, if it sent one.
pub(super) fn check_etag(webhook: &Webhook, etag: &str) -> Result<(), Refusal> {
    if etag.is_empty() || etag == webhook.etag() {
        return Ok(());
    }
    Err(Refusal::EtagMismatch { current: webhook.etag() })
}

/// Checks a request id of the caller's.
pub(crate) fn check_request_id(check: &mut Check, id: &str) {
    let is_hyphen = |place: usize| matches!(place, 8 | 13 | 18 | 23);
    let legal = |(place, c): (usize, u8)| if is_hyphen(place) { c == b'-' } else { c.is_ascii_hexdigit() };
    if !id.is_empty() && (id.len() != UUID_CHARS || !id.bytes().enumerate().all(legal)) {
        check.refuse("request_id", "must be a UUID, such as 17af32f0-852a-46ca-a7d4-33ecd0c13de6");
    }
}

/// What a store remembers of a request under the caller's id: the id, and a digest of `request`
/// (with its id taken out) and its method.
pub(crate) fn remembered(id: &str, method: &str, request: &impl Message) -> Option<(String, [u8; 32])> {
    let digest = || {
        let mut hash = Sha256::new();
        hash.update((method.len() as u64).to_be_bytes());
        hash.update(method);
        hash.update(request.encode_to_vec());
        hash.finalize().into()
    };
    (!id.is_empty()).then(|| (id.to_ascii_lowercase(), digest()))
}

/// Checks what only the engine, the transport and the resolver know: templates, rules and
/// secrets, certificates, and where the URL leads. Paths begin at this place, which is the webhook's.
///
/// Certificates expire, names move and engines change without the webhook: those checks look at what differs from
/// `before`, so that a webhook can be changed, and turned off, whatever became of the rest.
/// Returns what compiled, for [`put_compiled`].
pub(super) async fn check_webhook(
    api: &Shared,
    check: &mut Check,
    webhook: &Webhook,
    before: Option<&WebhookSpec>,
) -> Option<Arc<Compiled>> {
    let spec = &webhook.spec;
    let mut faults = transport_faults(api, &spec.transport, before.map(|before| &before.transport));
    let moves = before.is_none_or(|before| {
        before.request.url != spec.request.url || before.request.allowed_hosts != spec.request.allowed_hosts
    });
    let compiled = match api.render.compile(webhook).await {
        Ok(compiled) => Some(compiled),
        Err(found) => {
            faults.extend(new_faults(api, found, webhook, before).await);
            None
        }
    };
    let literal = match &compiled {
        Some(compiled) => compiled.literal_target().cloned(),
        // Something else does not compile; a URL whose host is a template is none yet.
        None => TargetUrl::parse(&spec.request.url).ok(),
    };
    if let Some(url) = literal.filter(|_| moves) {
        faults.extend(target::check(api, "request.url", &url, spec.transport.proxy).await);
    }
    faults.extend(authentication_faults(api, spec, before).await);
    check.take_new(faults);
    compiled
}

/// What of `found` in `webhook` was not wrong `before` as well: an engine of another version may have taken it.
async fn new_faults(api: &Shared, found: Vec<Fault>, webhook: &Webhook, before: Option<&WebhookSpec>) -> Vec<Fault> {
    let Some(before) = before else { return found };
    let before = Webhook { spec: before.clone(), ..webhook.clone() };
    let known = api.render.compile(&before).await.err().unwrap_or_default();
    found.into_iter().filter(|fault| !known.contains(fault)).collect()
}

/// What is wrong with the token server and the key of `spec`, where they differ from `before`.
async fn authentication_faults(api: &Shared, spec: &WebhookSpec, before: Option<&WebhookSpec>) -> Vec<Fault> {
    let Some(Authentication::OAuth2(credentials)) = &spec.authentication else { return Vec::new() };
    let before = match before.and_then(|before| before.authentication.as_ref()) {
        Some(Authentication::OAuth2(before)) => Some(before),
        _ => None,
    };
    let path = "authentication.oauth2";
    let mut faults = Vec::new();
    if before.is_none_or(|before| before.proof != credentials.proof) {
        let keys = api.transport_check.check_credentials(credentials).into_iter();
        faults.extend(keys.map(|fault| fault.under(path)));
    }
    let moves = before.is_none_or(|before| before.token_url != credentials.token_url);
    // What is no URL was refused when it was read.
    if let Some(url) = TargetUrl::parse(&credentials.token_url).ok().filter(|_| moves) {
        faults.extend(target::check(api, &format!("{path}.token_url"), &url, spec.transport.proxy).await);
    }
    faults
}

/// What is wrong with `transport` in the fields that differ from `before`.
fn transport_faults(api: &Shared, transport: &TransportPolicy, before: Option<&TransportPolicy>) -> Vec<Fault> {
    if before == Some(transport) {
        return Vec::new();
    }
    let differs = |fault: &Fault| {
        before.is_none_or(|before| match fault.field.as_str() {
            "ca_certificates_pem" => before.ca_certificates_pem != transport.ca_certificates_pem,
            "insecure_skip_verify" => before.insecure_skip_verify != transport.insecure_skip_verify,
            // Certificate and key are at fault together.
            _ => {
                before.client_certificate_pem != transport.client_certificate_pem
                    || before.client_private_key_pem != transport.client_private_key_pem
            }
        })
    };
    let is_new = before.is_none_or(|before| before.proxy != transport.proxy);
    let round = transport.proxy == ProxyUse::Direct && is_new && !api.egress.may_be_direct();
    let round = round.then(|| Fault::invalid("proxy", format!("must not be DIRECT: {}", Egress::NOT_DIRECT)));
    let faults = api.transport_check.check(transport).into_iter().filter(differs);
    faults.chain(round).map(|fault| fault.under("transport")).collect()
}

/// A webhook that was checked, to be saved with what compiled.
pub(super) struct Checked {
    pub(super) webhook: Webhook,
    pub(super) compiled: Option<Arc<Compiled>>,
}

/// Saves a webhook that was compiled to check it. Events published from now on find it
/// compiled: before the commit it is staged, after it the intake takes it up.
pub(super) async fn put_checked(
    api: &Shared,
    Checked { webhook, compiled }: Checked,
    expect: Expect,
    request: Option<(String, [u8; 32])>,
) -> Result<SavedWebhook, SaveError> {
    let _staged = compiled.map(|compiled| api.compilations.stage(&webhook, compiled));
    put(api, webhook, expect, request).await
}

/// Saves a webhook and lets the intake match by it.
pub(super) async fn put(
    api: &Shared,
    webhook: Webhook,
    expect: Expect,
    request: Option<(String, [u8; 32])>,
) -> Result<SavedWebhook, SaveError> {
    let saved = api.store.save_webhook(WebhookChange::Put { webhook: Box::new(webhook), expect, request }).await;
    api.intake.refresh().await;
    saved
}

/// Changes a stored webhook; a change that somebody else was faster with is made anew.
pub(super) async fn change(
    api: &Shared,
    id: WebhookId,
    edit: impl Fn(&mut Webhook) -> Result<(), Refusal>,
) -> Result<Arc<Webhook>, Refusal> {
    for _ in 0..TRIES {
        let current = api.store.webhooks().by_id.get(&id).cloned();
        let current = current.ok_or_else(|| Refusal::NoWebhook(id.to_string()))?;
        let mut changed = Webhook::clone(&current);
        edit(&mut changed)?;
        if changed == *current {
            return Ok(current);
        }
        match put(api, changed, Expect::Revision(current.revision), None).await {
            Err(SaveError::Changed { .. }) => {}
            saved => return Ok(saved?.webhook),
        }
    }
    Err(Refusal::RateLimited { retry_after: RETRY_AFTER })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_uuid_or_absent() {
        let is_legal = |id: &str| {
            let mut check = Check::new();
            check_request_id(&mut check, id);
            check.finish().is_ok()
        };
        assert!(is_legal("") && is_legal("17af32f0-852a-46ca-a7d4-33ecd0c13de6"));
        assert!(is_legal("17AF32F0-852A-46CA-A7D4-33ECD0C13DE6"));
        for bad in [
            "again",
            "17af32f0852a46caa7d433ecd0c13de6",
            "17af32f0-852a-46ca-a7d4-33ecd0c13de",
            "17af32f0-852a-46ca-a7d4-33ecd0c13deg",
            "17af32f0-852a-46ca-a7d4033ecd0c13de6",
        ] {
            assert!(!is_legal(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_remembered_tells_methods_and_contents_apart() {
        let request = |id: &str| v1::GetWebhookRequest { webhook_id: id.into(), ..Default::default() };
        let digest = |method, request: &v1::GetWebhookRequest| remembered("A", method, request).unwrap();
        assert_eq!(digest("m", &request("a")), digest("m", &request("a")));
        assert_ne!(digest("m", &request("a")), digest("m", &request("b")));
        assert_ne!(digest("m", &request("a")), digest("n", &request("a")));
        assert_eq!(digest("m", &request("a")).0, "a", "case does not tell UUIDs apart");
        assert_eq!(remembered("", "m", &request("a")), None);
    }
}
