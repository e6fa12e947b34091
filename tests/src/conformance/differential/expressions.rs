//! Random expressions of a type, so that most of them render.

use super::choices::Choices;

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Text,
    Int,
    Float,
    Bool,
    List,
    Dict,
}

const KINDS: [Kind; 6] = [Kind::Text, Kind::Int, Kind::Float, Kind::Bool, Kind::List, Kind::Dict];

/// An expression. Now and then it is of another type, so that errors are compared too.
pub(super) fn expression(choices: &mut Choices, kind: Kind, depth: usize) -> String {
    let kind = if kind == Kind::Any || choices.chance(4) { KINDS[choices.below(KINDS.len())] } else { kind };
    if depth == 0 {
        return leaf(choices, kind);
    }
    match kind {
        Kind::Text | Kind::Any => text(choices, depth - 1),
        Kind::Int => int(choices, depth - 1),
        Kind::Float => float(choices, depth - 1),
        Kind::Bool => boolean(choices, depth - 1),
        Kind::List => list(choices, depth - 1),
        Kind::Dict => dict(choices, depth - 1),
    }
}

fn leaf(choices: &mut Choices, kind: Kind) -> String {
    let items: &[&str] = match kind {
        Kind::Text | Kind::Any => {
            &["s", "t", "'abc'", "\"it's\"", "''", "d.a", "rows[0].name", "'%d%%'", "'a b c'", "'é\\n'", "w[0]", "z"]
        }
        Kind::Int => &["n", "m", "1", "0", "42", "d.b", "l[0]", "l|length", "7", "true", "12345678901234567890"],
        Kind::Float => &["f", "1.5", "0.1", "d.C", "1e3", "2.0", "rows[0].f"],
        Kind::Bool => &["b", "true", "false", "not b", "n", "nope", "z"],
        Kind::List => &["l", "w", "rows", "[]", "[1, 2, 3]", "['b', 'a']", "(1, 'x')", "range(3)", "l|list", "nope"],
        Kind::Dict => &["d", "{}", "{'a': 1}", "{'k': s, 2: n}", "rows[0]", "dict(a=1)"],
    };
    choices.one_of(items).to_owned()
}

/// Fills `$1`, `$2` in a pattern with expressions of these types.
fn fill(choices: &mut Choices, pattern: &str, kinds: &[Kind], depth: usize) -> String {
    let mut filled = pattern.to_owned();
    for (index, kind) in kinds.iter().enumerate() {
        let place = format!("${}", index + 1);
        if filled.contains(&place) {
            let inner = expression(choices, *kind, depth);
            filled = filled.replace(&place, &format!("({inner})"));
        }
    }
    filled
}

fn text(choices: &mut Choices, depth: usize) -> String {
    if !choices.chance(65) {
        return leaf(choices, Kind::Text);
    }
    let pattern = choices.one_of(&[
        "$1|upper",
        "$1.lower()",
        "$1|title",
        "$1.title()",
        "$1|capitalize",
        "$1.swapcase()",
        "$1|trim",
        "$1.strip('a ')",
        "$1 ~ $2",
        "$1 + $1",
        "$1 * 2",
        "$1[1:]",
        "$1[::-1]",
        "$1[0]",
        "$1[-3:2]",
        "$1|replace('a', 'xy')",
        "$1.replace('l', 'L', 1)",
        "$1|truncate(5)",
        "$1|truncate(6, true, '..')",
        "$1|wordwrap(4)",
        "$1|indent(2, true)",
        "$1|center(9)",
        "$1.zfill(5)",
        "$1.ljust(6) ~ '|'",
        "$1.rjust(6, '*')",
        "$1.center(7, '-')",
        "$3|string",
        "$3 ~ ''",
        "$4|join(', ')",
        "'-'.join(w)",
        "'%s and %s' % ($1, $3)",
        "'%5d|%-5s|%r' % ($2, $1, $1)",
        "'%.2f %e %g' % ($5, $5, $5)",
        "'%x %o %X' % (n, 8, 255)",
        "'{} {!r:>8}'.format($1, $1)",
        "'{0:>6} {x}'.format($2, x=$3)",
        "'{:,} {:+}'.format($2, $2)",
        "'{:.3f} {:g} {:%}'.format($5, $5, $5)",
        "$3|tojson",
        "$3|pprint",
        "$1|e",
        "$1|escape|safe",
        "$1|striptags",
        "$1|urlencode",
        "$6|urlencode",
        "$1|reverse",
        "$1|first",
        "$1|last",
        "$3|default('dflt')",
        "nope|default($1)",
        "$1 if $7 else $1",
        "$1 if $7",
        "$1.partition(',')[0]",
        "$1.split(',')[0]",
        "$1.encode('utf-8').decode()",
        "$1|format",
        "'%s'|format($3)",
        "$1.removeprefix('a')",
        "$1.expandtabs(4)",
        "$1|filesizeformat",
        "n|filesizeformat",
        "$1|forceescape",
        "($1 or $1)",
        "($1 and $1)",
        "$1.casefold()",
        "$1|xmlattr",
        "$6|xmlattr",
        "$1|wordcount ~ 'w'",
        "$1.splitlines()|join('|')",
    ]);
    let kinds = [Kind::Text, Kind::Int, Kind::Any, Kind::List, Kind::Float, Kind::Dict, Kind::Bool];
    fill(choices, pattern, &kinds, depth)
}

