//! `webhook create`: of flags, or of a file with every field of the proto.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde_json::json;
use tenterhook_client::v1::{
    CreateWebhookRequest, EventRule, HeaderTemplate, HttpMethod, RequestTemplate, SignatureScheme, SigningPolicy,
    Webhook,
};
use tenterhook_model::Secret;

use crate::apply;
use crate::document;
use crate::failure::{Done, Failure, WOULD_CHANGE};
use crate::input::read_text;
use crate::output::proto_json;
use crate::session::Session;

/// How people write the methods.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// How people write the schemes.
const SCHEMES: [&str; 4] = ["netbox", "standard-webhooks", "github", "standard-webhooks-asymmetric"];

#[derive(Debug, Clone, Args)]
pub(super) struct CreateArgs {
    /// Its name, unique in the namespace
    #[arg(value_name = "NAME", required_unless_present = "file")]
    name: Option<String>,
    /// Where to send: a URL or a template of one
    #[arg(long, value_name = "URL", required_unless_present = "file")]
    url: Option<String>,
    /// The method [default: post]
    #[arg(long, value_name = "METHOD", ignore_case = true, value_parser = PossibleValuesParser::new(METHODS).map(|word| method(&word)))]
    method: Option<HttpMethod>,
    /// Sends events of this type or pattern; repeatable [default: every type]
    #[arg(long = "type", value_name = "PATTERN")]
    types: Vec<String>,
    /// Sends events of this object type or pattern; repeatable
    #[arg(long = "object-type", value_name = "PATTERN")]
    object_types: Vec<String>,
    /// Adds a header; repeatable
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// File with the body template [default: NetBox's body]
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,
    /// Signs requests in this way; repeatable
    #[arg(long = "sign", value_name = "SCHEME", ignore_case = true, value_parser = PossibleValuesParser::new(SCHEMES).map(|word| scheme(&word)))]
    schemes: Vec<SignatureScheme>,
    /// File with the secret to sign with [default: the server makes one]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Adds a label; repeatable
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = crate::input::pair)]
    labels: Vec<(String, String)>,
    /// File with the webhook as `tenterhook apply` takes it, in YAML or JSON; `-` is standard input. Flags win
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Checks everything, and creates nothing; exit code 3
    #[arg(long)]
    dry_run: bool,
}

fn method(word: &str) -> HttpMethod {
    HttpMethod::from_str_name(&format!("HTTP_METHOD_{}", word.to_ascii_uppercase())).expect("it is one of METHODS")
}

fn scheme(word: &str) -> SignatureScheme {
    let name = format!("SIGNATURE_SCHEME_{}", word.to_ascii_uppercase().replace('-', "_"));
    SignatureScheme::from_str_name(&name).expect("it is one of SCHEMES")
}

fn header(text: &str) -> Result<(String, String), String> {
    // The value may be a secret, so that the message does not repeat it.
    let (name, value) = text.split_once(':').ok_or("a header is written 'NAME: VALUE'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Creates.
pub(super) async fn run(args: CreateArgs, session: &Session) -> Done {
    let dry_run = args.dry_run;
    let secret_file = args.secret_file.clone();
    let (mut webhook, mut signing_secret) = webhook(args)?;
    if let Some(file) = secret_file {
        signing_secret = Secret::new(read_text(&file)?.trim_end_matches(['\r', '\n']).to_owned());
    }
    if webhook.namespace.is_empty() {
        webhook.namespace.clone_from(&session.namespace);
    }
    if !dry_run {
        session.may_write(&format!("Create the webhook {}", webhook.display_name))?;
    }
    let is_given = !signing_secret.expose().is_empty();
    let request = CreateWebhookRequest {
        webhook: Some(webhook),
        signing_secret: signing_secret.expose().to_owned(),
        validate_only: dry_run,
        ..Default::default()
    };
    let response = session.client.webhooks().create_webhook(request).await.map_err(|status| session.fail(status))?;
    let response = response.into_inner();
    let webhook = response.webhook.unwrap_or_default();
    let mut value = json!({"webhook": proto_json::json("Webhook", &webhook)});
    // Who gave the secret has it.
    if !response.signing_secret.is_empty() && !is_given && !dry_run {
        value["signing_secret"] = json!(response.signing_secret);
    }
    session.out.one(&value, &webhook.display_name, || {
        let name = tenterhook_model::harmless_line(&webhook.display_name);
        if dry_run {
            return format!("Would create {name}; nothing is wrong with it.");
        }
        let mut text = format!("Created {name}  {}", webhook.id);
        if let Some(secret) = value.get("signing_secret").and_then(|secret| secret.as_str()) {
            text.push_str(&format!("\nSigning secret, shown only once: {secret}"));
        }
        for warning in &webhook.warnings {
            text.push_str(&format!("\nwarning: {}", tenterhook_model::harmless_line(warning)));
        }
        text
    });
    Ok(if dry_run { WOULD_CHANGE } else { 0 })
}

/// The webhook of the file and the flags, and what the file has it sign with.
fn webhook(args: CreateArgs) -> Result<(Webhook, Secret), Failure> {
    let (mut webhook, signing_secret) = match &args.file {
        Some(path) => apply::only(path)?,
        None => (Webhook::default(), Secret::new(String::new())),
    };
    let request = webhook.request.get_or_insert_with(RequestTemplate::default);
    if let Some(url) = args.url {
        request.url = url;
    }
    if let Some(method) = args.method {
        request.method = method.into();
    }
    if let Some(file) = &args.body_file {
        request.body = read_text(file)?;
    }
    let headers = args.headers.into_iter();
    request.headers.extend(headers.map(|(name, value)| HeaderTemplate { name, value, sensitive: false }));
    if !args.types.is_empty() || !args.object_types.is_empty() {
        webhook.rules =
            vec![EventRule { event_types: args.types, object_types: args.object_types, ..Default::default() }];
    }
    if !args.schemes.is_empty() {
        let schemes = args.schemes.into_iter().map(i32::from).collect();
        webhook.signing = Some(SigningPolicy { schemes, ..Default::default() });
    }
    webhook.labels.extend(args.labels);
    if let Some(name) = args.name {
        webhook.display_name = name;
    }
    Ok((webhook, signing_secret))
}

/// The webhook that a file describes.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(name: &str, text: &str) -> Result<Webhook, Failure> {
    document::message("Webhook", &document::parse(name, text)?)
        .map_err(|problems| Failure::usage(format!("{name} is not a webhook")).fields(problems))
}
