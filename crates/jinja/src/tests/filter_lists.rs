//! Filters on lists and numbers at the edges of what they take: nothing, one, a last row that is not full, ties.

use super::{fails, prints};

#[test]
fn sums_and_extremes_start_where_they_are_told() {
    prints(&[
        ("{{ []|sum }}", "0"),
        ("{{ [1, 2.5]|sum }}", "3.5"),
        ("{{ [1, 2]|sum(start=10) }}", "13"),
        ("{{ rows|sum('age') }}", "87"),
        ("{{ rows|sum(attribute='age', start=0.5) }}", "87.5"),
        ("{{ [true, true]|sum }}", "2"),
        ("{{ [[1], [2]]|sum(start=[]) }}", "[1, 2]"),
        ("{{ []|min }}", ""),
        ("{{ []|max }}", ""),
        ("{{ [5]|min }}", "5"),
        ("{{ ['b', 'A']|min }}", "A"),
        ("{{ ['b', 'A']|min(case_sensitive=true) }}", "A"),
        ("{{ ['a', 'B']|max }}", "B"),
        ("{{ ['a', 'B']|max(true) }}", "a"),
        ("{{ rows|max(attribute='age') }}", "{'name': 'alice', 'age': 31, 'team': 'red'}"),
        ("{{ rows|min(attribute='name') }}", "{'name': 'alice', 'age': 31, 'team': 'red'}"),
        ("{{ [1, 1.0, true]|max }}", "1"),
        ("{{ [1, 1.0, true]|min }}", "1"),
        ("{{ 'hello'|max }}", "o"),
        ("{{ d|min }}", "a"),
    ]);
}

#[test]
fn first_last_and_length_of_what_is_empty() {
    prints(&[
        ("{{ []|first is undefined }}", "True"),
        ("{{ []|last is undefined }}", "True"),
        ("{{ ''|first }}", ""),
        ("{{ 'é☃'|first }}", "é"),
        ("{{ 'é☃'|last }}", "☃"),
        ("{{ d|first }}", "b"),
        ("{{ d|last }}", "C"),
        ("{{ range(3)|last }}", "2"),
        ("{{ (1, 2)|last }}", "2"),
        ("{{ {}|length }}", "0"),
        ("{{ 'é☃😀'|length }}", "3"),
        ("{{ range(0, 10, 3)|length }}", "4"),
        ("{{ range(10, 0, -3)|length }}", "4"),
        ("{{ range(5, 5)|length }}", "0"),
        ("{{ ()|count }}", "0"),
    ]);
}

#[test]
fn batches_and_slices_fill_their_last_row() {
    prints(&[
        ("{{ range(7)|batch(3)|list }}", "[[0, 1, 2], [3, 4, 5], [6]]"),
        ("{{ range(6)|batch(3)|list }}", "[[0, 1, 2], [3, 4, 5]]"),
        ("{{ range(7)|batch(3, 'x')|list }}", "[[0, 1, 2], [3, 4, 5], [6, 'x', 'x']]"),
        ("{{ range(6)|batch(3, 'x')|list }}", "[[0, 1, 2], [3, 4, 5]]"),
        ("{{ []|batch(3, 'x')|list }}", "[]"),
        ("{{ range(2)|batch(1)|list }}", "[[0], [1]]"),
        ("{{ 'abcde'|batch(2)|list }}", "[['a', 'b'], ['c', 'd'], ['e']]"),
        ("{{ range(7)|slice(3)|list }}", "[[0, 1, 2], [3, 4], [5, 6]]"),
        ("{{ range(7)|slice(3, 'x')|list }}", "[[0, 1, 2], [3, 4, 'x'], [5, 6, 'x']]"),
        ("{{ range(6)|slice(3, 'x')|list }}", "[[0, 1, 'x'], [2, 3, 'x'], [4, 5, 'x']]"),
        ("{{ range(2)|slice(3)|list }}", "[[0], [1], []]"),
        ("{{ range(2)|slice(3, 'x')|list }}", "[[0], [1], ['x']]"),
        ("{{ []|slice(2)|list }}", "[[], []]"),
        ("{{ []|slice(2, 'x')|list }}", "[['x'], ['x']]"),
        ("{{ range(1)|slice(1)|list }}", "[[0]]"),
    ]);
}