fn int(choices: &mut Choices, depth: usize) -> String {
    if !choices.chance(60) {
        return leaf(choices, Kind::Int);
    }
    let pattern = choices.one_of(&[
        "$1 + $1",
        "$1 - $1",
        "$1 * $1",
        "$1 // $1",
        "$1 % $1",
        "-$1",
        "+$1",
        "$1 ** 2",
        "$1|abs",
        "$2|length",
        "$3|length",
        "$3.count('a')",
        "$3.find('b')",
        "$3|int",
        "$4|int",
        "$4|round|int",
        "$2|sum",
        "$2|max",
        "$2|min",
        "$2|first",
        "$2|last",
        "$3|wordcount",
        "$5|length",
        "rows|map(attribute='n')|sum",
        "rows|sum(attribute='n')",
        "$1|round(-1)",
        "$2.index(n)",
        "$2|count",
        "d.get('b', 0)",
        "$1|int(default=5)",
        "'0x1f'|int(base=16)",
        "$1.bit_length()",
        "($1 if $6 else $1)",
        "[3, 1, 2]|sort|first",
        "$1 or $1",
        "loop|default(4)",
    ]);
    let kinds = [Kind::Int, Kind::List, Kind::Text, Kind::Float, Kind::Dict, Kind::Bool];
    fill(choices, pattern, &kinds, depth)
}

fn float(choices: &mut Choices, depth: usize) -> String {
    if !choices.chance(60) {
        return leaf(choices, Kind::Float);
    }
    let pattern = choices.one_of(&[
        "$1 + $1",
        "$1 - $2",
        "$1 * $1",
        "$2 / $2",
        "$1 / $1",
        "$1 // $1",
        "$1 % $1",
        "-$1",
        "$1 ** 2",
        "$2 ** -1",
        "$1|abs",
        "$1|round(1)",
        "$1|round",
        "$1|round(2, 'floor')",
        "$1|round(1, 'ceil')",
        "$2|float",
        "$3|float",
        "$1|int + 0.5",
        "rows|map(attribute='f', default=0)|sum",
    ]);
    fill(choices, pattern, &[Kind::Float, Kind::Int, Kind::Text], depth)
}

