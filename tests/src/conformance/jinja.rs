//! Templates against what Jinja2 3.1.6 prints.

use serde_json::Value;
use tenterhook_jinja::{Context, Template, TemplateOptions};

use super::cases;
use super::wire::text;

fn rendered(case: &Value) -> Result<String, String> {
    let template = Template::compile(text(case, "template"), &TemplateOptions::default())
        .map_err(|faults| format!("{faults:?}"))?;
    let context = Context::from_json(&case["context"].to_string()).map_err(|error| error.to_string())?;
    template.render(&context).map_err(|error| error.to_string())
}

fn difference(case: &Value) -> Option<String> {
    let ours = rendered(case);
    let wanted = case["expected"].as_str();
    let same = match (&ours, wanted) {
        (Ok(ours), Some(wanted)) => ours == wanted,
        (Err(_), None) => case["error"] == true,
        _ => false,
    };
    (!same).then(|| {
        format!(
            "{} {} {:?}\n   wanted {:?}\n   ours   {:?}",
            text(case, "id"),
            text(case, "group"),
            text(case, "template"),
            wanted.unwrap_or("an error"),
            ours
        )
    })
}

fn differences(tier: &str) -> (usize, Vec<String>) {
    let cases = cases("jinja");
    let of_tier: Vec<&Value> = cases.iter().filter(|case| case["tier"] == tier).collect();
    let differences = of_tier.iter().filter_map(|case| difference(case)).collect();
    (of_tier.len(), differences)
}

#[test]
fn templates_of_authors_print_what_jinja2_prints() {
    let (total, differences) = differences("author");
    assert!(total > 300, "only {total} cases");
    assert!(differences.is_empty(), "{} of {total}:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn templates_at_the_edges_print_what_jinja2_prints() {
    let (total, differences) = differences("edge");
    assert!(total > 200, "only {total} cases");
    assert!(differences.is_empty(), "{} of {total}:\n{}", differences.len(), differences.join("\n"));
}
