//! The parser's state, its limits, and how it goes on after a fault.

use tenterhook_model::limits;

use super::Fault;
use super::ast::{Expr, ExprKind, Stmt};
use super::lexer::{tokenise, tokenise_expression};
use super::token::{Tok, Token};

/// Levels of expressions inside each other at most: a sign is one, a `not`, a bracket or a call two.
/// Jinja2 itself fails at about 60 brackets, when Python's stack ends.
const NESTING_MAX: u32 = limits::TEMPLATE_EXPRESSION_DEPTH;
/// Statements inside each other at most; Python allows 20 loops.
pub(super) const BLOCKS_MAX: usize = limits::TEMPLATE_STATEMENT_DEPTH;
/// Height of an expression's tree at most: operators, filters and subscripts
/// in a row count one each.
const HEIGHT_MAX: u32 = limits::TEMPLATE_EXPRESSION_STEPS;
/// Faults that are told at most.
const FAULTS_MAX: usize = limits::TEMPLATE_ERRORS;

/// The fault was told; the caller unwinds to where it can go on.
#[derive(Debug)]
pub(super) struct Told;

pub(super) type Parsed<T> = Result<T, Told>;

/// A parser over the tokens of one source.
pub(super) struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: u32,
    pub(super) faults: Vec<Fault>,
    /// Statements that are open: the tag, where, and the tags that may follow.
    pub(super) open: Vec<Open>,
    pub(super) blocks: Vec<String>,
}

/// An open statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub tag: &'static str,
    pub at: u32,
    pub ends: &'static [&'static str],
}

/// Parses a template. `source` is normalised.
///
/// # Errors
/// All faults, in order of place, at most 20.
pub(crate) fn parse(source: &str) -> Result<Vec<Stmt>, Vec<Fault>> {
    let (tokens, faults) = tokenise(source);
    let mut parser = Parser::new(tokens, faults);
    let mut statements = Vec::new();
    while !matches!(parser.tok(), Tok::End) {
        let (more, _) = parser.subparse();
        statements.extend(more);
    }
    parser.finish(statements)
}

/// Parses a lone expression.
///
/// # Errors
/// All faults, in order of place.
pub(crate) fn parse_expression(source: &str) -> Result<Expr, Vec<Fault>> {
    let (tokens, faults) = tokenise_expression(source);
    let mut parser = Parser::new(tokens, faults);
    let parsed = parser.expression().and_then(|expr| {
        if matches!(parser.tok(), Tok::End) {
            Ok(expr)
        } else {
            let message = format!("unexpected {}", parser.tok().describe());
            Err(parser.tell(message))
        }
    });
    match parsed {
        Ok(expr) => parser.finish(expr),
        Err(Told) => Err(parser.sorted_faults()),
    }
}

impl Parser {
    fn new(tokens: Vec<Token>, faults: Vec<Fault>) -> Self {
        Self { tokens, next: 0, nesting: 0, faults, open: Vec::new(), blocks: Vec::new() }
    }

    fn finish<T>(self, parsed: T) -> Result<T, Vec<Fault>> {
        debug_assert!(matches!(self.tok(), Tok::End), "all tokens were read");
        debug_assert!(!self.faults.is_empty() || self.nesting == 0, "every bracket that was entered was left");
        debug_assert!(!self.faults.is_empty() || self.open.is_empty(), "every statement that was opened was closed");
        if self.faults.is_empty() { Ok(parsed) } else { Err(self.sorted_faults()) }
    }

