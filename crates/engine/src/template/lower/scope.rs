//! One rule of Jinja2's scopes that the engine does not share: a name that the
//! template sets at its top level, and does not read before, is a variable of the
//! template everywhere. A macro that runs before the `set` finds it undefined, even
//! when the context has a value of that name.

use std::collections::HashSet;

use crate::template::syntax::ast::{Expr, ExprKind, Stmt, StmtKind, Target};
use crate::template::syntax::walk::{Node, walk, walk_expr};

/// Names that must be undefined until they are set.
pub(super) fn late_names(statements: &[Stmt]) -> Vec<String> {
    let in_macros = names_in_macros(statements);
    if in_macros.is_empty() {
        return Vec::new();
    }
    let mut read = HashSet::new();
    let mut late = Vec::new();
    for statement in statements {
        match &statement.kind {
            StmtKind::Macro { .. } => {}
            StmtKind::Set(target, value) => {
                read_in(value, &mut read);
                note(target, &read, &mut late);
            }
            StmtKind::SetBlock { target, .. } => {
                read_within(statement, &mut read);
                note(target, &read, &mut late);
            }
            _ => read_within(statement, &mut read),
        }
    }
    late.retain(|name| in_macros.contains(name));
    late
}

fn note(target: &Target, read: &HashSet<String>, late: &mut Vec<String>) {
    target.names(&mut |name| {
        if !read.contains(name) && !late.iter().any(|known| known == name) {
            late.push(name.to_owned());
        }
    });
}

fn read_in(expr: &Expr, read: &mut HashSet<String>) {
    walk_expr(expr, &mut |node| add_name(&node, read));
}

fn read_within(statement: &Stmt, read: &mut HashSet<String>) {
    walk(std::slice::from_ref(statement), &mut |node| add_name(&node, read));
}

fn add_name(node: &Node<'_>, names: &mut HashSet<String>) {
    if let Node::Expr(Expr { kind: ExprKind::Name(name), .. }) = node {
        names.insert(name.clone());
    }
}

fn names_in_macros(statements: &[Stmt]) -> HashSet<String> {
    let mut names = HashSet::new();
    walk(statements, &mut |node| {
        if let Node::Stmt(Stmt { kind: StmtKind::Macro { body, .. }, .. }) = node {
            walk(body, &mut |node| add_name(&node, &mut names));
        }
    });
    names
}
