//! How fast a lane moves, so that publishers wait for lanes that keep up and for no other.

/// The length of the time over which a lane's pace is taken, in milliseconds.
const WINDOW_MILLIS: u64 = 100;
/// Deliveries that a lane must have handed out in the last window to count as moving. One
/// that is slower has a receiver, limit or breaker that is the cause; it holds nobody back.
const MOVING: u32 = 64;

/// The pace of a lane: what was claimed of it in the current and in the last window.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    window: u64,
    taken: u32,
    taken_before: u32,
}

impl Flow {
    /// Counts `count` claims at `millis`.
    pub(crate) fn take(&mut self, count: usize, millis: u64) {
        self.turn_to(millis);
        self.taken = self.taken.saturating_add(count as u32);
    }

    /// Whether the lane keeps up at `millis`.
    pub(crate) fn is_moving(&mut self, millis: u64) -> bool {
        self.turn_to(millis);
        self.taken.max(self.taken_before) >= MOVING
    }

    fn turn_to(&mut self, millis: u64) {
        let window = millis / WINDOW_MILLIS;
        if window != self.window {
            self.taken_before = if window == self.window + 1 { self.taken } else { 0 };
            self.taken = 0;
            self.window = window;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_moves_while_enough_is_claimed_of_it() {
        let mut flow = Flow::default();
        assert!(!flow.is_moving(1_000));
        flow.take(MOVING as usize - 1, 1_000);
        assert!(!flow.is_moving(1_010));
        flow.take(1, 1_010);
        assert!(flow.is_moving(1_020) && flow.is_moving(1_100) && flow.is_moving(1_199));
        assert!(!flow.is_moving(1_200), "nothing was claimed in the last whole window");
    }

    #[test]
    fn a_clock_that_jumps_back_makes_no_lane_move() {
        let mut flow = Flow::default();
        flow.take(1_000, 5_000);
        assert!(!flow.is_moving(100));
    }
}