#[test]
fn sorting_is_stable_and_minds_case_when_told() {
    prints(&[
        ("{{ []|sort }}", "[]"),
        ("{{ [2, 1]|sort(true) }}", "[2, 1]"),
        ("{{ ['b', 'a', 'B', 'A']|sort }}", "['a', 'A', 'b', 'B']"),
        ("{{ ['b', 'a', 'B', 'A']|sort(reverse=true) }}", "['b', 'B', 'a', 'A']"),
        ("{{ ['b', 'a', 'B', 'A']|sort(case_sensitive=true) }}", "['A', 'B', 'a', 'b']"),
        ("{{ rows|sort(attribute='age')|map(attribute='name')|list }}", "['Bob', 'alice', 'carol']"),
        ("{{ rows|sort(attribute='age', reverse=true)|map(attribute='name')|list }}", "['alice', 'carol', 'Bob']"),
        ("{{ rows|sort(attribute='age,name')|map(attribute='name')|list }}", "['Bob', 'alice', 'carol']"),
        ("{{ rows|sort(attribute='team')|map(attribute='name')|list }}", "['Bob', 'alice', 'carol']"),
        (
            "{{ rows|sort(attribute='team', case_sensitive=true)|map(attribute='name')|list }}",
            "['carol', 'Bob', 'alice']",
        ),
        ("{{ [[2, 'a'], [1, 'b'], [1, 'a']]|sort }}", "[[1, 'a'], [1, 'b'], [2, 'a']]"),
        ("{{ [[2, 'a'], [1, 'b'], [1, 'a']]|sort(attribute='1,0') }}", "[[1, 'a'], [2, 'a'], [1, 'b']]"),
        ("{{ [[2, 'a'], [1, 'b'], [1, 'a']]|sort(attribute=1) }}", "[[2, 'a'], [1, 'a'], [1, 'b']]"),
        ("{{ [1, true, 0.5, false]|sort }}", "[False, 0.5, 1, True]"),
        ("{{ 'hello'|sort|join }}", "ehllo"),
        ("{{ {'b': 1, 'a': 2}|sort }}", "['a', 'b']"),
        ("{{ {'b': 1, 'a': 2}|dictsort }}", "[('a', 2), ('b', 1)]"),
        ("{{ {'b': 1, 'A': 2}|dictsort }}", "[('A', 2), ('b', 1)]"),
        ("{{ {'b': 1, 'A': 2}|dictsort(true) }}", "[('A', 2), ('b', 1)]"),
        ("{{ {'b': 1, 'a': 2}|dictsort(by='value') }}", "[('b', 1), ('a', 2)]"),
        ("{{ {'b': 1, 'a': 2}|dictsort(false, 'value', true) }}", "[('a', 2), ('b', 1)]"),
        ("{{ {}|dictsort }}", "[]"),
    ]);
}

#[test]
fn groups_and_unique_items_come_in_order() {
    prints(&[
        (
            "{% for g in rows|groupby('age') %}{{ g.grouper }}:{{ g.list|map(attribute='name')|join(',') }};{% endfor %}",
            "25:Bob;31:alice,carol;",
        ),
        ("{% for k, v in rows|groupby('team') %}{{ k }}:{{ v|length }};{% endfor %}", "blue:1;red:2;"),
        (
            "{% for k, v in rows|groupby('team', case_sensitive=true) %}{{ k }}:{{ v|length }};{% endfor %}",
            "Red:1;blue:1;red:1;",
        ),
        ("{% for k, v in [{'a': 1}, {}]|groupby('a', default=0) %}{{ k }}:{{ v|length }};{% endfor %}", "0:1;1:1;"),
        ("{{ []|groupby('a') }}", "[]"),
        ("{{ [1, 2, 1, 1.0, true]|unique|list }}", "[1, 2]"),
        ("{{ ['a', 'A', 'b']|unique|list }}", "['a', 'b']"),
        ("{{ ['a', 'A', 'b']|unique(true)|list }}", "['a', 'A', 'b']"),
        ("{{ rows|unique(attribute='age')|map(attribute='name')|list }}", "['alice', 'Bob']"),
        ("{{ rows|unique(attribute='team')|map(attribute='name')|list }}", "['alice', 'Bob']"),
        ("{{ []|unique|list }}", "[]"),
        ("{{ 'hello'|unique|join }}", "helo"),
    ]);
}

