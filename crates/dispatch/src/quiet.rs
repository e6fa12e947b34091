//! Log lines whose number is in nobody's hands: so many a minute, and how many there were beside.

use std::time::Duration;

use tokio::time::Instant;

/// The time over which lines are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Lets so many lines of one kind through a minute.
#[derive(Debug)]
pub(crate) struct Quiet {
    lines: u32,
    window: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Quiet {
    /// At most so many lines a minute.
    pub(crate) fn new(lines: u32) -> Self {
        Self { lines, window: None, written: 0, left_out: 0 }
    }

    /// Whether a line may be written at `now`: then how many were left out since the last one.
    pub(crate) fn speak(&mut self, now: Instant) -> Option<u64> {
        if self.window.is_none_or(|begin| now.duration_since(begin) >= WINDOW) {
            (self.window, self.written) = (Some(now), 0);
        }
        if self.written >= self.lines {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_a_minute_are_written_and_the_others_are_counted() {
        let (begin, mut quiet) = (Instant::now(), Quiet::new(2));
        let at = |seconds| begin + Duration::from_secs(seconds);
        let written: Vec<_> = [0, 0, 0, 1, 59, 60, 61, 62].into_iter().map(|second| quiet.speak(at(second))).collect();
        assert_eq!(written, [Some(0), Some(0), None, None, None, Some(3), Some(0), None]);
    }
}
