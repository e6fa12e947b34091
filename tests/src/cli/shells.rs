//! Completion scripts and manual pages: shells and man take them.

use std::process::{Command, Stdio};

use super::Desk;
use crate::architecture::words::retired;
use crate::process::{run, stderr, stdout};

/// Whether this machine has the program.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("SKIPPED: {program} is not installed");
    }
    is_there
}

#[test]
fn completion_scripts_parse_and_know_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let made = run(&["completion", shell]);
        assert!(made.status.success(), "{}", stderr(&made));
        let script = stdout(&made);
        for word in ["webhook", "rotate-key", "explain", "object-type"] {
            assert!(script.contains(word), "{word} in the script for {shell}");
        }
        let file = folder.path().join(shell);
        std::fs::write(&file, script).unwrap();
        if has(shell) {
            let checked = Command::new(shell).arg("-n").arg(&file).output().unwrap();
            assert!(checked.status.success(), "{shell}: {}", stderr(&checked));
        }
    }
    assert_eq!(run(&["completion", "cmd"]).status.code(), Some(2));
}

#[test]
fn there_is_a_manual_page_for_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["man", folder.path().to_str().unwrap()]);
    assert!(made.status.success(), "{}", stderr(&made));
    let page = std::fs::read_to_string(folder.path().join("tenterhook-webhook-test.1")).unwrap();
    assert!(page.starts_with(".") && page.contains("Exit code 4"), "{page}");
    assert!(folder.path().join("tenterhook.1").is_file());
    let pages: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|page| page.unwrap().path()).collect();
    let bad = |page: &std::path::PathBuf| retired(&page.display().to_string(), &std::fs::read_to_string(page).unwrap());
    let bad: Vec<String> = pages.iter().flat_map(bad).collect();
    assert!(pages.len() >= 50 && bad.is_empty(), "{} pages: {}", pages.len(), bad.join("\n"));
    let nowhere = run(&["man", "/nowhere/at/all"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(stderr(&nowhere).contains("cannot write to /nowhere/at/all"), "{}", stderr(&nowhere));
}

/// Names that a shell could take apart or run.
const NAMES: [&str; 6] = ["orders", "a b", "Größe \"L\"", "$(touch pwned)", "it's", "team:a"];

/// What bash offers for the last of the words of a line, each as the word that it becomes when the line is run.
fn offered(desk: &Desk, line: &str) -> Vec<String> {
    let binary = crate::binary::tenterhook();
    let script = "source \"$SCRIPT\"\nread -ra COMP_WORDS <<<\"$LINE\"\n[[ $LINE == *' ' ]] && COMP_WORDS+=('')\n\
                  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_tenterhook_names tenterhook \"${COMP_WORDS[COMP_CWORD]}\" x\n\
                  for reply in \"${COMPREPLY[@]}\"; do eval \"printf '%s\\0' $reply\"; done\n";
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).current_dir(desk.path()).env("LINE", line);
    bash.env("SCRIPT", desk.file("completion.bash", &stdout(&run(&["completion", "bash"]))));
    bash.env("PATH", format!("{}:/usr/bin:/bin", binary.parent().unwrap().display()));
    bash.env("TENTERHOOK_ADDRESS", &desk.server.api).env("XDG_CONFIG_HOME", desk.path().join("config"));
    let shown = bash.output().unwrap();
    assert_eq!(stderr(&shown), "", "{line}");
    stdout(&shown).split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn bash_offers_names_from_the_server_and_takes_each_back_as_one_word() {
    let desk = Desk::new();
    for name in NAMES {
        desk.create(name, super::NOWHERE);
    }
    let mut offered_names = offered(&desk, "tenterhook webhook show ");
    let by_id = offered_names
        .iter()
        .position(|name| name.starts_with("wh_"))
        .expect("a name that bash would take apart is an id");
    offered_names.remove(by_id);
    offered_names.sort();
    let mut wanted: Vec<&str> = NAMES[..5].to_vec();
    wanted.sort_unstable();
    assert_eq!(offered_names, wanted);
    assert!(!desk.path().join("pwned").exists(), "a name was run");
    assert_eq!(offered(&desk, "tenterhook webhook -o json pause or"), ["orders"]);
    assert_eq!(offered(&desk, "tenterhook watch --webhook a"), ["a b"]);
    let event = desk.publish("created");
    assert_eq!(offered(&desk, "tenterhook event explain "), [event]);
    assert_eq!(offered(&desk, "tenterhook delivery show dlv_").len(), NAMES.len());
    assert_eq!(offered(&desk, "tenterhook status --namespace "), ["default"]);
    desk.run(&["context", "add", "prod", "--address", &desk.server.api]).code(0);
    assert_eq!(offered(&desk, "tenterhook context use "), ["prod"]);
}

/// A shell at a desk, with the script that completes in it.
fn shell(desk: &Desk, shell: &str) -> Command {
    let binary = crate::binary::tenterhook();
    let mut command = Command::new(shell);
    command.current_dir(desk.path()).env("HOME", desk.path()).env("TERM", "dumb").env("LC_ALL", "C.UTF-8");
    command.env("SCRIPT", desk.file("_tenterhook", &stdout(&run(&["completion", shell]))));
    command.env("PATH", format!("{}:/usr/bin:/bin", binary.parent().unwrap().display()));
    command.env("TENTERHOOK_ADDRESS", &desk.server.api).env("XDG_CONFIG_HOME", desk.path().join("config"));
    command
}

/// What fish offers for the last word of a line.
fn fish_offers(desk: &Desk, line: &str) -> Vec<String> {
    let mut fish = shell(desk, "fish");
    fish.args(["--no-config", "-c", "source $SCRIPT; complete -C $LINE"]).env("LINE", line);
    let shown = fish.output().unwrap();
    assert_eq!(stderr(&shown), "", "{line}");
    // What a word is stands behind a tab.
    stdout(&shown).lines().map(|offer| offer.split('\t').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn fish_offers_names_from_the_server_and_what_the_script_knows() {
    if !has("fish") {
        return;
    }
    let desk = Desk::new();
    for name in NAMES {
        desk.create(name, super::NOWHERE);
    }
    let mut offered = fish_offers(&desk, "tenterhook webhook show ");
    offered.sort_unstable();
    let mut wanted = NAMES.to_vec();
    wanted.sort_unstable();
    assert_eq!(offered, wanted, "and no files");
    assert_eq!(fish_offers(&desk, "tenterhook webhook create --method p"), ["patch", "post", "put"]);
    assert_eq!(fish_offers(&desk, "tenterhook -o json webhook pause or"), ["orders"]);
    assert_eq!(fish_offers(&desk, "tenterhook webh"), ["webhook"]);
    assert!(!desk.path().join("pwned").exists(), "a name was run");
}

/// What zsh makes of lines when Tab is pressed at their end: an interactive one, driven through a terminal.
fn zsh_completes(desk: &Desk, lines: &[&str]) -> Vec<String> {
    const DRIVE: &str = r#"
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell 'PS1= PS2= RPS1=; fpath=($HOME $fpath); autoload -Uz compinit; compinit -u -D; setopt no_list_beep'
zpty -w shell 'shown() { print -r -- "<""<$BUFFER>"">"; BUFFER= }; zle -N shown; bindkey "^X" shown; print rea""dy'
zpty -r shell seen '*ready*'
for line in "$@"; do
    zpty -w -n shell "$line"$'\t\x18'
    zpty -r shell seen '*<<*>>*'
    print -r -- "${${seen#*<<}%%>>*}"
done
zpty -d shell
"#;
    let mut zsh = shell(desk, "zsh");
    zsh.args(["-f", "-c", DRIVE, "drive"]).args(lines);
    let shown = zsh.output().unwrap();
    assert_eq!(stderr(&shown), "");
    stdout(&shown).lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn zsh_completes_names_from_the_server_and_what_the_script_knows() {
    if !has("zsh") {
        return;
    }
    let desk = Desk::new();
    for name in NAMES {
        desk.create(name, super::NOWHERE);
    }
    let completed = zsh_completes(
        &desk,
        &[
            "tenterhook webhook show ord",
            "tenterhook webhook show a",
            "tenterhook webhook show it",
            "tenterhook webhook show Gr",
            "tenterhook webhook show '$(t",
            "tenterhook -o json webhook pause te",
            "tenterhook webh",
        ],
    );
    assert_eq!(
        completed,
        [
            "tenterhook webhook show orders",
            r"tenterhook webhook show a\ b",
            r"tenterhook webhook show it\'s",
            r#"tenterhook webhook show Größe\ \"L\""#,
            "tenterhook webhook show '$(touch pwned)'",
            "tenterhook -o json webhook pause team:a",
            "tenterhook webhook",
        ]
    );
    assert!(!desk.path().join("pwned").exists(), "a name was run");
}

#[test]
fn without_a_server_bash_offers_what_the_script_knows() {
    let desk = Desk::new();
    assert!(offered(&desk, "tenterhook webh").contains(&"webhook".to_owned()));
    let asked = |words: &[&str]| run(&[&["__complete", "bash"][..], words].concat());
    for words in
        [&["webhook", "show", "--address", "127.0.0.1:1", ""][..], &["webhook", "show", "--context", "none", ""], &[]]
    {
        let shown = asked(words);
        assert_eq!(
            (shown.status.code(), stdout(&shown), stderr(&shown)),
            (Some(0), String::new(), String::new()),
            "{words:?}"
        );
    }
}
