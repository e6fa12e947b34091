//! `tenterhook webhook`: receivers, which events they get, and what they are sent.

mod create;
mod edit;
mod keys;
mod preview;
mod probe;
mod sample;
mod shown;
mod state;

use clap::{Args, Subcommand};

use crate::failure::Done;
use crate::session::Session;

pub(crate) use preview::render;

/// What `tenterhook webhook` takes.
#[derive(Debug, Clone, Args)]
pub struct WebhookArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Lists webhooks
    #[command(after_help = "Examples:\n  tenterhook webhook list\n  tenterhook webhook list --label team=a -o name")]
    List(shown::ListArgs),
    /// Shows a webhook: its state and why, what waits, and its configuration
    #[command(after_help = "Examples:\n  tenterhook webhook show orders\n  tenterhook webhook show orders -o yaml")]
    Show(shown::ShowArgs),
    /// Creates a webhook from flags or a file
    #[command(
        after_help = "Examples:\n  tenterhook webhook create orders --url https://shop.example.com/hooks --type created --sign netbox\n  tenterhook webhook create --file orders.yaml --dry-run"
    )]
    Create(create::CreateArgs),
    /// Opens a webhook in $EDITOR and sends what changed
    Edit(edit::EditArgs),
    /// Deletes webhooks and cancels their open deliveries
    Delete(state::DeleteArgs),
    /// Stops sending; events queue up
    Pause(state::PauseArgs),
    /// Resumes sending, oldest delivery first
    #[command(after_help = "Examples:\n  tenterhook webhook resume orders --wait")]
    Resume(state::ResumeArgs),
    /// Creates a new signing key; the old one keeps signing during a grace period
    RotateKey(keys::RotateArgs),
    /// Revokes an old signing key at once
    RevokeKey(keys::RevokeArgs),
    /// Shows the request that an event would make, without sending it
    #[command(
        after_help = "Exit code 4: the event does not match, or a template fails.\n\nExamples:\n  tenterhook webhook preview orders --event evt_01m8f65h\n  tenterhook webhook preview orders --type created --file data.json\n  tenterhook webhook preview orders --event evt_01m8f65h --diff evt_01m8f79j"
    )]
    Preview(preview::PreviewArgs),
    /// Sends one request now, and shows the response
    #[command(
        after_help = "Exit code 4: the receiver did not accept it.\n\nExamples:\n  tenterhook webhook test orders\n  tenterhook webhook test orders --event evt_01m8f65h\n  tenterhook webhook test orders --watch"
    )]
    Test(probe::TestArgs),
}

/// Runs the command.
///
/// # Errors
/// When arguments are wrong or a call fails.
pub(crate) async fn run(args: WebhookArgs, session: &Session) -> Done {
    match args.action {
        Action::List(args) => shown::list(args, session).await,
        Action::Show(args) => shown::show(args, session).await,
        Action::Create(args) => create::run(args, session).await,
        Action::Edit(args) => edit::run(args, session).await,
        Action::Delete(args) => state::delete(args, session).await,
        Action::Pause(args) => state::pause(args, session).await,
        Action::Resume(args) => state::resume(args, session).await,
        Action::RotateKey(args) => keys::rotate(args, session).await,
        Action::RevokeKey(args) => keys::revoke(args, session).await,
        Action::Preview(args) => preview::preview(args, session).await,
        Action::Test(args) => probe::run(args, session).await,
    }
}
