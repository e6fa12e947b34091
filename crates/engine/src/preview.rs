//! What a webhook would do with an event, for somebody who is writing it: how each rule does,
//! and the exact request, with its secrets hidden and signatures that are worth nothing.

use tenterhook_jinja::TemplateFault;
use tenterhook_model::url_secrets::secrets_of_url;
use tenterhook_model::webhook::{KeyEncoding, RequestTemplate, SignatureScheme, SigningKey, Webhook};
use tenterhook_model::{Fault, FaultKind, Secret, TemplateVariables, Timestamp};

use crate::compiled::{Compiled, compile, compile_with};
use crate::event_context::EventContext;
use crate::matching::Matching;
use crate::request::{AttemptFacts, Draft, RenderFault, has_secrets};
use crate::signature::{Custom, private_key};

/// A key that anybody may know. Whoever may preview may not thereby sign what he likes.
const SAMPLE_SECRET: &str = "whsec_c2FtcGxlLWtleS1zYW1wbGUta2V5LXNhbXBsZQ==";
/// The same for custom signatures whose key is hexadecimal.
const SAMPLE_HEX: &str = "73616d706c652d6b65792d73616d706c652d6b65792d73616d706c65";
/// The seed of a private key that anybody may know.
const SAMPLE_SEED: &[u8; 32] = b"sample-key-sample-key-sample-key";
/// What is put behind a signature of the sample key.
const SAMPLE_MARK: &str = " (sample key)";

/// What a webhook would do with an event.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Whether the webhook would receive the event, and how each rule did.
    pub matching: Matching,
    /// What would be sent, without the parts that failed; `None` when the templates do not compile.
    /// Secrets are `***`, signatures are of a sample key and say so.
    pub request: Option<Draft>,
    /// What is wrong with each part that failed.
    pub errors: Vec<RenderFault>,
}

/// Tries a webhook out with an event. A template that fails, or does not compile, is an
/// answer and not an error.
///
/// # Errors
/// Every fault of a webhook that does not compile, if one is not the fault of a template.
pub fn preview(webhook: &Webhook, event: &EventContext, facts: &AttemptFacts) -> Result<Preview, Vec<Fault>> {
    let variables = &TemplateVariables::default();
    preview_in(PreviewOf { webhook, event, facts, variables })
}

/// What is tried out.
#[derive(Debug, Clone, Copy)]
pub struct PreviewOf<'a> {
    /// The webhook, which may be a draft.
    pub webhook: &'a Webhook,
    /// What it would be sent.
    pub event: &'a EventContext,
    /// Of the attempt that would be made.
    pub facts: &'a AttemptFacts,
    /// What its templates may read of the environment.
    pub variables: &'a TemplateVariables,
}

/// As [`preview`], with variables of the environment.
///
/// # Errors
/// As [`preview`].
pub fn preview_in(trial: PreviewOf<'_>) -> Result<Preview, Vec<Fault>> {
    preview_with(trial, |compiled| compiled.templates().iter().map(|template| template.render(trial.event)).collect())
}

/// As [`preview_in`], with what `render` gives for each template, which may have been made elsewhere.
///
/// # Errors
/// As [`preview`].
pub fn preview_with(
    trial: PreviewOf<'_>,
    render: impl FnOnce(&Compiled) -> Vec<Result<String, RenderFault>>,
) -> Result<Preview, Vec<Fault>> {
    let PreviewOf { webhook, event, facts, variables } = trial;
    let sample = with_sample_key(webhook);
    let compiled = match compile_with(&sample, variables) {
        Ok(compiled) => compiled,
        Err(faults) => return of_faults(&sample, event, faults),
    };
    let matching = compiled.matches(event);
    let matching = Matching { matched: matching.matched && !webhook.spec.disabled, ..matching };
    let (draft, errors) = compiled.draft(render(&compiled), event, facts);
    Ok(Preview { matching, request: Some(hide_secrets(draft, &sample)), errors: one_a_field(errors) })
}

