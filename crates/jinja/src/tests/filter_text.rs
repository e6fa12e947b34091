//! Filters on text at the edges of what they take: nothing, one, exactly the limit, one more, and other scripts.

use super::prints;

#[test]
fn truncate_counts_its_end_and_lets_a_little_pass() {
    prints(&[
        ("{{ '123456789012345'|truncate(10) }}", "123456789012345"),
        ("{{ '1234567890123456'|truncate(10) }}", "1234567..."),
        ("{{ '12345678901'|truncate(10, true, '...', 0) }}", "1234567..."),
        ("{{ '1234567890'|truncate(10, true, '...', 0) }}", "1234567890"),
        ("{{ 'ab cd ef gh ij kl'|truncate(10) }}", "ab cd..."),
        ("{{ 'ab cd ef gh ij kl'|truncate(10, true) }}", "ab cd e..."),
        ("{{ 'abcdefghijklmnopqrs'|truncate(10) }}", "abcdefg..."),
        ("{{ 'ab cd ef gh ij kl'|truncate(8, false, '') }}", "ab cd"),
        ("{{ 'ab cd ef gh ij kl'|truncate(8, false, ' …') }}", "ab cd …"),
        ("{{ 'ab cd ef gh'|truncate(3, true, '...', 0) }}", "..."),
        ("{{ 'é☃é☃é☃é☃é☃'|truncate(5, true, '…', 0) }}", "é☃é☃…"),
        ("{{ 'ab cd'|truncate(0, true, '', 0) }}", ""),
        ("{{ 'ab cd'|truncate(length=4, leeway=1) }}", "ab cd"),
        ("{{ 'ab cd'|truncate(length=4, leeway=0) }}", "a..."),
        ("{{ 'ab  cd ef gh ij'|truncate(7, leeway=0) }}", "ab ..."),
        ("{{ ''|truncate(3) }}", ""),
        ("{{ ('x' * 260)|truncate|length }}", "260"),
        ("{{ ('x' * 261)|truncate|length }}", "255"),
        ("{{ [1, 2]|truncate(3) }}", "[1, 2]"),
        ("{{ ('<b>' * 9)|e|truncate(20, true, '<') }}", "&lt;b&gt;&lt;b&gt;&&lt;"),
    ]);
}

#[test]
fn wordwrap_breaks_lines_as_textwrap_does() {
    prints(&[
        ("{{ 'aa bb cc'|wordwrap(5) }}", "aa bb\ncc"),
        ("{{ 'aa bb cc'|wordwrap(4) }}", "aa\nbb\ncc"),
        ("{{ 'aa bb cc'|wordwrap(2) }}", "aa\nbb\ncc"),
        ("{{ 'abcdefgh'|wordwrap(3) }}", "abc\ndef\ngh"),
        ("{{ 'abcdefgh'|wordwrap(3, false) }}", "abcdefgh"),
        ("{{ 'a abcdefgh b'|wordwrap(3) }}", "a a\nbcd\nefg\nh b"),
        ("{{ 'a abcdefgh b'|wordwrap(3, false) }}", "a\nabcdefgh\nb"),
        ("{{ 'well-known fact'|wordwrap(6) }}", "well-\nknown\nfact"),
        ("{{ 'well-known fact'|wordwrap(6, true, '|', false) }}", "well-k|nown|fact"),
        ("{{ 'a-b-c-d-e'|wordwrap(4) }}", "a-b-\nc-\nd-e"),
        ("{{ 'a-b-cd-ef'|wordwrap(3) }}", "a-\nb-\ncd-\nef"),
        ("{{ 'ab-c ab-c-d ab-1 ab-c1'|wordwrap(3) }}", "ab-\nc\nab-\nc-d\nab-\n1 a\nb-\nc1"),
        ("{{ 'a1-bc 1a-bc _a-bc a.-bc'|wordwrap(4) }}", "a1-\nbc 1\na-bc\n_a-\nbc a\n.-bc"),
        ("{{ 'ab--cd ab---cd ab-- --cd a--b'|wordwrap(3) }}", "ab\n--\ncd\nab\n---\ncd \nab-\n- -\n-cd\na--\nb"),
        ("{{ 'x.--y \"--z ab-'|wordwrap(3) }}", "x.\n--y\n\"--\nz\nab-"),
        ("{{ 'éé-éé'|wordwrap(3) }}", "éé-\néé"),
        ("{{ 'ab-cd-ef'|wordwrap(4) }}", "ab-\ncd-\nef"),
        ("{{ 'one--two three'|wordwrap(5) }}", "one--\ntwo\nthree"),
        ("{{ 'one---two'|wordwrap(6) }}", "one---\ntwo"),
        ("{{ '--option value'|wordwrap(6) }}", "--opti\non\nvalue"),
        ("{{ 'aa   bb'|wordwrap(4) }}", "aa\nbb"),
        ("{{ '  aa bb'|wordwrap(4) }}", "  aa\nbb"),
        ("{{ 'aa bb  '|wordwrap(10) }}", "aa bb"),
        ("{{ 'aa\n\nbb cc'|wordwrap(3) }}", "aa\n\nbb\ncc"),
        ("{{ 'aa\n'|wordwrap(3) }}", "aa"),
        ("{{ '\naa'|wordwrap(3) }}", "\naa"),
        ("{{ ''|wordwrap(3) }}", ""),
        ("{{ 'é☃ é☃'|wordwrap(2) }}", "é☃\né☃"),
        ("{{ 'aa bb cc'|wordwrap(5, wrapstring='<br>') }}", "aa bb<br>cc"),
        ("{{ 'x'|wordwrap(1) }}", "x"),
        ("{{ 'xy'|wordwrap(1) }}", "x\ny"),
        ("{{ 'abc-defghij'|wordwrap(5) }}", "abc-d\nefghi\nj"),
        ("{{ '---- ----'|wordwrap(3) }}", "---\n- -\n---"),
        (
            "{{ ('a' * 79 ~ ' b')|wordwrap }}",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nb",
        ),
        (
            "{{ ('a' * 77 ~ ' b')|wordwrap }}",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
        ),
    ]);
}

