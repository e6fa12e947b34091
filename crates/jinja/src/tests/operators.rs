//! Operators, subscripts and tests at the edges: beyond 64 and 128 bits, beyond both ends, equal keys.

use super::{fails, prints};

#[test]
fn numbers_of_every_kind_are_compared_exactly() {
    prints(&[
        (
            "{{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }} {{ 9007199254740991 < 9007199254740992.0 }}",
            "False True True",
        ),
        (
            "{{ 2 ** 53 == 2.0 ** 53 }} {{ 2 ** 53 + 1 == 2.0 ** 53 }} {{ 2 ** 127 == 2.0 ** 127 }} {{ 2 ** 128 == 2.0 ** 128 }} {{ 2 ** 128 + 1 > 2.0 ** 128 }}",
            "True False True True True",
        ),
        (
            "{{ 1 < 1.5 }} {{ 2 > 1.5 }} {{ -1 > -1.5 }} {{ -2 < -1.5 }} {{ -1 < -1.5 }} {{ 1.5 <= 1 }} {{ 1.5 >= 2 }}",
            "True True True True False False False",
        ),
        (
            "{{ (e ~ 'inf')|float > big }} {{ (e ~ '-inf')|float < -big }} {{ (e ~ 'nan')|float == (e ~ 'nan')|float }} {{ (e ~ 'nan')|float != 1 }} {{ (e ~ 'nan')|float < 1 }}",
            "True True False True False",
        ),
        (
            "{{ 0.0 == -0.0 }} {{ true < 2 }} {{ false == 0.0 }} {{ true == 2 }} {{ 10 ** 400 > 1e308 }} {{ -(10 ** 400) < -1e308 }}",
            "True True True False True True",
        ),
        (
            "{{ 'a' < 'b' }} {{ 'a' < 'B' }} {{ '' < 'a' }} {{ 'ab' < 'abc' }} {{ 'é' > 'z' }} {{ '😀' > '\\uffff' }} {{ 'a' == 1 }} {{ 'a' != none }}",
            "True False True True True True False True",
        ),
        (
            "{{ [1, 2] < [1, 3] }} {{ [1] < [1, 0] }} {{ [] < [0] }} {{ [2] > [1, 9] }} {{ (1, 2) <= (1, 2) }} {{ (1, 2) < (1, 2) }} {{ [[1], 2] < [[1], 3] }}",
            "True True True True True False True",
        ),
        (
            "{{ [1, 'a'] == [1, 'a'] }} {{ [1] == (1,) }} {{ {'a': 1} == {'a': 1.0} }} {{ {'a': 1} == {'b': 1} }} {{ {'a': 1} == {'a': 1, 'b': 2} }} {{ {} == [] }}",
            "True False True False False False",
        ),
        (
            "{{ range(3) == range(0, 3) }} {{ range(0) == range(5, 5) }} {{ range(0, 5, 2) == range(0, 6, 2) }} {{ range(3) == [0, 1, 2] }} {{ range(1) == range(0, 1, 5) }}",
            "True True True False True",
        ),
        (
            "{{ none == none }} {{ none == false }} {{ nope == nope2 }} {{ nope == none }} {{ nope != none }}",
            "True False True False True",
        ),
        (
            "{{ {'a': 1}.keys() == {'a': 2}.keys() }} {{ {'a': 1}.items() == {'a': 1}.items() }} {{ {'a': 1}.keys() == ['a'] }} {{ {'a': 1}.keys() < {'a': 1, 'b': 2}.keys() }}",
            "True True False True",
        ),
    ]);
}

