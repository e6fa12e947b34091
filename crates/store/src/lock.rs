//! Locking of what several tasks share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what is shared. Only a failed assertion can leave a change half done; reading on is then
/// safer than panicking again.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
