//! Help, versions, faults in arguments and configuration, keys.

use super::{command, run, stderr, stdout};

const COMMANDS: [&str; 19] = [
    "serve",
    "demo",
    "listen",
    "render",
    "key",
    "store",
    "bench",
    "healthcheck",
    "status",
    "watch",
    "webhook",
    "delivery",
    "event",
    "context",
    "export",
    "diff",
    "apply",
    "completion",
    "man",
];

#[test]
fn help_names_every_command_and_where_to_start() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let text = stdout(&output);
    for name in COMMANDS {
        assert!(text.contains(&format!("\n  {name} ")), "{name} in\n{text}");
    }
    assert!(text.contains("Start here:"), "{text}");
    assert!(!text.contains("render-worker"), "what is internal is not shown");
}

#[test]
fn every_command_has_a_short_and_a_long_help_within_110_columns() {
    for name in COMMANDS {
        for flag in ["-h", "--help"] {
            let output = run(&[name, flag]);
            assert!(output.status.success(), "{name} {flag}");
            let text = stdout(&output);
            let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 110).collect();
            assert!(long.is_empty(), "{name} {flag}: {long:?}");
        }
    }
}

#[test]
fn the_help_of_serve_tells_flags_environment_and_defaults() {
    let text = stdout(&run(&["serve", "--help"]));
    for part in
        ["--retention <DURATION>", "TENTERHOOK_RETENTION", "[default: 7d]", "--allow-network <CIDR>", "Where it sends:"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn without_arguments_the_help_is_shown_and_the_exit_code_says_so() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Start here:"));
}

#[test]
fn the_version_is_the_same_for_every_command() {
    let version = stdout(&run(&["--version"]));
    assert!(version.starts_with("tenterhook 0."), "{version}");
}

#[test]
fn every_fault_of_the_configuration_is_told_with_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenterhook.toml");
    std::fs::write(&file, "retention = \"soon\"\nlisten = \"127.0.0.1:1\"\ncolour = 1\n").unwrap();
    let mut serve = command(&["serve", "--max-in-flight", "none", "--config", file.to_str().unwrap()]);
    let output = serve.env("TENTERHOOK_STORE", "paper:").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    for part in [
        "4 configuration errors",
        "--max-in-flight: `none`",
        "TENTERHOOK_STORE: `paper:`",
        "retention in ",
        "colour in ",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenterhook.toml");
    std::fs::write(&file, "retention = \"wrong in the file\"\n").unwrap();
    let check = |flag: &[&str], environment: &str| {
        let mut arguments = vec!["serve", "--check", "--config", file.to_str().unwrap()];
        arguments.extend(flag);
        stderr(&command(&arguments).env("TENTERHOOK_RETENTION", environment).output().unwrap())
    };
    assert!(check(&[], "").contains("wrong in the file"), "an empty variable is not set");
    assert!(check(&[], "wrong in the environment").contains("wrong in the environment"));
    assert_eq!(check(&["--retention", "2d"], "wrong in the environment"), "");
}

#[test]
fn check_refuses_the_files_that_a_start_does() {
    let folder = tempfile::tempdir().unwrap();
    let (here, store) = (folder.path().display().to_string(), format!("redb:{}/data", folder.path().display()));
    let missing = format!("{here}/missing/file");
    let quiet = ["--listen", "127.0.0.1:0", "--ops-listen", "off"];
    let cases: [(Vec<&str>, &str); 3] = [
        ([&quiet[..], &["--audit-log", &here]].concat(), "--audit-log"),
        ([&quiet[..], &["--audit-log", &missing]].concat(), "--audit-log"),
        ([&quiet[..], &["--bootstrap-key", "--api-keys", &missing]].concat(), "missing/file"),
    ];
    for (flags, why) in cases {
        for check in [&["--check"][..], &[]] {
            let output = run(&[&["serve", "--store", &store][..], &flags, check].concat());
            let text = stderr(&output);
            assert!(!output.status.success() && text.contains(why), "{flags:?}: {text}");
        }
    }
    assert!(!folder.path().join("missing").exists() && !folder.path().join("data").exists(), "nothing is left");
}

#[test]
fn roots_that_would_be_waited_for_are_refused() {
    for arguments in [&["serve", "--check", "--dev"][..], &["status"], &["listen"]] {
        let output = command(arguments).env("SSL_CERT_FILE", "/dev/zero").output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains("SSL_CERT_FILE: cannot read /dev/zero: it is not a file"), "{text}");
        assert!(text.contains("or unset the variable"), "{text}");
    }
}

#[test]
fn check_reads_everything_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("redb:{}", folder.path().join("data").display());
    let output = run(&["serve", "--check", "--store", &store]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "The configuration is fine.\n");
    assert!(!folder.path().join("data").exists());
}

#[test]
fn an_open_address_is_refused_with_the_way_out() {
    let text = stderr(&run(&["serve", "--listen", "0.0.0.0:0"]));
    for part in ["--api-keys", "--client-ca", "--tls-cert", "--insecure"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn a_new_key_leaves_only_its_line_in_a_pipe() {
    let output = run(&["key", "new", "--role", "publisher", "--namespace", "team-a", "--name", "billing"]);
    assert!(output.status.success());
    let (text, told) = (stdout(&output), stderr(&output));
    let key = told.lines().find(|line| line.starts_with("th_")).expect("a key");
    assert!(key.len() > 40 && !key.contains(' '));
    let last = text.strip_suffix('\n').unwrap();
    assert!(!last.contains('\n'), "{text}");
    assert!(last.starts_with("sha256:") && last.ends_with(" publisher team-a billing"), "{last}");
    assert!(!last.contains(&key[3..]), "the file keeps a hash only");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, format!("# keys\n{last}\n")).unwrap();
    assert!(run(&["serve", "--check", "--api-keys", file.to_str().unwrap()]).status.success());
    std::fs::write(&file, "nonsense\n").unwrap();
    let text = stderr(&run(&["serve", "--check", "--api-keys", file.to_str().unwrap()]));
    assert!(text.contains("--api-keys") && text.contains("line 1"), "{text}");
}

#[test]
fn a_key_that_is_appended_to_its_file_is_alone_in_the_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "# ours").unwrap();
    for count in [1, 2] {
        let output =
            run(&["key", "new", "--role", "admin", "--until", "2099-12-31", "--append", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stderr(&output));
        let key = stdout(&output);
        assert!(key.starts_with("th_") && key.trim_end().len() > 40 && key.lines().count() == 1, "{key}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().filter(|line| line.ends_with(" admin * until=2099-12-31")).count(), count, "{text}");
    }
    assert!(run(&["serve", "--check", "--api-keys", file.to_str().unwrap()]).status.success());
}

#[test]
fn an_unknown_role_names_the_known_ones() {
    let output = run(&["key", "new", "--role", "boss"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("[possible values: admin, publisher, viewer, operator]"));
}
