//! As much of PromQL as the alert rules use: selectors, `rate`, `increase`, `sum by`,
//! `histogram_quantile`, `time`, arithmetic with numbers and comparisons. A rule that uses more panics.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use super::scrape::{History, Labels, labels_of};

/// Whether a rule's expression has any result.
pub(super) fn fires(rule: &str, history: &History) -> bool {
    let mut query = Query { rest: rule.chars().peekable(), history, rule };
    let value = query.comparison();
    assert_eq!(query.peek(), None, "the rest of {rule}");
    !value.into_vector(rule).is_empty()
}

enum Value {
    Number(f64),
    Vector(Vec<(Labels, f64)>),
}

impl Value {
    fn into_vector(self, rule: &str) -> Vec<(Labels, f64)> {
        match self {
            Self::Vector(vector) => vector,
            Self::Number(_) => panic!("a rule is about a metric: {rule}"),
        }
    }

    fn into_number(self, rule: &str) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Vector(_) => panic!("a rule compares with a number: {rule}"),
        }
    }

    fn with(self, other: Self, operator: char, rule: &str) -> Self {
        let apply = |a: f64, b: f64| match operator {
            '+' => a + b,
            '-' => a - b,
            '*' => a * b,
            _ => a / b,
        };
        let number = other.into_number(rule);
        match self {
            Self::Number(own) => Self::Number(apply(own, number)),
            Self::Vector(all) => {
                Self::Vector(all.into_iter().map(|(labels, own)| (labels, apply(own, number))).collect())
            }
        }
    }
}

struct Query<'a> {
    rest: Peekable<Chars<'a>>,
    history: &'a History,
    rule: &'a str,
}

impl Query<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn take(&mut self, expected: char) {
        assert_eq!(self.peek(), Some(expected), "in {}", self.rule);
        self.rest.next();
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.rest.next();
        }
        is_there
    }

    fn word(&mut self, legal: impl Fn(char) -> bool) -> String {
        self.peek();
        let mut word = String::new();
        while let Some(c) = self.rest.next_if(|c| legal(*c)) {
            word.push(c);
        }
        word
    }

    /// What is between here and `end`, which is taken too.
    fn until(&mut self, end: char) -> String {
        let text = self.word(|c| c != end);
        self.take(end);
        text
    }

    fn comparison(&mut self) -> Value {
        let left = self.sum();
        let operator = self.word(|c| matches!(c, '<' | '>' | '=' | '!'));
        if operator.is_empty() {
            return left;
        }
        let limit = self.sum().into_number(self.rule);
        let holds = |value: f64| match operator.as_str() {
            ">" => value > limit,
            "<" => value < limit,
            "==" => value == limit,
            other => panic!("{other} is unknown in {}", self.rule),
        };
        Value::Vector(left.into_vector(self.rule).into_iter().filter(|(_, value)| holds(*value)).collect())
    }

    fn sum(&mut self) -> Value {
        let mut value = self.product();
        while let Some(operator) = self.peek().filter(|c| matches!(c, '+' | '-')) {
            self.take(operator);
            value = value.with(self.product(), operator, self.rule);
        }
        value
    }

    fn product(&mut self) -> Value {
        let mut value = self.term();
        while let Some(operator) = self.peek().filter(|c| matches!(c, '*' | '/')) {
            self.take(operator);
            value = value.with(self.term(), operator, self.rule);
        }
        value
    }

    fn term(&mut self) -> Value {
        if self.peek().is_some_and(|c| c.is_ascii_digit()) {
            let number = self.word(|c| c.is_ascii_digit() || c == '.');
            return Value::Number(number.parse().unwrap_or_else(|_| panic!("{number} in {}", self.rule)));
        }
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        match name.as_str() {
            "time" => {
                self.take('(');
                self.take(')');
                Value::Number(self.history.now() as f64)
            }
            "rate" | "increase" => {
                self.take('(');
                let (risen, seconds) = self.risen();
                self.take(')');
                let part = if name == "rate" { seconds as f64 } else { 1.0 };
                Value::Vector(risen.into_iter().map(|(labels, value)| (labels, value / part)).collect())
            }
            "sum" => {
                assert_eq!(self.word(char::is_alphabetic), "by", "in {}", self.rule);
                self.take('(');
                let kept = self.until(')');
                self.take('(');
                let all = self.comparison().into_vector(self.rule);
                self.take(')');
                Value::Vector(sum_by(&kept, all))
            }
            "histogram_quantile" => {
                self.take('(');
                let quantile = self.sum().into_number(self.rule);
                self.take(',');
                let buckets = self.comparison().into_vector(self.rule);
                self.take(')');
                Value::Vector(quantile_of(quantile, buckets).into_iter().map(|value| (Labels::new(), value)).collect())
            }
            _ => {
                let matchers = self.matchers(name);
                Value::Vector(self.history.last(&matchers))
            }
        }
    }

    /// The labels of a selector whose name was read.
    fn matchers(&mut self, name: String) -> Labels {
        let mut matchers = if self.take_if('{') { labels_of(&self.until('}')) } else { Labels::new() };
        matchers.insert("__name__".into(), name);
        matchers
    }

    /// What the counters of a selector with a range have risen by, and the range in seconds.
    fn risen(&mut self) -> (Vec<(Labels, f64)>, i64) {
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        let matchers = self.matchers(name);
        self.take('[');
        let count: i64 = self.word(|c| c.is_ascii_digit()).parse().unwrap_or_else(|_| panic!("{}", self.rule));
        let seconds = match self.until(']').as_str() {
            "m" => count * 60,
            "h" => count * 3_600,
            unit => panic!("{unit} in {}", self.rule),
        };
        (self.history.increase(&matchers, seconds), seconds)
    }
}

fn sum_by(kept: &str, all: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    let mut sums: BTreeMap<Labels, f64> = BTreeMap::new();
    for (labels, value) in all {
        let labels = labels.into_iter().filter(|(key, _)| kept.split(',').any(|kept| kept.trim() == key)).collect();
        *sums.entry(labels).or_default() += value;
    }
    sums.into_iter().collect()
}

/// The upper end of the bucket that the quantile is in; nothing when nothing was counted.
fn quantile_of(quantile: f64, buckets: Vec<(Labels, f64)>) -> Option<f64> {
    let end = |labels: &Labels| labels.get("le").and_then(|le| le.parse::<f64>().ok()).unwrap_or(f64::INFINITY);
    let mut buckets: Vec<_> = buckets.iter().map(|(labels, count)| (end(labels), *count)).collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    buckets.into_iter().find(|(_, count)| *count >= total * quantile).map(|(end, _)| end)
}