#[test]
fn choosing_takes_what_holds_and_leaves_the_rest() {
    prints(&[
        ("{{ [0, 1, '', 'a', none, []]|select|list }}", "[1, 'a']"),
        ("{{ [0, 1, '', 'a', none, []]|reject|list }}", "[0, '', None, []]"),
        ("{{ range(6)|select('odd')|list }}", "[1, 3, 5]"),
        ("{{ range(6)|reject('odd')|list }}", "[0, 2, 4]"),
        ("{{ range(6)|select('divisibleby', 3)|list }}", "[0, 3]"),
        ("{{ range(6)|select('gt', 3)|list }}", "[4, 5]"),
        ("{{ range(6)|select('>=', 4)|list }}", "[4, 5]"),
        ("{{ range(6)|reject('in', [1, 2])|list }}", "[0, 3, 4, 5]"),
        ("{{ rows|selectattr('age', 'eq', 31)|map(attribute='name')|list }}", "['alice', 'carol']"),
        ("{{ rows|rejectattr('age', 'eq', 31)|map(attribute='name')|list }}", "['Bob']"),
        ("{{ rows|selectattr('nope')|list }}", "[]"),
        ("{{ rows|rejectattr('nope')|map(attribute='age')|list }}", "[31, 25, 31]"),
        ("{{ rows|selectattr('nope', 'undefined')|list|length }}", "3"),
        ("{{ [{'a': {'b': 1}}, {'a': {'b': 0}}]|selectattr('a.b')|list }}", "[{'a': {'b': 1}}]"),
        ("{{ [[0, 1], [1, 0]]|selectattr(0)|list }}", "[[1, 0]]"),
        ("{{ none|select|list }}", "[]"),
        ("{{ ''|select|list }}", "[]"),
        ("{{ rows|map(attribute='nope', default='-')|list }}", "['-', '-', '-']"),
        ("{{ ['a', 'b']|map('upper')|join }}", "AB"),
        ("{{ ['1', 'x']|map('int', default=7)|list }}", "[1, 7]"),
        ("{{ ['a']|map('replace', 'a', 'b')|list }}", "['b']"),
        ("{{ [' a ']|map('trim')|map('upper')|list }}", "['A']"),
        ("{{ []|map('upper')|list }}", "[]"),
    ]);
}

#[test]
fn sizes_of_files_turn_to_the_next_unit_in_time() {
    prints(&[
        (
            "{{ 999|filesizeformat }}|{{ 1000|filesizeformat }}|{{ 999999|filesizeformat }}|{{ 1000000|filesizeformat }}",
            "999 Bytes|1.0 kB|1000.0 kB|1.0 MB",
        ),
        (
            "{{ 1023|filesizeformat(true) }}|{{ 1024|filesizeformat(true) }}|{{ 1048575|filesizeformat(true) }}|{{ 1048576|filesizeformat(true) }}",
            "1023 Bytes|1.0 KiB|1024.0 KiB|1.0 MiB",
        ),
        (
            "{{ 1e9|filesizeformat }} {{ 1e12|filesizeformat }} {{ 1e15|filesizeformat }} {{ 1e18|filesizeformat }} {{ 1e21|filesizeformat }} {{ 1e24|filesizeformat }}",
            "1.0 GB 1.0 TB 1.0 PB 1.0 EB 1.0 ZB 1000.0 ZB",
        ),
        (
            "{{ (10**24)|filesizeformat }} {{ (10**27)|filesizeformat }} {{ (1024**8)|filesizeformat(true) }} {{ (1024**8 - 2**30)|filesizeformat(true) }} {{ 1e23|filesizeformat }}",
            "1000.0 ZB 1000.0 YB 1.0 YiB 1024.0 ZiB 100.0 ZB",
        ),
        (
            "{{ 1.5|filesizeformat }} {{ 2|filesizeformat }} {{ '1'|filesizeformat }} {{ true|filesizeformat }}",
            "1 Bytes 2 Bytes 1 Byte 1 Byte",
        ),
        ("{{ -5|filesizeformat }} {{ -5000|filesizeformat }}", "-5 Bytes -5000 Bytes"),
    ]);
}

