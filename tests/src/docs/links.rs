//! Pages lead somewhere: every relative link, and every file that the recipes name.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages of the repository, relative to its root.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("a folder of the repository can be read") {
            let entry = entry.expect("a folder of the repository can be read");
            let name = entry.file_name().into_string().expect("names are UTF-8");
            let path = folder.join(&name);
            let is_own = !name.starts_with('.') && !["target", "node_modules", "dist"].contains(&name.as_str());
            match entry.file_type().expect("an entry has a type") {
                kind if kind.is_dir() && is_own => folders.push(path),
                kind if kind.is_file() && name.ends_with(".md") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn read(page: &Path) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// The targets of the links of a page that stay in the repository, without their fragments.
fn relative_links(page: &str) -> Vec<&str> {
    let targets = page.match_indices("](").filter_map(|(at, _)| page[at + 2..].split(')').next());
    let within = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    within.filter_map(|target| target.split('#').next()).filter(|target| !target.contains(' ')).collect()
}

/// What stands between backticks and is a path of the repository.
fn paths(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|text| text.contains('/') && text.contains('.') && !text.contains([' ', '*', ':', '<'])).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 20, "only {} pages were found", pages.len());
    let mut dead = Vec::new();
    for page in &pages {
        let text = read(page);
        let folder = root().join(page.parent().expect("a page is in a folder"));
        let missing = relative_links(&text).into_iter().filter(|target| !folder.join(target).exists());
        dead.extend(missing.map(|target| format!("{}: {target}", page.display())));
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn every_file_that_the_recipes_name_exists() {
    let page = read(Path::new("CONTRIBUTING.md"));
    let named = paths(&page);
    assert!(named.len() > 40, "only {} files are named", named.len());
    let missing: Vec<_> = named.into_iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "CONTRIBUTING.md names files that do not exist: {missing:?}");
}

#[test]
fn links_and_paths_are_told_from_other_text() {
    let page = "[a](docs/A.md#part) [b](https://b.example) [c](#here) `crates/x/src/y.rs` `make test` `a/b c.rs`";
    assert_eq!(relative_links(page), ["docs/A.md"]);
    assert_eq!(paths(page), ["crates/x/src/y.rs"]);
}
