//! Methods, globals, printing and the grammar at the edges.

use super::{fails, prints};

#[test]
fn text_is_searched_by_characters() {
    prints(&[
        (
            "{{ 'aéaé'.find('é') }} {{ 'aéaé'.rfind('é') }} {{ 'aéaé'.find('é', 2) }} {{ 'aéaé'.find('é', 2, 3) }} {{ 'abc'.find('') }} {{ 'abc'.find('', 3) }} {{ 'abc'.find('', 4) }} {{ 'abc'.rfind('') }} {{ 'abc'.find('d') }} {{ 'abcabc'.find('c', -4) }} {{ 'abcabc'.rfind('c', 0, -1) }}",
            "1 3 3 -1 0 3 -1 3 -1 2 2",
        ),
        (
            "{{ 'aéaé'.count('é') }} {{ 'aaaa'.count('aa') }} {{ 'abc'.count('') }} {{ ''.count('') }} {{ 'abc'.count('', 3) }} {{ 'abc'.count('', 4) }} {{ 'abab'.count('ab', 1) }}",
            "2 2 4 1 1 0 1",
        ),
        (
            "{{ 'abc'.startswith('ab') }} {{ 'abc'.startswith('bc', 1) }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.startswith(()) }} {{ 'abc'.startswith('') }} {{ 'abc'.startswith('', 3) }} {{ 'abc'.startswith('', 4) }} {{ 'abc'.endswith('bc') }} {{ 'abc'.endswith('b', 0, 2) }} {{ 'abc'.endswith(('x', 'c')) }}",
            "True True True False True True False True True True",
        ),
        (
            "{{ 'a,b,,c'.split(',') }} {{ 'a,b,,c'.split(',', 1) }} {{ 'a,b'.split(',', 0) }} {{ ''.split(',') }} {{ ''.split() }} {{ ' a  b '.split() }} {{ ' a  b c '.split(none, 1) }} {{ 'a--b'.split('--') }} {{ 'a\\u2003b'.split() }} {{ 'abc'.split('x') }}",
            "['a', 'b', '', 'c'] ['a', 'b,,c'] ['a,b'] [''] [] ['a', 'b'] ['a', 'b c '] ['a', 'b'] ['a', 'b'] ['abc']",
        ),
        (
            "{{ 'a,b,,c'.rsplit(',', 1) }} {{ ' a  b c '.rsplit(none, 1) }} {{ 'a b c'.rsplit() }} {{ 'aaa'.rsplit('aa') }} {{ 'aaa'.split('aa') }} {{ ''.rsplit() }} {{ 'a b'.rsplit(none, 0) }}",
            "['a,b,', 'c'] [' a  b', 'c'] ['a', 'b', 'c'] ['a', ''] ['', 'a'] [] ['a b']",
        ),
        (
            "{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('=') }} {{ 'abc'.rpartition('=') }} {{ '=a'.partition('=') }}",
            "('a', '=', 'b=c') ('a=b', '=', 'c') ('abc', '', '') ('', '', 'abc') ('', '=', 'a')",
        ),
        (
            "{{ 'a\nb\\r\\nc\\rd'.splitlines() }} {{ 'a\n'.splitlines() }} {{ '\n'.splitlines() }} {{ ''.splitlines() }} {{ 'a\nb'.splitlines(true) }} {{ 'a\\u2028b\\x0bc\\x1cd\\x85e'.splitlines() }}",
            "['a', 'b', 'c', 'd'] ['a'] [''] [] ['a\\n', 'b'] ['a', 'b', 'c', 'd', 'e']",
        ),
        (
            "{{ '  a '.strip() }}|{{ '  a '.lstrip() }}|{{ '  a '.rstrip() }}|{{ 'xyaxy'.strip('yx') }}|{{ 'xya'.lstrip('y') }}|{{ 'aé'.rstrip('é') }}|{{ 'aaa'.strip('a') }}|{{ 'a'.strip('') }}",
            "a|a |  a|a|xya|a||a",
        ),
        (
            "{{ 'abc'.removeprefix('ab') }} {{ 'abc'.removeprefix('bc') }} {{ 'abc'.removesuffix('bc') }} {{ 'abc'.removesuffix('') }} {{ 'aa'.removeprefix('a') }}",
            "c abc a abc a",
        ),
        (
            "[{{ 'é'.ljust(3) }}] [{{ 'é'.rjust(3, '*') }}] [{{ 'é'.center(4, '-') }}] [{{ 'ab'.center(5, '-') }}] [{{ 'abc'.ljust(2) }}] [{{ '-5'.zfill(4) }}] [{{ '+5'.zfill(4) }}] [{{ 'é'.zfill(3) }}] [{{ '5'.zfill(1) }}] [{{ ''.zfill(2) }}] [{{ '--5'.zfill(5) }}]",
            "[é  ] [**é] [-é--] [--ab-] [abc] [-005] [+005] [00é] [5] [00] [-00-5]",
        ),
        (
            "{{ 'a\\tb'.expandtabs() }}|{{ 'a\\tb'.expandtabs(4) }}|{{ 'abcd\\tb'.expandtabs(4) }}|{{ 'a\\tb'.expandtabs(0) }}|{{ 'a\nb\\tc'.expandtabs(4) }}|{{ '\\t'.expandtabs(1) }}",
            "a       b|a   b|abcd    b|ab|a\nb   c| ",
        ),
        ("{{ '-'.join(['a', 'b']) }} {{ ''.join([]) }} {{ ','.join('abc') }} {{ ', '.join(d) }}", "a-b  a,b,c b, a, C"),
        (
            "{{ 'aBc'.swapcase() }} {{ 'ß'.casefold() }} {{ 'Hello'.upper() }} {{ 'abc'.title() }} {{ \"they're\".title() }} {{ 'ABC'.capitalize() }}",
            "AbC ss HELLO Abc They'Re Abc",
        ),
        ("{{ 'abc'.translate({97: 'x', 98: none, 99: 0x2603}) }} {{ 'abc'.translate({}) }}", "x☃ abc"),
        (
            "{{ 'abc'.isalpha() }} {{ 'ab1'.isalpha() }} {{ ''.isalpha() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ '½'.isnumeric() }} {{ '½'.isdigit() }} {{ 'a1'.isalnum() }} {{ 'a '.isalnum() }} {{ ' \\t'.isspace() }} {{ ''.isspace() }} {{ 'é'.isascii() }} {{ ''.isascii() }} {{ 'a_1'.isidentifier() }} {{ '1a'.isidentifier() }} {{ ''.isidentifier() }} {{ 'a\n'.isprintable() }} {{ ''.isprintable() }} {{ 'Ab C'.istitle() }} {{ 'AB'.istitle() }} {{ 'aB'.islower() }} {{ 'A1'.isupper() }}",
            "True False False True True False True False True False True False False True True False False False True True False False True",
        ),
    ]);
}

