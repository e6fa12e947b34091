//! From Python's syntax to that of fancy-regex, in one pass.

use std::collections::HashMap;

use tenterhook_model::limits;

use super::class;
use super::cursor::{Cursor, RegexFault};
use super::escape::{self, Category, Escape};
use super::flags::Flags;

/// Groups inside each other; Python's own parser recurses as ours does.
const NESTING_MAX: usize = limits::REGEX_GROUP_DEPTH;
/// Times that something may be repeated, when it is bounded.
const REPEAT_MAX: usize = limits::REGEX_REPEATS;

/// A pattern in the syntax of fancy-regex.
#[derive(Debug)]
pub(super) struct Translation {
    /// The pattern, anchored at the start.
    pub(super) text: String,
    /// Whether it needs backtracking.
    pub(super) backtracks: bool,
    /// Bytes that it takes when compiled, roughly.
    pub(super) bytes: usize,
}

/// Reads `pattern` as Python does and writes it again.
pub(super) fn translate(pattern: &str) -> Result<Translation, RegexFault> {
    let mut translator = Translator {
        cursor: Cursor::new(pattern),
        out: String::with_capacity(pattern.len() + 16),
        names: HashMap::new(),
        groups: Vec::new(),
        backtracks: false,
        asked: None,
    };
    let flags = Flags::read_global(&mut translator.cursor)?;
    translator.out.push_str(if flags.ignore_case { r"\A(?i:" } else { r"\A(?:" });
    let (extent, _) = translator.alternatives(Scope { flags, depth: 0, branches: usize::MAX })?;
    if translator.cursor.peek().is_some() {
        return Err(RegexFault::at(translator.cursor.position(), "unbalanced parenthesis"));
    }
    if let Some((number, at)) = translator.asked.filter(|(number, _)| *number > translator.groups.len()) {
        return Err(RegexFault::at(at, format!("invalid group reference {number}")));
    }
    debug_assert!(
        translator.groups.iter().all(Option::is_some),
        "every group that was opened was closed, or a reference to it has no width"
    );
    translator.out.push(')');
    Ok(Translation { text: translator.out, backtracks: translator.backtracks, bytes: extent.bytes })
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

/// How many characters something matches, and what it takes in memory when compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    /// Characters, at least.
    pub(super) least: usize,
    /// Characters, at most.
    pub(super) most: usize,
    /// Bytes of the compiled program, roughly.
    pub(super) bytes: usize,
}

impl Extent {
    pub(super) const NONE: Self = Self { least: 0, most: 0, bytes: 0 };

    /// One character, of a set that takes so many bytes.
    fn one(bytes: usize) -> Self {
        Self { least: 1, most: 1, bytes }
    }

    /// What takes so many bytes and matches nothing itself.
    pub(super) fn look(bytes: usize) -> Self {
        Self { least: 0, most: 0, bytes }
    }

    fn then(self, next: Self) -> Self {
        Self {
            least: self.least.saturating_add(next.least),
            most: self.most.saturating_add(next.most),
            bytes: self.bytes.saturating_add(next.bytes),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn times(self, least: usize, most: usize) -> Self {
        let copies = if most == usize::MAX { least.max(1) } else { most.max(1) };
        Self {
            least: self.least.saturating_mul(least),
            most: self.most.saturating_mul(most),
            bytes: self.bytes.saturating_mul(copies),
        }
    }
}

/// What was just read.
struct Item {
    extent: Extent,
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
    const ANCHOR: Self = Self { extent: Extent::NONE, kind: Kind::Anchor };

    fn of(extent: Extent) -> Self {
        Self { extent, kind: Kind::Repeatable }
    }
}

pub(super) struct Translator {
    pub(super) cursor: Cursor,
    pub(super) out: String,
    pub(super) names: HashMap<String, usize>,
    /// The extent of each group, `None` while it is open.
    pub(super) groups: Vec<Option<Extent>>,
    pub(super) backtracks: bool,
    /// The last group that a condition asks for, and where; it may come later.
    pub(super) asked: Option<(usize, usize)>,
}

impl Translator {
    /// Reads alternatives: their extent, and how many they are.
    pub(super) fn alternatives(&mut self, scope: Scope) -> Result<(Extent, usize), RegexFault> {
        if scope.depth > NESTING_MAX {
            return Err(RegexFault::whole(format!("nests groups more than {NESTING_MAX} levels deep")));
        }
        let mut extent = self.sequence(scope)?;
        let mut branches = 1;
        while self.cursor.eat('|') {
            branches += 1;
            if branches > scope.branches {
                let message = "conditional backref with more than two branches";
                return Err(RegexFault::at(self.cursor.position() - 1, message));
            }
            self.out.push('|');
            extent = extent.or(self.sequence(scope)?);
        }
        Ok((extent, branches))
    }

    fn sequence(&mut self, scope: Scope) -> Result<Extent, RegexFault> {
        let mut before = Extent::NONE;
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
                before = before.then(last.map_or(Extent::NONE, |item| item.extent));
                (last, last_start) = (Some(item), start);
            }
        }
        Ok(before.then(last.map_or(Extent::NONE, |item| item.extent)))
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
        if item.extent.most == 0 {
            self.apply_to_nothing(least, start);
            return Ok(Item { extent: item.extent, kind: Kind::Repeated });
        }
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
        Ok(Item { extent: item.extent.times(least, most), kind: Kind::Repeated })
    }

