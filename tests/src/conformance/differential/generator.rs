//! Random templates: statements and text around [`super::expressions`], and random contexts.

use serde_json::{Value, json};

use super::choices::Choices;
use super::expressions::{Kind, expression};

/// A template and its context.
#[derive(Debug, Clone)]
pub(in crate::conformance) struct Case {
    pub(in crate::conformance) template: String,
    pub(in crate::conformance) context: Value,
}

/// A case of these decisions.
pub(super) fn case(choices: &mut Choices) -> Case {
    let context = context(choices);
    let mut template = String::new();
    let count = 1 + choices.below(3);
    for _ in 0..count {
        statement(choices, &mut template, 2);
    }
    Case { template, context }
}

/// The names are always the same; `expressions` knows their types.
fn context(choices: &mut Choices) -> Value {
    let texts = [
        "abc",
        "Hello World",
        "",
        "  pad ",
        "ünïcödé ☃ 😀",
        "a,b,,c",
        "it's \"q\"",
        "<b>&amp;</b>",
        "line1\nline2\r\nx\n",
        "12",
        "3.5e2",
        "UPPER",
        "under_score-dash",
        "tab\tx",
        "ß İ ǆ",
        "1,234",
    ];
    let ints = [json!(3), json!(0), json!(-7), json!(1), json!(255), json!(1_000_000), json!(-1), json!(65_001)];
    let floats =
        [json!(1.5), json!(0.0), json!(-2.25), json!(1e16), json!(1e-7), json!(100.0), json!(0.1), json!(12345.678)];
    let text = |choices: &mut Choices| json!(texts[choices.below(texts.len())]);
    let int = |choices: &mut Choices| ints[choices.below(ints.len())].clone();
    let float = |choices: &mut Choices| floats[choices.below(floats.len())].clone();
    let word = |choices: &mut Choices| json!(["red", "Blue", "green", "", "red"][choices.below(5)]);
    let row = |choices: &mut Choices| {
        let mut row = json!({"name": word(choices), "n": int(choices)});
        if choices.chance(70) {
            row["f"] = float(choices);
        }
        if choices.chance(50) {
            row["items"] = json!([1, 2]);
        }
        row
    };
    let rows: Vec<Value> = (0..choices.below(4)).map(|_| row(choices)).collect();
    let numbers: Vec<Value> = (0..choices.below(5)).map(|_| int(choices)).collect();
    let words: Vec<Value> = (0..choices.below(5)).map(|_| word(choices)).collect();
    json!({
        "s": text(choices),
        "t": text(choices),
        "n": int(choices),
        "m": int(choices),
        "f": float(choices),
        "b": choices.chance(50),
        "z": null,
        "l": numbers,
        "w": words,
        "rows": rows,
        "d": {"b": int(choices), "a": text(choices), "items": "shadow", "C": float(choices)},
    })
}

fn text(choices: &mut Choices) -> &'static str {
    choices.one_of(&["", "x", " ", "\n", "a: b\n", "{ ", "é", "  \n  ", "\"k\": "])
}

/// A tag, now and then with whitespace control.
fn tag(choices: &mut Choices, out: &mut String, content: &str) {
    let (open, close) = match choices.below(12) {
        10 => ("{%-", "%}"),
        11 => ("{%", "-%}"),
        _ => ("{%", "%}"),
    };
    out.push_str(&format!("{open} {content} {close}"));
}

fn statement(choices: &mut Choices, out: &mut String, depth: usize) {
    out.push_str(text(choices));
    let kinds = if depth == 0 { 2 } else { 12 };
    match choices.below(kinds) {
        2 | 3 => condition(choices, out, depth),
        4 | 5 => for_loop(choices, out, depth),
        6 => {
            let value = expression(choices, Kind::Any, 2);
            tag(choices, out, &format!("set v = {value}"));
            out.push_str("{{ v }}");
        }
        7 => {
            tag(choices, out, "set v");
            statement(choices, out, depth - 1);
            out.push_str("{% endset %}{{ v|length }}{{ v }}");
        }
        8 => macro_and_call(choices, out, depth),
        9 => {
            let filter = choices.one_of(&["upper", "trim", "title", "indent(2)", "replace('a', 'b')", "wordcount"]);
            tag(choices, out, &format!("filter {filter}"));
            statement(choices, out, depth - 1);
            out.push_str("{% endfilter %}");
        }
        10 => {
            let (a, b) = (expression(choices, Kind::Int, 1), expression(choices, Kind::Text, 1));
            tag(choices, out, &format!("with n = {a}, s = {b}, q = n"));
            out.push_str("{{ n }}{{ s }}{{ q }}");
            out.push_str("{% endwith %}{{ n }}");
        }
        11 => namespace(choices, out),
        _ => {
            let value = expression(choices, Kind::Any, 3);
            let (open, close) = match choices.below(10) {
                8 => ("{{-", "}}"),
                9 => ("{{", "-}}"),
                _ => ("{{", "}}"),
            };
            out.push_str(&format!("{open} {value} {close}"));
        }
    }
    out.push_str(text(choices));
}

