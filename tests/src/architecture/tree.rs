//! The repository as files: where it is, which crates it has, what their sources say.

use std::fs;
use std::path::{Path, PathBuf};

/// Generated code carries this mark in its first lines and is nobody's to tidy.
const GENERATED: &str = "@generated";

/// The top of the repository.
pub(super) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ is a folder of the repository").to_owned()
}

/// The text of a file, by its path from the top of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A Rust source file that people wrote.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the top of the repository, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// The part before a trailing `#[cfg(test)] mod … {`.
    pub(super) fn production(&self) -> &str {
        let cut = self.text.match_indices("#[cfg(test)]").find(|(at, _)| {
            let rest = self.text[at + "#[cfg(test)]".len()..].trim_start();
            rest.starts_with("mod ") && rest.lines().next().is_some_and(|line| line.ends_with('{'))
        });
        cut.map_or(self.text.as_str(), |(at, _)| &self.text[..at])
    }

    /// Its lines that are no comments, with their numbers from 1.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.production().lines().enumerate();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(index, line)| (index + 1, line))
    }

    /// Whether the file as a whole is test code: `tests.rs`, or within a folder for tests or examples.
    fn is_test(&self) -> bool {
        let is_test = |part: &str| matches!(part, "tests" | "tests.rs" | "examples") || part.ends_with("_tests.rs");
        self.path.split('/').any(is_test)
    }
}

/// The production sources under `folder`, generated code left out.
pub(super) fn sources(folder: &str) -> Vec<Source> {
    let mut found = all_sources(folder);
    found.retain(|source| !source.is_test());
    assert!(!found.is_empty(), "{folder} has Rust sources");
    found
}

/// The same, with the tests.
pub(crate) fn all_sources(folder: &str) -> Vec<Source> {
    let mut found = every_source(folder);
    found.retain(|source| !source.text.lines().take(5).any(|line| line.contains(GENERATED)));
    found
}

/// The same, with generated code; none where there is no such folder. `folder` may be a file.
pub(super) fn every_source(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let path = root().join(folder);
    if path.is_dir() {
        collect(&path, &mut found);
    } else if path.is_file() {
        found.push(Source { path: folder.to_owned(), text: read(folder) });
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder of the repository can be read").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            let path = path.strip_prefix(root()).expect("it was found under the top");
            found.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
}