#[test]
fn wordcount_counts_runs_of_letters_and_digits() {
    prints(&[
        ("{{ ''|wordcount }}", "0"),
        ("{{ '  '|wordcount }}", "0"),
        ("{{ 'one'|wordcount }}", "1"),
        ("{{ 'it is what-it_is'|wordcount }}", "4"),
        ("{{ 'é☃ü 42 ñ'|wordcount }}", "4"),
        ("{{ 42|wordcount }}", "1"),
        ("{{ 'a,b;c'|wordcount }}", "3"),
    ]);
}

#[test]
fn indent_leaves_empty_lines_alone_unless_asked() {
    prints(&[
        ("{{ 'a\nb'|indent }}", "a\n    b"),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{{ 'a\nb'|indent(2, true) }}", "  a\n  b"),
        ("{{ 'a\n\nb'|indent(2) }}", "a\n\n  b"),
        ("{{ 'a\n\nb'|indent(2, false, true) }}", "a\n  \n  b"),
        ("{{ 'a\n\nb'|indent(2, blank=true, first=true) }}", "  a\n  \n  b"),
        ("{{ 'a\nb\n'|indent(2) }}", "a\n  b\n"),
        ("{{ 'a\nb\n'|indent(2, blank=true) }}", "a\n  b\n  "),
        ("{{ 'a\nb'|indent('> ') }}", "a\n> b"),
        ("{{ 'a\nb'|indent(0) }}", "a\nb"),
        ("{{ ''|indent(2) }}", ""),
        ("{{ ''|indent(2, true) }}", "  "),
        ("{{ 'a\\r\\nb\\rc'|indent(1) }}", "a\n b\n c"),
        ("{{ ('<a>'|e ~ '\nb')|indent(1, true) }}", " &lt;a&gt;\n b"),
    ]);
}