fn condition(choices: &mut Choices, out: &mut String, depth: usize) {
    let test = expression(choices, Kind::Bool, 2);
    tag(choices, out, &format!("if {test}"));
    statement(choices, out, depth - 1);
    if choices.chance(40) {
        let test = expression(choices, Kind::Any, 1);
        tag(choices, out, &format!("elif {test}"));
        statement(choices, out, depth - 1);
    }
    if choices.chance(50) {
        tag(choices, out, "else");
        statement(choices, out, depth - 1);
    }
    out.push_str("{% endif %}");
}

fn for_loop(choices: &mut Choices, out: &mut String, depth: usize) {
    let (target, over, shown) = match choices.below(5) {
        1 => ("k, v", "d.items()".to_owned(), "{{ k }}={{ v }}"),
        2 => ("k", "d".to_owned(), "{{ k }}"),
        3 => ("r", "rows".to_owned(), "{{ r.name }}{{ r.n }}{{ r.nope }}"),
        4 => ("i", format!("range({})", choices.below(4)), "{{ i * 2 }}"),
        _ => ("i", expression(choices, Kind::List, 2), "{{ i }}"),
    };
    let filter = match choices.below(5) {
        4 => " if loop is undefined or true",
        3 => " if n is defined",
        _ => "",
    };
    tag(choices, out, &format!("for {target} in {over}{filter}"));
    out.push_str(shown);
    let detail = choices.one_of(&[
        "",
        "{{ loop.index }}",
        "{{ ',' if not loop.last }}",
        "{{ loop.cycle('a', 'b') }}",
        "{{ loop.revindex0 }}{{ loop.length }}{{ loop.first }}",
        "{{ loop.changed(n) }}",
        "{{ loop.previtem }}{{ loop.nextitem|default('-') }}",
        "{% set n = 5 %}{{ n }}",
    ]);
    out.push_str(detail);
    if choices.chance(20) {
        statement(choices, out, depth - 1);
    }
    if choices.chance(20) {
        tag(choices, out, "else");
        out.push_str("none");
    }
    out.push_str("{% endfor %}");
}

fn macro_and_call(choices: &mut Choices, out: &mut String, depth: usize) {
    let signature = choices.one_of(&["a", "a, b=2", "a, b=a", "a='x', c=n", "a=none"]);
    tag(choices, out, &format!("macro m({signature})"));
    let body = choices.one_of(&[
        "{{ a }}",
        "{{ a }}{{ b }}",
        "{{ varargs }}{{ kwargs }}",
        "{{ caller is defined }}",
        "{{ a }}{{ s }}",
    ]);
    out.push_str(body);
    if choices.chance(20) {
        statement(choices, out, depth - 1);
    }
    out.push_str("{% endmacro %}");
    let argument = expression(choices, Kind::Any, 1);
    let call = choices.one_of(&["m(X)", "m(a=X)", "m()", "m(X, 4)", "m(X, 4, 5, k=6)", "m(*[X])", "m(**{'a': X})"]);
    out.push_str(&format!("{{{{ {} }}}}", call.replace('X', &argument)));
}

fn namespace(choices: &mut Choices, out: &mut String) {
    let start = expression(choices, Kind::Int, 1);
    tag(choices, out, &format!("set ns = namespace(x={start})"));
    let step = choices.one_of(&["ns.x + 1", "ns.x * 2", "ns.x ~ 'a'", "[ns.x]", "ns.x + i"]);
    out.push_str(&format!("{{% for i in l %}}{{% set ns.x = {step} %}}{{% endfor %}}{{{{ ns.x }}}}"));
}
