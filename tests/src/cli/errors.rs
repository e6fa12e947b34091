//! What goes wrong, and what helps: arguments, names, servers, keys.

use super::{Desk, NOWHERE, finish};
use crate::process::{command, run, stderr, stdout};

/// A call of every verb that is right in itself.
const VERBS: [&[&str]; 29] = [
    &["status"],
    &["watch", "--limit", "1"],
    &["webhook", "list"],
    &["webhook", "show", "x"],
    &["webhook", "create", "x", "--url", "http://127.0.0.1:1/"],
    &["webhook", "edit", "x", "--file", "/dev/null"],
    &["webhook", "delete", "x", "--yes"],
    &["webhook", "pause", "x"],
    &["webhook", "resume", "x"],
    &["webhook", "rotate-key", "x"],
    &["webhook", "revoke-key", "x", "key_x"],
    &["webhook", "preview", "x", "--type", "created"],
    &["webhook", "test", "x"],
    &["delivery", "list"],
    &["delivery", "show", "dlv_x"],
    &["delivery", "retry", "dlv_x"],
    &["delivery", "cancel", "dlv_x"],
    &["delivery", "retry", "--failed", "--dry-run"],
    &["delivery", "cancel", "--webhook", "x", "--dry-run"],
    &["event", "publish", "--type", "created"],
    &["event", "list"],
    &["event", "show", "x"],
    &["event", "explain", "x"],
    &["event", "replay", "x", "--since", "1h", "--dry-run"],
    &["export"],
    &["token", "create", "x"],
    &["token", "list"],
    &["token", "revoke", "x"],
    &["open", "x", "--print"],
];

#[test]
fn without_a_server_every_verb_says_so_at_once_and_what_helps() {
    for verb in VERBS {
        let mut command = command(verb);
        command.env("TENTERHOOK_ADDRESS", format!("127.0.0.1:{NOWHERE}"));
        let shown = finish(command).code(1);
        let shown = shown.warns(&["no server responds at 127.0.0.1:1", "next: ", "tenterhook serve --dev"]);
        assert_eq!(shown.out, "", "{verb:?}");
    }
}

#[test]
fn a_wrong_argument_calls_nothing() {
    for verb in VERBS {
        for wrong in ["--no-such-flag", "--output=xml", "--color=pink", "--time=never"] {
            let mut command = command(&[verb, &[wrong]].concat());
            command.env("TENTERHOOK_ADDRESS", format!("127.0.0.1:{NOWHERE}"));
            let shown = finish(command).code(2);
            assert!(shown.out.is_empty() && !shown.err.contains("no server"), "{verb:?} {wrong}: {shown:?}");
        }
    }
    let wrong: [(&[&str], &str); 9] = [
        (&["delivery", "list", "--status", "700"], "100 to 599"),
        (&["delivery", "list", "--since", "yesterday"], "an age such as 2h"),
        (&["delivery", "list", "--state", "lost"], "in-flight"),
        (&["delivery", "retry"], "nothing says which deliveries"),
        (&["delivery", "retry", "dlv_x", "--failed"], "by id and by flags"),
        (&["event", "publish", "--type", "t", "--attribute", "x"], "NAME=VALUE"),
        (&["webhook", "create", "x", "--url", "u", "--sign", "rot13"], "standard-webhooks"),
        (&["webhook", "create", "x", "--url", "u", "--header", "s3cret"], "NAME: VALUE"),
        (&["status", "--address", "nowhere"], "not host:port"),
    ];
    for (arguments, part) in wrong {
        let shown = finish(command(arguments)).code(2);
        assert!(shown.err.contains(part), "{arguments:?}: {shown:?}");
    }
}

#[test]
fn unknown_names_lead_to_the_list() {
    let desk = Desk::new();
    for verb in VERBS.iter().filter(|verb| verb.iter().any(|word| ["x", "dlv_x"].contains(word)) && verb[1] != "create")
    {
        desk.run(verb).code(1).warns(&["there is no ", "next: `tenterhook ", " list` shows what there is"]);
    }
}

#[test]
fn every_field_at_fault_is_shown_at_once() {
    let desk = Desk::new();
    let file =
        desk.file("bad.yaml", "display_name: ''\nrequest: {url: 'ftp://x', body: '{{ a'}\nretry: {max_attempts: -1}\n");
    let refused = desk.run(&["webhook", "create", "--file", &file]).code(1);
    refused.warns(&[
        "webhook.display_name: ",
        "webhook.request.url: ",
        "webhook.request.body: ",
        "webhook.retry.max_attempts: ",
    ]);
    let file = desk.file("bad.yaml", "request: {uri: x}\nretry: [1]\n");
    desk.run(&["webhook", "create", "--file", &file]).code(2).warns(&["request.uri: is not a field", "retry: must be"]);
}

#[test]
fn a_wrong_key_and_a_wrong_role_are_refused_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["key", "new", "--role", "viewer", "--name", "oncall"]);
    let key = stderr(&made).lines().find(|line| line.starts_with("th_")).unwrap().to_owned();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, stdout(&made)).unwrap();
    let desk = Desk::with(&["--api-keys", keys.to_str().unwrap()]);
    let with = |key: &str, arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env("TENTERHOOK_API_KEY", key);
        finish(command)
    };
    desk.run(&["status"]).code(1).warns(&["TENTERHOOK_API_KEY"]);
    with("th_nonsense", &["webhook", "list"]).code(1).warns(&["TENTERHOOK_API_KEY", "tenterhook context show"]);
    with(&key, &["status", "-o", "table"]).code(0).has(&["you: oncall (viewer, *)"]);
    let create = ["webhook", "create", "x", "--url", "http://127.0.0.1:1/"];
    with(&key, &create).code(1).warns(&["another role or namespace", "tenterhook status"]);
    with(&key, &["event", "publish", "--type", "created"]).code(1).warns(&["another role"]);
}
