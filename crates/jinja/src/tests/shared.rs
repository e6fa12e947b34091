//! What renders share, and what they must not: contexts, containers, threads.

use std::sync::Arc;

use super::super::{Value, render_line};
use super::*;

fn compiled(source: &str) -> Template {
    Template::compile(source, &TemplateOptions::default()).unwrap()
}

#[test]
fn a_render_that_changes_its_context_changes_no_other() {
    let context = Context::from_json(r#"{"l": [1], "d": {"a": {"b": 1}}}"#).unwrap();
    let change = compiled("{% set _ = l.append(2) %}{% set _ = d.a.update(c=3) %}{{ l }}{{ d }}");
    for _ in 0..2 {
        assert_eq!(change.render(&context).unwrap(), "[1, 2]{'a': {'b': 1, 'c': 3}}");
    }
    assert_eq!(compiled("{{ l }}{{ d }}").render(&context).unwrap(), "[1]{'a': {'b': 1}}");
}

#[test]
fn changes_reach_the_context_by_no_other_way() {
    let context = Context::from_json(r#"{"l": [1]}"#).unwrap();
    for source in [
        "{{ l['append'](2) }}",
        "{{ (l|attr('append'))(2) }}",
        "{% set f = l.append %}{{ f(2) }}",
        "{% set x = l %}{{ x.extend([2]) }}",
        "{% for x in [l] %}{{ x.clear() }}{% endfor %}",
        "{{ [l][0].insert(0, 5) }}",
    ] {
        let _ = compiled(source).render(&context);
        assert_eq!(compiled("{{ l }}").render(&context).unwrap(), "[1]", "{source}");
    }
}

#[test]
fn lists_of_a_template_are_new_for_every_render() {
    let template = compiled("{% set l = [1] %}{% set _ = l.append(2) %}{{ l }}");
    let context = Context::from_json("{}").unwrap();
    assert_eq!(template.render(&context).unwrap(), "[1, 2]");
    assert_eq!(template.render(&context).unwrap(), "[1, 2]");
}

#[test]
fn circles_and_depths_end_without_harm() {
    let context = Context::from_json("{}").unwrap();
    for source in [
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l|length }}",
        "{% set d = {} %}{% set _ = d.update(d=d) %}{{ d|length }}",
        "{% set ns = namespace() %}{% set ns.me = ns %}ok",
        "{% set ns = namespace(l=[]) %}{% for i in range(9000) %}{% set ns.l = [ns.l] %}{% endfor %}ok",
        "{% set ns = namespace(l=()) %}{% for i in range(9000) %}{% set ns.l = (ns.l,) %}{% endfor %}ok",
        "{% set ns = namespace(d={}) %}{% for i in range(9000) %}{% set ns.d = {'a': ns.d} %}{% endfor %}ok",
    ] {
        assert!(compiled(source).render(&context).is_ok(), "{source}");
    }
    for source in
        ["{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}"]
    {
        assert!(compiled(source).render(&context).is_err(), "{source}");
    }
}

#[test]
fn threads_share_templates_and_contexts() {
    let template = Arc::new(compiled("{% for x in data.l %}{{ x }}{{ loop.index }} {% endfor %}{{ data|tojson }}"));
    let context = Context::from_json(r#"{"data": {"l": [1, 2, 3]}}"#).unwrap();
    let wanted = template.render(&context).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| assert_eq!(template.render(&context).as_ref(), Ok(&wanted))));
        }
    });
}

#[test]
fn numbers_of_a_context_are_exact_or_refused() {
    let value = Value::from_json;
    assert!(value("123456789012345678901234567890123456789012345").is_ok());
    assert!(value("1.7976931348623157e308").is_ok());
    let refused = value("[1, {\"a\": 1E400}]").unwrap_err();
    assert!(refused.to_string().contains("out of range"), "{refused}");
    assert!(Context::from_json("[1]").is_err());
    assert!(Context::from_json("{").is_err());
}

#[test]
fn a_context_is_put_together_of_values_without_writing_them_again() {
    let data = Value::from_json(r#"{"name": "AMS"}"#).unwrap();
    let context =
        Context::new([("data", data.clone()), ("event", Value::text("created")), ("snapshots", Value::none())]);
    let template = compiled("{{ data.name }} {{ event }} {{ snapshots }}");
    assert_eq!(template.render(&context).unwrap(), "AMS created None");
    let nested = Context::new([("outer", Value::dict([("inner", data)]))]);
    assert_eq!(compiled("{{ outer.inner.name }}").render(&nested).unwrap(), "AMS");
}

#[test]
fn a_line_of_json_is_rendered_to_a_line_of_json() {
    let answer = |line: &str| serde_json::from_str::<serde_json::Value>(&render_line(line)).unwrap();
    assert_eq!(answer(r#"{"template": "{{ a }}é", "context": {"a": 1e16}}"#)["output"], "1e+16é");
    assert_eq!(answer(r#"{"template": "x"}"#)["output"], "x");
    let failed = answer(r#"{"template": "\n{{ a + }}", "context": {}}"#);
    assert_eq!((&failed["line"], &failed["column"]), (&2.into(), &8.into()));
    let failed = answer(r#"{"template": "{{ a.b.c }}", "context": {"a": {}}}"#);
    assert!(failed["error"].is_string() && failed["line"] == 1);
    for bad in ["", "{", "{}", r#"{"template": 1}"#, r#"{"template": "", "context": 1}"#] {
        assert!(answer(bad)["error"].is_string(), "{bad}");
    }
}

#[test]
fn names_that_bring_macros_back_in_a_branch_not_taken_fail_late() {
    assert_eq!(rendered("{{ s|nope if false else 'x' }}").unwrap(), "x");
    assert_eq!(rendered("{% if false %}{{ s|nope }}{% endif %}y").unwrap(), "y");
    assert!(rendered("{% if true %}{{ s|nope }}{% endif %}").is_err());
    let options = TemplateOptions { names: Some(&["s"]), ..TemplateOptions::default() };
    assert!(Template::compile("{% if false %}{{ s|nope }}{% endif %}", &options).is_err());
}
