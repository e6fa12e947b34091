//! What stands between parentheses: groups, look-around, conditions, comments.

use super::cursor::RegexFault;
use super::flags::Flags;
use super::translate::{Extent, Scope, Translator};

impl Translator {
    /// Reads a group of which the parenthesis was read; `None` for a comment.
    pub(super) fn group(&mut self, scope: Scope) -> Result<Option<Extent>, RegexFault> {
        let start = self.cursor.position() - 1;
        if !self.cursor.eat('?') {
            return self.capture(scope, start, None).map(Some);
        }
        let unknown = |text: String| RegexFault::at(start + 1, format!("unknown extension ?{text}"));
        let ends = || RegexFault::at(start, "unexpected end of pattern");
        let kind = self.cursor.next().ok_or_else(ends)?;
        let extent = match kind {
            ':' => self.body("(?:", scope, start)?,
            '#' => return self.comment(start).map(|()| None),
            '=' | '!' => self.look(&format!("(?{kind}"), scope, start)?,
            '<' => match self.cursor.next().ok_or_else(ends)? {
                sign @ ('=' | '!') => self.look_behind(sign, scope, start)?,
                other => return Err(unknown(format!("<{other}"))),
            },
            '>' => {
                self.backtracks = true;
                self.body("(?>", scope, start)?
            }
            '(' => self.conditional(scope, start)?,
            'P' => match self.cursor.next().ok_or_else(ends)? {
                '<' => self.named(scope, start)?,
                '=' => self.named_reference()?,
                other => return Err(unknown(format!("P{other}"))),
            },
            '-' | 'a' | 'i' | 'm' | 's' | 'u' | 'x' | 'L' => {
                self.cursor.seek(self.cursor.position() - 1);
                let flags = scope.flags.read_scoped(&mut self.cursor)?;
                let opening = opening(scope.flags, flags);
                self.body(opening, Scope { flags, ..scope }, start)?
            }
            other => return Err(unknown(other.to_string())),
        };
        Ok(Some(extent))
    }

    /// Writes `opening`, what is in the group, and its end.
    fn body(&mut self, opening: &str, scope: Scope, start: usize) -> Result<Extent, RegexFault> {
        self.out.push_str(opening);
        let inner = Scope { depth: scope.depth + 1, branches: usize::MAX, ..scope };
        let (extent, _) = self.alternatives(inner)?;
        self.close(start)?;
        Ok(extent)
    }

    fn close(&mut self, start: usize) -> Result<(), RegexFault> {
        if !self.cursor.eat(')') {
            return Err(RegexFault::at(start, "missing ), unterminated subpattern"));
        }
        self.out.push(')');
        Ok(())
    }

    fn capture(&mut self, scope: Scope, start: usize, name: Option<String>) -> Result<Extent, RegexFault> {
        let index = self.groups.len();
        self.groups.push(None);
        if let Some(name) = name {
            self.names.insert(name, index + 1);
        }
        let extent = self.body("(", scope, start)?;
        self.groups[index] = Some(extent);
        Ok(extent)
    }

    fn named(&mut self, scope: Scope, start: usize) -> Result<Extent, RegexFault> {
        let at = self.cursor.position();
        let name = self.cursor.until('>', "group name")?;
        check_name(&name, at)?;
        if self.names.contains_key(&name) {
            return Err(RegexFault::at(at, format!("redefinition of group name '{name}'")));
        }
        self.capture(scope, start, Some(name))
    }

    fn named_reference(&mut self) -> Result<Extent, RegexFault> {
        let at = self.cursor.position();
        let name = self.cursor.until(')', "group name")?;
        check_name(&name, at)?;
        match self.names.get(&name) {
            Some(number) => self.reference(*number, at),
            None => Err(RegexFault::at(at, format!("unknown group name '{name}'"))),
        }
    }

    /// Look-around matches nothing itself.
    fn look(&mut self, opening: &str, scope: Scope, start: usize) -> Result<Extent, RegexFault> {
        self.backtracks = true;
        let extent = self.body(opening, scope, start)?;
        Ok(Extent::look(extent.bytes))
    }

    fn look_behind(&mut self, sign: char, scope: Scope, start: usize) -> Result<Extent, RegexFault> {
        self.backtracks = true;
        let extent = self.body(&format!("(?<{sign}"), scope, start)?;
        if extent.least != extent.most {
            return Err(RegexFault::at(start, "look-behind requires fixed-width pattern"));
        }
        Ok(Extent::look(extent.bytes))
    }

    /// `(?(1)yes|no)`: which of two matches depends on whether a group did.
    fn conditional(&mut self, scope: Scope, start: usize) -> Result<Extent, RegexFault> {
        let at = self.cursor.position();
        let name = self.cursor.until(')', "group name")?;
        let number = match name.parse::<usize>() {
            Ok(number) if name.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => {
                check_name(&name, at)?;
                let known = self.names.get(&name).copied();
                known.ok_or_else(|| RegexFault::at(at, format!("unknown group name '{name}'")))?
            }
        };
        if number == 0 {
            return Err(RegexFault::at(at, "bad group number"));
        }
        self.asked = self.asked.max(Some((number, at)));
        self.backtracks = true;
        self.out.push_str(&format!("(?({number})"));
        let (extent, branches) = self.alternatives(Scope { depth: scope.depth + 1, branches: 2, ..scope })?;
        self.close(start)?;
        Ok(if branches == 1 { extent.or(Extent::NONE) } else { extent })
    }

    fn comment(&mut self, start: usize) -> Result<(), RegexFault> {
        self.cursor.take_while(usize::MAX, |c| c != ')');
        if self.cursor.eat(')') { Ok(()) } else { Err(RegexFault::at(start, "missing ), unterminated comment")) }
    }
}

/// How a group begins that changes the flags; all but the case are written out elsewhere.
fn opening(outer: Flags, inner: Flags) -> &'static str {
    match (outer.ignore_case, inner.ignore_case) {
        (false, true) => "(?i:",
        (true, false) => "(?-i:",
        _ => "(?:",
    }
}

fn check_name(name: &str, at: usize) -> Result<(), RegexFault> {
    let is_first = |c: char| c == '_' || c.is_alphabetic();
    let is_name = name.starts_with(is_first) && name.chars().all(|c| c == '_' || c.is_alphanumeric());
    if is_name { Ok(()) } else { Err(RegexFault::at(at, format!("bad character in group name '{name}'"))) }
}
