//! What commands print: one module makes tables, JSON, YAML and names of the same answers, and nothing else writes
//! to standard output.

pub(crate) mod grid;
pub(crate) mod proto_json;
pub(crate) mod style;
pub(crate) mod times;
pub(crate) mod yaml;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde_json::Value;
use tenterhook_model::{Clock as _, SystemClock, Timestamp};

use crate::failure::{Done, Failure};
use grid::{Cell, Column, Layout};
use style::{Style, paint};
use tenterhook_terminal::folded;
use times::TimeForm;

/// The forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people; the default on a terminal
    Table,
    /// The table with every column, nothing cut
    Wide,
    /// One JSON document, indented
    Json,
    /// One JSON document a line; the default in a pipe
    Jsonl,
    /// YAML, one document an item
    Yaml,
    /// Names or ids alone, one a line
    Name,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What the flags ask for; what they leave open is as the terminal has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) form: Option<Form>,
    pub(crate) columns: &'a [String],
    pub(crate) colour: Colour,
    pub(crate) time: Option<TimeForm>,
}

/// Where and how a command prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    form: Form,
    colour: bool,
    width: Option<usize>,
    time: TimeForm,
    /// The columns that were asked for; empty for those that fit.
    columns: &'static [String],
    /// Whether standard error is a terminal, which alone gets progress.
    progress: bool,
}

/// An answer of several things.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    /// What they are, such as `webhook` and `webhooks`.
    pub(crate) noun: (&'static str, &'static str),
    pub(crate) columns: &'a [Column],
    /// The rows, and each of them for programs, and its name.
    pub(crate) rows: Vec<Listed>,
}

/// One thing of a [`Listing`].
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) cells: Vec<Cell>,
    pub(crate) json: Value,
    pub(crate) name: String,
}

impl Output {
    /// As the flags and the terminal have it; `no_color` is the wish of the environment.
    pub(crate) fn new(asked: Asked<'_>, no_color: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let form = asked.form.unwrap_or(if terminal { Form::Table } else { Form::Jsonl });
        let colour = match asked.colour {
            Colour::Auto => terminal && !no_color,
            Colour::Always => true,
            Colour::Never => false,
        };
        let time = asked.time.unwrap_or(if terminal { TimeForm::Relative } else { TimeForm::Utc });
        let width = if form == Form::Wide { None } else { columns() };
        // A process prints one answer: what was asked for may live as long as it.
        let columns = Vec::leak(asked.columns.to_vec());
        Self { form, colour, width, time, columns, progress: io::stderr().is_terminal() }
    }