#[test]
fn rounding_is_to_even_in_every_direction() {
    prints(&[
        ("{{ 0.5|round }} {{ 1.5|round }} {{ -0.5|round }} {{ -1.5|round }}", "0.0 2.0 -0.0 -2.0"),
        ("{{ 0.125|round(2) }} {{ 0.375|round(2) }} {{ 2.5|round(0) }}", "0.12 0.38 2.0"),
        (
            "{{ 15|round(-1) }} {{ 25|round(-1) }} {{ -15|round(-1) }} {{ 14|round(-1) }} {{ 16|round(-1) }}",
            "20 20 -20 10 20",
        ),
        (
            "{{ 15.0|round(-1) }} {{ 25.0|round(-1) }} {{ 25.1|round(-1) }} {{ 4.9|round(-1) }} {{ 5|round(-2) }}",
            "20.0 20.0 30.0 0.0 0",
        ),
        (
            "{{ 50|round(-2) }} {{ 51|round(-2) }} {{ 150|round(-2) }} {{ -51|round(-2) }} {{ -50.0|round(-2) }}",
            "0 100 200 -100 -0.0",
        ),
        (
            "{{ 1.21|round(1, 'ceil') }} {{ 1.29|round(1, 'floor') }} {{ -1.21|round(1, 'ceil') }} {{ -1.21|round(1, 'floor') }}",
            "1.3 1.2 -1.2 -1.3",
        ),
        (
            "{{ 2|round(0, 'ceil') }} {{ 2.0|round(0, 'floor') }} {{ 21|round(-1, 'ceil') }} {{ 29|round(-1, 'floor') }}",
            "2.0 2.0 30.0 20.0",
        ),
        ("{{ big|round(-5) }} {{ big|round(-40) }} {{ 1e20|round(-19) }}", "123456789012345678901234600000 0 1e+20"),
        ("{{ true|round }} {{ 2.7|round(none) }} {{ 1.5|round(400) }} {{ 1.5|round(-400) }}", "1 3 1.5 0.0"),
    ]);
}

