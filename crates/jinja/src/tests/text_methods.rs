//! String methods, against what CPython 3.11 answers through Jinja2.

use super::{fails, prints};

#[test]
fn text_methods_print_as_in_jinja2_part_1() {
    prints(&[
        ("{{ s.upper() }}", "HELLO WORLD"),
        ("{{ s.lower() }}", "hello world"),
        ("{{ s.swapcase() }}", "hELLO wORLD"),
        ("{{ s.title() }}", "Hello World"),
        ("{{ s.capitalize() }}", "Hello world"),
        ("{{ 'ß'.capitalize() }}", "Ss"),
        ("{{ 'ǆabc'.title() }}", "ǅabc"),
        ("{{ 'they\\'re bill\\'s'.title() }}", "They'Re Bill'S"),
        ("{{ 'STRASSE ß'.casefold() }}", "strasse ss"),
        ("{{ s.center(15) }}", "  Hello World  "),
        ("{{ s.center(14, '*') }}", "*Hello World**"),
        ("{{ 'ab'.center(5, '-') }}", "--ab-"),
        ("{{ 'abc'.center(6, '-') }}", "-abc--"),
        ("{{ s.ljust(13, '.') ~ '|' }}", "Hello World..|"),
        ("{{ s.rjust(13) ~ '|' }}", "  Hello World|"),
        ("{{ '42'.zfill(5) }}", "00042"),
        ("{{ '-42'.zfill(5) }}", "-0042"),
        ("{{ '+x'.zfill(4) }}", "+00x"),
        ("{{ s.center(3) }}", "Hello World"),
        ("{{ s.find('o') }}", "4"),
        ("{{ s.find('o', 5) }}", "7"),
        ("{{ s.find('zz') }}", "-1"),
        ("{{ s.rfind('o') }}", "7"),
        ("{{ s.index('W') }}", "6"),
        ("{{ s.rindex('l') }}", "9"),
        ("{{ s.count('l') }}", "3"),
        ("{{ s.count('') }}", "12"),
        ("{{ s.count('l', 3, 9) }}", "1"),
        ("{{ t.find('☃') }}", "8"),
        ("{{ s.find('o', -3) }}", "-1"),
        ("{{ s.startswith('He') }}", "True"),
        ("{{ s.startswith(('x', 'He')) }}", "True"),
        ("{{ s.endswith('ld') }}", "True"),
        ("{{ s.endswith(('x', 'y')) }}", "False"),
        ("{{ s.startswith('W', 6) }}", "True"),
        ("{{ s.replace('l', 'L') }}", "HeLLo WorLd"),
        ("{{ s.replace('l', 'L', 1) }}", "HeLlo World"),
        ("{{ s.replace('', '-') }}", "-H-e-l-l-o- -W-o-r-l-d-"),
        ("{{ s.replace('o', '', -1) }}", "Hell Wrld"),
        ("{{ s.split() }}", "['Hello', 'World']"),
    ]);
}

