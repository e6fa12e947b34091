//! The shell blocks of a page that say that they can be run.

/// A shell block and the line of the page where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// What it prints when it has done what it is there for; `None` when it ends by itself.
    pub awaits: Option<String>,
    pub line: usize,
    pub text: String,
}

/// The blocks of a page behind a marker: `<!-- run -->` for one that ends, `<!-- run until: TEXT -->` for one that
/// goes on beside what follows.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(marker) = line.strip_prefix("<!-- run").and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        let (line, fence) = lines.next().expect("a marker stands before a block");
        assert_eq!(fence, "```sh", "line {}: a marker stands right before a shell block", line + 1);
        let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let text = body.map(|line| format!("{line}\n")).collect();
        found.push(Block { awaits: marker.strip_prefix(" until: ").map(str::to_owned), line: line + 1, text });
    }
    found
}

#[test]
fn blocks_are_found_with_what_they_await() {
    let page = "x\n<!-- run until: up -->\n```sh\na\n```\n```sh\nnot run\n```\n<!-- run -->\n```sh\nb\nc\n```\n";
    let expected = [
        Block { awaits: Some("up".into()), line: 3, text: "a\n".into() },
        Block { awaits: None, line: 10, text: "b\nc\n".into() },
    ];
    assert_eq!(blocks(page), expected);
}
