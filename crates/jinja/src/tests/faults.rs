//! Faults: all at once, each with its place; limits of the source.

use super::super::{Expression, RenderErrorKind, TemplateFault};
use super::*;

fn faults(template: &str) -> Vec<TemplateFault> {
    let options = TemplateOptions { names: Some(&["data", "event"]), ..TemplateOptions::default() };
    Template::compile(template, &options).expect_err("it has faults")
}

fn places(template: &str) -> Vec<(u32, u32)> {
    faults(template).iter().map(|fault| (fault.line, fault.column)).collect()
}

#[test]
fn all_faults_of_a_template_are_told_at_once_and_in_order() {
    let template =
        "{{ a | nope }}\n{% if x is nothing %}\n{{ 1 + }}\n{{ unknown() }}\n{% endif %}{% for %}x{% endfor %}";
    // names are checked once the grammar is right
    assert_eq!(places(template), [(3, 8), (5, 19)]);
    let template = "{{ a | nope }}\n{% if x is nothing %}\n{{ unknown() }}{% endif %}";
    let messages: Vec<String> = faults(template).iter().map(|fault| fault.message.clone()).collect();
    assert_eq!(messages, ["no filter named 'nope'", "no test named 'nothing'", "no function named 'unknown'"]);
}

#[test]
fn what_is_not_closed_is_told_where_it_was_opened() {
    assert_eq!(places("a\n{% if data %}{% for x in data %}\n{% endif %}"), [(2, 17)]);
    assert_eq!(places("{% macro m() %}"), [(1, 4)]);
    assert_eq!(places("x {# never"), [(1, 3)]);
}

#[test]
fn a_required_block_is_refused_because_no_other_template_can_define_it() {
    let fault = &faults("a\n{% block b required %}{% endblock %}")[0];
    assert_eq!((fault.line, fault.column), (2, 4));
    assert!(fault.message.contains("block 'b' is required"), "{fault}");
}

#[test]
fn names_in_text_arguments_are_checked_too() {
    assert_eq!(faults("{{ data | map('nope') }}")[0].message, "no filter named 'nope'");
    assert_eq!(faults("{{ data | selectattr('a', 'nope') }}")[0].message, "no test named 'nope'");
}

#[test]
fn assigned_names_and_parameters_may_be_called() {
    let options = TemplateOptions { names: Some(&["data"]), ..TemplateOptions::default() };
    for template in [
        "{% macro m(f) %}{{ f() }}{% endmacro %}{{ m(m) }}",
        "{% set f = data.get %}{{ f('x') }}",
        "{% for f in data %}{{ f() }}{% endfor %}",
        "{{ data() }}{{ range(3) }}{{ namespace() }}",
    ] {
        assert!(Template::compile(template, &options).is_ok(), "{template}");
    }
}

#[test]
fn a_source_over_the_limit_is_refused_before_it_is_read() {
    let fault = &faults(&"x".repeat(64 * 1024 + 1))[0];
    assert_eq!((fault.line, fault.column), (1, 1));
    assert!(fault.message.contains("65536"), "{fault}");
}

#[test]
fn nesting_and_chains_have_limits_that_say_so() {
    let cases = [
        (format!("{{{{ {}1{} }}}}", "(".repeat(50), ")".repeat(50)), "nested deeper"),
        (format!("{{{{ {}1 }}}}", "not ".repeat(90)), "nested deeper"),
        (format!("{{{{ 1{} }}}}", " + 1".repeat(300)), "in a row"),
        (format!("{{{{ data{} }}}}", "|string".repeat(300)), "in a row"),
        (format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(300)), "branches"),
        (format!("{}x{}", "{% if 1 %}".repeat(30), "{% endif %}".repeat(30)), "nested deeper"),
        (format!("{{{{ range({}) }}}}", "1, ".repeat(1_100)), "in a row"),
    ];
    for (template, wanted) in cases {
        let fault = &faults(&template)[0];
        assert!(fault.message.contains(wanted), "{fault}");
    }
}

