//! `tenterhook import`: takes over the webhooks of another system.
//!
//! ```text
//! files, REST ─▶ netbox | svix | convoy ─ wanted ─▶ flow ─▶ plan (what the server says) ─▶ report, files or calls
//! ```

mod convoy;
mod credentials;
mod flags;
mod flow;
mod folder;
mod listing;
mod netbox;
mod object;
mod origin;
mod paging;
mod plan;
mod report;
mod svix;
mod wanted;

use clap::{Args, Subcommand};

use crate::args::Common;
use crate::failure::Done;
use crate::output::Output;

/// What `tenterhook import` takes.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    system: System,
}

#[derive(Debug, Clone, Subcommand)]
enum System {
    /// Imports webhooks and event rules from NetBox 3.2 to 4.7
    ///
    /// Reads what NetBox's REST API returns for webhooks (and, from NetBox 3.7 on, for event rules), the JSON of the export
    /// template that --print-export-template prints, and files for NetBox's bulk import (CSV, JSON or YAML). Everything is
    /// checked before anything is created. Webhooks are matched by name, so that a second run changes nothing.
    /// `--verify` compares what NetBox sent with what would be sent here.
    #[command(
        after_help = "Exit code 1: the server refuses some of it. Exit code 3: with --dry-run, something would change; without --update, something differs. Exit code 4: with --verify, a request differs.\n\nExamples:\n  tenterhook import netbox webhooks.json event-rules.json --dry-run\n  tenterhook import netbox webhooks.json event-rules.json --netbox-version 4.2 --retry none --paused\n  tenterhook import netbox webhooks.json event-rules.json --retry none --out from-netbox\n  tenterhook import netbox --url https://netbox.example.com --token-file token --retry default\n  tenterhook import netbox --verify chat=sent-by-netbox --since 1d"
    )]
    Netbox(Box<netbox::NetboxArgs>),
    /// Imports the endpoints of a Svix application
    ///
    /// Reads what Svix's API returns for the endpoints of an application, with their headers and secrets. Everything is
    /// checked before anything is created. Endpoints are matched by uid, or id, so that a second run changes nothing.
    #[command(
        after_help = "Exit code 1: the server refuses some of it. Exit code 3: with --dry-run, something would change; without --update, something differs.\n\nExamples:\n  tenterhook import svix svix.json --dry-run\n  tenterhook import svix --url https://api.eu.svix.com --app app_2a --token-file svix.token --paused"
    )]
    Svix(Box<svix::SvixArgs>),
    /// Imports the endpoints and subscriptions of a Convoy project
    ///
    /// Reads what Convoy's API returns for the endpoints and subscriptions of a project, and for the project, which says how
    /// requests are signed. Everything is checked before anything is created. Endpoints are matched by name, so that a
    /// second run changes nothing.
    #[command(
        after_help = "Exit code 1: the server refuses some of it. Exit code 3: with --dry-run, something would change; without --update, something differs.\n\nExamples:\n  tenterhook import convoy convoy.json --dry-run\n  tenterhook import convoy --url https://convoy.example.com --project 01H --token-file convoy.key --paused"
    )]
    Convoy(Box<convoy::ConvoyArgs>),
}

/// Imports.
///
/// # Errors
/// When the sources cannot be read, or the server refuses something.
pub(crate) async fn run(args: ImportArgs, common: &Common, out: Output) -> Done {
    match args.system {
        System::Netbox(args) => Box::pin(netbox::run(*args, common, out)).await,
        System::Svix(args) => Box::pin(svix::run(*args, common, out)).await,
        System::Convoy(args) => Box::pin(convoy::run(*args, common, out)).await,
    }
}