#[test]
fn text_becomes_numbers_as_python_reads_them() {
    prints(&[
        ("{{ '1_000'|int }} {{ '_1'|int }} {{ '1_'|int }} {{ '1__0'|int }}", "1000 0 0 0"),
        ("{{ '\\u2003 7 \\u00a0'|int }} {{ '7 7'|int(1) }} {{ '--7'|int(1) }} {{ '+-7'|int(1) }}", "7 1 1 1"),
        (
            "{{ '0b1'|int(base=0) }} {{ '0x1F'|int(base=0) }} {{ '0o17'|int(base=0) }} {{ '10'|int(base=0) }} {{ '010'|int(-1, 0) }}",
            "1 31 15 10 10",
        ),
        (
            "{{ 'z'|int(base=36) }} {{ 'z'|int(-1, 35) }} {{ '1'|int(-1, 1) }} {{ '1'|int(-1, 37) }} {{ '9'|int(-1, 8) }}",
            "35 -1 1 1 9",
        ),
        ("{{ '-0x1f'|int(base=16) }} {{ '-ff'|int(base=16) }} {{ '0b11'|int(base=16) }}", "-31 -255 2833"),
        ("{{ '1.9'|int }} {{ '-1.9'|int }} {{ '1e2'|int }} {{ '.5'|int }} {{ '5.'|int }}", "1 -1 100 0 5"),
        (
            "{{ '1_0.5'|float }} {{ '1.e3'|float }} {{ '.5'|float }} {{ '5.'|float }} {{ '.'|float(9) }} {{ 'e5'|float(9) }}",
            "10.5 1000.0 0.5 5.0 9 9",
        ),
        (
            "{{ 'Infinity'|float }} {{ '-INF'|float }} {{ 'nan'|float }} {{ 'infinit'|float(9) }} {{ '0x10'|float(9) }}",
            "inf -inf nan 9 9",
        ),
        (
            "{{ '1e400'|float }} {{ '1e-400'|float }} {{ '٣.٥'|float }} {{ '1 2'|float(9) }} {{ '1_'|float(9) }}",
            "inf 0.0 3.5 9 9",
        ),
        (
            "{{ '123456789012345678901234567890'|int }} {{ 1e20|int }} {{ -1e20|int }} {{ 1.9|int }} {{ -1.9|int }}",
            "123456789012345678901234567890 100000000000000000000 -100000000000000000000 1 -1",
        ),
    ]);
}

#[test]
fn json_has_its_keys_in_order_and_no_markup() {
    prints(&[
        ("{{ {'b': 1, 'a': [true, none, 1.0]}|tojson }}", "{\"a\": [true, null, 1.0], \"b\": 1}"),
        (
            "{{ {'b': {'d': 1, 'c': 2}, 'a': []}|tojson(2) }}",
            "{\n  \"a\": [],\n  \"b\": {\n    \"c\": 2,\n    \"d\": 1\n  }\n}",
        ),
        ("{{ [[], {}, [[]]]|tojson(1) }}", "[\n [],\n {},\n [\n  []\n ]\n]"),
        ("{{ [1, [2]]|tojson(0) }}", "[\n1,\n[\n2\n]\n]"),
        ("{{ {1: 'a', 2.5: 'b'}|tojson }}", "{\"1\": \"a\", \"2.5\": \"b\"}"),
        ("{{ {true: 1, 0: 2}|tojson }}", "{\"0\": 2, \"true\": 1}"),
        ("{{ '</script>&\\''|tojson }}", "\"\\u003c/script\\u003e\\u0026\\u0027\""),
        ("{{ '\"\\\\/\\b\\f\\n\\r\\t\\x00\\x1f\\x7f'|tojson }}", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\""),
        ("{{ 'é☃😀'|tojson }}", "\"\\u00e9\\u2603\\ud83d\\ude00\""),
        ("{{ ''|tojson }}", "\"\""),
        (
            "{{ 1e400|tojson }} {{ -0.0|tojson }} {{ 1e16|tojson }} {{ big|tojson }}",
            "Infinity -0.0 1e+16 123456789012345678901234567890",
        ),
        ("{{ {'a': 1}|tojson(indent='\\t') }}", "{\n\t\"a\": 1\n}"),
        ("{{ {'a': 1}|tojson(none) }}", "{\"a\": 1}"),
        ("{{ (1, (2,))|tojson }}", "[1, [2]]"),
    ]);
}

