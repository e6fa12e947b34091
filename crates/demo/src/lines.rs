//! The lines of the demo, printed in the order of their times.
//!
//! What happened comes from three sides: the publisher, the receiver and the watch. The watch shows a change a
//! moment after the receiver has printed the request that caused it, so lines are held for a moment and sorted.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenterhook_model::{Clock, SystemClock, Timestamp};
use tenterhook_terminal::{Style, Terminal};
use tokio::time::sleep;

/// How long a line is held: far longer than a change takes to reach a watcher on this machine, and too
/// short to be noticed.
const HOLD: Duration = Duration::from_millis(150);
/// How often held lines are looked at.
const TICK: Duration = Duration::from_millis(20);

/// The heading of part `number` of the demo.
pub(super) fn heading(terminal: Terminal, number: u32, text: &str) -> String {
    format!("\n{}", terminal.paint(Style::Bold, format!("{number}  {text}")))
}

/// Lines that wait to be printed.
#[derive(Debug)]
pub(super) struct Lines {
    terminal: Terminal,
    held: Mutex<Vec<(Timestamp, String)>>,
}

impl Lines {
    /// Nothing is held yet.
    pub(super) fn new(terminal: Terminal) -> Self {
        Self { terminal, held: Mutex::default() }
    }

    /// How lines look.
    pub(super) fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// Adds a line about what happened at `time`.
    pub(super) fn add(&self, time: Timestamp, line: String) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push((time, line));
    }

    /// Prints lines when they have been held long enough, for ever.
    pub(super) async fn print(&self) -> Infallible {
        loop {
            sleep(TICK).await;
            self.print_lines(self.take(SystemClock.now(), HOLD));
        }
    }

    /// Prints everything that is held.
    pub(super) fn finish(&self) {
        self.print_lines(self.take(Timestamp::MAX, Duration::ZERO));
    }

    /// Takes what happened at least `hold` before `now`, the earliest first; of one time, in the order in which
    /// it was added.
    fn take(&self, now: Timestamp, hold: Duration) -> Vec<String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.sort_by_key(|(time, _)| *time);
        let ripe = held.partition_point(|(time, _)| *time <= now.before(hold));
        held.drain(..ripe).map(|(_, line)| line).collect()
    }

    fn print_lines(&self, lines: Vec<String>) {
        lines.iter().for_each(|line| self.terminal.line(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_the_order_of_their_times_when_they_have_been_held() {
        let at = |millis| Timestamp::from_millis(millis);
        let lines = Lines::new(Terminal::plain());
        for (time, line) in [(20, "request"), (10, "published"), (30, "later"), (10, "pending")] {
            lines.add(at(time), line.to_owned());
        }
        assert_eq!(lines.take(at(119), Duration::from_millis(100)), ["published", "pending"]);
        lines.add(at(25), "change".to_owned());
        assert_eq!(lines.take(at(130), Duration::from_millis(100)), ["request", "change", "later"]);
        assert!(lines.take(Timestamp::MAX, Duration::ZERO).is_empty());
    }

    #[test]
    fn a_line_is_ripe_exactly_when_it_has_been_held() {
        let lines = Lines::new(Terminal::plain());
        lines.add(Timestamp::from_millis(100), "a".to_owned());
        let hold = Duration::from_millis(50);
        assert!(lines.take(Timestamp::from_millis(149), hold).is_empty());
        assert_eq!(lines.take(Timestamp::from_millis(150), hold), ["a"]);
        assert!(lines.take(Timestamp::from_millis(150), hold).is_empty(), "a line is printed once");
    }

    #[test]
    fn a_heading_stands_apart() {
        assert_eq!(heading(Terminal::plain(), 3, "What arrives"), "\n3  What arrives");
    }
}
