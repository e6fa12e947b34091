//! docs/ARCHITECTURE.md and the recipes of CONTRIBUTING.md: what they name exists.

use std::collections::BTreeSet;

use super::tree;

const PAGE: &str = "docs/ARCHITECTURE.md";
/// Folders of the repository that the page speaks of.
const FOLDERS: [&str; 5] = ["clients/", "crates/", "docs/", "proto/", "tests/"];

/// The paths that a page names: words in backquotes that begin with a folder of the repository.
fn paths(page: &str) -> BTreeSet<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)) && !word.contains(' ')).collect()
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let page = tree::read(PAGE);
    let named = paths(&page);
    assert!(
        named.iter().filter(|path| path.ends_with(".rs")).count() >= 20,
        "the walk of an event names files: {named:?}"
    );
    let missing: Vec<_> = named.into_iter().filter(|path| !tree::root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{PAGE} names files that do not exist: {missing:?}");
}

#[test]
fn every_file_that_a_recipe_names_exists() {
    let page = tree::read("CONTRIBUTING.md");
    let (_, recipes) = page.split_once("\n## Recipes\n").expect("the page has recipes");
    assert!(recipes.matches("\n### ").count() >= 10, "one for each common change");
    let named = paths(recipes);
    let missing: Vec<_> = named.into_iter().filter(|path| !tree::root().join(path).exists()).collect();
    assert!(missing.is_empty(), "the recipes name files that do not exist: {missing:?}");
}

#[test]
fn every_crate_has_a_row_in_the_code_map() {
    let page = tree::read(PAGE);
    for entry in std::fs::read_dir(tree::root().join("crates")).expect("crates/ is a folder of the repository") {
        let name = entry.expect("a folder can be read").file_name().into_string().expect("crates have ASCII names");
        assert!(page.contains(&format!("| `crates/{name}` |")), "crates/{name} has no row in the code map of {PAGE}");
    }
}

#[test]
fn paths_are_words_in_backquotes_below_a_folder() {
    let page = "a `crates/x/src/lib.rs` (`store`), `docs/`; crates/y; `tests/a b`; `proto/z`";
    assert_eq!(paths(page), ["crates/x/src/lib.rs", "docs/", "proto/z"].into());
}
