//! What is checked of a template beside its grammar, before anything runs, and
//! what is found out about it on the way.

use std::collections::HashSet;

use super::environment::breaks_header;
use super::filters::ENV;
use super::options::Mode;
use super::syntax::Fault;
use super::syntax::ast::{BinaryOp, Const, Expr, ExprKind, Stmt, StmtKind};
use super::syntax::walk::{Node, walk, walk_expr};
use super::value::is_changing;
use super::{filters, globals, predicates};
use crate::python::text::is_line_end;

/// Names that the language itself binds.
const BUILT_IN: [&str; 6] = ["loop", "self", "super", "caller", "varargs", "kwargs"];
/// Loops inside each other that count as plain.
const PLAIN_LOOPS_MAX: usize = 2;
/// Source of a plain template, bytes.
const PLAIN_SOURCE_MAX: usize = 16 * 1024;

/// What a template does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    /// It may change lists or dicts of its context.
    pub mutates: bool,
    /// Its work is bounded by its size and the event's: it may render in-process.
    pub plain: bool,
    /// It names the filter `env`.
    pub reads_environment: bool,
}

/// Faults of names and of header text.
pub(super) fn faults(statements: &[Stmt], mode: Mode, names: Option<&[&str]>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let assigned = assigned_names(statements);
    let known = names.map(|names| {
        let mut known: HashSet<&str> = assigned.iter().map(String::as_str).collect();
        known.extend(names);
        known
    });
    let late = if names.is_none() { late_expressions(statements) } else { HashSet::new() };
    walk(statements, &mut |node| match node {
        Node::Expr(expr) if late.contains(&address(expr)) => {}
        Node::Expr(expr) => check_expr(expr, known.as_ref(), &mut faults),
        Node::Stmt(statement) => check_statement(statement, mode, &mut faults),
    });
    faults
}

/// Expressions whose names Jinja2 looks up only when it gets there: those in
/// `if` statements and conditional expressions. A webhook that is saved has its
/// names checked everywhere.
fn late_expressions(statements: &[Stmt]) -> HashSet<usize> {
    let mut late = HashSet::new();
    walk(statements, &mut |node| {
        let mut add = |node: Node<'_>| {
            if let Node::Expr(inner) = node {
                late.insert(address(inner));
            }
        };
        match node {
            Node::Stmt(statement) if matches!(statement.kind, StmtKind::If { .. }) => {
                walk(std::slice::from_ref(statement), &mut add);
            }
            Node::Expr(expr) if matches!(expr.kind, ExprKind::Cond(_)) => walk_expr(expr, &mut add),
            _ => {}
        }
    });
    late
}

fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

/// Faults of names in a lone expression.
pub(super) fn expression_faults(expr: &Expr, names: Option<&[&str]>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let known = names.map(|names| names.iter().copied().collect());
    walk_expr(expr, &mut |node| {
        if let Node::Expr(expr) = node {
            check_expr(expr, known.as_ref(), &mut faults);
            if names_env(expr) {
                let message = "the filter 'env' is for requests; rules cannot read the server's environment";
                faults.push(Fault::new(expr.at, message));
            }
        }
    });
    faults
}

fn check_expr(expr: &Expr, known: Option<&HashSet<&str>>, faults: &mut Vec<Fault>) {
    let mut fault = |message: String| faults.push(Fault::new(expr.at, message));
    match &expr.kind {
        ExprKind::Filter(_, name, args) => {
            if !filters::is_known(name) {
                fault(format!("no filter named '{name}'"));
            }
            check_named_argument(name, &args.positional, &mut fault);
        }
        ExprKind::Test(test) if !predicates::is_known(&test.name) => {
            fault(format!("no test named '{}'", test.name));
        }
        ExprKind::Call(callee, _) => {
            if let (ExprKind::Name(name), Some(known)) = (&callee.kind, known) {
                let built_in = globals::NAMES.contains(&name.as_str()) || BUILT_IN.contains(&name.as_str());
                if !built_in && !known.contains(name.as_str()) {
                    fault(format!("no function named '{name}'"));
                }
            }
        }
        ExprKind::Name(name) if name.starts_with("__th_") => {
            fault("names that begin with '__th_' are reserved".into());
        }
        _ => {}
    }
}

/// Filters and tests that are named as text, as in `map("upper")`.
fn check_named_argument(filter: &str, args: &[Expr], fault: &mut dyn FnMut(String)) {
    let named = |index: usize| match args.get(index).map(|arg| &arg.kind) {
        Some(ExprKind::Const(Const::Str(name))) => Some(name.as_str()),
        _ => None,
    };
    match filter {
        "map" => {
            if let Some(name) = named(0).filter(|name| !filters::is_known(name)) {
                fault(format!("no filter named '{name}'"));
            }
        }
        "select" | "reject" | "selectattr" | "rejectattr" => {
            let index = usize::from(filter.ends_with("attr"));
            if let Some(name) = named(index).filter(|name| !predicates::is_known(name)) {
                fault(format!("no test named '{name}'"));
            }
        }
        _ => {}
    }
}

