//! Every filter, test and method there is, on large values, again and again: whatever is not paid
//! for would take seconds.

use std::time::Duration;

use super::super::{filters, on_large_stack, predicates, value};
use super::*;

/// What one render may take of a processor. The limit of 200 ms is for an optimised build.
const CPU_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 200 });
/// How often each is called, unless the template reaches a limit before.
const CALLS: u32 = 12_000;
/// What each is given: nothing, a text that names a filter and a test, and the large value itself.
const ARGUMENTS: [&str; 3] = ["", "('upper')", "(v)"];

/// Processor time of this thread, in steps of 10 ms (`man 5 proc`, `utime` and `stime`).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

/// Calls everything on the value that `set_up` makes, and tells what took too long.
fn sweep(set_up: &str) {
    let context = Context::from_json(&format!(r#"{{"huge": {}}}"#, "7".repeat(200_000))).unwrap();
    let filtered = filters::names().map(|name| format!("v|{name}"));
    let tests = predicates::TABLE.iter().filter(|(name, _)| name.chars().all(char::is_alphabetic));
    let tests = tests.map(|(name, _)| format!("v is {name}"));
    let called = value::method_names().map(|name| format!("v.{name}"));
    let calls: Vec<String> = filtered.chain(tests).chain(called).collect();
    on_large_stack(|| {
        let mut slow = Vec::new();
        for (call, arguments) in calls.iter().flat_map(|call| ARGUMENTS.map(|arguments| (call, arguments))) {
            let arguments = if arguments.is_empty() && call.starts_with("v.") { "()" } else { arguments };
            let source =
                format!("{set_up}{{% for i in range({CALLS}) %}}{{% set _ = {call}{arguments} %}}{{% endfor %}}");
            let template = Template::compile(&source, &TemplateOptions::default()).unwrap();
            let before = cpu();
            let rendered = template.render(&context);
            let took = cpu() - before;
            if took > CPU_MAX {
                slow.push(format!("{call}{arguments} took {took:?}: {rendered:?}"));
            }
        }
        assert!(slow.is_empty(), "{}:\n{}", slow.len(), slow.join("\n"));
    });
}

#[test]
fn on_a_long_text() {
    sweep("{% set v = 'ab é' * 60000 %}");
}

#[test]
fn on_a_list_of_many_numbers() {
    sweep("{% set v = range(50000)|list %}");
}

#[test]
fn on_a_list_of_long_texts() {
    sweep("{% set v = ['e' * 50000 ~ 'a', 'e' * 50000 ~ 'b'] * 20 %}");
}

#[test]
fn on_a_large_dict() {
    sweep("{% set v = {} %}{% for i in range(10000) %}{% set _ = v.update({i: 'x'}) %}{% endfor %}");
}

#[test]
fn on_a_huge_integer() {
    sweep("{% set v = huge %}");
    sweep("{% set v = 10 ** 4200 %}");
}
