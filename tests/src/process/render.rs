//! `tenterhook render` from files and by lines.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use super::{command, run, stderr, stdout};

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

#[test]
fn the_slack_template_of_the_netbox_documentation_renders() {
    let files = Files::new();
    let template =
        files.with("slack.j2", r#"{"text": "IP address {{ data['address'] }} was created by {{ username }}!"}"#);
    let context = files.with("context.json", r#"{"data": {"address": "192.0.2.1/24"}, "username": "jstretch"}"#);
    let output = run(&["render", &template, "--context", &context]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), r#"{"text": "IP address 192.0.2.1/24 was created by jstretch!"}"#);
}

#[test]
fn a_fault_shows_its_line_with_a_caret() {
    let files = Files::new();
    let template = files.with("broken.j2", "first\n  {{ data.name | nonsense }}\n");
    let output = run(&["render", &template]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("broken.j2:2:"), "{text}");
    let caret = text.lines().position(|line| line.trim() == "^").expect("a caret");
    let lines: Vec<&str> = text.lines().collect();
    let column = lines[caret].find('^').unwrap();
    assert!(lines[caret - 1].contains("{{ data.name | nonsense }}"), "{text}");
    assert!(column > lines[caret - 1].find("{{").unwrap(), "the caret stands below the fault:\n{text}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let text = stderr(&run(&["render", "/nowhere/template.j2"]));
    assert!(text.contains("cannot read /nowhere/template.j2"), "{text}");
    let files = Files::new();
    let (template, context) = (files.with("t.j2", "x"), files.with("c.json", "[1]"));
    let text = stderr(&run(&["render", &template, "--context", &context]));
    assert!(text.contains("c.json"), "{text}");
}

#[test]
fn lines_are_answered_one_by_one() {
    let mut child = command(&["render", "--jsonl"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = "{\"template\": \"{{ x | tojson }}\", \"context\": {\"x\": {\"b\": 1, \"a\": \"<\"}}}\n{\"template\": \"{% if %}\"}\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = stdout(&output);
    let answers: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["output"], r#"{"a": "\u003c", "b": 1}"#);
    assert_eq!(answers[1]["line"], 1);
    assert!(answers[1]["error"].as_str().is_some_and(|error| !error.is_empty()));
}
