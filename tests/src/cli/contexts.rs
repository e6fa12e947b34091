//! Contexts: servers by name, and keys that are nowhere to be seen.

use std::os::unix::fs::PermissionsExt as _;

use super::{Desk, NOWHERE, finish};
use crate::process::end_to_end::{authority, issue};
use crate::process::{run, stderr, stdout};

#[test]
fn a_context_leads_to_its_server_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["key", "new", "--role", "admin", "--name", "me"]);
    let key = stderr(&made).lines().find(|line| line.starts_with("th_")).unwrap().to_owned();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, stdout(&made)).unwrap();
    let desk = Desk::with(&["--api-keys", keys.to_str().unwrap(), "--allow-network", "127.0.0.1/32"]);
    let key_file = desk.file("key", &format!("{key}\n"));
    let bare = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env_remove("TENTERHOOK_ADDRESS");
        finish(command)
    };
    desk.run(&["context", "add", "file", "--key-file", &key_file, "--namespace", "team-a"]).code(0);
    desk.run(&["context", "add", "command", "--key-command", &format!("cat '{key_file}'"), "--confirm"]).code(0);
    desk.run(&["context", "add", "away", "--address", &format!("127.0.0.1:{NOWHERE}")]).code(0);
    assert_eq!(bare(&["context", "list", "-o", "name"]).code(0).out, "away\ncommand\nfile\n");
    bare(&["status", "-o", "table"]).code(0).has(&["file  127.0.0.1:", "namespace team-a", "you: me (admin, *)"]);
    let status = bare(&["status"]).code(0).json();
    assert!(status["server"]["version"].is_string() && status["server"].get("limits").is_none(), "{status}");
    bare(&["status", "-o", "table", "--context", "command"]).code(0).has(&["command  127.0.0.1:"]);
    bare(&["status", "--context", "away"]).code(1);
    bare(&["status", "--context", "nope"]).code(2).warns(&["no context nope", "tenterhook context list"]);
    // An address alone takes no key of another server along.
    desk.run(&["status"]).code(1).warns(&["TENTERHOOK_API_KEY"]);
    let create = ["webhook", "create", "x", "--url", "http://127.0.0.1:1/", "--context", "command"];
    bare(&create).code(2).warns(&["Create the webhook x?", "--yes"]);
    bare(&[&create[..], &["--yes"]].concat()).code(0);
    bare(&["context", "use", "command"]).code(0);
    let shown = bare(&["context", "show", "-o", "table"]).code(0).has(&["command", "asks before every write"]);
    assert!(!shown.out.contains(&key));
    bare(&["context", "remove", "command"]).code(0);
    bare(&["context", "show"]).code(2).warns(&["no context is in use"]);
}

#[test]
fn contexts_that_others_can_read_are_refused() {
    let desk = Desk::new();
    desk.run(&["context", "add", "here"]).code(0);
    let file = desk.path().join("config/tenterhook/config.toml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    desk.run(&["context", "list"]).code(2).warns(&["can be read by others", "chmod 600"]);
    desk.run(&["status", "--context", "here"]).code(2).warns(&["chmod 600"]);
}

#[test]
fn a_key_command_that_fails_is_an_error_and_calls_nothing() {
    let desk = Desk::new();
    desk.run(&["context", "add", "here", "--key-command", "echo th_half; exit 3"]).code(0);
    let shown = desk.run(&["status", "--context", "here"]).code(2).warns(&["the key-command of the context failed"]);
    assert!(!shown.err.contains("th_half"));
}

#[test]
fn a_certificate_and_a_key_file_open_a_server_as_a_key_does() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority();
    let (certificate, key) = issue(&authority);
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let made = run(&["key", "new", "--role", "admin", "--name", "me"]);
    let api_key = stderr(&made).lines().find(|line| line.starts_with("th_")).unwrap().to_owned();
    let keys = path("keys", &format!("{}san:localhost viewer *\n", stdout(&made)));
    let (ca, certificate) = (path("ca.pem", &authority.pem()), path("tls.crt", &certificate.pem()));
    let private_key = path("tls.key", &key.serialize_pem());
    let flags = ["--tls-cert", &certificate, "--tls-key", &private_key, "--client-ca", &ca, "--api-keys", &keys];
    let mut desk = Desk::with(&flags);
    desk.server.running.hides(api_key.as_bytes());
    desk.server.running.hides(key.serialize_der());
    let with_certificate = ["--ca", &ca, "--client-cert", &certificate, "--client-key", &private_key];
    let shown = desk.run(&[&["context", "add", "mtls"], &with_certificate[..]].concat()).code(0);
    assert_eq!(shown.err, "");
    let mut status = desk.command(&["status", "--context", "mtls", "-o", "table"]);
    status.env_remove("TENTERHOOK_ADDRESS");
    finish(status).code(0).has(&["mtls  127.0.0.1:", "viewer, *"]);
    desk.run(&["status", "--ca", &ca, "--client-cert", &certificate]).code(2).warns(&["--client-key FILE"]);
    desk.run(&["status", "--ca", &ca]).code(1).warns(&["TENTERHOOK_API_KEY"]);
    let mut status = desk.command(&["status", "--ca", &ca, "-o", "table"]);
    status.env("TENTERHOOK_API_KEY_FILE", path("key", &format!("{api_key}\n")));
    finish(status).code(0).has(&["you: me (admin, *)"]);
}
