//! The pages of the console show commands that exist, with requests that their methods take.

use std::path::Path;

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// What the pages give as `commands`, one text each, with the page it is on.
fn commands() -> Vec<(String, String)> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/console/ui/src/pages");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&pages).unwrap() {
        let path = entry.unwrap().path();
        let Some(text) = path.is_file().then(|| std::fs::read_to_string(&path).unwrap()) else { continue };
        let page = path.file_name().unwrap().to_string_lossy().into_owned();
        for (_, rest) in text.match_indices("commands={{").map(|(at, start)| text.split_at(at + start.len())) {
            found.push((page.clone(), rest[..rest.find(">\n").unwrap()].to_owned()));
        }
    }
    assert!(found.len() >= 10, "{found:?}");
    found
}

/// The words in quotes after `name`.
fn quoted<'a>(command: &'a str, name: &str) -> Vec<&'a str> {
    let Some((_, rest)) = command.split_once(name) else { return Vec::new() };
    let end = rest.find([']', '\n']).unwrap_or(rest.len());
    rest[..end].split('"').skip(1).step_by(2).collect()
}

#[test]
fn every_command_that_the_console_shows_is_in_the_page_on_the_command_line() {
    let page = include_str!("../../../docs/CLI.md");
    for (at, command) in commands() {
        let words = quoted(&command, "words: [");
        let heading = format!("## tenterhook {}", words.join(" "));
        assert!(words.is_empty() || page.lines().any(|line| line == heading), "{at}: {words:?}");
    }
}

#[test]
fn a_request_that_the_console_shows_has_a_namespace_only_if_its_method_takes_one() {
    let set = FileDescriptorSet::decode(tenterhook_proto::REFLECTION_DESCRIPTOR_SET).unwrap();
    let messages: Vec<_> = set.file.iter().flat_map(|file| &file.message_type).collect();
    for (at, command) in commands() {
        let method = quoted(&command, "method: ")[0].rsplit('/').next().unwrap();
        let message = messages.iter().find(|message| message.name() == format!("{method}Request")).unwrap();
        let takes_one = message.field.iter().any(|field| field.name() == "namespace");
        assert!(takes_one || command.contains("unscoped: true"), "{at}: {method}");
    }
}
