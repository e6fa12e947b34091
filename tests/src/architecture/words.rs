//! Words: what users read avoids those that read as translated, and one name stands for one idea.

use std::collections::{BTreeMap, BTreeSet};

use super::tree;

/// Words and phrases that guides, help texts and errors do not use, each with what to write instead.
const RETIRED: [(&str, &str); 15] = [
    ("tells", "shows, reports"),
    ("told", "shown, reported"),
    ("anew", "again"),
    ("whoever", "you, anyone who"),
    ("somebody", "someone"),
    ("under way", "in flight"),
    ("stands there", "is listed"),
    ("beside", "alongside, next to, compared with"),
    ("of its own", "its own"),
    ("figures", "metrics, results"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("faults", "errors"),
    ("in the clear", "unencrypted"),
    ("how to go on", "next steps"),
];
/// The page of terms.
const GLOSSARY: &str = "docs/GLOSSARY.md";
/// Pages that speak of other systems in their own words, and the glossary, which lists what is given up.
const OTHER_WORDS: [&str; 3] = [GLOSSARY, "docs/CLI.md", "docs/MOVING.md"];
/// Public types of several crates: each crate has one that plays the same part.
const SAME_PART: [&str; 4] = [
    // What a loop or service works with.
    "Parts",
    // Counts what its crate does, and its silent form.
    "Meter",
    "Unmetered",
    // An event that a publisher or receiver has got.
    "Received",
];
/// Names of files that more than two folders have: the nouns of the model and what is done with them.
const SAME_SUBJECT: [&str; 29] = [
    "access_token.rs",
    "attempt.rs",
    "backup.rs",
    "check.rs",
    "console.rs",
    "delivery.rs",
    "event.rs",
    "explain.rs",
    "fault.rs",
    "fuzz.rs",
    "group.rs",
    "journal.rs",
    "json.rs",
    "key.rs",
    "keys.rs",
    "lane.rs",
    "list.rs",
    "meter.rs",
    "notice.rs",
    "number.rs",
    "preview.rs",
    "publish.rs",
    "read.rs",
    "request.rs",
    "state.rs",
    "text.rs",
    "watch.rs",
    "webhook.rs",
    "wire.rs",
];

/// The pages for people who use, operate or change Tenterhook.
fn guides() -> Vec<(String, String)> {
    let mut guides: Vec<String> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).to_vec();
    for entry in std::fs::read_dir(tree::root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            guides.push(format!("docs/{name}"));
        }
    }
    guides.push("clients/README.md".to_owned());
    for entry in std::fs::read_dir(tree::root().join("clients")).unwrap() {
        let path = format!("clients/{}/README.md", entry.unwrap().file_name().into_string().unwrap());
        guides.extend(tree::root().join(&path).is_file().then_some(path));
    }
    guides.into_iter().map(|path| (tree::read(&path), path)).map(|(text, path)| (path, text)).collect()
}

/// The protos, whose comments are the reference of the API.
fn protos() -> Vec<(String, String)> {
    let folder = "proto/tenterhook/v1";
    let names = std::fs::read_dir(tree::root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let paths = names.map(|name| format!("{folder}/{}", name.to_str().unwrap()));
    paths.map(|path| (path.clone(), tree::read(&path))).collect()
}

/// Whether `text`, in lower case, has the phrase as whole words.
fn has(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        !text[..at].ends_with(char::is_alphanumeric) && !text[at + phrase.len()..].starts_with(char::is_alphanumeric)
    })
}

/// Where a text for users has words that it should not use.
pub(crate) fn retired(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.to_lowercase();
        let bad = RETIRED.iter().filter(|(phrase, _)| has(&line, phrase));
        found.extend(bad.map(|(phrase, better)| format!("{path}:{}: `{phrase}`: write {better}", number + 1)));
    }
    found
}