#[test]
fn lists_and_dicts_change_in_place() {
    prints(&[
        (
            "{% set x = [1, 2, 3] %}{{ x.append(4) }}{{ x.insert(0, 'a') }}{{ x.insert(99, 'z') }}{{ x.insert(-1, 'y') }}{{ x }}",
            "NoneNoneNoneNone['a', 1, 2, 3, 4, 'y', 'z']",
        ),
        ("{% set x = [1, 2, 3] %}{{ x.pop() }}{{ x.pop(0) }}{{ x.pop(-1) }}{{ x }}", "312[]"),
        (
            "{% set x = [1, 2, 1] %}{{ x.remove(1) }}{{ x }}{{ x.index(1) }}{{ x.count(1) }}{{ x.reverse() }}{{ x }}{{ x.clear() }}{{ x }}",
            "None[2, 1]11None[1, 2]None[]",
        ),
        (
            "{% set x = [3, 1, 2] %}{{ x.sort() }}{{ x }}{{ x.sort(reverse=true) }}{{ x }}{{ x.extend('ab') }}{{ x }}{{ x.copy() == x }}{{ x.copy() is sameas x }}",
            "None[1, 2, 3]None[3, 2, 1]None[3, 2, 1, 'a', 'b']TrueFalse",
        ),
        ("{% set x = [1, 2, 3, 1] %}{{ x.index(1, 1) }}{{ x.index(3, 0, 3) }}{{ x.index(1, -1) }}", "323"),
        (
            "{% set x = {'a': 1} %}{{ x.update({'b': 2}) }}{{ x.update(c=3) }}{{ x.update([('d', 4)]) }}{{ x }}{{ x.pop('a') }}{{ x.pop('zz', 'none') }}{{ x.popitem() }}{{ x }}",
            "NoneNoneNone{'a': 1, 'b': 2, 'c': 3, 'd': 4}1none('d', 4){'b': 2, 'c': 3}",
        ),
        (
            "{% set x = {'a': 1} %}{{ x.setdefault('a', 5) }}{{ x.setdefault('b', 6) }}{{ x.setdefault('c') }}{{ x.get('zz') }}{{ x.get('zz', 7) }}{{ x }}{{ x.copy() }}{{ x.clear() }}{{ x }}",
            "16NoneNone7{'a': 1, 'b': 6, 'c': None}{'a': 1, 'b': 6, 'c': None}None{}",
        ),
        (
            "{% set x = {'a': 1} %}{% set y = x.keys() %}{{ y }}{{ x.update(b=2) }}{{ y }}{{ y|length }}{{ x.values()|list }}{{ x.items()|list }}",
            "dict_keys(['a'])Nonedict_keys(['a', 'b'])2[1, 2][('a', 1), ('b', 2)]",
        ),
        (
            "{{ (1, 2, 1).count(1) }} {{ (1, 2).index(2) }} {{ range(3).index(2) }} {{ range(3).count(1) }} {{ range(1, 9, 2).start }} {{ range(1, 9, 2).stop }} {{ range(1, 9, 2).step }}",
            "2 1 2 1 1 9 2",
        ),
        (
            "{{ {'a': 1}.keys().isdisjoint(['b']) }} {{ {'a': 1}.keys().isdisjoint(['a']) }} {{ {'a': 1}.items().isdisjoint([('a', 1)]) }}",
            "True False False",
        ),
    ]);
}

