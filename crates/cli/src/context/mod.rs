//! `tenterhook context`: servers by name, so that nobody types addresses and keys.

pub(crate) mod contexts;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::args::Common;
use crate::failure::{Done, Failure};
use crate::output::grid::Column;
use crate::output::{Listed, Listing, Output};
use contexts::{Context, Contexts};

/// What `tenterhook context` takes.
#[derive(Debug, Clone, Args)]
pub struct ContextArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Adds a context, or replaces the one of that name
    #[command(
        after_help = "The server is what --address names. A key comes from a file or a command, never from an argument.\n\nExamples:\n  tenterhook context add local --address 127.0.0.1:50051\n  tenterhook context add prod --address hooks.example.com:443 --key-command 'pass show th/prod' --confirm"
    )]
    Add(AddArgs),
    /// Lists the contexts
    List,
    /// Makes a context the default
    Use(Named),
    /// Shows a context; without a name the one in use
    Show {
        /// The context
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Removes a context
    Remove(Named),
}

#[derive(Debug, Clone, Args)]
struct Named {
    /// The context
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Clone, Args)]
struct AddArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// File that holds the API key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Command that prints the API key; the shell runs it for every call of a command
    #[arg(long, value_name = "COMMAND", conflicts_with = "key_file")]
    key_command: Option<String>,
    /// Asks before every write
    #[arg(long)]
    confirm: bool,
}

/// Runs the command.
///
/// # Errors
/// When there is no such context, or the file cannot be read or written.
pub(crate) fn run(args: ContextArgs, common: &Common, out: Output) -> Done {
    let path =
        contexts::path().ok_or_else(|| Failure::usage("there is no home for contexts").next("set XDG_CONFIG_HOME"))?;
    let mut contexts = Contexts::read(&path)?;
    match args.action {
        Action::List => {
            let done = list(&contexts, out)?;
            if contexts.contexts.is_empty() {
                out.say("Add one: tenterhook context add NAME --address HOST:PORT");
            }
            return Ok(done);
        }
        Action::Show { name } => {
            let name = name.or_else(|| common.context.clone()).or_else(|| contexts.current.clone());
            let name = name.ok_or_else(|| Failure::usage("no context is in use").next("tenterhook context list"))?;
            let context = find(&contexts, &name)?;
            out.one(&serde_json::to_value(context).expect("a context is a table of texts"), &name, || {
                describe(&name, context)
            });
        }
        Action::Add(add) => {
            let name = add.name.clone();
            contexts.contexts.insert(name.clone(), context(add, common)?);
            contexts.current.get_or_insert_with(|| name.clone());
            contexts.write(&path)?;
            out.say(&format!("Added {name}; it is in {}.", path.display()));
        }
        Action::Use(named) => {
            find(&contexts, &named.name)?;
            contexts.current = Some(named.name.clone());
            contexts.write(&path)?;
            out.say(&format!("{} is in use now.", named.name));
        }
        Action::Remove(named) => {
            find(&contexts, &named.name)?;
            contexts.contexts.remove(&named.name);
            contexts.current = contexts.current.filter(|current| *current != named.name);
            contexts.write(&path)?;
            out.say(&format!("Removed {}.", named.name));
        }
    }
    Ok(0)
}

/// The context of that name.
///
/// # Errors
/// When there is none.
pub(crate) fn find<'a>(contexts: &'a Contexts, name: &str) -> Result<&'a Context, Failure> {
    contexts.contexts.get(name).ok_or_else(|| {
        Failure::usage(format!("there is no context {name}")).next("`tenterhook context list` shows what there is")
    })
}

fn context(add: AddArgs, common: &Common) -> Result<Context, Failure> {
    let address = common.address.clone();
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    Ok(Context {
        address: address.ok_or_else(|| Failure::usage("a context needs a server").next("give --address HOST:PORT"))?,
        namespace: common.namespace.clone(),
        ca: common.ca.clone().map(absolute),
        client_cert: common.client_cert.clone().map(absolute),
        client_key: common.client_key.clone().map(absolute),
        key_file: add.key_file.map(absolute),
        key_command: add.key_command,
        confirm: add.confirm,
    })
}

fn list(contexts: &Contexts, out: Output) -> Done {
    const COLUMNS: [Column; 4] =
        [Column::new("CONTEXT", 0), Column::new("ADDRESS", 1), Column::new("NAMESPACE", 3), Column::new("IN USE", 2)];
    let rows = contexts.contexts.iter().map(|(name, context)| {
        let in_use = contexts.current.as_ref() == Some(name);
        let namespace = context.namespace.as_deref().unwrap_or("default");
        let mark = if in_use { "* yes" } else { "" };
        Listed {
            cells: vec![name.into(), (&context.address).into(), namespace.into(), mark.into()],
            json: json!({"name": name, "address": context.address, "namespace": namespace, "in_use": in_use}),
            name: name.clone(),
        }
    });
    out.many(Listing { noun: ("context", "contexts"), columns: &COLUMNS, rows: rows.collect() })
}

fn describe(name: &str, context: &Context) -> String {
    let key = match (&context.key_file, &context.key_command) {
        (Some(file), _) => format!("file {}", file.display()),
        (None, Some(command)) => format!("command {command}"),
        (None, None) => "TENTERHOOK_API_KEY, if set".to_owned(),
    };
    let ca = context.ca.as_ref().map_or("the system's roots".to_owned(), |ca| ca.display().to_string());
    let mtls = context.client_cert.as_ref().map_or("no".to_owned(), |file| file.display().to_string());
    let text = format!(
        "{name}\n  address    {}\n  namespace  {}\n  key        {key}\n  ca         {ca}\n  mtls       {mtls}\n  confirm    {}",
        context.address,
        context.namespace.as_deref().unwrap_or("default"),
        if context.confirm { "asks before every write" } else { "no" },
    );
    tenterhook_model::harmless(&text)
}
