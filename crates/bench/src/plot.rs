//! `tenterhook bench plot`: pictures of what the benchmark has printed as JSON, for the documentation.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::Terminal;

use super::report::Ratios;
use super::steady::Steady;

/// Width of a picture, in its own units.
const WIDTH: f64 = 760.0;
/// Room on the left for names, and on the right.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 70.0;
/// Room above for title and legend, and below for the axis.
const TOP: f64 = 56.0;
const BOTTOM: f64 = 34.0;
/// Height of a bar, and of a bar with its gap.
const BAR: f64 = 14.0;
const ROW: f64 = 26.0;
/// Height of what lines are drawn in.
const LINES: f64 = 220.0;
/// Labels below lines, at most.
const LABELS: usize = 12;
/// Marks of an axis, at most.
const MARKS: f64 = 6.0;
/// Colours that tell on white and on black, and that people tell apart who see no red or no green.
const COLOURS: [&str; 3] = ["#3b82c4", "#d97706", "#8b5fbf"];
const GREY: &str = "#808790";

/// What `tenterhook bench plot` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct PlotArgs {
    /// What `bench --yardstick --json`, `bench --growth PERCENT --json` or `bench steady --json` has printed; or a list of
    /// `{"version": …, "report": …}` with reports of the first kind
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// A report with ratios.
#[derive(Debug, Deserialize)]
struct Compared {
    compared_with: String,
    scenarios: Vec<Scenario>,
}

#[derive(Debug, Deserialize)]
struct Scenario {
    name: String,
    ratios: Option<Ratios>,
}

/// A report of an earlier version.
#[derive(Debug, Deserialize)]
struct Version {
    version: String,
    report: Compared,
}

/// Prints the picture of a file.
///
/// # Errors
/// When the file cannot be read, or is nothing that the benchmark has printed.
pub(super) fn run(args: &PlotArgs, terminal: Terminal) -> Result<()> {
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    terminal.line(picture(&text)?);
    Ok(())
}

/// The picture of what was printed as JSON.
fn picture(text: &str) -> Result<String> {
    let refused = "this is no JSON of `bench --yardstick`, `bench --growth`, `bench steady` or of versions";
    let Ok(measured) = serde_json::from_str::<Value>(text) else { bail!(refused) };
    let drawn = if measured.is_array() {
        serde_json::from_value(measured).map(|versions: Vec<Version>| lines_of_versions(&versions))
    } else if measured.get("parts").is_some() {
        serde_json::from_value(measured).map(|steady| lines_of(&steady))
    } else {
        serde_json::from_value(measured).map(|compared| bars_of(&compared))
    };
    drawn.ok().context(refused)?
}

fn lines_of(steady: &Steady) -> Result<String> {
    ensure!(!steady.parts.is_empty(), "nothing was measured");
    let minutes = |number: usize| format!("{:.0}", steady.part_seconds * number as f64 / 60.0);
    let of = |figure: fn(&super::steady::Part) -> f64| steady.parts.iter().map(figure).collect();
    Ok(Lines {
        title: format!("Arrival at {} events a second, in milliseconds by minute", steady.rate),
        labels: (1..=steady.parts.len()).map(minutes).collect(),
        series: vec![("p50", of(|part| part.p50_ms)), ("p99", of(|part| part.p99_ms))],
        goal: None,
    }
    .svg())
}

fn bars_of(compared: &Compared) -> Result<String> {
    let bar = |scenario: &Scenario| Some((scenario.name.clone(), scenario.ratios?.cpu));
    let bars: Vec<(String, f64)> = compared.scenarios.iter().filter_map(bar).collect();
    ensure!(!bars.is_empty(), "nothing was compared");
    let with = match compared.compared_with.as_str() {
        "yardstick" => "the bare pipeline",
        other => other,
    };
    Ok(Bars { title: format!("CPU of a delivery, compared with {with}"), bars, goal: 1.3 }.svg())
}

fn lines_of_versions(versions: &[Version]) -> Result<String> {
    ensure!(!versions.is_empty(), "no version was measured");
    let ratio = |version: &Version, name: &str| {
        let found = version.report.scenarios.iter().find(|scenario| scenario.name == name)?;
        Some(found.ratios?.delivered)
    };
    let series = |label, name| -> Result<(&'static str, Vec<f64>)> {
        let values: Option<Vec<f64>> = versions.iter().map(|version| ratio(version, name)).collect();
        Ok((label, values.with_context(|| format!("a version has no ratio of `{name}`"))?))
    };
    Ok(Lines {
        title: "Delivered a second, compared with the bare pipeline, by version".to_owned(),
        labels: versions.iter().map(|version| version.version.clone()).collect(),
        series: vec![
            series("1 webhook", "64 in flight, 1 webhook")?,
            series("10 webhooks", "64 in flight, 10 webhooks")?,
        ],
        goal: Some(0.85),
    }
    .svg())
}