#[test]
fn methods_that_python_refuses_fail() {
    fails(&[
        "{{ [].pop() }}",
        "{{ [1].pop(1) }}",
        "{{ [1].pop(-2) }}",
        "{{ [1].remove(2) }}",
        "{{ [1].index(2) }}",
        "{{ [1, 1].index(1, 2) }}",
        "{{ [1].insert('a', 1) }}",
        "{{ [1, 'a'].sort() }}",
        "{{ [1].extend(5) }}",
        "{{ [1].append() }}",
        "{{ [1].append(1, 2) }}",
        "{{ {}.popitem() }}",
        "{{ {}.pop('a') }}",
        "{{ {}.update(5) }}",
        "{{ {}.update([1]) }}",
        "{{ {}.update([(1, 2, 3)]) }}",
        "{{ {}.get() }}",
        "{{ (1,).index(2) }}",
        "{{ 'a'.index('b') }}",
        "{{ 'a'.rindex('b') }}",
        "{{ 'a'.split('') }}",
        "{{ 'a'.partition('') }}",
        "{{ 'a'.find(1) }}",
        "{{ 'a'.startswith(1) }}",
        "{{ 'a'.startswith([1]) }}",
        "{{ 'a'.startswith(('b', 1)) }}",
        "{{ ','.join([1]) }}",
        "{{ ','.join(5) }}",
        "{{ 'a'.center() }}",
        "{{ 'a'.center(3, 'xy') }}",
        "{{ 'a'.zfill('x') }}",
        "{{ 'a'.strip(1) }}",
        "{{ 'a'.upper(1) }}",
        "{{ 'a'.nope() }}",
        "{{ n.upper() }}",
        "{{ none.upper() }}",
        "{{ (1).nope() }}",
        "{{ range(3).append(1) }}",
        "{{ (1, 2).append(3) }}",
    ]);
}

