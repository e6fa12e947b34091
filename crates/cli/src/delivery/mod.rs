//! `tenterhook delivery`: what became of each event on its way to each webhook.

mod many;
mod next;
mod show;
mod which;
mod why;

use clap::{Args, Subcommand};

use crate::failure::Done;
use crate::session::Session;
use many::{Batch, ListArgs, RetryArgs};
use show::ShowArgs;

pub(crate) use next::{GONE, suspension};
pub(crate) use show::{exchange, headline};
pub(crate) use which::FAILING;
pub(crate) use why::why;

/// What `tenterhook delivery` takes.
#[derive(Debug, Clone, Args)]
pub struct DeliveryArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Lists deliveries, newest first, with why each waits or failed
    #[command(
        after_help = "Examples:\n  tenterhook delivery list --failed --since 2h\n  tenterhook delivery list --webhook orders --status 5xx -o wide"
    )]
    List(ListArgs),
    /// Shows a delivery: each attempt, what was sent and what came back
    #[command(
        after_help = "Examples:\n  tenterhook delivery show dlv_01m8f64x\n  tenterhook delivery show dlv_01m8f64x --attempt 1 --curl"
    )]
    Show(ShowArgs),
    /// Retries deliveries now, and restarts their retry policy
    #[command(
        after_help = "Examples:\n  tenterhook delivery retry dlv_01m8f64x\n  tenterhook delivery retry --webhook orders --failed --status 5xx --since 2h --dry-run"
    )]
    Retry(RetryArgs),
    /// Cancels deliveries that have not ended
    #[command(
        after_help = "Examples:\n  tenterhook delivery cancel dlv_01m8f64x\n  tenterhook delivery cancel --webhook orders --type dcim.* --dry-run"
    )]
    Cancel(Batch),
}

/// Runs the command.
///
/// # Errors
/// When arguments are wrong or a call fails.
pub(crate) async fn run(args: DeliveryArgs, session: &Session) -> Done {
    match args.action {
        Action::List(args) => Box::pin(many::list(args, session)).await,
        Action::Show(args) => show::run(args, session).await,
        Action::Retry(args) => many::retry(args, session).await,
        Action::Cancel(batch) => many::cancel(batch, session).await,
    }
}
