//! Calls into an engine. redb and sled panic on some bytes that only a damaged disk can hold; such
//! a panic becomes an error of the call, so that the tools can report it and a server can stop
//! accepting events.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::error::StoreError;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a storage engine, where a panic is caught and becomes a
/// [`StoreError::Damaged`]: a panic hook has nothing to print then.
pub fn is_inside_engine() -> bool {
    INSIDE.get()
}

/// Calls an engine that keeps its data in `path`.
pub(super) fn call<T, E: From<StoreError>>(path: &Path, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let outer = INSIDE.replace(true);
    // What the engine left half done stays inside it: its locks are poisoned, and it says so.
    let done = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outer);
    done.unwrap_or_else(|_panic| {
        Err(StoreError::Damaged(format!("{} has pages that its engine cannot interpret", path.display())).into())
    })
}

/// The error for what an engine refuses and no rule of ours explains. Its own words are for
/// programmers: they go to the log, and only when it is asked for.
pub(super) fn refused(engine: &'static str, words: &dyn Display) -> StoreError {
    tracing::debug!(engine, %words, "the storage engine refused an operation");
    StoreError::Failed(format!("the storage engine {engine} refused an operation (--log-level debug shows its words)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_an_engine_is_an_error_that_names_the_file_and_the_next_step() {
        let place = Path::new("/var/lib/tenterhook");
        let called: Result<(), StoreError> = call(place, || {
            assert!(is_inside_engine());
            panic!("range end index 4096 out of range")
        });
        assert!(!is_inside_engine());
        let error = called.unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)));
        let text = error.to_string();
        assert!(text.contains("/var/lib/tenterhook") && text.contains("store check"), "{text}");
        assert!(!text.contains("index"), "the engine's own words stay inside: {text}");
    }

    #[test]
    fn the_words_of_an_engine_stay_inside() {
        let text = refused("redb", &"TableTypeMismatch { table: \"t\" }").to_string();
        assert!(text.contains("redb") && !text.contains("TableTypeMismatch"), "{text}");
    }

    #[test]
    fn what_an_engine_returns_is_returned() {
        let place = Path::new("/");
        assert_eq!(call(place, || Ok::<_, StoreError>(7)).unwrap(), 7);
        assert!(matches!(call(place, || Err::<(), _>(StoreError::Full)), Err(StoreError::Full)));
    }
}
