//! What a shell may offer for the word that is being typed: names and ids from the server, contexts from their file.
//!
//! The scripts of `tenterhook completion` ask the command for it on each press of Tab, so it is quick, and silent about
//! everything that goes wrong: the shell then offers what it knows without us.

use std::time::Duration;

use clap::{Arg, ArgAction, Command, Parser};
use futures_util::future::ready;
use futures_util::{Stream, StreamExt as _};
use tenterhook_client::Error;
use tenterhook_client::v1::{ListDeliveriesRequest, ListEventsRequest, ListNamespacesRequest};
use tokio::time::timeout;

use crate::args::Common;
use crate::context::contexts::{self, Contexts};
use crate::early_flags::in_order;
use crate::output::{Asked, Colour, Form, Output};
use crate::session::Session;

/// Time for all of it: whoever presses Tab does not wait longer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Deliveries or events that are offered, the newest.
const NEWEST: usize = 50;
/// Most candidates that are printed; a shell asks before it shows so many.
const CANDIDATES_MAX: usize = 1_000;
/// Flags that say which server is asked.
const CONNECTION: [&str; 6] = ["address", "context", "namespace", "ca", "client-cert", "client-key"];

/// What a word is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Webhook,
    Delivery,
    Event,
    /// Any of the three.
    Thing,
    Context,
    Namespace,
}

/// What is typed so far.
#[derive(Debug, Default)]
struct Typed {
    /// The kind of the last word; `None` when nothing is known about it.
    kind: Option<Kind>,
    /// The flags before it that say which server is asked, with their values.
    connection: Vec<String>,
}

/// The candidates for the last of `words`, those after the command `root` itself. A name that `shell` would take apart is
/// offered as an id.
pub async fn complete(root: &Command, shell: &str, words: &[String]) -> Vec<String> {
    let words: Vec<String> = in_order(&words.iter().map(|word| unquoted(word)).collect::<Vec<_>>());
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let typed = Typed::of(root, before, last);
    let Some(kind) = typed.kind else { return Vec::new() };
    let found = timeout(PATIENCE, candidates(kind, &typed.connection, last)).await.ok().flatten().unwrap_or_default();
    let is_whole = |name: &String| shell != "bash" || !name.contains([':', '=']);
    let fitting = found.into_iter().map(|one| match one {
        Candidate { name, id } if !is_harmless(&name) || !is_whole(&name) => id,
        Candidate { name, id } if !name.starts_with(last.as_str()) && id.starts_with(last.as_str()) => id,
        Candidate { name, .. } => name,
    });
    let mut fitting: Vec<String> =
        fitting.filter(|one| !one.is_empty() && one.starts_with(last.as_str())).take(CANDIDATES_MAX).collect();
    fitting.dedup();
    fitting
}

/// A name, and the id that stands for the same; a thing without a name is called by its id.
struct Candidate {
    name: String,
    id: String,
}

impl Candidate {
    fn id(id: String) -> Self {
        Self { name: id.clone(), id }
    }

    fn name(name: String) -> Self {
        Self { name, id: String::new() }
    }
}

/// A word without the marks of a quotation that may still be open.
fn unquoted(word: &str) -> String {
    let word = match word.as_bytes() {
        [quote @ (b'"' | b'\''), rest @ ..] => {
            let inner = &word[1..];
            if rest.last() == Some(quote) { &inner[..inner.len() - 1] } else { inner }
        }
        _ => word,
    };
    let mut text = String::new();
    let mut characters = word.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

/// Whether a shell can show the name and take it back.
fn is_harmless(name: &str) -> bool {
    !name.starts_with('-') && tenterhook_model::harmless_line(name) == name
}

impl Typed {
    /// Walks the words `before` the `last` one along the definitions of the commands.
    fn of(root: &Command, before: &[String], last: &str) -> Self {
        let mut typed = Self::default();
        let (mut path, mut values, mut open) = (vec![root], 0, None::<&Arg>);
        let mut only_values = false;
        for word in before {
            if let Some(arg) = open.take() {
                typed.keep(arg, word);
            } else if !only_values && word == "--" {
                only_values = true;
            } else if let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty() && !only_values) {
                let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
                match (argument(&path, name), value) {
                    (Some(arg), Some(value)) => typed.keep(arg, value),
                    (Some(arg), None) if takes_value(arg) => open = Some(arg),
                    _ => {}
                }
            } else if let Some(command) = path[path.len() - 1].find_subcommand(word).filter(|_| values == 0) {
                path.push(command);
            } else {
                values += 1;
            }
        }
        let command = path[path.len() - 1];
        let is_flag = last.starts_with('-') && !only_values;
        let arg = open.or_else(|| {
            let all: Vec<&Arg> = command.get_positionals().collect();
            let is_several = |arg: &&&Arg| matches!(arg.get_action(), ArgAction::Append);
            all.get(values).or_else(|| all.last().filter(is_several)).copied().filter(|_| !is_flag)
        });
        let names: Vec<&str> = path.iter().map(|command| command.get_name()).collect();
        typed.kind = arg.and_then(|arg| kind(arg, &names));
        typed
    }

    fn keep(&mut self, arg: &Arg, value: &str) {
        if let Some(flag) = arg.get_long().filter(|flag| CONNECTION.contains(flag)) {
            self.connection.extend([format!("--{flag}"), value.to_owned()]);
        }
    }
}

/// The argument of a flag without its first dash, of the innermost command that has it.
fn argument<'a>(path: &[&'a Command], flag: &str) -> Option<&'a Arg> {
    let is = |arg: &&Arg| match flag.strip_prefix('-') {
        Some(long) => arg.get_long() == Some(long),
        // Of several short ones together, the last may take a value.
        None => arg.get_short().is_some() && arg.get_short() == flag.chars().last(),
    };
    path.iter().rev().find_map(|command| command.get_arguments().find(is))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// What the help of an argument calls its value.
