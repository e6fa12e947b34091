//! The table of a benchmark, and the same figures as JSON.

use serde::{Deserialize, Serialize};

use super::scenario::Figures;
use tenterhook_terminal::{Style, Terminal};

/// What a benchmark found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Report {
    /// Version of the server.
    pub(super) version: &'static str,
    /// Runs of each scenario.
    pub(super) runs: usize,
    /// Where the server keeps its records.
    pub(super) store: &'static str,
    /// What the scenarios are compared with.
    pub(super) compared_with: &'static str,
    /// The ceilings: medians over the runs.
    pub(super) ceilings: Ceilings,
    /// The scenarios.
    pub(super) scenarios: Vec<Row>,
}

/// One run of the server, and one of what it is compared with right before it: the yardstick, or the server with little
/// else to do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Pair {
    /// What the server reached.
    pub(super) server: Figures,
    /// What that did, if it ran.
    pub(super) base: Option<Figures>,
}

/// What the runs of a scenario gave.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: &'static str,
    /// The median of each figure.
    pub(super) server: Figures,
    /// The same of what it is compared with, if that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<Figures>,
    /// The median of each ratio of the server to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ratios: Option<Ratios>,
}

/// How many times as much; each pair by itself, since machines drift.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Ratios {
    /// Requests a second.
    pub(super) delivered: f64,
    /// CPU for each delivery.
    pub(super) cpu: f64,
    /// Arrival of 99 of 100.
    pub(super) arrival_p99: f64,
}

impl Row {
    /// The medians over the runs of a scenario.
    pub(super) fn of(name: &'static str, pairs: &[Pair]) -> Self {
        let server: Vec<Figures> = pairs.iter().map(|pair| pair.server).collect();
        let both: Vec<(Figures, Figures)> = pairs.iter().filter_map(|pair| Some((pair.server, pair.base?))).collect();
        let ratio = |of: fn(&Figures) -> f64| {
            median(both.iter().map(|(server, base)| of(server) / of(base).max(f64::MIN_POSITIVE)).collect())
        };
        let ratios = Ratios {
            delivered: ratio(|figures| figures.delivered_per_second),
            cpu: ratio(|figures| figures.cpu_seconds_per_10k),
            arrival_p99: ratio(|figures| figures.arrival_p99_ms),
        };
        let base: Vec<Figures> = both.iter().map(|(_, base)| *base).collect();
        let is_compared = !base.is_empty();
        Self {
            name,
            server: Figures::median(&server),
            base: is_compared.then(|| Figures::median(&base)),
            ratios: is_compared.then_some(ratios),
        }
    }
}

/// What no pipeline can beat on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(super) struct Ceilings {
    /// Keep-alive POSTs a second of a bare hyper client to the receiver.
    pub(super) raw_posts_per_second: f64,
    /// Appends of a page with an fdatasync each, a second.
    pub(super) fsyncs_per_second: f64,
}

impl Report {
    /// For programs.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is made of numbers and texts")
    }

    /// For people.
    pub(super) fn table(&self, terminal: Terminal) -> String {
        let bold = |text: String| terminal.paint(Style::Bold, text);
        let mut lines = vec![
            String::new(),
            bold(format!(
                "{:<26}{:>12}{:>9}{:>16}{:>16}{:>11}{:>9}",
                "median of each figure",
                "delivered/s",
                "of raw",
                "publish p50/p99",
                "arrival p50/p99",
                "CPU-s/10k",
                "MiB"
            )),
        ];
        for Row { name, server: figures, .. } in &self.scenarios {
            lines.push(format!(
                "{name:<26}{:>12.0}{:>8.0}%{:>16}{:>16}{:>11.2}{:>9.1}",
                figures.delivered_per_second,
                100.0 * figures.delivered_per_second / self.ceilings.raw_posts_per_second.max(1.0),
                format!("{:.1}/{:.1} ms", figures.publish_p50_ms, figures.publish_p99_ms),
                format!("{:.1}/{:.1} ms", figures.arrival_p50_ms, figures.arrival_p99_ms),
                figures.cpu_seconds_per_10k,
                figures.peak_mib,
            ));
        }
        lines.extend(self.ratios(terminal));
        lines.push(String::new());
        lines.push(format!(
            "Ceilings here: {:.0} raw keep-alive POSTs/s of a bare hyper client, {:.0} fsyncs/s of this disk.",
            self.ceilings.raw_posts_per_second, self.ceilings.fsyncs_per_second
        ));
        let note = format!(
            "Events of 1 KiB, a body with a loop and tojson, signed, {} with real fsync; the server in another process. \
             In flight means: from the call of PublishEvent to the arrival of its last request.",
            self.store
        );
        lines.push(terminal.paint(Style::Dim, note));
        lines.join("\n")
    }
}

impl Report {
    /// The table of ratios; nothing where nothing was compared.
    fn ratios(&self, terminal: Terminal) -> Vec<String> {
        let compared = self.scenarios.iter().filter_map(|row| Some((row.name, row.base?, row.ratios?)));
        let rows: Vec<String> = compared
            .map(|(name, base, ratios)| {
                format!(
                    "{name:<26}{:>12.0}{:>11.2}{:>13.2}×{:>10.2}×{:>17.2}×",
                    base.delivered_per_second,
                    base.cpu_seconds_per_10k,
                    ratios.delivered,
                    ratios.cpu,
                    ratios.arrival_p99,
                )
            })
            .collect();
        if rows.is_empty() {
            return rows;
        }
        let head = format!(
            "{:<26}{:>12}{:>11}{:>14}{:>11}{:>18}",
            format!("compared with {}", self.compared_with),
            "delivered/s",
            "CPU-s/10k",
            "delivered",
            "CPU",
            "arrival p99"
        );
        [String::new(), terminal.paint(Style::Bold, head)].into_iter().chain(rows).collect()
    }
}