#[test]
fn center_trim_and_replace_count_characters() {
    prints(&[
        ("[{{ 'é'|center(4) }}]", "[ é  ]"),
        ("[{{ 'ab'|center(5) }}]", "[  ab ]"),
        ("[{{ 'abc'|center(6) }}]", "[ abc  ]"),
        ("[{{ 'abc'|center(3) }}]", "[abc]"),
        ("[{{ 'abc'|center(2) }}]", "[abc]"),
        ("[{{ ''|center(3) }}]", "[   ]"),
        ("{{ 'x'|center|length }}", "80"),
        ("[{{ '\\u2003\\u00a0 x \\t'|trim }}]", "[x]"),
        ("[{{ 'xxaxx'|trim('x') }}]", "[a]"),
        ("[{{ 'abcba'|trim('ab') }}]", "[c]"),
        ("[{{ 'abc'|trim('') }}]", "[abc]"),
        ("[{{ ' a '|trim(none) }}]", "[a]"),
        ("[{{ 5|trim }}]", "[5]"),
        ("{{ 'aaaa'|replace('a', 'b', 2) }}", "bbaa"),
        ("{{ 'aaaa'|replace('a', 'b', 0) }}", "aaaa"),
        ("{{ 'aaaa'|replace('aa', 'b') }}", "bb"),
        ("{{ 'aaa'|replace('aa', 'b') }}", "ba"),
        ("{{ 'ab'|replace('', '-') }}", "-a-b-"),
        ("{{ 'ab'|replace('', '-', 2) }}", "-a-b"),
        ("{{ ''|replace('', '-') }}", "-"),
        ("{{ 'a.b'|replace('.', '') }}", "ab"),
        ("{{ 'a'|replace('a', 5) }}", "5"),
        ("{{ 505|replace(0, 1) }}", "515"),
        ("{{ '<b>'|e|replace('&', '-') }}", "-lt;b-gt;"),
        (
            "{% autoescape true %}{{ '<b>'|replace('b', '&') }}{{ '<b>'|safe|replace('b', '&') }}{% endautoescape %}",
            "&lt;&amp;&gt;<&amp;>",
        ),
    ]);
}

#[test]
fn cases_of_letters_are_pythons() {
    prints(&[
        ("{{ 'ß'|upper }}", "SS"),
        ("{{ 'İ'|lower|length }}", "2"),
        ("{{ 'ΑΣ'|lower }}", "ας"),
        ("{{ 'ǆ'|title }}", "Ǆ"),
        ("{{ 'ﬁn'|capitalize }}", "Fin"),
        ("{{ \"it's o'neil\"|title }}", "It's O'neil"),
        ("{{ 'a-b c_d e1f'|title }}", "A-B C_d E1f"),
        ("{{ 'HELLO wORLD'|title }}", "Hello World"),
        ("{{ 'hELLO'|capitalize }}", "Hello"),
        ("{{ ''|capitalize }}", ""),
        ("{{ '1abc'|capitalize }}", "1abc"),
        ("{{ '(abc) [def]'|title }}", "(Abc) [Def]"),
        ("{{ '<b>'|e|upper }}", "&LT;B&GT;"),
        ("{{ 42|upper }}", "42"),
        ("{{ none|lower }}", "none"),
    ]);
}

#[test]
fn default_takes_the_place_of_what_is_undefined_or_false() {
    prints(&[
        ("{{ nope|default }}", ""),
        ("{{ nope|default('x') }}", "x"),
        ("{{ none|default('x') }}", "None"),
        ("{{ none|default('x', true) }}", "x"),
        ("{{ ''|default('x') }}", ""),
        ("{{ ''|default('x', true) }}", "x"),
        ("{{ 0|default(1, true) }}", "1"),
        ("{{ []|default('x', boolean=true) }}", "x"),
        ("{{ d.nope|default({'a': 1}) }}", "{'a': 1}"),
        ("{{ nope|d(none) }}", "None"),
        ("{{ 'a'|default('x', true) }}", "a"),
        ("{{ nope|default(default_value=5) }}", "5"),
    ]);
}

#[test]
fn join_and_string_keep_what_is_safe() {
    prints(&[
        ("{{ []|join(',') }}", ""),
        ("{{ ['a']|join(',') }}", "a"),
        ("{{ [1, none, true]|join('-') }}", "1-None-True"),
        ("{{ 'abc'|join('.') }}", "a.b.c"),
        ("{{ rows|join(', ', attribute='name') }}", "alice, Bob, carol"),
        ("{{ rows|join(attribute='age') }}", "312531"),
        ("{{ d|join }}", "baC"),
        ("{{ [['a', 'b'], ['c']]|join('+', 0) }}", "a+c"),
        (
            "{% autoescape true %}{{ ['<']|join('<b>') }}|{{ ['<', '>'|safe]|join('<b>') }}|{{ ['<', '>']|join('<b>'|safe) }}{% endautoescape %}",
            "&lt;|&lt;&lt;b&gt;>|&lt;<b>&gt;",
        ),
    ]);
}

