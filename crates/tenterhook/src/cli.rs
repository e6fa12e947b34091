//! The command line: what may be typed, and which module answers.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::{care, key, render};
use tenterhook_server::app;
use tenterhook_server::config::{Config, ServeArgs};
use tenterhook_server::failure::InWords;
use tenterhook_server::roots;
use tenterhook_terminal::Terminal;

/// Threads of the benchmark's own publishers and receiver.
const BENCH_THREADS: usize = 2;

/// What to try first, below the help.
const START: &str = "Start here:\n  tenterhook demo           watch it work, in a few seconds\n  tenterhook serve --dev    a server for trying it out on this machine\n  tenterhook listen         a receiver that prints what it gets\n\nFlags of client commands, such as --context and -o, may also come before the command.";

/// Delivers events as signed webhooks, and retries until they arrive
///
/// Publish events over gRPC; Tenterhook renders Jinja2 templates, signs the requests, sends
/// them to every matching webhook, retries what fails and streams every change.
#[derive(Debug, Parser)]
#[command(name = "tenterhook", version, propagate_version = true, arg_required_else_help = true, max_term_width = 110)]
#[command(after_help = START, styles = crate::usage::STYLES)]
pub struct Cli {
    /// Turns colours off; NO_COLOR in the environment does the same
    #[arg(long, global = true)]
    no_color: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The server: takes events over gRPC and delivers them
    #[command(
        after_help = "Examples:\n  tenterhook serve --dev\n  tenterhook serve --store redb:/var/lib/tenterhook --api-keys /etc/tenterhook/keys\n  tenterhook serve --config /etc/tenterhook/tenterhook.toml --check"
    )]
    Serve(Box<ServeArgs>),
    /// Runs the whole service once, locally, in a few seconds
    Demo(tenterhook_demo::DemoArgs),
    /// A receiver to debug with: prints each request and checks its signature
    #[command(
        after_help = "Examples:\n  tenterhook listen --port 9000 --secret s3cret\n  tenterhook listen --status 503 --delay 2s\n  tenterhook listen --fail-first 3 --json"
    )]
    Listen(tenterhook_listen::ListenArgs),
    /// Renders a template as the server would, limits included
    #[command(
        after_help = "Examples:\n  tenterhook render slack.j2 --context event.json\n  echo '{\"template\": \"{{ 1 + 1 }}\"}' | tenterhook render --jsonl"
    )]
    Render(render::RenderArgs),
    /// Makes API keys
    Key(key::KeyArgs),
    /// Store maintenance: check, compact, export and import offline, backup of a running server
    #[command(
        after_help = "Examples:\n  tenterhook store check --store redb:/var/lib/tenterhook\n  tenterhook store export backup.tenterhook --store redb:/var/lib/tenterhook\n  tenterhook store import backup.tenterhook --store sled:/var/lib/tenterhook-2\n  tenterhook store backup tenterhook.backup"
    )]
    Store(care::StoreArgs),
    /// Checks whether the server on this machine is alive; for containers and scripts
    #[command(
        after_help = "Exit codes: 0 it is, 1 it is not, 2 the settings are wrong.\n\nExamples:\n  tenterhook healthcheck\n  tenterhook healthcheck --ready --config /etc/tenterhook/tenterhook.toml"
    )]
    Healthcheck(crate::healthcheck::HealthcheckArgs),
    /// Measures how fast publish to receiver is on this machine
    #[command(
        after_help = "Examples:\n  tenterhook bench\n  tenterhook bench --runs 1 --only '10 webhooks'\n  tenterhook bench --json -- --threads 2"
    )]
    Bench(tenterhook_bench::BenchArgs),
    /// Prints a script that completes commands and flags in a shell
    #[command(
        after_help = "Examples:\n  tenterhook completion bash > /etc/bash_completion.d/tenterhook\n  tenterhook completion zsh > \"${fpath[1]}/_tenterhook\"\n  tenterhook completion fish > ~/.config/fish/completions/tenterhook.fish"
    )]
    Completion(crate::completion::CompletionArgs),
    /// Writes manual pages, one for each command, into a folder
    Man(crate::completion::ManArgs),
    #[command(flatten)]
    Client(Box<tenterhook_cli::ClientCommand>),
    /// Renders for a server that is its parent; speaks frames on standard input and output
    #[command(hide = true)]
    RenderWorker,
}

/// The words of this process's command line, with flags that stand before a client command behind it.
pub fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let behind = words.split_off(words.len().min(1));
    words.extend(tenterhook_cli::in_order(&behind));
    words
}

/// Whether the flag, the environment (<https://no-color.org>: any text but the empty one) or the terminal refuses colours.
pub fn refuses_colours(flag: bool) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    flag || is_dumb || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

impl Cli {
    /// Whether nobody refuses colours.
    pub fn takes_colours(&self) -> bool {
        !refuses_colours(self.no_color)
    }

    /// Runs the command to its end. The exit code is that of a client command, which shows its errors itself.
    ///
    /// # Errors
    /// What went wrong, ready to be shown.
    pub fn run(self) -> Result<ExitCode> {
        let colours = self.takes_colours();
        let terminal = Terminal::new(!colours);
        roots::check(|name| std::env::var_os(name))?;
        if let Command::Client(command) = self.command {
            return Ok(ExitCode::from(runtime(1)?.block_on(command.run(colours))));
        }
        self.command.run(terminal).map(|()| ExitCode::SUCCESS)
    }
}

impl Command {
    fn run(self, terminal: Terminal) -> Result<()> {
        match self {
            Self::Serve(args) => serve(&args, terminal),
            Self::Demo(args) => runtime(1)?.block_on(tenterhook_demo::run(args, terminal)),
            Self::Listen(args) => runtime(1)?.block_on(tenterhook_listen::run(args, terminal)),
            Self::Healthcheck(args) => runtime(1)?.block_on(crate::healthcheck::run(&args, terminal)),
            Self::Render(args) => render::run(&args),
            Self::Key(args) => key::run(&args, terminal),
            Self::Store(args) => care::run(&args, terminal),
            Self::RenderWorker => {
                tenterhook_cage::serve(std::io::stdin(), std::io::stdout()).context("the render worker failed")
            }
            Self::Bench(args) => runtime(BENCH_THREADS)?.block_on(tenterhook_bench::run(args, terminal)),
            Self::Completion(args) => {
                crate::completion::completion(&args, Cli::command(), terminal);
                Ok(())
            }
            Self::Man(args) => crate::completion::man(&args, Cli::command(), terminal),
            Self::Client(_) => unreachable!("it has its own exit codes, and ran before"),
        }
    }
}

fn serve(args: &ServeArgs, terminal: Terminal) -> Result<()> {
    if args.check {
        app::check(args)?;
        terminal.line("The configuration is fine.");
        return Ok(());
    }
    let config = Config::load(args)?;
    runtime(config.threads)?.block_on(app::serve(config, terminal))
}

/// A runtime with that many threads; with one, everything runs on the caller's.
fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("cannot start the runtime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_help_text() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} --{}", command.get_name(), argument.get_id());
            }
        }
    }
}
