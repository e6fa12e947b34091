//! What the sources must not say, and how long their files and functions may get.

use super::tree::{self, Source};

/// Lines of a file; 130 are typical.
const FILE_LINES_MAX: usize = 600;
/// Lines of a function; 40 are typical.
const FUNCTION_LINES_MAX: usize = 70;

/// Words that only some folders may use, and why.
const RESERVED: [(&str, &[&str], &str); 16] = [
    ("SystemTime::now", &["crates/model/src/time.rs"], "one type reads the wall clock"),
    (
        "TcpStream::connect",
        &[
            "crates/deliver/",
            "crates/bench/",
            "crates/server/src/app/relay/",
            "crates/server/src/telemetry/collector/",
            "crates/tenterhook/src/healthcheck.rs",
        ],
        "only deliver opens outbound sockets, apart from those to other nodes and operators' own services",
    ),
    ("TcpSocket::", &["crates/deliver/", "crates/server/"], "only deliver opens outbound sockets"),
    (
        "std::fs",
        &[
            "crates/store/",
            "crates/server/",
            "crates/tenterhook/",
            "crates/cli/",
            "crates/bench/",
            "crates/deliver/src/resolver/",
            "crates/fixtures/",
            "crates/listen/src/keep.rs",
        ],
        "only the store, the command, the look-up of names and the inputs of tests touch the disk",
    ),
    ("tokio::fs", &["crates/store/", "crates/server/"], "only the store and the server touch the disk"),
    (
        "std::env",
        &["crates/server/", "crates/tenterhook/", "crates/cli/", "crates/bench/", "crates/demo/", "crates/fixtures/"],
        "only the command reads environment and arguments",
    ),
    ("tokio::spawn(", &[], "every task belongs to a JoinSet or TaskTracker"),
    ("task::spawn(", &[], "every task belongs to a JoinSet or TaskTracker"),
    ("unbounded_channel", &[], "every queue has a limit"),
    (".unwrap()", &[], "a fault is an error, or an expect that says why it cannot be"),
    ("todo!(", &[], "no stubs"),
    ("unimplemented!(", &[], "no stubs"),
    (
        "anyhow::Context",
        &["crates/proto/generate/"],
        "it passes on the texts of libraries; use server::failure::InWords",
    ),
    (
        "anyhow::{Context",
        &["crates/proto/generate/"],
        "it passes on the texts of libraries; use server::failure::InWords",
    ),
    ("#[from] serde_json", &[], "the texts of a library are not ours; give the reason in our own words"),
    (
        "tenterhook_proto",
        &[
            "crates/api/",
            "crates/bench/",
            "crates/demo/",
            "crates/listen/src/subscription.rs",
            "crates/http/",
            "crates/proto/",
            "crates/tenterhook/src/backup.rs",
        ],
        "only proto, api, http and the clients in commands know the wire",
    ),
];

fn production() -> Vec<Source> {
    tree::sources("crates")
}

#[test]
fn words_with_one_home_stand_nowhere_else() {
    let mut found = Vec::new();
    for source in production() {
        for (number, line) in source.code() {
            for (word, homes, reason) in RESERVED {
                if line.contains(word) && !homes.iter().any(|home| source.path.starts_with(home)) {
                    found.push(format!("{}:{number}: `{word}`: {reason}", source.path));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A secret without a mark is not looked for where it must not be.
#[test]
fn tests_give_servers_no_secret_without_a_mark() {
    let unmarked = ["signing_secret: \"", "\"signing_secret\": \"", "SealingKey::new(["];
    let mut found = Vec::new();
    for source in tree::all_sources("tests").iter().filter(|source| !source.path.contains("/architecture/")) {
        let lines = source.code().filter(|(_, line)| unmarked.iter().any(|start| line.contains(start)));
        found.extend(lines.map(|(number, line)| format!("{}:{number}: {line}", source.path)));
    }
    assert!(found.is_empty(), "use canary::mark:\n{}", found.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent: Vec<String> =
        production().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "these files do not begin with `//!`: {silent:?}");
}

#[test]
fn files_stay_within_their_limit() {
    let long = |source: &Source| source.production().lines().count() > FILE_LINES_MAX;
    let found: Vec<String> = production().into_iter().filter(long).map(|source| source.path).collect();
    assert!(found.is_empty(), "over {FILE_LINES_MAX} lines: {found:?}");
}

#[test]
fn functions_stay_within_their_limit() {
    let found: Vec<String> = production().iter().flat_map(long_functions).collect();
    assert!(found.is_empty(), "over {FUNCTION_LINES_MAX} lines:\n{}", found.join("\n"));
}

/// Functions over the limit. rustfmt closes a function with a brace at the depth of its `fn`.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.production().lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let bare = line.trim_start();
        if !is_function(bare) || bare.ends_with(['}', ';']) {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - bare.len()]);
        let length = lines[start..].iter().position(|line| *line == close).map_or(0, |end| end + 1);
        if length > FUNCTION_LINES_MAX {
            found.push(format!("{}:{}: {length} lines", source.path, start + 1));
        }
    }
    found
}

fn is_function(line: &str) -> bool {
    let words = line.split_whitespace();
    let mut words = words.skip_while(|word| {
        word.starts_with("pub") || matches!(*word, "async" | "const" | "in" | "super)" | "crate)" | "default")
    });
    words.next() == Some("fn")
}

#[test]
fn the_limits_see_what_they_are_meant_to_see() {
    let body = "    let a = 1;\n".repeat(FUNCTION_LINES_MAX);
    let source = Source { path: "x.rs".into(), text: format!("pub(crate) async fn long() {{\n{body}}}\n") };
    assert_eq!(long_functions(&source).len(), 1);
    let source = Source { path: "x.rs".into(), text: "fn short() {\n}\n#[cfg(test)]\nmod tests {\n}\n".into() };
    assert_eq!(source.production(), "fn short() {\n}\n");
    assert!(long_functions(&source).is_empty());
}