#[test]
fn text_methods_print_as_in_jinja2_part_2() {
    prints(&[
        ("{{ csv.split(',') }}", "['a', 'b', '', 'c']"),
        ("{{ csv.split(',', 1) }}", "['a', 'b,,c']"),
        ("{{ '  a  b '.split() }}", "['a', 'b']"),
        ("{{ '  a  b c '.split(None, 1) }}", "['a', 'b c ']"),
        ("{{ csv.rsplit(',', 1) }}", "['a,b,', 'c']"),
        ("{{ 'a b c'.rsplit(None, 1) }}", "['a b', 'c']"),
        ("{{ ''.split() }}", "[]"),
        ("{{ ''.split(',') }}", "['']"),
        ("{{ 'a||b'.split('||') }}", "['a', 'b']"),
        ("{{ s.partition(' ') }}", "('Hello', ' ', 'World')"),
        ("{{ s.partition('x') }}", "('Hello World', '', '')"),
        ("{{ s.rpartition('o') }}", "('Hello W', 'o', 'rld')"),
        ("{{ s.rpartition('x') }}", "('', '', 'Hello World')"),
        ("{{ '  x '.strip() ~ '|' }}", "x|"),
        ("{{ 'xxaxx'.strip('x') }}", "a"),
        ("{{ 'xxaxx'.lstrip('x') }}", "axx"),
        ("{{ 'xxaxx'.rstrip('x') }}", "xxa"),
        ("{{ ' x'.lstrip(none) }}", "x"),
        ("{{ 'abc'.strip('ca') }}", "b"),
        ("{{ multi.splitlines() }}", "['a', 'b', '', 'c']"),
        ("{{ multi.splitlines(true) }}", "['a\\n', 'b\\n', '\\n', 'c']"),
        ("{{ 'a\\r\\nb\\x0bc'.splitlines() }}", "['a', 'b', 'c']"),
        ("{{ ''.splitlines() }}", "[]"),
        ("{{ '-'.join(w) }}", "b-A-c-a"),
        ("{{ ', '.join('abc') }}", "a, b, c"),
        ("{{ '-'.join([]) }}", ""),
        ("{{ '-'.join(d) }}", "b-a-C"),
        ("{{ 'a\\tb'.expandtabs() }}", "a       b"),
        ("{{ 'a\\tb'.expandtabs(4) }}", "a   b"),
        ("{{ '\\t'.expandtabs(0) ~ '|' }}", "|"),
        ("{{ 'prefix-x'.removeprefix('prefix-') }}", "x"),
        ("{{ 'x.txt'.removesuffix('.txt') }}", "x"),
        ("{{ 'x'.removesuffix('') }}", "x"),
        ("{{ 'abc'.isalpha() }}", "True"),
        ("{{ 'ab1'.isalnum() }}", "True"),
        ("{{ '12'.isdigit() }}", "True"),
        ("{{ '²'.isdigit() }}", "True"),
        ("{{ '²'.isdecimal() }}", "False"),
        ("{{ '½'.isnumeric() }}", "True"),
        ("{{ '٣'.isdecimal() }}", "True"),
    ]);
}

#[test]
fn text_methods_print_as_in_jinja2_part_3() {
    prints(&[
        ("{{ ''.isalpha() }}", "False"),
        ("{{ ' '.isspace() }}", "True"),
        ("{{ 'Ab'.istitle() }}", "True"),
        ("{{ 'AB c'.istitle() }}", "False"),
        ("{{ 'ABC'.isupper() }}", "True"),
        ("{{ 'abc'.islower() }}", "True"),
        ("{{ 'a_1'.isidentifier() }}", "True"),
        ("{{ '1a'.isidentifier() }}", "False"),
        ("{{ 'abc'.isascii() }}", "True"),
        ("{{ t.isascii() }}", "False"),
        ("{{ 'a\\n'.isprintable() }}", "False"),
        ("{{ 'é'.isprintable() }}", "True"),
        ("{{ '{} {}'.format(1, 'x') }}", "1 x"),
        ("{{ '{1} {0}'.format('a', 'b') }}", "b a"),
        ("{{ '{a} {b!r}'.format(a=1, b='x') }}", "1 'x'"),
        ("{{ '{0.name}'.format(rows[0]) }}", "alice"),
        ("{{ '{0[name]}'.format(rows[0]) }}", "alice"),
        ("{{ '{:>5}|{:<5}|{:^5}'.format(1, 2, 3) }}", "    1|2    |  3  "),
        ("{{ '{:05d} {:+d} {:,}'.format(42, 42, 1234567) }}", "00042 +42 1,234,567"),
        ("{{ '{:x} {:#x} {:o} {:b} {:X}'.format(255, 255, 8, 5, 255) }}", "ff 0xff 10 101 FF"),
        ("{{ '{:.2f} {:e} {:g} {:%}'.format(1.5, 1.5, 1.5, 0.25) }}", "1.50 1.500000e+00 1.5 25.000000%"),
        ("{{ '{:*^9}'.format('mid') }}", "***mid***"),
        ("{{ '{{}} {}'.format(1) }}", "{} 1"),
        ("{{ '{:>{w}}'.format('a', w=4) }}", "   a"),
        ("{{ '{!s:>4}|{!r}'.format(z, 'q') }}", "None|'q'"),
        ("{{ '{:.3}'.format('abcdef') }}", "abc"),
        ("{{ '{:_}'.format(1234567) }}", "1_234_567"),
        ("{{ '{:08.2f}'.format(-3.14159) }}", "-0003.14"),
        ("{{ '{:.0f} {:.1f}'.format(2.5, 0.05) }}", "2 0.1"),
        ("{{ '{:n}'.format(5) }}", "5"),
        ("{{ '{:c}'.format(65) }}", "A"),
        ("{{ '{:}'.format(true) }}", "True"),
        ("{{ '{:5}|'.format(true) }}", "    1|"),
        ("{{ '{a}'.format_map(d) }}", "1"),
        ("{{ 'aXbX'.translate({88: 'y'}) }}", "ayby"),
        ("{{ 'abc'.translate({97: none, 98: 66}) }}", "Bc"),
        ("{{ 'é'.encode() }}", "b'\\xc3\\xa9'"),
        ("{{ 'abc'.encode('ascii').decode() }}", "abc"),
        ("{{ 'a' 'b' }}", "ab"),
        ("{{ 'a' * 3 }}", "aaa"),
    ]);
}

