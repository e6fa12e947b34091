//! Statements. After a fault in a tag the parser goes on behind it, so that the
//! rest of the template is checked too.

use tenterhook_model::limits;

use super::ast::{Const, Expr, ExprKind, ForLoop, Signature, Stmt, StmtKind, Target};
use super::parser::{BLOCKS_MAX, Open, Parsed, Parser, Told};
use super::token::Tok;

/// Branches of one `if` at most.
const BRANCHES_MAX: usize = limits::TEMPLATE_BRANCHES;

impl Parser {
    /// Statements up to a tag that ends the innermost open statement; its name,
    /// or `None` when the template or an outer statement ends first.
    pub(super) fn subparse(&mut self) -> (Vec<Stmt>, Option<String>) {
        let mut statements = Vec::new();
        loop {
            let at = self.at();
            match self.tok() {
                Tok::Text(text) => {
                    let kind = StmtKind::Text(text.clone());
                    statements.push(Stmt { at, kind });
                    self.advance();
                }
                Tok::VarStart => {
                    self.advance();
                    statements.extend(self.print(at));
                }
                Tok::BlockStart => match self.end_tag() {
                    EndTag::Mine(name) => return (statements, Some(name)),
                    EndTag::Outer => return (statements, None),
                    EndTag::No => {
                        self.advance();
                        match self.statement() {
                            Ok(kind) => statements.extend(kind.map(|kind| Stmt { at, kind })),
                            Err(Told) => self.skip_tag(),
                        }
                    }
                },
                Tok::End => {
                    if let Some(open) = self.open.last().copied() {
                        let message = format!("'{}' is not closed", open.tag);
                        self.tell_at(open.at, message);
                    }
                    return (statements, None);
                }
                _ => self.skip_tag(),
            }
        }
    }

    fn print(&mut self, at: u32) -> Option<Stmt> {
        let printed = self.tuple(Self::expression, &[], false).and_then(|expr| {
            if matches!(self.tok(), Tok::VarEnd) {
                self.advance();
                return Ok(expr);
            }
            Err(self.expected("end of print statement"))
        });
        match printed {
            Ok(expr) => {
                let kind = StmtKind::Print(vec![expr]);
                Some(Stmt { at, kind })
            }
            Err(Told) => {
                self.skip_tag();
                None
            }
        }
    }

    fn end_tag(&mut self) -> EndTag {
        let Tok::Name(name) = self.look().clone() else {
            return EndTag::No;
        };
        let ends = |open: &Open| open.ends.contains(&name.as_str());
        let Some(innermost) = self.open.last().copied() else {
            return EndTag::No;
        };
        if ends(&innermost) {
            self.advance();
            self.advance();
            return EndTag::Mine(name);
        }
        if self.open.iter().any(ends) {
            let message = format!("'{}' is not closed before '{name}'", innermost.tag);
            self.tell_at(innermost.at, message);
            return EndTag::Outer;
        }
        EndTag::No
    }

    fn statement(&mut self) -> Parsed<Option<StmtKind>> {
        let at = self.at();
        let tag = self.expect_name()?;
        let kind = match tag.as_str() {
            "for" => self.for_loop(at)?,
            "if" => self.condition(at)?,
            "set" => self.set(at)?,
            "with" => self.with(at)?,
            "macro" => self.macro_(at)?,
            "call" => self.call_block(at)?,
            "filter" => {
                let filter = self.filter_chain()?;
                let body = self.simple_body("filter", at, &["endfilter"]);
                StmtKind::FilterBlock(filter, body)
            }
            "autoescape" => {
                let enabled = self.expression()?;
                let body = self.simple_body("autoescape", at, &["endautoescape"]);
                StmtKind::AutoEscape(enabled, body)
            }
            "block" => self.block(at)?,
            "print" => self.print_statement()?,
            "include" | "import" | "from" | "extends" => {
                let message = format!("'{tag}' does not exist here: a template stands alone");
                return Err(self.tell_at(at, message));
            }
            _ => return Err(self.unknown_tag(at, &tag)),
        };
        self.tag_end();
        Ok(Some(kind))
    }