#[test]
fn whole_numbers_have_no_end_and_floats_have() {
    prints(&[
        (
            "{{ 9223372036854775807 + 1 }} {{ -9223372036854775808 - 1 }} {{ 9223372036854775807 * 2 }} {{ -(-9223372036854775808) }}",
            "9223372036854775808 -9223372036854775809 18446744073709551614 9223372036854775808",
        ),
        (
            "{{ 170141183460469231731687303715884105727 + 1 }} {{ -170141183460469231731687303715884105728 - 1 }} {{ -(-170141183460469231731687303715884105728) }}",
            "170141183460469231731687303715884105728 -170141183460469231731687303715884105729 170141183460469231731687303715884105728",
        ),
        (
            "{{ (2 ** 200 + 1) % 2 ** 100 }} {{ -(2 ** 200) // 2 ** 100 }} {{ 2 ** 200 // -(2 ** 100) }} {{ (2 ** 200 + 1) // -(2 ** 100) }} {{ -(2 ** 200 + 1) % 2 ** 100 }}",
            "1 -1267650600228229401496703205376 -1267650600228229401496703205376 -1267650600228229401496703205377 1267650600228229401496703205375",
        ),
        (
            "{{ 2 ** 200 - 2 ** 200 }} {{ 2 ** 200 - 2 ** 200 + 1 == 1 }} {{ 2 ** 127 // 2 ** 126 }} {{ (2 ** 128) / (2 ** 127) }}",
            "0 True 2 2.0",
        ),
        (
            "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ -7 // -2 }} {{ 7 % 2 }} {{ -7 % 2 }} {{ 7 % -2 }} {{ -7 % -2 }} {{ 6 // -2 }} {{ 6 % -2 }} {{ 0 // 5 }}",
            "3 -4 -4 3 1 1 -1 -1 -3 0 0",
        ),
        (
            "{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % -2 }} {{ -7.5 % 2 }} {{ -0.0 % 2 }} {{ 0.0 // -2 }} {{ 1e308 // 1e-308 }} {{ 5.0 % 5 }} {{ -5.0 % 5 }}",
            "3.0 -4.0 -0.5 0.5 0.0 -0.0 inf 0.0 0.0",
        ),
        (
            "{{ 1 / 3 }} {{ 10 ** 30 / 3 }} {{ 10 ** 400 / 10 ** 399 }} {{ 1 / 10 ** 400 }} {{ 2 / 1 }} {{ -1 / 2 }} {{ 0 / 5 }} {{ 0 / -5 }}",
            "0.3333333333333333 3.333333333333333e+29 10.0 0.0 2.0 -0.5 0.0 -0.0",
        ),
        (
            "{{ 2 ** 0 }} {{ 0 ** 0 }} {{ 0 ** 5 }} {{ 1 ** big }} {{ (-2) ** 3 }} {{ (-2) ** 4 }} {{ 2 ** -2 }} {{ 2.0 ** 3 }} {{ 4 ** 0.5 }} {{ (-8) ** 3.0 }}",
            "1 1 0 1 -8 16 0.25 8.0 2.0 -512.0",
        ),
        (
            "{{ true + true }} {{ true * 5 }} {{ -true }} {{ +false }} {{ true / 2 }} {{ true ** 2 }} {{ true // 1 }} {{ true % 2 }}",
            "2 5 -1 0 0.5 1 1 1",
        ),
        (
            "{{ 0.1 + 0.2 }} {{ 1e308 * 10 }} {{ -1e308 * 10 }} {{ 1e308 - -1e308 }} {{ 5 - 5.0 }} {{ 1 + 1e16 }} {{ big + 0.5 }}",
            "0.30000000000000004 inf -inf inf 0.0 1e+16 1.2345678901234568e+29",
        ),
        (
            "{{ n.bit_length() }} {{ (0).bit_length() }} {{ (-255).bit_length() }} {{ (256).bit_length() }} {{ big.bit_length() }} {{ n.bit_count() }} {{ (-7).bit_count() }} {{ true.bit_length() }}",
            "6 0 8 9 97 3 3 1",
        ),
        (
            "{{ (1.5).as_integer_ratio() }} {{ (0.1).as_integer_ratio() }} {{ (-2.0).as_integer_ratio() }} {{ n.as_integer_ratio() }} {{ (2.5).is_integer() }} {{ (-3.0).is_integer() }}",
            "(3, 2) (3602879701896397, 36028797018963968) (-2, 1) (42, 1) False True",
        ),
    ]);
}

