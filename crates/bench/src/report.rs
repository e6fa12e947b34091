//! The table of a benchmark, and the same figures as JSON.

use serde::Serialize;

use super::scenario::Figures;
use tenterhook_server::terminal::{Style, Terminal};

/// What a benchmark found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Report {
    /// Version of the server.
    pub(super) version: &'static str,
    /// Runs of each scenario.
    pub(super) runs: usize,
    /// The ceilings: medians over the runs.
    pub(super) ceilings: Ceilings,
    /// Each scenario's name and the median of its figures.
    pub(super) scenarios: Vec<(&'static str, Figures)>,
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
        for (name, figures) in &self.scenarios {
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
        lines.push(String::new());
        lines.push(format!(
            "Ceilings here: {:.0} raw keep-alive POSTs/s of a bare hyper client, {:.0} fsyncs/s of this disk.",
            self.ceilings.raw_posts_per_second, self.ceilings.fsyncs_per_second
        ));
        let note = "Events of 1 KiB, a body with a loop and tojson, signed, redb with real fsync; the server in a process of its \
                    own. In flight means: from the call of PublishEvent to the arrival of its last request.";
        lines.push(terminal.paint(Style::Dim, note));
        lines.join("\n")
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
            ceilings: Ceilings { raw_posts_per_second: 50_000.0, fsyncs_per_second: 4_000.0 },
            scenarios: vec![("64 in flight, 1 webhook", figures)],
        };
        let table = report.table(Terminal::plain());
        assert!(table.contains("5000      10%"), "{table}");
        assert!(table.contains("0.0/12.3 ms") && table.contains("4000 fsyncs/s"), "{table}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["scenarios"][0][1]["delivered_per_second"], 5_000.0);
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!((median(vec![]), median(vec![3.0, 1.0, 2.0])), (0.0, 2.0));
    }
}
