//! From Python's syntax to that of fancy-regex, in one pass.

use std::collections::HashMap;

use super::class;
use super::cursor::{Cursor, RegexFault};
use super::escape::{self, Category, Escape};
use super::flags::Flags;

/// Groups inside each other; Python's own parser recurses as ours does.
const NESTING_MAX: usize = 40;
/// Times that something may be repeated, when it is bounded.
const REPEAT_MAX: usize = 65_535;

/// A pattern in the syntax of fancy-regex.
#[derive(Debug)]
pub(super) struct Translation {
    /// The pattern, anchored at the start.
    pub(super) text: String,
    /// Whether it needs backtracking.
    pub(super) backtracks: bool,
}

/// Reads `pattern` as Python does and writes it again.
pub(super) fn translate(pattern: &str) -> Result<Translation, RegexFault> {
    let mut translator = Translator {
        cursor: Cursor::new(pattern),
        out: String::with_capacity(pattern.len() + 16),
        names: HashMap::new(),
        groups: Vec::new(),
        backtracks: false,
    };
    let flags = Flags::read_global(&mut translator.cursor)?;
    translator.out.push_str(if flags.ignore_case { r"\A(?i:" } else { r"\A(?:" });
    translator.alternatives(Scope { flags, depth: 0, branches: usize::MAX })?;
    if translator.cursor.peek().is_some() {
        return Err(RegexFault::at(translator.cursor.position(), "unbalanced parenthesis"));
    }
    translator.out.push(')');
    Ok(Translation { text: translator.out, backtracks: translator.backtracks })
}

/// Where alternatives stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    pub(super) flags: Flags,
    /// Groups around them.
    pub(super) depth: usize,
    /// How many there may be.
    pub(super) branches: usize,
}

/// How many characters something matches, at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Width {
    pub(super) least: usize,
    pub(super) most: usize,
}

impl Width {
    const ONE: Self = Self { least: 1, most: 1 };
    pub(super) const NONE: Self = Self { least: 0, most: 0 };

    fn then(self, next: Self) -> Self {
        Self { least: self.least.saturating_add(next.least), most: self.most.saturating_add(next.most) }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    fn times(self, least: usize, most: usize) -> Self {
        Self { least: self.least.saturating_mul(least), most: self.most.saturating_mul(most) }
    }
}

/// What was just read.
struct Item {
    width: Width,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something that a quantifier may follow.
    Repeatable,
    /// An anchor: there is nothing to repeat.
    Anchor,
    /// Something that has its quantifier.
    Repeated,
}

impl Item {
    const ANCHOR: Self = Self { width: Width::NONE, kind: Kind::Anchor };

    fn of(width: Width) -> Self {
        Self { width, kind: Kind::Repeatable }
    }
}

pub(super) struct Translator {
    pub(super) cursor: Cursor,
    pub(super) out: String,
    pub(super) names: HashMap<String, usize>,
    /// The width of each group, `None` while it is open.
    pub(super) groups: Vec<Option<Width>>,
    pub(super) backtracks: bool,
}

impl Translator {
    /// Reads alternatives: their width, and how many they are.
    pub(super) fn alternatives(&mut self, scope: Scope) -> Result<(Width, usize), RegexFault> {
        if scope.depth > NESTING_MAX {
            return Err(RegexFault::whole(format!("nests groups more than {NESTING_MAX} levels deep")));
        }
        let mut width = self.sequence(scope)?;
        let mut branches = 1;
        while self.cursor.eat('|') {
            branches += 1;
            if branches > scope.branches {
                let message = "conditional backref with more than two branches";
                return Err(RegexFault::at(self.cursor.position() - 1, message));
            }
            self.out.push('|');
            width = width.or(self.sequence(scope)?);
        }
        Ok((width, branches))
    }

    fn sequence(&mut self, scope: Scope) -> Result<Width, RegexFault> {
        let mut before = Width::NONE;
        let mut last: Option<Item> = None;
        let mut last_start = self.out.len();
        while let Some(next) = self.cursor.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            if scope.flags.verbose && self.skip_verbose(next) {
                continue;
            }
            let at = self.cursor.position();
            if let Some(repeat) = self.repeat()? {
                last = Some(self.apply(repeat, last, last_start, at)?);
                continue;
            }
            let start = self.out.len();
            if let Some(item) = self.item(scope)? {
                before = before.then(last.map_or(Width::NONE, |item| item.width));
                (last, last_start) = (Some(item), start);
            }
        }
        Ok(before.then(last.map_or(Width::NONE, |item| item.width)))
    }

    /// Blanks and comments of a verbose pattern.
    fn skip_verbose(&mut self, next: char) -> bool {
        match next {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => self.cursor.next().is_some(),
            '#' => {
                self.cursor.take_while(usize::MAX, |c| c != '\n');
                true
            }
            _ => false,
        }
    }

