//! What was measured, as a table, and whether it grew.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::load::Counted;
use crate::process::serve::Server;

/// Rows of the printed table.
const ROWS: usize = 12;
/// Growth over the measured time, of the level at its beginning, that counts as noise.
const NOISE: f64 = 0.25;
/// The same in a run that ends while the allocator and the store still take their last steps.
const NOISE_OF_SHORT: f64 = 1.0;
/// Measured time of a run that is long enough for the stricter of them.
const LONG: Duration = Duration::from_secs(15 * 60);

/// The server at one moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    at: Duration,
    rss_mib: f64,
    descriptors: f64,
    disk_mib: f64,
    p99_ms: f64,
    published: usize,
    seen: usize,
}

/// A value of a sample.
type Value = fn(&Sample) -> f64;

/// What must not grow, and from which level on growth counts: below, a few more are nothing. A busy machine alone
/// delays a publish by hundreds of milliseconds.
const FLAT: [(&str, Value, f64); 4] = [
    ("RSS, MiB", |sample| sample.rss_mib, 40.0),
    ("descriptors", |sample| sample.descriptors, 60.0),
    ("disk, MiB", |sample| sample.disk_mib, 40.0),
    ("publish p99, ms", |sample| sample.p99_ms, 400.0),
];

impl Sample {
    /// Looks at the process of the server and the folder of its store.
    pub(super) fn of(at: Duration, server: &Server, store: &Path, counted: Counted) -> Self {
        let process = format!("/proc/{}", server.running.id());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        let mut took = counted.took;
        took.sort_unstable();
        let p99 = took.get((took.len() * 99 / 100).min(took.len().saturating_sub(1)));
        Self {
            at,
            rss_mib: rss.unwrap_or(0.0) / 1024.0,
            descriptors: std::fs::read_dir(format!("{process}/fd")).map_or(0, Iterator::count) as f64,
            disk_mib: bytes_of(store) as f64 / 1_048_576.0,
            p99_ms: p99.copied().unwrap_or_default().as_secs_f64() * 1e3,
            published: took.len(),
            seen: counted.seen,
        }
    }
}

fn bytes_of(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // A file may be replaced while it is looked at.
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// All samples.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Sample>);

impl Table {
    /// Adds a sample.
    pub(super) fn add(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// What grew, in words. The middle of the first quarter is compared with that of the last.
    pub(super) fn grown(&self) -> Vec<String> {
        let mut grown = Vec::new();
        let quarter = self.0.len() / 4;
        if quarter == 0 || self.0.iter().all(|sample| sample.published == 0) {
            return vec![format!("{} samples say nothing", self.0.len())];
        }
        let measured = self.0[self.0.len() - 1].at.saturating_sub(self.0[0].at);
        let noise = if measured < LONG { NOISE_OF_SHORT } else { NOISE };
        for (name, value, from) in FLAT {
            let first = median(&self.0[..quarter], value);
            let last = median(&self.0[self.0.len() - quarter..], value);
            if last > from && last > first * (1.0 + noise) {
                grown.push(format!("{name} grew from {first:.1} to {last:.1}"));
            }
        }
        grown
    }
}

fn median(samples: &[Sample], value: Value) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| minute | RSS, MiB | descriptors | disk, MiB | publish p99, ms | published | changes watched |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for part in self.0.chunks(self.0.len().div_ceil(ROWS).max(1)) {
            let (minutes, of) = (part[0].at.as_secs_f64() / 60.0, |value: Value| median(part, value));
            let (published, seen) = part.iter().fold((0, 0), |(p, s), next| (p + next.published, s + next.seen));
            let [rss, descriptors, disk, p99] = FLAT.map(|(_, value, _)| of(value));
            writeln!(
                f,
                "| {minutes:.1} | {rss:.1} | {descriptors:.0} | {disk:.1} | {p99:.0} | {published} | {seen} |"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample every `seconds`.
    fn table(seconds: u64, rss: impl Fn(usize) -> f64) -> Table {
        let sample = |at: usize| Sample {
            at: Duration::from_secs(seconds * at as u64),
            rss_mib: rss(at),
            descriptors: 50.0,
            disk_mib: 12.0,
            p99_ms: if at.is_multiple_of(7) { 90.0 } else { 4.0 },
            published: 80,
            seen: 100,
        };
        Table((0..60).map(sample).collect())
    }

    #[test]
    fn what_grows_is_named_and_noise_is_not() {
        assert_eq!(table(60, |at| 100.0 + (at % 10) as f64).grown(), Vec::<String>::new());
        assert_eq!(table(60, |at| 3.0 + at as f64 / 10.0).grown(), Vec::<String>::new(), "a few MiB are nothing");
        let grown = table(60, |at| 100.0 + at as f64).grown();
        assert!(grown.len() == 1 && grown[0].starts_with("RSS, MiB grew from 107"), "{grown:?}");
        assert_eq!(table(2, |at| 100.0 + at as f64).grown(), Vec::<String>::new(), "a short run is less sure");
        assert_eq!(table(2, |at| 100.0 + 3.0 * at as f64).grown().len(), 1);
        assert!(Table::default().grown()[0].contains("say nothing"));
    }
}
