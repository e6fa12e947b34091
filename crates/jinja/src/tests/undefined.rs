//! Errors about undefined values name what is undefined, whatever complains.

use super::super::{Mode, Undefined};
use super::*;

const DATA: &str = r#"{"data": {"ip6": {}, "list": [], "rows": [{"a": {"b": 1}}, {}], "n": 1, "s": "x"}}"#;

fn message(source: &str, undefined: Undefined) -> String {
    let options = TemplateOptions { undefined, mode: Mode::Text, names: None };
    let template = Template::compile(source, &options).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
    match template.render(&Context::from_json(DATA).unwrap()) {
        Ok(output) => panic!("{source} prints {output:?}"),
        Err(error) => error.message,
    }
}

fn check(undefined: Undefined, cases: &[(&str, &str)]) {
    let differ = cases.iter().filter_map(|(source, wanted)| {
        let ours = message(source, undefined);
        (ours != *wanted).then(|| format!("{source}\n   wanted {wanted}\n   ours   {ours}"))
    });
    let differ: Vec<String> = differ.collect();
    assert!(differ.is_empty(), "{} of {}:\n{}", differ.len(), cases.len(), differ.join("\n"));
}

#[test]
fn errors_name_what_is_undefined() {
    check(
        Undefined::Lenient,
        &[
            ("{{ data.nope | int }}", "`data.nope` is undefined and cannot be converted to an integer"),
            ("{{ data.nope | float }}", "`data.nope` is undefined and cannot be converted to a float"),
            ("{{ data.nope | round }}", "`data.nope` is undefined and cannot be rounded"),
            ("{{ data.nope | attr('x') }}", "`data.nope` is undefined and has no attribute 'x'"),
            ("{{ data.a.b.c }}", "`data.a` is undefined and has no attribute 'b'"),
            ("{{ nope.b }}", "`nope` is undefined and has no attribute 'b'"),
            ("{{ nope.items }}", "`nope` is undefined and has no attribute 'items'"),
            ("{{ data['a']['b'].c }}", "`data['a']` is undefined and has no items"),
            ("{{ data.list[3].name }}", "`data.list[3]` is undefined and has no attribute 'name'"),
            ("{{ (data.list | first).name }}", "`data.list | first` is undefined and has no attribute 'name'"),
            ("{{ data.nope[1:] }}", "`data.nope` is undefined and cannot be sliced"),
            ("{{ data.ip6.address.split('/') }}", "`data.ip6.address` is undefined and has no method 'split'"),
            ("{{ data.nope.items() }}", "`data.nope` is undefined and has no method 'items'"),
            ("{{ data['nope']() }}", "`data['nope']` is undefined and cannot be called"),
            ("{{ nope() }}", "`nope` is undefined and cannot be called"),
            ("{{ data.nope + 1 }}", "`data.nope` is undefined and cannot be an operand of '+'"),
            ("{{ 1 - data.n - nope }}", "`nope` is undefined and cannot be an operand of '-'"),
            ("{{ -data.nope }}", "`data.nope` is undefined and cannot be the operand of '-'"),
            ("{{ data.n < data.nope }}", "`data.nope` is undefined and cannot be an operand of '<'"),
            ("{{ 0 < data.n < data.nope }}", "`data.nope` is undefined and cannot be an operand of '<'"),
            ("{{ data.nope is even }}", "`data.nope` is undefined and cannot be an operand of '%'"),
            ("{{ 4 is divisibleby(data.nope) }}", "`data.nope` is undefined and cannot be an operand of '%'"),
            ("{{ 4 is gt data.nope }}", "`data.nope` is undefined and cannot be an operand of '>'"),
            ("{{ dict(data.nope) }}", "`data.nope` is undefined and is no mapping"),
            ("{{ dict(**data.nope) }}", "`data.nope` is undefined and is no mapping of arguments"),
            ("{{ data.rows | map(attribute='a.b') | list }}", "`a` is undefined and has no items"),
            ("{{ [data.nope] | map('int') | list }}", "an item is undefined and cannot be converted to an integer"),
            ("{{ [1, data.nope] | sum }}", "an item is undefined and cannot be an operand of '+'"),
            (
                "{% for x in [1] %}{{ x + data.nope }}{% endfor %}",
                "`data.nope` is undefined and cannot be an operand of '+'",
            ),
            ("{% macro m(a) %}{{ a.b }}{% endmacro %}{{ m(data.nope) }}", "`a` is undefined and has no attribute 'b'"),
            ("{{ (1 if false) + 1 }}", "`1 if …` is undefined and cannot be an operand of '+'"),
            ("{{ data.rows[-7].a }}", "`data.rows[-7]` is undefined and has no attribute 'a'"),
            ("{{ data['a' ~ data.n].b }}", "`data[…]` is undefined and has no attribute 'b'"),
            ("{{ (data.x or data.y).z }}", "`data.x or data.y` is undefined and has no attribute 'z'"),
            ("{{ (data.n and data.y.z).q }}", "`data.y` is undefined and has no attribute 'z'"),
            ("{{ (nope if data.n else 2).x }}", "`nope if data.n else 2` is undefined and has no attribute 'x'"),
            ("{{ (nope or data.nope).x.y }}", "`nope or data.nope` is undefined and has no attribute 'x'"),
            ("{{ (data.rows | first).zz.y }}", "`(data.rows | first).zz` is undefined and has no attribute 'y'"),
            ("{{ [nope, 1][0].x }}", "`[nope, 1][0]` is undefined and has no attribute 'x'"),
            ("{{ (nope, 1)[0].x }}", "`(nope, 1)[0]` is undefined and has no attribute 'x'"),
            ("{{ {'a': nope}.a.b }}", "`{'a': nope}.a` is undefined and has no attribute 'b'"),
            ("{{ data.rows | sum(attribute='q') }}", "`q` is undefined and cannot be an operand of '+'"),
            ("{{ data.nope | filesizeformat }}", "`data.nope` is undefined and is no size"),
            ("{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "`caller` is undefined and cannot be called"),
            ("{% macro m(f) %}{{ f() }}{% endmacro %}{{ m(nope) }}", "`f` is undefined and cannot be called"),
            ("{% set f = nope %}{{ f() }}", "`f` is undefined and cannot be called"),
            ("{{ '{x.y}'.format(x=data.nope) }}", "`data.nope` is undefined and has no attribute 'y'"),
            ("{{ '{x[y]}'.format(x=data.nope) }}", "`data.nope` is undefined and has no items"),
            ("{% set a, b = data.nope %}", "`data.nope` is undefined and cannot be unpacked into 2 names"),
            (
                "{% with a, b = data.nope %}{% endwith %}",
                "`data.nope` is undefined and cannot be unpacked into 2 names",
            ),
            ("{% for a, b in [nope] %}{% endfor %}", "an item is undefined and cannot be unpacked into 2 names"),
            ("{% set nope.a = 1 %}", "`nope` is undefined and is no namespace"),
            ("{{ data.rows | groupby('q') }}", "`q` is undefined and cannot be an operand of '<'"),
            ("{{ data.rows | max(attribute='q') }}", "`q` is undefined and cannot be an operand of '>'"),
        ],
    );
}

#[test]
fn errors_about_an_argument_name_it() {
    for source in [
        "{{ 'x'.center(data.nope) }}",
        "{{ 'x'.replace(data.nope, 'y') }}",
        "{{ 'x' | truncate(length=data.nope) }}",
        "{{ 'x' | center(data.nope) }}",
        "{{ range(1, data.nope) | list }}",
        "{{ '%d' % data.nope }}",
        "{{ '{:d}'.format(data.nope) }}",
        "{{ data.nope in data.s }}",
        "{{ data.s[data.nope:] }}",
        "{{ data.list[:data.nope] }}",
        "{{ (1, 2)[::data.nope] }}",
        "{{ range(9)[data.nope:] }}",
        "{{ data.s.find('x', data.nope) }}",
        // What is filtered is undefined too.
        "{{ nope | urlize(trim_url_limit=data.nope) }}",
        "{{ nope | truncate(length=data.nope) }}",
        "{{ nope | center(data.nope) }}",
        "{{ [nope] | batch(data.nope, 1) | list }}",
        "{{ [nope] | slice(data.nope) | list }}",
        "{{ data.nope | center(data.nope) }}",
    ] {
        let message = message(source, Undefined::Lenient);
        assert!(message.ends_with(": `data.nope` is undefined"), "{source}: {message}");
    }
}

#[test]
fn strict_errors_name_what_is_undefined() {
    let sources = [
        "{{ data.nope }}",
        "x{{ data.s }}{{ data.nope }}",
        "{% if data.nope %}{% endif %}",
        "{% if data.list %}{% elif data.nope %}{% endif %}",
        "{{ not data.nope }}",
        "{{ data.nope and 1 }}",
        "{{ data.nope or 1 }}",
        "{{ 1 if data.nope else 2 }}",
        "{% for x in data.nope %}{% endfor %}",
        "{% for x, y in data.nope %}{% endfor %}",
        "{% for x in data.rows if data.nope %}{% endfor %}",
        "{{ 'a' ~ data.nope ~ 'b' }}",
        "{{ data.nope == 1 }}",
        "{{ 1 != data.nope }}",
        "{{ data.nope | upper }}",
        "{{ data.nope | length }}",
        "{{ data.list | join(data.nope) }}",
        "{{ data.s | replace(old=data.nope, new='y') }}",
        "{{ range(*data.nope) }}",
        "{% set x %}{{ data.nope }}{% endset %}",
        "{% filter upper %}{{ data.nope }}{% endfilter %}",
        "{% autoescape true %}{{ data.nope }}{% endautoescape %}",
    ];
    check(Undefined::Strict, &sources.map(|source| (source, "`data.nope` is undefined")));
    let header = TemplateOptions { undefined: Undefined::Strict, mode: Mode::HeaderValue, names: None };
    let template = Template::compile("{{ data.nope }}", &header).unwrap();
    let error = template.render(&Context::from_json(DATA).unwrap()).unwrap_err();
    assert_eq!(error.message, "`data.nope` is undefined");
}

#[test]
fn what_may_be_undefined_is_no_error_when_strict() {
    let options = TemplateOptions { undefined: Undefined::Strict, mode: Mode::Text, names: None };
    let cases = [
        ("{{ data.nope is defined }}", "False"),
        ("{{ data.nope | default('d') }}", "d"),
        ("{{ data.s and data.n }}", "1"),
        ("{{ data.list or data.s }}", "x"),
        ("{{ 'a' if data.n and not data.list else 'b' }}", "a"),
        ("{% for x in data.rows if x.a is defined %}{{ loop.index }}{% endfor %}", "1"),
    ];
    for (source, wanted) in cases {
        let rendered = Template::compile(source, &options).unwrap().render(&Context::from_json(DATA).unwrap());
        assert_eq!(rendered.as_deref(), Ok(wanted), "{source}");
    }
}

#[test]
fn an_error_is_placed_at_its_own_operation() {
    let context = Context::from_json(DATA).unwrap();
    let cases = [
        ("a\n{{ data.s }} {{ data.nope | int }}", (2, 29)),
        ("{{ data.s ~\n   (data.nope | int) }}", (2, 17)),
        ("{% set x = 1 %}\n{% for y in [1] %}\n  {{ y + data.nope }}{% endfor %}", (3, 6)),
        ("line\n{ {{ nope.a }}", (2, 6)),
        ("\n\n{{ {'a': 1 / 0} }}", (3, 10)),
    ];
    for (source, place) in cases {
        let template = Template::compile(source, &TemplateOptions::default()).unwrap();
        let error = template.render(&context).unwrap_err();
        assert_eq!((error.line, error.column), place, "{source:?}: {error}");
    }
}

#[test]
fn long_spellings_are_left_out() {
    let source = format!("{{{{ data.{}.b }}}}", "a".repeat(200));
    assert_eq!(message(&source, Undefined::Lenient), "a value is undefined and has no attribute 'b'");
}

#[test]
fn expressions_of_rules_name_what_is_undefined() {
    let error = super::super::Expression::compile("data.nope > 1", None).unwrap();
    let error = error.holds(&Context::from_json(DATA).unwrap()).unwrap_err();
    assert_eq!(error.message, "`data.nope` is undefined and cannot be an operand of '>'");
}
