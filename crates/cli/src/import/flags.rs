//! What every import can be asked to do.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What every import takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// Checks everything and shows what would change; exit code 3 if something would
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Writes files for `tenterhook apply` into this folder instead of changing the server; secrets go into files below `secrets`
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["dry_run", "update", "paused"])]
    pub(super) out: Option<PathBuf>,
    /// Changes webhooks that are already here and differ
    #[arg(long)]
    pub(super) update: bool,
    /// Creates the webhooks that can be created, even if others cannot
    #[arg(long)]
    pub(super) skip_refused: bool,
    /// Creates webhooks paused: events queue up until `tenterhook webhook resume`
    #[arg(long)]
    pub(super) paused: bool,
    /// Text to put before each name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) prefix: String,
}

/// Whether a failed delivery is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Retry {
    /// Never, as NetBox
    None,
    /// As the server does by default: up to 10 attempts in 3 days
    Default,
}