#[test]
fn what_stays_below_the_limits_compiles_and_renders() {
    let options = TemplateOptions::default();
    let context = Context::from_json("{}").unwrap();
    let cases = [
        (format!("{{{{ {}1{} }}}}", "(".repeat(35), ")".repeat(35)), "1"),
        (format!("{{{{ {}[]{} }}}}", "[".repeat(30), "]".repeat(30)), ""),
        (format!("{{{{ 0{} }}}}", " + 1".repeat(240)), "240"),
        (format!("{{{{ ''{} }}}}", " ~ 'a'".repeat(900)), ""),
        (format!("{{{{ {}true }}}}", "not ".repeat(36)), "True"),
        (format!("{}x{}", "{% if 1 %}".repeat(24), "{% endif %}".repeat(24)), "x"),
    ];
    for (template, wanted) in cases {
        let output = Template::compile(&template, &options).unwrap().render(&context).unwrap();
        assert!(wanted.is_empty() || output == wanted, "{template} gave {output}");
    }
}

#[test]
fn render_errors_have_line_column_and_kind() {
    let error = |template: &str| {
        let context = Context::from_json(CONTEXT).unwrap();
        Template::compile(template, &TemplateOptions::default()).unwrap().render(&context).unwrap_err()
    };
    let failed = error("one\n  {{ n + s }}");
    assert_eq!((failed.line, failed.column, failed.kind), (2, 6, RenderErrorKind::Template));
    assert_eq!(failed.excerpt(), "  {{ n + s }}\n     ^");
    assert_eq!(error("{% for x in l %}\n{{ x.a.b }}{% endfor %}").line, 2);
    assert_eq!(error("{{ 'x' * 10 ** 9 }}").kind, RenderErrorKind::Limit);
    assert_eq!(error("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").kind, RenderErrorKind::Limit);
    let output = error("{% for i in range(20) %}{{ 'x' * 60000 }}{% endfor %}");
    assert_eq!(output.kind, RenderErrorKind::Limit);
    assert!(output.message.contains("larger than"), "{output}");
}

#[test]
fn messages_show_no_values() {
    let context = Context::from_json(r#"{"data": {"secret": "hunter2"}}"#).unwrap();
    for template in
        ["{{ data.secret + 1 }}", "{{ data.secret|round }}", "{{ data[data.secret].x }}", "{{ [][data.secret]() }}"]
    {
        let error = Template::compile(template, &TemplateOptions::default()).unwrap().render(&context).unwrap_err();
        assert!(!error.message.contains("hunter2"), "{error}");
    }
}

#[test]
fn expressions_are_true_or_false_or_fail() {
    let context = Context::from_json(CONTEXT).unwrap();
    let holds = |source: &str| Expression::compile(source, None).unwrap().holds(&context);
    for (source, wanted) in [("n == 42", true), ("n > 42 or l", true), ("nope", false), ("'A' in w and not z", true)] {
        assert_eq!(holds(source), Ok(wanted), "{source}");
    }
    assert!(holds("n + s").is_err());
    for source in ["n ==", "{{ n }}", "n | nope", "", "nope()"] {
        assert!(Expression::compile(source, Some(&["n"])).is_err(), "{source:?}");
    }
}

#[test]
fn each_fault_of_the_grammar_is_placed_at_its_own_token() {
    for (source, place) in [
        ("{{ 1 + }}", (1, 8)),
        ("a\n{{ @ }}", (2, 4)),
        ("{{ data data }}", (1, 9)),
        ("{% endif %}", (1, 4)),
        ("a\nb {% nope %}", (2, 6)),
        ("é☃ {{ ? }}", (1, 7)),
        ("{{ 'data }}", (1, 4)),
        ("x{# y", (1, 2)),
        ("\n\n{% raw %}x", (3, 1)),
        ("{{ data | }}", (1, 11)),
        ("{% set 5 = 1 %}", (1, 8)),
        ("{% for x data %}{% endfor %}", (1, 10)),
        ("{% if 1 %}{% endfor %}", (1, 4)),
        ("{{ data | nope }}", (1, 11)),
        ("{{ data is nope }}", (1, 12)),
    ] {
        assert_eq!(places(source)[0], place, "{source:?}: {}", faults(source)[0]);
    }
}
