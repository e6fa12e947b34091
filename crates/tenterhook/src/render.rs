//! `tenterhook render`: a template as the server would render it, limits included.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;
use tenterhook_jinja::{Context, Template, TemplateOptions, Undefined, render_line};
use tenterhook_server::config::{NamePattern, template_variables};
use tenterhook_server::failure::InWords as _;

/// What `tenterhook render` is told.
#[derive(Debug, Clone, Args)]
pub struct RenderArgs {
    /// File with the template; `-` reads standard input
    #[arg(value_name = "TEMPLATE_FILE", required_unless_present = "jsonl")]
    template: Option<PathBuf>,
    /// JSON file with the names that the template sees, such as {"data": {"address": "192.0.2.1/24"}}
    ///
    /// A webhook's templates see event, object_type, model, timestamp, username, request_id,
    /// data, snapshots, event_id and attributes.
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
    /// Environment variable that the template may read with `env`; `*` and `?` as in serve; repeatable
    #[arg(long, value_name = "NAME", value_parser = NamePattern::parse)]
    template_env: Vec<NamePattern>,
    /// Fails on undefined names instead of printing nothing
    #[arg(long)]
    strict: bool,
    /// Renders each line {"template": …, "context": …} of standard input; prints {"output"} or {"error", "line", "column"}
    #[arg(long, conflicts_with_all = ["template", "context", "strict", "template_env"])]
    jsonl: bool,
}

/// Renders and prints.
///
/// # Errors
/// Every fault of the template, with its line and a caret below its column.
pub fn run(args: &RenderArgs) -> Result<()> {
    match &args.template {
        Some(path) => one(path, args),
        None => lines(&mut io::stdin().lock(), &mut io::stdout().lock()),
    }
}

fn one(path: &Path, args: &RenderArgs) -> Result<()> {
    let name = path.display().to_string();
    let source = read(path)?;
    let context = match &args.context {
        Some(file) => Context::from_json(&read(file)?).map_err(|error| anyhow!("{}: {error}", file.display()))?,
        None => Context::from_json("{}")?,
    };
    let context = context.with_variables(&template_variables(&args.template_env));
    let undefined = if args.strict { Undefined::Strict } else { Undefined::Lenient };
    let options = TemplateOptions { undefined, ..TemplateOptions::default() };
    let template = Template::compile(&source, &options).map_err(|faults| {
        let mut text = format!("{name} has {} fault{}", faults.len(), if faults.len() == 1 { "" } else { "s" });
        for fault in &faults {
            append(&mut text, &name, (fault.line, fault.column), &fault.message, &fault.excerpt());
        }
        anyhow!(text)
    })?;
    let output = template.render(&context).map_err(|error| {
        let mut text = format!("{name} cannot be rendered");
        append(&mut text, &name, (error.line, error.column), &error.message, &error.excerpt());
        anyhow!(text)
    })?;
    // A pipe gets the exact bytes; on a terminal the prompt belongs on a line of its own.
    let line_end = if io::stdout().is_terminal() && !output.ends_with('\n') { "\n" } else { "" };
    write!(io::stdout(), "{output}{line_end}").context("cannot print")
}

/// Adds one fault as compilers show it: the place, the line of the source, a caret.
fn append(text: &mut String, name: &str, (line, column): (u32, u32), message: &str, excerpt: &str) {
    let excerpt = excerpt.replace('\n', "\n    ");
    write!(text, "\n\n  {name}:{line}:{column}: {message}\n    {excerpt}").expect("a String takes all text");
}

fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return io::read_to_string(io::stdin()).context("cannot read standard input as text");
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Answers each line of `input` with a line of `output`, at once, so that a program can ask and wait.
fn lines(input: &mut impl BufRead, output: &mut impl Write) -> Result<()> {
    for line in input.lines() {
        let line = line.context("cannot read standard input as text")?;
        if line.trim().is_empty() {
            continue;
        }
        writeln!(output, "{}", render_line(&line)).and_then(|()| output.flush()).context("cannot print")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_gets_one_answer_and_blank_lines_get_none() {
        let input = "{\"template\": \"{{ a + 1 }}\", \"context\": {\"a\": 1}}\n\n{\"template\": \"{{ a\"}\nnonsense\n";
        let mut output = Vec::new();
        lines(&mut input.as_bytes(), &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        let answers: Vec<serde_json::Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), 3);
        assert_eq!(answers[0]["output"], "2");
        assert!(answers[1]["error"].is_string() && answers[1]["line"] == 1, "{output}");
        assert!(answers[2]["error"].is_string());
    }

    #[test]
    fn a_fault_stands_above_its_source_line_and_caret() {
        let mut text = String::new();
        append(&mut text, "slack.j2", (2, 7), "unexpected end", "{{ a\n    ^");
        assert_eq!(text, "\n\n  slack.j2:2:7: unexpected end\n    {{ a\n        ^");
    }
}
