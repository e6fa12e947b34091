//! What the lock file says about the crates that must stay pure.

use std::collections::{BTreeMap, BTreeSet};

use super::tree;

/// Crates that know no async runtime, so that their rules can be tested by themselves.
const PURE: [&str; 5] =
    ["tenterhook-model", "tenterhook-jinja", "tenterhook-pattern", "tenterhook-engine", "tenterhook-policy"];
/// What "an async runtime" means here.
const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "async-executor"];
/// Packages in the lock file, ours included; more want a reason.
const PACKAGES_MAX: usize = 400;

fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let lock: toml::Table = tree::read("Cargo.lock").parse().expect("Cargo.lock is TOML");
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("Cargo.lock lists packages") {
        let name = package["name"].as_str().expect("a package has a name").to_owned();
        let dependencies = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        // A dependency is written `name`, or `name version` where several versions are locked.
        let names = dependencies.filter_map(|d| d.as_str()?.split(' ').next().map(str::to_owned));
        packages.entry(name).or_default().extend(names);
    }
    packages
}

fn reachable(from: &str, packages: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(name) = next.pop() {
        if seen.insert(name.clone()) {
            next.extend(packages.get(&name).into_iter().flatten().cloned());
        }
    }
    seen
}

#[test]
fn pure_crates_have_no_runtime_in_their_tree() {
    let packages = packages();
    for name in PURE {
        let tree = reachable(name, &packages);
        assert!(tree.len() > 1, "{name} is in the lock file");
        for runtime in RUNTIMES {
            assert!(!tree.contains(runtime), "{name} must not depend on {runtime}, not even for its tests");
        }
    }
}

#[test]
fn the_lock_file_stays_small() {
    let count = packages().len();
    assert!(count <= PACKAGES_MAX, "{count} packages are locked; at most {PACKAGES_MAX}");
}
