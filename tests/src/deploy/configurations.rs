//! The configuration files that are shipped, read by the server itself.

use std::path::Path;

use super::read;
use crate::process::{run, stderr, stdout};

/// The settings in the manifests of Kubernetes: the indented block behind `tenterhook.toml: |`.
fn settings_of_the_manifests() -> String {
    let manifests = read("kubernetes/tenterhook.yaml");
    let (_, block) = manifests.split_once("tenterhook.toml: |\n").expect("the manifests hold the configuration");
    let lines = block.lines().take_while(|line| line.starts_with("    ") || line.is_empty());
    lines.map(|line| format!("{}\n", line.trim())).collect()
}

/// Files as an installation has them, in `folder`.
fn install(folder: &Path) {
    let authority = rcgen::generate_simple_self_signed(vec!["hooks.example.com".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.crt"), authority.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), authority.signing_key.serialize_pem()).unwrap();
    let made = stdout(&run(&["key", "new", "--role", "admin", "--name", "platform team"]));
    std::fs::write(folder.join("keys"), made).unwrap();
}

#[test]
fn the_server_takes_every_configuration_that_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    for (name, text) in [("systemd", read("systemd/tenterhook.toml")), ("kubernetes", settings_of_the_manifests())] {
        let here = format!("\"{}/", folder.path().display());
        let text = ["/etc/tenterhook/tls/", "/etc/tenterhook/api-keys/", "/etc/tenterhook/"]
            .iter()
            .fold(text, |text, there| text.replace(&format!("\"{there}"), &here));
        // The check opens the store and binds the ports: here, those of the test.
        let text = text.replace("redb:/var/lib/tenterhook", &format!("redb:{}/data", folder.path().display()));
        let text = text.replace(":50051", ":0").replace(":9464", ":0");
        let file = folder.path().join("tenterhook.toml");
        std::fs::write(&file, &text).unwrap();
        let output = run(&["serve", "--check", "--config", file.to_str().unwrap()]);
        assert!(output.status.success(), "{name}: {}\n{text}", stderr(&output));
        assert!(text.contains(&here), "{name}: its files were found:\n{text}");
    }
}

#[test]
fn every_variable_that_deploy_names_is_a_setting() {
    let help = stdout(&run(&["serve", "--help"]));
    for path in [
        "container/Containerfile",
        "systemd/tenterhook.service",
        "kubernetes/tenterhook.yaml",
        "kubernetes/tenterhook-postgresql.yaml",
    ] {
        for word in read(path).split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            assert!(!word.starts_with("TENTERHOOK_") || help.contains(word), "deploy/{path}: {word}");
        }
    }
}
