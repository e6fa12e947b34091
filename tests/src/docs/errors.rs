//! docs/ERRORS.md names every reason of an error, with what the proto says of it.

use std::path::Path;

use tenterhook_proto::tenterhook::v1::ErrorReason;
use tonic::Code;

/// What every section has.
const PARTS: [&str; 3] = ["- **Meaning.** ", "- **Cause.** ", "- **Fix.** "];

fn read(path: &str) -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(repository.join(path)).unwrap()
}

/// Every reason but the unset one, in the order of the proto.
fn reasons() -> Vec<&'static str> {
    let named = (1..).map_while(|number| ErrorReason::try_from(number).ok());
    named.map(|reason| reason.as_str_name().strip_prefix("ERROR_REASON_").unwrap()).collect()
}

/// The comment of a reason in the proto, in one line.
fn comment(proto: &str, reason: &str) -> String {
    let place = proto.find(&format!("  ERROR_REASON_{reason} = ")).unwrap();
    let lines = proto[..place].lines().rev().map_while(|line| line.strip_prefix("  // "));
    lines.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" ")
}

/// The names of the codes that a text names.
fn codes(text: &str) -> Vec<String> {
    let name = |code: i32| {
        let words = format!("{:?}", Code::from(code));
        let upper = |(place, letter): (usize, char)| {
            let parts = (place > 0 && letter.is_ascii_uppercase()).then_some('_');
            parts.into_iter().chain([letter.to_ascii_uppercase()])
        };
        words.chars().enumerate().flat_map(upper).collect::<String>()
    };
    (1..=16)
        .map(name)
        .filter(|code| text.split(|c: char| !c.is_ascii_uppercase() && c != '_').any(|word| word == code))
        .collect()
}

#[test]
fn every_reason_has_its_meaning_cause_and_fix() {
    let page = read("docs/ERRORS.md");
    let sections: Vec<(&str, &str)> =
        page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(headings, reasons(), "each reason once, in the order of the proto");
    for (heading, section) in sections {
        for part in PARTS {
            let text = section.lines().find_map(|line| line.strip_prefix(part)).unwrap_or_default();
            assert!(text.len() > 20, "{heading} has no {part}");
        }
    }
}

#[test]
fn every_section_names_the_codes_and_the_metadata_that_the_proto_names() {
    let (page, proto) = (read("docs/ERRORS.md"), read("proto/tenterhook/v1/error_reason.proto"));
    for reason in reasons() {
        let (_, section) =
            page.split_once(&format!("\n## {reason}\n")).unwrap_or_else(|| panic!("{reason} has no section"));
        let facts = section.split("- **Meaning.**").next().unwrap();
        let comment = comment(&proto, reason);
        assert_eq!(codes(facts), codes(&comment), "the codes of {reason}: {comment}");
        assert!(!codes(facts).is_empty(), "{reason} has a code");
        let metadata =
            comment.to_lowercase().split_once("metadata: ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        let sentence = metadata.split(". ").next().unwrap();
        for name in sentence.split('`').skip(1).step_by(2) {
            assert!(facts.contains(&format!("`{name}`")), "{reason} has the metadata `{name}`");
        }
    }
}
