//! Whether a process still has the store that it opened.

/// Whether a process may send what its store hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// It may: the store is its own.
    Held,
    /// Not now: the database cannot be reached, and another process may take over.
    Muted,
    /// Never again: another process has taken over.
    Lost,
}
