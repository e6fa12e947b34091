//! The real binary, built once for all tests that run it as a process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of the `tenterhook` command, built from the sources as they are now.
pub(crate) fn tenterhook() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

fn build() -> PathBuf {
    let test_binary = std::env::current_exe().expect("a test knows its own path");
    // target/PROFILE/deps/tenterhook_tests-HASH → target/PROFILE
    let profile_folder = test_binary.ancestors().nth(2).expect("tests are built into target/PROFILE/deps");
    let target = profile_folder.parent().expect("a profile's folder stands in target/");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "tenterhook", "--bin", "tenterhook"]);
    cargo.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    // The profile `dev` has a folder with another name.
    if !profile_folder.ends_with("debug") {
        cargo.arg("--profile").arg(profile_folder.file_name().expect("a profile's folder has its name"));
    }
    // What cargo tells a test about its package would reach the build scripts of libraries, which then
    // run again: half of the workspace would be built again, here and at the next build outside.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status().expect("cargo, which built this test, can be run");
    assert!(status.success(), "the tenterhook command builds");
    profile_folder.join("tenterhook")
}

#[test]
fn the_command_is_built_where_tests_look_for_it() {
    assert!(tenterhook().is_file());
}