fn kind(arg: &Arg, path: &[&str]) -> Option<Kind> {
    let name = arg.get_value_names()?.first()?.as_str();
    match name {
        "WEBHOOK" => Some(Kind::Webhook),
        "DELIVERY" => Some(Kind::Delivery),
        "EVENT" => Some(Kind::Event),
        "THING" => Some(Kind::Thing),
        "NAMESPACE" => Some(Kind::Namespace),
        "NAME" if arg.get_long() == Some("context") => Some(Kind::Context),
        "NAME" if path.get(1) == Some(&"context") && path.get(2) != Some(&"add") => Some(Kind::Context),
        _ => None,
    }
}

async fn candidates(kind: Kind, connection: &[String], last: &str) -> Option<Vec<Candidate>> {
    if kind == Kind::Context {
        let contexts = Contexts::read(&contexts::path()?).ok()?;
        return Some(contexts.contexts.into_keys().map(Candidate::name).collect());
    }
    let session = session(connection).await?;
    match kind {
        Kind::Webhook => webhooks(&session).await,
        Kind::Delivery => deliveries(&session).await,
        Kind::Event => events(&session).await,
        Kind::Thing if last.starts_with("dlv_") => deliveries(&session).await,
        Kind::Thing if last.starts_with("evt_") => events(&session).await,
        Kind::Thing => webhooks(&session).await,
        Kind::Namespace => {
            let request = ListNamespacesRequest::default();
            let response = session.client.server().list_namespaces(request).await.ok()?.into_inner();
            Some(response.namespaces.into_iter().map(|namespace| Candidate::name(namespace.name)).collect())
        }
        Kind::Context => None,
    }
}

/// A session as the flags, the environment and the context have it.
async fn session(connection: &[String]) -> Option<Session> {
    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        common: Common,
    }
    let line = ["tenterhook".to_owned()].into_iter().chain(connection.iter().cloned());
    let common = Line::try_parse_from(line).ok()?.common;
    let asked = Asked { form: Some(Form::Name), columns: &[], colour: Colour::Never, time: None };
    Session::open(&common, Output::new(asked, true)).await.ok()
}

async fn webhooks(session: &Session) -> Option<Vec<Candidate>> {
    let webhooks = session.webhooks().await.ok()?;
    Some(webhooks.into_iter().map(|webhook| Candidate { name: webhook.display_name, id: webhook.id }).collect())
}

async fn deliveries(session: &Session) -> Option<Vec<Candidate>> {
    let request = ListDeliveriesRequest { page_size: page(), ..Default::default() };
    let (deliveries, _) = session.client.list_deliveries(request);
    Some(newest(deliveries.map(|one| one.map(|delivery| delivery.id))).await)
}

async fn events(session: &Session) -> Option<Vec<Candidate>> {
    let request = ListEventsRequest { page_size: page(), ..Default::default() };
    Some(newest(session.client.list_events(request).map(|one| one.map(|event| event.id))).await)
}

fn page() -> i32 {
    i32::try_from(NEWEST).expect("a page is small")
}

/// The first ids of a list, as far as it can be read.
async fn newest(ids: impl Stream<Item = Result<String, Error>>) -> Vec<Candidate> {
    ids.take(NEWEST).filter_map(|id| ready(id.ok().map(Candidate::id))).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientCommand;
    use clap::Subcommand as _;

    fn typed(line: &str) -> Typed {
        let root = ClientCommand::augment_subcommands(Command::new("tenterhook"));
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (last, before) = words.split_last().unwrap();
        Typed::of(&root, before, last)
    }

    #[test]
    fn the_definitions_say_what_a_word_names() {
        for (line, kind) in [
            ("webhook show ", Some(Kind::Webhook)),
            ("webhook delete one two", Some(Kind::Webhook)),
            ("webhook show one ", None),
            ("watch --webhook or", Some(Kind::Webhook)),
            ("webhook -o json -y show ", Some(Kind::Webhook)),
            ("webhook preview orders --event ", Some(Kind::Event)),
            ("delivery show dl", Some(Kind::Delivery)),
            ("event explain ", Some(Kind::Event)),
            ("open ", Some(Kind::Thing)),
            ("context use ", Some(Kind::Context)),
            ("context add ", None),
            ("status --context ", Some(Kind::Context)),
            ("status --namespace ", Some(Kind::Namespace)),
            ("token create ", None),
            ("webhook show -", None),
            ("webhook ", None),
            ("", None),
            ("nonsense ", None),
        ] {
            assert_eq!(typed(line).kind, kind, "{line}");
        }
    }

    #[test]
    fn flags_before_the_word_say_which_server_is_asked() {
        let found = typed("webhook --context prod show --namespace=acme -o json ");
        assert_eq!(found.connection, ["--context", "prod", "--namespace", "acme"]);
        assert_eq!(found.kind, Some(Kind::Webhook));
    }

    #[test]
    fn quotations_are_taken_off_and_may_be_open() {
        for (word, text) in
            [("\"a b", "a b"), ("'a b'", "a b"), ("a\\ b", "a b"), ("a\\\"b", "a\"b"), ("a\\", "a"), ("\"", "")]
        {
            assert_eq!(unquoted(word), text, "{word}");
        }
    }

    #[test]
    fn names_that_a_terminal_would_obey_are_not_shown() {
        assert!(
            is_harmless("Größe \"L\" $(x)") && !is_harmless("a\u{1b}[2J") && !is_harmless("a\nb") && !is_harmless("-x")
        );
    }
}