/// Values over something that goes on.
struct Lines {
    title: String,
    labels: Vec<String>,
    series: Vec<(&'static str, Vec<f64>)>,
    goal: Option<f64>,
}

impl Lines {
    fn svg(&self) -> String {
        assert!(self.series.iter().all(|(_, values)| values.len() == self.labels.len()), "each label has its values");
        let values = self.series.iter().flat_map(|(_, values)| values).chain(&self.goal);
        let axis = Axis::over(values.copied());
        let (left, bottom, count) = (56.0, TOP + LINES, self.labels.len());
        let x = |number: usize| {
            let width = WIDTH - left - RIGHT;
            left + if count > 1 { width * number as f64 / (count - 1) as f64 } else { width / 2.0 }
        };
        let y = |value: f64| bottom - LINES * value / axis.end;
        let mut inner = String::new();
        for mark in axis.marks() {
            let at = y(mark);
            inner += &line(left, at, WIDTH - RIGHT, at, "stroke-opacity=\"0.25\"");
            inner += &text(left - 8.0, at + 4.0, "end", GREY, &axis.label(mark));
        }
        let step = count.div_ceil(LABELS);
        for (number, label) in
            self.labels.iter().enumerate().filter(|(number, _)| (number + 1) % step == 0 || step == 1)
        {
            inner += &text(x(number), bottom + 20.0, "middle", GREY, label);
        }
        if let Some(goal) = self.goal {
            inner += &line(left, y(goal), WIDTH - RIGHT, y(goal), "stroke-dasharray=\"6 4\"");
            inner += &text(WIDTH - RIGHT + 6.0, y(goal) + 4.0, "start", GREY, "goal");
        }
        for (number, (name, values)) in self.series.iter().enumerate() {
            let (colour, at) = (COLOURS[number % COLOURS.len()], left + 110.0 * number as f64);
            inner += &text(at, 42.0, "start", colour, name);
            let points: Vec<String> =
                values.iter().enumerate().map(|(number, value)| format!("{:.1},{:.1}", x(number), y(*value))).collect();
            _ = writeln!(
                inner,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                points.join(" ")
            );
            for point in points.iter().filter(|_| count <= LABELS) {
                let (x, y) = point.split_once(',').unwrap_or_default();
                _ = writeln!(inner, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>");
            }
        }
        frame(&self.title, bottom + BOTTOM, &inner)
    }
}

/// One value for each of several things.
struct Bars {
    title: String,
    bars: Vec<(String, f64)>,
    goal: f64,
}

impl Bars {
    fn svg(&self) -> String {
        let axis = Axis::over(self.bars.iter().map(|(_, value)| *value).chain([self.goal]));
        let (top, x) = (TOP - 14.0, |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * value / axis.end);
        let bottom = top + ROW * self.bars.len() as f64;
        let mut inner = String::new();
        for mark in axis.marks() {
            inner += &line(x(mark), top, x(mark), bottom, "stroke-opacity=\"0.25\"");
            inner += &text(x(mark), bottom + 20.0, "middle", GREY, &axis.label(mark));
        }
        for (number, (name, value)) in self.bars.iter().enumerate() {
            let at = top + ROW * number as f64 + (ROW - BAR) / 2.0;
            inner += &text(LEFT - 10.0, at + BAR - 2.5, "end", GREY, name);
            let (width, colour) = (x(*value) - LEFT, COLOURS[0]);
            _ = writeln!(
                inner,
                "<rect x=\"{LEFT}\" y=\"{at:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{colour}\"/>"
            );
            inner += &text(WIDTH - 12.0, at + BAR - 2.5, "end", GREY, &format!("{value:.2}"));
        }
        inner += &line(x(self.goal), top, x(self.goal), bottom, "stroke-dasharray=\"6 4\"");
        inner += &text(x(self.goal), top - 4.0, "middle", GREY, &format!("goal {}", self.goal));
        frame(&self.title, bottom + BOTTOM, &inner)
    }
}

/// An axis from 0 on, with marks at round numbers.
struct Axis {
    end: f64,
    step: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let highest = values.fold(f64::MIN_POSITIVE, f64::max);
        let least = highest / MARKS;
        let power = 10_f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * power).into_iter().find(|step| *step >= least);
        let step = step.unwrap_or(least);
        let end = (highest / step).ceil() * step;
        assert!(step > 0.0 && end >= highest, "an axis to {end} in steps of {step} holds {highest}");
        Self { end, step }
    }

    fn marks(&self) -> impl Iterator<Item = f64> + use<> {
        let step = self.step;
        (0..=(self.end / step).round() as u32).map(move |number| f64::from(number) * step)
    }

    fn label(&self, mark: f64) -> String {
        let digits = (-self.step.log10()).ceil().max(0.0) as usize;
        format!("{mark:.digits$}")
    }
}

fn frame(title: &str, height: f64, inner: &str) -> String {
    let (title, head) = (escaped(title), text(12.0, 20.0, "start", GREY, title));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>{title}</title>\n{head}{inner}</svg>"
    )
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64, more: &str) -> String {
    format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{GREY}\" {more}/>\n")
}