#[test]
fn the_guides_and_protos_use_plain_words() {
    let pages = guides().into_iter().chain(protos());
    let found: Vec<String> = pages.flat_map(|(path, text)| retired(&path, &text)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The rows of the tables of the glossary: term, meaning, and words that stand for nothing here.
fn glossary() -> Vec<Vec<String>> {
    let rows = tree::read(GLOSSARY);
    let rows = rows.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| term"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

#[test]
fn each_term_of_the_glossary_is_one_sentence_and_in_use() {
    let rows = glossary();
    assert!(rows.len() >= 50, "{}", rows.len());
    let terms: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(terms.len(), rows.len(), "each term has one row");
    let others = guides().into_iter().chain(protos()).filter(|(path, _)| path != GLOSSARY);
    let mut texts: Vec<String> = others.map(|(_, text)| text.to_lowercase()).collect();
    texts.extend(production().iter().map(|source| source.text.to_lowercase()));
    for row in &rows {
        let sentences = row[1].matches(". ").count() + row[1].matches('.').count().min(1);
        assert!(sentences == 1 && row[1].ends_with('.'), "{row:?} is not one sentence");
        let (one, many) = (row[0].to_lowercase(), format!("{}s", row[0].to_lowercase()));
        assert!(texts.iter().any(|text| has(text, &one) || has(text, &many)), "`{}` is used nowhere", row[0]);
    }
}

#[test]
fn words_that_the_glossary_gives_up_are_used_in_no_guide_and_no_proto() {
    let given_up = glossary().into_iter().filter_map(|row| Some((row[0].clone(), row.get(2)?.clone())));
    let given_up: Vec<(String, String)> = given_up
        .flat_map(|(term, words)| words.split(", ").map(|word| (term.clone(), word.to_lowercase())).collect::<Vec<_>>())
        .filter(|(_, word)| !word.is_empty())
        .collect();
    assert!(given_up.len() >= 10, "{given_up:?}");
    let mut found = Vec::new();
    for (path, text) in guides().into_iter().chain(protos()).filter(|(path, _)| !OTHER_WORDS.contains(&&**path)) {
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            let bad = given_up.iter().filter(|(_, word)| has(&line, word) || has(&line, &format!("{word}s")));
            found.extend(bad.map(|(term, word)| format!("{path}:{}: `{word}`: write {term}", number + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The texts of a line of code: what stands between quotes, without the places of values.
fn texts(line: &str) -> Vec<String> {
    let quoted = line.replace("\\\"", "'").split('"').skip(1).step_by(2).map(str::to_lowercase).collect::<Vec<_>>();
    let without_places = |text: String| {
        let mut parts = text.split('{');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + "{}" + part.split_once('}').map_or("", |(_, rest)| rest))
    };
    quoted.into_iter().map(without_places).collect()
}

/// Help texts, errors and log lines are texts of the sources.
#[test]
fn texts_of_the_programs_use_plain_words() {
    let mut found = Vec::new();
    for source in production() {
        for (number, line) in source.code() {
            for text in texts(line) {
                let bad = RETIRED.iter().filter(|(phrase, _)| has(&text, phrase));
                found.extend(
                    bad.map(|(phrase, better)| format!("{}:{number}: `{phrase}`: write {better}", source.path)),
                );
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn texts_are_found_between_quotes() {
    let line = r#"fail("{faults} of \"It\" {one} told", told, "Figures")"#;
    assert_eq!(texts(line), ["{} of 'it' {} told", "figures"]);
    assert!(texts("let told = faults;").is_empty());
}

#[test]
fn a_phrase_is_found_as_whole_words_only() {
    assert!(has("it tells more", "tells") && has("(tells)", "tells") && has("is under way.", "under way"));
    assert!(!has("foretells", "tells") && !has("recommends", "mends"));
}

/// The production sources of all crates.
fn production() -> Vec<tree::Source> {
    tree::sources("crates").into_iter().filter(|source| source.path.contains("/src/")).collect()
}

#[test]
fn a_public_type_has_a_name_that_no_other_crate_uses() {
    let mut homes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in production() {
        let home = source.path.split('/').nth(1).unwrap().to_owned();
        for line in source.production().lines() {
            let declared = ["pub struct ", "pub enum ", "pub trait "].iter().find_map(|word| line.strip_prefix(word));
            let name = declared.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned());
            if let Some(name) = name {
                homes.entry(name).or_default().insert(home.clone());
            }
        }
    }
    let shared: Vec<_> =
        homes.iter().filter(|(name, homes)| homes.len() > 1 && !SAME_PART.contains(&name.as_str())).collect();
    assert!(shared.is_empty(), "rename them, or list them if they play the same part: {shared:?}");
    let stale: Vec<_> = SAME_PART.iter().filter(|name| homes.get(**name).is_none_or(|homes| homes.len() < 2)).collect();
    assert!(stale.is_empty(), "these are no longer shared: {stale:?}");
}

#[test]
fn a_file_name_is_used_by_few_folders_unless_it_names_a_subject() {
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in production() {
        let (folder, name) = source.path.rsplit_once('/').unwrap();
        if !["mod.rs", "lib.rs", "main.rs"].contains(&name) {
            folders.entry(name.to_owned()).or_default().push(folder.to_owned());
        }
    }
    let many: Vec<_> =
        folders.iter().filter(|(name, folders)| folders.len() > 2 && !SAME_SUBJECT.contains(&name.as_str())).collect();
    assert!(many.is_empty(), "rename them, or list them if they share their subject: {many:?}");
}
