//! Headers and strict templates: what is cleaned, what is refused.

use super::super::{Mode, Undefined, Value};
use super::*;

fn header(template: &str, value: &str) -> String {
    let options = TemplateOptions { mode: Mode::HeaderBlock, ..TemplateOptions::default() };
    let context = Context::new([("v", Value::text(value))]);
    Template::compile(template, &options).unwrap().render(&context).unwrap()
}

#[test]
fn no_value_brings_a_line_into_a_header() {
    let value = "a\r\nX-Evil: 1\u{85}\u{2028}\u{2029}\u{b}\u{0}\u{7f}\tb";
    let clean = "aX-Evil: 1b";
    for template in [
        "{{ v }}",
        "{{ v|upper|lower|replace('x-evil', 'X-Evil') }}",
        "{% set x = v %}{{ x }}",
        "{% set x %}{{ v }}{% endset %}{{ x }}",
        "{% macro m() %}{{ v }}{% endmacro %}{{ m() }}",
        "{% filter replace('q', 'q') %}{{ v }}{% endfilter %}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ v }}{% endcall %}",
        "{% for c in v %}{{ c }}{% endfor %}",
        "{{ v|safe }}",
        "{% autoescape true %}{{ v|safe }}{% endautoescape %}",
    ] {
        assert_eq!(header(template, value), clean, "{template}");
    }
}

#[test]
fn lines_of_the_text_stay_and_lines_of_captured_text_count_as_values() {
    assert_eq!(header("X-A: {{ v }}\nX-B: 2", "1"), "X-A: 1\nX-B: 2");
    assert_eq!(header("{% if v %}A: 1\nB: 2{% endif %}", "1"), "A: 1\nB: 2");
    assert_eq!(header("{% filter upper %}a: b\nc: d{% endfilter %}", "1"), "A: BC: D");
    assert_eq!(header("{% set x %}a\nb{% endset %}{{ x }}", "1"), "ab");
    assert_eq!(header("X: {{ '{{' }} { {% raw %}{{ v }}{% endraw %}\nY: 1{", "1"), "X: {{ { {{ v }}\nY: 1{");
}

#[test]
fn control_characters_in_the_text_of_a_header_are_faults() {
    let compile = |mode, text: &str| Template::compile(text, &TemplateOptions { mode, ..TemplateOptions::default() });
    for text in ["a\nb", "a\u{0}", "{{ v }}\u{85}", "{% if v %}x\ny{% endif %}"] {
        assert!(compile(Mode::HeaderValue, text).is_err(), "{text:?}");
    }
    for text in ["a\u{0}b", "\u{7f}"] {
        assert!(compile(Mode::HeaderBlock, text).is_err(), "{text:?}");
    }
    for text in ["a\tb", "{{ 'a\nb' }}", "{{\n v }}", "trailing\n"] {
        assert!(compile(Mode::HeaderValue, text).is_ok(), "{text:?}");
    }
    assert!(compile(Mode::HeaderBlock, "A: 1\nB: 2\u{2028}C: 3").is_ok());
    assert!(compile(Mode::Text, "a\u{0}\nb").is_ok());
}

#[test]
fn strict_templates_fail_where_an_undefined_value_is_used() {
    let options = TemplateOptions { undefined: Undefined::Strict, ..TemplateOptions::default() };
    let context = Context::from_json(CONTEXT).unwrap();
    let render = |template: &str| Template::compile(template, &options).unwrap().render(&context);
    for template in [
        "{{ nope }}",
        "{{ d.nope }}",
        "{{ nope ~ 'x' }}",
        "{% if nope %}{% endif %}",
        "{% for x in nope %}{% endfor %}",
        "{{ nope == 1 }}",
        "{{ nope|upper }}",
        "{{ nope|length }}",
        "{{ [nope]|join }}",
        "{{ 1 if false }}",
        "{{ not nope }}",
    ] {
        assert!(render(template).is_err(), "{template}");
    }
    for (template, wanted) in [
        ("{{ nope is defined }}", "False"),
        ("{{ nope|default('x') }}", "x"),
        ("{{ d.nope|default(1) }}", "1"),
        ("{{ n }}", "42"),
    ] {
        assert_eq!(render(template).as_deref(), Ok(wanted), "{template}");
    }
}

#[test]
fn an_outline_shows_the_text_and_where_something_is_printed() {
    let outline = |source: &str| Template::compile(source, &TemplateOptions::default()).unwrap().outline().to_owned();
    assert_eq!(outline("A: {{ v }}\nB: 2"), "A: \u{fffc}\nB: 2");
    assert_eq!(outline("{% if v %}A: 1{% else %}B: 2{% endif %}"), "A: 1B: 2");
    assert_eq!(outline("{# c #}{% raw %}{{ x }}{% endraw %}"), "{{ x }}");
}

#[test]
fn a_template_without_tags_is_its_text() {
    let constant = |source: &str| {
        let template = Template::compile(source, &TemplateOptions::default()).unwrap();
        template.constant().map(str::to_owned)
    };
    assert_eq!(constant("plain { text }\r\n").as_deref(), Some("plain { text }"));
    assert_eq!(constant("{# only a comment #}").as_deref(), Some(""));
    assert_eq!(constant("{{ v }}"), None);
}

#[test]
fn plain_is_what_cannot_do_more_than_its_size_says() {
    let is_plain = |source: &str| Template::compile(source, &TemplateOptions::default()).unwrap().is_plain();
    for source in [
        "text",
        r#"{"text": "IP address {{ data['address'] }} was created by {{ username }}!"}"#,
        "{% for t in data.tags %}{{ t.name|upper }}{{ ', ' if not loop.last }}{% endfor %}",
        "{{ data|tojson(indent=2) }}{% set x = data.a|default('-') %}{{ '%s' % x }}",
    ] {
        assert!(is_plain(source), "{source}");
    }
    for source in [
        "{% macro m() %}{% endmacro %}",
        "{{ 'x' * 10 }}",
        "{{ range(3)|list }}",
        "{% set l = [] %}{{ l.append(1) }}",
        "{% for a in b %}{% for c in a %}{% for d in c %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for x in y recursive %}{{ loop(x) }}{% endfor %}",
    ] {
        assert!(!is_plain(source), "{source}");
    }
}
