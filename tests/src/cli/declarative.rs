//! Webhooks as files: export, diff and apply.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use serde_json::json;

use super::{Desk, finish};

/// Two webhooks of a team.
const HOOKS: &str = "display_name: orders
request: {url: 'http://127.0.0.1:1/a', headers: [{name: X-A, value: one}]}
labels: {managed-by: git}
---
display_name: slack
request: {url: 'http://127.0.0.1:1/b'}
retry: {max_attempts: 4, schedule: {waits: [1s, 2s]}}
labels: {managed-by: git}
";

/// A webhook with every field that people write.
const EVERYTHING: &str = r#"
display_name: everything
description: "all of it: \"quoted\" #1"
disabled: true
rules:
  - display_name: first
    event_types: [created, "dcim.*"]
    object_types: [dcim.site]
    attributes: {region: eu}
    conditions: {structured: {and: [{attr: status.value, value: active}]}}
    expression: "data.id > 3"
    disabled: true
request:
  url: "https://shop.example.com/{{ data.id }}"
  allowed_hosts: [shop.example.com]
  method: PUT
  content_type: application/json
  additional_headers: "X-B: {{ event }}"
  headers: [{name: X-A, value: "{{ data.name }}"}, {name: Authorization, value: secret-of-nobody, sensitive: true}]
  body: |
    {
      "id": {{ data.id }}
    }
  undefined_behavior: STRICT
signing: {schemes: [NETBOX, STANDARD_WEBHOOKS]}
retry: {max_attempts: 4, max_age: 3600s, exponential: {initial: 1s, max: 60s, multiplier: 2.5}, jitter: 0.5, permanent_statuses: [404]}
circuit_breaker: {failures_to_open: 3, initial_open: 10s, max_open: 600s, suspend_after: 86400s}
rate_limit: {requests_per_second: 2.5, burst: 3, max_in_flight: 4}
transport: {attempt_timeout: 20s}
labels: {team: a, "no": "yes"}
"#;

#[test]
fn apply_makes_what_the_files_say_once() {
    let desk = Desk::new();
    let file = desk.file("hooks.yaml", HOOKS);
    desk.people(80, &["diff", "-f", &file]).code(3).has(&["+ orders", "+ slack", "2 changes. Nothing was changed."]);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "");
    assert_eq!(desk.run(&["apply", "-f", &file]).code(0).json()["changes"].as_array().unwrap().len(), 2);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "orders\nslack\n");
    assert_eq!(desk.run(&["apply", "-f", &file]).code(0).json()["changes"].as_array().unwrap().len(), 0);
    desk.people(80, &["diff", "-f", &file]).code(0).has(&["0 changes"]);
    let changed = desk.file("hooks.yaml", &HOOKS.replace("1:1/a", "1:1/c"));
    desk.people(80, &["apply", "-f", &changed, "--dry-run"])
        .code(3)
        .has(&["~ orders  request.url  http://127.0.0.1:1/a -> http://127.0.0.1:1/c"]);
    desk.run(&["apply", "-f", &changed]).code(0);
    assert_eq!(desk.run(&["webhook", "show", "orders"]).json()["request"]["url"], "http://127.0.0.1:1/c");
}

#[test]
fn only_what_belongs_to_the_files_is_pruned() {
    let desk = Desk::new();
    let file = desk.file("hooks.yaml", HOOKS);
    desk.run(&["apply", "-f", &file]).code(0);
    desk.create("by-hand", 1);
    let half = desk.file("half.yaml", HOOKS.split("---").next().unwrap());
    desk.people(80, &["diff", "-f", &half]).code(0).has(&["? slack", "--prune would delete it", "0 changes"]);
    desk.run(&["apply", "-f", &half, "--prune"]).code(2).warns(&["1 of them deleted", "--yes"]);
    desk.run(&["apply", "-f", &half, "--prune", "--yes"]).code(0);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "orders\nby-hand\n");
}

