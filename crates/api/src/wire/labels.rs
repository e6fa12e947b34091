//! Labels of webhooks and attributes of events: small maps of texts.

use std::collections::BTreeMap;

use tenterhook_model::limits;

use crate::check::{Check, grouped};

/// Checks the map in the field `name` against the limits.
pub(crate) fn check_labels(check: &mut Check, name: &'static str, labels: &BTreeMap<String, String>) {
    check.count(name, labels.len(), limits::LABELS);
    for (key, value) in labels {
        if key.is_empty() {
            check.refuse(name, "must not have an empty key");
        }
        if key.chars().count() > limits::LABEL_KEY_CHARS {
            check.refuse(name, format!("must have keys of at most {} characters", limits::LABEL_KEY_CHARS));
        }
        if value.len() > limits::LABEL_VALUE_CHARS && value.chars().count() > limits::LABEL_VALUE_CHARS {
            let limit = grouped(limits::LABEL_VALUE_CHARS);
            check.refuse(name, format!("must have values of at most {limit} characters; that of `{key}` has more"));
        }
    }
}

/// Checks the list of patterns in the field `name` against the limits.
pub(crate) fn check_patterns(check: &mut Check, name: &'static str, patterns: &[String], limit: usize) {
    check.count(name, patterns.len(), limit);
    check.within(name, |check| {
        for (index, pattern) in patterns.iter().enumerate() {
            check.item(index, |check| {
                if pattern.is_empty() {
                    check.refuse_here("must not be empty; leave it out, or write `**` for everything");
                } else if pattern.chars().count() > limits::TYPE_CHARS {
                    check.refuse_here(format!("must have at most {} characters", limits::TYPE_CHARS));
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: impl IntoIterator<Item = (String, String)>) -> bool {
        let mut check = Check::new();
        check_labels(&mut check, "labels", &of.into_iter().collect());
        check.finish().is_ok()
    }

    fn patterns(of: &[String]) -> bool {
        let mut check = Check::new();
        check_patterns(&mut check, "event_types", of, limits::PATTERNS);
        check.finish().is_ok()
    }

    #[test]
    fn labels_are_limited_at_their_values() {
        let many = |count: usize| labels((0..count).map(|i| (format!("k{i}"), String::new())));
        let key = |chars: usize| labels([("é".repeat(chars), String::new())]);
        let value = |chars: usize| labels([("k".to_owned(), "é".repeat(chars))]);
        assert!(many(limits::LABELS - 1) && many(limits::LABELS) && !many(limits::LABELS + 1));
        assert!(key(1) && key(limits::LABEL_KEY_CHARS) && !key(limits::LABEL_KEY_CHARS + 1) && !key(0));
        assert!(value(0) && value(limits::LABEL_VALUE_CHARS) && !value(limits::LABEL_VALUE_CHARS + 1));
    }

    #[test]
    fn patterns_are_limited_at_their_values() {
        let many = |count: usize| patterns(&vec!["a".to_owned(); count]);
        let long = |chars: usize| patterns(&["é".repeat(chars)]);
        assert!(many(limits::PATTERNS - 1) && many(limits::PATTERNS) && !many(limits::PATTERNS + 1));
        assert!(long(1) && long(limits::TYPE_CHARS) && !long(limits::TYPE_CHARS + 1) && !long(0));
    }
}
