//! The tree, written again in the core of the language that the engine runs.
//!
//! The engine (minijinja) keeps what it does as Jinja2 does: control flow,
//! scopes, macros, blocks, look-ups by name. Operators, subscripts, literals of
//! lists and dicts, and everything else where Python is stricter or different,
//! become calls of our own filters and tests, whose names begin with `__`.
//! A table maps each line of the written source to a place in the original.

mod expr;
mod scope;
mod stmt;

use super::syntax::ast::{Expr, ExprKind, Stmt};
use super::syntax::walk::{Node, walk};

/// A template for the engine.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// Source for the engine.
    pub source: String,
    /// For each line of `source`, a byte offset into the original.
    pub places: Vec<u32>,
}

/// Writes a template.
pub(crate) fn lower(statements: &[Stmt]) -> Lowered {
    let mut writer = Writer { full_macros: asks_about_macros(statements), ..Writer::default() };
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
pub(crate) fn lower_condition(expr: &Expr) -> Lowered {
    let mut writer = Writer::default();
    writer.out.push_str("{% if ");
    writer.expr(expr);
    writer.out.push_str(" %}1{% endif %}");
    writer.finish()
}

#[derive(Debug)]
struct Writer {
    out: String,
    places: Vec<u32>,
    /// Temporaries made so far.
    temporaries: u32,
    /// Whether macros are asked about themselves, as in `macro.arguments`.
    full_macros: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self { out: String::new(), places: vec![0], temporaries: 0, full_macros: false }
    }
}

impl Writer {
    /// Begins a line that stands for `at`. Only inside tags.
    fn mark(&mut self, at: u32) {
        self.out.push('\n');
        self.places.push(at);
    }

    fn temporary(&mut self) -> String {
        self.temporaries += 1;
        format!("__th_{}", self.temporaries)
    }

    fn finish(self) -> Lowered {
        Lowered { source: self.out, places: self.places }
    }
}