    fn sorted_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| fault.at);
        self.faults.dedup();
        self.faults.truncate(FAULTS_MAX);
        self.faults
    }

    /// The current token.
    pub(super) fn tok(&self) -> &Tok {
        &self.tokens[self.next].tok
    }

    /// The token after the current one.
    pub(super) fn look(&self) -> &Tok {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.next + 1).min(last)].tok
    }

    /// Where the current token begins.
    pub(super) fn at(&self) -> u32 {
        self.tokens[self.next].at
    }

    /// Takes the current token; the end is never passed.
    pub(super) fn advance(&mut self) -> Tok {
        let tok = self.tokens[self.next].tok.clone();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        tok
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.tok(), Tok::Op(found) if *found == op)
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self.tok(), Tok::Name(found) if found == name)
    }

    pub(super) fn skip_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_op(&mut self, op: &str) -> Parsed<()> {
        if self.skip_op(op) {
            return Ok(());
        }
        Err(self.expected(&format!("'{op}'")))
    }

    pub(super) fn expect_name(&mut self) -> Parsed<String> {
        if let Tok::Name(name) = self.tok() {
            let name = name.clone();
            self.advance();
            return Ok(name);
        }
        Err(self.expected("a name"))
    }

    pub(super) fn expect_keyword(&mut self, word: &str) -> Parsed<()> {
        if self.skip_name(word) {
            return Ok(());
        }
        Err(self.expected(&format!("'{word}'")))
    }

    /// Tells that something else stood here.
    pub(super) fn expected(&mut self, what: &str) -> Told {
        let message = format!("expected {what}, got {}", self.tok().describe());
        self.tell(message)
    }

    /// Tells a fault at the current token.
    pub(super) fn tell(&mut self, message: impl Into<String>) -> Told {
        let at = self.at();
        self.tell_at(at, message)
    }

    /// Tells a fault at `at`. What the lexer could not read was told already.
    pub(super) fn tell_at(&mut self, at: u32, message: impl Into<String>) -> Told {
        if !matches!(self.tok(), Tok::Bad) {
            self.faults.push(Fault::new(at, message));
        }
        Told
    }

    /// Runs `inner` one level deeper.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_MAX {
            let message = format!("expressions are nested deeper than {} brackets", NESTING_MAX / 2);
            return Err(self.tell(message));
        }
        self.nesting += 1;
        let depth = self.nesting;
        let parsed = inner(self);
        debug_assert_eq!(self.nesting, depth, "each level is left once, or the limit is met too early or never");
        self.nesting -= 1;
        parsed
    }

    /// A node, unless the tree below it is too high.
    pub(super) fn node(&mut self, at: u32, kind: ExprKind) -> Parsed<Expr> {
        let height = kind.height();
        if height > HEIGHT_MAX {
            let message = format!("an expression has more than {HEIGHT_MAX} steps in a row");
            return Err(self.tell_at(at, message));
        }
        Ok(Expr { at, height, kind })
    }

    /// Goes back onto the tag end that was just skipped, if one was.
    pub(super) fn step_back_to_tag_end(&mut self) {
        let before = self.next.saturating_sub(1);
        if matches!(self.tokens[before].tok, Tok::BlockEnd) {
            self.next = before;
        }
    }

    /// Skips to just behind the end of the tag that the parser is in.
    pub(super) fn skip_tag(&mut self) {
        self.nesting = 0;
        loop {
            match self.tok() {
                Tok::End | Tok::Text(_) | Tok::VarStart | Tok::BlockStart => return,
                Tok::VarEnd | Tok::BlockEnd => {
                    self.advance();
                    return;
                }
                _ => {
                    self.advance();
                }
            }
        }
    }
}

impl ExprKind {
    /// Height of the tree, counting each link of a flat chain that runs as one.
    fn height(&self) -> u32 {
        let of = |expr: &Expr| expr.height;
        let args = |args: &super::ast::Args| args.all().map(of).max().unwrap_or(0);
        let below = match self {
            Self::Name(_) | Self::Const(_) => 0,
            Self::List(items) | Self::Tuple(items) | Self::Concat(items) => items.iter().map(of).max().unwrap_or(0),
            Self::Dict(pairs) => pairs.iter().map(|(k, v)| k.height.max(v.height)).max().unwrap_or(0),
            Self::Attr(inner, _) | Self::Unary(_, inner) => inner.height,
            Self::Item(left, right) | Self::Binary(_, left, right) => left.height.max(right.height),
            Self::Slice(inner, bounds) => bounds.iter().flatten().map(of).fold(inner.height, u32::max),
            Self::Call(callee, given) => callee.height.max(args(given)),
            Self::Filter(inner, _, given) => inner.as_deref().map_or(0, of).max(args(given)),
            Self::Test(test) => test.operand.height.max(args(&test.args)),
            Self::Compare(left, links) => links.iter().map(|(_, right)| right.height).fold(left.height, u32::max),
            Self::And(items) | Self::Or(items) => {
                let links = u32::try_from(items.len()).unwrap_or(u32::MAX);
                links.saturating_add(items.iter().map(of).max().unwrap_or(0))
            }
            Self::Cond(cond) => {
                let otherwise = cond.otherwise.as_ref().map_or(0, of);
                cond.test.height.max(cond.then.height).max(otherwise)
            }
        };
        below.saturating_add(1)
    }
}