    fn unknown_tag(&mut self, at: u32, tag: &str) -> Told {
        let message = match (tag.strip_prefix("end"), self.open.last()) {
            (Some(_), Some(open)) => format!("unexpected '{tag}': the innermost open statement is '{}'", open.tag),
            (Some(_), None) => format!("unexpected '{tag}': nothing is open"),
            (None, _) if matches!(tag, "else" | "elif") => {
                format!("unexpected '{tag}': no 'if' or 'for' is open")
            }
            _ => format!("unknown tag '{tag}'"),
        };
        self.tell_at(at, message)
    }

    /// The end of a tag; what else stands there is told and skipped.
    fn tag_end(&mut self) {
        if matches!(self.tok(), Tok::BlockEnd) {
            self.advance();
            return;
        }
        if !matches!(self.tok(), Tok::BlockStart | Tok::VarStart | Tok::Text(_)) {
            if !self.faults_at_end() {
                self.expected("end of statement block");
            }
            self.skip_tag();
        }
    }

    fn faults_at_end(&self) -> bool {
        matches!(self.tok(), Tok::End) && !self.faults.is_empty()
    }

    /// The body behind a tag's header, and the name of the tag that ended it.
    fn body(&mut self, open: Open) -> (Vec<Stmt>, Option<String>) {
        self.skip_op(":");
        self.tag_end();
        if self.open.len() >= BLOCKS_MAX {
            let message = format!("statements are nested deeper than {BLOCKS_MAX}");
            self.tell_at(open.at, message);
            // what follows cannot be matched any more
            while !matches!(self.tok(), Tok::End) {
                self.advance();
            }
            self.open.clear();
            return (Vec::new(), None);
        }
        self.open.push(open);
        let depth = self.open.len();
        let parsed = self.subparse();
        debug_assert!(
            self.open.len() == depth || self.open.is_empty(),
            "a body of depth {depth} ends in depth {}",
            self.open.len()
        );
        self.open.pop();
        parsed
    }

