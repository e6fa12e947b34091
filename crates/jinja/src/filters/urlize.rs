//! `urlize`: addresses in text become links.

use minijinja::{Error, State};

use super::table::Table;
use super::text::{hard, soft};
use crate::markup::escape;
use crate::methods::{Given, whole};
use crate::ops::{self, charge_bytes, text_of};
use crate::value::Val;

pub(super) const TABLE: Table = &[("urlize", urlize)];

/// Top-level names that count without `http://` or `www.`.
const TOP_LEVEL: [&str; 4] = [".com", ".net", ".org", ".int"];
/// `rel` of a link unless the template says otherwise (policy `urlize.rel`).
const REL: &str = "noopener";

struct Link {
    limit: Option<usize>,
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
            schemes.push(text_of(state, &scheme)?);
        }
    }
    let link = Link {
        limit: match limit.filter(|limit| !limit.is_none()) {
            Some(limit) => usize::try_from(whole(&limit)?).ok(),
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
        let lower = middle.to_ascii_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") || lower.starts_with("www.") {
            if !is_address(&lower) {
                return None;
            }
            let href = if lower.starts_with("www.") { format!("https://{middle}") } else { middle.to_owned() };
            return Some(self.tag(&href, &self.trimmed(middle), true));
        }
        if let Some(address) = middle.strip_prefix("mailto:") {
            return is_mail(address).then(|| self.tag(middle, address, false));
        }
        let mail = middle.contains('@') && !lower.starts_with("www.") && !middle.contains(':');
        if mail && is_mail(middle) {
            return Some(self.tag(&format!("mailto:{middle}"), middle, false));
        }
        let by_scheme = self.schemes.iter().any(|scheme| middle != scheme && middle.starts_with(scheme.as_str()));
        if by_scheme {
            return Some(self.tag(middle, middle, true));
        }
        let bare = TOP_LEVEL.iter().any(|top| lower.ends_with(top)) && !lower.contains('@');
        (bare && is_address(&lower)).then(|| self.tag(&format!("https://{middle}"), &self.trimmed(middle), true))
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
        match self.limit {
            Some(limit) if shown.chars().count() > limit => {
                let mut cut: String = shown.chars().take(limit).collect();
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
        let mut closed = word[start..end].matches(close).count();
        while closed < opened {
            let Some(at) = word[end..].find(close) else {
                break;
            };
            end += at + close.len();
            closed += 1;
        }
    }
    (&word[..start], &word[start..end], &word[end..])
}

fn is_address(lower: &str) -> bool {
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(lower);
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..host_end].split(':').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let local = host == "localhost" || host.split('.').all(|part| part.parse::<u8>().is_ok());
    let dotted = host.contains('.')
        && host.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-'));
    !host.is_empty() && (local || dotted)
}

fn is_mail(address: &str) -> bool {
    let Some((user, host)) = address.split_once('@') else {
        return false;
    };
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c));
    word(user) && host.contains('.') && word(host) && !host.ends_with('.')
}
