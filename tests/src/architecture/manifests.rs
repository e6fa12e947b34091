//! Which crate may use which: every arrow that is not listed here is forbidden.

use std::collections::{BTreeMap, BTreeSet};

use super::tree;

/// The crates and the crates of ours that each may use.
const ARROWS: [(&str, &[&str]); 24] = [
    ("proto", &[]),
    ("model", &[]),
    ("fixtures", &["model"]),
    ("pattern", &["model"]),
    ("jinja", &["model"]),
    ("engine", &["jinja", "model", "pattern"]),
    ("policy", &["model"]),
    ("store", &["model"]),
    ("deliver", &["model"]),
    ("attempt", &["engine", "model"]),
    ("dispatch", &["attempt", "engine", "model", "policy", "store"]),
    ("fleet", &["attempt", "engine", "model", "store"]),
    ("cage", &["engine", "jinja", "model"]),
    ("intake", &["engine", "model", "store"]),
    ("api", &["attempt", "engine", "intake", "model", "policy", "proto", "store"]),
    ("console", &["model"]),
    ("terminal", &["model"]),
    ("cli", &["client", "model", "terminal"]),
    ("http", &["api", "console", "model", "proto"]),
    (
        "server",
        &[
            "api", "attempt", "cage", "console", "deliver", "dispatch", "engine", "fleet", "http", "intake", "jinja",
            "model", "policy", "proto", "store", "terminal",
        ],
    ),
    ("listen", &["engine", "model", "proto", "server", "terminal"]),
    ("demo", &["listen", "model", "proto", "server", "terminal"]),
    ("bench", &["engine", "jinja", "listen", "model", "proto", "server", "terminal"]),
    (
        "tenterhook",
        &["api", "bench", "cage", "cli", "demo", "jinja", "listen", "model", "proto", "server", "store", "terminal"],
    ),
];
/// Crates in the longest chain of uses: command, demo, listen, server, http, api, intake, engine, jinja, model.
const CHAIN_MAX: usize = 10;
/// Crates from the registry that the workspace may name; more want a reason.
const DIRECT_DEPENDENCIES_MAX: usize = 81;
/// The Rust SDK, which is a package outside the workspace: what is written on it is a client like any other.
const SDK: &str = "client";

fn manifest(path: &str) -> toml::Table {
    tree::read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn keys(table: &toml::Table, section: &str) -> BTreeSet<String> {
    table.get(section).and_then(toml::Value::as_table).map(|t| t.keys().cloned().collect()).unwrap_or_default()
}

fn our_dependencies(name: &str) -> BTreeSet<String> {
    if name == SDK {
        return BTreeSet::new();
    }
    let manifest = manifest(&format!("crates/{name}/Cargo.toml"));
    let all = keys(&manifest, "dependencies").into_iter().chain(keys(&manifest, "build-dependencies"));
    // What is optional is for the fuzz targets only.
    let is_optional = |name: &String| {
        manifest.get("dependencies").and_then(|all| all.get(name)).is_some_and(|entry| entry.get("optional").is_some())
    };
    all.filter(|name| !is_optional(name))
        .filter_map(|dependency| dependency.strip_prefix("tenterhook-").map(str::to_owned))
        .collect()
}

/// The crates whose level of optimisation a profile sets by name.
fn levels(profile: &str) -> BTreeMap<String, i64> {
    let of = |table: &toml::Value| table.get("opt-level").and_then(toml::Value::as_integer);
    manifest("Cargo.toml")["profile"][profile]["package"]
        .as_table()
        .unwrap_or_else(|| panic!("the profile {profile} names no crates"))
        .iter()
        .filter_map(|(name, table)| Some((name.clone(), of(table)?)))
        .collect()
}

/// What `release` optimises less to compile sooner, `dist` would inherit (decision 91).
#[test]
fn what_is_shipped_is_optimised_in_full() {
    let shipped = levels("dist");
    for (name, level) in levels("release") {
        assert_eq!(shipped.get(&name).copied().unwrap_or(level), 3, "{name} in the profile dist");
    }
}

#[test]
fn crates_use_only_the_crates_that_the_architecture_lists() {
    for (name, allowed) in ARROWS {
        let allowed: BTreeSet<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        let forbidden: Vec<String> = our_dependencies(name).difference(&allowed).cloned().collect();
        assert!(forbidden.is_empty(), "crates/{name} must not use {forbidden:?}");
    }
}

#[test]
fn every_crate_is_in_the_table_of_arrows() {
    let listed: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for entry in std::fs::read_dir(tree::root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(listed.contains(name.as_str()), "crates/{name} is not in the table of arrows");
    }
}

#[test]
fn no_chain_of_our_crates_is_longer_than_ten() {
    fn depth(name: &str, seen: &mut BTreeMap<String, usize>) -> usize {
        if let Some(depth) = seen.get(name) {
            return *depth;
        }
        let longest = 1 + our_dependencies(name).iter().map(|next| depth(next, seen)).max().unwrap_or(0);
        seen.insert(name.to_owned(), longest);
        longest
    }
    let mut seen = BTreeMap::new();
    for (name, _) in ARROWS {
        assert!(depth(name, &mut seen) <= CHAIN_MAX, "crates/{name} is the top of a chain of {}", seen[name]);
    }
}

#[test]
fn every_crate_takes_the_lints_and_versions_of_the_workspace() {
    for (name, _) in ARROWS {
        let manifest = manifest(&format!("crates/{name}/Cargo.toml"));
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "crates/{name} takes the workspace's lints");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for dependency in keys(&manifest, section) {
                let from_workspace = manifest[section][&dependency].get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(from_workspace, Some(true), "crates/{name}: {dependency} takes the workspace's version");
            }
        }
    }
}

