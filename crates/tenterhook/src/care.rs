//! `tenterhook store`: offline care of a store, while no server has it open.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use tenterhook_model::OsEntropy;
use tenterhook_store::care;

use crate::app::sealing;
use crate::terminal::{Style, Terminal};

/// What `tenterhook store` is told.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    action: Action,
    /// The store: redb:DIR or sled:DIR
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TENTERHOOK_STORE",
        hide_env_values = true,
        default_value = "redb:./tenterhook-data"
    )]
    store: String,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Reads every record and reports what is damaged or does not fit; exit code 1 if anything is
    Check {
        /// Search the files for this text instead, also in what removed records left behind;
        /// exit code 1 if it is found
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        search: Option<String>,
    },
    /// Gives space that the store no longer needs back to the file system
    Compact,
    /// Writes all records, secrets still sealed, in a form that any engine imports
    Export {
        /// File to write; `-` is standard output
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
    },
    /// Makes a new store of what an export has written
    Import {
        /// File to read; `-` is standard input
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
    },
}

/// Cares for the store.
///
/// # Errors
/// When there is no store, a server has it open, or it is damaged.
pub fn run(args: &StoreArgs, terminal: Terminal) -> Result<()> {
    let url = args.store.as_str();
    match &args.action {
        Action::Check { search: Some(text) } => search(url, text, terminal),
        Action::Check { search: None } => check(url, terminal),
        Action::Compact => {
            let (before, after) = care::compact(url)?;
            terminal.line(format!("{url}: {} before, {} now", mebibytes(before), mebibytes(after)));
            Ok(())
        }
        Action::Export { file } => export(url, file, terminal),
        Action::Import { file } => import(url, file, terminal),
    }
}

/// The text itself is not repeated: it may be a secret.
fn search(url: &str, text: &str, terminal: Terminal) -> Result<()> {
    match care::search(url, text)? {
        0 => {
            terminal.line(format!("The files of {url} do not contain the text."));
            Ok(())
        }
        1 => bail!("the files of {url} contain the text in 1 place"),
        places => bail!("the files of {url} contain the text in {places} places"),
    }
}

fn check(url: &str, terminal: Terminal) -> Result<()> {
    let report = care::check(url)?;
    for (kind, count) in &report.records {
        terminal.line(format!("{count:>12}  {kind}"));
    }
    if report.is_whole() {
        terminal.line(terminal.paint(Style::Green, format!("{url} is whole.")));
        return Ok(());
    }
    for problem in &report.problems {
        terminal.line(format!("  {} {problem}", terminal.paint(Style::Red, "✗")));
    }
    bail!(
        "{url} has {} problems; `tenterhook store export` saves what can be read, and a backup is the safer way back",
        report.problem_count
    );
}

fn export(url: &str, file: &Path, terminal: Terminal) -> Result<()> {
    if is_standard(file) {
        care::export(url, &mut BufWriter::new(io::stdout().lock()))?;
        return Ok(());
    }
    let target = File::create_new(file).with_context(|| format!("cannot write {}", file.display()))?;
    let mut output = BufWriter::new(target);
    let records = care::export(url, &mut output)?;
    output.flush().and_then(|()| output.get_ref().sync_all()).context("cannot write the last records")?;
    terminal.line(format!("{records} records of {url} are in {}.", file.display()));
    if let Some(key) = sealing::default_place(url) {
        terminal.line(format!("Their secrets are sealed: whoever imports them needs {} too.", key.display()));
    }
    Ok(())
}

fn import(url: &str, file: &Path, terminal: Terminal) -> Result<()> {
    let mut input: Box<dyn Read> = if is_standard(file) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).with_context(|| format!("cannot read {}", file.display()))?))
    };
    let records = care::import(url, &mut input, &OsEntropy)?;
    terminal.line(format!("{records} records are in {url}."));
    if let Some(key) = sealing::default_place(url) {
        terminal.line(format!(
            "Copy the sealing key of the old store to {}, or name it with --sealing-key-file.",
            key.display()
        ));
    }
    Ok(())
}

fn is_standard(file: &Path) -> bool {
    file == Path::new("-")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_mebibytes() {
        assert_eq!(mebibytes(3 * 1024 * 1024 / 2), "1.5 MiB");
    }

    #[test]
    fn a_store_that_is_not_there_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("redb:{}", folder.path().join("none").display());
        let args = StoreArgs { action: Action::Check { search: None }, store: url.clone() };
        let error = format!("{:#}", run(&args, Terminal::plain()).unwrap_err());
        assert!(error.contains(&url), "{error}");
    }

    #[test]
    fn a_text_in_the_files_is_counted_and_not_repeated() {
        use tenterhook_store::{Batch, Kv, RedbKv};
        let folder = tempfile::tempdir().unwrap();
        let kv = RedbKv::open(folder.path()).unwrap();
        let mut batch = Batch::default();
        batch.put(*b"e", b"a CANARY in a row".to_vec());
        kv.commit(batch).unwrap();
        drop(kv);
        let store = format!("redb:{}", folder.path().display());
        let search = |text: &str| {
            let action = Action::Check { search: Some(text.to_owned()) };
            run(&StoreArgs { action, store: store.clone() }, Terminal::plain())
        };
        search("absent").unwrap();
        let error = format!("{:#}", search("CANARY").unwrap_err());
        assert!(error.contains("place") && !error.contains("CANARY"), "{error}");
    }
}
