//! Walks over the tree, for the checks before lowering.

use super::ast::{Expr, ExprKind, Signature, Stmt, StmtKind};

/// What a walk meets.
pub(crate) enum Node<'n> {
    Stmt(&'n Stmt),
    Expr(&'n Expr),
}

/// Calls `meet` with every statement and expression, outer before inner.
pub(crate) fn walk(statements: &[Stmt], meet: &mut dyn FnMut(Node<'_>)) {
    for statement in statements {
        meet(Node::Stmt(statement));
        walk_statement(statement, meet);
    }
}

fn walk_statement(statement: &Stmt, meet: &mut dyn FnMut(Node<'_>)) {
    match &statement.kind {
        StmtKind::Text(_) => {}
        StmtKind::Print(printed) => printed.iter().for_each(|e| walk_expr(e, meet)),
        StmtKind::For(each) => {
            walk_expr(&each.iter, meet);
            each.filter.iter().for_each(|e| walk_expr(e, meet));
            walk(&each.body, meet);
            walk(&each.otherwise, meet);
        }
        StmtKind::If { branches, otherwise } => {
            for (test, body) in branches {
                walk_expr(test, meet);
                walk(body, meet);
            }
            walk(otherwise, meet);
        }
        StmtKind::Set(_, value) => walk_expr(value, meet),
        StmtKind::SetBlock { filter, body, .. } => {
            filter.iter().for_each(|e| walk_expr(e, meet));
            walk(body, meet);
        }
        StmtKind::With { bindings, body } => {
            bindings.iter().for_each(|(_, e)| walk_expr(e, meet));
            walk(body, meet);
        }
        StmtKind::Macro { signature, body, .. } => walk_callable(signature, body, meet),
        StmtKind::CallBlock { call, signature, body } => {
            walk_expr(call, meet);
            walk_callable(signature, body, meet);
        }
        StmtKind::FilterBlock(expr, body) | StmtKind::AutoEscape(expr, body) => {
            walk_expr(expr, meet);
            walk(body, meet);
        }
        StmtKind::Block { body, .. } => walk(body, meet),
    }
}

fn walk_callable(signature: &Signature, body: &[Stmt], meet: &mut dyn FnMut(Node<'_>)) {
    signature.defaults.iter().for_each(|e| walk_expr(e, meet));
    walk(body, meet);
}

/// Calls `meet` with `expr` and every expression inside it.
pub(crate) fn walk_expr(expr: &Expr, meet: &mut dyn FnMut(Node<'_>)) {
    meet(Node::Expr(expr));
    match &expr.kind {
        ExprKind::Name(_) | ExprKind::Const(_) => {}
        ExprKind::List(items)
        | ExprKind::Tuple(items)
        | ExprKind::Concat(items)
        | ExprKind::And(items)
        | ExprKind::Or(items) => items.iter().for_each(|e| walk_expr(e, meet)),
        ExprKind::Dict(pairs) => {
            for (key, value) in pairs {
                walk_expr(key, meet);
                walk_expr(value, meet);
            }
        }
        ExprKind::Attr(inner, _) | ExprKind::Unary(_, inner) => walk_expr(inner, meet),
        ExprKind::Item(left, right) | ExprKind::Binary(_, left, right) => {
            walk_expr(left, meet);
            walk_expr(right, meet);
        }
        ExprKind::Slice(inner, bounds) => {
            walk_expr(inner, meet);
            bounds.iter().flatten().for_each(|e| walk_expr(e, meet));
        }
        ExprKind::Call(callee, args) => {
            walk_expr(callee, meet);
            args.all().for_each(|e| walk_expr(e, meet));
        }
        ExprKind::Filter(inner, _, args) => {
            inner.iter().for_each(|e| walk_expr(e, meet));
            args.all().for_each(|e| walk_expr(e, meet));
        }
        ExprKind::Test(test) => {
            walk_expr(&test.operand, meet);
            test.args.all().for_each(|e| walk_expr(e, meet));
        }
        ExprKind::Compare(left, links) => {
            walk_expr(left, meet);
            links.iter().for_each(|(_, e)| walk_expr(e, meet));
        }
        ExprKind::Cond(cond) => {
            walk_expr(&cond.test, meet);
            walk_expr(&cond.then, meet);
            cond.otherwise.iter().for_each(|e| walk_expr(e, meet));
        }
    }
}
