//! Log lines whose number is in nobody's hands: so many a minute, and how many there were beside.

use std::ops::Sub;
use std::time::Duration;

/// The time over which lines are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Lets so many lines of one kind through a minute. `I` is a moment of whichever clock.
#[derive(Debug)]
pub struct Quiet<I> {
    lines: u32,
    window: Option<I>,
    written: u32,
    left_out: u64,
}

impl<I: Copy + Sub<I, Output = Duration>> Quiet<I> {
    /// At most so many lines a minute.
    pub const fn new(lines: u32) -> Self {
        Self { lines, window: None, written: 0, left_out: 0 }
    }

    /// Whether a line may be written at `now`: then how many were left out since the last one.
    pub fn speak(&mut self, now: I) -> Option<u64> {
        if self.window.is_none_or(|begin| now - begin >= WINDOW) {
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
        let mut quiet = Quiet::new(2);
        let seconds = [0, 0, 0, 1, 59, 60, 61, 62].map(Duration::from_secs);
        let written = seconds.map(|moment| quiet.speak(moment));
        assert_eq!(written, [Some(0), Some(0), None, None, None, Some(3), Some(0), None]);
    }
}
