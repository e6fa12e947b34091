//! What a Rust source says about other modules: its `use` declarations and the paths in its code.
//! It is read token by token; code that only tests compile is skipped.

/// A `use` of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    /// The path as it was written, with nested groups taken apart; without a last `self`.
    pub path: Vec<String>,
    /// The name that it is known by afterwards.
    pub name: String,
    /// Whether it is exported again.
    pub is_public: bool,
}

/// What a source says about other modules.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// Its `use` declarations.
    pub uses: Vec<Use>,
    /// Paths of two segments or more elsewhere.
    pub paths: Vec<Vec<String>>,
}

impl Mentions {
    /// Reads a source.
    pub(super) fn of(source: &str) -> Self {
        let tokens = tokens(source);
        let mut mentions = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            at = mentions.item(&tokens, at);
        }
        mentions
    }

    /// Reads what begins at `at`, and returns where it ends.
    fn item(&mut self, tokens: &[String], at: usize) -> usize {
        if is_test_attribute(&tokens[at..]) {
            return end_of_item(tokens, at + TEST_ATTRIBUTE.len());
        }
        if tokens[at] == "use" {
            let end = position(tokens, at, ";");
            let is_public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
            self.tree(&tokens[at + 1..end], &[], is_public);
            return end + 1;
        }
        let segments = segments(tokens, at);
        if segments.is_empty() {
            return at + 1;
        }
        let end = at + 2 * segments.len() - 1;
        if segments.len() > 1 {
            self.paths.push(segments);
        }
        end
    }

    /// Reads a tree of a `use`, whose path so far is `prefix`.
    fn tree(&mut self, tokens: &[String], prefix: &[String], is_public: bool) {
        let mut path = prefix.to_vec();
        path.extend(segments(tokens, 0));
        if let Some(open) = tokens.iter().position(|token| token == "{") {
            let inside = &tokens[open + 1..tokens.len() - 1];
            for part in split(inside) {
                self.tree(part, &path, is_public);
            }
            return;
        }
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let renamed = tokens.iter().position(|token| token == "as").and_then(|at| tokens.get(at + 1));
        if let Some(name) = renamed.or(path.last()).cloned() {
            self.uses.push(Use { path, name, is_public });
        }
    }
}

/// What stands before an item that only tests have.
const TEST_ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn is_test_attribute(tokens: &[String]) -> bool {
    tokens.len() > TEST_ATTRIBUTE.len() && tokens.iter().zip(TEST_ATTRIBUTE).all(|(token, wanted)| token == wanted)
}

/// The segments of the path that begins at `at`; none if no path does.
fn segments(tokens: &[String], at: usize) -> Vec<String> {
    let is_name = |token: &String| token.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut found = Vec::new();
    let mut at = at;
    while tokens.get(at).is_some_and(is_name) {
        found.push(tokens[at].clone());
        if tokens.get(at + 1).is_none_or(|token| token != "::") {
            break;
        }
        at += 2;
    }
    found
}

/// The parts between the commas that are in no inner braces.
fn split(tokens: &[String]) -> Vec<&[String]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && token == ","
    });
    parts.filter(|part| !part.is_empty()).collect()
}

fn position(tokens: &[String], from: usize, wanted: &str) -> usize {
    let found = tokens[from..].iter().position(|token| token == wanted);
    found.map_or(tokens.len(), |offset| from + offset)
}

/// The end of the item that begins at `at`: behind its `;`, or behind its block.
fn end_of_item(tokens: &[String], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return index + 1,
            _ => continue,
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Names, `::` and single signs; comments and the content of literals are left out.
fn tokens(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => string(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => raw_string(rest),
            '\'' => quoted(rest),
            _ if c.is_alphanumeric() || c == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.push(rest[..length].to_owned());
                length
            }
            ':' if rest.starts_with("::") => {
                found.push("::".to_owned());
                2
            }
            _ => {
                if !c.is_whitespace() {
                    found.push(c.to_string());
                }
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    found
}

/// Bytes of the string literal at the start.
fn string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| match c {
        _ if escaped => {
            escaped = false;
            false
        }
        '\\' => {
            escaped = true;
            false
        }
        c => *c == '"',
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// Bytes of the raw string literal at the start.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let close = format!("\"{}", "#".repeat(hashes));
    let open = 1 + close.len();
    text[open..].find(&close).map_or(text.len(), |at| open + at + close.len())
}

/// Bytes of the character literal at the start; of a lifetime only the quote.
fn quoted(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        // the character behind the backslash may be a quote
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(source: &str) -> Vec<(String, String, bool)> {
        let uses = Mentions::of(source).uses.into_iter();
        uses.map(|found| (found.path.join("::"), found.name, found.is_public)).collect()
    }

    #[test]
    fn uses_are_taken_apart() {
        let found = uses("pub(crate) use a::{self, b::{C, D as E}};\nuse crate::x;");
        let wanted = [("a", "a", true), ("a::b::C", "C", true), ("a::b::D", "E", true), ("crate::x", "x", false)];
        assert_eq!(found, wanted.map(|(path, name, public)| (path.to_owned(), name.to_owned(), public)));
    }

    #[test]
    fn paths_in_code_are_found_and_those_in_text_and_tests_are_not() {
        let source = r##"
            fn f<'a>(x: &'a str) -> char { // crate::comment::X
                g("crate::text::X \" crate::text::Y", '"', '\'', r#"crate::raw::X "quoted""#);
                super::real::call(x)
            }
            #[cfg(test)]
            mod tests { use crate::only_tests::X; fn t() { crate::also::x() } }
            #[cfg(test)]
            pub(crate) use crate::tests_too;
            const LAST: u8 = crate::last::VALUE;
        "##;
        let found = Mentions::of(source);
        assert_eq!(found.paths, [vec!["super", "real", "call"], vec!["crate", "last", "VALUE"]]);
        assert!(found.uses.is_empty(), "{:?}", found.uses);
    }
}