#[test]
fn addresses_become_links_without_what_surrounds_them() {
    prints(&[
        (
            "{{ 'see http://a.example.com, ok'|urlize }}",
            "see <a href=\"http://a.example.com\" rel=\"noopener\">http://a.example.com</a>, ok",
        ),
        (
            "{{ '(http://a.example.com)'|urlize }}",
            "(<a href=\"http://a.example.com\" rel=\"noopener\">http://a.example.com</a>)",
        ),
        (
            "{{ 'http://a.example.com/x(y)'|urlize }}",
            "<a href=\"http://a.example.com/x(y)\" rel=\"noopener\">http://a.example.com/x(y)</a>",
        ),
        (
            "{{ 'http://a.example.com/x_(y)_z'|urlize }}",
            "<a href=\"http://a.example.com/x_(y)_z\" rel=\"noopener\">http://a.example.com/x_(y)_z</a>",
        ),
        (
            "{{ 'http://a.example.com.'|urlize }}",
            "<a href=\"http://a.example.com\" rel=\"noopener\">http://a.example.com</a>.",
        ),
        (
            "{{ '<http://a.example.com>'|urlize }}",
            "&lt;<a href=\"http://a.example.com\" rel=\"noopener\">http://a.example.com</a>&gt;",
        ),
        (
            "{{ 'www.example.com www. www.x'|urlize }}",
            "<a href=\"https://www.example.com\" rel=\"noopener\">www.example.com</a> www. www.x",
        ),
        (
            "{{ 'example.com example.org example.net example.dev'|urlize }}",
            "<a href=\"https://example.com\" rel=\"noopener\">example.com</a> <a href=\"https://example.org\" rel=\"noopener\">example.org</a> <a href=\"https://example.net\" rel=\"noopener\">example.net</a> example.dev",
        ),
        (
            "{{ 'https://example.com:8080/p?q=1#f'|urlize }}",
            "<a href=\"https://example.com:8080/p?q=1#f\" rel=\"noopener\">https://example.com:8080/p?q=1#f</a>",
        ),
        ("{{ 'http://example.com:123456'|urlize }}", "http://example.com:123456"),
        (
            "{{ 'http://10.0.0.1/x http://10.0.0.1.2/x'|urlize }}",
            "<a href=\"http://10.0.0.1/x\" rel=\"noopener\">http://10.0.0.1/x</a> http://10.0.0.1.2/x",
        ),
        ("{{ 'http://[::1]/x'|urlize }}", "<a href=\"http://[::1]/x\" rel=\"noopener\">http://[::1]/x</a>"),
        ("{{ 'http://localhost/x'|urlize }}", "<a href=\"http://localhost/x\" rel=\"noopener\">http://localhost/x</a>"),
        ("{{ 'ftp://example.com'|urlize }}", "ftp://example.com"),
        ("{{ 'me@example.com'|urlize }}", "<a href=\"mailto:me@example.com\">me@example.com</a>"),
        ("{{ 'mailto:me@example.com'|urlize }}", "<a href=\"mailto:me@example.com\">me@example.com</a>"),
        ("{{ 'mailto: mailto:me'|urlize }}", "mailto: mailto:me"),
        ("{{ 'me@example'|urlize }}", "me@example"),
        ("{{ '@example.com a@b@c.de'|urlize }}", "@example.com <a href=\"mailto:a@b@c.de\">a@b@c.de</a>"),
        (
            "{{ 'HTTP://EXAMPLE.COM'|urlize }}",
            "<a href=\"https://HTTP://EXAMPLE.COM\" rel=\"noopener\">HTTP://EXAMPLE.COM</a>",
        ),
        (
            "{{ 'http://example.com/abcdefghij'|urlize(20) }}",
            "<a href=\"http://example.com/abcdefghij\" rel=\"noopener\">http://example.com/a...</a>",
        ),
        (
            "{{ 'http://example.com/abcdefghij'|urlize(29) }}",
            "<a href=\"http://example.com/abcdefghij\" rel=\"noopener\">http://example.com/abcdefghij</a>",
        ),
        (
            "{{ 'http://example.com/abcdefghij'|urlize(28) }}",
            "<a href=\"http://example.com/abcdefghij\" rel=\"noopener\">http://example.com/abcdefghi...</a>",
        ),
        (
            "{{ 'http://example.com/<b>&'|urlize }}",
            "<a href=\"http://example.com/&lt;b&gt;&amp;\" rel=\"noopener\">http://example.com/&lt;b&gt;&amp;</a>",
        ),
        ("{{ 'tel:+123 x'|urlize(extra_schemes=['tel:']) }}", "<a href=\"tel:+123\" rel=\"noopener\">tel:+123</a> x"),
        (
            "{{ 'http://münchen.example.com'|urlize }}",
            "<a href=\"http://münchen.example.com\" rel=\"noopener\">http://münchen.example.com</a>",
        ),
        ("{{ 'http://a.xn--p1ai'|urlize }}", "<a href=\"http://a.xn--p1ai\" rel=\"noopener\">http://a.xn--p1ai</a>"),
        (
            "{{ 'a\nhttp://a.example.com\nb'|urlize }}",
            "a\n<a href=\"http://a.example.com\" rel=\"noopener\">http://a.example.com</a>\nb",
        ),
        ("{{ ''|urlize }}", ""),
    ]);
}

