//! Kinds of address about which the name servers stay silent, so that nobody waits for them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::proto::rr::Name;
use tokio::time::Instant;

use super::family::Family;

/// How long a silent kind of address is not asked for again; RFC 2308 section 7.2 allows 5 min.
const QUIET: Duration = Duration::from_secs(60);
/// Names that are remembered. One that is forgotten costs its next look-up a short wait.
const NAMES_MAX: usize = 4_096;

/// What is known of a name of which one kind of address is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silent {
    /// The kind.
    pub(super) family: Family,
    /// Whether it is time to ask for it again, in the background.
    pub(super) is_due: bool,
}

/// The names of which one kind of address is silent.
#[derive(Debug, Default)]
pub(super) struct Silence(Mutex<HashMap<Name, (Family, Instant)>>);

impl Silence {
    fn names(&self) -> MutexGuard<'_, HashMap<Name, (Family, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `family` stays silent about `name` while the other kind was found.
    pub(super) fn note(&self, name: &Name, family: Family) {
        let (now, mut names) = (Instant::now(), self.names());
        if names.len() >= NAMES_MAX {
            names.retain(|_, (_, due)| *due > now);
        }
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(name.clone(), (family, now + QUIET));
        assert!(names.len() <= NAMES_MAX, "{} silent names are kept of at most {NAMES_MAX}", names.len());
    }

    /// What is known of `name`. One caller is told that it is due; the others go on not waiting.
    pub(super) fn of(&self, name: &Name) -> Option<Silent> {
        let (now, mut names) = (Instant::now(), self.names());
        let (family, due) = names.get_mut(name)?;
        let is_due = *due <= now;
        if is_due {
            *due = now + QUIET;
        }
        Some(Silent { family: *family, is_due })
    }

    /// The name servers have spoken about `name`.
    pub(super) fn forget(&self, name: &Name) {
        self.names().remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_kind_is_due_once_a_minute_until_it_is_forgotten() {
        let (silence, name) = (Silence::default(), Name::from_ascii("a.example.").unwrap());
        assert_eq!(silence.of(&name), None);
        silence.note(&name, Family::V6);
        let quiet = Some(Silent { family: Family::V6, is_due: false });
        assert_eq!(silence.of(&name), quiet);
        tokio::time::advance(QUIET).await;
        assert_eq!(silence.of(&name), Some(Silent { family: Family::V6, is_due: true }));
        assert_eq!(silence.of(&name), quiet, "one caller asks");
        silence.forget(&name);
        assert_eq!(silence.of(&name), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_names_that_are_kept_are_bounded() {
        let silence = Silence::default();
        for number in 0..=NAMES_MAX {
            silence.note(&Name::from_ascii(format!("a{number}.example.")).unwrap(), Family::V4);
        }
        assert!(silence.names().len() <= NAMES_MAX);
    }
}
