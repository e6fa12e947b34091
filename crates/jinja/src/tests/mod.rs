//! Templates against recorded answers of Jinja2 3.1.6, and the rules that are the engine's own.
//!
//! The tables were made with the real Jinja2; a `None` of Python's is an error there.

mod charges;
mod edges;
mod faults;
mod filter_lists;
mod filter_text;
mod filters;
mod formats;
mod lists_and_dicts;
mod methods;
mod modes;
mod numbers;
mod operators;
mod shared;
mod statements;
mod sweep;
mod text_methods;
mod undefined;

use super::{Context, Template, TemplateOptions};

/// The names that the templates of the tables see.
const CONTEXT: &str = r##"{"s": "Hello World", "t": "ünïcödé ☃ 😀", "e": "", "n": 42, "m": -7, "z": null, "b": true, "f": 1.5, "g": 1e+16, "h": 1e-07, "big": 123456789012345678901234567890, "l": [3, 1, 2, 10, -4], "w": ["b", "A", "c", "a"], "mixed": [1, "a", null, true, 2.0], "d": {"b": 2, "a": 1, "C": 3}, "nested": {"a": {"b": {"c": [1, {"x": "deep"}]}}}, "items_d": {"items": "shadow", "keys": 1, "get": 5}, "rows": [{"name": "alice", "age": 31, "team": "red"}, {"name": "Bob", "age": 25, "team": "blue"}, {"name": "carol", "age": 31, "team": "Red"}], "html": "<b>\"x\" & 'y'</b>", "multi": "a\nb\n\nc", "csv": "a,b,,c"}"##;

/// What a template makes of [`CONTEXT`].
fn rendered(template: &str) -> Result<String, String> {
    let context = Context::from_json(CONTEXT).unwrap();
    let template = Template::compile(template, &TemplateOptions::default()).map_err(|faults| format!("{faults:?}"))?;
    template.render(&context).map_err(|error| error.to_string())
}

/// Each template prints what stands beside it.
fn prints(cases: &[(&str, &str)]) {
    let differ: Vec<String> = cases
        .iter()
        .filter_map(|(template, wanted)| {
            let ours = rendered(template);
            (ours.as_deref() != Ok(*wanted)).then(|| format!("{template}\n   wanted {wanted:?}\n   ours   {ours:?}"))
        })
        .collect();
    assert!(differ.is_empty(), "{} of {}:\n{}", differ.len(), cases.len(), differ.join("\n"));
}

/// Each template fails, when compiled or when rendered.
fn fails(templates: &[&str]) {
    let passed: Vec<String> = templates
        .iter()
        .filter_map(|template| rendered(template).ok().map(|output| format!("{template} prints {output:?}")))
        .collect();
    assert!(passed.is_empty(), "{}", passed.join("\n"));
}
