//! `urlize`: addresses in text become links.

use minijinja::{Error, State};

use super::table::Table;
use super::text::{hard, soft};
use crate::markup::escape;
use crate::methods::{Given, whole};
use crate::ops::{self, charge_bytes, text_of};
use crate::raise::error;
use crate::value::Val;

pub(super) const TABLE: Table = &[("urlize", urlize)];

/// Top-level names that count without `http://` or `www.`.
const TOP_LEVEL: [&str; 8] = ["com", "net", "int", "edu", "gov", "org", "info", "mil"];
/// `rel` of a link unless the template says otherwise (policy `urlize.rel`).
const REL: &str = "noopener";

struct Link {
    limit: Option<i128>,
    rel: Vec<String>,
    target: Option<String>,
    schemes: Vec<String>,
}

fn urlize(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [limit, nofollow, target, rel, extra] =
        given.bind(["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"], 0)?;
    let text_arg = |value: Option<Val>| -> Result<Option<String>, Error> {
        match value.filter(|value| !value.is_none()) {
            Some(value) => text_of(state, &value).map(Some),
            None => Ok(None),
        }
    };
    let mut rels: Vec<String> = text_arg(rel)?.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if nofollow.is_some_and(|flag| flag.is_true()) {
        rels.push("nofollow".into());
    }
    rels.push(REL.into());
    rels.sort();
    rels.dedup();
    let mut schemes = Vec::new();
    if let Some(extra) = extra.filter(|extra| !extra.is_none()) {
        for scheme in ops::iterate(state, &extra)? {
            let scheme = text_of(state, &scheme)?;
            if !is_scheme(&scheme) {
                return Err(error(format!("'{scheme}' is not a valid URI scheme prefix.")));
            }
            schemes.push(scheme);
        }
    }
    let link = Link {
        limit: match limit.filter(|limit| !limit.is_none()) {
            Some(limit) => Some(whole(&limit)?.into()),
            None => None,
        },
        rel: rels,
        target: text_arg(target)?,
        schemes,
    };
    let (shown, _) = soft(state, value)?;
    charge_bytes(state, 4 * shown.len())?;
    let escaped = if value.is_safe() { shown } else { escape(&shown) };
    let mut out = String::new();
    for word in pieces(&escaped) {
        charge_bytes(state, 2 * word.len())?;
        link.word(word, &mut out);
        charge_bytes(state, 64)?;
    }
    let escaping = !matches!(state.auto_escape(), minijinja::AutoEscape::None);
    Ok(hard(out, escaping))
}

/// Words and the blanks between them.
fn pieces(text: &str) -> Vec<&str> {
    let blank = crate::python::text::is_space;
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| blank(c) != blank(first)).unwrap_or(rest.len());
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    pieces
}

impl Link {
    fn word(&self, word: &str, out: &mut String) {
        let (head, middle, tail) = trim_punctuation(word);
        out.push_str(head);
        match self.anchor(middle) {
            Some(anchor) => out.push_str(&anchor),
            None => out.push_str(middle),
        }
        out.push_str(tail);
    }

    fn anchor(&self, middle: &str) -> Option<String> {
        if is_address(middle) {
            let is_whole = middle.starts_with("https://") || middle.starts_with("http://");
            let href = if is_whole { middle.to_owned() } else { format!("https://{middle}") };
            return Some(self.tag(&href, &self.trimmed(middle), true));
        }
        if let Some(address) = middle.strip_prefix("mailto:").filter(|address| is_mail(address)) {
            return Some(self.tag(middle, address, false));
        }
        let may_be_mail = !middle.starts_with("www.") && !middle.starts_with('@') && !middle.contains(':');
        if may_be_mail && is_mail(middle) {
            return Some(self.tag(&format!("mailto:{middle}"), middle, false));
        }
        let by_scheme = self.schemes.iter().any(|scheme| middle != scheme && middle.starts_with(scheme.as_str()));
        by_scheme.then(|| self.tag(middle, middle, true))
    }

    fn tag(&self, href: &str, shown: &str, with_attributes: bool) -> String {
        let mut tag = format!("<a href=\"{href}\"");
        if with_attributes {
            if !self.rel.is_empty() {
                tag.push_str(&format!(" rel=\"{}\"", escape(&self.rel.join(" "))));
            }
            if let Some(target) = &self.target {
                tag.push_str(&format!(" target=\"{}\"", escape(target)));
            }
        }
        tag.push('>');
        tag.push_str(shown);
        tag.push_str("</a>");
        tag
    }

    fn trimmed(&self, shown: &str) -> String {
        let length = i128::try_from(shown.chars().count()).unwrap_or(i128::MAX);
        match self.limit {
            Some(limit) if length > limit => {
                // a negative limit counts from the end, as that of any slice
                let kept = if limit < 0 { length + limit } else { limit };
                let mut cut: String = shown.chars().take(usize::try_from(kept).unwrap_or(0)).collect();
                cut.push_str("...");
                cut
            }
            _ => shown.to_owned(),
        }
    }
}

