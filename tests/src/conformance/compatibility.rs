//! What docs/COMPATIBILITY.md says of templates: each line's two outputs are those that the real
//! Jinja2 and the engine print.

use serde_json::json;
use tenterhook_jinja::{Context, Template, TemplateOptions};

use super::differential::{Answer, Case, Reference};

/// The table of differences between templates here and in Jinja2.
const HEADING: &str = "## Templates";

/// Template, Jinja2's output and ours of a line of the table; `error` where one fails.
fn rows() -> Vec<[String; 3]> {
    let path = format!("{}/../docs/COMPATIBILITY.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let section = text.split(HEADING).nth(1).expect("the page has a section on templates");
    let section = section.split("\n## ").next().unwrap_or(section);
    let cell = |text: &str| text.trim().trim_matches('`').replace("\\|", "|");
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<String> =
                line.replace("\\|", "\u{1}").split('|').map(|part| part.replace('\u{1}', "\\|")).collect();
            [1, 2, 3].map(|index| cell(&cells[index]))
        })
        .collect()
}

fn ours(template: &str) -> String {
    let context = Context::from_json("{}").unwrap();
    let output = Template::compile(template, &TemplateOptions::default())
        .ok()
        .and_then(|template| template.render(&context).ok());
    output.unwrap_or_else(|| "error".to_owned())
}

#[test]
fn every_difference_of_templates_that_the_page_names_is_as_it_says() {
    let rows = rows();
    assert!(rows.len() >= 10, "the page names {} differences", rows.len());
    let mut reference = Reference::start();
    for [template, jinja2, tenterhook] in rows {
        let case = Case { template: template.clone(), context: json!({}) };
        let theirs = match reference.ask(&case) {
            Answer::Output(output) => output,
            Answer::Error(_) => "error".to_owned(),
        };
        assert_eq!(theirs, jinja2, "what Jinja2 prints for {template}");
        assert_eq!(ours(&template), tenterhook, "what the engine prints for {template}");
        assert_ne!(jinja2, tenterhook, "{template} is no difference");
    }
}