#[test]
fn an_export_applied_changes_nothing_whatever_is_set() {
    let desk = Desk::new();
    let file = desk.file("everything.yaml", EVERYTHING);
    desk.run(&["apply", "-f", &file]).code(0);
    let again = desk.run(&["apply", "-f", &file, "-o", "table"]).code(0).out;
    assert!(again.starts_with("0 changes.\nSecrets of 1 webhook were not compared"), "{again}");
    let exported = desk.run(&["export"]).code(0).out;
    assert!(!exported.contains("secret-of-nobody") && exported.contains("expression: \"data.id > 3\""), "{exported}");
    let file = desk.file("exported.yaml", &exported);
    assert_eq!(desk.run(&["diff", "-f", &file, "-o", "table"]).code(0).out, "0 changes. Nothing was changed.\n");
    let folder = desk.path().join("hooks");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    desk.run(&["export", "--dir", folder]).code(0);
    desk.run(&["diff", "-f", folder]).code(0);
    // And into an empty server.
    let other = Desk::new();
    other.run(&["apply", "-f", folder]).code(1).warns(&["everything.yaml:", ": request.headers[1]"]);
}

#[test]
fn every_error_of_every_file_is_shown_and_nothing_is_changed() {
    let desk = Desk::new();
    let bad = desk
        .file("bad.yaml", "display_name: a\nrequest: {uri: x}\n---\ndisplay_name: b\nretry: 3\n---\ndisplay_name: b\n");
    let shown = desk.run(&["apply", "-f", &bad]).code(2);
    shown.warns(&["bad.yaml:2: request.uri: is not a field", "bad.yaml:5: retry: must be"]);
    for (text, why) in [
        ("display_name: a\nrequest:\n\turl: x\n", "broken.yaml:3: is indented with a tab"),
        ("display_name: a\ndisplay_name: b\n", "broken.yaml:2: display_name is there already"),
        ("request: *x\n", "broken.yaml:1: refers to an anchor"),
        ("request: {url: x\n", "broken.yaml"),
    ] {
        let broken = desk.file("broken.yaml", text);
        // One that cannot be read hides no error of the others.
        desk.run(&["diff", "-f", &broken, "-f", &bad]).code(2).warns(&[why, "bad.yaml:2: request.uri"]);
    }
    let refused = desk
        .file("bad.yaml", &format!("{HOOKS}---\ndisplay_name: c\nrequest: {{url: 'ftp://x'}}\n---\ndisplay_name: d\n"));
    let shown = desk.run(&["apply", "-f", &refused]).code(1);
    let first = HOOKS.lines().count() + 1;
    let (url, request) = (format!("bad.yaml:{}: request.url: ", first + 2), format!("bad.yaml:{}: request", first + 4));
    shown.warns(&["nothing was changed", &url, &request]);
    let empty = desk.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = desk.run(&["apply", "--prune", "-f", empty.to_str().unwrap()]).code(2);
    empty.warns(&["has no file that ends in .yaml, .yml or .json"]);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "");
    for verb in ["diff", "apply"] {
        desk.run(&[verb]).code(2).warns(&["--file"]);
        let away = desk.run(&[verb, "-f", &refused, "--address", "127.0.0.1:1"]).code(1);
        away.warns(&["no server responds at 127.0.0.1:1"]);
    }
    desk.run(&["diff", "-f", "/nowhere.yaml"]).code(2).warns(&["cannot read /nowhere.yaml: no such file or directory"]);
}

/// The first is asked whether it may go on, and the second is done before it answers.
#[test]
fn of_two_at_once_one_is_refused_and_says_so() {
    let desk = Desk::new();
    let file = desk.file("hooks.yaml", HOOKS);
    desk.run(&["apply", "-f", &file]).code(0);
    desk.run(&["context", "add", "careful", "--confirm"]).code(0);
    let (mine, yours) = (
        desk.file("mine.yaml", &HOOKS.replace("1/a", "1/mine")),
        desk.file("yours.yaml", &HOOKS.replace("1/a", "1/yours")),
    );
    // `script` gives it a terminal to ask on.
    let binary = crate::binary::tenterhook().display();
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &format!("{binary} apply -f {mine} --context careful"), "/dev/null"]);
    script.envs(desk.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut first) = script.spawn() else {
        eprintln!("SKIPPED: script is not installed");
        return;
    };
    let (mut output, mut shown) = (first.stdout.take().unwrap(), Vec::new());
    while !shown.ends_with(b"[y/N] ") {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
        shown.extend(byte);
    }
    desk.run(&["apply", "-f", &yours]).code(0);
    first.stdin.as_mut().unwrap().write_all(b"y\n").unwrap();
    output.read_to_end(&mut shown).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(1));
    let shown = String::from_utf8_lossy(&shown);
    for part in ["Change 1 webhook?", "someone else changed it", "0 of 1 changes were made"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(desk.run(&["webhook", "show", "orders"]).json()["request"]["url"], "http://127.0.0.1:1/yours");
}

