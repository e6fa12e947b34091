//! `tenterhook key`: makes API keys.

use anyhow::Result;
use clap::{Args, Subcommand};
use tenterhook_api::access::{NewKey, Role, Scope};
use tenterhook_model::{Namespace, OsEntropy};

use tenterhook_server::terminal::{Style, Terminal};

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
        after_help = "Example:\n  tenterhook key new --role publisher --namespace team-a --name 'billing service'\n\nThe key goes to the caller, who sends it as `authorization: Bearer th_…`. The line goes into the\nfile that `tenterhook serve --api-keys` reads; it holds a hash only."
    )]
    New(NewArgs),
}

#[derive(Debug, Clone, Args)]
struct NewArgs {
    /// What the holder may do: admin (all), publisher (publish), viewer (look) or operator (look, retry, pause, test)
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// The namespace in which it may do so; `*` means all
    #[arg(long, value_name = "NAMESPACE", default_value = "*", value_parser = scope)]
    namespace: Scope,
    /// Whose key it is, for the log; free text
    #[arg(long, value_name = "NAME", default_value = "", value_parser = name)]
    name: String,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: tenterhook_api::access::UnknownRole| error.to_string())
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
    Ok(text.to_owned())
}

/// Makes a key and prints it.
pub fn run(args: &KeyArgs, terminal: Terminal) {
    let Action::New(new) = &args.action;
    let made = NewKey::generate(new.role, &new.namespace, &new.name, &OsEntropy);
    terminal.line(
        terminal.paint(Style::Dim, "The key, told only now; its holder sends it as `authorization: Bearer KEY`:"),
    );
    terminal.line(made.key.expose());
    terminal.line(terminal.paint(Style::Dim, "The line for the file of `tenterhook serve --api-keys FILE`:"));
    terminal.line(&made.line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_namespaces_are_checked_with_advice() {
        assert!(role("boss").unwrap_err().contains("admin, publisher, viewer and operator"));
        assert_eq!(scope("*"), Ok(Scope::Every));
        assert!(scope("Team A").is_err() && scope("").is_err());
        assert!(name("a # b").is_err() && name("a\nb").is_err());
    }
}
