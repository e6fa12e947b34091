//! Hostile templates end in a clear error, harmless ones render.

use std::time::{Duration, Instant};

use serde_json::Value;
use tenterhook_jinja::{Context, Template, TemplateOptions};

use super::cases;
use super::wire::text;

/// Wall time of one case: the limit is 200 ms of CPU, and the machine of a test
/// is busy and its build is not optimised.
const WALL_MAX: Duration = Duration::from_secs(4);

/// `value` with `{"$repeat": [text, n]}` and `{"$list": [value, n]}` written out.
fn expanded(value: &Value) -> Value {
    if let Some(form) = value.get("$repeat") {
        return Value::from(text_of(&form[0]).repeat(count(&form[1])));
    }
    if let Some(form) = value.get("$list") {
        return Value::from(vec![expanded(&form[0]); count(&form[1])]);
    }
    match value {
        Value::Array(items) => items.iter().map(expanded).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), expanded(member)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// A template, written out where it is `{prefix, repeat, times, suffix}`.
fn template(case: &Value) -> String {
    let template = &case["template"];
    match template.as_str() {
        Some(text) => text.to_owned(),
        None => format!(
            "{}{}{}",
            text_of(&template["prefix"]),
            text_of(&template["repeat"]).repeat(count(&template["times"])),
            text_of(&template["suffix"]),
        ),
    }
}

/// A case, written out, for whoever lets a server render it.
#[derive(Debug, Clone)]
pub(crate) struct Bomb {
    pub(crate) id: String,
    pub(crate) template: String,
    pub(crate) context: Value,
    /// Whether an error is a good end of it.
    pub(crate) may_fail: bool,
    /// Whether an output is.
    pub(crate) may_render: bool,
}

/// All cases.
pub(crate) fn bombs() -> Vec<Bomb> {
    let bomb = |case: &Value| Bomb {
        id: text(case, "id").to_owned(),
        template: template(case),
        context: expanded(&case["context"]),
        may_fail: text(case, "expect") == "error",
        may_render: text(case, "expect") == "ok" || case["error_or_ok"] == true,
    };
    cases("template_bombs").iter().map(bomb).collect()
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("a short form holds text")
}

fn count(value: &Value) -> usize {
    let count = value.as_u64().expect("a short form holds a count");
    usize::try_from(count).expect("a count fits")
}

fn outcome(case: &Value) -> Result<String, String> {
    let template = Template::compile(&template(case), &TemplateOptions::default())
        .map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())?;
    let context = expanded(&case["context"]);
    let context = Context::from_json(&context.to_string()).map_err(|err| err.to_string())?;
    template.render(&context).map_err(|err| err.to_string())
}

fn verdict(case: &Value) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the work is on another thread, not on a runtime")]
    let start = Instant::now();
    let outcome = outcome(case);
    let took = start.elapsed();
    let fine = match (&outcome, text(case, "expect")) {
        (Ok(_), "ok") => true,
        (Err(message), "error") => !message.is_empty(),
        (Ok(_), "error") => case["error_or_ok"] == true,
        _ => false,
    };
    let id = text(case, "id");
    if !fine {
        let shown = outcome.map(|output| output.chars().take(80).collect::<String>());
        return Some(format!("{id} {} {shown:?}", case["template"]));
    }
    (took > WALL_MAX).then(|| format!("{id} took {took:?}"))
}

#[test]
fn hostile_templates_end_and_harmless_ones_render() {
    let verdicts: Vec<String> = cases("template_bombs").iter().filter_map(verdict).collect();
    assert!(verdicts.is_empty(), "{}:\n{}", verdicts.len(), verdicts.join("\n"));
}

#[test]
fn hostile_templates_end_when_they_come_all_at_once() {
    let cases = cases("template_bombs");
    let verdicts: Vec<String> = std::thread::scope(|scope| {
        let halves = cases.chunks(cases.len().div_ceil(4));
        let threads: Vec<_> =
            halves.map(|half| scope.spawn(|| half.iter().filter_map(verdict).collect::<Vec<_>>())).collect();
        let joined = threads.into_iter().flat_map(|thread| thread.join().expect("no case panics"));
        joined.collect()
    });
    assert!(verdicts.is_empty(), "{}:\n{}", verdicts.len(), verdicts.join("\n"));
}
