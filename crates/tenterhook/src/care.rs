//! `tenterhook store`: care of a store; but for `backup`, while no server has it open.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use tenterhook_model::OsEntropy;
use tenterhook_store::care::{self, Salvaged};
use tenterhook_store::shown_url;

use crate::backup::{self, BackupArgs};
use crate::partial::{Partial, is_standard};
use tenterhook_server::app::sealing;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::{Style, Terminal};

/// What `tenterhook store` is told.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    action: Action,
    /// The store: redb:DIR, sled:DIR or postgres://USER@HOST/DATABASE
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
    /// Reads every record and reports what is damaged or inconsistent; exit code 1 if anything is
    Check {
        /// Searches the files for this text instead, also in what removed records left behind;
        /// exit code 1 if it is found
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        search: Option<String>,
    },
    /// Returns space that the store no longer needs to the file system
    Compact,
    /// Writes all records, secrets still sealed, in a form that any engine imports
    Export {
        /// File to write; `-` is standard output
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Writes what can be read of a damaged store, and reports what could not
        #[arg(long)]
        salvage: bool,
    },
    /// Copies the store of a running server into a file that `import` takes
    #[command(
        after_help = "The copy has everything that was acknowledged before the command; secrets stay sealed, so keep the server's sealing key with it. It takes the key of an admin of every namespace, and a store of redb or PostgreSQL.\n\nExamples:\n  tenterhook store backup tenterhook.backup\n  tenterhook store backup hooks.backup --server https://hooks.example.com --key-file admin.key"
    )]
    Backup(BackupArgs),
    /// Creates a new store from an export or a backup
    #[command(visible_alias = "restore")]
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
    let context = || format!("cannot maintain the store {}", shown_url(url));
    match &args.action {
        Action::Check { search: Some(text) } => search(url, text, terminal),
        Action::Check { search: None } => check(url, terminal),
        Action::Compact => {
            let (before, after) = care::compact(url).with_context(context)?;
            terminal.line(format!("{}: {} before, {} now", shown_url(url), mebibytes(before), mebibytes(after)));
            Ok(())
        }
        Action::Export { file, salvage } => export(url, file, *salvage, terminal),
        Action::Backup(args) => backup::run(args, terminal),
        Action::Import { file } => import(url, file, terminal),
    }
}

/// The text itself is not repeated: it may be a secret.
fn search(url: &str, text: &str, terminal: Terminal) -> Result<()> {
    match care::search(url, text)? {
        0 => {
            terminal.line(format!("The files of {} do not contain the text.", shown_url(url)));
            Ok(())
        }
        1 => bail!("the files of {} contain the text in 1 place", shown_url(url)),
        places => bail!("the files of {} contain the text in {places} places", shown_url(url)),
    }
}

fn check(url: &str, terminal: Terminal) -> Result<()> {
    let report = care::check(url).with_context(|| format!("cannot check the store {}", shown_url(url)))?;
    for (kind, count) in &report.records {
        terminal.line(format!("{count:>12}  {kind}"));
    }
    if report.is_whole() {
        terminal.line(terminal.paint(Style::Green, format!("{} is whole.", shown_url(url))));
        return Ok(());
    }
    for problem in &report.problems {
        terminal.line(format!("  {} {problem}", terminal.paint(Style::Red, "✗")));
    }
    bail!(
        "{} has {} problems; restore a backup, or save what can be read with `tenterhook store export --salvage FILE`",
        shown_url(url),
        report.problem_count
    );
}

fn export(url: &str, file: &Path, salvage: bool, terminal: Terminal) -> Result<()> {
    if is_standard(file) {
        let written = write_export(url, salvage, &mut BufWriter::new(io::stdout().lock()))?;
        return conclude(written, url);
    }
    // Under another name until it is whole, so that a failure leaves no half of an export.
    let partial = Partial::new(file)?;
    let mut output = BufWriter::new(partial.file());
    let written = write_export(url, salvage, &mut output)?;
    output.flush().context("cannot write the last records")?;
    drop(output);
    partial.finish(file)?;
    terminal.line(format!("{} records of {} are in {}.", written.records, shown_url(url), file.display()));
    if let Some(key) = sealing::default_place(url) {
        terminal.line(format!("Their secrets are sealed: the import needs {} too.", key.display()));
    }
    conclude(written, url)
}

fn write_export(url: &str, salvage: bool, output: &mut dyn Write) -> Result<Salvaged> {
    let written = if salvage {
        care::salvage(url, output)
    } else {
        care::export(url, output).map(|records| Salvaged { records, ..Salvaged::default() })
    };
    written.with_context(|| format!("cannot export the store {}", shown_url(url)))
}

/// An error that says what is not in the export, if anything is.
fn conclude(written: Salvaged, url: &str) -> Result<()> {
    if written.is_whole() {
        return Ok(());
    }
    let Salvaged { damaged, gaps, missing_commits, damaged_logs, .. } = written;
    let logs = match damaged_logs {
        0 => "",
        _ => "; a file of the log is missing, cut short or without its header, and more may be lost with it",
    };
    bail!(
        "not all of {} could be saved: {damaged} damaged records, {gaps} ranges of records and {missing_commits} commits of the log are lost{logs}",
        shown_url(url)
    )
}

fn import(url: &str, file: &Path, terminal: Terminal) -> Result<()> {
    let mut input: Box<dyn Read> = if is_standard(file) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).with_context(|| format!("cannot read {}", file.display()))?))
    };
    let records = care::import(url, &mut input, &OsEntropy)
        .with_context(|| format!("cannot import into the store {}", shown_url(url)))?;
    terminal.line(format!("{records} records are in {}.", shown_url(url)));
    if let Some(key) = sealing::default_place(url) {
        terminal.line(format!(
            "Copy the sealing key of the old store to {}, or name it with --sealing-key-file.",
            key.display()
        ));
    }
    Ok(())
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

    fn export_of(store: &Path, file: &Path) -> Result<()> {
        let action = Action::Export { file: file.to_owned(), salvage: false };
        run(&StoreArgs { action, store: format!("redb:{}", store.display()) }, Terminal::plain())
    }

    #[test]
    fn an_export_that_fails_leaves_no_file_and_one_that_succeeds_is_its_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (store, file) = (folder.path().join("data"), folder.path().join("backup"));
        let names = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(export_of(&store, &file).is_err());
        assert_eq!(names().count(), 0, "{:?}", names().collect::<Vec<_>>());
        let kv = tenterhook_store::RedbKv::open(&store).unwrap();
        let options = tenterhook_store::StoreOptions {
            clock: std::sync::Arc::new(tenterhook_model::SystemClock),
            entropy: std::sync::Arc::new(OsEntropy),
            sealing_key: tenterhook_store::SealingKey::new([7; 32]),
            reads: tenterhook_store::Reads::Inline,
            operational_events: true,
            node: Default::default(),
            observer: None,
        };
        drop(tenterhook_store::EmbeddedStore::open(kv, options).unwrap());
        export_of(&store, &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let error = export_of(&store, &file).unwrap_err().to_string();
        assert!(error.contains("nothing is overwritten"), "{error}");
        assert_eq!(names().count(), 2, "{:?}", names().collect::<Vec<_>>());
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