#[test]
fn operators_that_python_refuses_fail() {
    fails(&[
        "{{ 1 / 0 }}",
        "{{ 1 // 0 }}",
        "{{ 1 % 0 }}",
        "{{ 1.0 / 0 }}",
        "{{ 1.0 // 0 }}",
        "{{ 1.0 % 0 }}",
        "{{ big / 0 }}",
        "{{ big // 0 }}",
        "{{ big % 0 }}",
        "{{ 1 / false }}",
        "{{ 0 ** -1 }}",
        "{{ 0.0 ** -1 }}",
        "{{ 10.0 ** 400 }}",
        "{{ 10 ** 400 / 3 }}",
        "{{ 10 ** 400 + 0.5 }}",
        "{{ 10 ** 400 * 1.0 }}",
        "{{ 1 + 'a' }}",
        "{{ 'a' + 1 }}",
        "{{ 'a' - 'a' }}",
        "{{ 'a' * 'b' }}",
        "{{ 'a' * 1.5 }}",
        "{{ [1] * 1.5 }}",
        "{{ [1] + (1,) }}",
        "{{ [1] - [1] }}",
        "{{ {} + {} }}",
        "{{ none + 1 }}",
        "{{ -'a' }}",
        "{{ +[] }}",
        "{{ -none }}",
        "{{ 1 < 'a' }}",
        "{{ none < 1 }}",
        "{{ none < none }}",
        "{{ [1] < ['a'] }}",
        "{{ [1] < (1,) }}",
        "{{ {} < {} }}",
        "{{ true < 'a' }}",
        "{{ 1 in 5 }}",
        "{{ 1 in 'a' }}",
        "{{ none in none }}",
        "{{ [1] in {'a': 1} }}",
        "{{ {[1]: 1} }}",
        "{{ {{}: 1} }}",
        "{{ {(1, [2]): 1} }}",
    ]);
}

#[test]
fn repeating_and_joining_sequences() {
    prints(&[
        (
            "{{ 'ab' * 0 }}|{{ 'ab' * -1 }}|{{ 'ab' * 1 }}|{{ 3 * 'é' }}|{{ 'a' * true }}|{{ 'a' * false }}",
            "||ab|ééé|a|",
        ),
        (
            "{{ [1] * 0 }} {{ [1] * -5 }} {{ 2 * [1, 2] }} {{ (1,) * 2 }} {{ () * 9 }} {{ [] * 1000000 }}",
            "[] [] [1, 2, 1, 2] (1, 1) () []",
        ),
        (
            "{{ 'a' + '' + 'é' }} {{ [] + [1] }} {{ (1,) + () }} {{ 'a' ~ 1 ~ none ~ [] ~ 1.0 ~ true }}",
            "aé [1] (1,) a1None[]1.0True",
        ),
        (
            "{{ 'a' in 'abc' }} {{ '' in '' }} {{ '' in 'a' }} {{ 'é' in 'aé' }} {{ 'ab' in 'ba' }} {{ 1 in [1.0] }} {{ true in [1] }} {{ none in [none] }} {{ 'a' in {'a': none} }} {{ 1.0 in {1: 2} }} {{ 5 in range(5) }} {{ 4 in range(0, 5, 2) }} {{ 3 in range(0, 5, 2) }} {{ 'a' in range(3) }} {{ [1] in [[1]] }} {{ 2 not in (1, 2) }}",
            "True True True True False True True True True True False True False False True False",
        ),
    ]);
}

