//! What was odd about an answer: shown with the attempt, and decides nothing.

/// Notes of one answer; each is kept once, in the order in which it was made.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<&'static str>);

/// Notes that are kept: more say no more.
const NOTES: usize = 4;

impl Notes {
    /// Adds a note, unless it is there already.
    pub(crate) fn add(&mut self, note: &'static str) {
        if self.0.len() < NOTES && !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// Whether nothing was odd.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All notes as one text; empty without any.
    pub(crate) fn text(&self) -> String {
        self.0.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_kept_once_and_a_few_are_enough() {
        let mut notes = Notes::default();
        for note in ["a", "b", "a", "c", "d", "e"] {
            notes.add(note);
        }
        assert_eq!(notes.text(), "a; b; c; d");
    }
}
