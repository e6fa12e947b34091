//! `tenterhook completion` and `tenterhook man`: scripts for shells and manual pages, made of the same definitions as the
//! help. The scripts for bash, zsh and fish ask the command itself for names and ids, by its hidden first word
//! [`ASK`].

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::{Shell, generate};
use tenterhook_server::failure::InWords as _;
use tenterhook_terminal::Terminal;
use tokio::runtime::Builder;

/// The first word of a command line that asks what a shell may offer; the second is the shell, then come the words that
/// are typed so far, of which the last is completed.
pub const ASK: &str = "__complete";

/// Asks for names first, and leaves everything else to the script before it. What is offered within quotation marks is what
/// needs no other marks there.
const BASH: &str = r#"
_tenterhook_names() {
    local current="${COMP_WORDS[COMP_CWORD]}" name
    local -a found=()
    mapfile -t found < <("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
    if ((${#found[@]} == 0)); then
        _tenterhook "$@"
        return
    fi
    COMPREPLY=()
    for name in "${found[@]}"; do
        case $current in
            \"* | \'*) [[ $name == *[\"\'\\\$\`]* ]] || COMPREPLY+=("$name") ;;
            *) COMPREPLY+=("$(printf %q "$name")") ;;
        esac
    done
}
complete -F _tenterhook_names -o bashdefault -o default tenterhook"#;
/// The same for zsh, before the end of the script. zsh calls the function that is named like the file, so that is this one,
/// and what stands for it in the script has another name.
const ZSH: &str = r#"_tenterhook() {
    local -a found
    found=("${(@f)$("${words[1]}" __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
    found=("${(@)found:#}")
    if (( ${#found} )); then
        compadd -a found
    else
        _tenterhook_words "$@"
    fi
}

"#;
/// How the function of the script for zsh begins, and how it begins under its other name.
const ZSH_BEGIN: (&str, &str) = ("\n_tenterhook() {\n", "\n_tenterhook_words() {\n");
/// How the end of the script for zsh begins.
const ZSH_END: &str = r#"if [ "$funcstack[1]" = "_tenterhook" ]; then"#;
/// The same for fish, which offers no files where there are names.
const FISH: &str = r#"
function __tenterhook_finds_names
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -g __tenterhook_names ($words[1] __complete fish $words[2..-1] "$current" 2>/dev/null </dev/null)
    test (count $__tenterhook_names) -gt 0
end
complete -c tenterhook -f -n __tenterhook_finds_names -a '$__tenterhook_names'"#;

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
    terminal.line(with_names(args.shell, String::from_utf8_lossy(&script).trim_end()));
}

/// A script that also offers names.
fn with_names(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => format!("{script}\n{BASH}"),
        Shell::Fish => format!("{script}\n{FISH}"),
        Shell::Zsh => match script.rsplit_once(ZSH_END) {
            Some((functions, end)) => {
                format!("{}{ZSH}{ZSH_END}{end}", functions.replacen(ZSH_BEGIN.0, ZSH_BEGIN.1, 1))
            }
            None => script.to_owned(),
        },
        _ => script.to_owned(),
    }
}

/// What a shell may offer, if that is what the command line asks of `command`; silent about all that goes wrong.
pub fn asked(command: impl FnOnce() -> Command) -> Option<Vec<String>> {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let [ask, shell, typed @ ..] = words.as_slice() else { return None };
    if ask != ASK {
        return None;
    }
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return Some(Vec::new()) };
    Some(runtime.block_on(tenterhook_cli::complete(&command(), shell, typed)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_function_that_zsh_calls_asks_for_names_first() {
        let mut script = Vec::new();
        generate(Shell::Zsh, &mut crate::cli::Cli::command(), "tenterhook", &mut script);
        let script = with_names(Shell::Zsh, &String::from_utf8(script).unwrap());
        assert_eq!((script.matches(ZSH_BEGIN.0).count(), script.matches(ZSH_BEGIN.1).count()), (1, 1));
        let (_, end) = script.rsplit_once(ZSH_END).expect("the script ends as it is known to");
        assert!(end.contains("    _tenterhook \"$@\"") && end.contains("compdef _tenterhook tenterhook"), "{end}");
    }
}
