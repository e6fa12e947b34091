//! The limits of templates at their edges: what is just allowed, and what is just refused.

use tenterhook_model::limits;

use super::rendered;

/// The template of `size` passes, and that of one more fails with `message`.
fn ends_at(size: usize, template: impl Fn(usize) -> String, message: &str) {
    let at = rendered(&template(size));
    assert!(at.is_ok(), "{message}, {size}: {at:?}");
    let above = rendered(&template(size + 1)).expect_err(message);
    assert!(above.contains(message), "{message}, {size} + 1: {above}");
}

#[test]
fn sources_end_at_the_limits_of_the_table() {
    let names = |count: usize| (0..count).map(|n| format!("v{n}, ")).collect::<String>();
    ends_at(
        limits::TEMPLATE_TARGETS,
        |n| format!("{{% for {}in [] %}}{{% endfor %}}", names(n)),
        "names in one assignment",
    );
    ends_at(limits::TEMPLATE_PARTS, |n| format!("{{{{ 'a'{} }}}}", " ~ 'a'".repeat(n - 1)), "items in a row");
    ends_at(
        limits::TEMPLATE_BRANCHES,
        |n| format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(n - 1)),
        "branches",
    );
    ends_at(
        limits::TEMPLATE_STATEMENT_DEPTH,
        |n| format!("{}x{}", "{% if 1 %}".repeat(n), "{% endif %}".repeat(n)),
        "statements are nested deeper",
    );
    let depth = limits::TEMPLATE_EXPRESSION_DEPTH as usize;
    let signs = |n: usize| format!("{{{{ {}1 }}}}", "- ".repeat(n));
    ends_at(depth - 1, signs, "expressions are nested deeper");
    let negations = |n: usize| format!("{{{{ {}true }}}}", "not ".repeat(n));
    ends_at(depth / 2 - 1, negations, "expressions are nested deeper");
    let literal = |n: usize| format!("{{{{ {} }}}}", "9".repeat(n));
    ends_at(limits::TEMPLATE_INTEGER_DIGITS, literal, "4300 digits");
}

#[test]
fn values_end_at_the_limits_of_the_table() {
    ends_at(limits::TEMPLATE_RANGE as usize, |n| format!("{{{{ range({n})|length }}}}"), "Range too big");
    let shifted = |n: usize| format!("{{{{ (2 ** {}) > 0 }}}}", n - 1);
    ends_at(limits::TEMPLATE_INTEGER_BITS as usize, shifted, "an integer is too large");
    let members = |n: usize| {
        let members: String = (0..n).map(|i| format!("{{% set ns.m{i} = 1 %}}")).collect();
        format!("{{% set ns = namespace() %}}{members}{{% set ns.m0 = 2 %}}{{{{ ns.m0 }}}}")
    };
    ends_at(limits::TEMPLATE_NAMESPACE_MEMBERS, members, "too many members");
}

#[test]
fn no_more_errors_of_a_template_are_reported_than_the_table_says() {
    let template = "{{ 1 + }}".repeat(limits::TEMPLATE_ERRORS + 5);
    let faults = super::Template::compile(&template, &super::TemplateOptions::default()).unwrap_err();
    assert_eq!(faults.len(), limits::TEMPLATE_ERRORS);
}