#[test]
fn slices_are_cut_to_what_there_is() {
    prints(&[
        (
            "{{ 'abcdef'[1:3] }}|{{ 'abcdef'[:2] }}|{{ 'abcdef'[4:] }}|{{ 'abcdef'[:] }}|{{ 'abcdef'[-2:] }}|{{ 'abcdef'[:-2] }}|{{ 'abcdef'[3:3] }}|{{ 'abcdef'[4:2] }}",
            "bc|ab|ef|abcdef|ef|abcd||",
        ),
        (
            "{{ 'abcdef'[::2] }}|{{ 'abcdef'[1::2] }}|{{ 'abcdef'[::-1] }}|{{ 'abcdef'[::-2] }}|{{ 'abcdef'[4:1:-1] }}|{{ 'abcdef'[1:4:-1] }}|{{ 'abcdef'[-1:-4:-1] }}",
            "ace|bdf|fedcba|fdb|edc||fed",
        ),
        (
            "{{ 'abcdef'[-99:99] }}|{{ 'abcdef'[99:] }}|{{ 'abcdef'[:-99] }}|{{ 'abcdef'[99::-1] }}|{{ 'abcdef'[:99:-1] }}|{{ 'abcdef'[-99::-1] }}|{{ 'abcdef'[:-99:-1] }}",
            "abcdef|||fedcba|||fedcba",
        ),
        (
            "{{ 'é☃x'[1:] }}|{{ 'é☃x'[::-1] }}|{{ 'é☃x'[-1] }}|{{ 'é☃x'[3] }}|{{ 'é☃x'[-4] }}|{{ 'é☃x'[-3] }}|{{ 'é☃x'[true] }}",
            "☃x|x☃é|x|||é|☃",
        ),
        (
            "{{ [1, 2, 3][none:2] }} {{ [1, 2, 3][true:] }} {{ (1, 2, 3)[::2] }} {{ [][:1] }} {{ [1, 2, 3][big:] }} {{ [1, 2, 3][-big:] }} {{ [1, 2, 3][::big] }} {{ [1, 2, 3][::-big] }}",
            "[1, 2] [2, 3] (1, 3) [] [] [1, 2, 3] [1] [3]",
        ),
        (
            "{{ range(10)[2:5] }} {{ range(10)[::-3] }} {{ range(0, 10, 2)[1:] }} {{ range(10)[-1] }} {{ range(10, 0, -2)[1] }} {{ range(3)[3] is undefined }} {{ range(3)[-3] }}",
            "range(2, 5) range(9, -1, -3) range(2, 10, 2) 9 8 True 0",
        ),
        (
            "{{ [1, 2, 3][2] }} {{ [1, 2, 3][3] is undefined }} {{ [1, 2, 3][-3] }} {{ [1, 2, 3][-4] is undefined }} {{ [1, 2, 3]['1'] is undefined }} {{ [1, 2, 3][1.0] is undefined }} {{ [1, 2, 3][big] is undefined }}",
            "3 True 1 True True True True",
        ),
    ]);
}

#[test]
fn slices_that_python_refuses_fail() {
    fails(&[
        "{{ s['a':] }}",
        "{{ s[1.5:] }}",
        "{{ s[::0] }}",
        "{{ l[::0] }}",
        "{{ l[::'a'] }}",
        "{{ d[1:] }}",
        "{{ n[1:] }}",
        "{{ nope[1:] }}",
    ]);
}

#[test]
fn keys_that_are_equal_are_one_key() {
    prints(&[
        (
            "{{ {1: 'a', 1.0: 'b', true: 'c'} }} {{ {'1': 'a', 1: 'b'} }} {{ {none: 1}[none] }} {{ {(1, 'a'): 2}[(1.0, 'a')] }} {{ {1.5: 'x'}[1.5] }} {{ {big: 1}[big] }}",
            "{1: 'c'} {'1': 'a', 1: 'b'} 1 2 x 1",
        ),
        (
            "{{ {0: 'a'}[-0.0] }} {{ {0: 'a'}[false] }} {{ {2 ** 100: 'x'}[2.0 ** 100] }} {{ {'a': 1}['b'] is undefined }} {{ {'a': 1}[1] is undefined }}",
            "a a x True True",
        ),
        (
            "{{ {'b': 1, 'a': 2, 'b': 3} }} {{ dict([('a', 1), ('a', 2)]) }} {{ dict(a=1, **{'b': 2}) }} {{ dict({'a': 1}, a=2) }}",
            "{'b': 3, 'a': 2} {'a': 2} {'a': 1, 'b': 2} {'a': 2}",
        ),
        (
            "{{ {'a': {'b': [1, {'c': 'd'}]}}.a.b[1].c }} {{ {'items': 1}['items'] }} {{ {'items': 1}.items is callable }} {{ {'x': 1}.x }} {{ {1: 2}.1 }}",
            "d 1 True 1 2",
        ),
    ]);
}

