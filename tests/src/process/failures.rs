//! Commands that fail: the exit code, and one short error in our own words as the first thing printed.

use std::net::TcpListener;
use std::path::Path;

use super::{command, run, stderr};

/// What no person should read.
const FOREIGN: [&str; 8] = ["(os error", "Os {", "Error(", "Custom {", "transport error", "::", "panicked", "`Err`"];

/// Checks that a command fails with `code` and says `words`.
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let mut command = command(arguments);
    // The tests of other failures have the log at its most talkative.
    let output = command.env("TENTERHOOK_LOG_LEVEL", "info").output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.starts_with("error:"), "{arguments:?}: the error is the first line: {text}");
    let first = text.split("\n\n").next().unwrap_or_default();
    assert!(first.chars().count() <= 300 + arguments.join(" ").len(), "{arguments:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no `{word}` in {text}");
    }
    let foreign: Vec<_> = FOREIGN.into_iter().filter(|foreign| text.contains(foreign)).collect();
    assert!(foreign.is_empty(), "{arguments:?}: {foreign:?} in {text}");
}

#[test]
fn every_command_that_fails_says_so_by_exit_code_and_in_few_words() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (taken, port) = (address.to_string(), address.port().to_string());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (none, file) = (format!("redb:{}", path("none")), path("file"));
    std::fs::write(&file, "no export, no template: {{").unwrap();
    fails(&["serve", "--dev", "--listen", &taken, "--store", "memory:"], 1, &[&taken, "--listen"]);
    fails(
        &["serve", "--dev", "--ops-listen", &taken, "--store", "memory:", "--listen", "127.0.0.1:0"],
        1,
        &[&taken, "--ops-listen"],
    );
    fails(&["serve", "--retention", "soon"], 2, &["--retention", "7d"]);
    fails(&["serve", "--config", &file], 2, &["line 1 is not TOML"]);
    fails(&["listen", "--port", &port], 1, &[&taken, "--port"]);
    fails(&["listen", "--status", "9"], 2, &["is not a status"]);
    fails(&["render", &path("none.j2")], 1, &["cannot read", "no such file"]);
    fails(&["render", &file], 1, &["file:1:"]);
    fails(&["render", &file, "--context", &file], 1, &["is not valid JSON at line 1, column 1"]);
    fails(&["key", "new", "--role", "boss"], 2, &["[possible values: admin, publisher, viewer, operator]"]);
    for action in ["check", "compact"] {
        fails(&["store", action, "--store", &none], 1, &["there is no store"]);
    }
    fails(&["store", "check", "--search", "x", "--store", &none], 1, &["there is no store"]);
    fails(&["store", "export", "--store", &none], 1, &["there is no store"]);
    fails(&["store", "export", "--salvage", "--store", &none], 1, &["there is no store"]);
    fails(&["store", "import", &file, "--store", &none], 1, &["no export"]);
    fails(&["store", "import", &path("nothing"), "--store", &none], 1, &["cannot read", "no such file"]);
    fails(&["bench", "--only", "nothing of that name"], 1, &["nothing of that name"]);
}

#[test]
fn a_demo_without_a_folder_for_its_store_fails_in_words() {
    let output = command(&["demo"]).env("TMPDIR", "/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "error: cannot make a folder for the store: no such file or directory\n");
}

#[test]
fn a_start_that_fails_prints_its_error_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    // Nobody listens at the collector, and nothing was measured that it should get.
    let arguments = ["serve", "--dev", "--listen", &address, "--store", "memory:"];
    let arguments = [&arguments[..], &["--ops-listen", "off", "--otlp-endpoint", "http://127.0.0.1:9"]].concat();
    let output = command(&arguments).env("TENTERHOOK_LOG_LEVEL", "info").output().unwrap();
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
}

/// A server configuration in which everything that `serve` refuses is wrong at once.
fn broken(folder: &Path) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(path("cut.pem"), "-----BEGIN CERTIFICATE-----\nMII").unwrap();
    std::fs::write(path("junk.key"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    format!(
        "api-keys = '{0}'\ntls-cert = '{1}'\ntls-key = '{2}'\nclient-ca = '{1}'\nstore = 'redb:{0}'\n\
         otlp-endpoint = 'collector:4317'\n",
        path("empty"),
        path("cut.pem"),
        path("junk.key")
    )
}

#[test]
fn check_finds_everything_that_a_start_refuses_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenterhook.toml");
    std::fs::write(&file, broken(folder.path())).unwrap();
    let taken = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [api, ops] = taken.each_ref().map(|listener| listener.local_addr().unwrap().to_string());
    let arguments = ["serve", "--check", "--config", file.to_str().unwrap(), "--listen", &api, "--ops-listen", &ops];
    let output = run(&[&arguments[..], &["--source-address", "192.0.2.1"]].concat());
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in [
        "api-keys in",
        "lists no keys",
        "tls-cert in",
        "client-ca in",
        "damaged certificate",
        "--listen: cannot listen on",
        "--ops-listen: cannot listen on",
        "--source-address: this machine does not have the address 192.0.2.1",
        "store in",
        "otlp-endpoint in",
        "is not the URL of a collector",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("(os error"), "{text}");
}

#[test]
fn check_tries_the_store_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let check = |store: &str| {
        let arguments = ["serve", "--check", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off"];
        let output = run(&[&arguments[..], &["--store", store]].concat());
        (output.status.code(), stderr(&output))
    };
    std::fs::write(path("file"), "").unwrap();
    for (store, words) in [
        ("redb:/proc/nope".to_owned(), "no such file or directory"),
        (format!("redb:{}", path("file")), "is not a directory"),
        (format!("sled:{}", path("file/below")), "not a directory"),
    ] {
        let (code, text) = check(&store);
        assert_eq!(code, Some(2), "{store}: {text}");
        assert!(text.contains("--store: ") && text.contains(words), "{store}: {text}");
    }
    assert_eq!(check(&format!("redb:{}", path("new/store"))).0, Some(0));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["file"], "what the check made is gone");
}

#[test]
fn check_knows_a_store_whose_key_is_missing_or_another() {
    let folder = tempfile::tempdir().unwrap();
    let server = super::serve::start(folder.path(), &["--dev"]);
    let store = format!("redb:{}", folder.path().join("data").display());
    let arguments = ["--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--store", &store];
    let check = || {
        let output = run(&[&["serve", "--check"], &arguments[..]].concat());
        (output.status.code(), stderr(&output))
    };
    let (code, text) = check();
    assert!(code == Some(2) && text.contains("in use"), "{text}");
    server.running.signal("TERM");
    server.running.wait();
    assert_eq!(check().0, Some(0));
    let key = folder.path().join("data/sealing.key");
    let right = std::fs::read_to_string(&key).unwrap();
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    assert!(check().1.contains("another sealing key"));
    std::fs::remove_file(&key).unwrap();
    assert!(check().1.contains("sealing key"));
    let output = run(&[&["serve"], &arguments[..]].concat());
    assert!(stderr(&output).contains("is missing; restore it"), "{}", stderr(&output));
    assert!(!key.exists(), "no new key stands where the right one has to go");
    std::fs::write(&key, right).unwrap();
    assert_eq!(check().0, Some(0));
}
