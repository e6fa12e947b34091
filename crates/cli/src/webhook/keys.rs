//! `webhook rotate-key` and `revoke-key`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tenterhook_client::v1::{RevokeSigningKeyRequest, RotateSigningKeyRequest};

use super::shown::print;
use crate::failure::Done;
use crate::input::read_text;
use crate::output::proto_json;
use crate::session::Session;

#[derive(Debug, Clone, Args)]
pub(super) struct RotateArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    /// File with the new secret [default: the server makes one]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// How long the old key keeps signing [default: 24 hours]
    #[arg(long, value_name = "DURATION", value_parser = crate::input::span)]
    grace: Option<Duration>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct RevokeArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    /// The key, as `webhook show` lists it
    #[arg(value_name = "KEY")]
    key: String,
}

/// Rotates.
pub(super) async fn rotate(args: RotateArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.webhook).await?;
    session.may_write(&format!("Make a new signing key of {}", webhook.display_name))?;
    let signing_secret = match &args.secret_file {
        Some(file) => read_text(file)?.trim_end_matches(['\r', '\n']).to_owned(),
        None => String::new(),
    };
    let seconds = |grace: Duration| i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
    let grace_period = args.grace.map(|grace| prost_types::Duration { seconds: seconds(grace), nanos: 0 });
    let is_given = !signing_secret.is_empty();
    let request =
        RotateSigningKeyRequest { webhook_id: webhook.id, signing_secret, grace_period, ..Default::default() };
    let response =
        session.client.webhooks().rotate_signing_key(request).await.map_err(|status| session.fail(status))?;
    let mut response = response.into_inner();
    if is_given {
        // Who gave it has it.
        response.signing_secret.clear();
    }
    let webhook = response.webhook.unwrap_or_default();
    let value = json!({
        "webhook": proto_json::json("Webhook", &webhook),
        "signing_secret": response.signing_secret,
    });
    session.out.one(&value, &webhook.display_name, || {
        let name = tenterhook_model::harmless_line(&webhook.display_name);
        let key = webhook.signing_keys.first().map_or("", |key| &key.id);
        let secret = match response.signing_secret.as_str() {
            "" => String::new(),
            secret => format!("\nSigning secret, shown only once: {secret}"),
        };
        format!("{name} signs with {key} now.{secret}")
    });
    Ok(0)
}

/// Revokes.
pub(super) async fn revoke(args: RevokeArgs, session: &Session) -> Done {
    let webhook = session.webhook(&args.webhook).await?;
    session.may_write(&format!("Revoke a signing key of {}", webhook.display_name))?;
    let request = RevokeSigningKeyRequest { webhook_id: webhook.id, key_id: args.key, ..Default::default() };
    let response =
        session.client.webhooks().revoke_signing_key(request).await.map_err(|status| session.fail(status))?;
    print(session.out, &response.into_inner().webhook.unwrap_or_default());
    Ok(0)
}