    /// Whether people read it.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self.form, Form::Table | Form::Wide)
    }

    /// Whether every column is shown whole.
    pub(crate) fn is_wide(self) -> bool {
        self.form == Form::Wide
    }

    /// Prints what was asked for whatever the form, such as a command.
    pub(crate) fn raw(self, text: &str) {
        self.text(text);
    }

    /// Columns of the terminal, if it has a width.
    pub(crate) fn width(self) -> Option<usize> {
        self.width
    }

    /// `text` in a style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        paint(self.colour, Some(style), text)
    }

    /// What an error begins with; it goes to standard error.
    fn error_prefix(self) -> String {
        paint(self.colour && self.progress, Some(Style::Red), "error:")
    }

    /// Prints one thing: `people` for people, `json` for programs, `name` alone.
    pub(crate) fn one(self, json: &Value, name: &str, people: impl FnOnce() -> String) {
        match self.form {
            Form::Table | Form::Wide => self.text(people().trim_end()),
            // What has no name prints none.
            Form::Name if name.is_empty() => {}
            Form::Name => self.text(name),
            Form::Json => self.text(&pretty(json)),
            Form::Jsonl => self.text(&json.to_string()),
            Form::Yaml => self.text(yaml::yaml(json).trim_end()),
        }
    }

    /// As [`Output::one`], of an answer about several things, with their names.
    pub(crate) fn several(self, json: &Value, names: &[&str], people: impl FnOnce() -> String) {
        match self.form {
            Form::Name => names.iter().for_each(|name| self.text(name)),
            _ => self.one(json, "", people),
        }
    }

    /// Prints several things. No answer is empty for people.
    ///
    /// # Errors
    /// When there is no such column as was asked for.
    pub(crate) fn many(self, listing: Listing<'_>) -> Done {
        let Listing { noun, columns, rows } = listing;
        match self.form {
            Form::Table | Form::Wide if rows.is_empty() => self.text(&format!("0 {}", noun.1)),
            Form::Table | Form::Wide => {
                let cells: Vec<Vec<Cell>> = rows.into_iter().map(|row| row.cells).collect();
                self.text(self.table(columns, &cells)?.trim_end());
            }
            Form::Name => rows.iter().for_each(|row| self.text(&row.name)),
            Form::Json => self.text(&pretty(&rows.into_iter().map(|row| row.json).collect())),
            Form::Jsonl => rows.iter().for_each(|row| self.text(&row.json.to_string())),
            Form::Yaml => {
                let documents: Vec<String> = rows.iter().map(|row| yaml::yaml(&row.json)).collect();
                self.text(documents.join("---\n").trim_end());
            }
        }
        Ok(0)
    }

    /// A table, as it is laid out here.
    ///
    /// # Errors
    /// When there is no such column as was asked for.
    pub(crate) fn table(self, columns: &[Column], cells: &[Vec<Cell>]) -> Result<String, Failure> {
        let layout = Layout { width: self.width, colour: self.colour, wide: self.form == Form::Wide };
        if self.columns.is_empty() {
            return Ok(grid::grid(columns, cells, layout));
        }
        let chosen = choose(columns, self.columns)?;
        // What was asked for is never dropped.
        let titles: Vec<Column> = chosen.iter().map(|&at| Column { rank: 0, wide: false, ..columns[at] }).collect();
        let cells: Vec<Vec<Cell>> =
            cells.iter().map(|row| chosen.iter().map(|&at| row[at].clone()).collect()).collect();
        Ok(grid::grid(&titles, &cells, layout))
    }

    /// A sentence for people; programs get none.
    pub(crate) fn say(self, text: &str) {
        if self.is_for_people() {
            self.text(text);
        }
    }

    /// A time as it is shown; `-` where there is none.
    pub(crate) fn time(self, time: Option<&prost_types::Timestamp>) -> String {
        match (times::timestamp(time), self.time) {
            (None, _) => "-".to_owned(),
            (Some(time), TimeForm::Relative) => times::relative(time, now()),
            (Some(time), TimeForm::Utc) => time.rfc3339(),
            (Some(time), TimeForm::Local) => times::local(time),
        }
    }

    /// A time as it is shown where how long ago says nothing.
    pub(crate) fn clock(self, time: Timestamp) -> String {
        match self.time {
            TimeForm::Relative | TimeForm::Utc => time.rfc3339(),
            TimeForm::Local => times::local(time),
        }
    }

    /// Shows how far something is, on standard error and only on a terminal.
    pub(crate) fn progress(self, text: &str) {
        if self.progress {
            // Without a terminal there is nobody to show it to.
            let _ = write!(io::stderr(), "\r\u{1b}[K{text}").and_then(|()| io::stderr().flush());
        }
    }

    /// Says on standard error that one of several things went wrong.
    pub(crate) fn complain(self, text: &str) {
        self.aside(&format!("{} {text}", self.error_prefix()));
    }

    /// Says on standard error what someone who waits should know.
    pub(crate) fn note(self, text: &str) {
        self.aside(&paint(self.colour && self.progress, Some(Style::Dim), text));
    }

    /// Prints a line to standard error, in the place of progress that is shown there.
    fn aside(self, text: &str) {
        self.progress("");
        // Without standard error there is nobody to say it to.
        let _ = writeln!(io::stderr(), "{}", folded(text, tenterhook_terminal::columns(io::stderr())));
    }

    /// Prints a line. A reader that has gone away is no error of ours.
    fn text(self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// The places of the columns of these headings.
fn choose(columns: &[Column], asked: &[String]) -> Result<Vec<usize>, Failure> {
    let place = |name: &String| columns.iter().position(|column| column.title.eq_ignore_ascii_case(name.trim()));
    let (known, unknown): (Vec<_>, Vec<_>) = asked.iter().partition(|name| place(name).is_some());
    if unknown.is_empty() {
        return Ok(known.into_iter().filter_map(place).collect());
    }
    let there: Vec<String> = columns.iter().map(|column| column.title.to_lowercase()).collect();
    let unknown: Vec<&str> = unknown.iter().map(|name| name.as_str()).collect();
    Err(Failure::usage(format!("there is no column {}", unknown.join(", ")))
        .next(format!("choose among {}", there.join(", "))))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value of JSON is JSON")
}

/// The columns of the terminal; elsewhere those that COLUMNS asks for.
fn columns() -> Option<usize> {
    let elsewhere = || std::env::var_os("COLUMNS")?.to_str()?.parse().ok().filter(|columns| *columns > 0);
    tenterhook_terminal::columns(io::stdout()).or_else(elsewhere)
}

/// `1 delivery`, `2 deliveries`, `1,204 deliveries`.
pub(crate) fn count(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A number with a comma after each three digits.
pub(crate) fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_in_thousands() {
        assert_eq!(count(1, "delivery", "deliveries"), "1 delivery");
        assert_eq!(count(0, "delivery", "deliveries"), "0 deliveries");
        assert_eq!(
            (thousands(1_204), thousands(999), thousands(-1_000_000)),
            ("1,204".into(), "999".into(), "-1,000,000".into())
        );
    }

    const COLUMNS: [Column; 3] = [Column::new("WEBHOOK", 0), Column::number("LAST HOUR", 1), Column::wide("ID")];

    fn chosen(asked: &[&str]) -> Result<Vec<usize>, String> {
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        choose(&COLUMNS, &asked).map_err(|failure| failure.to_string())
    }

    #[test]
    fn columns_are_chosen_by_their_headings_in_the_order_that_was_asked_for() {
        assert_eq!(chosen(&["id", "webhook"]), Ok(vec![2, 0]));
        assert_eq!(chosen(&[" Last Hour "]), Ok(vec![1]));
        assert_eq!(chosen(&["ID", "id"]), Ok(vec![2, 2]));
        let refused = "there is no column url, why\n  next: choose among webhook, last hour, id";
        assert_eq!(chosen(&["id", "url", "why"]), Err(refused.to_owned()));
        assert!(chosen(&[""]).is_err());
    }

    fn output(form: Form, columns: &[&str]) -> Output {
        let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let asked = Asked { form: Some(form), columns: &columns, colour: Colour::Never, time: Some(TimeForm::Utc) };
        Output { width: None, ..Output::new(asked, true) }
    }

    #[test]
    fn a_table_has_the_columns_of_its_form_or_those_that_were_asked_for() {
        let cells = vec![vec![Cell::new("orders"), Cell::new("7"), Cell::new("wh_1")]];
        let table = |form, columns: &[&str]| output(form, columns).table(&COLUMNS, &cells).unwrap();
        assert_eq!(table(Form::Table, &[]), "WEBHOOK  LAST HOUR\norders           7\n");
        assert_eq!(table(Form::Wide, &[]), "WEBHOOK  LAST HOUR  ID\norders           7  wh_1\n");
        assert_eq!(table(Form::Table, &["id"]), "ID\nwh_1\n", "one of the wide table");
        assert_eq!(output(Form::Table, &["x"]).table(&COLUMNS, &cells).unwrap_err().code, 2);
    }

    #[test]
    fn only_tables_are_for_people() {
        let of = |form| (output(form, &[]).is_for_people(), output(form, &[]).is_wide());
        assert_eq!((of(Form::Table), of(Form::Wide)), ((true, false), (true, true)));
        for form in [Form::Json, Form::Jsonl, Form::Yaml, Form::Name] {
            assert_eq!(of(form), (false, false), "{form:?}");
        }
    }

    #[test]
    fn times_are_shown_as_asked_and_missing_ones_as_a_dash() {
        let out = output(Form::Table, &[]);
        let time = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
        assert_eq!(out.time(Some(&time(1))), "1970-01-01T00:00:01Z");
        assert_eq!((out.time(None), out.time(Some(&time(i64::MAX)))), ("-".to_owned(), "-".to_owned()));
        let relative = Output { time: TimeForm::Relative, ..out };
        assert!(relative.time(Some(&time(1))).ends_with(" days ago"));
        assert_eq!(relative.clock(Timestamp::from_millis(1_000)), "1970-01-01T00:00:01Z");
    }

    #[test]
    fn every_number_has_its_commas() {
        for (number, text) in [
            (0, "0"),
            (12, "12"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (999_999, "999,999"),
            (1_000_000, "1,000,000"),
            (-12, "-12"),
            (-1_234, "-1,234"),
            (i64::MIN, "-9,223,372,036,854,775,808"),
            (i64::MAX, "9,223,372,036,854,775,807"),
        ] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!((count(-1, "one", "many"), count(1_000, "one", "many")), ("-1 many".into(), "1,000 many".into()));
    }
}
