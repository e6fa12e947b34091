//! `tenterhook event`: what happened, as it was published.

mod explain;
mod publish;
mod shown;

use clap::{Args, Subcommand};

use crate::failure::Done;
use crate::session::Session;

/// What `tenterhook event` takes.
#[derive(Debug, Clone, Args)]
pub struct EventArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Publishes an event with JSON data, or one event a line
    #[command(
        after_help = "Examples:\n  echo '{\"id\": 1}' | tenterhook event publish --type created --object-type dcim.site -\n  tenterhook event publish --type updated --lines < sites.jsonl"
    )]
    Publish(publish::PublishArgs),
    /// Lists events, newest first
    List(shown::ListArgs),
    /// Shows an event
    Show(shown::ShowArgs),
    /// Shows which webhooks receive an event, and for the others which rule refused it and why
    #[command(
        after_help = "Exit code 4: no webhook receives it.\n\nExamples:\n  tenterhook event explain evt_01m8f79j"
    )]
    Explain(explain::ExplainArgs),
    /// Delivers past events to a webhook again
    #[command(
        after_help = "Examples:\n  tenterhook event replay orders --since 2h --dry-run\n  tenterhook event replay orders --since 2h --include-delivered --yes"
    )]
    Replay(explain::ReplayArgs),
}

/// Runs the command.
///
/// # Errors
/// When arguments are wrong or a call fails.
pub(crate) async fn run(args: EventArgs, session: &Session) -> Done {
    match args.action {
        Action::Publish(args) => publish::run(args, session).await,
        Action::List(args) => shown::list(args, session).await,
        Action::Show(args) => shown::show(args, session).await,
        Action::Explain(args) => explain::explain(args, session).await,
        Action::Replay(args) => explain::replay(args, session).await,
    }
}