/// The preview of a webhook whose templates do not compile.
fn of_faults(webhook: &Webhook, event: &EventContext, faults: Vec<Fault>) -> Result<Preview, Vec<Fault>> {
    let error = |fault: &Fault| match fault.kind {
        FaultKind::TemplateSyntax { line, column } => Some(RenderFault {
            field: fault.field.clone(),
            line,
            column,
            message: fault.message.clone(),
            excerpt: source(webhook, &fault.field).map_or_else(String::new, |source| excerpt(source, line, column)),
            is_local: false,
        }),
        FaultKind::InvalidField | FaultKind::Unavailable | FaultKind::UrlForbidden { .. } => None,
    };
    let Some(errors) = faults.iter().map(error).collect::<Option<Vec<_>>>() else { return Err(faults) };
    let mut rules = webhook.clone();
    rules.spec.request = RequestTemplate { url: "https://invalid.invalid/".to_owned(), ..RequestTemplate::default() };
    let matching = match compile(&rules) {
        Ok(compiled) => compiled.matches(event),
        Err(_) => Matching { matched: false, rules: Vec::new() },
    };
    let matching = Matching { matched: matching.matched && !webhook.spec.disabled, ..matching };
    Ok(Preview { matching, request: None, errors })
}

/// The source of a field that may be shown.
fn source<'a>(webhook: &'a Webhook, field: &str) -> Option<&'a str> {
    let request = &webhook.spec.request;
    let numbered = |prefix: &str, suffix: &str| -> Option<usize> {
        field.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()
    };
    match field {
        "request.url" => secrets_of_url(&request.url).is_empty().then_some(&request.url),
        "request.additional_headers" => {
            let block = request.additional_headers.as_str();
            (!has_secrets(block)).then_some(block)
        }
        "request.body" => Some(&request.body),
        "request.cloudevents_source" => Some(&request.cloudevents_source),
        _ => match numbered("request.headers[", "].value").and_then(|index| request.headers.get(index)) {
            Some(header) => (!header.is_sensitive()).then(|| header.value.expose()),
            None => numbered("rules[", "].expression")
                .and_then(|index| webhook.spec.rules.get(index))
                .map(|rule| rule.expression.as_str()),
        },
    }
}

/// A line of a source and a caret below a column of it.
fn excerpt(source: &str, line: u32, column: u32) -> String {
    let text = source.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
    TemplateFault { line, column, message: String::new(), source_line: text.to_owned() }.excerpt()
}

/// The webhook with a sample key in place of its own, or where it would get one.
fn with_sample_key(webhook: &Webhook) -> Webhook {
    let mut sample = webhook.clone();
    // Which schemes sign can depend on the form of the real secret.
    let schemes = webhook.schemes();
    if !schemes.is_empty() {
        sample.spec.signing = Some(schemes);
    }
    let signs = !webhook.signing_keys.is_empty() || webhook.spec.signing.is_some();
    let is_hex = webhook.spec.custom_signatures.iter().any(|custom| custom.key_encoding == KeyEncoding::Hex);
    let secret = Secret::new(if is_hex { SAMPLE_HEX } else { SAMPLE_SECRET });
    sample.signing_keys = if signs { vec![sample_key(secret)] } else { Vec::new() };
    let schemes = sample.spec.signing.as_deref().unwrap_or_default();
    if schemes.contains(&SignatureScheme::StandardWebhooksAsymmetric) {
        sample.signing_keys.push(sample_key(private_key(SAMPLE_SEED)));
    }
    sample
}

fn sample_key(secret: Secret) -> SigningKey {
    SigningKey {
        id: "key_00000000000000000000000000".parse().expect("26 zeros are an id"),
        secret,
        create_time: Timestamp::default(),
        expire_time: None,
    }
}

fn hide_secrets(mut request: Draft, sample: &Webhook) -> Draft {
    let mut signatures: Vec<&str> = sample.schemes().into_iter().map(SignatureScheme::signature_header).collect();
    let custom = &sample.spec.custom_signatures;
    let shown = custom.iter().filter(|custom| Custom::read(custom).is_ok_and(|custom| custom.shows_signature()));
    signatures.extend(shown.map(|custom| custom.header.as_str()));
    for header in &mut request.headers {
        if header.sensitive {
            *header = header.shown();
        } else if signatures.contains(&&*header.name) {
            header.value = format!("{}{SAMPLE_MARK}", header.value).into();
        }
    }
    request
}

/// The first fault of each field: a URL is more than one template.
fn one_a_field(mut faults: Vec<RenderFault>) -> Vec<RenderFault> {
    faults.dedup_by(|a, b| a.field == b.field);
    faults
}