#[test]
fn ranges_and_globals_take_what_python_takes() {
    prints(&[
        (
            "{{ range(3)|list }} {{ range(1, 3)|list }} {{ range(3, 1)|list }} {{ range(3, 0, -1)|list }} {{ range(0, 7, 3)|list }} {{ range(0)|list }} {{ range(-2)|list }} {{ range(true)|list }} {{ range(5, 5, -1)|list }}",
            "[0, 1, 2] [1, 2] [] [3, 2, 1] [0, 3, 6] [] [] [0] []",
        ),
        (
            "{{ range(3) }} {{ range(1, 3) }} {{ range(1, 9, 2) }} {{ range(100000)|length }}",
            "range(0, 3) range(1, 3) range(1, 9, 2) 100000",
        ),
        (
            "{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}",
            "1221None1",
        ),
        ("{% set j = joiner('|') %}{{ j() }}a{{ j() }}b{{ j() }}", "a|b|"),
        (
            "{% set ns = namespace(a=1, b='x') %}{% set ns.a = ns.a + 1 %}{% set ns.c = [ns.a] %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns.nope }}",
            "2x[2]",
        ),
        ("{{ dict() }} {{ dict(a=1) }} {{ dict([(1, 2)]) }} {{ dict(['ab']) }}", "{} {'a': 1} {1: 2} {'a': 'b'}"),
    ]);
}

#[test]
fn globals_that_python_refuses_fail() {
    fails(&[
        "{{ range() }}",
        "{{ range(1, 2, 0) }}",
        "{{ range(1, 2, 3, 4) }}",
        "{{ range('a') }}",
        "{{ range(1.0) }}",
        "{{ range(none) }}",
        "{{ range(100001) }}",
        "{{ range(0, 200002, 2) }}",
        "{{ range(stop=3) }}",
        "{{ cycler() }}",
        "{{ dict(5) }}",
        "{{ dict([1]) }}",
        "{{ dict({}, {}) }}",
        "{{ joiner('a', 'b') }}",
    ]);
}

#[test]
fn text_shows_itself_as_python_prints_it() {
    prints(&[
        (
            "{{ ['a', \"it's\", 'say \"hi\"', 'both \\' and \"', 'b\\\\s'] }}",
            "['a', \"it's\", 'say \"hi\"', 'both \\' and \"', 'b\\\\s']",
        ),
        (
            "{{ ['\\n\\r\\t', '\\x00\\x1f\\x7f', '\\x80\\xa0\\xad', 'é☃', '\\u200b\\ufeff', '😀\\U000e0001'] }}",
            "['\\n\\r\\t', '\\x00\\x1f\\x7f', '\\x80\\xa0\\xad', 'é☃', '\\u200b\\ufeff', '😀\\U000e0001']",
        ),
        (
            "{{ [1.0, 1e16, 1e-5, -0.0, 1.5, none, true, (1,), (), [], {}, {'a': (1, 2)}] }}",
            "[1.0, 1e+16, 1e-05, -0.0, 1.5, None, True, (1,), (), [], {}, {'a': (1, 2)}]",
        ),
        (
            "{{ 'é'.encode() }} {{ 'é'.encode().decode() }} {{ \"a'b\".encode() }} {{ '\\n\\x00\"'.encode() }} {{ 'abc'.encode('ascii') }} {{ 'é'.encode('ascii', 'ignore') }} {{ 'é'.encode('ascii', 'replace') }}",
            "b'\\xc3\\xa9' é b\"a'b\" b'\\n\\x00\"' b'abc' b'' b'?'",
        ),
    ]);
}

