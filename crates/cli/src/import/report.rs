//! What an import shows: a table of the webhooks, what differs and why, and what cannot be moved.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tenterhook_model::{harmless, harmless_line};

use super::origin::Origin;
use super::plan::{Planned, Step};
use crate::failure::Failure;
use crate::output::grid::{Cell, Column};
use crate::output::style::Style;
use crate::output::{Output, count};
use tenterhook_terminal::folded;

const COLUMNS: [Column; 4] =
    [Column::new("WEBHOOK", 0), Column::new("RESULT", 0), Column::number("RULES", 1), Column::number("NOTES", 1)];

/// An event rule that is not taken over, and why.
pub(super) type Skipped = (String, String);

/// What was, or would be, done.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) planned: &'a [Planned],
    pub(super) skipped: &'a [Skipped],
    /// Remarks about all webhooks.
    pub(super) remarks: &'a [String],
    pub(super) origin: Origin,
    pub(super) end: End,
}

/// What was done in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Nothing,
    /// Webhooks were created; those that differ were changed if `updated`.
    Imported {
        updated: bool,
    },
    /// Files were written into this folder.
    Written(String),
}

impl Report<'_> {
    /// Prints it.
    ///
    /// # Errors
    /// When there is no such column as was asked for.
    pub(super) fn print(&self, out: Output) -> Result<(), Failure> {
        let text = self.text(out)?;
        let kept = self.planned.iter().filter(|one| !matches!(one.step, Step::Refused));
        let names: Vec<&str> = kept.map(|one| one.wanted.webhook.display_name.as_str()).collect();
        out.several(&self.json(), &names, || text);
        Ok(())
    }

    fn json(&self) -> Value {
        let pairs = |pairs: &[(String, String)], names: (&str, &str)| -> Value {
            pairs.iter().map(|(one, other)| json!({names.0: one, names.1: other})).collect()
        };
        let webhook = |one: &Planned| {
            let fields: Value = match &one.step {
                Step::Differs(_, fields) => {
                    fields.iter().map(|d| json!({"field": d.field, "before": d.before, "after": d.after})).collect()
                }
                _ => json!([]),
            };
            json!({
                "display_name": one.wanted.webhook.display_name, "result": one.result(self).0, "place": one.wanted.place,
                "rule_count": one.wanted.webhook.rules.len(), "notes": one.wanted.notes,
                "problems": pairs(&one.wanted.problems, ("field", "description")), "fields": fields,
            })
        };
        json!({
            "webhooks": self.planned.iter().map(webhook).collect::<Value>(),
            "skipped": pairs(self.skipped, ("rule", "reason")), "remarks": self.remarks,
            "applied": matches!(self.end, End::Imported { .. }),
        })
    }

    /// For people.
    ///
    /// # Errors
    /// When there is no such column as was asked for.
    pub(super) fn text(&self, out: Output) -> Result<String, Failure> {
        let rows: Vec<Vec<Cell>> = self
            .planned
            .iter()
            .map(|one| {
                let (result, style) = one.result(self);
                let notes = one.wanted.notes.len() + one.wanted.problems.len();
                vec![
                    Cell::new(&one.wanted.webhook.display_name),
                    Cell::styled(result, style),
                    Cell::new(one.wanted.webhook.rules.len().to_string()),
                    Cell::new(notes.to_string()),
                ]
            })
            .collect();
        let mut text = out.table(&COLUMNS, &rows)?;
        let mut line = |sign: char, what: &str| {
            let line = harmless(&harmless_line(&format!("{sign} {what}")));
            writeln!(text, "{}", folded(&line, out.width())).expect("a String takes all text");
        };
        self.planned.iter().for_each(|one| one.lines(&mut line));
        self.skipped.iter().for_each(|(rule, why)| line('-', &format!("rule {rule}: {why}")));
        self.remarks.iter().for_each(|remark| line('*', remark));
        text.push('\n');
        text.push_str(&self.sum(out.width()));
        Ok(text)
    }

    /// How many of each, in a sentence.
    fn sum(&self, width: Option<usize>) -> String {
        let of = |is: fn(&Step) -> bool| self.planned.iter().filter(|one| is(&one.step)).count();
        let number = i64::try_from(self.planned.len()).unwrap_or(i64::MAX);
        let mut text = format!(
            "{}: {} new, {} unchanged, {} changed in {}, {} refused; {} skipped.",
            count(number, "webhook", "webhooks"),
            of(|step| matches!(step, Step::Create)),
            of(|step| matches!(step, Step::Same(_))),
            of(|step| matches!(step, Step::Differs(..))),
            self.origin.name,
            of(|step| matches!(step, Step::Refused)),
            count(i64::try_from(self.skipped.len()).unwrap_or(i64::MAX), "rule", "rules"),
        );
        if self.end == End::Nothing {
            text.push_str(" Nothing was changed.");
        }
        text = folded(&text, width);
        if let End::Written(folder) = &self.end {
            let folder = harmless_line(folder);
            // A command that is broken cannot be pasted.
            text.push_str(&format!("\nWritten to {folder}; look at them, then: tenterhook apply -f {folder}"));
        }
        text
    }
}

