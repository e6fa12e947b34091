//! The entry point of the `tenterhook` command; [`tenterhook::cli`] does the rest.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use tenterhook::cli::Cli;
use tenterhook_server::config::ConfigError;

/// The system's allocator takes a third of the server's time: requests and records are many small
/// texts that one thread makes and another frees. See `docs/BENCHMARKS.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code for a configuration with faults, as `clap` has it for arguments with faults.
const USAGE: u8 = 2;

#[expect(clippy::print_stderr, reason = "the one place that shows a failure to the person who typed the command")]
#[expect(clippy::print_stdout, reason = "a shell reads what it may offer")]
fn main() -> ExitCode {
    let print = std::panic::take_hook();
    // What panics inside a storage engine is caught there, and reported as damage of the store.
    std::panic::set_hook(Box::new(move |panic| {
        if !tenterhook_store::is_inside_engine() {
            print(panic);
        }
    }));
    if let Some(offered) = tenterhook::completion::asked(Cli::command) {
        offered.iter().for_each(|word| println!("{word}"));
        return ExitCode::SUCCESS;
    }
    let command = Cli::parse_from(tenterhook::cli::words());
    let colours = command.takes_colours() && std::io::stderr().is_terminal();
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            let prefix = if colours { "\u{1b}[1;31merror:\u{1b}[0m" } else { "error:" };
            eprintln!("{prefix} {error:#}");
            if error.is::<ConfigError>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}