    /// What matches nothing, such as look-around, need match only once, or may be left out.
    fn apply_to_nothing(&mut self, least: usize, start: usize) {
        let is_lazy = self.cursor.eat('?');
        if !is_lazy {
            self.cursor.eat('+');
        }
        if least == 0 {
            self.out.insert_str(start, if is_lazy { "(?:|" } else { "(?:" });
            self.out.push_str(if is_lazy { ")" } else { "|)" });
        }
    }

    /// Reads one item and writes it as one unit; `None` for a comment.
    fn item(&mut self, scope: Scope) -> Result<Option<Item>, RegexFault> {
        let next = self.cursor.next().expect("the caller saw another character");
        let flags = scope.flags;
        Ok(Some(match next {
            '(' => return self.group(scope).map(|width| width.map(Item::of)),
            '[' => {
                let bytes = class::read(&mut self.cursor, flags.ascii, &mut self.out)?;
                Item::of(Extent::one(bytes))
            }
            '.' => {
                self.out.push_str(if flags.dot_all { "(?s:.)" } else { r"[^\n]" });
                Item::of(Extent::one(class::NEGATED_BYTES))
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
                Item::of(Extent::one(class::CHAR_BYTES))
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
                Item::of(Extent::one(class::CHAR_BYTES))
            }
            Escape::Category(category, is_member) => {
                self.out.push_str(if is_member { "[" } else { "[^" });
                self.out.push_str(category.members(flags.ascii));
                self.out.push(']');
                Item::of(Extent::one(category.bytes(flags.ascii)))
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
                let extent = Extent::look(4 * Category::Word.bytes(flags.ascii));
                Item { extent, ..Item::ANCHOR }
            }
            Escape::Reference(number) => Item::of(self.reference(number, start)?),
        })
    }

    /// Between a character of a word and another; fancy-regex has another idea of words.
    fn boundary(&mut self, is_boundary: bool, ascii: bool) {
        let word = Category::Word.members(ascii);
        self.out.push_str(&if is_boundary {
            format!("(?:(?<=[{word}])(?![{word}])|(?<![{word}])(?=[{word}]))")
        } else {
            // Python finds no place within a word or between words in an empty text.
            format!(r"(?:(?<=[{word}])(?=[{word}])|(?<![{word}])(?![{word}])(?!\A\z))")
        });
        self.backtracks = true;
    }

    /// Writes a reference to a group that is closed.
    pub(super) fn reference(&mut self, number: usize, at: usize) -> Result<Extent, RegexFault> {
        let extent = match number.checked_sub(1).and_then(|index| self.groups.get(index)) {
            Some(Some(extent)) => Extent { bytes: class::CHAR_BYTES, ..*extent },
            Some(None) => return Err(RegexFault::at(at - 1, "cannot refer to an open group")),
            None => return Err(RegexFault::at(at, format!("invalid group reference {number}"))),
        };
        self.out.push_str(&format!(r"(?:\{number})"));
        self.backtracks = true;
        Ok(extent)
    }
}