#[test]
fn whitespace_goes_where_a_sign_asks_for_it() {
    prints(&[
        ("a  {{- 1 -}}  b|a  {{ 1 }}  b|a {{- 1 }} b|a {{ 1 -}} b", "a1b|a  1  b|a1 b|a 1b"),
        ("a\n {%- if 1 -%} \n b \n{%- endif -%}\nc", "abc"),
        ("a\n{% if 1 %}\nb\n{% endif %}\nc", "a\n\nb\n\nc"),
        ("a {#- x -#} b {# y #} c {#- z #} d", "ab  c d"),
        (
            "{% raw -%}  {{ x }}  {%- endraw %} b|{% raw %} {% x %} {% endraw %}|{%- raw %} a {% endraw -%} b",
            "{{ x }} b| {% x %} | a b",
        ),
        (
            "{{ '}}' }}{{ \"%}\" }}{{ {'a': {'b': 1}}}}{{ [[1]] }}{% set x = {'a': 1} %}{{ x }}",
            "}}%}{'a': {'b': 1}}[[1]]{'a': 1}",
        ),
        ("{ { {{ 1 }} } }{ %{% if 1 %}%{% endif %}# }{#}#}x{##}y", "{ { 1 } }{ %%# }xy"),
        (
            "a\\x b {{ 'a\\x41\\u00e9\\U0001F600\\101\\0' == 'aA\\xe9😀A\\x00' }} {{ \"a\\'b\\\"c\\\\d\\qe\" }} {{ 'a\\\nb' }}",
            "a\\x b True a'b\"c\\d\\qe ab",
        ),
        ("\n\na\n\n", "\n\na\n"),
        (
            "{{ 1_000 }} {{ 0x_ff }} {{ 0XFF }} {{ 0b1_0 }} {{ 0o7 }} {{ 1e3 }} {{ 1E-3 }} {{ 1.5e+2 }} {{ 1_0.5_0 }} {{ 00 }} {{ 0_0 }}",
            "1000 255 255 2 7 1000.0 0.001 150.0 10.5 0 0",
        ),
        ("{{ 1 if true }}{{ 1 if false }}{{ 1 if false else 2 if true else 3 }}{{ (1 if true else 2) + 1 }}", "122"),
        (
            "{{ not true or true }} {{ not (true or true) }} {{ 1 or 2 and 0 }} {{ 1 + 2 * 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 10 - 4 - 3 }} {{ 2 * 3 % 4 }} {{ 1 < 2 == 2 }} {{ not 1 == 2 }} {{ -1|abs }} {{ 1 + -1|abs }} {{ 'a' ~ 'b'|upper }}",
            "True False 1 19 4 64 3 2 True True 1 2 aB",
        ),
    ]);
}

#[test]
fn sources_that_jinja2_refuses_fail() {
    fails(&[
        "{{",
        "{{ 1",
        "{{ 1 }",
        "{% if 1",
        "{% if 1 %}",
        "{% endfor %}",
        "{% if 1 %}{% endfor %}",
        "{% for x in l %}{% else %}{% else %}{% endfor %}",
        "{% for x l %}{% endfor %}",
        "{% for in l %}{% endfor %}",
        "{% set x %}",
        "{% set x 1 %}",
        "{% set 5 = x %}",
        "{{ 'a }}",
        "{{ \"a }}",
        "{{ 'a\\x4' }}",
        "{{ 'a\\u12' }}",
        "{{ 1__0 }}",
        "{{ 0x }}",
        "{{ 0b2 }}",
        "{{ 09 }}",
        "{{ 1a }}",
        "{{ a..b }}",
        "{{ a.1b }}",
        "{{ (1, }}",
        "{{ [1 2] }}",
        "{{ {'a' 1} }}",
        "{{ {'a': } }}",
        "{{ f(a b) }}",
        "{{ f(,) }}",
        "{{ f(a=1, a=2) }}",
        "{{ f(*l, 1 }}",
        "{{ a | }}",
        "{{ a | 5 }}",
        "{{ a is }}",
        "{{ a is not }}",
        "{{ a not b }}",
        "{{ and a }}",
        "{{ a and }}",
        "{{ ? }}",
        "{{ a $ b }}",
        "{{ a & b }}",
        "{{ {% }}",
        "{% macro m( %}{% endmacro %}",
        "{% macro m(a b) %}{% endmacro %}",
        "{% macro m(1) %}{% endmacro %}",
        "{% call %}{% endcall %}",
        "{% call m %}{% endcall %}",
        "{% filter %}{% endfilter %}",
        "{% with a %}{% endwith %}",
        "{% block %}{% endblock %}",
        "{# a",
        "{% unknown %}",
    ]);
}
