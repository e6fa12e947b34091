//! CreateWebhook.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tenterhook_engine::Compiled;
use tenterhook_engine::signature::{SecretFault, private_key};
use tenterhook_model::standard_secret::is_private_key;
use tenterhook_model::webhook::{KeyAlgorithm, KeyEncoding, SigningKey};
use tenterhook_model::{
    Entropy, Lane, Namespace, Secret, SigningKeyId, Timestamp, Webhook, WebhookId, WebhookSpec, limits,
};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::Expect;

use super::save::{self, Checked};
use crate::access::Caller;
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::wire::spec::{Setting, read_spec};
use crate::wire::webhook::write_spec;

/// Bytes of chance in a secret that the server makes: the middle of what Standard Webhooks takes.
const SECRET_BYTES: usize = 32;

/// An HMAC secret of the server's making, in the form of Standard Webhooks, which every scheme takes;
/// or in hexadecimal, where a custom signature of `spec` reads it so.
pub(super) fn fresh_secret(spec: &WebhookSpec, entropy: &dyn Entropy) -> Secret {
    let mut bytes = [0; SECRET_BYTES];
    entropy.fill(&mut bytes);
    match spec.custom_signatures.iter().any(|custom| custom.key_encoding == KeyEncoding::Hex) {
        true => Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        false => Secret::new(format!("whsec_{}", STANDARD.encode(bytes))),
    }
}

/// A private key of the server's making.
pub(super) fn fresh_private_key(entropy: &dyn Entropy) -> Secret {
    let mut seed = [0; SECRET_BYTES];
    entropy.fill(&mut seed);
    private_key(&seed)
}

/// Whether a webhook of this configuration signs with private keys.
pub(super) fn signs_with_private_keys(spec: &WebhookSpec) -> bool {
    spec.signing.iter().flatten().any(|scheme| scheme.algorithm() == KeyAlgorithm::Ed25519)
}

/// Whether it signs with a secret that the receiver knows too.
pub(super) fn signs_with_secrets(spec: &WebhookSpec) -> bool {
    let Some(schemes) = &spec.signing else { return false };
    let any = schemes.iter().any(|scheme| scheme.algorithm() == KeyAlgorithm::Hmac);
    schemes.is_empty() || any || !spec.custom_signatures.is_empty()
}

/// The secrets that a webhook begins with: the one that was given, and what its configuration needs.
fn first_secrets(check: &mut Check, spec: &WebhookSpec, given: String, entropy: &dyn Entropy) -> Vec<Secret> {
    let (is_given, is_private) = (!given.is_empty(), is_private_key(&given));
    let (private, shared) = (signs_with_private_keys(spec), signs_with_secrets(spec));
    if is_private && !private {
        check.refuse("signing_secret", SecretFault::PrivateKey.to_string());
    }
    if is_given && !is_private && private && !shared {
        check.refuse("signing_secret", SecretFault::NotPrivateKey.to_string());
    }
    let given = is_given.then(|| Secret::new(given));
    let made_private = (private && !is_private).then(|| fresh_private_key(entropy));
    let made_shared = (shared && (is_private || !is_given)).then(|| fresh_secret(spec, entropy));
    given.into_iter().chain(made_private).chain(made_shared).collect()
}

/// A key that signs from now on.
pub(super) fn fresh_key(secret: Secret, now: Timestamp, entropy: &dyn Entropy) -> SigningKey {
    SigningKey { id: SigningKeyId::generate(now, entropy), secret, create_time: now, expire_time: None }
}

/// Makes a webhook.
pub(super) async fn create(
    api: &Shared,
    caller: &Caller,
    mut request: v1::CreateWebhookRequest,
) -> Result<v1::CreateWebhookResponse, Refusal> {
    caller.only_checks(request.validate_only);
    let request_id = std::mem::take(&mut request.request_id);
    let remembered = save::remembered(&request_id, "CreateWebhook", &request);
    let mut check = Check::new();
    let draft = read_draft(api, &mut check, request.webhook, request.signing_secret);
    save::check_request_id(&mut check, &request_id);
    let Some(draft) = draft else { return Err(check.into_refusal()) };
    caller.about(|| save::subject(&draft));
    caller.within(&draft.namespace)?;
    let compiled = check_draft(api, &mut check, &draft).await;
    check.finish()?;
    if request.validate_only {
        check_place(api, &draft)?;
        return Ok(v1::CreateWebhookResponse { webhook: Some(as_draft(&draft)), signing_secret: String::new() });
    }
    let checked = Checked { webhook: draft, compiled };
    let saved = save::put_checked(api, checked, Expect::Absent, remembered).await?;
    caller.about(|| save::subject(&saved.webhook));
    // The secret that was made with the webhook is its oldest.
    let keys = saved.webhook.signing_keys.iter().rev();
    let shared = keys.filter(|key| key.algorithm() == KeyAlgorithm::Hmac);
    let secret = shared.map(|key| key.secret.expose().to_owned()).next();
    let webhook = Some(save::show(api, &saved.webhook).await?);
    Ok(v1::CreateWebhookResponse { webhook, signing_secret: secret.unwrap_or_default() })
}