/// Brackets before a word and punctuation behind it do not belong to it.
fn trim_punctuation(word: &str) -> (&str, &str, &str) {
    const OPEN: [&str; 3] = ["(", "&lt;", "<"];
    const CLOSE: [&str; 6] = [")", "&gt;", ">", ".", ",", "\n"];
    let mut start = 0;
    while let Some(open) = OPEN.iter().find(|open| word[start..].starts_with(**open)) {
        start += open.len();
    }
    let mut end = word.len();
    while let Some(close) = CLOSE.iter().find(|close| word[start..end].ends_with(**close)) {
        end -= close.len();
    }
    // a closing bracket that was opened inside belongs to the word
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
        let opened = word[start..end].matches(open).count();
        if opened <= word[start..end].matches(close).count() {
            continue;
        }
        for _ in 0..opened {
            let Some(at) = word[end..].find(close) else {
                break;
            };
            end += at + close.len();
        }
    }
    (&word[..start], &word[start..end], &word[end..])
}

/// Whether a word is an address of the web, as Jinja2's `_http_re` says.
fn is_address(word: &str) -> bool {
    let after_scheme = without_prefix(word, "https://").or_else(|| without_prefix(word, "http://"));
    if let Some(rest) = after_scheme
        && (is_rest_behind(rest, is_named) || is_rest_behind(rest, is_numbered))
    {
        return true;
    }
    without_prefix(word, "www.").is_some_and(|rest| is_rest_behind(rest, is_named)) || is_rest_behind(word, is_bare)
}

fn without_prefix<'w>(word: &'w str, prefix: &str) -> Option<&'w str> {
    let head = word.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &word[prefix.len()..])
}

/// Whether `text` begins with a host that is one, and goes on with at most a port, path, query or
/// fragment.
fn is_rest_behind(text: &str, is_host: fn(&str) -> bool) -> bool {
    let bracket = if text.starts_with('[') { text.find(']').map_or(text.len(), |at| at + 1) } else { 0 };
    let end = text[bracket..].find([':', '/', '?', '#']).map_or(text.len(), |at| bracket + at);
    let (host, mut rest) = text.split_at(end);
    if let Some(port) = rest.strip_prefix(':') {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=5).contains(&digits) {
            return false;
        }
        rest = &port[digits..];
    }
    (rest.is_empty() || rest.starts_with(['/', '?', '#'])) && is_host(host)
}

/// A name behind `http://` or `www.`: any labels, then a top-level name.
fn is_named(host: &str) -> bool {
    let (labels, top) = host.rsplit_once('.').map_or((None, host), |(labels, top)| (Some(labels), top));
    let is_plain = (2..=63).contains(&top.len()) && top.bytes().all(|b| b.is_ascii_alphabetic());
    let is_international = without_prefix(top, "xn--")
        .is_some_and(|rest| (2..=59).contains(&rest.chars().count()) && rest.chars().all(|c| is_word(c) || c == '%'));
    let is_label = |label: &str| !label.is_empty() && label.chars().all(is_of_label);
    (is_plain || is_international) && labels.is_none_or(|labels| labels.split('.').all(is_label))
}

/// A name without anything before it: its top-level name is a known one.
fn is_bare(host: &str) -> bool {
    let Some((labels, top)) = host.rsplit_once('.') else {
        return false;
    };
    let is_label = |label: &str| (2..=63).contains(&label.chars().count()) && label.chars().all(is_of_label);
    TOP_LEVEL.iter().any(|known| top.eq_ignore_ascii_case(known)) && labels.split('.').all(is_label)
}

/// An address of IPv4, or of IPv6 in brackets, roughly.
fn is_numbered(host: &str) -> bool {
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let Some(inside) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) else {
        return host.split('.').count() == 4 && host.split('.').all(is_number);
    };
    let mut groups = 0;
    let mut rest = inside;
    while !rest.is_empty() {
        let digits = rest.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
        rest = &rest[digits..];
        match rest.strip_prefix(':') {
            Some(after) => rest = after,
            None if groups < 2 || digits == 0 => return false,
            None => {}
        }
        groups += 1;
    }
    (2..=8).contains(&groups)
}

/// Python's `\w`.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_of_label(c: char) -> bool {
    is_word(c) || c == '%' || c == '-'
}

/// Jinja2's `_email_re`.
fn is_mail(word: &str) -> bool {
    let Some((user, host)) = word.rsplit_once('@') else {
        return false;
    };
    let Some((name, top)) = host.rsplit_once('.') else {
        return false;
    };
    let is_top = !top.is_empty() && top.chars().all(is_word);
    !user.is_empty() && name.starts_with(is_word) && is_top && name.chars().all(|c| is_word(c) || c == '.' || c == '-')
}

/// Jinja2's `_uri_scheme_re`.
fn is_scheme(prefix: &str) -> bool {
    let Some((name, slashes)) = prefix.split_once(':') else {
        return false;
    };
    let is_name = name.chars().count() >= 2 && name.chars().all(|c| is_word(c) || ".+-".contains(c));
    is_name && matches!(slashes, "" | "/" | "//")
}