/// The value in the middle; 0 when there is none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_each_scenario_beside_the_ceiling() {
        let figures = Figures { delivered_per_second: 5_000.0, arrival_p99_ms: 12.34, ..Figures::default() };
        let report = Report {
            version: "0",
            runs: 1,
            store: "PostgreSQL",
            compared_with: "yardstick",
            ceilings: Ceilings { raw_posts_per_second: 50_000.0, fsyncs_per_second: 4_000.0 },
            scenarios: vec![Row { name: "64 in flight, 1 webhook", server: figures, ..Row::default() }],
        };
        let table = report.table(Terminal::plain());
        assert!(table.contains("5000      10%") && table.contains("signed, PostgreSQL with real fsync"), "{table}");
        assert!(table.contains("0.0/12.3 ms") && table.contains("4000 fsyncs/s"), "{table}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["scenarios"][0]["server"]["delivered_per_second"], 5_000.0);
        assert!(json["scenarios"][0].get("ratios").is_none() && !table.contains("yardstick"), "it did not run");
    }

    #[test]
    fn ratios_are_those_of_each_pair_and_not_of_the_medians() {
        let run = |delivered_per_second| Figures {
            delivered_per_second,
            cpu_seconds_per_10k: 3.0,
            arrival_p99_ms: 11.0,
            ..Figures::default()
        };
        let yardstick = |delivered_per_second| Figures {
            delivered_per_second,
            cpu_seconds_per_10k: 2.0,
            arrival_p99_ms: 10.0,
            ..Figures::default()
        };
        // The machine is half as fast in the second pair.
        let pair = |server, bare| Pair { server: run(server), base: Some(yardstick(bare)) };
        let row = Row::of("a", &[pair(8_000.0, 10_000.0), pair(4_000.0, 5_000.0), pair(9_000.0, 10_000.0)]);
        assert_eq!(row.ratios.unwrap(), Ratios { delivered: 0.8, cpu: 1.5, arrival_p99: 1.1 });
        let report = Report { scenarios: vec![row], ..Report::default() };
        let table = report.table(Terminal::plain());
        assert!(table.contains("10000       2.00         0.80×      1.50×             1.10×"), "{table}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["scenarios"][0]["ratios"]["delivered"], 0.8);
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!((median(vec![]), median(vec![3.0, 1.0, 2.0])), (0.0, 2.0));
    }

    #[test]
    fn the_median_of_an_even_number_is_the_upper_of_the_two_in_the_middle() {
        for (values, middle) in [
            (vec![5.0], 5.0),
            (vec![2.0, 1.0], 2.0),
            (vec![4.0, 1.0, 3.0, 2.0], 3.0),
            (vec![-1.0, -3.0, -2.0], -2.0),
            (vec![1.0, 1.0, 9.0], 1.0),
            (vec![f64::INFINITY, 1.0, 2.0], 2.0),
        ] {
            assert_eq!(median(values.clone()), middle, "{values:?}");
        }
    }

    #[test]
    fn runs_without_a_base_are_in_no_ratio() {
        let run = |delivered_per_second| Figures {
            delivered_per_second,
            cpu_seconds_per_10k: 1.0,
            arrival_p99_ms: 1.0,
            ..Figures::default()
        };
        let alone = |rate| Pair { server: run(rate), base: None };
        let row = Row::of("a", &[alone(1.0), alone(3.0), alone(2.0)]);
        assert_eq!((row.name, row.server.delivered_per_second, row.base, row.ratios), ("a", 2.0, None, None));
        let mixed = Row::of("a", &[alone(100.0), Pair { server: run(6.0), base: Some(run(2.0)) }]);
        assert_eq!(mixed.ratios.unwrap().delivered, 3.0, "that of the only pair");
        assert_eq!(mixed.base.unwrap().delivered_per_second, 2.0);
        assert_eq!(Row::of("a", &[]).server, Figures::default());
    }

    #[test]
    fn a_ceiling_that_was_not_measured_divides_nothing_by_zero() {
        let server = Figures { delivered_per_second: 50.0, ..Figures::default() };
        let report = Report { scenarios: vec![Row { name: "a", server, ..Row::default() }], ..Report::default() };
        let table = report.table(Terminal::plain());
        assert!(table.contains("5000%") && !table.contains("inf") && !table.contains("NaN"), "{table}");
    }

    #[test]
    fn the_table_is_as_long_as_what_was_measured() {
        let row = |name, ratios| Row { name, base: Some(Figures::default()), ratios, ..Row::default() };
        let report = Report {
            compared_with: "nothing else",
            scenarios: vec![row("one", Some(Ratios::default())), row("two", None)],
            ..Report::default()
        };
        let table = report.table(Terminal::plain());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 10, "{table}");
        assert!(
            lines[1].starts_with("median of each figure") && lines[2].starts_with("one") && lines[3].starts_with("two")
        );
        assert!(lines[5].starts_with("compared with nothing else") && lines[6].starts_with("one"), "{table}");
        assert!(lines[8].starts_with("Ceilings here: 0 raw"), "{table}");
    }
}
