//! Completion scripts and manual pages: shells and man take them.

use std::process::{Command, Stdio};

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
    let nowhere = run(&["man", "/nowhere/at/all"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(stderr(&nowhere).contains("cannot write to /nowhere/at/all"), "{}", stderr(&nowhere));
}