#[test]
fn every_workspace_dependency_is_used_and_their_number_is_bounded() {
    let workspace = manifest("Cargo.toml");
    let declared = workspace["workspace"]["dependencies"].as_table().unwrap();
    let mut used = BTreeSet::new();
    let manifests = ARROWS.iter().map(|(name, _)| format!("crates/{name}/Cargo.toml"));
    for path in manifests.chain(["tests/Cargo.toml".to_owned()]) {
        let manifest = manifest(&path);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            used.extend(keys(&manifest, section));
        }
    }
    let unused: Vec<&String> = declared.keys().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "the workspace names {unused:?} for nobody");
    let direct = declared.keys().filter(|name| !name.starts_with("tenterhook-")).count();
    assert!(direct <= DIRECT_DEPENDENCIES_MAX, "{direct} direct dependencies; at most {DIRECT_DEPENDENCIES_MAX}");
}

/// Whether `source` names the crate: as a word, in code or a derive.
fn names(source: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    source.match_indices(name).any(|(at, _)| {
        let before = source[..at].chars().next_back();
        let after = source[at + name.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The dependencies in `sections` of a package that no source in its `folders` names.
fn unused(package: &str, sections: &[&str], folders: &[&str], production: bool) -> Vec<String> {
    let manifest = manifest(&format!("{package}/Cargo.toml"));
    let mut text = String::new();
    for source in folders.iter().flat_map(|folder| tree::every_source(&format!("{package}/{folder}"))) {
        text.push_str(if production { source.production() } else { &source.text });
    }
    let declared = sections.iter().flat_map(|section| keys(&manifest, section));
    declared.filter(|dependency| !names(&text, &dependency.replace('-', "_"))).collect()
}

#[test]
fn every_dependency_of_a_crate_is_named_in_its_sources() {
    let mut found = Vec::new();
    for (name, _) in ARROWS {
        let package = format!("crates/{name}");
        let production = unused(&package, &["dependencies"], &["src", "build.rs"], true);
        let tests = unused(&package, &["dev-dependencies"], &["src", "tests", "benches", "examples"], false);
        found.extend(production.iter().chain(&tests).map(|dependency| format!("{package}: {dependency}")));
    }
    found.extend(unused("tests", &["dependencies", "dev-dependencies"], &["src"], false));
    assert!(found.is_empty(), "dependencies that no source names:\n{}", found.join("\n"));
}

#[test]
fn a_dependency_is_named_only_as_a_whole_word() {
    assert!(names("use serde::Serialize;", "serde") && names("#[serde(default)]", "serde"));
    assert!(!names("use serde_json::Value;", "serde") && !names("let my_serde = 1;", "serde"));
}