#[test]
fn tests_tell_types_and_shapes_apart() {
    prints(&[
        (
            "{{ 1 is integer }} {{ true is integer }} {{ 1.0 is integer }} {{ big is integer }} {{ '1' is integer }} {{ 1.0 is float }} {{ 1 is float }} {{ true is number }} {{ 1.5 is number }} {{ '1' is number }} {{ none is number }}",
            "True False False True False True False True True False False",
        ),
        (
            "{{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }} {{ none is none }} {{ nope is none }} {{ 0 is none }}",
            "True False True False True False True False False",
        ),
        (
            "{{ 'a' is string }} {{ ('a'|e) is string }} {{ 1 is string }} {{ 'a' is escaped }} {{ ('a'|e) is escaped }} {{ {} is mapping }} {{ [] is mapping }} {{ dict() is mapping }}",
            "True True False False True True False True",
        ),
        (
            "{{ [] is sequence }} {{ () is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ range(3) is sequence }} {{ 5 is sequence }} {{ none is sequence }} {{ nope is sequence }} {{ {}.keys() is sequence }}",
            "True True True True True False False True False",
        ),
        (
            "{{ [] is iterable }} {{ 'a' is iterable }} {{ {} is iterable }} {{ {}.items() is iterable }} {{ 5 is iterable }} {{ none is iterable }} {{ nope is iterable }} {{ ([]|map('int')) is iterable }}",
            "True True True True False False True True",
        ),
        (
            "{{ 4 is even }} {{ 4 is odd }} {{ -3 is odd }} {{ 0 is even }} {{ 2.0 is even }} {{ 1.5 is odd }} {{ 3.0 is odd }} {{ true is odd }} {{ big is even }}",
            "True False True True True False True True True",
        ),
        (
            "{{ 9 is divisibleby 3 }} {{ 9 is divisibleby(4) }} {{ 0 is divisibleby 5 }} {{ 1.5 is divisibleby 0.5 }} {{ -9 is divisibleby 3 }}",
            "True False True True True",
        ),
        (
            "{{ 'abc' is lower }} {{ 'aBc' is lower }} {{ 'ABC' is upper }} {{ '12' is lower }} {{ '' is upper }} {{ 'É' is upper }} {{ 'a1' is lower }}",
            "True False True False False True True",
        ),
        (
            "{{ 1 is lt 2 }} {{ 2 is lt 2 }} {{ 2 is le 2 }} {{ 3 is le 2 }} {{ 2 is gt 2 }} {{ 3 is gt 2 }} {{ 2 is ge 2 }} {{ 1 is ge 2 }} {{ 1 is lessthan 2 }} {{ 3 is greaterthan 2 }} {{ 1 is eq 1.0 }} {{ 1 is ne 1 }}",
            "True False True False False True True False True True True False",
        ),
        (
            "{{ range is callable }} {{ 'a'.upper is callable }} {{ 'a' is callable }} {{ nope is callable }} {{ joiner() is callable }} {{ cycler('a') is callable }} {{ namespace() is callable }}",
            "True True False True True False False",
        ),
        (
            "{{ 1 is sameas 1 }} {{ none is sameas none }} {{ true is sameas 1 }} {{ [] is sameas [] }} {{ l is sameas l }} {{ l is not sameas d }}",
            "True True False False True True",
        ),
        (
            "{{ 'a' is in 'abc' }} {{ 1 is in [2] }} {{ 1 is not in [2] }} {{ not 1 is in [2] }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }}",
            "True False True True True False True False",
        ),
        (
            "{{ nope is defined }} {{ n is defined }} {{ d.nope is defined }} {{ d.nope is undefined }} {{ none is defined }}",
            "False True False True True",
        ),
    ]);
}

#[test]
fn tests_that_jinja2_refuses_fail() {
    fails(&[
        "{{ 'a' is even }}",
        "{{ none is odd }}",
        "{{ 1 is divisibleby 0 }}",
        "{{ 1 is divisibleby 'a' }}",
        "{{ 1 is lt 'a' }}",
        "{{ none is gt 1 }}",
        "{{ 1 is in 5 }}",
        "{{ 1 is nope }}",
        "{{ 1 is integer(5) }}",
        "{{ 1 is eq }}",
    ]);
}
