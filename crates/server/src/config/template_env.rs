//! Which variables of the environment templates may read: `--template-env`.

use std::ffi::OsString;

use tenterhook_model::TemplateVariables;

/// What the names of the server's own variables begin with. They are never shown to templates: they
/// can hold keys, and what they set is no business of webhooks.
const OWN: &str = "TENTERHOOK_";

/// A name of environment variables in which `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with the setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '*' | '?');
        if text.is_empty() || !text.chars().all(is_part) {
            return Err(format!(
                "`{text}` is not the name of an environment variable; write it like HOOK_TOKEN or HOOK_*"
            ));
        }
        if text.starts_with(OWN) {
            return Err(format!("`{text}` is a variable of the server, which templates never see"));
        }
        Ok(Self(text.to_owned()))
    }

    fn matches(&self, name: &str) -> bool {
        fits(self.0.as_bytes(), name.as_bytes())
    }
}

/// Whether `name` fits `pattern`: of the last `*` as much is tried as it takes, as earlier ones need no other try.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, from));
                at += 1;
            }
            (Some(c), _) if *c == b'?' || *c == name[from] => (at, from) = (at + 1, from + 1),
            (_, Some((starred, taken))) => {
                star = Some((starred, taken + 1));
                (at, from) = (starred + 1, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|c| *c == b'*')
}

/// The variables of this process that one of `patterns` allows.
pub fn template_variables(patterns: &[NamePattern]) -> TemplateVariables {
    allowed(patterns, std::env::vars_os())
}

/// Those of `variables` that one of `patterns` allows, and that are text.
fn allowed(patterns: &[NamePattern], variables: impl Iterator<Item = (OsString, OsString)>) -> TemplateVariables {
    if patterns.is_empty() {
        return TemplateVariables::default();
    }
    let texts = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let is_allowed = |name: &str| !name.starts_with(OWN) && patterns.iter().any(|pattern| pattern.matches(name));
    texts.filter(|(name, _)| is_allowed(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_as_in_a_shell() {
        for (pattern, name, fit) in [
            ("HOOK_TOKEN", "HOOK_TOKEN", true),
            ("HOOK_TOKEN", "HOOK_TOKEN_2", false),
            ("HOOK_TOKEN", "hook_token", false),
            ("HOOK_*", "HOOK_", true),
            ("HOOK_*", "HOOK", false),
            ("*_TOKEN", "A_TOKEN_TOKEN", true),
            ("*_TOKEN", "A_TOKEN_X", false),
            ("A*B*C", "AxBxBxC", true),
            ("A*B*C", "AxCxB", false),
            ("HOOK_?", "HOOK_1", true),
            ("HOOK_?", "HOOK_12", false),
            ("*", "ANY", true),
        ] {
            assert_eq!(NamePattern::parse(pattern).unwrap().matches(name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_a_way_out() {
        for text in ["", "HOOK TOKEN", "HOOK[AB]", "$HOOK"] {
            assert!(NamePattern::parse(text).unwrap_err().ends_with("write it like HOOK_TOKEN or HOOK_*"), "{text}");
        }
        assert!(NamePattern::parse("TENTERHOOK_*").unwrap_err().contains("never see"));
    }

    #[test]
    fn templates_see_what_a_pattern_allows_and_nothing_of_the_server() {
        let variables = || {
            [("HOOK_A", "1"), ("HOME", "/root"), ("TENTERHOOK_API_KEY", "th_x")]
                .map(|(name, value)| (name.into(), value.into()))
                .into_iter()
        };
        let seen = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|text| NamePattern::parse(text).unwrap()).collect();
            format!("{:?}", allowed(&patterns, variables()))
        };
        assert_eq!(seen(&[]), "{}");
        assert_eq!(seen(&["HOOK_*"]), r#"{"HOOK_A"}"#);
        assert_eq!(seen(&["*"]), r#"{"HOME", "HOOK_A"}"#);
    }
}