#[test]
fn text_methods_print_as_in_jinja2_part_4() {
    prints(&[
        ("{{ 3 * 'ab' }}", "ababab"),
        ("{{ 'a' * 0 }}", ""),
        ("{{ 'a' * -1 }}", ""),
        ("{{ 'é' in t }}", "True"),
        ("{{ 'He' in s }}", "True"),
        ("{{ s[0] }}", "H"),
        ("{{ s[-1] }}", "d"),
        ("{{ s[99] }}", ""),
        ("{{ s[1:4] }}", "ell"),
        ("{{ s[::-1] }}", "dlroW olleH"),
        ("{{ s[::2] }}", "HloWrd"),
        ("{{ s[-3:] }}", "rld"),
        ("{{ s[5:2] }}", ""),
        ("{{ t[::-1] }}", "😀 ☃ édöcïnü"),
        ("{{ s['x'] }}", ""),
        ("{{ s[1.5] }}", ""),
    ]);
}

#[test]
fn text_methods_that_jinja2_refuses_fail() {
    fails(&[
        "{{ s.center(20, 'ab') }}",
        "{{ s.index('zz') }}",
        "{{ s.startswith(1) }}",
        "{{ s.replace('x') }}",
        "{{ s.split('') }}",
        "{{ s.partition('') }}",
        "{{ '-'.join(l) }}",
        "{{ '{}'.format() }}",
        "{{ '{} {0}'.format(1) }}",
        "{{ '{x}'.format() }}",
        "{{ '{:d}'.format('x') }}",
        "{{ '{:s}'.format(1) }}",
        "{{ 'x'.nope() }}",
        "{{ 1 in s }}",
        "{{ s[::0] }}",
    ]);
}

#[test]
fn a_field_of_format_is_a_number_when_it_has_digits_alone() {
    prints(&[
        ("{{ '{00}'.format('x') }}", "x"),
        ("{{ '{0[1]}'.format(l) }}", "1"),
        ("{{ '{0[01]}'.format(l) }}", "1"),
        ("{{ '{0[-1]}'.format(l) }}", ""),
        ("{{ '{0[+1]}'.format(l) }}", ""),
        ("{{ '{0[+1]}'.format({'+1': 'plus'}) }}", "plus"),
        ("{{ '{0[-1]}'.format({'-1': 'minus', -1: 'number'}) }}", "minus"),
        ("{{ '{0[1]}'.format({'1': 'text', 1: 'number'}) }}", "number"),
    ]);
    fails(&[
        "{{ '{+0}'.format('x') }}",
        "{{ '{-0}'.format('x') }}",
        "{{ '{1}'.format('x') }}",
        "{{ '{:{+0}}'.format(3, 4) }}",
        "{{ '{9223372036854775808}'.format('x') }}",
        "{{ '{0[9223372036854775808]}'.format(l) }}",
    ]);
}
