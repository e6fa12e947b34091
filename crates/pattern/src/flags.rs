//! Inline flags: `(?ims)` at the start of a pattern, `(?i-s:…)` anywhere.

use super::cursor::{Cursor, RegexFault};

/// The flags that hold at a place of a pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
    pub(super) verbose: bool,
    pub(super) ascii: bool,
}

impl Flags {
    /// Reads the groups of flags that a pattern begins with.
    pub(super) fn read_global(cursor: &mut Cursor) -> Result<Self, RegexFault> {
        let mut flags = Self::default();
        let mut all = String::new();
        loop {
            let start = cursor.position();
            let opened = cursor.eat('(') && cursor.eat('?');
            let letters = if opened { cursor.take_while(usize::MAX, |c| "aiLmsux".contains(c)) } else { String::new() };
            if letters.is_empty() || !cursor.eat(')') {
                cursor.seek(start);
                return Ok(flags);
            }
            for (index, letter) in letters.chars().enumerate() {
                flags.set(letter, true, start + 2 + index)?;
                agree(&mut all, letter, start + 2 + index)?;
            }
        }
    }

    /// Reads the flags of a group of which `(?` was read, up to its colon.
    pub(super) fn read_scoped(self, cursor: &mut Cursor) -> Result<Self, RegexFault> {
        let mut flags = self;
        let start = cursor.position();
        let on = cursor.take_while(usize::MAX, |c| c.is_ascii_alphabetic());
        let mut all = String::new();
        for (index, letter) in on.chars().enumerate() {
            flags.set(letter, true, start + index)?;
            agree(&mut all, letter, start + index)?;
        }
        if cursor.peek() == Some(')') {
            return Err(RegexFault::at(start - 2, "global flags not at the start of the expression"));
        }
        let turns_off = cursor.eat('-');
        if turns_off {
            let off_start = cursor.position();
            let off = cursor.take_while(usize::MAX, |c| c.is_ascii_alphabetic());
            if off.is_empty() {
                return Err(RegexFault::at(off_start, "missing flag"));
            }
            for (index, letter) in off.chars().enumerate() {
                if on.contains(letter) {
                    let message = "bad inline flags: flag turned on and off";
                    return Err(RegexFault::at(off_start + index, message));
                }
                if matches!(letter, 'a' | 'u' | 'L') {
                    let message = "bad inline flags: cannot turn off flags 'a', 'u' and 'L'";
                    return Err(RegexFault::at(off_start + index, message));
                }
                flags.set(letter, false, off_start + index)?;
            }
        }
        let missing = if turns_off { "missing :" } else { "missing -, : or )" };
        if cursor.eat(':') { Ok(flags) } else { Err(RegexFault::at(cursor.position(), missing)) }
    }

    fn set(&mut self, letter: char, on: bool, at: usize) -> Result<(), RegexFault> {
        match letter {
            'i' => self.ignore_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_all = on,
            'x' => self.verbose = on,
            'a' => self.ascii = on,
            'u' => self.ascii = false,
            'L' => {
                return Err(RegexFault::at(at, "bad inline flags: cannot use 'L' flag with a str pattern"));
            }
            _ => return Err(RegexFault::at(at, "unknown flag")),
        }
        Ok(())
    }
}

/// That `letter` goes with `all` that were turned on before it, and adds it to them.
fn agree(all: &mut String, letter: char, at: usize) -> Result<(), RegexFault> {
    all.push(letter);
    if all.contains('a') && all.contains('u') {
        return Err(RegexFault::at(at, "bad inline flags: flags 'a', 'u' and 'L' are incompatible"));
    }
    Ok(())
}
