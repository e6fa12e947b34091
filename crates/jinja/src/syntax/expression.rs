//! Expressions, with Jinja2's precedences: `**` binds to the left, a filter
//! binds tighter than any operator but after a sign, `is` like a filter.

use tenterhook_model::limits;

use super::ast::{Args, BinaryOp, CompareOp, CondExpr, Const, Expr, ExprKind, TestExpr, UnaryOp};
use super::parser::{Parsed, Parser, Told};
use super::token::Tok;

impl Parser {
    /// An expression, with `a if b else c`.
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let at = self.at();
        let mut expr = self.or()?;
        while self.skip_name("if") {
            let test = self.or()?;
            let otherwise = if self.skip_name("else") { Some(self.nested(Self::conditional)?) } else { None };
            let cond = CondExpr { test, then: expr, otherwise };
            expr = self.node(at, ExprKind::Cond(Box::new(cond)))?;
        }
        Ok(expr)
    }

    /// An expression without a condition, as in `if` and `for`.
    pub(super) fn or(&mut self) -> Parsed<Expr> {
        self.logical("or", Self::and, ExprKind::Or)
    }

    fn and(&mut self) -> Parsed<Expr> {
        self.logical("and", Self::not, ExprKind::And)
    }

    fn logical(
        &mut self,
        word: &str,
        operand: fn(&mut Self) -> Parsed<Expr>,
        make: fn(Vec<Expr>) -> ExprKind,
    ) -> Parsed<Expr> {
        let at = self.at();
        let first = operand(self)?;
        if !self.is_name(word) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.skip_name(word) {
            operands.push(operand(self)?);
        }
        self.node(at, make(operands))
    }

    fn not(&mut self) -> Parsed<Expr> {
        let at = self.at();
        if self.skip_name("not") {
            // The engine's own parser goes down twice for it.
            let operand = self.nested(|p| p.nested(Self::not))?;
            return self.node(at, ExprKind::Unary(UnaryOp::Not, Box::new(operand)));
        }
        self.compare()
    }

    fn compare(&mut self) -> Parsed<Expr> {
        let at = self.at();
        let left = self.sum()?;
        let mut links = Vec::new();
        while let Some(op) = self.compare_op() {
            links.push((op, self.sum()?));
        }
        if links.is_empty() {
            return Ok(left);
        }
        self.concat_limit(at, links.len())?;
        self.node(at, ExprKind::Compare(Box::new(left), links))
    }

    fn compare_op(&mut self) -> Option<CompareOp> {
        let op = match self.tok() {
            Tok::Op("==") => CompareOp::Eq,
            Tok::Op("!=") => CompareOp::Ne,
            Tok::Op("<") => CompareOp::Lt,
            Tok::Op("<=") => CompareOp::Le,
            Tok::Op(">") => CompareOp::Gt,
            Tok::Op(">=") => CompareOp::Ge,
            Tok::Name(name) if name == "in" => CompareOp::In,
            Tok::Name(name) if name == "not" => {
                if !matches!(self.look(), Tok::Name(next) if next == "in") {
                    return None;
                }
                self.advance();
                CompareOp::NotIn
            }
            _ => return None,
        };
        self.advance();
        Some(op)
    }

    fn sum(&mut self) -> Parsed<Expr> {
        self.binary(Self::concat, |op| match op {
            "+" => Some(BinaryOp::Add),
            "-" => Some(BinaryOp::Sub),
            _ => None,
        })
    }

    fn concat(&mut self) -> Parsed<Expr> {
        let at = self.at();
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.skip_op("~") {
            parts.push(self.product()?);
        }
        self.concat_limit(at, parts.len())?;
        self.node(at, ExprKind::Concat(parts))
    }

    fn concat_limit(&mut self, at: u32, parts: usize) -> Parsed<()> {
        /// Arguments that one call of the engine takes at most.
        const PARTS_MAX: usize = limits::TEMPLATE_PARTS;
        if parts > PARTS_MAX {
            let message = format!("more than {PARTS_MAX} items in a row");
            return Err(self.tell_at(at, message));
        }
        Ok(())
    }

    fn product(&mut self) -> Parsed<Expr> {
        self.binary(Self::power, |op| match op {
            "*" => Some(BinaryOp::Mul),
            "/" => Some(BinaryOp::Div),
            "//" => Some(BinaryOp::FloorDiv),
            "%" => Some(BinaryOp::Rem),
            _ => None,
        })
    }

    fn power(&mut self) -> Parsed<Expr> {
        self.binary(Self::operand, |op| (op == "**").then_some(BinaryOp::Pow))
    }

    fn binary(&mut self, operand: fn(&mut Self) -> Parsed<Expr>, op_of: fn(&str) -> Option<BinaryOp>) -> Parsed<Expr> {
        let start = self.at();
        let mut left = operand(self)?;
        while let Some(op) = match self.tok() {
            Tok::Op(op) => op_of(op),
            _ => None,
        } {
            self.advance();
            let right = operand(self)?;
            left = self.node(start, ExprKind::Binary(op, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn operand(&mut self) -> Parsed<Expr> {
        let operand = self.signed()?;
        self.filters(operand)
    }

    /// A primary with signs and postfixes, without filters.
    fn signed(&mut self) -> Parsed<Expr> {
        let at = self.at();
        let op = match self.tok() {
            Tok::Op("-") => UnaryOp::Neg,
            Tok::Op("+") => UnaryOp::Pos,
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary);
            }
        };
        self.advance();
        let inner = self.nested(Self::signed)?;
        let signed = self.node(at, ExprKind::Unary(op, Box::new(inner)))?;
        self.postfix(signed)
    }

    /// A literal, a name or something in brackets.
    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let at = self.at();
        let kind = match self.tok().clone() {
            Tok::Name(name) => {
                self.advance();
                match name.as_str() {
                    "true" | "True" => ExprKind::Const(Const::Bool(true)),
                    "false" | "False" => ExprKind::Const(Const::Bool(false)),
                    "none" | "None" => ExprKind::Const(Const::None),
                    _ => ExprKind::Name(name),
                }
            }
            Tok::Str(_) => ExprKind::Const(Const::Str(self.strings())),
            Tok::Int(digits) => {
                self.advance();
                ExprKind::Const(Const::Int(digits))
            }
            Tok::Float(value) => {
                self.advance();
                ExprKind::Const(Const::Float(value))
            }
            Tok::Op("(") => {
                self.advance();
                let inner = self.nested(|p| p.tuple(Self::expression, &[], true))?;
                self.expect_op(")")?;
                return Ok(inner);
            }
            Tok::Op("[") => {
                self.advance();
                ExprKind::List(self.nested(Self::list_items)?)
            }
            Tok::Op("{") => {
                self.advance();
                ExprKind::Dict(self.nested(Self::dict_items)?)
            }
            other => {
                let message = match other {
                    Tok::VarEnd | Tok::BlockEnd | Tok::End => {
                        format!("expected an expression, got {}", other.describe())
                    }
                    _ => format!("unexpected {}", other.describe()),
                };
                return Err(self.tell(message));
            }
        };
        self.node(at, kind)
    }

    fn strings(&mut self) -> String {
        let mut text = String::new();
        while let Tok::Str(part) = self.tok() {
            text.push_str(part);
            self.advance();
        }
        text
    }

    fn list_items(&mut self) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.is_op("]") {
            if !items.is_empty() {
                self.expect_op(",")?;
                if self.is_op("]") {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        self.expect_op("]")?;
        Ok(items)
    }

    fn dict_items(&mut self) -> Parsed<Vec<(Expr, Expr)>> {
        let mut pairs = Vec::new();
        while !self.is_op("}") {
            if !pairs.is_empty() {
                self.expect_op(",")?;
                if self.is_op("}") {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect_op(":")?;
            pairs.push((key, self.expression()?));
        }
        self.expect_op("}")?;
        Ok(pairs)
    }

    /// Items separated by commas: one item is itself, more (or a trailing
    /// comma) are a tuple. `ends` are names that may follow.
    pub(super) fn tuple(
        &mut self,
        item: fn(&mut Self) -> Parsed<Expr>,
        ends: &[&str],
        in_brackets: bool,
    ) -> Parsed<Expr> {
        let at = self.at();
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                self.expect_op(",")?;
            }
            if self.ends_tuple(ends) {
                break;
            }
            items.push(item(self)?);
            if !self.is_op(",") {
                break;
            }
            is_tuple = true;
        }
        if !is_tuple {
            match items.pop() {
                Some(single) => return Ok(single),
                None if !in_brackets => return Err(self.expected("an expression")),
                None => {}
            }
        }
        self.node(at, ExprKind::Tuple(items))
    }

    fn ends_tuple(&self, ends: &[&str]) -> bool {
        match self.tok() {
            Tok::VarEnd | Tok::BlockEnd | Tok::End | Tok::Op(")") => true,
            Tok::Name(name) => ends.contains(&name.as_str()),
            _ => false,
        }
    }

    pub(super) fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let start = expr.at;
        loop {
            expr = match self.tok() {
                Tok::Op(".") => {
                    self.advance();
                    self.member(start, expr)?
                }
                Tok::Op("[") => {
                    self.advance();
                    self.nested(|p| p.subscript(start, expr))?
                }
                Tok::Op("(") => {
                    let args = self.nested(Self::args)?;
                    self.node(start, ExprKind::Call(Box::new(expr), args))?
                }
                _ => return Ok(expr),
            };
        }
    }

    fn member(&mut self, start: u32, expr: Expr) -> Parsed<Expr> {
        let at = self.at();
        match self.tok().clone() {
            Tok::Name(name) => {
                self.advance();
                self.node(start, ExprKind::Attr(Box::new(expr), name))
            }
            Tok::Int(digits) => {
                self.advance();
                let index = self.node(at, ExprKind::Const(Const::Int(digits)))?;
                self.node(start, ExprKind::Item(Box::new(expr), Box::new(index)))
            }
            _ => Err(self.expected("a name or a number")),
        }
    }

    fn subscript(&mut self, start: u32, expr: Expr) -> Parsed<Expr> {
        let at = self.at();
        let mut parts = Vec::new();
        while !self.is_op("]") {
            if !parts.is_empty() {
                self.expect_op(",")?;
            }
            parts.push(self.subscript_part()?);
        }
        self.expect_op("]")?;
        let several = parts.len() > 1;
        let only = parts.pop();
        match only {
            Some(Subscript::Slice(bounds)) if !several => self.node(start, ExprKind::Slice(Box::new(expr), bounds)),
            Some(Subscript::Index(index)) if !several => {
                self.node(start, ExprKind::Item(Box::new(expr), Box::new(index)))
            }
            Some(last) => {
                let mut items = Vec::new();
                for part in parts.into_iter().chain([last]) {
                    let Subscript::Index(index) = part else {
                        return Err(self.tell_at(at, "a slice cannot stand among several subscripts"));
                    };
                    items.push(index);
                }
                let tuple = self.node(at, ExprKind::Tuple(items))?;
                self.node(start, ExprKind::Item(Box::new(expr), Box::new(tuple)))
            }
            None => Err(self.tell_at(at, "expected a subscript, got ']'")),
        }
    }

    fn subscript_part(&mut self) -> Parsed<Subscript> {
        let first = if self.is_op(":") {
            None
        } else {
            let index = self.expression()?;
            if !self.is_op(":") {
                return Ok(Subscript::Index(index));
            }
            Some(index)
        };
        self.expect_op(":")?;
        let stop = self.slice_bound()?;
        let step = if self.skip_op(":") { self.slice_bound()? } else { None };
        Ok(Subscript::Slice(Box::new([first, stop, step])))
    }

    fn slice_bound(&mut self) -> Parsed<Option<Expr>> {
        if self.is_op(":") || self.is_op("]") || self.is_op(",") {
            return Ok(None);
        }
        self.expression().map(Some)
    }

    /// Filters, tests and calls behind an operand.
    pub(super) fn filters(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let start = expr.at;
        loop {
            expr = match self.tok() {
                Tok::Op("|") => self.filter(Some(expr))?,
                Tok::Name(name) if name == "is" => self.test(expr)?,
                Tok::Op("(") => {
                    let args = self.nested(Self::args)?;
                    self.node(start, ExprKind::Call(Box::new(expr), args))?
                }
                _ => return Ok(expr),
            };
        }
    }

    /// `|name(args)`; without an operand the bar is not there.
    pub(super) fn filter(&mut self, operand: Option<Expr>) -> Parsed<Expr> {
        if operand.is_some() {
            self.expect_op("|")?;
        }
        let at = self.at();
        let name = self.dotted_name()?;
        let args = if self.is_op("(") { self.nested(Self::args)? } else { Args::default() };
        self.node(at, ExprKind::Filter(operand.map(Box::new), name, args))
    }

    fn dotted_name(&mut self) -> Parsed<String> {
        let mut name = self.expect_name()?;
        while self.skip_op(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(name)
    }

    fn test(&mut self, operand: Expr) -> Parsed<Expr> {
        self.expect_keyword("is")?;
        let negated = self.skip_name("not");
        let at = self.at();
        let name = self.dotted_name()?;
        let args = self.test_args()?;
        let test = TestExpr { operand, name, args, negated };
        self.node(at, ExprKind::Test(Box::new(test)))
    }

    fn test_args(&mut self) -> Parsed<Args> {
        let takes_operand = match self.tok() {
            Tok::Op("(") => return self.nested(Self::args),
            Tok::Op("[" | "{") | Tok::Str(_) | Tok::Int(_) | Tok::Float(_) => true,
            Tok::Name(name) if name == "is" => {
                return Err(self.tell("tests cannot be chained with 'is'"));
            }
            Tok::Name(name) => !matches!(name.as_str(), "else" | "or" | "and"),
            _ => false,
        };
        let mut args = Args::default();
        if takes_operand {
            let primary = self.primary()?;
            args.positional.push(self.postfix(primary)?);
        }
        Ok(args)
    }

    fn args(&mut self) -> Parsed<Args> {
        self.expect_op("(")?;
        let mut args = Args::default();
        let mut need_comma = false;
        while !self.is_op(")") {
            if need_comma {
                self.expect_op(",")?;
                if self.is_op(")") {
                    break;
                }
            }
            self.arg(&mut args)?;
            need_comma = true;
        }
        self.expect_op(")")?;
        let at = self.at();
        self.concat_limit(at, args.positional.len() + args.keyword.len())?;
        Ok(args)
    }

    fn arg(&mut self, args: &mut Args) -> Parsed<()> {
        if self.is_op("*") {
            if args.star.is_some() || args.double_star.is_some() {
                return Err(self.bad_argument());
            }
            self.advance();
            args.star = Some(Box::new(self.expression()?));
        } else if self.is_op("**") {
            if args.double_star.is_some() {
                return Err(self.bad_argument());
            }
            self.advance();
            args.double_star = Some(Box::new(self.expression()?));
        } else if let (Tok::Name(name), Tok::Op("=")) = (self.tok(), self.look()) {
            let name = name.clone();
            if args.double_star.is_some() || args.keyword.iter().any(|(n, _)| *n == name) {
                return Err(self.bad_argument());
            }
            self.advance();
            self.advance();
            args.keyword.push((name, self.expression()?));
        } else {
            let late = args.star.is_some() || args.double_star.is_some() || !args.keyword.is_empty();
            if late {
                return Err(self.bad_argument());
            }
            args.positional.push(self.expression()?);
        }
        Ok(())
    }

    fn bad_argument(&mut self) -> Told {
        self.tell("invalid syntax for function call expression")
    }
}

enum Subscript {
    Index(Expr),
    Slice(Box<[Option<Expr>; 3]>),
}
