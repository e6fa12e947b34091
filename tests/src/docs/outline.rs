//! The READMEs of the clients have one outline; that their snippets run is tested in each language.

/// The clients' folders and what they are for.
const CLIENTS: [(&str, &str); 7] = [
    ("rust", "Rust"),
    ("go", "Go"),
    ("python", "Python"),
    ("typescript", "TypeScript"),
    ("java", "Java"),
    ("kotlin", "Kotlin"),
    ("ruby", "Ruby"),
];
/// The headings below the title.
const OUTLINE: [&str; 11] = [
    "## Quick start",
    "## Install",
    "## Connect",
    "## Publish",
    "## Watch",
    "## Receive",
    "## Verify",
    "## Errors",
    "## TLS and mTLS",
    "## Everything else",
    "## Examples",
];

/// The headings of a page; what stands in a block of code is none.
fn headings(page: &str) -> Vec<&str> {
    let mut in_block = false;
    let prose = page.lines().filter(|line| {
        in_block ^= line.starts_with("```");
        !in_block
    });
    prose.filter(|line| line.starts_with('#')).collect()
}

#[test]
fn the_readmes_of_the_clients_have_one_outline() {
    for (folder, language) in CLIENTS {
        let path = format!("{}/../clients/{folder}/README.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let title = format!("# Tenterhook for {language}");
        let expected: Vec<_> = std::iter::once(title.as_str()).chain(OUTLINE).collect();
        assert_eq!(headings(&page), expected, "{path}");
    }
}
