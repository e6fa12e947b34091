//! Collects what is wrong with a request, so that the caller is told everything at once.

use std::fmt::Display;
use std::str::FromStr;

use tenterhook_model::{Fault, limits};

use crate::refusal::Refusal;

/// Faults that are kept of one request: more are not told, and cost memory.
const FAULTS_MAX: usize = 1_000;

/// One step of a path into a message.
#[derive(Debug, Clone, Copy)]
enum Step {
    Field(&'static str),
    Item(usize),
}

/// Faults found so far, and where in the message the check stands now.
#[derive(Debug, Default)]
pub(crate) struct Check {
    path: Vec<Step>,
    faults: Vec<Fault>,
}

impl Check {
    /// A check that has found nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Checks what lies under the field `name`.
    pub(crate) fn within<T>(&mut self, name: &'static str, check: impl FnOnce(&mut Self) -> T) -> T {
        let depth = self.path.len();
        self.path.push(Step::Field(name));
        let result = check(self);
        self.path.pop();
        debug_assert_eq!(self.path.len(), depth, "a check leaves `{name}` as it entered it");
        result
    }

    /// Checks the item `index` of the list at this place.
    pub(crate) fn item<T>(&mut self, index: usize, check: impl FnOnce(&mut Self) -> T) -> T {
        let depth = self.path.len();
        self.path.push(Step::Item(index));
        let result = check(self);
        self.path.pop();
        debug_assert_eq!(self.path.len(), depth, "a check leaves item {index} as it entered it");
        result
    }

    /// Refuses what stands at this place.
    pub(crate) fn refuse_here(&mut self, message: impl Into<String>) {
        self.refuse("", message);
    }

    /// Refuses the field `name` of the message at this place; the empty name is the place itself.
    pub(crate) fn refuse(&mut self, name: &'static str, message: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            let field = self.path_text(Some(name));
            self.faults.push(Fault::invalid(field, message));
        }
    }

    /// Takes over faults whose paths begin at this place.
    pub(crate) fn take(&mut self, faults: impl IntoIterator<Item = Fault>) {
        let prefix = self.path_text(None);
        let moved = |fault: Fault| if prefix.is_empty() { fault } else { fault.under(&prefix) };
        self.faults.extend(faults.into_iter().map(moved));
    }

    /// Takes over faults whose paths begin at this place, but those of fields that have one already.
    pub(crate) fn take_new(&mut self, faults: impl IntoIterator<Item = Fault>) {
        let known: Vec<String> = self.faults.iter().map(|fault| fault.field.clone()).collect();
        let before = self.faults.len();
        self.take(faults);
        let new = self.faults.split_off(before);
        self.faults.extend(new.into_iter().filter(|fault| !known.contains(&fault.field)));
    }

    /// The field `name` in its parsed form.
    pub(crate) fn parse<T>(&mut self, name: &'static str, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        text.parse().map_err(|error: T::Err| self.refuse(name, error.to_string())).ok()
    }

    /// Checks that the text of the field `name` has at most `chars` characters.
    pub(crate) fn text(&mut self, name: &'static str, text: &str, chars: usize) {
        // Bytes are at least as many as characters, and cheaper to count.
        if text.len() > chars && text.chars().count() > chars {
            self.refuse(name, format!("must have at most {} characters", grouped(chars)));
        }
    }

    /// Checks that the text of the field `name` has at most `most` bytes.
    pub(crate) fn bytes(&mut self, name: &'static str, text: &str, most: usize) {
        if text.len() > most {
            self.refuse(name, format!("must have at most {} bytes, not {}", grouped(most), grouped(text.len())));
        }
    }

    /// Checks that the list of the field `name` has at most `limit` items.
    pub(crate) fn count(&mut self, name: &'static str, items: usize, limit: usize) {
        if items > limit {
            self.refuse(name, format!("must have at most {} items, not {}", grouped(limit), grouped(items)));
        }
    }

    /// Ends the check.
    ///
    /// # Errors
    /// With all faults, if any were found.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(self.faults)) }
    }

    /// Ends a check that found something.
    pub(crate) fn into_refusal(self) -> Refusal {
        assert!(!self.faults.is_empty(), "a refusal names what is wrong");
        Refusal::Faults(self.faults)
    }

    fn path_text(&self, name: Option<&'static str>) -> String {
        let mut text = String::new();
        let name = name.filter(|name| !name.is_empty());
        for step in self.path.iter().copied().chain(name.map(Step::Field)) {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => {
                    text.push('.');
                    text.push_str(name);
                }
                Step::Item(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

/// The refusal of a batch with more events than one may have.
pub(crate) fn too_many_events() -> Refusal {
    let limit = grouped(limits::BATCH_EVENTS);
    Refusal::field("events", format!("must have at most {limit} events; send more batches"))
}

/// `12345` as `12,345`, for people.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::WebhookId;

    fn fields(check: Check) -> Vec<String> {
        match check.finish() {
            Err(Refusal::Faults(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn paths_are_those_of_the_wire() {
        let mut check = Check::new();
        check.within("webhook", |check| {
            check.within("request", |check| {
                check.within("headers", |check| check.item(1, |check| check.refuse("value", "x")));
                check.take([Fault::invalid("url", "y")]);
            });
            check.within("rules", |check| check.item(0, |check| check.refuse_here("z")));
        });
        assert_eq!(fields(check), ["webhook.request.headers[1].value", "webhook.request.url", "webhook.rules[0]"]);
    }

    #[test]
    fn a_field_is_not_faulted_twice_by_two_checks() {
        let mut check = Check::new();
        check.within("webhook", |check| {
            check.refuse("url", "too long");
            check.take_new([Fault::invalid("url", "no URL"), Fault::invalid("body", "x"), Fault::invalid("body", "y")]);
        });
        assert_eq!(fields(check), ["webhook.url", "webhook.body", "webhook.body"]);
    }

    #[test]
    fn faults_are_kept_up_to_a_bound() {
        let mut check = Check::new();
        (0..1_000_000).for_each(|_| check.refuse("x", "is odd"));
        assert_eq!(fields(check).len(), FAULTS_MAX);
    }

    #[test]
    fn texts_are_counted_in_characters() {
        let mut check = Check::new();
        check.text("ok", &"\u{e9}".repeat(150), 150);
        check.text("long", &"\u{e9}".repeat(151), 150);
        assert_eq!(fields(check), ["long"]);
    }

    #[test]
    fn a_field_that_does_not_parse_is_named() {
        let mut check = Check::new();
        assert_eq!(check.parse::<WebhookId>("webhook_id", "nope"), None);
        assert_eq!(fields(check), ["webhook_id"]);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([1, 999, 1_000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
    }
}