#[test]
fn pprint_breaks_lines_at_eighty_columns() {
    prints(&[
        ("{{ ('x' * 78)|pprint }}", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"),
        (
            "{{ ('x' * 79)|pprint }}",
            "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
        ),
        (
            "{{ (['x' * 37] * 2)|pprint }}",
            "['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',\n 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']",
        ),
        (
            "{{ (['x' * 38] * 2)|pprint }}",
            "['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',\n 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']",
        ),
        (
            "{{ ('x' * 76,)|pprint }}",
            "('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',)",
        ),
        (
            "{{ ('x' * 40, 'y' * 40)|pprint }}",
            "('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',\n 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')",
        ),
        (
            "{{ {'k': 'x' * 74}|pprint }}",
            "{'k': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}",
        ),
        (
            "{{ {'k': ['x' * 40, 'y' * 40]}|pprint }}",
            "{'k': ['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',\n       'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy']}",
        ),
        (
            "{{ ('aa bb ' * 20)|pprint }}",
            "('aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa '\n 'bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb ')",
        ),
        (
            "{{ ['aa bb ' * 20]|pprint }}",
            "['aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb aa '\n 'bb aa bb aa bb aa bb aa bb aa bb aa bb aa bb ']",
        ),
        (
            "{{ ('a\n' * 50)|pprint }}",
            "('a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n'\n 'a\\n')",
        ),
        (
            "{{ {2: 'x' * 40, 1: 'y' * 40, 'a': none}|pprint }}",
            "{1: 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy',\n 2: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',\n 'a': None}",
        ),
        ("{{ []|pprint }} {{ {}|pprint }} {{ ()|pprint }} {{ 1.0|pprint }} {{ 'é'|pprint }}", "[] {} () 1.0 'é'"),
    ]);
}

#[test]
fn arguments_that_jinja2_refuses_fail() {
    fails(&[
        "{{ 'a'|upper(1) }}",
        "{{ 'a'|truncate(2) }}",
        "{{ 'abcdefghijkl'|truncate(5, leeway=-1) }}",
        "{{ 'abc def'|truncate('x') }}",
        "{{ 5|wordwrap }}",
        "{{ 'a'|wordwrap(0) }}",
        "{{ 'a'|wordwrap(-1) }}",
        "{{ 'a'|wordwrap('x') }}",
        "{{ 5|indent }}",
        "{{ none|indent }}",
        "{{ 'a'|replace('a') }}",
        "{{ 'a'|replace('a', 'b', 'c') }}",
        "{{ 'a'|center('x') }}",
        "{{ 'a'|trim(5) }}",
        "{{ [1]|batch }}",
        "{{ 5|batch(2)|list }}",
        "{{ [1, 'a']|sort }}",
        "{{ [none, 1]|sort }}",
        "{{ [[1], 'a']|sort }}",
        "{{ {'a': 1, 'b': 'x'}|dictsort(by='value') }}",
        "{{ {'a': 1}|dictsort(by='nope') }}",
        "{{ 5|dictsort }}",
        "{{ [1, none]|max }}",
        "{{ [1, none]|sum }}",
        "{{ ['a', 'b']|sum }}",
        "{{ 5|first }}",
        "{{ 5|length }}",
        "{{ none|length }}",
        "{{ [{}]|unique|list }}",
        "{{ 5|unique|list }}",
        "{{ [1]|groupby }}",
        "{{ [{'a': 1}, {'a': 'x'}]|groupby('a') }}",
        "{{ [1]|map|list }}",
        "{{ [1]|select(5)|list }}",
        "{{ [1]|select('divisibleby')|list }}",
        "{{ [1]|selectattr|list }}",
        "{{ 'x'|filesizeformat }}",
        "{{ none|filesizeformat }}",
        "{{ 'a'|round }}",
        "{{ 1.5|round(1, 'up') }}",
        "{{ none|abs }}",
        "{{ 'a'|abs }}",
        "{{ {'a b': 1}|xmlattr }}",
        "{{ {'a/b': 1}|xmlattr }}",
        "{{ {'a>b': 1}|xmlattr }}",
        "{{ {'a=b': 1}|xmlattr }}",
        "{{ {1: 1}|xmlattr }}",
        "{{ 5|xmlattr }}",
        "{{ [1, 2]|urlencode }}",
        "{{ [(1, 2, 3)]|urlencode }}",
        "{{ 'http://a.example.com'|urlize(extra_schemes=['x']) }}",
        "{{ 'tel:1'|urlize(extra_schemes=['http']) }}",
        "{{ {(1, 2): 3}|tojson }}",
        "{{ {none: 1, 'a': 2}|tojson }}",
        "{{ [nope]|tojson }}",
    ]);
}
