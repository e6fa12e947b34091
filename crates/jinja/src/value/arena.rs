//! Ends the life of a render's containers flatly.
//!
//! A template can put containers into each other tens of thousands deep, and in
//! circles. Dropping the first would overflow the stack, the second would leak.
//! So a container that holds an object is noted here while a render runs, and
//! at its end all noted ones are emptied one by one.

use std::cell::RefCell;

use super::Val;

/// Moves what a container holds out of it, to the end of a list.
type Drain = fn(&Val, &mut Vec<Val>);
/// A container, and how to empty it.
type Noted = (Val, Drain);

thread_local! {
    static NOTED: RefCell<Option<Vec<Noted>>> = const { RefCell::new(None) };
}

/// While it lives, containers made on this thread are noted; dropping it
/// empties them.
#[derive(Debug)]
pub(crate) struct Arena {
    outer: Option<Vec<Noted>>,
}

impl Arena {
    /// Begins to note containers.
    pub(crate) fn open() -> Self {
        let outer = NOTED.with(|noted| noted.borrow_mut().replace(Vec::new()));
        Self { outer }
    }

    /// Notes `container`, which holds an object; `drain` empties it.
    pub(super) fn note(container: &Val, drain: Drain) {
        NOTED.with(|noted| {
            if let Some(noted) = noted.borrow_mut().as_mut() {
                noted.push((container.clone(), drain));
            }
        });
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let noted = NOTED.with(|noted| std::mem::replace(&mut *noted.borrow_mut(), self.outer.take()));
        let containers = noted.unwrap_or_default();
        let mut contents = Vec::new();
        for (container, drain) in &containers {
            drain(container, &mut contents);
        }
        // every container is empty now: each drop below is one level deep
        drop(contents);
        drop(containers);
    }
}
