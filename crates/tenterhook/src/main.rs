//! The entry point of the `tenterhook` command; [`tenterhook::cli`] does the rest.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use tenterhook::cli::Cli;
use tenterhook_server::config::ConfigError;
use tenterhook_terminal::{Style, columns, folded};

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
    let words = tenterhook::cli::words();
    let command = match Cli::try_parse_from(&words) {
        Ok(command) => command,
        Err(answer) => {
            let refuses = tenterhook::cli::refuses_colours(words.iter().any(|word| word == "--no-color"));
            return tenterhook::usage::show(&answer, !refuses);
        }
    };
    let colours = command.takes_colours() && io::stderr().is_terminal();
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            let prefix = if colours { Style::Red.paint("error:") } else { "error:".to_owned() };
            eprintln!("{}", folded(&format!("{prefix} {error:#}"), columns(io::stderr())));
            if error.is::<ConfigError>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}
