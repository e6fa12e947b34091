//! `tenterhook key`: makes API keys.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use tenterhook_api::access::{KEY_OPTIONS, NewKey, Role, Scope};
use tenterhook_model::{Namespace, OsEntropy, Timestamp};

use tenterhook_server::app::keys::append_line;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::{Style, Terminal};

/// What `tenterhook key` is told.
#[derive(Debug, Clone, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Makes a new key and prints it, once, with the line for the key file
    #[command(
        after_help = "Examples:\n  tenterhook key new --role publisher --namespace team-a --name 'billing service'\n  KEY=$(tenterhook key new --role admin --append /etc/tenterhook/keys)\n\nGive the key to the caller, who sends it as `authorization: Bearer th_…`. Append the line to the file of `serve --api-keys`; it holds a hash only. In a pipe, standard output gets the line and standard error the key."
    )]
    New(NewArgs),
}

#[derive(Debug, Clone, Args)]
struct NewArgs {
    /// What the holder may do: a publisher publishes; a viewer looks; an operator looks, retries, pauses and tests; an admin does
    /// everything
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|word| word.parse::<Role>()))]
    role: Role,
    /// The namespace in which it may do so; `*` means all
    #[arg(long, value_name = "NAMESPACE", default_value = "*", value_parser = scope)]
    namespace: Scope,
    /// Whose key it is, for the log; free text
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true, value_parser = name)]
    name: String,
    /// The last day on which it is valid, in UTC, such as 2027-01-31
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<String>,
    /// Appends the line to this key file, which is created if missing; standard output gets the key alone
    #[arg(long, value_name = "FILE")]
    append: Option<PathBuf>,
}

fn scope(text: &str) -> Result<Scope, String> {
    match text {
        "*" => Ok(Scope::Every),
        "" => Err("must not be empty; `*` means all".to_owned()),
        name => name.parse::<Namespace>().map(Scope::One).map_err(|error| error.to_string()),
    }
}

fn name(text: &str) -> Result<String, String> {
    if text.chars().any(|c| c.is_control() || c == '#') {
        return Err("must not have control characters or `#`, which begins a comment in the key file".to_owned());
    }
    if let Some(option) = KEY_OPTIONS.iter().find(|option| text.starts_with(*option)) {
        return Err(format!("must not begin with `{option}`, which means something else in the key file"));
    }
    Ok(text.to_owned())
}

/// A date, as the key file has it.
fn day(text: &str) -> Result<String, String> {
    match Timestamp::end_of_day(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("must be a date such as 2027-01-31, the last day in UTC on which the key is valid".to_owned()),
    }
}

/// Makes a key and prints it: for people both the key and the line; into a pipe, and with `--append`, what
/// a program needs, with the rest on standard error.
///
/// # Errors
/// When the file of `--append` cannot be written.
#[expect(clippy::print_stderr, reason = "what is for people must not get into the pipe")]
pub fn run(args: &KeyArgs, terminal: Terminal) -> Result<()> {
    let Action::New(new) = &args.action;
    let made = NewKey::generate(new.role, &new.namespace, &new.name, new.until.as_deref(), &OsEntropy);
    let about_key = "The key, shown only now; its holder sends it as `authorization: Bearer KEY`:";
    if let Some(file) = &new.append {
        append_line(file, &made.line).with_context(|| format!("cannot write to {}", file.display()))?;
        eprintln!("The line is in {}. {about_key}", file.display());
        terminal.line(made.key.expose());
    } else if std::io::stdout().is_terminal() {
        terminal.line(terminal.paint(Style::Dim, about_key));
        terminal.line(made.key.expose());
        terminal.line(terminal.paint(Style::Dim, "The line for the file of `tenterhook serve --api-keys FILE`:"));
        terminal.line(&made.line);
    } else {
        eprintln!("{about_key}\n{}", made.key.expose());
        terminal.line(&made.line);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_checked_with_advice() {
        assert_eq!(scope("*"), Ok(Scope::Every));
        assert!(scope("Team A").is_err() && scope("").is_err());
        assert!(day("2027-02-30").is_err() && day("2028-02-29").is_ok());
        assert!(name("a # b").is_err() && name("a\nb").is_err());
    }
}