fn boolean(choices: &mut Choices, depth: usize) -> String {
    if !choices.chance(70) {
        return leaf(choices, Kind::Bool);
    }
    let pattern = choices.one_of(&[
        "$1 == $1",
        "$1 != $1",
        "$2 < $2",
        "$2 >= $3",
        "$4 < $4",
        "$4 in $4",
        "$2 in $5",
        "$4 not in $6",
        "1 < $2 <= 42",
        "$1 is defined",
        "nope is undefined",
        "$1 is none",
        "$2 is even",
        "$2 is odd",
        "$2 is divisibleby 3",
        "$1 is string",
        "$1 is number",
        "$1 is integer",
        "$1 is float",
        "$1 is mapping",
        "$1 is sequence",
        "$1 is iterable",
        "$4 is lower",
        "$4 is upper",
        "$1 is boolean",
        "$1 is true",
        "$1 is not none",
        "not $7",
        "$7 and $7",
        "$7 or $7",
        "$4.startswith('a')",
        "$4.endswith(('c', 'd'))",
        "$4.isdigit()",
        "$4.isalpha()",
        "$4.istitle()",
        "$4.isupper()",
        "$2 is gt 2",
        "$2 is in [1, 2, 3]",
        "$1 is sameas none",
        "$5 == $5",
        "$6 == $6",
        "$4.isidentifier()",
        "$4.isspace()",
        "$5 < $5",
        "$1 is callable",
    ]);
    let kinds = [Kind::Any, Kind::Int, Kind::Float, Kind::Text, Kind::List, Kind::Dict, Kind::Bool];
    fill(choices, pattern, &kinds, depth)
}

fn list(choices: &mut Choices, depth: usize) -> String {
    if !choices.chance(70) {
        return leaf(choices, Kind::List);
    }
    let pattern = choices.one_of(&[
        "$1|list",
        "$1 + $1",
        "$1 * 2",
        "$1[1:]",
        "$1[::-1]",
        "$1|sort",
        "$1|sort(reverse=true)",
        "$1|unique|list",
        "$1|reverse|list",
        "$1|map('string')|list",
        "$1|select|list",
        "$1|reject('none')|list",
        "$1|batch(2)|list",
        "$1|batch(3, 'x')|list",
        "$1|slice(2)|list",
        "rows|map(attribute='name')|list",
        "rows|selectattr('f')|map(attribute='n')|list",
        "rows|rejectattr('n', 'gt', 1)|list",
        "rows|groupby('name')",
        "rows|sort(attribute='n')",
        "rows|sort(attribute='name,n')|map(attribute='name')|list",
        "$3.split()",
        "$3.split(',')",
        "$3.split(',', 1)",
        "$3.rsplit(None, 1)",
        "$3|list",
        "$3.splitlines()",
        "$3.partition('b')",
        "$4.keys()|list",
        "$4.values()|list",
        "$4.items()|list",
        "$4.items()|sort",
        "$4|dictsort",
        "$4|dictsort(by='value')",
        "$4|list",
        "[$2, $2]",
        "[$3, z, $2]",
        "($2, $3)",
        "range($2)|list",
        "range(2, 9, 3)|list",
        "$1|map('upper')|list",
        "$1|map('int')|sort",
        "w|select('equalto', 'red')|list",
        "$1|sort(case_sensitive=true)",
        "w|unique(true)|list",
        "$4|items|list",
        "$1|select('string')|list",
        "w|map('default', 'x', true)|list",
        "[$1, $1]|sum(start=[])",
        "l|select('odd')|list",
        "$1.copy()",
        "($1 if $5 else $1)",
        "$1|min",
        "$1|max",
    ]);
    let kinds = [Kind::List, Kind::Int, Kind::Text, Kind::Dict, Kind::Bool];
    fill(choices, pattern, &kinds, depth)
}

fn dict(choices: &mut Choices, depth: usize) -> String {
    if !choices.chance(60) {
        return leaf(choices, Kind::Dict);
    }
    let pattern = choices.one_of(&[
        "{'x': $1, 'y': $2}",
        "{$3: $1}",
        "dict($4)",
        "dict($4, q=$2)",
        "$4.copy()",
        "{1: 'a', 1.0: 'b', true: $2}",
        "{'items': $5}.items()|list",
        "{'a': {'b': $2}}.a",
        "{none: $1}",
        "($4 if $6 else $4)",
        "$4.get('zz')",
        "dict([('a', $2)])",
        "{'l': $5}",
    ]);
    let kinds = [Kind::Any, Kind::Int, Kind::Text, Kind::Dict, Kind::List, Kind::Bool];
    fill(choices, pattern, &kinds, depth)
}
