//! The tree, written again in the core of the language that the engine runs.
//!
//! The engine (minijinja) keeps what it does as Jinja2 does: control flow,
//! scopes, macros, blocks, look-ups by name. Operators, subscripts, literals of
//! lists and dicts, and everything else where Python is stricter or different,
//! become calls of our own filters and tests, whose names begin with `__`.
//! A table maps what was written to places in the original.

mod expr;
mod operands;
mod scope;
mod stmt;

use super::options::Undefined;
use super::syntax::ast::{Args, Expr, ExprKind, Stmt};
use super::syntax::walk::{Node, walk};

pub(crate) use operands::Operands;

/// A template for the engine.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// Source for the engine. A tag has no line ends, so that the engine knows each operation by
    /// its span (it drops spans that begin on another line than the last of their operands).
    pub source: String,
    /// Where operations end in `source`, and tags begin; in the order of their ends.
    pub places: Vec<Place>,
    /// What each of `places` works on; empty unless it was asked for.
    pub operands: Vec<Operands>,
}

/// A place in what was written, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Byte offset into the written source.
    pub written: u32,
    /// Byte offset into the original.
    pub at: u32,
    /// Whether a tag begins here; else an operation ends here.
    pub is_tag: bool,
}

/// How to write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LowerOptions {
    /// What undefined values are: strict ones are errors also where only their truth counts.
    pub undefined: Undefined,
    /// Whether to note what operations work on.
    pub operands: bool,
}

/// The name under which minijinja knows the test `name`: its own tests are not ours.
pub(crate) fn test_name(name: &str) -> String {
    format!("__{name}")
}

/// Writes a template.
pub(crate) fn lower(statements: &[Stmt], options: LowerOptions) -> Lowered {
    let mut writer = Writer { full_macros: asks_about_macros(statements), ..Writer::new(options) };
    for name in scope::late_names(statements) {
        writer.out.push_str(&format!("{{% set {name} = __th_undefined %}}"));
    }
    writer.statements(statements);
    writer.finish()
}

fn asks_about_macros(statements: &[Stmt]) -> bool {
    let mut asks = false;
    walk(statements, &mut |node| {
        if let Node::Expr(Expr { kind: ExprKind::Attr(_, name), .. }) = node {
            asks |= matches!(name.as_str(), "arguments" | "catch_varargs" | "catch_kwargs" | "defaults");
        }
    });
    asks
}

/// Writes a template that prints `1` when `expr` is true and nothing otherwise.
pub(crate) fn lower_condition(expr: &Expr, options: LowerOptions) -> Lowered {
    let mut writer = Writer::new(options);
    writer.out.push_str("{% if ");
    writer.expr(expr);
    writer.out.push_str(" %}1{% endif %}");
    writer.finish()
}

#[derive(Debug)]
struct Writer {
    out: String,
    places: Vec<Place>,
    operands: Vec<Operands>,
    options: LowerOptions,
    /// Temporaries made so far.
    temporaries: u32,
    /// Whether macros are asked about themselves, as in `macro.arguments`.
    full_macros: bool,
}

impl Writer {
    fn new(options: LowerOptions) -> Self {
        let (places, operands) = (Vec::new(), Vec::new());
        Self { out: String::new(), places, operands, options, temporaries: 0, full_macros: false }
    }

    /// Notes that what was written last, an operation on `operands` and `args`, stands for `at`.
    fn done<'e>(&mut self, at: u32, operands: impl IntoIterator<Item = Option<&'e Expr>>, args: Option<&Args>) {
        self.place(at, false, || Operands::of(operands, args));
    }

    /// Notes that a tag that stands for `at` is written next.
    fn begin(&mut self, at: u32) {
        self.place(at, true, Operands::default);
    }

    fn place(&mut self, at: u32, is_tag: bool, operands: impl FnOnce() -> Operands) {
        let written = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
        self.places.push(Place { written, at, is_tag });
        if self.options.operands {
            self.operands.push(operands());
        }
    }

    fn temporary(&mut self) -> String {
        self.temporaries += 1;
        format!("__th_{}", self.temporaries)
    }

    fn finish(self) -> Lowered {
        Lowered { source: self.out, places: self.places, operands: self.operands }
    }
}
