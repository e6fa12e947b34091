//! `tenterhook completion` and `tenterhook man`: scripts for shells and manual pages, made of the same definitions as the
//! help.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::{Shell, generate};
use tenterhook_server::failure::InWords as _;
use tenterhook_server::terminal::Terminal;

/// What `tenterhook completion` takes.
#[derive(Debug, Clone, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// What `tenterhook man` takes.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Folder for the pages, which must exist
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Prints the script that completes `command`.
pub fn completion(args: &CompletionArgs, mut command: Command, terminal: Terminal) {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(args.shell, &mut command, name, &mut script);
    terminal.line(String::from_utf8_lossy(&script).trim_end());
}

/// Writes a page for `command` and each command below it.
///
/// # Errors
/// When the folder cannot be written to.
pub fn man(args: &ManArgs, command: Command, terminal: Terminal) -> Result<()> {
    let folder = &args.folder;
    let written = clap_mangen::generate_to(command, folder);
    written.with_context(|| format!("cannot write to {}", folder.display()))?;
    terminal.line(format!(
        "The pages are in {}; read one with: man -l {}/tenterhook.1",
        folder.display(),
        folder.display()
    ));
    Ok(())
}
