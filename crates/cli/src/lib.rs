//! The command line as a client: `status`, `watch`, `webhook`, `delivery`, `event` and `context`, written on the Rust
//! SDK alone, so that what they can do a program can do too. The command calls [`ClientCommand::run`].

mod access_token;
mod apply;
mod args;
mod complete;
mod context;
mod delivery;
mod difference;
mod doctor;
mod document;
mod early_flags;
mod event;
mod failure;
mod find;
mod import;
mod input;
mod locate;
mod open;
mod output;
mod session;
mod status;
mod wait;
mod watch;
mod webhook;

use clap::Subcommand;

pub use complete::complete;
pub use early_flags::in_order;

use args::Common;
use failure::Done;
use output::Output;
use session::Session;

/// The commands that call a server.
#[derive(Debug, Clone, Subcommand)]
pub enum ClientCommand {
    /// Shows what is wrong now: the state of every webhook, what waits, and the last problem
    #[command(after_help = "Examples:\n  tenterhook status\n  tenterhook status --context prod -o json")]
    Status(ClientArgs<status::StatusArgs>),
    /// Shows each change of a delivery as it happens
    #[command(
        after_help = "Examples:\n  tenterhook watch --failed\n  tenterhook watch --webhook orders --from 1h\n  tenterhook watch -o jsonl --from earliest"
    )]
    Watch(ClientArgs<watch::WatchArgs>),
    /// Webhooks: list, show, create, edit, pause, resume, test and more
    Webhook(ClientArgs<webhook::WebhookArgs>),
    /// Deliveries: list, show, retry and cancel
    Delivery(ClientArgs<delivery::DeliveryArgs>),
    /// Events: publish, list, show, explain and replay
    Event(ClientArgs<event::EventArgs>),
    /// Prints the webhooks as files for `apply`, without secrets
    #[command(after_help = "Examples:\n  tenterhook export > hooks.yaml\n  tenterhook export --dir hooks")]
    Export(ClientArgs<apply::ExportArgs>),
    /// Shows how webhooks differ from files
    #[command(
        after_help = "Exit code 3: something differs.\n\nExamples:\n  tenterhook diff -f hooks.yaml\n  tenterhook diff -f hooks --prune"
    )]
    Diff(ClientArgs<apply::DiffArgs>),
    /// Changes webhooks to match files
    ///
    /// A document is a webhook with the fields of the proto; its namespace and display_name say which. Everything is checked
    /// first, and a webhook that someone else has changed meanwhile is left alone. `{env: NAME}` and `{file: PATH}` stand for
    /// secrets: in signing_secret, which a new webhook signs with, in values of headers, in the PEM fields of transport, and
    /// in the secrets of authentication.
    #[command(
        after_help = "Examples:\n  tenterhook apply -f hooks.yaml --dry-run\n  tenterhook apply -f hooks --prune --yes\n  tenterhook export --context prod | tenterhook apply -f - --context staging"
    )]
    Apply(ClientArgs<apply::ApplyArgs>),
    /// Access tokens: keys for one namespace and a short time
    Token(ClientArgs<access_token::TokenArgs>),
    /// Checks setup, server, key, clock and webhooks, and says what helps
    #[command(
        after_help = "Exit code 4: something is at fault.\n\nExamples:\n  tenterhook doctor\n  tenterhook doctor --context prod -o json"
    )]
    Doctor(ClientArgs<doctor::DoctorArgs>),
    /// Opens a webhook, a delivery or an event in the console
    #[command(
        after_help = "Examples:\n  tenterhook open\n  tenterhook open orders\n  tenterhook open dlv_01m8f64x --print"
    )]
    Open(ClientArgs<open::OpenArgs>),
    /// Imports webhooks from another system
    Import(ClientArgs<import::ImportArgs>),
    /// Servers by name: add, list, use, show and remove
    Context(ClientArgs<context::ContextArgs>),
}

/// The arguments of a command, and those that all of them take.
#[derive(Debug, Clone, clap::Args)]
pub struct ClientArgs<A: clap::Args> {
    #[command(flatten)]
    own: A,
    #[command(flatten)]
    common: Box<Common>,
}

impl ClientCommand {
    /// Runs the command and returns its exit code. Without `colours` there are none unless a flag asks for them.
    pub async fn run(self, colours: bool) -> u8 {
        let common = self.common().clone();
        let out = common.printing(!colours);
        match Box::pin(self.act(&common, out)).await {
            Ok(code) => code,
            Err(failure) => {
                out.complain(&failure.to_string());
                failure.code
            }
        }
    }

    fn common(&self) -> &Common {
        match self {
            Self::Status(args) => &args.common,
            Self::Watch(args) => &args.common,
            Self::Webhook(args) => &args.common,
            Self::Delivery(args) => &args.common,
            Self::Event(args) => &args.common,
            Self::Export(args) => &args.common,
            Self::Diff(args) => &args.common,
            Self::Apply(args) => &args.common,
            Self::Token(args) => &args.common,
            Self::Doctor(args) => &args.common,
            Self::Open(args) => &args.common,
            Self::Import(args) => &args.common,
            Self::Context(args) => &args.common,
        }
    }

    async fn act(self, common: &Common, out: Output) -> Done {
        let open = || Session::open(common, out);
        match self {
            Self::Status(_) => status::run(&open().await?).await,
            Self::Watch(args) => watch::run(args.own, &open().await?).await,
            Self::Webhook(args) => webhook::run(args.own, &open().await?).await,
            Self::Delivery(args) => Box::pin(delivery::run(args.own, &open().await?)).await,
            Self::Event(args) => event::run(args.own, &open().await?).await,
            Self::Export(args) => apply::export(args.own, &open().await?).await,
            Self::Diff(args) => Box::pin(apply::diff(args.own, &open().await?)).await,
            Self::Apply(args) => Box::pin(apply::apply(args.own, &open().await?)).await,
            Self::Token(args) => access_token::run(args.own, &open().await?).await,
            Self::Doctor(_) => doctor::run(common, out).await,
            Self::Open(args) => open::run(args.own, &open().await?).await,
            Self::Import(args) => Box::pin(import::run(args.own, common, out)).await,
            Self::Context(args) => context::run(args.own, common, out),
        }
    }
}
