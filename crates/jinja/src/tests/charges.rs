//! What amplifies is paid for: templates that would take seconds or gigabytes end at their limit.

use super::super::RenderErrorKind;
use super::*;

/// Whole numbers of a length that no operator is cheap for.
fn context() -> Context {
    let digits = "7".repeat(200_000);
    Context::from_json(&format!(r#"{{"huge": {digits}, "huge_too": {digits}}}"#)).unwrap()
}

/// Each expression, worked out again and again after a set-up, reaches the limit of work.
fn runs_out(cases: &[(&str, &str)]) {
    let context = context();
    for (set_up, expression) in cases {
        let source =
            format!("{set_up}{{% for i in range(12000) %}}{{% set _ = {expression} %}}{{% endfor %}}it got through");
        let rendered = Template::compile(&source, &TemplateOptions::default()).unwrap().render(&context);
        let kind = rendered.as_ref().map_err(|error| error.kind);
        assert_eq!(kind, Err(RenderErrorKind::Limit), "{expression}");
    }
}

const LONG: &str = "{% set s = 'ab é' * 60000 %}{% set t = s ~ '' %}";
const LIST: &str = "{% set l = range(50000)|list %}";
const DICT: &str = "{% set d = {} %}{% for i in range(10000) %}{% set _ = d.update({i: i}) %}{% endfor %}";

#[test]
fn walks_over_lists_and_dicts_are_paid_for() {
    runs_out(&[
        (DICT, "d|items"),
        (DICT, "d.items()|list"),
        (DICT, "d == d.copy()"),
        (DICT, "d.keys() <= d.copy().keys()"),
        (LIST, "l.reverse()"),
        (LIST, "[l.pop(0), l.append(1)]"),
    ]);
}

#[test]
fn hashing_and_comparing_long_texts_is_paid_for() {
    runs_out(&[
        (LONG, "{s: 1}"),
        (LONG, "dict([(s, 1)])"),
        (LONG, "{(s, 1): 1}"),
        (LONG, "{1: 1}[s]"),
        (LONG, "[s, t]|unique|list"),
        (LONG, "s == t"),
        (LONG, "s < t"),
        (LONG, "s is sameas t"),
        (LONG, "s|reverse"),
        (LONG, "s|length"),
        (LONG, "s.strip(t)"),
        (LONG, "'x'.startswith((s, t))"),
    ]);
}

#[test]
fn a_set_of_characters_to_strip_does_not_multiply_the_work() {
    let source = "{{ ('b' * 200000).strip('a' * 200000 ~ 'b') }}|{{ 'xay'.strip('xy') }}";
    let template = Template::compile(source, &TemplateOptions::default()).unwrap();
    assert_eq!(template.render(&context()).unwrap(), "|a");
}

#[test]
fn many_prefixes_that_share_one_text_are_not_copied() {
    let source = format!("{LONG}{{{{ 'x'.startswith((s,) * 10000) }}}}");
    let rendered = Template::compile(&source, &TemplateOptions::default()).unwrap().render(&context());
    assert_eq!(rendered.unwrap_err().kind, RenderErrorKind::Limit);
}

#[test]
fn operators_on_huge_integers_are_paid_for() {
    let powers = "{% set n = 10 ** 8000 %}{% set m = 10 ** 4000 + 1 %}";
    runs_out(&[
        ("", "huge == huge_too"),
        ("", "huge < huge_too"),
        ("", "huge is even"),
        ("", "huge is divisibleby 7"),
        ("", "{huge: 1}"),
        ("", "huge.as_integer_ratio()"),
        (powers, "n // m"),
        (powers, "n % m"),
        (powers, "m * m"),
        (powers, "7 ** 5000"),
    ]);
}

#[test]
fn a_huge_integer_is_beyond_every_float() {
    let template = "{{ huge > 1e308 }} {{ -1e308 < huge }} {{ huge == 1.5 }} {{ huge < 1.5 }}";
    let template = Template::compile(template, &TemplateOptions::default()).unwrap();
    assert_eq!(template.render(&context()).unwrap(), "True True False False");
}

#[test]
fn a_generator_gives_its_items_one_by_one() {
    prints(&[("{% set g = l|map('string') %}{{ g|first }}{{ g|first }}{{ g|join('-') }}{{ g|first }}", "312-10--4")]);
}

#[test]
fn keys_that_are_only_themselves_are_told_apart_and_ranges_by_their_items() {
    prints(&[
        ("{{ {namespace(): 1, namespace(): 2}|length }}", "2"),
        ("{{ {range(3): 1, range(0, 3): 2}|length }} {{ {range(0): 1, range(5, 5): 2}|length }}", "1 1"),
        ("{{ {range(3): 1, range(4): 2}[range(4)] }} {{ {range(1, 2, 1): 1}[range(1, 3, 5)] }}", "2 1"),
    ]);
}

#[test]
fn the_items_of_a_range_are_exact_where_its_steps_are_beyond_64_bits() {
    prints(&[(
        "{{ range(-9223372036854775808, 9223372036854775807, 4611686018427387904)|list }}",
        "[-9223372036854775808, -4611686018427387904, 0, 4611686018427387904]",
    )]);
}

#[test]
fn zeros_in_groups_fill_any_width_at_once() {
    prints(&[
        (
            "{{ '{:08,}'.format(5) }} {{ '{:09,}'.format(5) }} {{ '{:010,}'.format(5) }}",
            "0,000,005 0,000,005 00,000,005",
        ),
        ("{{ '{:010,.2f}'.format(-1234.5) }} {{ '{:#010_x}'.format(255) }}", "-01,234.50 0x000_00ff"),
        ("{{ '{:03,}'.format(1234567) }} {{ '{:012,.2e}'.format(1234.5) }}", "1,234,567 0,001.23e+03"),
        ("{{ '{:0500000,}'.format(5)|length }}", "500001"),
    ]);
}
