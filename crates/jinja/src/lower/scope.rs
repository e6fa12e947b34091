//! One rule of Jinja2's scopes that the engine does not share: a name that the template binds
//! at its top level, and does not read there before, is a variable of the template everywhere.
//! What runs in an inner scope before that finds it undefined, even when the context has a value
//! of that name.

use std::collections::HashSet;

use crate::syntax::ast::{Expr, ExprKind, Stmt, StmtKind, Target};
use crate::syntax::walk::{Node, walk, walk_expr};

/// Names that must be undefined until they are bound.
pub(super) fn late_names(statements: &[Stmt]) -> Vec<String> {
    let mut names = Names::default();
    for statement in statements {
        names.statement(statement);
    }
    let Names { inner, late, .. } = names;
    late.into_iter().filter(|name| inner.contains(name)).collect()
}

#[derive(Default)]
struct Names {
    /// Read at the top level so far.
    read: HashSet<String>,
    /// Read in inner scopes.
    inner: HashSet<String>,
    /// Bound at the top level before they were read there.
    late: Vec<String>,
}

impl Names {
    fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Text(_) => {}
            StmtKind::Print(printed) => printed.iter().for_each(|expr| self.read(expr)),
            StmtKind::Set(target, value) => {
                self.read(value);
                self.bind(target);
            }
            StmtKind::SetBlock { target, body, .. } => {
                self.within(body);
                self.bind(target);
            }
            StmtKind::Macro { name, body, .. } => {
                self.bind(&Target::Name(name.clone()));
                self.within(body);
            }
            // what a branch binds may stay unbound, so the context's value counts there
            StmtKind::If { .. } => {
                walk(std::slice::from_ref(statement), &mut |node| add_name(&node, &mut self.read));
            }
            StmtKind::For(each) => {
                self.read(&each.iter);
                self.within(&each.body);
                self.within(&each.otherwise);
            }
            StmtKind::With { bindings, body } => {
                bindings.iter().for_each(|(_, value)| self.read(value));
                self.within(body);
            }
            StmtKind::AutoEscape(_, body) => body.iter().for_each(|inner| self.statement(inner)),
            StmtKind::FilterBlock(_, body) | StmtKind::Block { body, .. } | StmtKind::CallBlock { body, .. } => {
                self.within(body);
            }
        }
    }

    fn read(&mut self, expr: &Expr) {
        walk_expr(expr, &mut |node| add_name(&node, &mut self.read));
    }

    fn within(&mut self, body: &[Stmt]) {
        walk(body, &mut |node| add_name(&node, &mut self.inner));
    }

    fn bind(&mut self, target: &Target) {
        let Self { read, late, .. } = self;
        target.names(&mut |name| {
            if !read.contains(name) && !late.iter().any(|known| known == name) {
                late.push(name.to_owned());
            }
        });
    }
}

fn add_name(node: &Node<'_>, names: &mut HashSet<String>) {
    if let Node::Expr(Expr { kind: ExprKind::Name(name), .. }) = node {
        names.insert(name.clone());
    }
}