fn check_statement(statement: &Stmt, mode: Mode, faults: &mut Vec<Fault>) {
    let StmtKind::Text(text) = &statement.kind else {
        return;
    };
    let refused = |c: char| match mode {
        Mode::Text => false,
        Mode::HeaderValue => c != '\t' && breaks_header(c),
        Mode::HeaderBlock => c != '\t' && breaks_header(c) && !is_line_end(c),
    };
    if let Some((offset, c)) = text.char_indices().find(|(_, c)| refused(*c)) {
        let message = if is_line_end(c) {
            "a line break in the value of a header".into()
        } else {
            format!("control character {} in a header", c.escape_unicode())
        };
        let at = statement.at + u32::try_from(offset).unwrap_or(0);
        faults.push(Fault::new(at, message));
    }
}

fn assigned_names(statements: &[Stmt]) -> HashSet<String> {
    let mut names = HashSet::new();
    walk(statements, &mut |node| {
        let Node::Stmt(statement) = node else {
            return;
        };
        let mut add = |name: &str| {
            names.insert(name.to_owned());
        };
        match &statement.kind {
            StmtKind::For(each) => each.target.names(&mut add),
            StmtKind::Set(target, _) | StmtKind::SetBlock { target, .. } => target.names(&mut add),
            StmtKind::With { bindings, .. } => {
                bindings.iter().for_each(|(target, _)| target.names(&mut add));
            }
            StmtKind::Macro { name, signature, .. } => {
                add(name);
                signature.names.iter().for_each(|name| add(name));
            }
            StmtKind::CallBlock { signature, .. } => {
                signature.names.iter().for_each(|name| add(name));
            }
            _ => {}
        }
    });
    names
}

/// What is known of a template.
pub(super) fn facts(source: &str, statements: &[Stmt]) -> Facts {
    let (mut mutates, mut reads_environment) = (false, false);
    let mut plain = source.len() <= PLAIN_SOURCE_MAX && loop_depth(statements) <= PLAIN_LOOPS_MAX;
    walk(statements, &mut |node| match node {
        Node::Expr(expr) => {
            mutates |= may_change(expr);
            plain &= !amplifies(expr);
            reads_environment |= names_env(expr);
        }
        Node::Stmt(statement) => plain &= !loops_freely(statement),
    });
    debug_assert!(source.len() <= super::limits::SOURCE_BYTES_MAX, "the length was checked before anything was read");
    Facts { mutates, plain: plain && !mutates, reads_environment }
}

/// Whether it applies the filter `env`, by itself or through `map`.
fn names_env(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Filter(_, name, args) => {
            let mapped = args.positional.first().map(|arg| &arg.kind);
            name == ENV || name == "map" && matches!(mapped, Some(ExprKind::Const(Const::Str(name))) if name == ENV)
        }
        _ => false,
    }
}

fn may_change(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Attr(_, name) => is_changing(name),
        ExprKind::Item(_, key) => match &key.kind {
            ExprKind::Const(Const::Str(name)) => is_changing(name),
            _ => false,
        },
        ExprKind::Call(callee, _) => !matches!(callee.kind, ExprKind::Name(_) | ExprKind::Attr(..)),
        ExprKind::Filter(_, name, _) => name == "attr",
        _ => false,
    }
}

fn amplifies(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary(BinaryOp::Mul | BinaryOp::Pow, ..) => true,
        ExprKind::Call(callee, _) => {
            matches!(&callee.kind, ExprKind::Name(name) if name == "range" || name == "loop")
        }
        _ => false,
    }
}

fn loops_freely(statement: &Stmt) -> bool {
    match &statement.kind {
        StmtKind::Macro { .. } | StmtKind::CallBlock { .. } | StmtKind::Block { .. } => true,
        StmtKind::For(each) => each.recursive,
        _ => false,
    }
}

fn loop_depth(statements: &[Stmt]) -> usize {
    let depth = |statement: &Stmt| match &statement.kind {
        StmtKind::For(each) => 1 + loop_depth(&each.body).max(loop_depth(&each.otherwise)),
        StmtKind::If { branches, otherwise } => {
            branches.iter().map(|(_, body)| loop_depth(body)).fold(loop_depth(otherwise), usize::max)
        }
        StmtKind::SetBlock { body, .. }
        | StmtKind::With { body, .. }
        | StmtKind::Macro { body, .. }
        | StmtKind::CallBlock { body, .. }
        | StmtKind::FilterBlock(_, body)
        | StmtKind::Block { body, .. }
        | StmtKind::AutoEscape(_, body) => loop_depth(body),
        StmtKind::Text(_) | StmtKind::Print(_) | StmtKind::Set(..) => 0,
    };
    statements.iter().map(depth).max().unwrap_or(0)
}