impl Planned {
    /// The word of the table.
    fn result(&self, report: &Report<'_>) -> (&'static str, Option<Style>) {
        match (&self.step, &report.end) {
            (Step::Refused, _) => ("refused", Some(Style::Red)),
            (_, End::Written(_)) => ("written", Some(Style::Green)),
            (Step::Create, End::Imported { .. }) => ("created", Some(Style::Green)),
            (Step::Create, End::Nothing) => ("new", Some(Style::Green)),
            (Step::Same(_), _) => ("unchanged", None),
            (Step::Differs(..), End::Imported { updated: true }) => ("updated", Some(Style::Green)),
            (Step::Differs(..), _) => ("differs", Some(Style::Yellow)),
        }
    }

    /// A line for each problem, difference and note.
    fn lines(&self, line: &mut impl FnMut(char, &str)) {
        let name = &self.wanted.webhook.display_name;
        for (field, why) in &self.wanted.problems {
            line('x', &format!("{name}  {field}: {why}"));
        }
        if let Step::Differs(_, fields) = &self.step {
            for field in fields {
                line('~', &format!("{name}  {}", field.line("default")));
            }
        }
        self.wanted.notes.iter().for_each(|note| line('!', &format!("{name}  {note}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::origin::NETBOX;
    use super::super::wanted::Wanted;
    use tenterhook_client::v1::Webhook;

    fn planned(name: &str, step: Step) -> Planned {
        let webhook = Webhook { display_name: name.into(), ..Default::default() };
        let wanted = Wanted {
            place: "f#1".into(),
            webhook,
            notes: vec!["differs".into()],
            problems: if matches!(step, Step::Refused) { vec![("url".into(), "is wrong".into())] } else { vec![] },
            ..Default::default()
        };
        Planned { wanted, step }
    }

    fn all() -> [Planned; 4] {
        let changed = crate::difference::between(&json!({"a": 1}), &json!({"a": 2}));
        [
            planned("new", Step::Create),
            planned("same", Step::Same(Box::default())),
            planned("other", Step::Differs(Box::default(), changed)),
            planned("bad\n", Step::Refused),
        ]
    }

    #[test]
    fn each_webhook_has_the_word_of_what_was_done() {
        let words = |end: End| {
            let planned = all();
            let report = Report { planned: &planned, skipped: &[], remarks: &[], origin: NETBOX, end };
            planned.iter().map(|one| one.result(&report).0).collect::<Vec<_>>()
        };
        assert_eq!(words(End::Nothing), ["new", "unchanged", "differs", "refused"]);
        assert_eq!(words(End::Imported { updated: false }), ["created", "unchanged", "differs", "refused"]);
        assert_eq!(words(End::Imported { updated: true }), ["created", "unchanged", "updated", "refused"]);
        assert_eq!(words(End::Written("x".into())), ["written", "written", "written", "refused"]);
    }

    #[test]
    fn the_sum_counts_each_kind_once() {
        let planned = all();
        let skipped = [("r".to_owned(), "why".to_owned())];
        let sum =
            |end: End| Report { planned: &planned, skipped: &skipped, remarks: &[], origin: NETBOX, end }.sum(None);
        let counts = "4 webhooks: 1 new, 1 unchanged, 1 changed in NetBox, 1 refused; 1 rule skipped.";
        assert_eq!(sum(End::Nothing), format!("{counts} Nothing was changed."));
        assert_eq!(sum(End::Imported { updated: true }), counts);
        let written = "Written to a b; look at them, then: tenterhook apply -f a b";
        assert_eq!(sum(End::Written("a b".into())), format!("{counts}\n{written}"));
        let none = Report { planned: &[], skipped: &[], remarks: &[], origin: NETBOX, end: End::Nothing };
        assert!(none.sum(None).starts_with("0 webhooks: 0 new") && none.sum(None).contains("0 rules skipped"));
    }

    #[test]
    fn every_problem_difference_and_note_has_its_line() {
        let mut lines = Vec::new();
        all().iter().for_each(|one| one.lines(&mut |sign, what| lines.push(format!("{sign} {what}"))));
        assert_eq!(
            lines,
            [
                "! new  differs",
                "! same  differs",
                "~ other  a  1 -> 2",
                "! other  differs",
                "x bad\n  url: is wrong",
                "! bad\n  differs"
            ]
        );
    }

    #[test]
    fn programs_get_the_same_as_people() {
        let planned = all();
        let skipped = [("r".to_owned(), "why".to_owned())];
        let remarks = ["once".to_owned()];
        let value =
            Report { planned: &planned, skipped: &skipped, remarks: &remarks, origin: NETBOX, end: End::Nothing }
                .json();
        let text = value.to_string();
        for part in
            [r#""result":"differs""#, r#""before":1"#, r#""description":"is wrong""#, r#""place":"f#1""#, "once", "why"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
