//! A webhook of another system as it is wanted here, with what differs and what cannot be moved.

use tenterhook_client::v1::Webhook;
use tenterhook_model::{Secret, limits};

use super::object::Record;

/// A webhook as it is wanted here.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The file and the number of the object in it.
    pub(super) place: String,
    pub(super) webhook: Webhook,
    /// What a new webhook signs with; empty: not at all.
    pub(super) signing_secret: Secret,
    /// What differs from the other system, in words.
    pub(super) notes: Vec<String>,
    /// Field and reason of what cannot be moved.
    pub(super) problems: Vec<(String, String)>,
}

impl Wanted {
    /// Says what differs.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Says that something cannot be moved.
    pub(super) fn problem(&mut self, field: &str, why: impl Into<String>) {
        self.problems.push((field.to_owned(), why.into()));
    }

    /// A flag of `record`, false when it is not set; one that is neither true nor false is a problem.
    pub(super) fn flag(&mut self, record: &Record, name: &str) -> bool {
        let flag = record.flag(name);
        flag.unwrap_or_else(|why| {
            self.problem(name, why);
            None
        })
        .unwrap_or(false)
    }

    /// Takes over the time of an attempt, within what is allowed here.
    pub(super) fn attempt_timeout(&mut self, asked: i64) -> prost_types::Duration {
        let range = limits::ATTEMPT_TIMEOUT_SECONDS;
        let seconds = u64::try_from(asked).unwrap_or(0).clamp(*range.start(), *range.end());
        if i64::try_from(seconds) != Ok(asked) {
            self.note(format!("timeout {asked} s: an attempt takes {seconds} s at most here"));
        }
        let seconds = i64::try_from(seconds).expect("it is at most a minute");
        prost_types::Duration { seconds, nanos: 0 }
    }
}

/// Refuses text that would be a template here.
///
/// # Errors
/// When it has the signs of one.
pub(super) fn literal(text: &str) -> Result<&str, &'static str> {
    match ["{{", "{%", "{#"].iter().any(|sign| text.contains(sign)) {
        true => Err("has the signs of a template, which it would be here; create this webhook by hand"),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_become_a_template_is_refused() {
        assert_eq!(literal("https://a.example.com/{id}"), Ok("https://a.example.com/{id}"));
        assert!(["{{ a }}", "a{% b", "{# c #}"].iter().all(|text| literal(text).is_err()));
    }

    #[test]
    fn the_time_of_an_attempt_is_kept_within_its_range_and_said() {
        let (first, last) = (*limits::ATTEMPT_TIMEOUT_SECONDS.start(), *limits::ATTEMPT_TIMEOUT_SECONDS.end());
        let (first, last) = (i64::try_from(first).unwrap(), i64::try_from(last).unwrap());
        for (asked, seconds) in
            [(first, first), (last, last), (first - 1, first), (last + 1, last), (-5, first), (i64::MAX, last)]
        {
            let mut wanted = Wanted::default();
            assert_eq!(wanted.attempt_timeout(asked), prost_types::Duration { seconds, nanos: 0 }, "{asked}");
            assert_eq!(wanted.notes.len(), usize::from(asked != seconds), "{asked}: {:?}", wanted.notes);
        }
    }

    #[test]
    fn a_flag_that_is_neither_is_a_problem_of_its_field() {
        let flag = |value: serde_json::Value| {
            let members = serde_json::json!({"disabled": value});
            let mut wanted = Wanted::default();
            let flag = wanted.flag(&Record::new("x#1".into(), members.as_object().unwrap().clone()), "disabled");
            (flag, wanted.problems)
        };
        assert_eq!(flag(true.into()), (true, vec![]));
        assert_eq!(flag("no".into()), (false, vec![]));
        assert_eq!(flag(serde_json::Value::Null), (false, vec![]));
        assert_eq!(flag("maybe".into()), (false, vec![("disabled".to_owned(), "must be true or false".to_owned())]));
    }
}
