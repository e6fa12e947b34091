//! Pages lead somewhere: every relative link with its anchor, every file that the recipes name, and every page of the
//! site from its table of contents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Folders that hold no pages of ours.
const FOREIGN: [&str; 4] = ["target", "node_modules", "dist", "golden"];
/// The site's table of contents.
const CONTENTS: &str = "docs/SUMMARY.md";
/// Pages that the site finds by itself.
const FOUND: &str = "docs/decisions/";

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
            let is_own = !name.starts_with('.') && !FOREIGN.contains(&name.as_str());
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

/// A page without what is code: fenced blocks, and what stands between backticks.
fn prose(page: &str) -> String {
    let mut in_block = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    });
    lines.map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("`") + "\n").collect()
}

/// The targets of the links of a page that stay in the repository: path and anchor, either of which may be empty.
fn relative_links(page: &str) -> Vec<(String, String)> {
    let text = prose(page);
    let inline = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split(')').next());
    let definitions =
        text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ").map(|(_, target)| target));
    let hypertext = text.match_indices("href=\"").filter_map(|(at, _)| text[at + 6..].split('"').next());
    let targets = inline.chain(definitions).chain(hypertext).map(|target| target.trim_matches(['<', '>']));
    let within = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    within
        .filter_map(|target| target.split(' ').next())
        .map(|target| target.split_once('#').unwrap_or((target, "")))
        .map(|(path, anchor)| (path.to_owned(), anchor.to_owned()))
        .collect()
}

/// The anchors of a page, as GitHub and mdBook make them of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut in_block = false;
    let lines = page.lines().filter(|line| {
        in_block ^= line.trim_start().starts_with("```");
        !in_block
    });
    let headings =
        lines.filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    headings
        .map(|heading| {
            let slug: String = heading
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let earlier = seen.entry(slug.clone()).or_default();
            *earlier += 1;
            if *earlier == 1 { slug } else { format!("{slug}-{}", *earlier - 1) }
        })
        .collect()
}

/// Why a link leads nowhere; `None` when it leads somewhere.
fn dead(page: &Path, text: &str, path: &str, anchor: &str) -> Option<String> {
    let target = if path.is_empty() { page.to_owned() } else { normal(&page.parent()?.join(path)) };
    if !root().join(&target).exists() {
        return Some(format!("{}: {path}", page.display()));
    }
    if anchor.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let has = if path.is_empty() { anchors(text) } else { anchors(&read(&target)) };
    (!has.contains(anchor)).then(|| format!("{}: {path}#{anchor}", page.display()))
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{} leaves the repository", path.display()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
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
    let mut found = Vec::new();
    for page in &pages {
        let text = read(page);
        let links = relative_links(&text);
        found.extend(links.iter().filter_map(|(path, anchor)| dead(page, &text, path, anchor)));
    }
    assert!(found.is_empty(), "dead links:\n{}", found.join("\n"));
}

#[test]
fn every_page_of_the_site_is_in_its_contents() {
    let contents: BTreeSet<PathBuf> =
        relative_links(&read(Path::new(CONTENTS))).into_iter().map(|(path, _)| Path::new("docs").join(path)).collect();
    let is_page =
        |page: &&PathBuf| page.starts_with("docs") && !page.starts_with(FOUND) && **page != *Path::new(CONTENTS);
    let pages = pages();
    let missing: Vec<_> = pages.iter().filter(is_page).filter(|page| !contents.contains(*page)).collect();
    assert!(missing.is_empty(), "{CONTENTS} lacks {missing:?}");
}

#[test]
fn every_page_begins_with_its_title() {
    let untitled: Vec<PathBuf> = pages()
        .into_iter()
        .filter(|page| page.starts_with("docs") || page.ends_with("README.md"))
        .filter(|page| !read(page).starts_with("# "))
        .collect();
    assert!(untitled.is_empty(), "without a title in the first line: {untitled:?}");
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
fn links_and_paths_are_found_in_prose_only() {
    let page = "[a](docs/A.md#part) [b](https://b.example) [c](#here) `crates/x/src/y.rs` `[d](d.md)` `make test` \
                `a/b c.rs`\n```sh\n[e](e.md)\n```\n[f]: f.md\n<a href=\"g.md\">";
    let expected = [("docs/A.md", "part"), ("", "here"), ("f.md", ""), ("g.md", "")];
    let found = relative_links(page);
    assert_eq!(found, expected.map(|(path, anchor)| (path.to_owned(), anchor.to_owned())));
    assert_eq!(paths("`crates/x/src/y.rs` `make test` `a/b c.rs`"), ["crates/x/src/y.rs"]);
}

#[test]
fn anchors_are_those_of_headings() {
    let page = "# The `serve` command\n## Next: TLS & mTLS\n```sh\n# not one\n```\n## Next: TLS & mTLS\n#no\n";
    let expected = ["the-serve-command", "next-tls--mtls", "next-tls--mtls-1"];
    assert_eq!(anchors(page), expected.map(str::to_owned).into());
}

#[test]
fn a_link_to_a_missing_page_or_anchor_is_found() {
    let page = Path::new("docs/README.md");
    assert_eq!(dead(page, "# Here\n", "", "here"), None);
    assert_eq!(dead(page, "# Here\n", "../README.md", ""), None);
    for (path, anchor) in [("", "there"), ("../NOWHERE.md", ""), ("../README.md", "there")] {
        assert!(dead(page, "# Here\n", path, anchor).is_some(), "{path}#{anchor}");
    }
}
