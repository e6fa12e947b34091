//! Expressions. Chains stay flat (`a|__add(b)|__add(c)`), so that what is long
//! in the original is not deep for the engine.

use super::{Operands, Writer, test_name};
use crate::options::Undefined;
use crate::syntax::ast::{Args, BinaryOp, CompareOp, Const, Expr, ExprKind, UnaryOp};
use crate::value::is_member;

impl Writer {
    /// Writes `expr` where any expression may stand.
    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::And(items) => self.logical(" and ", items),
            ExprKind::Or(items) => self.logical(" or ", items),
            ExprKind::Unary(UnaryOp::Not, inner) => {
                self.out.push_str("not ");
                self.tested(inner);
            }
            ExprKind::Cond(cond) => {
                self.operand(&cond.then);
                self.out.push_str(" if ");
                self.tested(&cond.test);
                self.out.push_str(" else ");
                match &cond.otherwise {
                    Some(otherwise) => self.operand(otherwise),
                    None => self.out.push_str("__th_undefined"),
                }
            }
            ExprKind::Test(test) => {
                if test.negated {
                    self.out.push_str("not ");
                }
                self.operand(&test.operand);
                self.out.push_str(" is ");
                self.out.push_str(&test_name(&test.name));
                self.args(&test.args);
                self.done(expr.at, [Some(&test.operand)], Some(&test.args));
            }
            _ => self.operand(expr),
        }
    }

    fn logical(&mut self, word: &str, items: &[Expr]) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.out.push_str(word);
            }
            match i + 1 < items.len() {
                true => self.tested(item),
                false => self.operand(item),
            }
        }
    }

    /// Writes `expr` where it counts whether it is true.
    pub(super) fn tested(&mut self, expr: &Expr) {
        self.operand(expr);
        self.used(expr);
    }

    /// Writes `expr` where it is printed.
    pub(super) fn printed(&mut self, expr: &Expr) {
        match self.options.undefined {
            Undefined::Lenient => self.expr(expr),
            Undefined::Strict => self.tested(expr),
        }
    }

    /// Lets a strict undefined value fail by an operation of ours: the engine's own error would
    /// not say what is undefined.
    fn used(&mut self, expr: &Expr) {
        if self.options.undefined == Undefined::Strict {
            self.out.push_str("|__used");
            self.done(expr.at, [Some(expr)], None);
        }
    }

    /// Writes `expr` so that a filter may follow.
    pub(super) fn operand(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Unary(UnaryOp::Not, _)
            | ExprKind::Cond(_)
            | ExprKind::Test(_) => {
                self.out.push('(');
                self.expr(expr);
                self.out.push(')');
            }
            ExprKind::Name(name) if name == "self" => self.out.push_str("__th_self"),
            ExprKind::Name(name) => self.out.push_str(name),
            ExprKind::Const(constant) => self.constant(constant),
            ExprKind::List(items) => self.literal(expr.at, items.iter(), "__list"),
            ExprKind::Tuple(items) => self.literal(expr.at, items.iter(), "__tuple"),
            ExprKind::Dict(pairs) => {
                let flat = pairs.iter().flat_map(|(key, value)| [key, value]);
                self.literal(expr.at, flat, "__dict");
            }
            ExprKind::Attr(inner, name) => self.attribute(expr.at, inner, name),
            ExprKind::Item(inner, key) => {
                self.operand(inner);
                self.filter_call(expr.at, "__item", inner, [&**key]);
            }
            ExprKind::Slice(inner, bounds) => self.slice(expr.at, inner, bounds),
            ExprKind::Call(callee, args) => self.call(expr.at, callee, args),
            ExprKind::Filter(inner, name, args) => {
                if let Some(inner) = inner {
                    self.operand(inner);
                    self.out.push('|');
                }
                self.out.push_str(name);
                self.args(args);
                self.done(expr.at, [inner.as_deref()], Some(args));
            }
            ExprKind::Unary(op, inner) => {
                self.operand(inner);
                let name = if *op == UnaryOp::Neg { "__neg" } else { "__pos" };
                self.filter_call(expr.at, name, inner, []);
            }
            ExprKind::Binary(op, left, right) => {
                self.operand(left);
                self.filter_call(expr.at, binary_name(*op), left, [&**right]);
            }
            ExprKind::Concat(parts) => {
                let [first, rest @ ..] = parts.as_slice() else { return };
                self.operand(first);
                self.filter_call(expr.at, "__concat", first, rest);
            }
            ExprKind::Compare(left, links) => self.compare(expr.at, left, links),
        }
    }

    /// Writes `expr` so that `.name` and `(args)` may follow; `false`, and
    /// nothing, if it cannot be.
    fn primary(&mut self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Name(name) if name == "self" => self.out.push_str("__th_self"),
            ExprKind::Name(name) => self.out.push_str(name),
            ExprKind::Attr(inner, name) if !is_member(name) => {
                if !self.primary(inner) {
                    return false;
                }
                self.out.push('.');
                self.out.push_str(name);
                self.place(expr.at, false, || Operands::of_attribute(inner, name));
            }
            _ => return false,
        }
        true
    }

    fn attribute(&mut self, at: u32, inner: &Expr, name: &str) {
        if !is_member(name) && self.primary(inner) {
            self.out.push('.');
            self.out.push_str(name);
        } else {
            self.operand(inner);
            self.out.push_str("|__attr(");
            self.text(name);
            self.out.push(')');
        }
        self.place(at, false, || Operands::of_attribute(inner, name));
    }

    /// `|name(args)`, of `left` that was written already.
    fn filter_call<'e>(
        &mut self,
        at: u32,
        name: &str,
        left: &'e Expr,
        args: impl IntoIterator<Item = &'e Expr, IntoIter: Clone>,
    ) {
        let args = args.into_iter();
        self.out.push('|');
        self.out.push_str(name);
        self.out.push('(');
        for (i, arg) in args.clone().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.expr(arg);
        }
        self.out.push(')');
        self.done(at, std::iter::once(left).chain(args).map(Some), None);
    }

    fn literal<'e>(&mut self, at: u32, items: impl Iterator<Item = &'e Expr>, name: &str) {
        self.out.push('[');
        for (i, item) in items.enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.expr(item);
        }
        self.out.push_str("]|");
        self.out.push_str(name);
        self.done(at, [], None);
    }

    fn slice(&mut self, at: u32, inner: &Expr, bounds: &[Option<Expr>; 3]) {
        self.operand(inner);
        self.out.push_str("|__slice(");
        for (i, bound) in bounds.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            match bound {
                Some(bound) => self.expr(bound),
                None => self.out.push_str("none"),
            }
        }
        self.out.push(')');
        self.done(at, std::iter::once(Some(inner)).chain(bounds.iter().map(Option::as_ref)), None);
    }

    fn compare(&mut self, at: u32, left: &Expr, links: &[(CompareOp, Expr)]) {
        self.operand(left);
        if let [(op, right)] = links {
            self.filter_call(at, compare_name(*op), left, [right]);
            return;
        }
        self.out.push_str("|__chain(");
        for (i, (op, right)) in links.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.text(compare_spelling(*op));
            self.out.push_str(", ");
            self.expr(right);
        }
        self.out.push(')');
        let operands = links.iter().flat_map(|(_, right)| [None, Some(right)]);
        self.done(at, std::iter::once(Some(left)).chain(operands), None);
    }

    /// A call. `cycle` is not left to the engine's loops, which fail without
    /// arguments.
    fn call(&mut self, at: u32, callee: &Expr, args: &Args) {
        match &callee.kind {
            ExprKind::Name(name) if name == "loop" => {
                self.out.push_str("loop(");
                for (i, arg) in args.positional.iter().enumerate() {
                    if i > 0 {
                        self.out.push_str(", ");
                    }
                    self.walked(arg);
                }
                self.out.push(')');
                self.done(at, [None], Some(args));
            }
            ExprKind::Name(name) => {
                self.out.push_str(name);
                self.call_args(args);
                self.done(at, [Some(callee)], Some(args));
            }
            ExprKind::Attr(inner, name) => {
                let of_self = matches!(&inner.kind, ExprKind::Name(name) if name == "self");
                if of_self {
                    self.out.push_str("self");
                }
                if of_self || (name != "cycle" && self.primary(inner)) {
                    self.out.push('.');
                    self.out.push_str(name);
                    self.call_args(args);
                } else {
                    self.operand(inner);
                    self.out.push_str("|__call(");
                    self.text(name);
                    self.more_args(args);
                }
                self.done(at, [Some(&**inner)], Some(args));
            }
            _ => {
                self.operand(callee);
                self.out.push_str("|__invoke(none");
                self.more_args(args);
                self.done(at, [Some(callee)], Some(args));
            }
        }
    }

    /// `(args)` of a filter or test, nothing when there are none.
    pub(super) fn args(&mut self, args: &Args) {
        if !args.is_empty() {
            self.call_args(args);
        }
    }

    pub(super) fn call_args(&mut self, args: &Args) {
        self.out.push('(');
        self.arg_list(args, true);
        self.out.push(')');
    }

    fn more_args(&mut self, args: &Args) {
        self.arg_list(args, false);
        self.out.push(')');
    }

    fn arg_list(&mut self, args: &Args, mut first: bool) {
        let mut comma = |out: &mut String| {
            if !std::mem::take(&mut first) {
                out.push_str(", ");
            }
        };
        for arg in &args.positional {
            comma(&mut self.out);
            self.expr(arg);
        }
        if let Some(star) = &args.star {
            comma(&mut self.out);
            self.out.push('*');
            self.walked(star);
        }
        for (name, value) in &args.keyword {
            comma(&mut self.out);
            self.out.push_str(name);
            self.out.push('=');
            self.expr(value);
        }
        if let Some(double_star) = &args.double_star {
            comma(&mut self.out);
            self.out.push_str("**");
            self.operand(double_star);
            self.out.push_str("|__keywords");
            self.done(double_star.at, [Some(&**double_star)], None);
        }
    }

    /// Writes `expr` where its items are walked.
    pub(super) fn walked(&mut self, expr: &Expr) {
        self.operand(expr);
        self.out.push_str("|__iter");
        self.done(expr.at, [Some(expr)], None);
    }

    fn constant(&mut self, constant: &Const) {
        match constant {
            Const::None => self.out.push_str("none"),
            Const::Bool(true) => self.out.push_str("true"),
            Const::Bool(false) => self.out.push_str("false"),
            Const::Int(digits) if digits.parse::<i64>().is_ok() => self.out.push_str(digits),
            Const::Int(digits) => {
                self.text(digits);
                self.out.push_str("|__big");
            }
            Const::Float(x) if x.is_finite() => self.out.push_str(&format!("{x:?}")),
            Const::Float(_) => self.out.push_str("\"inf\"|__inf"),
            Const::Str(text) => self.text(text),
        }
    }

    /// A string literal of the engine.
    pub(super) fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                c if c.is_control() => {
                    let escape = format!("\\u{:04x}", u32::from(c));
                    self.out.push_str(&escape);
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn binary_name(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "__add",
        BinaryOp::Sub => "__sub",
        BinaryOp::Mul => "__mul",
        BinaryOp::Div => "__div",
        BinaryOp::FloorDiv => "__floordiv",
        BinaryOp::Rem => "__mod",
        BinaryOp::Pow => "__pow",
    }
}

fn compare_name(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "__eq",
        CompareOp::Ne => "__ne",
        CompareOp::Lt => "__lt",
        CompareOp::Le => "__le",
        CompareOp::Gt => "__gt",
        CompareOp::Ge => "__ge",
        CompareOp::In => "__in",
        CompareOp::NotIn => "__notin",
    }
}

fn compare_spelling(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::Ne => "!=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
        CompareOp::In => "in",
        CompareOp::NotIn => "not in",
    }
}