    /// Reads a quantifier, if one comes next: how often at least and at most.
    fn repeat(&mut self) -> Result<Option<(usize, usize)>, RegexFault> {
        let start = self.cursor.position();
        let bounds = match self.cursor.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => return self.counted_repeat(),
            _ => return Ok(None),
        };
        self.cursor.seek(start + 1);
        Ok(Some(bounds))
    }

    /// `{2}`, `{2,}`, `{,3}`, `{2,3}` or `{,}`; any other brace is a character.
    fn counted_repeat(&mut self) -> Result<Option<(usize, usize)>, RegexFault> {
        let start = self.cursor.position();
        self.cursor.next();
        let number = |cursor: &mut Cursor| cursor.take_while(usize::MAX, |c| c.is_ascii_digit());
        let least = number(&mut self.cursor);
        let comma = self.cursor.eat(',');
        let most = if comma { number(&mut self.cursor) } else { least.clone() };
        if (least.is_empty() && !comma) || !self.cursor.eat('}') {
            self.cursor.seek(start);
            return Ok(None);
        }
        let bound = |digits: &str, empty: usize| match digits.parse() {
            Ok(count) if count <= REPEAT_MAX => Ok(count),
            _ if digits.is_empty() => Ok(empty),
            _ => Err(RegexFault::at(start, format!("repeats more than {REPEAT_MAX} times"))),
        };
        let (least, most) = (bound(&least, 0)?, bound(&most, usize::MAX)?);
        if least > most {
            return Err(RegexFault::at(start, "min repeat greater than max repeat"));
        }
        Ok(Some((least, most)))
    }

    /// Writes a quantifier behind the last item, which was written from `start` on.
    fn apply(
        &mut self,
        (least, most): (usize, usize),
        last: Option<Item>,
        start: usize,
        at: usize,
    ) -> Result<Item, RegexFault> {
        let item = match last {
            Some(item) if item.kind == Kind::Repeatable => item,
            Some(item) if item.kind == Kind::Repeated => return Err(RegexFault::at(at, "multiple repeat")),
            _ => return Err(RegexFault::at(at, "nothing to repeat")),
        };
        match (least, most) {
            (0, usize::MAX) => self.out.push('*'),
            (1, usize::MAX) => self.out.push('+'),
            (0, 1) => self.out.push('?'),
            (least, usize::MAX) => self.out.push_str(&format!("{{{least},}}")),
            (least, most) => self.out.push_str(&format!("{{{least},{most}}}")),
        }
        if self.cursor.eat('?') {
            self.out.push('?');
        } else if self.cursor.eat('+') {
            self.backtracks = true;
            self.out.insert_str(start, "(?>");
            self.out.push(')');
        }
        Ok(Item { width: item.width.times(least, most), kind: Kind::Repeated })
    }

    /// Reads one item and writes it as one unit; `None` for a comment.
    fn item(&mut self, scope: Scope) -> Result<Option<Item>, RegexFault> {
        let next = self.cursor.next().expect("the caller saw another character");
        let flags = scope.flags;
        Ok(Some(match next {
            '(' => return self.group(scope).map(|width| width.map(Item::of)),
            '[' => {
                class::read(&mut self.cursor, flags.ascii, &mut self.out)?;
                Item::of(Width::ONE)
            }
            '.' => {
                self.out.push_str(if flags.dot_all { "(?s:.)" } else { r"[^\n]" });
                Item::of(Width::ONE)
            }
            '^' => {
                self.out.push_str(if flags.multi_line { "(?m:^)" } else { r"\A" });
                Item::ANCHOR
            }
            '$' => {
                self.end_anchor(scope);
                Item::ANCHOR
            }
            '\\' => self.escape(flags)?,
            literal => {
                class::push_char(&mut self.out, literal);
                Item::of(Width::ONE)
            }
        }))
    }

    /// `$` matches at the end and before a newline at the end. As the last thing of the
    /// whole pattern the newline may as well be taken, which needs no look-ahead.
    fn end_anchor(&mut self, scope: Scope) {
        let is_last = scope.depth == 0 && matches!(self.cursor.peek(), None | Some('|'));
        self.out.push_str(match (scope.flags.multi_line, is_last) {
            (true, _) => "(?m:$)",
            (false, true) => r"(?:\n?\z)",
            (false, false) => r"(?=\n?\z)",
        });
        self.backtracks |= !scope.flags.multi_line && !is_last;
    }

    fn escape(&mut self, flags: Flags) -> Result<Item, RegexFault> {
        let start = self.cursor.position();
        Ok(match escape::read(&mut self.cursor, false)? {
            Escape::Literal(c) => {
                class::push_char(&mut self.out, c);
                Item::of(Width::ONE)
            }
            Escape::Category(category, is_member) => {
                self.out.push_str(if is_member { "[" } else { "[^" });
                self.out.push_str(category.members(flags.ascii));
                self.out.push(']');
                Item::of(Width::ONE)
            }
            Escape::Start => {
                self.out.push_str(r"\A");
                Item::ANCHOR
            }
            Escape::End => {
                self.out.push_str(r"\z");
                Item::ANCHOR
            }
            Escape::Boundary(is_boundary) => {
                self.boundary(is_boundary, flags.ascii);
                Item::ANCHOR
            }
            Escape::Reference(number) => Item::of(self.reference(number, start)?),
        })
    }

    /// Between a character of a word and another; fancy-regex has another idea of words.
    fn boundary(&mut self, is_boundary: bool, ascii: bool) {
        let word = Category::Word.members(ascii);
        let (opening, closing) = if is_boundary { ("!", "=") } else { ("=", "!") };
        self.out.push_str(&format!("(?:(?<=[{word}])(?{opening}[{word}])|(?<![{word}])(?{closing}[{word}]))"));
        self.backtracks = true;
    }

    /// Writes a reference to a group that is closed.
    pub(super) fn reference(&mut self, number: usize, at: usize) -> Result<Width, RegexFault> {
        let width = match number.checked_sub(1).and_then(|index| self.groups.get(index)) {
            Some(Some(width)) => *width,
            Some(None) => return Err(RegexFault::at(at - 1, "cannot refer to an open group")),
            None => return Err(RegexFault::at(at, format!("invalid group reference {number}"))),
        };
        self.out.push_str(&format!(r"(?:\{number})"));
        self.backtracks = true;
        Ok(width)
    }
}