#[test]
fn markup_is_escaped_once_and_stripped_whole() {
    prints(&[
        ("{{ '<a href=\"x\">\\'&\\'</a>'|e }}", "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;&lt;/a&gt;"),
        ("{{ '&amp;'|e }}", "&amp;amp;"),
        ("{{ '<'|e|e }}", "&lt;"),
        ("{{ '<'|e|forceescape }}", "&amp;lt;"),
        ("{{ '<b>a</b> <!-- c --> d'|striptags }}", "a d"),
        ("{{ 'a < b > c'|striptags }}", "a c"),
        ("{{ 'a < b'|striptags }}", "a < b"),
        ("{{ 'a > b'|striptags }}", "a > b"),
        ("{{ '<!-- a'|striptags }}", "<!-- a"),
        ("{{ '<!-->x'|striptags }}", "x"),
        ("{{ '<!--->x-->y'|striptags }}", "x-->y"),
        ("{{ '<<b>b>x'|striptags }}", "b>x"),
        ("{{ '<!<!-- x -->-- a -->b'|striptags }}", "b"),
        ("{{ '  a \\u2003 b  '|striptags }}", "a b"),
        ("{{ '&lt;b&gt; &amp;amp; &quot;&apos;'|striptags }}", "<b> &amp; \"'"),
        ("{{ '&amp &ampx &; &nope; a&ltb&gt &copyright &times'|striptags }}", "& &x &; &nope; a<b> ©right ×"),
        ("{{ 'x&&amp&amp;&'|striptags }}", "x&&&&"),
        ("{{ '<!--- x --->y'|striptags }}", "y"),
        ("{{ 'a&nbsp;b'|striptags|length }}", "3"),
    ]);
}

#[test]
fn attributes_and_queries_are_quoted() {
    prints(&[
        ("{{ {'a': 1, 'b': none, 'c': nope, 'd': '<\">'}|xmlattr }}", " a=\"1\" d=\"&lt;&#34;&gt;\""),
        ("{{ {'a': 1}|xmlattr(false) }}", "a=\"1\""),
        ("{{ {}|xmlattr }}", ""),
        ("{{ {'a': none}|xmlattr }}", ""),
        ("{{ {'a': ''}|xmlattr }}", " a=\"\""),
        ("{{ {'a&b': 'x'}|xmlattr }}", " a&amp;b=\"x\""),
        ("{{ {'a': '<'|e}|xmlattr }}", " a=\"&lt;\""),
        ("{{ 'a b/c?d=é&~-._'|urlencode }}", "a%20b/c%3Fd%3D%C3%A9%26~-._"),
        ("{{ {'a b': 'c/d', 'é': 1}|urlencode }}", "a+b=c%2Fd&%C3%A9=1"),
        ("{{ [('a', 1), ('a', 2)]|urlencode }}", "a=1&a=2"),
        ("{{ {}|urlencode }}", ""),
        ("{{ ''|urlencode }}", ""),
        ("{{ 5|urlencode }}", "5"),
        ("{{ none|urlencode }}", "None"),
        ("{{ {'a': none}|urlencode }}", "a=None"),
    ]);
}
