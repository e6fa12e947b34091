//! Flags before the command: `tenterhook -o json webhook list` is `tenterhook webhook -o json list`.
//!
//! The flags that all client commands take belong to those commands alone, so that `serve --help` does not show them
//! and `serve --namespace` is refused. Whoever writes them first means the same.

use std::ffi::OsStr;

use clap::{Arg, Args as _, Command, Subcommand as _};

use crate::ClientCommand;
use crate::args::Common;

/// The words behind the program's name, with the flags that stand before a client command behind it. Other
/// words stay where they are.
pub fn in_order<W: AsRef<OsStr> + Clone>(words: &[W]) -> Vec<W> {
    let flags = Common::augment_args(Command::new("flags"));
    let (mut others, mut moved, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(flag) = words.get(at).and_then(|word| word.as_ref().to_str()).filter(|word| is_flag(word)) {
        let found = taken(&flags, flag);
        let end = words.len().min(at + found.unwrap_or(1));
        if found.is_some() { &mut moved } else { &mut others }.extend_from_slice(&words[at..end]);
        at = end;
    }
    let commands = ClientCommand::augment_subcommands(Command::new("commands"));
    let is_client = words.get(at).is_some_and(|word| commands.find_subcommand(word.as_ref()).is_some());
    if moved.is_empty() || !is_client {
        return words.to_vec();
    }
    others.push(words[at].clone());
    [&others[..], &moved, &words[at + 1..]].concat()
}

fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word != "--"
}

/// How many words a flag takes with its value: 1 or 2; `None` when it is not one of `flags`.
fn taken(flags: &Command, word: &str) -> Option<usize> {
    let value_of = |arg: &Arg| if arg.get_action().takes_values() { 2 } else { 1 };
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let arg = flags.get_arguments().find(|arg| arg.get_long() == Some(name))?;
        return Some(if value.is_some() { 1 } else { value_of(arg) });
    }
    let mut letters = word[1..].chars();
    while let Some(letter) = letters.next() {
        let arg = flags.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
        if arg.get_action().takes_values() {
            // What is left of the word is the value.
            return Some(if letters.as_str().is_empty() { 2 } else { 1 });
        }
    }
    Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(line: &str) -> String {
        in_order(&line.split(' ').collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn flags_before_a_client_command_are_its_own() {
        for (typed, meant) in [
            ("-o json webhook list", "webhook -o json list"),
            ("-ojson -y status", "status -ojson -y"),
            ("-yo json status", "status -yo json"),
            ("--output=json --address X:1 webhook show a", "webhook --output=json --address X:1 show a"),
            ("--no-color --context prod status --columns a,b", "--no-color status --context prod --columns a,b"),
            ("webhook -o json list", "webhook -o json list"),
        ] {
            assert_eq!(ordered(typed), meant);
        }
    }

    #[test]
    fn what_belongs_to_no_client_command_stays_where_it_is() {
        for typed in [
            "-o json",
            "-o",
            "--address X:1 serve --dev",
            "-o json bench",
            "--wrong webhook list",
            "-x status",
            "-- -o json status",
            "--address",
            "",
        ] {
            assert_eq!(ordered(typed), typed);
        }
    }
}