/// The webhook that is asked for, unless its namespace is at fault or it is missing.
fn read_draft(api: &Shared, check: &mut Check, webhook: Option<v1::Webhook>, secret: String) -> Option<Webhook> {
    let Some(webhook) = webhook else {
        check.refuse("webhook", "must be set");
        return None;
    };
    check.text("signing_secret", &secret, limits::SECRET_CHARS);
    let draft = check.within("webhook", |check| read_new(api, check, webhook));
    draft.map(|draft| {
        let secrets = first_secrets(check, &draft.spec, secret, &*api.entropy);
        let key = |secret| fresh_key(secret, draft.create_time, &*api.entropy);
        Webhook { signing_keys: secrets.into_iter().map(key).collect(), ..draft }
    })
}

/// A webhook that is not stored, without keys.
pub(super) fn read_new(api: &Shared, check: &mut Check, webhook: v1::Webhook) -> Option<Webhook> {
    let namespace: Option<Namespace> = check.parse("namespace", &webhook.namespace);
    let setting = Setting { stored: None, may_skip_verify: api.addresses.allow_insecure_tls };
    let spec = read_spec(check, webhook, setting);
    let now = api.clock.now();
    Some(Webhook {
        id: WebhookId::generate(now, &*api.entropy),
        lane: Lane(0),
        namespace: namespace?,
        spec,
        halt: None,
        signing_keys: Vec::new(),
        revision: 0,
        create_time: now,
        update_time: now,
    })
}

async fn check_draft(api: &Shared, check: &mut Check, draft: &Webhook) -> Option<Arc<Compiled>> {
    let mut engine = Check::new();
    let compiled = save::check_webhook(api, &mut engine, draft, None).await;
    let Err(Refusal::Faults(faults)) = engine.finish() else { return compiled };
    // The secret stands beside the webhook in the request, all else in it.
    let (beside, within): (Vec<_>, Vec<_>) = faults.into_iter().partition(|fault| fault.field == "signing_secret");
    check.take_new(beside);
    check.within("webhook", |check| check.take_new(within));
    None
}

/// Checks what the store would refuse, without storing.
fn check_place(api: &Shared, draft: &Webhook) -> Result<(), Refusal> {
    let set = api.store.webhooks();
    let mut others = set.by_id.values().filter(|webhook| webhook.namespace == draft.namespace);
    match others.clone().find(|webhook| webhook.spec.display_name == draft.spec.display_name) {
        Some(other) => Err(Refusal::NameTaken(other.id.to_string())),
        None if others.nth(limits::WEBHOOKS_PER_NAMESPACE - 1).is_some() => {
            Err(tenterhook_store::SaveError::TooMany(limits::WEBHOOKS_PER_NAMESPACE).into())
        }
        None => Ok(()),
    }
}

/// A webhook that is not stored, on the wire.
fn as_draft(draft: &Webhook) -> v1::Webhook {
    v1::Webhook { namespace: draft.namespace.to_string(), ..write_spec(&draft.spec) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_engine::signature::check_secret;
    use tenterhook_model::OsEntropy;
    use tenterhook_model::webhook::SignatureScheme;

    #[test]
    fn a_fresh_secret_fits_every_scheme_and_is_never_the_same() {
        let spec = WebhookSpec::default();
        let secrets = [fresh_secret(&spec, &OsEntropy), fresh_secret(&spec, &OsEntropy)];
        assert_ne!(secrets[0], secrets[1]);
        for scheme in [SignatureScheme::NetBox, SignatureScheme::StandardWebhooks, SignatureScheme::GitHub] {
            assert!(check_secret(scheme, secrets[0].expose()).is_ok(), "{scheme:?}");
        }
    }

    #[test]
    fn a_webhook_begins_with_the_keys_that_its_schemes_need() {
        let private = fresh_private_key(&OsEntropy).expose().to_owned();
        let begins = |schemes: Option<&[SignatureScheme]>, given: &str| {
            let spec = WebhookSpec { signing: schemes.map(<[_]>::to_vec), ..WebhookSpec::default() };
            let mut check = Check::new();
            let secrets = first_secrets(&mut check, &spec, given.to_owned(), &OsEntropy);
            check.finish().ok().map(|()| {
                let kind = |secret: &Secret| match secret.expose() {
                    text if text == given => "given",
                    text if is_private_key(text) => "private",
                    _ => "shared",
                };
                secrets.iter().map(kind).collect::<Vec<_>>()
            })
        };
        use SignatureScheme::{NetBox, StandardWebhooksAsymmetric as Asymmetric};
        assert_eq!(begins(None, ""), Some(vec![]));
        assert_eq!(begins(None, "s"), Some(vec!["given"]));
        assert_eq!(begins(Some(&[]), ""), Some(vec!["shared"]));
        assert_eq!(begins(Some(&[Asymmetric]), ""), Some(vec!["private"]));
        assert_eq!(begins(Some(&[Asymmetric]), &private), Some(vec!["given"]));
        assert_eq!(begins(Some(&[Asymmetric, NetBox]), ""), Some(vec!["private", "shared"]));
        assert_eq!(begins(Some(&[Asymmetric, NetBox]), &private), Some(vec!["given", "shared"]));
        assert_eq!(begins(Some(&[Asymmetric, NetBox]), "s"), Some(vec!["given", "private"]));
        for (schemes, given) in [(None, &*private), (Some(&[NetBox][..]), &private), (Some(&[Asymmetric]), "s")] {
            assert_eq!(begins(schemes, given), None, "{schemes:?}");
        }
    }
}