fn text(x: f64, y: f64, anchor: &str, colour: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{}</text>\n", escaped(words))
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn an_axis_has_few_round_marks_and_holds_every_value() {
        for (highest, end, marks) in
            [(1.0, 1.0, 6), (0.85, 1.0, 6), (1.81, 2.0, 5), (37.0, 40.0, 5), (1_234.0, 1_500.0, 4)]
        {
            let axis = Axis::over([0.1, highest].into_iter());
            assert!(
                (axis.end - end).abs() < 1e-9 && axis.marks().count() == marks,
                "{highest}: {} {}",
                axis.end,
                axis.marks().count()
            );
        }
        let labels = |highest: f64| {
            let axis = Axis::over([highest].into_iter());
            axis.marks().map(|mark| axis.label(mark)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels(1.0), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(labels(40.0), "0 10 20 30 40");
    }

    #[test]
    fn a_bar_is_as_long_as_its_value_and_the_goal_stands_where_it_is() {
        let report = r#"{"compared_with": "nothing else", "scenarios": [
            {"name": "a & b", "ratios": {"delivered": 1.0, "cpu": 1.0, "arrival_p99": 1.0}},
            {"name": "twice", "ratios": {"delivered": 1.0, "cpu": 2.0, "arrival_p99": 1.0}},
            {"name": "not compared"}]}"#;
        let svg = picture(report).unwrap();
        assert!(svg.contains("width=\"250.0\"") && svg.contains("width=\"500.0\""), "{svg}");
        assert!(svg.contains("goal 1.3") && svg.contains("a &amp; b") && !svg.contains("not compared"), "{svg}");
        assert!(svg.contains("<title>CPU of a delivery, compared with nothing else</title>"), "{svg}");
    }

    #[test]
    fn an_hour_has_a_line_for_the_middle_and_one_for_the_tail() {
        let part = |p99: u32| {
            format!(r#"{{"arrived": 1, "p50_ms": 1.0, "p99_ms": {p99}, "slowest_ms": 9.0, "memory_mib": 1.0}}"#)
        };
        let parts = [2, 4, 2].map(part).join(",");
        let svg = picture(&format!(r#"{{"rate": 5, "part_seconds": 60.0, "parts": [{parts}]}}"#)).unwrap();
        assert_eq!(svg.matches("<polyline").count(), 2, "{svg}");
        assert!(svg.contains("56.0,166.0 373.0,56.0 690.0,166.0"), "{svg}");
    }

    #[test]
    fn versions_stand_in_their_order_below_the_goal() {
        let version = |name: &str, delivered: f64| {
            let scenario = |name: &str| {
                format!(
                    r#"{{"name": "{name}", "ratios": {{"delivered": {delivered}, "cpu": 1.0, "arrival_p99": 1.0}}}}"#
                )
            };
            let scenarios = [scenario("64 in flight, 1 webhook"), scenario("64 in flight, 10 webhooks")].join(",");
            format!(
                r#"{{"version": "{name}", "report": {{"compared_with": "yardstick", "scenarios": [{scenarios}]}}}}"#
            )
        };
        let svg = picture(&format!("[{}, {}]", version("first", 0.5), version("second", 1.0))).unwrap();
        assert!(svg.contains("56.0,166.0 690.0,56.0") && svg.contains(">goal<"), "{svg}");
        assert!(svg.find(">first<").unwrap() < svg.find(">second<").unwrap());
        let lacking = r#"[{"version": "x", "report": {"compared_with": "yardstick", "scenarios": []}}]"#;
        assert!(picture(lacking).unwrap_err().to_string().contains("64 in flight, 1 webhook"));
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for wrong in ["", "[]", "{}", "7", r#"{"rate": 1, "part_seconds": 1.0, "parts": []}"#] {
            assert!(picture(wrong).is_err(), "{wrong}");
        }
    }

    /// Each picture of the docs stands beside the JSON that it was drawn from. Fresh ones are written below the target folder.
    #[test]
    fn the_pictures_of_the_docs_show_the_results_beside_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let page = std::fs::read_to_string(root.join("docs/BENCHMARKS.md")).unwrap();
        let fresh = root.join("target/pictures");
        std::fs::create_dir_all(&fresh).unwrap();
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(root.join("docs/pictures")).unwrap() {
            names.insert(entry.unwrap().path().with_extension(""));
        }
        assert!(!names.is_empty());
        for path in names {
            let name = format!("{}.svg", path.file_name().unwrap().display());
            let svg = picture(&std::fs::read_to_string(path.with_extension("json")).unwrap()).unwrap() + "\n";
            std::fs::write(fresh.join(&name), &svg).unwrap();
            let drawn = std::fs::read_to_string(path.with_extension("svg")).unwrap_or_default();
            assert!(drawn == svg, "docs/pictures/{name} is stale: copy target/pictures/{name}");
            assert!(page.contains(&format!("(pictures/{name})")), "BENCHMARKS.md does not show {name}");
        }
    }
}
