//! Scrapes: the text of `/metrics` as samples, over time.

use std::collections::BTreeMap;

/// The labels of a sample, its name among them as `__name__`.
pub(super) type Labels = BTreeMap<String, String>;

/// Scrapes, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    scrapes: Vec<(i64, Vec<(Labels, f64)>)>,
}

impl History {
    /// Adds the scrape at `time`, in seconds; without a text the target was down.
    pub(super) fn add(&mut self, time: i64, text: Option<&str>) {
        let up = format!("up {}", u8::from(text.is_some()));
        let lines = text.unwrap_or_default().lines().chain([up.as_str()]);
        let samples = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect();
        self.scrapes.push((time, samples));
    }

    /// The time of the last scrape.
    pub(super) fn now(&self) -> i64 {
        self.scrapes.last().map_or(0, |(time, _)| *time)
    }

    /// The samples of the last scrape that have all these labels.
    pub(super) fn last(&self, matchers: &Labels) -> Vec<(Labels, f64)> {
        self.scrapes.last().map(|(_, samples)| matching(samples, matchers)).unwrap_or_default()
    }

    /// How much each counter with these labels has risen over the last `seconds`.
    pub(super) fn increase(&self, matchers: &Labels, seconds: i64) -> Vec<(Labels, f64)> {
        let since = self.now() - seconds;
        let Some((_, first)) = self.scrapes.iter().find(|(time, _)| *time >= since) else { return Vec::new() };
        let before: BTreeMap<_, _> = matching(first, matchers).into_iter().collect();
        // Prometheus sees no increase in a series that was not there before.
        let risen = self.last(matchers).into_iter().filter_map(|(labels, value)| {
            let before = before.get(&labels)?;
            Some((labels, value - before))
        });
        risen.collect()
    }
}

fn matching(samples: &[(Labels, f64)], matchers: &Labels) -> Vec<(Labels, f64)> {
    let matches = |labels: &Labels| matchers.iter().all(|(key, value)| labels.get(key) == Some(value));
    samples.iter().filter(|(labels, _)| matches(labels)).cloned().collect()
}

/// A line as Prometheus stores it, with the name of the job.
fn sample(line: &str) -> (Labels, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("a sample: {line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let mut all = labels_of(labels.trim_end_matches('}'));
    all.insert("__name__".into(), name.into());
    all.insert("job".into(), "tenterhook".into());
    (all, value.parse().unwrap_or_else(|_| panic!("a number: {line}")))
}

/// Reads `key="value",…`; no value of the tests has a comma or a quote.
pub(super) fn labels_of(text: &str) -> Labels {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or_else(|| panic!("a label: {pair}"));
        (key.trim().to_owned(), value.trim().trim_matches('"').to_owned())
    };
    pairs.map(pair).collect()
}