#[test]
fn a_webhook_is_created_from_a_file_that_apply_takes() {
    let desk = Desk::new();
    let secret = crate::canary::mark::signing("created");
    desk.file("secret", &format!("{secret}\n"));
    let text = "display_name: orders\nrequest: {url: 'http://127.0.0.1:1/', headers: [{name: X-Key, value: {file: secret}}]}\n\
                signing_secret: {file: secret}\n";
    let file = desk.file("orders.yaml", text);
    let created = desk.run(&["webhook", "create", "-f", &file]).code(0);
    assert!(!created.out.contains("signing_secret") && !created.out.contains(&secret), "{created:?}");
    desk.run(&["diff", "-f", &file]).code(0);
    let rotated = desk.run(&[
        "webhook",
        "rotate-key",
        "orders",
        "--secret-file",
        &desk.path().join("secret").display().to_string(),
    ]);
    assert!(rotated.code == 0 && !rotated.out.contains(&secret), "{rotated:?}");
    let two = desk.file("two.yaml", &format!("{text}---\ndisplay_name: other\n"));
    desk.run(&["webhook", "create", "-f", &two]).code(2).warns(&["has 2 webhooks", "tenterhook apply -f"]);
    let wrong = desk.file("wrong.yaml", "display_name: w\nsigning_secret: {env: NOWHERE_SET}\nx: 1\n");
    desk.run(&["webhook", "create", "-f", &wrong])
        .code(2)
        .warns(&["wrong.yaml:2: signing_secret: $NOWHERE_SET is not set", "x: is not a field"]);
}

#[test]
fn secrets_by_reference_are_sent_and_never_shown() {
    let desk = Desk::new();
    let token = crate::canary::mark::hidden("cli-reference");
    let file =
        "display_name: orders\nrequest: {url: 'http://127.0.0.1:1/', headers: [{name: X-Auth, value: {env: TOKEN}}]}\n";
    let file = desk.file("orders.yaml", file);
    desk.run(&["apply", "-f", &file]).code(2).warns(&["request.headers[0].value: $TOKEN is not set"]);
    let with = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env("TOKEN", &token);
        finish(command)
    };
    for arguments in
        [&["diff", "-f", &file][..], &["apply", "-f", &file], &["apply", "-f", &file, "--secrets"], &["export"]]
    {
        let shown = with(arguments);
        assert!(shown.code != 1 && !shown.out.contains(&token) && !shown.err.contains(&token), "{shown:?}");
    }
    let preview = desk.run(&["webhook", "preview", "orders", "--type", "created"]).code(0).json();
    let header = preview["request"]["headers"].as_array().unwrap().iter().find(|header| header["name"] == "X-Auth");
    assert_eq!(header.unwrap()["value"], "***");
    let unseen = "Secrets of 1 webhook were not compared, as none is shown; --secrets sends them again.\n";
    assert_eq!(with(&["apply", "-f", &file, "-o", "table"]).code(0).out, format!("0 changes.\n{unseen}"));
    let diff = with(&["diff", "-f", &file]).code(0).json();
    assert_eq!(diff["not_compared"], json!({"secrets": ["orders"], "signing_secrets": []}), "{diff:#}");
}

#[test]
fn secrets_of_every_field_are_sent_again_on_demand() {
    let desk = Desk::new();
    let file = |password: &str| {
        let text = format!(
            "display_name: orders\nrequest: {{url: 'http://127.0.0.1:1/'}}\n\
             authentication: {{basic: {{username: u, password: {password}}}}}\n"
        );
        desk.file("orders.yaml", &text)
    };
    desk.run(&["apply", "-f", &file("first")]).code(0);
    let etag = || desk.run(&["webhook", "show", "orders"]).code(0).json()["etag"].clone();
    let before = etag();
    let diff = desk.run(&["diff", "-f", &file("second")]).code(0).json();
    assert_eq!((&diff["changes"], &diff["not_compared"]["secrets"]), (&json!([]), &json!(["orders"])), "{diff:#}");
    desk.run(&["diff", "-f", &file("second"), "--secrets"]).code(3);
    assert_eq!(etag(), before);
    desk.run(&["apply", "-f", &file("second"), "--secrets"]).code(0);
    assert_ne!(etag(), before, "the password was sent");
}
