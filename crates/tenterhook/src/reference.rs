//! docs/CLI.md, made of the same definitions as the commands and their help.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, Subcommand as _};
use tenterhook_cli::ClientCommand;

use crate::cli::Cli;

/// Columns of the help.
const COLUMNS: usize = 100;
/// Headings of the flags that all commands share.
const SHARED: [&str; 2] = ["Connection", "Output"];
/// What the page begins with.
const HEAD: &str = "# The command line

`tenterhook` is the server and a client of one. This page has every command, those that call a server first and [the server and its
tools](#the-server-and-its-tools) after them. It is made from the commands themselves, and a test keeps it current.

A webhook is given by name, id or the unique beginning of an id; a delivery or an event by id or its beginning.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | the server refused, or cannot be reached; the reason and every field at fault are on standard error |
| 2 | arguments or files are wrong, or a question needs a terminal or `--yes`; nothing was changed |
| 3 | `diff` or `--dry-run`: something would change |
| 4 | the answer is no: a test failed, a preview did not match, requests differ, `--wait` ended with failures, `doctor` found a fault |
| 130 | interrupted by Ctrl-C |

## Connection

The server is `--address` or `TENTERHOOK_ADDRESS`, else that of the context (`--context`, `TENTERHOOK_CONTEXT`, or the one in use), else
127.0.0.1:50051 without TLS. The API key is `TENTERHOOK_API_KEY`, or in the file that
`TENTERHOOK_API_KEY_FILE` names, or the context has a file or a command for it; it is never an argument. An address
without a context takes no key of a context along. Contexts are in `$XDG_CONFIG_HOME/tenterhook/config.toml`, which only its owner may read.

## Output

`-o json`, `jsonl` and `yaml` hold everything, with the names of the [proto](../proto), defaults written out and times in RFC 3339; `jsonl` is the
default in a pipe. Integers are numbers up to 2^53 and text beyond; a body is text, or `{\"base64\": …}`. Tables fit the terminal, and elsewhere
`COLUMNS`; below 60 columns each row is a block. `NO_COLOR` turns colours off. Progress goes to standard error, on a terminal only.

## Flags of every command that calls a server

They may also come before the command: `tenterhook -o json webhook list`.
";

/// What its second half begins with.
const SERVER: &str = "
## The server and its tools

What the settings of `serve` mean, and which may stand in a file or in the environment, is in [OPERATIONS](OPERATIONS.md). `--no-color`
turns colours off.
";

/// The page.
fn reference() -> String {
    let root = Cli::command().term_width(COLUMNS);
    let of_clients = ClientCommand::augment_subcommands(Command::new("tenterhook"));
    let is_of_clients = |command: &&Command| of_clients.find_subcommand(command.get_name()).is_some();
    let (clients, server): (Vec<_>, Vec<_>) = root.get_subcommands().partition(is_of_clients);
    let mut page = HEAD.to_owned();
    let status = root.find_subcommand("status").expect("the command has it").clone();
    block(&mut page, &help(status, "tenterhook status", "Connection:"));
    for command in clients {
        section(&mut page, command, "tenterhook");
    }
    page.push_str(SERVER);
    for command in server.into_iter().filter(|command| !command.is_hide_set()) {
        section(&mut page, command, "tenterhook");
    }
    page
}

/// A command and those below it.
fn section(page: &mut String, command: &Command, above: &str) {
    let name = format!("{above} {}", command.get_name());
    write!(page, "\n## {name}\n").expect("a String takes all text");
    let own = command.clone().mut_args(|arg| {
        let is_shared = arg.get_help_heading().is_some_and(|heading| SHARED.contains(&heading));
        arg.hide(is_shared)
    });
    block(page, &help(own, &name, ""));
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        section(page, command, &name);
    }
}

/// The help of a command, from the line that begins with `from`.
fn help(command: Command, name: &str, from: &str) -> String {
    let mut command = command.bin_name(name).term_width(COLUMNS).disable_help_flag(true);
    let text = command.render_help().to_string();
    let begin = if from.is_empty() { 0 } else { text.find(from).unwrap_or(0) };
    let end = if from.is_empty() { text.len() } else { text.find("\nExamples:").unwrap_or(text.len()) };
    text[begin..end].to_owned()
}

fn block(page: &mut String, text: &str) {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    write!(page, "\n```text\n{}\n```\n", lines.join("\n")).expect("a String takes all text");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a page that differs is written, to be copied.
    const FRESH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/CLI.md");

    #[test]
    fn the_page_of_the_command_line_is_what_the_commands_make() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CLI.md")).unwrap_or_default();
        if page != reference() {
            std::fs::write(FRESH, reference()).unwrap();
            panic!("docs/CLI.md is not what the commands make; review it: cp target/CLI.md docs/CLI.md");
        }
    }

    /// The words of an example, as a shell reads them: the command behind a pipe, without redirections.
    fn words(example: &str) -> Vec<String> {
        let example = example.rsplit("| ").next().unwrap().split(['<', '>']).next().unwrap().trim();
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in example.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words
    }

    #[test]
    fn every_example_is_a_command_that_is_taken() {
        let root = Cli::command();
        let page = reference();
        let examples: Vec<&str> = page
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("tenterhook ") || line.starts_with("echo "))
            .collect();
        assert!(examples.len() >= 25, "{examples:?}");
        for example in examples {
            let taken = root.clone().try_get_matches_from(words(example));
            assert!(taken.is_ok(), "{example}: {}", taken.unwrap_err());
        }
    }

    #[test]
    fn every_verb_has_a_help_text_and_so_has_every_flag() {
        fn check(command: &Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        Cli::command().get_subcommands().for_each(check);
    }
}