    fn simple_body(&mut self, tag: &'static str, at: u32, ends: &'static [&'static str]) -> Vec<Stmt> {
        self.body(Open { tag, at, ends }).0
    }

    fn for_loop(&mut self, at: u32) -> Parsed<StmtKind> {
        let header = self.for_header();
        let (target, iter, filter, recursive) = match header {
            Ok(header) => header,
            Err(Told) => {
                self.skip_to_tag_end();
                (Target::Tuple(Vec::new()), nothing(at), None, false)
            }
        };
        let ends = &["endfor", "else"];
        let (body, end) = self.body(Open { tag: "for", at, ends });
        let otherwise =
            if end.as_deref() == Some("else") { self.simple_body("for", at, &["endfor"]) } else { Vec::new() };
        Ok(StmtKind::For(Box::new(ForLoop { target, iter, filter, recursive, body, otherwise })))
    }

    fn for_header(&mut self) -> Parsed<(Target, Expr, Option<Expr>, bool)> {
        let target = self.target(false, "in")?;
        self.expect_keyword("in")?;
        let iter = self.tuple(Self::or, &["recursive"], false)?;
        let filter = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_name("recursive");
        Ok((target, iter, filter, recursive))
    }

    fn condition(&mut self, at: u32) -> Parsed<StmtKind> {
        let mut branches = Vec::new();
        loop {
            let test = match self.tuple(Self::or, &[], false) {
                Ok(test) => test,
                Err(Told) => {
                    self.skip_to_tag_end();
                    nothing(at)
                }
            };
            let ends = &["elif", "else", "endif"];
            let (body, end) = self.body(Open { tag: "if", at, ends });
            branches.push((test, body));
            if branches.len() > BRANCHES_MAX {
                let message = format!("an 'if' has more than {BRANCHES_MAX} branches");
                let told = self.tell_at(at, message);
                while !matches!(self.tok(), Tok::End) {
                    self.advance();
                }
                self.open.clear();
                return Err(told);
            }
            match end.as_deref() {
                Some("elif") => {}
                Some("else") => {
                    let otherwise = self.simple_body("if", at, &["endif"]);
                    return Ok(StmtKind::If { branches, otherwise });
                }
                _ => {
                    let otherwise = Vec::new();
                    return Ok(StmtKind::If { branches, otherwise });
                }
            }
        }
    }

    fn set(&mut self, at: u32) -> Parsed<StmtKind> {
        let target = self.target(true, "=")?;
        if self.skip_op("=") {
            let value = self.tuple(Self::expression, &[], false)?;
            return Ok(StmtKind::Set(target, value));
        }
        let filter = if self.skip_op("|") { Some(self.filter_chain()?) } else { None };
        let body = self.simple_body("set", at, &["endset"]);
        Ok(StmtKind::SetBlock { target, filter, body })
    }

    fn filter_chain(&mut self) -> Parsed<Expr> {
        let mut chain = self.filter(None)?;
        while self.is_op("|") {
            chain = self.filter(Some(chain))?;
        }
        Ok(chain)
    }

    fn with(&mut self, at: u32) -> Parsed<StmtKind> {
        let mut bindings = Vec::new();
        while !matches!(self.tok(), Tok::BlockEnd) {
            if !bindings.is_empty() {
                self.expect_op(",")?;
            }
            let target = self.target(false, "=")?;
            self.expect_op("=")?;
            bindings.push((target, self.expression()?));
        }
        let body = self.simple_body("with", at, &["endwith"]);
        Ok(StmtKind::With { bindings, body })
    }

    fn macro_(&mut self, at: u32) -> Parsed<StmtKind> {
        let header = self.binding().and_then(|name| Ok((name, self.signature()?)));
        let (name, signature) = match header {
            Ok(header) => header,
            Err(Told) => {
                self.skip_to_tag_end();
                (String::new(), Signature::default())
            }
        };
        let body = self.simple_body("macro", at, &["endmacro"]);
        Ok(StmtKind::Macro { name, signature, body })
    }

    fn call_block(&mut self, at: u32) -> Parsed<StmtKind> {
        let header = self.call_header();
        let (signature, call) = match header {
            Ok(header) => header,
            Err(Told) => {
                self.skip_to_tag_end();
                (Signature::default(), nothing(at))
            }
        };
        let body = self.simple_body("call", at, &["endcall"]);
        Ok(StmtKind::CallBlock { call, signature, body })
    }

    fn call_header(&mut self) -> Parsed<(Signature, Expr)> {
        let signature = if self.is_op("(") { self.signature()? } else { Signature::default() };
        let at = self.at();
        let call = self.expression()?;
        if !matches!(call.kind, ExprKind::Call(..)) {
            return Err(self.tell_at(at, "expected a call"));
        }
        Ok((signature, call))
    }

    fn block(&mut self, at: u32) -> Parsed<StmtKind> {
        let name = self.expect_name()?;
        if self.blocks.contains(&name) {
            self.tell_at(at, format!("block '{name}' defined twice"));
        }
        self.blocks.push(name.clone());
        self.skip_name("scoped");
        if self.skip_name("required") {
            self.tell_at(at, format!("block '{name}' is required, but no other template can define it"));
        }
        let body = self.simple_body("block", at, &["endblock"]);
        self.skip_name(&name);
        Ok(StmtKind::Block { name, body })
    }

    fn print_statement(&mut self) -> Parsed<StmtKind> {
        let mut printed = Vec::new();
        while !matches!(self.tok(), Tok::BlockEnd) {
            if !printed.is_empty() {
                self.expect_op(",")?;
            }
            printed.push(self.expression()?);
        }
        Ok(StmtKind::Print(printed))
    }

    /// Goes to the end of the tag, without taking it.
    fn skip_to_tag_end(&mut self) {
        self.skip_tag();
        self.step_back_to_tag_end();
    }
}

enum EndTag {
    /// It ends the innermost open statement, and was taken.
    Mine(String),
    /// It ends an outer one, and stays.
    Outer,
    No,
}

fn nothing(at: u32) -> Expr {
    Expr { at, height: 1, kind: ExprKind::Const(Const::None) }
}
