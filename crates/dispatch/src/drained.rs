//! What became of the attempts when the dispatcher stopped.

/// What the drain came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Attempts under way that came to their own end.
    pub finished: usize,
    /// Attempts that were cut at the end of the grace.
    pub interrupted: usize,
    /// Claimed deliveries that were put back without an attempt.
    pub released: usize,
    /// Outcomes that the store did not take; these deliveries are repeated after a restart.
    pub unsettled: usize,
}
