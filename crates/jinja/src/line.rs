//! One template and context a line, for `tenterhook render --jsonl`.

use serde_json::{Value as Json, json};
use tenterhook_model::JsonError;

use super::context::Context;
use super::options::TemplateOptions;
use super::template::Template;

/// Renders a line `{"template", "context"}` and answers `{"output"}` or
/// `{"error", "line", "column"}`, as one line of JSON.
#[must_use]
pub fn render_line(line: &str) -> String {
    match rendered(line) {
        Ok(output) => json!({ "output": output }),
        Err((message, line, column)) => {
            json!({ "error": message, "line": line, "column": column })
        }
    }
    .to_string()
}

fn rendered(line: &str) -> Result<String, (String, u32, u32)> {
    let unplaced = |message: String| (message, 1, 1);
    let request: Json =
        serde_json::from_str(line).map_err(|_| unplaced(format!("the line {}", JsonError::of(line))))?;
    let template = request["template"].as_str().ok_or_else(|| unplaced("'template' is not a string".into()))?;
    let empty = json!({});
    let context = request.get("context").unwrap_or(&empty);
    let context = Context::from_json(&context.to_string()).map_err(|err| unplaced(err.to_string()))?;
    let template = Template::compile(template, &TemplateOptions::default()).map_err(|faults| {
        let first = faults.into_iter().next();
        first.map_or_else(
            || unplaced("the template has a fault".into()),
            |fault| (fault.message, fault.line, fault.column),
        )
    })?;
    template.render(&context).map_err(|err| (err.message, err.line, err.column))
}
