//! `tenterhook token`: access tokens, which are keys for one namespace and a short time.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use tenterhook_client::v1::{CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, Token};
use tenterhook_model::harmless_line;

use crate::failure::Done;
use crate::find::PAGE;
use crate::output::grid::Column;
use crate::output::{Listed, Listing, proto_json};
use crate::session::{Names, Session};

/// What `tenterhook token` takes.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Issues a token and shows it, only this once
    #[command(
        after_help = "Examples:\n  tenterhook token create ci --role publisher --for 30d\n  tenterhook token create 'Shop Ltd' --webhook shop --for 7d"
    )]
    Create(CreateArgs),
    /// Lists the tokens of the namespace that have not expired
    List,
    /// Revokes a token at once, and closes its open streams
    Revoke(RevokeArgs),
}

#[derive(Debug, Clone, Args)]
struct CreateArgs {
    /// What it is for, or who will use it; the audit log shows it
    #[arg(value_name = "NAME")]
    name: String,
    /// What it allows
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = ["admin", "operator", "publisher", "viewer"])]
    role: String,
    /// How long it is valid, 1m to 30d [default: 1d]
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::input::span)]
    lifetime: Option<Duration>,
    /// The only webhook that it shows, with its deliveries; for the role viewer
    #[arg(long, value_name = "WEBHOOK")]
    webhook: Option<String>,
}

#[derive(Debug, Clone, Args)]
struct RevokeArgs {
    /// The token, by id or name
    #[arg(value_name = "TOKEN")]
    token: String,
}

/// Runs the command.
///
/// # Errors
/// When arguments are wrong or a call fails.
pub(crate) async fn run(args: TokenArgs, session: &Session) -> Done {
    match args.action {
        Action::Create(args) => create(args, session).await,
        Action::List => list(session).await,
        Action::Revoke(args) => revoke(&args.token, session).await,
    }
}

async fn create(args: CreateArgs, session: &Session) -> Done {
    session.may_write(&format!("Issue a token to {}", args.name))?;
    let webhook_id = match &args.webhook {
        Some(webhook) => session.webhook(webhook).await?.id,
        None => String::new(),
    };
    let seconds = |lifetime: Duration| i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let request = CreateTokenRequest {
        namespace: session.namespace.clone(),
        role: args.role,
        display_name: args.name,
        lifetime: args.lifetime.map(|lifetime| prost_types::Duration { seconds: seconds(lifetime), nanos: 0 }),
        webhook_id,
    };
    let response = session.client.access().create_token(request).await.map_err(|status| session.fail(status))?;
    let response = response.into_inner();
    let token = response.token.unwrap_or_default();
    let value = json!({"token": proto_json::json("Token", &token), "secret": response.secret});
    session.out.one(&value, &response.secret, || {
        format!(
            "{}  {}  expires {}\nToken, shown only once: {}\nEnd it: tenterhook token revoke {}",
            harmless_line(&token.display_name),
            token.role,
            session.out.time(token.expire_time.as_ref()),
            response.secret,
            token.id,
        )
    });
    Ok(0)
}

async fn tokens(session: &Session) -> Result<Vec<Token>, crate::failure::Failure> {
    let mut request = ListTokensRequest { namespace: session.namespace.clone(), page_size: PAGE, ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = session.client.access().list_tokens(request.clone()).await.map_err(|status| session.fail(status))?;
        let page = page.into_inner();
        found.extend(page.tokens);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

async fn list(session: &Session) -> Done {
    const COLUMNS: [Column; 6] = [
        Column::new("TOKEN", 0),
        Column::new("NAME", 0),
        Column::new("ROLE", 1),
        Column::new("WEBHOOK", 3),
        Column::new("EXPIRES", 2),
        Column::new("ISSUED BY", 4),
    ];
    let (tokens, names) = (tokens(session).await?, session.names().await);
    let rows = tokens.iter().map(|token| Listed {
        cells: vec![
            (&token.id).into(),
            (&token.display_name).into(),
            (&token.role).into(),
            webhook(token, &names).into(),
            session.out.time(token.expire_time.as_ref()).into(),
            (&token.creator).into(),
        ],
        json: proto_json::json("Token", token),
        name: token.id.clone(),
    });
    session.out.many(Listing { noun: ("token", "tokens"), columns: &COLUMNS, rows: rows.collect() })
}

fn webhook<'a>(token: &'a Token, names: &'a Names) -> &'a str {
    if token.webhook_id.is_empty() { "all" } else { names.of(&token.webhook_id) }
}

async fn revoke(text: &str, session: &Session) -> Done {
    let token_id = if text.starts_with("tok_") {
        text.to_owned()
    } else {
        let named: Vec<Token> = tokens(session).await?.into_iter().filter(|token| token.display_name == text).collect();
        crate::find::only("token", text, named)?.id
    };
    session.may_write(&format!("Revoke the token {text}"))?;
    let request = RevokeTokenRequest { token_id: token_id.clone() };
    session.client.access().revoke_token(request).await.map_err(|status| session.fail(status))?;
    session.out.one(&json!({"token_id": token_id}), &token_id, || format!("Revoked {}.", harmless_line(text)));
    Ok(0)
}
